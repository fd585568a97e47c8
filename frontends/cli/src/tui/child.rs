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
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use codex_actors::Excerpt;
use codex_event::Command;
use codex_redact::{Redactor, Stream};
use codex_sandbox::{
    Cause, Environment, Launch, Lifeline, Outcome, Plan, Spawner, Status, StatusParser, Stdin,
    Stdio,
};
use codex_tui::host::{Reply, Topic};
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
/// Time that one has to end which is ended at once.
const ENDING: Duration = Duration::from_secs(2);
/// What shells exit with when a command can't be begun.
pub(super) const NOT_BEGUN: i32 = 126;

/// A command of the user's own that runs, with all that it started. Dropping it ends it.
pub(super) struct Shell {
    lifeline: Lifeline,
    over: Arc<Over>,
    /// How it is ended next.
    next: Cause,
}

/// The session that a command of the user's is part of.
#[derive(Clone)]
pub(super) struct Record {
    /// Hands a command in, and gives why it was refused.
    pub(super) ask: Arc<dyn Fn(Command) -> Result<(), String> + Send + Sync>,
    /// What is secret there.
    pub(super) redactor: Redactor,
}

/// What is kept of an output for the record.
struct Kept {
    /// Before the excerpt, so that no cut parts a secret.
    stream: Stream,
    excerpt: Excerpt,
}

impl Kept {
    fn take(&mut self, bytes: &[u8]) {
        let decided = self.stream.push(bytes);
        self.excerpt.push(&decided);
    }

    fn text(&mut self) -> String {
        let rest = self.stream.finish();
        self.excerpt.push(&rest);
        self.excerpt.text()
    }
}

impl Shell {
    /// Starts it, once the session has it on record if there is one; what it prints, and its end, are
    /// told, also when it can't be started.
    pub(super) fn start(
        line: &str,
        cwd: &Path,
        spawner: &Spawner,
        record: Option<Record>,
        voice: Voice,
    ) -> Result<Shell, Failure> {
        let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
        let shell = shell.unwrap_or_else(|| OsString::from("/bin/sh"));
        let name = shell.display().to_string();
        if let Some(record) = &record {
            let (line, cwd) = (line.to_owned(), cwd.display().to_string());
            (record.ask)(Command::StartOwnCommand { line, cwd }).map_err(|why| {
                let _ = voice.reply(Reply::Exited(NOT_BEGUN));
                Failure::new(USAGE, format!("not run, since it can't be recorded: {why}"))
                    .hint("/status says how the session stands")
            })?;
        }
        let mut told = Told { line: line.to_owned(), began: Instant::now(), record, voice };
        let begun = spawner.spawn(launch(shell, line, cwd)).map_err(|error| {
            Failure::new(USAGE, format!("{name} can't be started: {error}"))
                .hint("SHELL names the program that runs it; NUL bytes can't be given to it")
        });
        let parts = match begun {
            Ok(running) => running.into_parts(),
            Err(failure) => return Err(told.not_started(failure)),
        };
        let output = parts.stdout.map(File::from);
        let (end, printed) = sync_channel(1);
        let over = Arc::new(Over::default());
        let mute = Arc::new(AtomicBool::new(false));
        let kept = told.record.as_ref().map(|record| {
            let stream = record.redactor.stream();
            Arc::new(Mutex::new(Kept { stream, excerpt: Excerpt::default() }))
        });
        let (muted, speaker, keeps) = (Arc::clone(&mute), told.voice.clone(), kept.clone());
        let reading = move || {
            if let Some(output) = output {
                print(output, &speaker, keeps.as_deref(), &muted);
            }
            let _ = end.send(());
        };
        let ended = Arc::clone(&over);
        let status = parts.status;
        let waiting = move || {
            let outcome = wait(status);
            // What it printed last is told before its end, and nothing behind that.
            let _ = printed.recv_timeout(REST);
            mute.store(true, Ordering::Release);
            let mut output = kept.map(|kept| locked(&kept).text()).unwrap_or_default();
            let failed = outcome.failed.as_ref().map(|failed| {
                let message = format!("{name} can't be started: {}", failed.message);
                output.push_str(&message);
                let hint = "SHELL names the program that runs it";
                super::failed(Topic::Aside, Failure::new(USAGE, message).hint(hint))
            });
            let reply = told.end(outcome.exit_code(), output);
            // Before the interface knows, which may ask for the next one at once.
            ended.tell();
            let _ = told.voice.reply(reply);
            if let Some(failed) = failed {
                let _ = told.voice.reply(failed);
            }
        };
        let begun = thread::Builder::new().name("output".into()).spawn(reading);
        let begun = begun.and_then(|_| thread::Builder::new().name("shell".into()).spawn(waiting));
        // Without them it ends with its lifeline.
        begun.map_err(|error| refused("no thread can be started", &error))?;
        Ok(Shell { lifeline: parts.lifeline, over, next: Cause::Interrupt })
    }

    /// Tells whether it still runs.
    pub(super) fn runs(&self) -> bool {
        !*locked(&self.over.told)
    }

    /// Ends it: politely at first, and at once when it was asked before.
    pub(super) fn stop(&mut self) {
        self.lifeline.end(std::mem::replace(&mut self.next, Cause::Abandon));
    }

    /// Ends it at once, and waits until its end was told; not for long, should it hang in the kernel.
    pub(super) fn end(self) {
        self.lifeline.end(Cause::Abandon);
        self.over.wait();
    }
}

/// Whether its end was told.
#[derive(Default)]
struct Over {
    told: Mutex<bool>,
    changed: Condvar,
}

impl Over {
    fn tell(&self) {
        *locked(&self.told) = true;
        self.changed.notify_all();
    }

    fn wait(&self) {
        let _ = self.changed.wait_timeout_while(locked(&self.told), ENDING, |told| !*told);
    }
}

/// Who is told of it.
struct Told {
    line: String,
    began: Instant,
    record: Option<Record>,
    voice: Voice,
}

impl Told {
    /// It has ended: the session is told of it. Gives what the interface is told.
    fn end(&mut self, exit: i32, output: String) -> Reply {
        let duration_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let line = std::mem::take(&mut self.line);
        let recorded = self.record.as_ref().is_some_and(|record| {
            (record.ask)(Command::EndOwnCommand { line, exit, duration_ms, output }).is_ok()
        });
        if recorded { Reply::Recorded } else { Reply::Exited(exit) }
    }

    /// The record has its beginning, so it gets an end as well.
    fn not_started(mut self, failure: Failure) -> Failure {
        let reply = self.end(NOT_BEGUN, failure.message.clone());
        let _ = self.voice.reply(reply);
        failure
    }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
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

fn print(mut output: File, voice: &Voice, kept: Option<&Mutex<Kept>>, mute: &AtomicBool) {
    let (mut part, mut begun, mut shown) = ([0; PART], Vec::new(), 0);
    while let Ok(length @ 1..) = output.read(&mut part) {
        if let Some(kept) = kept.filter(|_| !mute.load(Ordering::Acquire)) {
            locked(kept).take(&part[..length]);
        }
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
