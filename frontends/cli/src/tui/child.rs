//! The programs that the interface has run for its user, outside of any sandbox: a line of their own for
//! the shell, and git for what was changed.

use std::ffi::OsString;
use std::io::{self, PipeReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
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
use crate::git;

/// Bytes of output that are taken at once.
const PART: usize = 8 << 10;
/// Most bytes that are shown of what a command of the user's printed.
const SHOWN: usize = 1 << 20;
/// Time that output may take to arrive once the command has ended; a child that it left in the
/// background may keep it open for ever.
const REST: Duration = Duration::from_millis(500);

/// Most bytes that are shown of a diff.
const DIFF: u64 = 1 << 20;
/// Most bytes that are shown of a file that git does not know.
const NEW_FILE: u64 = 64 << 10;
/// Most files that git does not know that are shown.
const NEW_FILES: usize = 200;
/// The tree of a repository without a commit.
const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

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

/// Gives what differs from the last commit below a folder, with the files that git does not know.
///
/// Nothing that a repository's own settings name is run: no hooks, no other programs for showing or
/// converting, no pager, no monitor of files.
pub(super) fn diff(cwd: &Path) -> Result<String, Failure> {
    let Some(head) = git::head(cwd) else {
        let message = format!("{} is in no Git repository", cwd.display());
        return Err(Failure::new(USAGE, message).hint("`git init` begins one"));
    };
    let from = if head.commit.is_some() { "HEAD" } else { EMPTY_TREE };
    let how = ["--no-ext-diff", "--no-textconv", "--no-color", "--relative", from, "--", "."];
    let mut told = bounded(cwd, &[&["diff"], &how[..]].concat())?;
    let new = bounded(cwd, &["ls-files", "--others", "--exclude-standard", "-z", "--", "."])?;
    let files: Vec<&str> = new.split('\0').filter(|file| !file.is_empty()).collect();
    for file in files.iter().take(NEW_FILES) {
        if told.len() as u64 >= DIFF {
            break;
        }
        told.push_str(&added(cwd, file));
    }
    if files.len() > NEW_FILES {
        told.push_str(&format!("[{} new files more]\n", files.len() - NEW_FILES));
    }
    Ok(told)
}

fn bounded(cwd: &Path, arguments: &[&str]) -> Result<String, Failure> {
    let failed = |error: io::Error| {
        Failure::new(USAGE, format!("git can't be run: {error}")).hint("is it installed?")
    };
    let mut child = Command::new("git")
        .args(["--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"])
        .args(["-c", "core.quotePath=false", "-c", "diff.external="])
        .args(arguments)
        .current_dir(cwd)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env_remove("GIT_EXTERNAL_DIFF")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut words = child.stderr.take();
    let complaint = thread::spawn(move || {
        let mut text = Vec::new();
        let _ = words.as_mut().map(|words| words.take(DIFF).read_to_end(&mut text));
        String::from_utf8_lossy(&text).into_owned()
    });
    let mut output = Vec::new();
    if let Some(pipe) = child.stdout.take() {
        pipe.take(DIFF).read_to_end(&mut output).map_err(failed)?;
    }
    let whole = (output.len() as u64) < DIFF;
    if !whole {
        let _ = child.kill();
    }
    let status = child.wait().map_err(failed)?;
    let complaint = complaint.join().unwrap_or_default();
    if whole && !status.success() {
        let complaint = complaint.lines().next().unwrap_or("it says nothing").to_owned();
        return Err(Failure::new(USAGE, format!("git failed: {complaint}"))
            .hint("`git status` in the same folder tells more"));
    }
    let mut text = String::from_utf8_lossy(&output).into_owned();
    if !whole {
        text.push_str("\n[what follows is left out]\n");
    }
    Ok(text)
}

/// Tells of a file that git does not know, as git tells of one that was added.
fn added(cwd: &Path, file: &str) -> String {
    let path: PathBuf = cwd.join(file);
    let head = format!("diff --git a/{file} b/{file}\nnew file\n--- /dev/null\n+++ b/{file}\n");
    let regular = std::fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file());
    if !regular {
        return head;
    }
    let mut bytes = Vec::new();
    let read = std::fs::File::open(&path).and_then(|it| it.take(NEW_FILE).read_to_end(&mut bytes));
    let text = match (read, std::str::from_utf8(&bytes)) {
        (Err(error), _) => return format!("{head}[it can't be read: {error}]\n"),
        (Ok(_), Ok(text)) if !text.contains('\0') => text,
        // Its last character may be cut.
        (Ok(_), Err(error)) if error.error_len().is_none() && error.valid_up_to() > 0 => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        }
        (Ok(_), _) => return format!("{head}Binary files /dev/null and b/{file} differ\n"),
    };
    let count = text.lines().count();
    let lines: String = text.lines().map(|line| format!("+{line}\n")).collect();
    let rest = if bytes.len() as u64 == NEW_FILE { "[what follows is left out]\n" } else { "" };
    match count {
        0 => head,
        count => format!("{head}@@ -0,0 +1,{count} @@\n{lines}{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(cwd: &Path, arguments: &[&str]) {
        let fixed = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"];
        let done = Command::new("git").args(fixed).args(arguments).current_dir(cwd).output();
        assert!(done.is_ok_and(|done| done.status.success()), "{arguments:?}");
    }

    #[test]
    fn a_diff_has_what_changed_and_what_is_new_and_runs_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        let failure = diff(root).expect_err("no repository");
        assert!(failure.message.contains("no Git repository"), "{}", failure.message);
        git(root, &["init", "-q"]);
        let write =
            |name: &str, text: &[u8]| std::fs::write(root.join(name), text).expect("written");
        write("known", b"one\n");
        let told = diff(root).expect("told");
        assert!(told.contains("+++ b/known\n@@ -0,0 +1,1 @@\n+one\n"), "{told}");
        git(root, &["add", "-A"]);
        git(root, &["commit", "-q", "-m", "x"]);
        assert_eq!(diff(root).expect("told"), "");
        write("known", b"two\n");
        write("néw file", "é\n".as_bytes());
        write("ignored", b"x");
        write(".gitignore", b"ignored\n");
        write("binary", b"\0\x01");
        // What a repository may name to be run.
        let trap = root.join(".git/trap");
        std::fs::write(&trap, format!("#!/bin/sh\ntouch {}/sprung\n", root.join(".git").display()))
            .expect("written");
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&trap, std::fs::Permissions::from_mode(0o755)).expect("set");
        let trap = trap.display().to_string();
        for key in
            ["diff.external", "core.fsmonitor", "core.pager", "diff.x.textconv", "diff.x.command"]
        {
            git(root, &["config", key, &trap]);
        }
        write(".gitattributes", b"known diff=x\n");
        let told = diff(root).expect("told");
        assert!(told.contains("-one\n+two\n"), "{told}");
        assert!(told.contains("+++ b/néw file\n@@ -0,0 +1,1 @@\n+é\n"), "{told}");
        assert!(told.contains("b/binary differ") && !told.contains("b/ignored"), "{told}");
        assert!(!root.join(".git/sprung").exists(), "a program of the repository was run");
    }

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
