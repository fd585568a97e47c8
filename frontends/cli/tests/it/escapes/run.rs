//! Runs a table of cases at every level and judges.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::escapes::case::{Case, Control, Expected, Promise};
use crate::escapes::world::{Level, Ran, World, levels, limits};

/// Cases at a time: most of them wait more than they work.
const AT_A_TIME: usize = 4;

/// What became of a case at a level.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    /// Held, or worked.
    Passed,
    /// Not held, and the plan says so.
    Open,
    /// Held, though the plan promises nothing.
    More,
    Skipped(String),
    Failed(String),
}

struct Row {
    case: &'static str,
    level: Option<Level>,
    verdict: Verdict,
    milliseconds: u128,
}

/// Runs every case of a group; fails with all that went wrong.
pub(crate) fn judge(group: &str, cases: &[Case]) {
    let wish = std::env::var("ESCAPES").unwrap_or_default();
    let wanted = |case: &&Case| matches!(&*wish, "" | "table") || case.name.contains(&*wish);
    let cases: Vec<&Case> = cases.iter().filter(wanted).collect();
    let (next, rows) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let judged = of_case(case);
                    rows.lock().expect("no panic").extend(judged);
                }
            });
        }
    });
    let rows = rows.into_inner().expect("no panic");
    tell(group, &rows, &wish);
    let failed: String = rows.iter().fold(String::new(), |mut text, row| {
        if let Verdict::Failed(why) = &row.verdict {
            let _ = writeln!(text, "{} at {}: {why}", row.case, name(row.level));
        }
        text
    });
    assert!(failed.is_empty(), "\n{failed}");
}

fn name(level: Option<Level>) -> &'static str {
    level.map_or("any level", Level::name)
}

/// Prints counts and what was skipped always, and every case when asked.
fn tell(group: &str, rows: &[Row], wish: &str) {
    let mut text = String::new();
    let mut counts: BTreeMap<&str, [usize; 5]> = BTreeMap::new();
    for row in rows {
        let (column, word, why) = match &row.verdict {
            Verdict::Passed => (0, "passed", ""),
            Verdict::Open => (1, "open, as said", ""),
            Verdict::More => (2, "more than said", ""),
            Verdict::Skipped(why) => (3, "skipped", why.as_str()),
            Verdict::Failed(why) => (4, "FAILED", why.as_str()),
        };
        counts.entry(name(row.level)).or_default()[column] += 1;
        let (case, level, took) = (row.case, name(row.level), row.milliseconds);
        if !wish.is_empty() {
            let why = why.lines().next().unwrap_or_default();
            let _ = writeln!(text, "{group:12} {case:44} {level:10} {word:14} {took:6} ms  {why}");
        } else if column == 3 {
            let _ = writeln!(text, "skipped the escape case {case}: {why}");
        }
    }
    for (level, [passed, open, more, skipped, failed]) in counts {
        let _ = writeln!(
            text,
            "escapes, {group} at {level}: {passed} passed, {open} open as said, \
             {more} held beyond what is said, {skipped} skipped, {failed} failed"
        );
    }
    // Not the captured stream of the test: people read this of a run that passed.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

fn of_case(case: &Case) -> Vec<Row> {
    let row = |level, began: Instant, verdict| Row {
        case: case.name,
        level,
        verdict,
        milliseconds: began.elapsed().as_millis(),
    };
    let began = Instant::now();
    let is_attack = case.expected != Expected::Works;
    if is_attack && case.control == Control::First {
        let why = match run(case, None) {
            Err(unable) => Some(unable),
            Ok((true, _)) => None,
            Ok((false, ran)) => Some(format!("no effect without a sandbox: {}", ran.last_words())),
        };
        if let Some(why) = why {
            return vec![row(None, began, Verdict::Skipped(why))];
        }
    }
    let judged = levels().iter().map(|level| {
        let began = Instant::now();
        row(Some(*level), began, at(case, *level))
    });
    judged.collect()
}

fn at(case: &Case, level: Level) -> Verdict {
    let (seen, ran) = match run(case, Some(level)) {
        Err(unable) => return Verdict::Skipped(unable),
        Ok(answer) => answer,
    };
    let good = match case.expected {
        Expected::Held | Expected::HeldOrRefused => !seen,
        Expected::Works => seen,
    };
    let limit = match (case.promise, level) {
        (Promise::EveryLevel, _)
        | (Promise::Namespaces(_), Level::Full)
        | (Promise::Landlock(_), Level::Landlock) => None,
        (Promise::Namespaces(limit), Level::Landlock) | (Promise::Landlock(limit), Level::Full) => {
            Some(limit)
        }
        (Promise::None(limit), Level::Full | Level::Landlock) => Some(limit),
    };
    // What does not work is no hole, and stands in the README of the sandbox.
    if let Some(limit) = limit
        && case.expected != Expected::Works
    {
        let said = limits(level, case.grants);
        if !said.iter().any(|said| said.contains(limit)) {
            return Verdict::Failed(format!("the plan does not say `{limit}`: {said:?}"));
        }
    }
    if good && !ran.began() && !(case.expected == Expected::HeldOrRefused && ran.code != 0) {
        return Verdict::Failed(format!("it never began: {}", ran.last_words()));
    }
    match (good, limit) {
        (true, None) => Verdict::Passed,
        (true, Some(_)) => Verdict::More,
        (false, Some(_)) => Verdict::Open,
        (false, None) => match case.expected {
            Expected::Held | Expected::HeldOrRefused => {
                Verdict::Failed(format!("it had its effect; it said: {}", ran.last_words()))
            }
            Expected::Works => not_working(case, &ran),
        },
    }
}

/// Tells a broken tool from a broken sandbox.
fn not_working(case: &Case, ran: &Ran) -> Verdict {
    match run(case, None) {
        Ok((true, _)) => Verdict::Failed(format!("does not work: {}", ran.last_words())),
        Ok((false, ran)) => {
            Verdict::Skipped(format!("does not work here at all: {}", ran.last_words()))
        }
        Err(unable) => Verdict::Skipped(unable),
    }
}

/// Runs a case in a fresh world: whether the effect was seen, and what the run said.
fn run(case: &Case, level: Option<Level>) -> Result<(bool, Ran), String> {
    let mut world = World::new(case.grants, level);
    (case.prepare)(&mut world)?;
    let ran = (case.act)(&mut world, case.script);
    let seen = (case.seen)(&mut world, &ran);
    Ok((seen, ran))
}
