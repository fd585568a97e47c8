//! `codex sessions gc`.

use std::io::{self, Write};
use std::process::ExitCode;

use codex_journal::{Layout, Leftover, LeftoverKind, Leftovers, RemoveError};
use codex_sessions::gc::{self, Act, Limits, Scope};
use codex_sessions::{Entry, size};
use codex_view::sanitize;
use serde_json::{Value, json};

use super::change::named;
use super::progress::Progress;
use super::{Home, past, printed};
use crate::args::Gc;
use crate::failure::{Failure, NO_JOURNAL, USAGE};
use crate::say;

pub(super) fn gc(home: &Home, args: &Gc) -> Result<ExitCode, Failure> {
    let limits = limits(home, args)?;
    let act = if args.dry_run { Act::Look } else { Act::Remove };
    let mut report = Report { json: args.json, act, freed: 0, failed: Vec::new(), out: Ok(()) };
    for entry in gc::choose(&home.catalog, &limits) {
        report.session(&home.layout, entry);
    }
    let what = match args.damaged_copies {
        true => Leftovers::WithDamagedCopies,
        false => Leftovers::Safe,
    };
    let mut progress = Progress::of("looking for leftovers");
    let swept = gc::sweep(&home.layout, what, act, &mut |tick| progress.tick(tick))
        .map_err(codex_journal::FindError::Io)?;
    swept.leftovers.iter().for_each(|leftover| report.leftover(leftover));
    report.failed.extend(swept.failed);
    report.end()
}

fn limits(home: &Home, args: &Gc) -> Result<Limits, Failure> {
    let before = args.older_than.as_deref().map(|age| past("--older-than", age, home.now));
    let keep = args.keep_size.as_deref().map(|words| {
        bytes(words).ok_or_else(|| {
            Failure::new(USAGE, format!("--keep-size: `{words}` is no size"))
                .hint("for example --keep-size 2GB, or --keep-size 500MiB")
        })
    });
    let scope = match (args.archived_only, args.damaged) {
        (true, _) => Scope::Archived,
        (false, true) => Scope::Damaged,
        (false, false) => Scope::Whole,
    };
    Ok(Limits { before: before.transpose()?, keep: keep.transpose()?, scope })
}

/// Reads a size: powers of 1000, or of 1024 with an `i`.
fn bytes(words: &str) -> Option<u64> {
    let words = words.trim();
    let split = words.find(|c: char| !c.is_ascii_digit()).unwrap_or(words.len());
    let (number, unit) = words.split_at(split);
    let unit: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

/// Says what went, or would go.
struct Report {
    json: bool,
    act: Act,
    freed: u64,
    failed: Vec<String>,
    out: io::Result<()>,
}

impl Report {
    fn session(&mut self, layout: &Layout, entry: &Entry) {
        let gone = match self.act {
            Act::Look => Ok(()),
            Act::Remove => gc::remove(layout, entry),
        };
        match gone {
            Ok(()) => {
                self.freed += entry.size;
                let (id, title, size) = (entry.id, entry.title(), entry.size);
                self.say(&named(entry), json!({ "session": id, "title": title, "size": size }));
            }
            // Somebody took it up, or removed it, since it was listed.
            Err(RemoveError::Busy(_) | RemoveError::WentOn(_) | RemoveError::NotFound(_)) => {}
            Err(error @ RemoveError::Io { .. }) => self.failed.push(error.to_string()),
        }
    }

    fn leftover(&mut self, leftover: &Leftover) {
        self.freed += leftover.size;
        let path = leftover.path.display().to_string();
        let (words, kind) = words(leftover.kind);
        let text = format!("{words} {} ({})", sanitize::visible(&path), size(leftover.size));
        let (session, bytes) = (leftover.session, leftover.size);
        self.say(
            &text,
            json!({ "leftover": kind, "path": path, "session": session, "size": bytes }),
        );
    }

    fn say(&mut self, words: &str, mut object: Value) {
        let (verb, done) = match self.act {
            Act::Look => ("would remove", false),
            Act::Remove => ("removed", true),
        };
        object["removed"] = done.into();
        let line = if self.json { object.to_string() } else { format!("{verb} {words}") };
        if self.out.is_ok() {
            self.out = writeln!(io::stdout(), "{line}");
        }
    }

    fn end(self) -> Result<ExitCode, Failure> {
        let verb = match self.act {
            Act::Look => "would be freed",
            Act::Remove => "freed",
        };
        say::aside(format_args!("{} {verb}", size(self.freed)));
        printed(self.out)?;
        match self.failed.first() {
            None => Ok(ExitCode::SUCCESS),
            Some(first) => {
                let more = match self.failed.len() {
                    1 => String::new(),
                    count => format!(" (and {} more)", count - 1),
                };
                Err(Failure::new(
                    NO_JOURNAL,
                    format!("not everything could be removed: {first}{more}"),
                )
                .hint("check that the folder `journals` of CODEX_HOME (or ~/.codex) is writable"))
            }
        }
    }
}

fn words(kind: LeftoverKind) -> (&'static str, &'static str) {
    match kind {
        LeftoverKind::NeverBegun => ("a session that was never begun:", "never_begun"),
        LeftoverKind::Tombstone => ("what was left of a removed session:", "tombstone"),
        LeftoverKind::HalfWritten => ("a half written file:", "half_written"),
        LeftoverKind::OrphanBlob => ("a value that no event names:", "orphan_blob"),
        LeftoverKind::Copy => ("a copy from an opening that was cut off:", "copy"),
        LeftoverKind::DamagedCopy => ("the files from before a repair:", "damaged_copy"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(bytes("2GB"), Some(2_000_000_000));
        assert_eq!(bytes(" 500 MiB "), Some(500 << 20));
        assert_eq!((bytes("10k"), bytes("7"), bytes("0")), (Some(10_000), Some(7), Some(0)));
        for wrong in ["", "GB", "1.5GB", "-1", "2 parsecs", "99999999999TiB"] {
            assert!(wrong.is_empty() || bytes(wrong).is_none(), "{wrong}");
        }
        assert_eq!(bytes(""), None);
    }
}
