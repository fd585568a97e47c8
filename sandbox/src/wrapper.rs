//! Running one command in the foreground, for the wrapper commands.

use std::io;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions, pidfd_open, waitid};

use crate::process::{has_one_thread, leave};
use crate::spawn::{Forked, fork_supervisor};
use crate::status::{Confined, EXIT_SETUP, Ended, Failed};
use crate::{
    Cause, Confinement, Launch, Lifeline, Parts, SpawnError, Spawner, StatusParser, Stdin, Stdio,
};

/// Everything the status pipe said about one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What was enforced, if it came to that.
    pub confined: Option<Confined>,
    /// The step that failed, if one did.
    pub failed: Option<Failed>,
    /// How the command ended; none when it did not run, or when its supervisor was killed.
    pub ended: Option<Ended>,
    /// The signal by which the user ended the wrapper.
    pub interrupted_by: Option<i32>,
}

impl Outcome {
    /// Folds the outcome into the exit code of a wrapper: the command's own, 128 + signal, 124 for
    /// a timeout, 125 set-up, 126 and 127 for a program that can't be executed or found.
    pub fn exit_code(&self) -> i32 {
        match (self.interrupted_by, &self.failed, &self.ended) {
            (Some(signal), _, _) => 128 + signal,
            (None, Some(failed), _) => failed.code,
            (None, None, Some(ended)) => ended.exit_code(),
            // The supervisor was killed before it could say anything.
            (None, None, None) => match self.confined {
                Some(_) => 128 + libc::SIGKILL,
                None => EXIT_SETUP,
            },
        }
    }

    /// Ends this process with [`Outcome::exit_code`] at once.
    ///
    /// An orderly exit gives back what the kernel takes anyway, and touches a dozen pages for it. What
    /// stands in a buffer is lost.
    pub fn leave(&self) -> ! {
        leave(self.exit_code())
    }
}

/// Runs a command on this process's own standard streams and waits for its end.
///
/// `meanwhile` is called once the command has been fenced in, `afterwards` once it has ended: work of
/// the caller's that costs least time there. The first SIGINT, SIGTERM or SIGHUP asks the tree to end,
/// the second kills it. Call it while this process has one thread: the signals are blocked in the
/// calling thread and in those started later, and the supervisor of a command without namespaces is
/// a fork of this process then, which is started in a third of the time.
///
/// # Errors
///
/// When the supervisor can't be started; the wrapper's exit code is 125 then.
pub fn run_inherited(
    mut launch: Launch,
    meanwhile: impl FnOnce(),
    afterwards: impl FnOnce(),
) -> Result<Outcome, SpawnError> {
    launch.stdin = Stdin::Inherit;
    launch.stdio = Stdio::Inherit;
    let at = |step: &'static str| move |source: io::Error| SpawnError::System { step, source };
    let signals = BlockedSignals::new().map_err(at("watching for signals"))?;
    let command = Command::start(launch)?;
    let mut outcome = Outcome::default();
    let mut parser = StatusParser::default();
    let (mut meanwhile, mut afterwards) = (Some(meanwhile), Some(afterwards));
    loop {
        let mut fds = [
            PollFd::new(&command.status, PollFlags::IN),
            PollFd::new(&signals.queue, PollFlags::IN),
        ];
        match poll(&mut fds, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(at("waiting for the command")(error.into())),
        }
        let [said, signalled] = fds.map(|fd| !fd.revents().is_empty());
        if signalled {
            for signal in signals.pending() {
                let cause = match outcome.interrupted_by {
                    None => Cause::Interrupt,
                    Some(_) => Cause::Abandon,
                };
                command.lifeline.end(cause);
                outcome.interrupted_by.get_or_insert(signal);
            }
        }
        if said {
            let mut bytes = [0; 4096];
            match rustix::io::read(command.status.as_fd(), &mut bytes) {
                Ok(0) => break,
                Ok(length) => outcome.note(parser.feed(&bytes[..length]).unwrap_or_default()),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(at("reading the status")(error.into())),
            }
        }
        if outcome.ended.is_some()
            && let Some(afterwards) = afterwards.take()
        {
            afterwards();
        } else if outcome.confined.is_some()
            && let Some(meanwhile) = meanwhile.take()
        {
            meanwhile();
        }
    }
    if let Some(meanwhile) = meanwhile {
        meanwhile();
    }
    if let Some(afterwards) = afterwards {
        afterwards();
    }
    command.supervisor.collect();
    Ok(outcome)
}

/// A command in the foreground. Dropping it ends the command.
struct Command {
    status: OwnedFd,
    lifeline: Lifeline,
    supervisor: Supervisor,
}

/// The supervisor as its parent sees it; one that is gone by now, and was collected, is none.
struct Supervisor(Option<OwnedFd>);

impl Supervisor {
    fn of(pid: Option<Pid>) -> Supervisor {
        Supervisor(pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()))
    }

    /// Waits for its end and collects it; but not one that waits for what hangs in the kernel.
    ///
    /// Nothing is left then that bears this process's arguments. And process 1, which would get it
    /// instead, collects nobody in many a container.
    fn collect(self) {
        const LIMIT: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };
        let Supervisor(Some(process)) = self else { return };
        let _ = poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&LIMIT));
        // A thread that waits for it may have been faster.
        let how = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        let _ = waitid(WaitId::PidFd(process.as_fd()), how);
    }
}

impl Command {
    /// Starts it by the shorter way where that gives nothing away.
    ///
    /// A forked supervisor has all that this process has in memory, secrets of the environment among
    /// it. Others can look into it no better than into this process, which is there as long, belongs
    /// to the same user and is as private; and a command behind landlock can look into neither,
    /// whoever runs it. Elsewhere the program is executed anew, without an environment: at the level
    /// `full` process 1 is a process that the command sees, and while it writes its id maps it is
    /// open to the user's other processes; without a fence a command of root's can look into its
    /// parent.
    fn start(launch: Launch) -> Result<Command, SpawnError> {
        let is_out_of_sight = match launch.plan.confinement {
            Confinement::Landlock => true,
            Confinement::None | Confinement::Full => false,
        };
        if !is_out_of_sight || !has_one_thread() {
            let spawner = Spawner::start()
                .map_err(|source| SpawnError::System { step: "starting the spawner", source })?;
            let Parts { status, lifeline, process, .. } = spawner.spawn(launch)?.into_parts();
            let supervisor = Supervisor::of(Pid::from_raw(process.pid));
            return Ok(Command { status, lifeline, supervisor });
        }
        let Forked { status, lifeline, supervisor } = fork_supervisor(launch)?;
        Ok(Command { status, lifeline, supervisor: Supervisor::of(Some(supervisor)) })
    }
}

/// Signals that are read instead of delivered, until this is dropped.
struct BlockedSignals {
    queue: OwnedFd,
    before: libc::sigset_t,
}

impl BlockedSignals {
    #[allow(unsafe_code)]
    fn new() -> io::Result<BlockedSignals> {
        // SAFETY: both sets are written by the C library before they are read, and the descriptor
        // that `signalfd` returns is new and owned by nobody else.
        unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            let mut before: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
                libc::sigaddset(&raw mut set, signal);
            }
            let error = libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, &raw mut before);
            if error != 0 {
                return Err(io::Error::from_raw_os_error(error));
            }
            match libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) {
                -1 => Err(io::Error::last_os_error()),
                fd => Ok(BlockedSignals { queue: OwnedFd::from_raw_fd(fd), before }),
            }
        }
    }

    fn pending(&self) -> Vec<i32> {
        let mut found = vec![];
        let mut info = [0_u8; size_of::<libc::signalfd_siginfo>()];
        while let Ok(1..) = rustix::io::read(&self.queue, &mut info) {
            // `ssi_signo` is the first field.
            let number = u32::from_ne_bytes([info[0], info[1], info[2], info[3]]);
            found.extend(i32::try_from(number));
        }
        found
    }
}

impl Drop for BlockedSignals {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: `before` is the mask that the C library wrote when this was made.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, std::ptr::null_mut())
        };
    }
}
