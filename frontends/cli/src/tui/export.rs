//! A session as a file: as Markdown for people, or as an export that can be imported again.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use codex_event::{Envelope, SessionId};
use codex_journal::{ExportError, Layout, RawJournal};
use codex_view::Cells;

use super::refused;
use crate::failure::{Failure, USAGE};

/// How the name of an export ends that can be imported again.
const EXPORT: &str = "codex-session";
/// Most files of one name that are counted up.
const MOST: usize = 1_000;

/// Writes a session to a file, and gives its place. A file that is there stays as it is.
///
/// The name says the form: `.codex-session` can be imported again, everything else is Markdown.
pub(super) fn export(
    layout: &Layout,
    session: SessionId,
    file: Option<&Path>,
    cwd: &Path,
) -> Result<PathBuf, Failure> {
    let (place, new) = match file {
        Some(file) => {
            let place = cwd.join(file);
            let new = create(&place).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => {
                    Failure::new(USAGE, format!("{} is there already", place.display()))
                        .hint("give another name, or move it away")
                }
                _ => refused(&place.display().to_string(), &error),
            })?;
            (place, new)
        }
        None => unused(cwd, session)?,
    };
    let written = match place.extension().is_some_and(|it| it == EXPORT) {
        true => exported(layout, session, new),
        false => told(layout, session, new),
    };
    written.inspect_err(|_| drop(std::fs::remove_file(&place))).map(|()| place)
}

/// A conversation is its user's alone; who gets the file may be given it.
fn create(place: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(place)
}

/// Makes a file of a name that none has yet.
fn unused(cwd: &Path, session: SessionId) -> Result<(PathBuf, File), Failure> {
    let mut place = cwd.join(format!("codex-{session}.md"));
    for count in 2..MOST {
        match create(&place) {
            Ok(file) => return Ok((place, file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                place = cwd.join(format!("codex-{session}-{count}.md"));
            }
            Err(error) => return Err(refused(&place.display().to_string(), &error)),
        }
    }
    Err(Failure::new(USAGE, format!("{} is there already", place.display()))
        .hint("give another name"))
}

fn exported(layout: &Layout, session: SessionId, file: File) -> Result<(), Failure> {
    let mut out = BufWriter::new(file);
    codex_journal::export(layout, session, &mut out, &mut |_| {})?;
    let done =
        out.into_inner().map_err(io::IntoInnerError::into_error).and_then(|it| it.sync_all());
    Ok(done.map_err(ExportError::Output)?)
}

fn told(layout: &Layout, session: SessionId, file: File) -> Result<(), Failure> {
    let journal = RawJournal::read(&layout.session(session), session)?;
    let mut out = BufWriter::new(file);
    let failed = |error: io::Error| Failure::from(ExportError::Output(error));
    writeln!(out, "# Session {session}\n").map_err(failed)?;
    let events: Vec<Envelope> = journal
        .records()
        .flatten()
        .map(|mut record| {
            journal.blobs().hydrate(&mut record.envelope);
            record.envelope
        })
        .collect();
    for cell in Cells::of(&events) {
        out.write_all(codex_view::markdown(&cell).as_bytes()).map_err(failed)?;
    }
    for (first, last) in journal.gaps() {
        writeln!(out, "*Events {first} to {last} are lost.*").map_err(failed)?;
    }
    out.flush().map_err(failed)
}
