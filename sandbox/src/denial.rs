//! Telling a denial by the fence from an ordinary failure, and what was denied.
//!
//! No kernel tells an unprivileged agent what it refused, so the evidence is what the command said.
//! A line counts when it reports a refusal the way the C library, a shell or a runtime does; what it
//! names is held against the plan and against what the user may do without a fence. A command that
//! fails where the user would fail too is no denial: running it outside would not help.

mod place;
mod signs;
mod standing;
mod subject;
mod words;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::status::{EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND};
use crate::{Confinement, End, Environment, Network, Plan};
use place::{Found, Judge};
use signs::Sign;
use standing::OnDisk;
pub use standing::{Look, Standing, look_on_disk};
pub(crate) use subject::Subject;

/// Bytes at the end of the output that are looked at.
const TAIL: usize = 64 * 1024;

/// Lines at the end of the output that are looked at: far more than any error message has, and few
/// enough that a hostile output costs little.
const LINES: usize = 400;

/// Lines before a refusal that may say what was tried, as in a traceback.
const CONTEXT: usize = 4;

/// Most denials of one run that are told.
const TOLD: usize = 3;

/// Longest line of evidence that is kept, in characters.
const EVIDENCE: usize = 400;

/// What is known about a command that ended.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// How it ended; none when the fence could not be set up and it did not run.
    pub end: Option<End>,
    /// Whether the time limit ended it.
    pub timed_out: bool,
    /// Program and arguments.
    pub argv: &'a [String],
    /// Its working directory, canonical.
    pub cwd: &'a Path,
    /// The session's working directory, canonical.
    pub project: &'a Path,
    /// Its environment, for `HOME` and `TMPDIR`.
    pub env: &'a Environment,
    /// The end of its output, both streams, decoded loosely.
    pub output: &'a str,
}

/// The verdict on a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denial {
    /// How sure it is.
    pub grade: Grade,
    /// What it rests on, for people.
    pub evidence: String,
    /// What was denied, as "writing /etc/hosts", three things at most; none where the evidence does
    /// not tell.
    pub denied: Option<String>,
    /// The permissions that would allow all of it; none where a part of it should not be allowed.
    pub permission: Option<String>,
}

/// How sure a verdict is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// The fence refused something.
    Certain,
    /// The fence probably refused something.
    Likely,
    /// The command failed for reasons of its own.
    Unlikely,
}

/// Grades a failure; a success, and any end without a fence, is no denial.
///
/// It looks at the modes of the few files that the output names, so it may block where such a look
/// does.
pub fn grade(seen: &Observation<'_>, plan: &Plan) -> Option<Denial> {
    grade_by(seen, plan, &OnDisk)
}

/// Grades with another way to look at files, which makes it pure.
pub fn grade_by(seen: &Observation<'_>, plan: &Plan, look: &dyn Look) -> Option<Denial> {
    let plain = |grade, evidence: &str| {
        let evidence = shortened(evidence);
        Some(Denial { grade, evidence, denied: None, permission: None })
    };
    let Some(end) = seen.end else {
        return plain(Grade::Certain, "the sandbox could not be set up; nothing ran");
    };
    if plan.confinement == Confinement::None || end == End::Code(0) {
        return None;
    }
    if matches!(end, End::Signal(libc::SIGSYS)) || end == End::Code(128 + libc::SIGSYS) {
        return Some(Denial {
            denied: Some("a system call of another architecture".to_owned()),
            ..plain(Grade::Certain, "killed for a system call (SIGSYS)")?
        });
    }
    if seen.timed_out {
        return plain(Grade::Unlikely, "the time limit ended it");
    }

    let judge = Judge { seen, plan, look };
    let mut certain = Seen::default();
    let mut likely = Seen::default();
    let mut own = None;
    let tail = tail_of(seen.output);
    let lines: Vec<&str> = {
        let all = tail.lines().count();
        tail.lines().skip(all.saturating_sub(LINES)).collect()
    };
    let did_not_execute = matches!(end, End::Code(EXIT_NOT_EXECUTABLE | EXIT_NOT_FOUND));
    for (at, line) in lines.iter().enumerate() {
        let Some(sign) = Sign::read(line) else { continue };
        let before = &lines[at.saturating_sub(CONTEXT)..at];
        let after = lines.get(at + 1..).unwrap_or_default();
        match judge.weigh(&sign, line, before, &after[..after.len().min(CONTEXT)]) {
            // What a shell could not execute it could not read; the rest was not what ended it.
            Found::Certain(subject) if did_not_execute && !matches!(subject, Subject::Read(_)) => {}
            Found::Certain(subject) => certain.note(line, Some(subject)),
            Found::Likely(subject) => likely.note(line, subject),
            Found::Own => own = own.or(Some(*line)),
            Found::Nothing => {}
        }
    }
    if let Some(line) = certain.line {
        return Some(judge.denial(Grade::Certain, line, certain.subjects));
    }
    if let End::Code(code @ (EXIT_NOT_EXECUTABLE | EXIT_NOT_FOUND)) = end {
        return plain(Grade::Unlikely, &format!("exit code {code}: no such program"));
    }
    let is_getent = seen.argv.iter().any(|word| words::runs(word, "getent"));
    if is_getent && end == End::Code(2) && plan.network == Network::Off {
        likely.note("getent found no name", Some(Subject::Network(None)));
    }
    match (likely.line, own) {
        (Some(line), _) if !(end == End::Code(2) && shows_usage(tail)) => {
            Some(judge.denial(Grade::Likely, line, likely.subjects))
        }
        (_, Some(line)) => plain(Grade::Unlikely, line),
        (_, None) => plain(Grade::Unlikely, "nothing in the output speaks of a refusal"),
    }
}

/// What lines of one grade were about.
#[derive(Default)]
struct Seen<'a> {
    /// The first line that says what it was about, else the first.
    line: Option<&'a str>,
    subjects: Vec<Subject>,
}

impl<'a> Seen<'a> {
    fn note(&mut self, line: &'a str, subject: Option<Subject>) {
        if self.line.is_none() || (self.subjects.is_empty() && subject.is_some()) {
            self.line = Some(line);
        }
        if let Some(subject) = subject
            && !self.subjects.contains(&subject)
        {
            self.subjects.push(subject);
        }
    }
}

fn tail_of(output: &str) -> &str {
    let mut start = output.len().saturating_sub(TAIL);
    while !output.is_char_boundary(start) {
        start += 1;
    }
    &output[start..]
}

fn shortened(evidence: &str) -> String {
    evidence.trim().chars().take(EVIDENCE).collect()
}

fn shows_usage(text: &str) -> bool {
    text.to_lowercase().contains("usage:")
}

#[cfg(test)]
mod tests;
