//! `codex audit`.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use codex_event::{SessionId, Timestamp, TurnId};
use codex_journal::{FindError, Layout};
use codex_replay::ReplayError;
use codex_replay::audit::{
    self, AuditKey, CheckpointFile, Claims, Filter, Form, Pin, PinOrigin, PublicKey, Unsigned,
};
use codex_view::sanitize;

use crate::args::{Audit, AuditCommand, CheckpointAudit, ShowAudit, VerifyAudit};
use crate::failure::{Failure, UNVERIFIED, USAGE};
use crate::{find, opening, say};

const KEPT_ELSEWHERE: &str = "keep it where nobody who can write to this home can change it: only \
                              there does it prove anything later";

pub(crate) fn run(args: Audit) -> Result<ExitCode, Failure> {
    let home = opening::home()?;
    match args.command {
        AuditCommand::Verify(args) => verify(&home, args),
        AuditCommand::Show(args) => show(&home, args),
        AuditCommand::Checkpoint(args) => checkpoint(&home, args),
        AuditCommand::Key => {
            say::line(AuditKey::open_or_create(&key_file(&home))?.public());
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn verify(home: &Path, args: VerifyAudit) -> Result<ExitCode, Failure> {
    let layout = Layout::new(home);
    let checkpoints = args.checkpoint.as_deref().map(checkpoints).transpose()?;
    let pin = match (&checkpoints, &args.key) {
        (None, _) => None,
        (Some(_), Some(words)) => Some(Pin { key: public(words)?, origin: PinOrigin::Given }),
        (Some(_), None) => AuditKey::open(&key_file(home))?
            .map(|key| Pin { key: key.public(), origin: PinOrigin::Home }),
    };
    let told = checkpoints.as_ref().map(CheckpointFile::sessions).unwrap_or_default();
    let sessions = if args.all {
        let mut sessions = layout.sessions().map_err(FindError::Io)?;
        // One whose file is gone has no checkpoint that could hold; one without a checkpoint has
        // nothing to be held against.
        sessions
            .extend(told.iter().filter(|id| !sessions.contains(id)).copied().collect::<Vec<_>>());
        sessions
    } else {
        vec![named(&layout, args.session.as_deref(), &told)?]
    };
    let now = now();
    let of_file = |file: &CheckpointFile| {
        let nothing = file.says_nothing().filter(|_| args.all);
        file.findings().into_iter().chain(nothing).collect::<Vec<String>>()
    };
    let broken = checkpoints.as_ref().map(of_file).unwrap_or_default();
    for finding in &broken {
        say::line(sanitize::text(finding));
    }
    let mut sound = broken.is_empty();
    let claims = Claims { heads: args.head, checkpoints, pin };
    for id in &sessions {
        // What was never signed is checked by itself.
        let bare = Claims::default();
        let claims = if args.all && !told.contains(id) { &bare } else { &claims };
        let proof = match audit::verify(&layout, *id, claims) {
            Ok(proof) => proof,
            Err(error) if args.all => {
                say::line(sanitize::text(&format!("session {id}: {error}")));
                sound = false;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        sound &= proof.findings.is_empty();
        // A file with a broken line may have held one against this session.
        if proof.findings.is_empty() && broken.is_empty() {
            say::line(proof.words(now));
        }
        for finding in &proof.findings {
            let whose = if args.all { format!("session {id}: ") } else { String::new() };
            say::line(sanitize::text(&format!("{whose}{finding}")));
        }
    }
    if sound {
        return Ok(ExitCode::SUCCESS);
    }
    say::aside(
        "hint: `codex audit show SESSION` shows what the journal says now; if you changed nothing, \
         take it for tampered with, and go back to a copy",
    );
    Ok(ExitCode::from(UNVERIFIED))
}

fn show(home: &Path, args: ShowAudit) -> Result<ExitCode, Failure> {
    let layout = Layout::new(home);
    let sessions = match args.all_sessions {
        true => layout.sessions().map_err(FindError::Io)?,
        false => vec![named(&layout, args.session.as_deref(), &[])?],
    };
    let now = now();
    let moment = |flag: &str, words: &Option<String>| match words {
        None => Ok(None),
        Some(words) => audit::moment(words, now).map(Some).ok_or_else(|| {
            Failure::new(USAGE, format!("{flag}: `{words}` is no time")).hint(
                "give a day as in 2026-11-24, a time as in 2026-11-24T21:00Z, or an age as in 2h",
            )
        }),
    };
    let filter = Filter {
        kinds: args.kind,
        since: moment("--since", &args.since)?,
        until: moment("--until", &args.until)?,
        author: args.author,
        // As the journal names it, whether it is there any more or not.
        path: args.path.map(|path| whole(&path)),
        command: args.command,
        turn: args.turn.map(TurnId),
    };
    let form = match args.json {
        true => Form::Json,
        false => Form::Table(args.color.paint(&io::stdout())),
    };
    let mut out = io::stdout().lock();
    let mut shown = 0;
    let mut progress = Progress::new(sessions.len());
    for id in &sessions {
        progress.step();
        let one = match audit::show(&layout, *id, &filter, form, &mut out) {
            Ok(one) => one,
            // A reader that has seen enough, such as `head`, is no error.
            Err(ReplayError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Ok(ExitCode::SUCCESS);
            }
            Err(ReplayError::Journal(error)) if args.all_sessions => {
                say::aside(sanitize::text(&format!("warning: session {id}: {error}")));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        shown += one.entries;
        for warning in &one.warnings {
            say::aside(sanitize::text(&format!("warning: session {id}: {warning}")));
        }
    }
    if shown == 0 {
        say::aside("nothing of that kind is recorded");
    }
    Ok(ExitCode::SUCCESS)
}

fn checkpoint(home: &Path, args: CheckpointAudit) -> Result<ExitCode, Failure> {
    let layout = Layout::new(home);
    let sessions = match args.all {
        true => layout.sessions().map_err(FindError::Io)?,
        false => vec![named(&layout, args.session.as_deref(), &[])?],
    };
    let file = key_file(home);
    let first = AuditKey::open(&file)?.is_none();
    let key = AuditKey::open_or_create(&file)?;
    if first {
        let file = file.display();
        say::aside(format_args!("made the key {file}; its public part is {}", key.public()));
    }
    let mut lines = String::new();
    let mut left_out = None;
    let mut progress = Progress::new(sessions.len());
    for id in sessions {
        progress.step();
        match audit::take(&layout, id, &key, now()) {
            Ok(checkpoint) => {
                lines.push_str(&checkpoint.to_line());
                lines.push('\n');
            }
            Err(error) if args.all => {
                say::aside(sanitize::text(&format!("warning: not signed: {error}")));
                // One that has just begun has nothing to lose yet.
                left_out =
                    left_out.or(Some(error)).filter(|error| !matches!(error, Unsigned::Empty(_)));
            }
            Err(error) => return Err(error.into()),
        }
    }
    match &args.output {
        Some(path) => {
            let failed = |error: io::Error| {
                Failure::new(USAGE, format!("{}: {error}", path.display()))
                    .hint("-o takes a file that you may write to; without it the lines are printed")
            };
            append(path, lines.as_bytes()).map_err(failed)?;
            say::aside(format_args!("{}: {KEPT_ELSEWHERE}", path.display()));
        }
        None => {
            let mut out = io::stdout().lock();
            out.write_all(lines.as_bytes())
                .and_then(|()| out.flush())
                .map_err(ReplayError::Output)?;
            say::aside(KEPT_ELSEWHERE);
        }
    }
    match left_out {
        None => Ok(ExitCode::SUCCESS),
        Some(_) => Ok(ExitCode::from(UNVERIFIED)),
    }
}

/// Finds the session that is meant. One that is gone and that a checkpoint speaks of is meant too.
fn named(layout: &Layout, words: Option<&str>, told: &[SessionId]) -> Result<SessionId, Failure> {
    let Some(words) = words else { return Ok(codex_journal::last(layout)?) };
    find::session(layout, words).or_else(|error| {
        let FindError::Unknown { words: wanted, .. } = &error else { return Err(error.into()) };
        let wanted = wanted.trim().to_ascii_lowercase();
        let mut gone = told.iter().filter(|id| id.to_string().starts_with(&wanted));
        match (gone.next(), gone.next()) {
            (Some(id), None) => Ok(*id),
            (Some(_), Some(_)) | (None, _) => Err(error.into()),
        }
    })
}

fn checkpoints(path: &Path) -> Result<CheckpointFile, Failure> {
    let text = read(path).map_err(|error| {
        Failure::new(USAGE, format!("{}: {error}", path.display()))
            .hint("--checkpoint takes a file that `codex audit checkpoint -o FILE` wrote")
    })?;
    Ok(CheckpointFile::parse(&path.display().to_string(), &text))
}

fn public(words: &str) -> Result<PublicKey, Failure> {
    if let Ok(key) = words.trim().parse() {
        return Ok(key);
    }
    let failed = |what: &dyn std::fmt::Display| {
        Failure::new(USAGE, format!("--key {words}: {what}"))
            .hint("give the 64 digits that `codex audit key` prints, or a file that holds them")
    };
    let text = read(Path::new(words)).map_err(|error| failed(&error))?;
    text.trim().parse().map_err(|error| failed(&error))
}

// Bytes that are no text spoil the lines that they stand in, and nothing else.
fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

// A line that was cut off keeps its own place, so that it can't spoil what is written behind it.
fn append(path: &PathBuf, lines: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    let mut last = [b'\n'];
    if file.metadata()?.len() > 0 && file.metadata()?.is_file() {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    let begin: &[u8] = if last == *b"\n" { b"" } else { b"\n" };
    file.write_all(&[begin, lines].concat())?;
    match file.sync_all() {
        // A pipe or a terminal has nothing to sync.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}

// The whole path, by the file system as far as it goes and by its words from there on.
fn whole(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let found =
        path.ancestors().find_map(|there| Some((there, std::fs::canonicalize(there).ok()?)));
    match found {
        Some((there, known)) => {
            let rest = path.strip_prefix(there).unwrap_or(Path::new(""));
            known.join(rest).components().collect()
        }
        None => path,
    }
}

/// Says now and then how far a long run is.
struct Progress {
    told: Instant,
    done: usize,
    all: usize,
}

impl Progress {
    fn new(all: usize) -> Progress {
        Progress { told: Instant::now(), done: 0, all }
    }

    fn step(&mut self) {
        if self.told.elapsed() > Duration::from_secs(1) {
            say::aside(format_args!("{} of {} sessions", self.done, self.all));
            self.told = Instant::now();
        }
        self.done += 1;
    }
}

fn key_file(home: &Path) -> PathBuf {
    home.join("audit.key")
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
