//! What a crash left of a patch.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use codex_event::{Digest, FileChange};

/// How far a recorded patch got, judged by the files as they are now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Every file is as it was: the patch may be carried out.
    AllBefore,
    /// Every file is as the patch leaves it: it has been carried out.
    AllAfter,
    /// Neither; one entry for each change, in their order.
    Mixed(Vec<FileState>),
}

/// One change of a patch and what is found of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileState {
    /// Absolute path of the change.
    pub path: String,
    /// What stands there.
    pub found: Found,
}

/// What is found of one change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The state before the patch.
    Before,
    /// The state after the patch.
    After,
    /// The patch makes no difference here, and the file holds what it should.
    Same,
    /// Something else: half of a move, another program's change, or a file that cannot be read.
    Other,
}

/// Compares the files on disk with the digests recorded before a patch was carried out.
///
/// Reads only. A change that made no difference supports both answers; when all are like that the
/// answer is [`Recovery::AllAfter`], since there is nothing left to do.
pub fn compare(changes: &[FileChange]) -> Recovery {
    let states: Vec<FileState> = changes
        .iter()
        .map(|change| FileState { path: change.path.clone(), found: look(change) })
        .collect();
    let all = |wanted| states.iter().all(|state| [wanted, Found::Same].contains(&state.found));
    if all(Found::After) {
        Recovery::AllAfter
    } else if all(Found::Before) {
        Recovery::AllBefore
    } else {
        Recovery::Mixed(states)
    }
}

fn look(change: &FileChange) -> Found {
    let source = Path::new(&change.path);
    let (before, after) = match &change.move_to {
        Some(target) => (
            holds(source, change.before),
            holds(source, None) && holds(Path::new(target), change.after),
        ),
        None => (holds(source, change.before), holds(source, change.after)),
    };
    match (before, after) {
        (true, true) => Found::Same,
        // Half of a move: the new name is written, the old one still there.
        (true, false) => match &change.move_to {
            Some(target) if holds(Path::new(target), change.after) => Found::Other,
            Some(_) | None => Found::Before,
        },
        (false, true) => Found::After,
        (false, false) => Found::Other,
    }
}

/// Tells whether a path holds bytes of a digest, or nothing when there is none. A link may hold
/// them in its own text or in the file that it names.
fn holds(path: &Path, wanted: Option<Digest>) -> bool {
    let link = fs::read_link(path).ok();
    let bytes = match fs::metadata(path) {
        Ok(meta) if meta.is_file() => fs::read(path),
        Ok(_) => Err(io::ErrorKind::InvalidInput.into()),
        Err(error) => Err(error),
    };
    match (wanted, bytes) {
        (Some(wanted), Ok(bytes)) if Digest::of(&bytes) == wanted => true,
        (Some(wanted), _) => {
            link.is_some_and(|link| Digest::of(link.as_os_str().as_bytes()) == wanted)
        }
        (None, Ok(_)) => false,
        (None, Err(error)) => link.is_none() && crate::disk::is_absence(&error),
    }
}
