//! The program that the interface has run for its user, outside of any sandbox: a line of their own for
//! the shell.

use std::ffi::OsString;
use std::io::{self, PipeReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use codex_tui::host::Reply;
use codex_tui::run::Voice;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::refused;
use crate::failure::{Failure, USAGE};

/// Bytes of output that are taken at once.
const PART: usize = 8 << 10;
/// Most bytes that are shown of what a command of the user's printed.
const SHOWN: usize = 1 << 20;
/// Time that output may take to arrive once the command has ended; a child that it left in the
/// background may keep it open for ever.
const REST: Duration = Duration::from_millis(500);

/// A command of the user's own that runs, with what it started, in a process group of its own.
pub(super) struct Shell {
    state: Arc<Mutex<State>>,
    over: Arc<AtomicBool>,
}

struct State {
    child: Child,
    /// Whether it was asked to end.
    asked: bool,
}

impl Shell {
    /// Starts it; what it prints, and its end, are told.
    pub(super) fn start(line: &str, cwd: &Path, voice: Voice) -> Result<Shell, Failure> {
        let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
        let shell = shell.unwrap_or_else(|| OsString::from("/bin/sh"));
        let failed = |error: io::Error| {
            Failure::new(USAGE, format!("{} can't be started: {error}", shell.display()))
                .hint("SHELL names the program that runs it")
        };
        let (output, theirs) = io::pipe().map_err(failed)?;
        let mut command = Command::new(&shell);
        command.arg("-c").arg(line).current_dir(cwd).process_group(0).stdin(Stdio::null());
        // Nobody could turn the pages.
        command.env("PAGER", "cat").env("GIT_PAGER", "cat");
        command.stdout(theirs.try_clone().map_err(failed)?).stderr(theirs);
        let child = command.spawn().map_err(failed)?;
        // It holds the other end too, and the output ends with the last one.
        drop(command);
        let pid = Pid::from_child(&child);
        let state = Arc::new(Mutex::new(State { child, asked: false }));
        let over = Arc::new(AtomicBool::new(false));
        let (told, printed) = sync_channel(1);
        let mute = Arc::new(AtomicBool::new(false));
        let (muted, speaker) = (Arc::clone(&mute), voice.clone());
        let reading = move || {
            print(output, &speaker, &muted);
            let _ = told.send(());
        };
        let (ended, waited) = (Arc::clone(&over), Arc::clone(&state));
        let waiting = move || {
            let code = wait(pid, &waited, &ended);
            // What it printed last is told before its end, and nothing behind that.
            let _ = printed.recv_timeout(REST);
            mute.store(true, Ordering::Release);
            let _ = voice.reply(Reply::Exited(code));
        };
        let begun = thread::Builder::new().name("output".into()).spawn(reading);
        let begun = begun.and_then(|_| thread::Builder::new().name("shell".into()).spawn(waiting));
        let shell = Shell { state, over };
        if let Err(error) = begun {
            shell.kill();
            return Err(refused("no thread can be started", &error));
        }
        Ok(shell)
    }

    /// Tells whether it still runs.
    pub(super) fn runs(&self) -> bool {
        !self.over.load(Ordering::Acquire)
    }

    /// Ends it: as a hang-up would, and at once when it was asked before.
    pub(super) fn stop(&mut self) {
        let asked = std::mem::replace(&mut locked(&self.state).asked, true);
        self.signal(if asked { Signal::KILL } else { Signal::HUP });
    }

    /// Ends it at once.
    pub(super) fn kill(self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        // It is not reaped under the lock, so the number is still its own.
        let state = locked(&self.state);
        if self.runs() {
            // One that is stopped ends once it goes on.
            let group = Pid::from_child(&state.child);
            let _ = kill_process_group(group, signal);
            let _ = kill_process_group(group, Signal::CONT);
        }
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn print(mut output: PipeReader, voice: &Voice, mute: &AtomicBool) {
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

/// Waits for its end, and gives its exit code as shells count it.
fn wait(pid: Pid, state: &Mutex<State>, over: &AtomicBool) -> i32 {
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(pid), ended) {}
    let mut state = locked(state);
    let status = state.child.wait();
    over.store(true, Ordering::Release);
    let code = status.ok().and_then(|it| it.code().or(it.signal().map(|signal| 128 + signal)));
    code.unwrap_or(-1)
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
