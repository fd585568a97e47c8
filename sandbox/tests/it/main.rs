//! Real commands behind the real fence of this machine's kernel.
//!
//! This binary has no test harness, because its `main` must be able to become a supervisor: the
//! crate starts `/proc/self/exe`, which here is this very program. It also plays the confined
//! command (`--probe`), an agent that gets killed (`--agent`) and the wrapper command
//! (`--wrapper`).

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod denials;
mod faults;
mod fence;
mod git_writes;
mod lifetime;
mod probe;
mod view;
mod world;
mod wrapping;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use codex_sandbox::Level;

/// One test: its name and what it does. A test that can't run here says why in its result.
type Case = (&'static str, fn() -> Verdict);

/// What a test that did not panic says.
enum Verdict {
    Held,
    Skipped(&'static str),
}

fn main() -> ExitCode {
    codex_sandbox::dispatch();
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some("--probe") => return probe::run(&words[1..]),
        Some("--record") => {
            denials::record(words.get(1).expect("a file"));
            return ExitCode::SUCCESS;
        }
        Some("--faulty") => return faults::play_agent(&words[1..]),
        Some("--crowded") => view::play_crowded_agent(&words[1..]),
        Some("--agent") => lifetime::play_agent(&words[1..]),
        Some("--wrapper") => return wrapping::play_wrapper(&words[1..]),
        Some("--idle-init") => return wrapping::play_idle_init(&words[1..]),
        _ => {}
    }
    run(words.iter().find(|word| !word.starts_with('-')).map(String::as_str))
}

fn run(filter: Option<&str>) -> ExitCode {
    let host = codex_sandbox::probe();
    if host.landlock_abi < codex_sandbox::MIN_LANDLOCK_ABI || !host.seccomp {
        println!("all tests skipped: this kernel is below the floor: {host:?}");
        return ExitCode::SUCCESS;
    }
    let mut tally = Tally { filter, passed: 0, failed: 0, skipped: 0 };
    let mut levels = vec![Level::Landlock];
    match host.namespaces.are_complete() {
        true => levels.push(Level::Full),
        false => println!("level full skipped: this host does not give it: {:?}", host.namespaces),
    }
    for level in levels {
        world::set_level(level);
        tally.run(level, &[fence::CASES, lifetime::CASES, wrapping::CASES].concat());
        match level {
            Level::Full => {
                tally.run(level, &[view::CASES, git_writes::CASES, faults::CASES].concat())
            }
            Level::Landlock | Level::Auto => {}
        }
    }
    // It goes through the levels by itself.
    world::set_level(Level::Auto);
    tally.run(Level::Auto, denials::CASES);
    let Tally { passed, failed, skipped, .. } = tally;
    println!("\n{passed} passed, {failed} failed, {skipped} skipped");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Tally<'a> {
    filter: Option<&'a str>,
    passed: u32,
    failed: u32,
    skipped: u32,
}

impl Tally<'_> {
    fn run(&mut self, level: Level, cases: &[Case]) {
        for (name, case) in cases {
            if self.filter.is_some_and(|filter| !name.contains(filter)) {
                continue;
            }
            let began = Instant::now();
            let verdict = catch_unwind(AssertUnwindSafe(case));
            let took = began.elapsed().as_millis();
            let level = format!("{level:?}").to_lowercase();
            match verdict {
                Ok(Verdict::Held) => {
                    self.passed += 1;
                    println!("test {level}::{name} ... ok ({took} ms)");
                }
                Ok(Verdict::Skipped(why)) => {
                    self.skipped += 1;
                    println!("test {level}::{name} ... skipped: {why}");
                }
                Err(_) => {
                    self.failed += 1;
                    println!("test {level}::{name} ... FAILED ({took} ms)");
                }
            }
        }
    }
}
