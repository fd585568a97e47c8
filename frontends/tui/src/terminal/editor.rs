//! The user's editor, which has the terminal for itself while it runs.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::process::{Child, Command, ExitStatus};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

/// Time that an editor has after each of the signals that ask it to end.
const ENDING: Duration = Duration::from_millis(500);

/// The editor that runs.
static RUNNING: Mutex<Running> = Mutex::new(Running::NONE);
static CHANGED: Condvar = Condvar::new();

struct Running {
    /// How it ended, once it has.
    status: Option<io::Result<ExitStatus>>,
    /// Whether this program is told to end, and with it the editor.
    wanted: Wanted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Open,
    Ended,
}

impl Running {
    const NONE: Running = Running { status: None, wanted: Wanted::Open };
}

fn running() -> MutexGuard<'static, Running> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The program is told to end: an editor that runs, or is run from now on, has to as well.
pub(super) fn end() {
    running().wanted = Wanted::Ended;
    CHANGED.notify_all();
}

/// Waits for the editor's end, or for that of this program; an editor that ends on no signal is left
/// alone, with a text that nobody waits for.
fn wait(mut child: Child) -> io::Result<ExitStatus> {
    let root = Pid::from_child(&child);
    running().status = None;
    let waiting = move || {
        let status = child.wait();
        running().status = Some(status);
        CHANGED.notify_all();
    };
    thread::Builder::new().name("editor".into()).spawn(waiting)?;
    let open = |now: &mut Running| now.status.is_none() && now.wanted == Wanted::Open;
    let mut now = CHANGED.wait_while(running(), open).unwrap_or_else(PoisonError::into_inner);
    // As a terminal that goes away would.
    for signal in [Signal::TERM, Signal::HUP] {
        if let Some(status) = now.status.take() {
            return status;
        }
        for pid in below(root) {
            // Whatever is gone by now needs no signal.
            let _ = kill_process(pid, signal);
        }
        let rest = CHANGED.wait_timeout_while(now, ENDING, |now| now.status.is_none());
        now = rest.unwrap_or_else(PoisonError::into_inner).0;
    }
    now.status.take().unwrap_or_else(|| Err(io::Error::other("it ends on no signal")))
}

/// Gives a process and all below it, the last ones first: the shell between would wait for the editor.
fn below(root: Pid) -> Vec<Pid> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // Behind the name, which may hold anything: the state, and then the parent.
        let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
        if let Some(parent) = parent.and_then(|parent| parent.parse().ok()) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = vec![root.as_raw_nonzero().get()];
    let mut at = 0;
    while let Some(pid) = found.get(at) {
        found.extend(children.remove(pid).unwrap_or_default());
        at += 1;
    }
    found.into_iter().rev().filter_map(Pid::from_raw).collect()
}

/// Lets the user edit a text; the terminal must have been given back before.
///
/// The text stands in a file that only the user can read, and that is gone afterwards. `editor` is a
/// command line as `VISUAL` and `EDITOR` hold one, so a shell reads it.
pub(crate) fn edit(editor: &str, text: &str) -> Result<String, String> {
    let told = |error: io::Error| format!("the editor can't be given the text: {error}");
    let mut file =
        tempfile::Builder::new().prefix("codex-").suffix(".md").tempfile().map_err(told)?;
    file.write_all(text.as_bytes()).map_err(told)?;
    file.flush().map_err(told)?;
    // One that is killed leaves the terminal as it had it.
    let modes = tcgetattr(io::stdin());
    let child = Command::new("/bin/sh")
        .arg("-c")
        // A Ctrl-C in the editor reaches the shell too, which has to outlive it.
        .arg(format!("trap : INT; {editor} \"$1\""))
        .arg("sh")
        .arg(file.path())
        .spawn()
        .map_err(|error| format!("`{editor}` can't be run: {error}"))?;
    let ended = wait(child);
    if let Ok(modes) = modes {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &modes);
    }
    let status = ended.map_err(|error| format!("`{editor}` has no end: {error}"))?;
    if !status.success() {
        return Err(format!("`{editor}` ended with {status}; the text is as it was"));
    }
    // Many editors write a new file in the place of the old one.
    let mut edited = String::new();
    let read = match fs::File::open(file.path()) {
        Ok(mut anew) => anew.read_to_string(&mut edited),
        Err(_) => file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_string(&mut edited)),
    };
    read.map_err(|error| format!("what `{editor}` wrote can't be read: {error}"))?;
    Ok(edited.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::edit;

    #[test]
    fn the_editor_is_a_command_line_and_its_text_comes_back() {
        let edited = edit("sed -i s/one/two/", "one\nthree").expect("edited");
        assert_eq!(edited, "two\nthree");
    }

    #[test]
    fn an_editor_that_fails_leaves_the_text_alone() {
        let failed = edit("false", "one").expect_err("a failure");
        assert!(failed.contains("false") && failed.contains("as it was"), "{failed}");
    }
}
