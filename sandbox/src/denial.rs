//! Telling a denial by the fence from an ordinary failure.

use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::status::{EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND};
use crate::{Confinement, End, Network, Plan};

/// Bytes at the end of the output that are looked at.
const TAIL: usize = 64 * 1024;

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
pub fn grade(seen: &Observation<'_>, plan: &Plan) -> Option<Denial> {
    let verdict =
        |grade, evidence: &str| Some(Denial { grade, evidence: evidence.trim().to_owned() });
    let Some(end) = seen.end else {
        return verdict(Grade::Certain, "the sandbox could not be set up; nothing ran");
    };
    if plan.confinement == Confinement::None || end == End::Code(0) {
        return None;
    }
    if matches!(end, End::Signal(libc::SIGSYS)) || end == End::Code(128 + libc::SIGSYS) {
        return verdict(Grade::Certain, "killed for a system call (SIGSYS)");
    }
    if seen.timed_out {
        return verdict(Grade::Unlikely, "the time limit ended it");
    }
    if let End::Code(code @ (EXIT_NOT_EXECUTABLE | EXIT_NOT_FOUND)) = end {
        return verdict(Grade::Unlikely, &format!("exit code {code}: no such program"));
    }

    let tail = tail_of(seen.output);
    let mut likely = None;
    let mut inside = None;
    for line in tail.lines() {
        match judge(line, seen.cwd, plan) {
            Some(Where::Outside) => return verdict(Grade::Certain, line),
            Some(Where::Nowhere) => likely = likely.or(Some(line)),
            Some(Where::Inside) => inside = inside.or(Some(line)),
            None => {}
        }
        if plan.network == Network::Off && is_about_the_network(line) {
            likely = likely.or(Some(line));
        }
    }
    let is_getent = seen.argv.first().is_some_and(|program| program.ends_with("getent"));
    if is_getent && end == End::Code(2) && plan.network == Network::Off {
        likely = likely.or(Some("getent found no name"));
    }
    match (likely, inside) {
        (Some(line), _) if !(end == End::Code(2) && shows_usage(tail)) => {
            verdict(Grade::Likely, line)
        }
        (_, Some(line)) => verdict(Grade::Unlikely, line),
        (_, None) => verdict(Grade::Unlikely, "nothing in the output speaks of a refusal"),
    }
}

fn tail_of(output: &str) -> &str {
    let mut start = output.len().saturating_sub(TAIL);
    while !output.is_char_boundary(start) {
        start += 1;
    }
    &output[start..]
}

/// Where the path of a refusal lies.
enum Where {
    Outside,
    Inside,
    Nowhere,
}

const REFUSALS: [&str; 3] =
    ["read-only file system", "operation not permitted", "permission denied"];

const UNREACHABLE: [&str; 7] = [
    "could not resolve",
    "temporary failure in name resolution",
    "name or service not known",
    "network is unreachable",
    "couldn't connect",
    "failed to connect",
    "could not connect",
];

fn is_about_the_network(line: &str) -> bool {
    let line = line.to_lowercase();
    UNREACHABLE.iter().any(|phrase| line.contains(phrase))
}

fn shows_usage(text: &str) -> bool {
    text.to_lowercase().contains("usage:")
}

fn judge(line: &str, cwd: &Path, plan: &Plan) -> Option<Where> {
    let lower = line.to_lowercase();
    if !REFUSALS.iter().any(|phrase| lower.contains(phrase)) {
        return None;
    }
    // The name before the first colon is the program that complains, not what it complains about.
    let complaint = line.split_once(": ").map_or(line, |(_, rest)| rest);
    let mut found = Where::Nowhere;
    for path in paths_in(complaint) {
        let path = plain(&cwd.join(path));
        let writable = plan.writable_roots().iter().any(|root| path.starts_with(root))
            || plan.files.devices.contains(&path);
        let protected = plan.protected.iter().any(|place| path.starts_with(&place.path));
        if !writable || protected {
            return Some(Where::Outside);
        }
        found = Where::Inside;
    }
    Some(found)
}

/// Picks the words of a message that look like paths: quoted ones, and those with a slash.
fn paths_in(message: &str) -> impl Iterator<Item = &str> {
    const QUOTES: [char; 6] = ['\'', '"', '`', '\u{2018}', '\u{2019}', '\u{201c}'];
    message
        .split(|letter: char| letter.is_whitespace() || QUOTES.contains(&letter))
        .map(|word| word.trim_matches([':', ',', ';', '(', ')', '\u{201d}']))
        .filter(|word| word.contains('/') && !word.contains("://") && !word.ends_with("//"))
}

/// Takes `.` and `..` out of a path without a look at the file system.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, part| {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => plain.push(part),
        }
        plain
    })
}

#[cfg(test)]
mod tests;
