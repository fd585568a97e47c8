//! `codex sessions export` and `codex sessions import`: sessions as files.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use codex_journal::ExportError;
use codex_sessions::size;

use super::progress::Progress;
use super::{Home, rollout};
use crate::failure::{Failure, UNVERIFIED, USAGE};
use crate::say;

/// Bytes of a file's beginning that say what it is.
const BEGINNING: u64 = 4096;

/// What can be made a session of, told by how the file begins.
enum Importable {
    /// A session that was exported.
    Export,
    /// A session that Codex recorded.
    Rollout,
}

impl Importable {
    fn of(begin: &[u8]) -> Option<Importable> {
        if codex_journal::is_export(begin) {
            Some(Importable::Export)
        } else {
            codex_rollout::is_rollout(begin).then_some(Importable::Rollout)
        }
    }
}

/// What becomes of a file that has the name already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum There {
    /// It stays, and nothing is exported.
    Kept,
    /// It is replaced.
    Replaced,
}

pub(super) fn export(
    home: &Home,
    words: &str,
    output: Option<&Path>,
    there: There,
) -> Result<ExitCode, Failure> {
    let id = home.find(words)?;
    let named = PathBuf::from(format!("{id}.codex-session"));
    let path = output.unwrap_or(&named);
    let mut progress = Progress::of("exporting");
    let mut tell = |bytes| progress.bytes(bytes);
    if path == Path::new("-") {
        let mut out = BufWriter::new(io::stdout().lock());
        let done = codex_journal::export(&home.layout, id, &mut out, &mut tell)?;
        out.flush().map_err(ExportError::Output)?;
        return Ok(lost(&done));
    }
    if is_special(path) {
        let file = OpenOptions::new().write(true).open(path).map_err(ExportError::Output)?;
        let mut out = BufWriter::new(file);
        let done = codex_journal::export(&home.layout, id, &mut out, &mut tell)?;
        out.flush().map_err(ExportError::Output)?;
        say::line(format_args!("{} ({})", path.display(), size(done.bytes)));
        return Ok(lost(&done));
    }
    if there == There::Kept && std::fs::symlink_metadata(path).is_ok() {
        return Err(is_there(path));
    }
    // A link stays one: what it leads to is written.
    let place = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    // Beside it first, so that a file of that name is a whole one.
    let half = place.with_added_extension("half");
    let written = (|| {
        // A conversation is its user's alone; who gets the file may be given it.
        let mut options = File::options();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&half);
        let file = file.map_err(ExportError::Output)?;
        let mut out = BufWriter::new(file);
        let done = codex_journal::export(&home.layout, id, &mut out, &mut tell)?;
        let file = out.into_inner().map_err(|error| ExportError::Output(error.into_error()))?;
        file.sync_all().map_err(ExportError::Output)?;
        match there {
            There::Replaced => std::fs::rename(&half, &place).map_err(ExportError::Output)?,
            There::Kept => put(&half, &place)?,
        }
        Ok::<_, Failure>(done)
    })();
    let done = written.inspect_err(|_| drop(std::fs::remove_file(&half)))?;
    say::line(format_args!("{} ({})", path.display(), size(done.bytes)));
    Ok(lost(&done))
}

/// Gives a file its name, unless another one has got it meanwhile.
fn put(half: &Path, place: &Path) -> Result<(), Failure> {
    match std::fs::hard_link(half, place) {
        Ok(()) => {
            let _ = std::fs::remove_file(half);
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(is_there(place)),
        // A file system without links.
        Err(_) => Ok(std::fs::rename(half, place).map_err(ExportError::Output)?),
    }
}

fn is_there(path: &Path) -> Failure {
    Failure::new(USAGE, format!("{} is there already", path.display()))
        .hint("give another name with -o FILE, or --force to replace it")
}

/// Tells of a device or a pipe, which is written to and never replaced by a file.
fn is_special(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| !meta.is_file() && !meta.is_dir())
}

/// Says what a file lacks; without its records nobody can import it.
fn lost(done: &codex_journal::Exported) -> ExitCode {
    for (first, last) in &done.missing {
        say::aside(format_args!("warning: events {first} to {last} are lost, and not in the file"));
    }
    for blob in &done.missing_blobs {
        say::aside(format_args!("warning: blob {blob} is lost, and not in the file"));
    }
    if done.missing.is_empty() {
        return ExitCode::SUCCESS;
    }
    say::aside("hint: the file can be kept, but not imported; `codex sessions show` says more");
    ExitCode::from(UNVERIFIED)
}

/// Imports as many as can be; the first that can't is the failure.
pub(super) fn import(home: &Home, files: &[PathBuf]) -> Result<ExitCode, Failure> {
    let mut failed = None;
    for path in files {
        match one(home, path) {
            Ok(()) => {}
            Err(failure) => {
                let message = format!("{}: {}", path.display(), failure.message);
                let failure = Failure { message, ..failure };
                match &failed {
                    None => failed = Some(failure),
                    // Each is told; the last words are those of the first.
                    Some(_) => drop(failure.report()),
                }
            }
        }
    }
    failed.map_or(Ok(ExitCode::SUCCESS), Err)
}

fn one(home: &Home, path: &Path) -> Result<(), Failure> {
    let unreadable = |error: io::Error| {
        Failure::new(USAGE, format!("it can't be read: {error}")).hint(
            "import takes files that `codex sessions export` wrote, and Codex's rollout-*.jsonl",
        )
    };
    let mut input: Box<dyn Read> = match path == Path::new("-") {
        true => Box::new(io::stdin().lock()),
        false => Box::new(File::open(path).map_err(unreadable)?),
    };
    let mut begin = Vec::new();
    input.by_ref().take(BEGINNING).read_to_end(&mut begin).map_err(unreadable)?;
    let kind = Importable::of(&begin);
    let mut input = BufReader::new(begin.as_slice().chain(input));
    let mut progress = Progress::of("importing");
    match kind {
        Some(Importable::Export) => {
            let made =
                codex_journal::import(&home.layout, &mut input, &mut |at| progress.bytes(at))?;
            say::line(format_args!("{} ({} events)", made.id, made.records));
            for blob in &made.missing_blobs {
                say::aside(format_args!("warning: blob {blob} was lost before the export"));
            }
            Ok(())
        }
        Some(Importable::Rollout) if path == Path::new("-") => {
            Err(Failure::new(USAGE, "a Codex rollout can't be read from standard input")
                .hint("name the file: what it goes on from is looked for beside it"))
        }
        Some(Importable::Rollout) => rollout::import(home, path),
        None => Err(Failure::from(codex_journal::ImportError::NotAnExport)),
    }
}
