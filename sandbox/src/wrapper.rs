//! Running one command in the foreground, for the wrapper commands.

use std::io;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};

use crate::status::{Confined, EXIT_SETUP, Ended, Failed};
use crate::{Cause, Launch, SpawnError, Spawner, StatusParser, Stdin, Stdio};

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
}

/// Runs a command on this process's own standard streams and waits for its end.
///
/// The first SIGINT, SIGTERM or SIGHUP asks the tree to end, the second kills it. Call it while this
/// process has one thread: the signals are blocked in the calling thread and in those started later.
///
/// # Errors
///
/// When the supervisor can't be started; the wrapper's exit code is 125 then.
pub fn run_inherited(mut launch: Launch) -> Result<Outcome, SpawnError> {
    launch.stdin = Stdin::Inherit;
    launch.stdio = Stdio::Inherit;
    let at = |step: &'static str| move |source: io::Error| SpawnError::System { step, source };
    let blocked = BlockedSignals::new().map_err(at("watching for signals"))?;
    let spawner = Spawner::start().map_err(at("starting the spawner"))?;
    let running = spawner.spawn(launch)?;

    let mut outcome = Outcome::default();
    let mut parser = StatusParser::default();
    loop {
        let mut fds = [
            PollFd::new(running.status(), PollFlags::IN),
            PollFd::new(&blocked.queue, PollFlags::IN),
        ];
        match poll(&mut fds, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(at("waiting for the command")(error.into())),
        }
        let [status, signals] = fds.map(|fd| !fd.revents().is_empty());
        if signals {
            for signal in blocked.pending() {
                let cause = match outcome.interrupted_by {
                    None => Cause::Interrupt,
                    Some(_) => Cause::Abandon,
                };
                running.end(cause);
                outcome.interrupted_by.get_or_insert(signal);
            }
        }
        if status {
            let mut bytes = [0; 4096];
            match rustix::io::read(running.status().as_fd(), &mut bytes) {
                Ok(0) => return Ok(outcome),
                Ok(length) => outcome.note(parser.feed(&bytes[..length]).unwrap_or_default()),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(at("reading the status")(error.into())),
            }
        }
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
