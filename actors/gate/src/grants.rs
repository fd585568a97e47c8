//! Durable grants: what a person allowed for good, in one project, for commands that begin alike.
//!
//! They live in `$CODEX_HOME/grants.rules`, in the syntax of rule files, with functions of their own:
//!
//! ```text
//! grant(project = "/home/me/app", prefix = ["cargo", "test"], session = "01a2...", seq = 42, at = "2026-11-25T09:00:00.000Z")
//! revoked(project = "/home/me/app", prefix = ["npm", "test"], session = "01a2...", seq = 77, at = "...", on = "...")
//! ```
//!
//! The file stands beside the folder `rules/` and not in it: Codex reads every `rules/*.rules` of the
//! same home, would know neither the function nor that a grant is bound to a project, and would drop
//! or widen the user's policy on account of it. A revoked grant stays as a tombstone, so that a
//! session that is taken up again, and finds its answer not carried out, does not write it anew.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use codex_event::{Digest, Seq, SessionId, Timestamp, utc};

use crate::prefix;
use crate::rules::syntax::{self, Call, Node, Value, Wrong};
use crate::rules::{Arguments, RuleError, list, place, string, words_of};

/// The file, in the home.
const FILE: &str = "grants.rules";

/// What a new file begins with.
const HEADER: &str = "\
# Commands that need no question any more, each in one project alone. They still run in the sandbox.
# `codex approvals list` shows them, `codex approvals revoke` takes them back.
";

/// An answer that holds for good: commands that begin like this need no question in this project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Root of the project, as [`crate::project_root`] gives it.
    pub project: String,
    /// The words that a command has to begin with; more may follow where the gate would remember no
    /// more of the longer command either.
    pub prefix: Vec<String>,
    /// The session in which it was given.
    pub session: SessionId,
    /// The event of that session that says so.
    pub seq: Seq,
    /// When it was given, by RFC 3339.
    pub at: String,
}

impl Grant {
    /// Makes a grant of an answer in a journal.
    pub fn new(
        project: String,
        prefix: Vec<String>,
        session: SessionId,
        seq: Seq,
        at: Timestamp,
    ) -> Grant {
        Grant { project, prefix, session, seq, at: utc(at) }
    }

    /// Gives the name by which it is revoked: eight digits that follow from session and position.
    pub fn id(&self) -> String {
        let name = Digest::of(format!("{}:{}", self.session, self.seq).as_bytes()).to_string();
        name[..8].to_owned()
    }

    /// Tells whether it stands for this command, in this project.
    pub(crate) fn covers(&self, argv: &[String], project: &Path) -> bool {
        prefix::covers(&self.prefix, argv) && project == Path::new(&self.project)
    }
}

/// A grant as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What was granted.
    pub grant: Grant,
    /// When it was revoked, if it was; it counts for nothing, then.
    pub revoked: Option<String>,
    /// Why it counts for nothing although nobody revoked it, if it does: such a grant is never made.
    pub unfit: Option<String>,
    /// Its line in the file, from 1.
    pub line: usize,
    span: Range<usize>,
}

impl Kept {
    /// Tells whether it counts.
    pub fn is_active(&self) -> bool {
        self.revoked.is_none() && self.unfit.is_none()
    }
}

/// What became of a grant that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is in the file now.
    Written,
    /// It was there already: the same answer was kept before.
    AlreadyThere,
    /// It was kept before and has been revoked since; that stands.
    Revoked,
}

/// A grant can't be kept.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// Such a grant is never made.
    #[error("`{}` is never granted for good: {reason}", prefix.join(" "))]
    Unfit {
        /// The words.
        prefix: Vec<String>,
        /// Why.
        reason: String,
    },
    /// The file can't be read or written.
    #[error(transparent)]
    File(#[from] RuleError),
}

/// The grants of a home. It holds nothing: each call looks at the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grants {
    path: PathBuf,
}

/// What tells one state of the file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
    written: (i64, i64),
}

impl Grants {
    /// The grants of this home, which may have none.
    pub fn of(home: &Path) -> Grants {
        Grants { path: home.join(FILE) }
    }

    /// Gives the file that they are kept in.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives all grants in the order of the file, also those that count for nothing.
    ///
    /// # Errors
    ///
    /// When the file can't be read, holds anything but grants, or can be changed by others.
    pub fn list(&self) -> Result<Vec<Kept>, RuleError> {
        Ok(self.read()?.1)
    }

    /// Keeps a grant, unless the same answer was kept before; it is on disk when this returns.
    ///
    /// # Errors
    ///
    /// When such a grant is never made, or the file can't be read or written. The file is as it was.
    pub fn add(&self, grant: &Grant) -> Result<Added, GrantError> {
        if let Some(reason) = unfit(&grant.project, &grant.prefix) {
            return Err(GrantError::Unfit { prefix: grant.prefix.clone(), reason });
        }
        let _lock = self.lock()?;
        let (mut text, kept) = self.read()?;
        let same =
            |kept: &&Kept| (kept.grant.session, kept.grant.seq) == (grant.session, grant.seq);
        if let Some(kept) = kept.iter().find(same) {
            return Ok(match kept.revoked {
                Some(_) => Added::Revoked,
                None => Added::AlreadyThere,
            });
        }
        if text.is_empty() {
            text.push_str(HEADER);
        }
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&line(grant, None));
        text.push('\n');
        self.write(&text)?;
        Ok(Added::Written)
    }

    /// Revokes every grant that counts and is wanted, and gives those. Comments stay where they are.
    ///
    /// # Errors
    ///
    /// When the file can't be read or written; it is as it was, then.
    pub fn revoke(
        &self,
        wanted: &dyn Fn(&Kept) -> bool,
        now: Timestamp,
    ) -> Result<Vec<Kept>, RuleError> {
        let chosen = |kept: &Kept| kept.revoked.is_none() && wanted(kept);
        // A home without grants gets no lock, either.
        if !self.list()?.iter().any(chosen) {
            return Ok(Vec::new());
        }
        let _lock = self.lock()?;
        let (mut text, kept) = self.read()?;
        let revoked: Vec<Kept> = kept.into_iter().filter(chosen).collect();
        for kept in revoked.iter().rev() {
            text.replace_range(kept.span.clone(), &line(&kept.grant, Some(&utc(now))));
        }
        self.write(&text)?;
        Ok(revoked)
    }

    /// Gives what tells this state of the file from another; none when there is no file.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        let meta = fs::metadata(&self.path).ok()?;
        Some(Stamp {
            device: meta.dev(),
            inode: meta.ino(),
            bytes: meta.size(),
            changed: (meta.ctime(), meta.ctime_nsec()),
            written: (meta.mtime(), meta.mtime_nsec()),
        })
    }

    fn read(&self) -> Result<(String, Vec<Kept>), RuleError> {
        let Some(found) = crate::rules::text(&self.path)? else {
            return Ok((String::new(), Vec::new()));
        };
        let mode = found.meta.mode() & 0o777;
        if mode & 0o022 != 0 {
            return Err(RuleError::Exposed { path: self.path.clone(), mode });
        }
        let kept =
            parse(&found.text).map_err(|wrong| RuleError::wrong(&self.path, &found.text, wrong))?;
        Ok((found.text, kept))
    }

    /// Keeps other processes from changing the file until the lock is dropped.
    fn lock(&self) -> Result<File, RuleError> {
        let path = self.path.with_extension("rules.lock");
        let locked = || {
            if let Some(home) = path.parent() {
                fs::create_dir_all(home)?;
            }
            let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
            file.lock()?;
            Ok(file)
        };
        locked().map_err(|source| RuleError::Write { path: path.clone(), source })
    }

    /// Replaces the file as a whole; called under the lock.
    fn write(&self, text: &str) -> Result<(), RuleError> {
        // The file may be a link into a folder that the user keeps elsewhere; that stays one.
        let target = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let half = target.with_extension("rules.new");
        let replaced = || -> io::Result<()> {
            match fs::remove_file(&half) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
            let mut file =
                OpenOptions::new().create_new(true).write(true).mode(0o600).open(&half)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&half, &target)?;
            File::open(target.parent().unwrap_or(Path::new("/")))?.sync_all()
        };
        replaced().map_err(|source| {
            let _ = fs::remove_file(&half);
            RuleError::Write { path: self.path.clone(), source }
        })
    }
}

/// Says why no grant is ever made for such a command, if none is.
fn unfit(project: &str, prefix: &[String]) -> Option<String> {
    if !project.starts_with('/') {
        return Some("its project is not an absolute path".to_owned());
    }
    prefix::never(prefix)
}

const HINT: &str = "the file holds grant(project, prefix, session, seq, at) and revoked(...) alone; \
                    correct it, or move it away and be asked again";

fn parse(text: &str) -> Result<Vec<Kept>, Wrong> {
    let calls = syntax::parse(text)?;
    let mut kept = Vec::with_capacity(calls.len());
    for call in &calls {
        kept.push(read_call(text, call)?);
    }
    // Where somebody put a grant back beside its tombstone, the tombstone counts.
    let ended: Vec<(SessionId, Seq, Option<String>)> = kept
        .iter()
        .filter(|kept| kept.revoked.is_some())
        .map(|kept| (kept.grant.session, kept.grant.seq, kept.revoked.clone()))
        .collect();
    for kept in kept.iter_mut().filter(|kept| kept.revoked.is_none()) {
        let same = |it: &&(SessionId, Seq, _)| (it.0, it.1) == (kept.grant.session, kept.grant.seq);
        kept.revoked = ended.iter().find(same).and_then(|it| it.2.clone());
    }
    Ok(kept)
}

fn read_call(text: &str, call: &Call) -> Result<Kept, Wrong> {
    let names = match call.name.as_str() {
        "grant" => &["project", "prefix", "session", "seq", "at"][..],
        "revoked" => &["project", "prefix", "session", "seq", "at", "on"][..],
        other => {
            let message = format!("`{other}` does not belong into a file of grants");
            let hint = "rules go into a file of their own in the folder rules/ of the home";
            return Err(Wrong::new(call.span.start, message, hint));
        }
    };
    let mut arguments = Arguments::of(call, names)?;
    let project = string(arguments.required("project", HINT)?, HINT)?.to_owned();
    let node = arguments.required("prefix", HINT)?;
    let prefix = words_of(list(node, HINT)?, HINT)?;
    if prefix.is_empty() {
        return Err(Wrong::new(node.at, "the prefix is empty", HINT));
    }
    let node = arguments.required("session", HINT)?;
    let session = string(node, HINT)?;
    let session = session.parse().map_err(|_| {
        Wrong::new(node.at, format!("`{session}` is not the id of a session"), HINT)
    })?;
    let seq = number(arguments.required("seq", HINT)?)?;
    let at = string(arguments.required("at", HINT)?, HINT)?.to_owned();
    let revoked = match names.contains(&"on") {
        true => Some(string(arguments.required("on", HINT)?, HINT)?.to_owned()),
        false => None,
    };
    let unfit = unfit(&project, &prefix);
    let grant = Grant { project, prefix, session, seq: Seq(seq), at };
    let line = place(text, call.span.start).0;
    Ok(Kept { grant, revoked, unfit, line, span: call.span.clone() })
}

fn number(node: &Node) -> Result<u64, Wrong> {
    match &node.value {
        Value::Number(number) => Ok(*number),
        other @ (Value::Text(_) | Value::List(_) | Value::Truth(_) | Value::None) => {
            let message = format!("a number is wanted, not {}", other.kind());
            Err(Wrong::new(node.at, message, HINT))
        }
    }
}

/// Writes a grant, or its tombstone, as one line.
fn line(grant: &Grant, revoked: Option<&str>) -> String {
    let Grant { project, prefix, session, seq, at } = grant;
    let prefix: Vec<String> = prefix.iter().map(|word| quoted(word)).collect();
    let (function, end) = match revoked {
        None => ("grant", String::new()),
        Some(on) => ("revoked", format!(", on = {}", quoted(on))),
    };
    format!(
        "{function}(project = {}, prefix = [{}], session = \"{session}\", seq = {seq}, at = {}{end})",
        quoted(project),
        prefix.join(", "),
        quoted(at),
    )
}

/// Writes a text as a string of one line that reads as the same text.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests;
