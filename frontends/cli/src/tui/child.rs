//! The program that the interface has run for its user, outside of any sandbox: a line of their own for
//! the shell.
//!
//! It runs under a supervisor, as commands of the model do: whatever becomes of this process, it and all
//! that it started end with it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use codex_sandbox::{
    Cause, Environment, Launch, Lifeline, Outcome, Plan, Spawner, Status, StatusParser, Stdin,
    Stdio,
};
use codex_tui::host::Reply;
use codex_tui::run::Voice;

use super::refused;
use crate::failure::{Failure, USAGE};

/// Bytes of output that are taken at once.
const PART: usize = 8 << 10;
/// Most bytes that are shown of what a command of the user's printed.
const SHOWN: usize = 1 << 20;
/// Time that output may take to arrive once all processes have ended; one that hangs in the kernel may
/// keep it open for ever.
const REST: Duration = Duration::from_millis(500);

/// A command of the user's own that runs, with all that it started. Dropping it ends it.
pub(super) struct Shell {
    lifeline: Lifeline,
    over: Arc<AtomicBool>,
    /// How it is ended next.
    next: Cause,
}

impl Shell {
    /// Starts it; what it prints, and its end, are told.
    pub(super) fn start(
        line: &str,
        cwd: &Path,
        spawner: &Spawner,
        voice: Voice,
    ) -> Result<Shell, Failure> {
        let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
        let shell = shell.unwrap_or_else(|| OsString::from("/bin/sh"));
        let name = shell.display().to_string();
        let running = spawner.spawn(launch(shell, line, cwd)).map_err(|error| {
            Failure::new(USAGE, format!("{name} can't be started: {error}"))
                .hint("SHELL names the program that runs it; NUL bytes can't be given to it")
        })?;
        let parts = running.into_parts();
        let output = parts.stdout.map(File::from);
        let (told, printed) = sync_channel(1);
        let mute = Arc::new(AtomicBool::new(false));
        let over = Arc::new(AtomicBool::new(false));
        let (muted, speaker) = (Arc::clone(&mute), voice.clone());
        let reading = move || {
            if let Some(output) = output {
                print(output, &speaker, &muted);
            }
            let _ = told.send(());
        };
        let ended = Arc::clone(&over);
        let status = parts.status;
        let waiting = move || {
            let outcome = wait(status);
            ended.store(true, Ordering::Release);
            // What it printed last is told before its end, and nothing behind that.
            let _ = printed.recv_timeout(REST);
            mute.store(true, Ordering::Release);
            if let Some(failed) = &outcome.failed {
                let message = format!("{name} can't be started: {}", failed.message);
                let failure = Failure::new(USAGE, message);
                let hint = "SHELL names the program that runs it";
                let _ = voice.reply(super::failed(failure.hint(hint)));
            }
            let _ = voice.reply(Reply::Exited(outcome.exit_code()));
        };
        let begun = thread::Builder::new().name("output".into()).spawn(reading);
        let begun = begun.and_then(|_| thread::Builder::new().name("shell".into()).spawn(waiting));
        // Without them it ends with its lifeline.
        begun.map_err(|error| refused("no thread can be started", &error))?;
        Ok(Shell { lifeline: parts.lifeline, over, next: Cause::Interrupt })
    }

    /// Tells whether it still runs.
    pub(super) fn runs(&self) -> bool {
        !self.over.load(Ordering::Acquire)
    }

    /// Ends it: politely at first, and at once when it was asked before.
    pub(super) fn stop(&mut self) {
        self.lifeline.end(std::mem::replace(&mut self.next, Cause::Abandon));
    }
}

/// Nothing is kept from a command that its user typed: it has their variables and all of their rights.
fn launch(shell: OsString, line: &str, cwd: &Path) -> Launch {
    let mut env = Environment::of_user(std::env::vars_os());
    // Nobody could turn the pages.
    env.set("PAGER", "cat");
    env.set("GIT_PAGER", "cat");
    Launch {
        argv: vec![shell, "-c".into(), line.into()],
        cwd: cwd.to_owned(),
        env,
        plan: Plan::unconfined(),
        timeout: None,
        stdin: Stdin::Null,
        stdio: Stdio::Joined,
    }
}

fn print(mut output: File, voice: &Voice, mute: &AtomicBool) {
    let (mut part, mut begun, mut shown) = ([0; PART], Vec::new(), 0);
    while let Ok(length @ 1..) = output.read(&mut part) {
        if mute.load(Ordering::Acquire) || shown > SHOWN {
            // Read on all the same: a full pipe would make it wait.
            continue;
        }
        begun.extend_from_slice(&part[..length]);
        let mut text = complete(&mut begun);
        shown += text.len();
        if shown > SHOWN {
            text.push_str("\n[what follows is left out]\n");
        }
        if !text.is_empty() {
            let _ = voice.reply(Reply::Printed(text));
        }
    }
    if !begun.is_empty() && !mute.load(Ordering::Acquire) {
        let _ = voice.reply(Reply::Printed(String::from_utf8_lossy(&begun).into_owned()));
    }
}

/// Takes the text out of bytes, up to a character that is not complete yet.
fn complete(bytes: &mut Vec<u8>) -> String {
    let cut = bytes.utf8_chunks().last().map_or(0, |last| {
        let unfinished = last.invalid();
        let may_go_on = !unfinished.is_empty()
            && unfinished.len() < 4
            && std::str::from_utf8(unfinished).is_err_and(|error| error.error_len().is_none());
        bytes.len() - if may_go_on { unfinished.len() } else { 0 }
    });
    let text: Vec<u8> = bytes.drain(..cut).collect();
    String::from_utf8_lossy(&text).into_owned()
}

/// Waits for its end, and gives what is known of it.
fn wait(status: OwnedFd) -> Outcome {
    let (mut status, mut parser, mut outcome) =
        (File::from(status), StatusParser::default(), Outcome::default());
    let mut bytes = [0; 4096];
    loop {
        let length = match status.read(&mut bytes) {
            Ok(0) => return outcome,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return outcome,
        };
        for said in parser.feed(&bytes[..length]).unwrap_or_default() {
            match said {
                Status::Confined(confined) => outcome.confined = Some(confined),
                Status::Failed(failed) => outcome.failed = Some(failed),
                Status::Ended(ended) => {
                    outcome.ended = Some(ended);
                    return outcome;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_told_in_whole_characters() {
        let mut bytes = "é".as_bytes()[..1].to_vec();
        assert_eq!(complete(&mut bytes), "");
        bytes.extend(&"é".as_bytes()[1..]);
        bytes.extend(b"\xff!");
        assert_eq!((complete(&mut bytes), bytes.len()), ("é\u{fffd}!".to_owned(), 0));
        let mut bytes = b"a\xf0\x9f".to_vec();
        assert_eq!((complete(&mut bytes), bytes.len()), ("a".to_owned(), 2));
    }
}
