//! Process 1 of a command's namespaces: it arranges them, fences itself in, starts the command, and
//! collects everything that ends.
//!
//! When it ends, for whatever reason, the kernel kills what is left in its process namespace: a
//! daemon, a stopped process, one that ignores every signal.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{DumpableBehavior, Pid, Signal, WaitOptions, WaitStatus, wait};

use crate::confine::{self, close_all_but};
use crate::launch::Request;
use crate::process::{Stat, fork, leave};
use crate::ruleset::Granting;
use crate::status::{Confined, EXIT_SETUP, Ended, Failed, Status, Step};
use crate::supervise::{end_of, release_surroundings, say};
use crate::world::{Ids, arrange};
use crate::{Protected, Stdin, streams};

/// Plays process 1 from its first instruction to its last.
///
/// `word` leads to the supervisor, who alone holds the other end.
pub(crate) fn run(request: Request, protected: &[Protected], ids: Ids, word: OwnedFd) -> ! {
    let code = match prepare(&request, protected, ids, &word) {
        Ok(confined) => match fork() {
            Ok(None) => become_command(request, confined, &word),
            Ok(Some(command)) => {
                drop(request);
                serve(command, &word)
            }
            Err(error) => refuse(&word, failed(Step::Fork, error)),
        },
        Err(failed) => refuse(&word, failed),
    };
    leave(code)
}

fn failed(step: Step, error: impl ToString) -> Failed {
    Failed { step, message: error.to_string(), code: EXIT_SETUP }
}

fn refuse(word: &OwnedFd, failed: Failed) -> i32 {
    let code = failed.code;
    say(word, &Status::Failed(failed));
    code
}

/// Does everything that comes before the command, in the one order in which it works: mounts need
/// capabilities, the fence needs the mounts.
fn prepare(
    request: &Request,
    protected: &[Protected],
    ids: Ids,
    word: &OwnedFd,
) -> Result<Confined, Failed> {
    let at = |step| move |error: rustix::io::Errno| failed(step, error);
    close_all_but(&[word.as_fd()]).map_err(|error| failed(Step::Process, error))?;
    die_with_the_supervisor(word)?;
    // The files of a process that can't be dumped belong to root, and the id maps are such files.
    rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable)
        .map_err(at(Step::Process))?;
    let cwd = request.cwd.clone().into_os_string();
    let mounts = arrange(&request.plan, protected, Path::new(&cwd), ids)?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(at(Step::Process))?;

    confine::enter_folder(request)?;
    if request.stdin == Stdin::Null {
        confine::null_stdin()?;
    }
    streams::look(&request.plan)?;
    confine::limit(&request.plan.resources)?;
    let file_rules = confine::fence(request, Granting::Itself)?;
    // The kernel forgets it when credentials change.
    die_with_the_supervisor(word)?;
    Ok(Confined {
        pid: 0,
        start_time: 0,
        confinement: request.plan.confinement,
        landlock_abi: request.plan.landlock_abi,
        file_rules,
        mounts,
        protected: u32::try_from(protected.len()).unwrap_or(u32::MAX),
        partial: false,
    })
}

/// Has the kernel kill this process when the supervisor ends, also if it ended already: a parent in
/// another process namespace can't be asked for, but its end of the socket tells.
fn die_with_the_supervisor(word: &OwnedFd) -> Result<(), Failed> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| failed(Step::Process, error))?;
    let mut fds = [PollFd::new(word, PollFlags::empty())];
    match poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
        Ok(0) => Ok(()),
        Ok(_) => Err(failed(Step::Process, "the supervisor is gone")),
        Err(error) => Err(failed(Step::Process, error)),
    }
}

/// The command's own process, from the fork to the exec.
fn become_command(request: Request, confined: Confined, word: &OwnedFd) -> i32 {
    match confine::own_session(Pid::INIT).and_then(|()| confine::close_on_exec()) {
        Ok(()) => {
            // Told from here: a short command is gone before the supervisor could look.
            let own = rustix::process::getpid().as_raw_nonzero().get();
            let start_time = Stat::read(own).map(|stat| stat.start_time).unwrap_or_default();
            say(word, &Status::Confined(Confined { start_time, ..confined }));
            refuse(word, confine::exec(request.argv, request.env))
        }
        Err(failed) => refuse(word, failed),
    }
}

/// Waits for the command, collecting every orphan meanwhile; then ends what it left behind.
fn serve(command: Pid, word: &OwnedFd) -> i32 {
    if release_surroundings().is_err() {
        // It would hold the command's output open for as long as it lives.
        return EXIT_SETUP;
    }
    let mut end = None;
    let mut told_to_end = false;
    loop {
        match next_signal() {
            Wake::Terminate => {
                told_to_end = true;
                // A stopped group gets the signal only when it goes on.
                let _ = rustix::process::kill_process_group(command, Signal::TERM);
                let _ = rustix::process::kill_process_group(command, Signal::CONT);
            }
            Wake::Child => {}
        }
        let had_ended = end.is_some();
        let is_anything_left = collect(WaitOptions::NOHANG, &mut |pid, status| {
            if pid == command {
                end = end.or(end_of(status));
            }
        });
        let Some(end) = end else { continue };
        let ended = |swept, survivors| {
            say(
                word,
                &Status::Ended(Ended { end, cut_short: None, swept, survivors, changes: vec![] }),
            );
        };
        if !is_anything_left {
            ended(0, 0);
            return 0;
        }
        if !told_to_end {
            kill_all();
            let mut swept = 0;
            collect(WaitOptions::empty(), &mut |_, _| swept += 1);
            ended(swept, 0);
            return 0;
        }
        // The others were told as well, and have the same time; the supervisor ends it.
        if !had_ended {
            ended(0, 1);
        }
    }
}

/// What wakes process 1.
enum Wake {
    /// A child may have ended.
    Child,
    /// The supervisor asks for the command's end.
    Terminate,
}

/// Waits for one of the signals that the supervisor blocked before it forked this process.
#[allow(unsafe_code)]
fn next_signal() -> Wake {
    // SAFETY: `set` is initialised by `sigemptyset` before use, `info` is plain numbers, for which
    // zero is a value, and is of a kind of signal that carries the sender.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        let mut info: libc::siginfo_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        libc::sigaddset(&raw mut set, libc::SIGTERM);
        match libc::sigwaitinfo(&raw const set, &raw mut info) {
            // Who has no number here is outside; the command may not end itself this way.
            libc::SIGTERM if info.si_pid() == 0 => Wake::Terminate,
            _ => Wake::Child,
        }
    }
}

/// Collects children that have ended, and tells whether any is left.
fn collect(how: WaitOptions, note: &mut impl FnMut(Pid, WaitStatus)) -> bool {
    loop {
        match wait(how) {
            Ok(Some((pid, status))) => note(pid, status),
            Err(rustix::io::Errno::INTR) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

/// Kills every other process of this namespace at one stroke: no fork can slip through.
#[allow(unsafe_code)]
fn kill_all() {
    // SAFETY: this process is process 1 of its namespace, so "all" means what the command started.
    unsafe { libc::kill(-1, libc::SIGKILL) };
}
