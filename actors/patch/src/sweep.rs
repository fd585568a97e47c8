//! Temporary files that a crash left of a patch.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use codex_event::{Digest, FileChange};

use crate::apply::TEMPORARY;

/// Removes the temporary files that a killed process left of a patch.
///
/// For one that [`compare`](crate::compare) finds done or not begun: of one that is half done, a
/// temporary file can be the only copy. A file goes when its name is that of a process which is no
/// more, and it is empty or holds bytes from before or after the patch; all others stay, as does
/// what can't be read or removed. Blocks on disk.
pub fn sweep(changes: &[FileChange]) {
    let known: BTreeSet<Digest> =
        changes.iter().flat_map(|change| [change.before, change.after]).flatten().collect();
    let paths = changes.iter().flat_map(|change| [Some(&change.path), change.move_to.as_ref()]);
    let folders: BTreeSet<&Path> =
        paths.flatten().filter_map(|path| nearest(Path::new(path))).collect();
    for entry in folders.into_iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten() {
        let Ok(entry) = entry else { continue };
        if is_abandoned(&entry.file_name()) && is_known(&entry.path(), &known) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The folder that a file's temporary one was made in: the nearest that was there. One that the
/// patch made since is empty as long as nothing has been moved into it.
fn nearest(path: &Path) -> Option<&Path> {
    let is_filled = |folder: &&Path| fs::read_dir(folder).is_ok_and(|mut it| it.next().is_some());
    path.ancestors().skip(1).find(is_filled)
}

fn is_abandoned(name: &OsStr) -> bool {
    let process = name
        .to_str()
        .and_then(|name| name.strip_prefix(TEMPORARY))
        .and_then(|rest| rest.split_once('-'))
        .and_then(|(process, _)| process.parse::<u32>().ok());
    process.is_some_and(|process| !Path::new(&format!("/proc/{process}")).exists())
}

fn is_known(path: &Path, known: &BTreeSet<Digest>) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file())
        && fs::read(path).is_ok_and(|bytes| bytes.is_empty() || known.contains(&Digest::of(&bytes)))
}
