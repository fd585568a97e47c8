//! What commands try to reach from inside the sandbox, and what must work there all the same.
//!
//! A case is a line in a table ([`case::Case`]): a shell script, what to prepare, and how to see
//! its effect. It runs through the real program at the best level of this machine and at
//! `landlock`, and the verdict is never the script's own exit code: the suite looks at the victim,
//! the listener, the bystander and `/proc`, from outside.
//!
//! - An attack is first run without a sandbox. Without an effect there, it would prove nothing: it
//!   is skipped, with the reason, and never passed.
//! - A script that never began has failed, whatever did not happen.
//! - An attack that a level does not hold names the words with which that level's plan says so; a
//!   plan that does not say it fails, and so does a case that the plan lets one believe is held.
//! - What must work is tried without a sandbox only when it failed in one, to tell a broken tool
//!   from a broken sandbox.
//!
//! `ESCAPES=table` prints every case, `ESCAPES=NAME` runs the cases whose name holds it and shows
//! what their scripts said.

mod case;
mod descriptors;
mod files;
mod git;
mod kernel;
mod lifetime;
mod metadata;
mod network;
mod outside;
mod processes;
mod run;
mod secrets;
mod settings;
mod sockets;
mod streams;
mod tools;
mod views;
mod world;

use std::io::Write;

/// The program that scripts call as `payload`; see `world.rs` for how they find it.
#[test]
#[ignore = "the program of the attacks, not a test"]
fn payload() {
    let Ok(words) = std::env::var("PAYLOAD") else { return };
    let words: Vec<&str> = words.lines().collect();
    // What the harness says must not stand on the same line.
    let _ = writeln!(std::io::stdout(), "\n{}{}", world::BEGUN, std::process::id());
    let answer = match words[..] {
        ["hold", kind, name, text, file] => {
            let kind = codex_payload::Kind::ALL.into_iter().find(|it| format!("{it:?}") == kind);
            let kind = kind.expect("a kind of bystander");
            codex_payload::Holding { kind, name, text, file }.hold()
        }
        ref words => codex_payload::attempt(words),
    };
    if let Err(error) = &answer {
        let _ = writeln!(std::io::stderr(), "{}: {error}", words.join(" "));
    }
    std::process::exit(i32::from(answer.is_err()))
}
