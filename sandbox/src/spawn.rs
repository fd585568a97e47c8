//! The agent's side: starting supervisors and holding their lifelines.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;

use crate::launch::Request;
use crate::process::fork;
use crate::ruleset::{Granting, promise};
use crate::supervise::{self, Errand, HELPER_NAME, LIFELINE_TERMINATE};
use crate::{Launch, Outcome, ProcessId, Status, StatusParser, Stdin, Stdio};

/// Launches that may wait for the spawner thread before a caller is held up.
const QUEUE: usize = 16;

/// This program's own file.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// Stack of the threads that wait for one supervisor each, in bytes.
const WAITER_STACK: usize = 64 * 1024;

/// Starts supervisors, all from one thread that never ends.
///
/// The kernel ties the parent-death signal to the *thread* that forked: were it a pool's thread,
/// running commands would be ended when the pool retires it. The program's own file is opened once,
/// so that an upgrade of the file during a session changes nothing.
#[derive(Clone, Debug)]
pub struct Spawner {
    jobs: SyncSender<Job>,
}

#[derive(Debug)]
struct Job {
    launch: Box<Launch>,
    reply: SyncSender<Result<Running, SpawnError>>,
}

/// Why a supervisor could not be started; the command did not run.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// There is no program to run.
    #[error("the command is empty")]
    EmptyCommand,
    /// A NUL byte can't be passed to a program.
    #[error("{what} holds a NUL byte")]
    Nul {
        /// Which part of the launch.
        what: &'static str,
    },
    /// The system refused a step.
    #[error("{step}: {source}")]
    System {
        /// What was attempted.
        step: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// This program's own file, which becomes the supervisor, could not be opened.
    #[error("{THIS_PROGRAM} can't be opened ({0}); /proc must be mounted")]
    NoProgram(io::ErrorKind),
    /// The spawner thread is gone.
    #[error("the spawner thread is gone")]
    Closed,
}

impl Spawner {
    /// Opens this program's own file and starts the spawner thread.
    ///
    /// Where `/proc` is missing, commands can't be started, and each says so; a session that needs
    /// none is not held up by that.
    ///
    /// # Errors
    ///
    /// When no thread can be started.
    pub fn start() -> io::Result<Spawner> {
        let program = File::open(THIS_PROGRAM);
        let (jobs, queue) = sync_channel(QUEUE);
        thread::Builder::new()
            .name("sandbox-spawn".to_owned())
            .spawn(move || serve(&program, &queue))?;
        Ok(Spawner { jobs })
    }

    /// Starts one command; returns once its supervisor has been started, in about a millisecond.
    ///
    /// Whether the fence stands is said on the status pipe.
    ///
    /// # Errors
    ///
    /// When the supervisor can't be started.
    pub fn spawn(&self, launch: Launch) -> Result<Running, SpawnError> {
        check(&launch)?;
        let (reply, answer) = sync_channel(1);
        let job = Job { launch: Box::new(launch), reply };
        self.jobs.send(job).map_err(|_| SpawnError::Closed)?;
        answer.recv().map_err(|_| SpawnError::Closed)?
    }
}

fn serve(program: &io::Result<File>, queue: &Receiver<Job>) {
    while let Ok(job) = queue.recv() {
        let started = match program {
            Ok(program) => start(program, &job.launch),
            Err(error) => Err(SpawnError::NoProgram(error.kind())),
        };
        // A caller that gave up drops the lifeline with the answer, which ends the command.
        let _ = job.reply.send(started);
    }
    // Ending this thread would end the commands that still run.
    loop {
        thread::park();
    }
}

/// Starts the supervisor of one command as a fork of this process that executes nothing, which is
/// for a process of one thread. The caller collects it.
///
/// # Errors
///
/// When the supervisor can't be started.
pub(crate) fn fork_supervisor(launch: Launch) -> Result<Forked, SpawnError> {
    check(&launch)?;
    let (lifeline_read, lifeline_write) = pipe()?;
    let (status_read, status_write) = pipe()?;
    let request = Request::new(&launch, own_pid());
    let shared = promise(&launch.plan)
        .map_err(|error| at("making a landlock ruleset")(io::Error::other(error)))?;
    match fork().map_err(at("starting the supervisor"))? {
        None => {
            let granting = match shared {
                Some((promise, promised)) => {
                    // Held here, too, it would keep the command waiting for ever once the wrapper is killed.
                    drop(promise);
                    Granting::Wrapper(promised)
                }
                None => Granting::Itself,
            };
            supervise::attend(Errand { request, granting }, lifeline_read, status_write)
        }
        Some(supervisor) => {
            drop((lifeline_read, status_write));
            if let Some((promise, promised)) = shared {
                drop(promised);
                // On a thread: whoever waits for the command has to hear signals, also while a file
                // system of a server that is gone answers nothing. Without one the word never comes.
                let Launch { plan, stdio, .. } = launch;
                thread::Builder::new()
                    .name("sandbox-rules".to_owned())
                    .spawn(move || promise.keep(&plan, stdio))
                    .map_err(at("starting a thread"))?;
            }
            Ok(Forked {
                status: status_read,
                lifeline: Lifeline { pipe: lifeline_write },
                supervisor,
            })
        }
    }
}

/// A command whose supervisor was forked.
pub(crate) struct Forked {
    pub(crate) status: OwnedFd,
    pub(crate) lifeline: Lifeline,
    pub(crate) supervisor: Pid,
}

fn own_pid() -> i32 {
    i32::try_from(std::process::id()).expect("process ids fit a pid_t")
}

fn at(step: &'static str) -> impl FnOnce(io::Error) -> SpawnError {
    move |source| SpawnError::System { step, source }
}

fn pipe() -> Result<(OwnedFd, OwnedFd), SpawnError> {
    pipe_with(PipeFlags::CLOEXEC).map_err(|error| at("making a pipe")(error.into()))
}

fn check(launch: &Launch) -> Result<(), SpawnError> {
    let has_nul = |text: &OsStr| text.as_bytes().contains(&0);
    if launch.argv.is_empty() {
        return Err(SpawnError::EmptyCommand);
    }
    let what = if launch.argv.iter().any(|word| has_nul(word)) {
        "an argument"
    } else if launch.env.variables().iter().any(|(name, value)| has_nul(name) || has_nul(value)) {
        "a variable"
    } else if has_nul(launch.cwd.as_os_str()) {
        "the working directory"
    } else {
        return Ok(());
    };
    Err(SpawnError::Nul { what })
}

fn start(program: &File, launch: &Launch) -> Result<Running, SpawnError> {
    // A file in memory, unlike a pipe, takes a request of any size before anybody reads.
    let request = Request::new(launch, own_pid());
    let request = write_request(&request).map_err(at("writing the request"))?;
    let (lifeline_read, lifeline_write) = pipe()?;
    let (status_read, status_write) = pipe()?;

    let handed: [RawFd; 3] =
        [request.as_raw_fd(), lifeline_read.as_raw_fd(), status_write.as_raw_fd()];
    let mut command = Command::new(format!("/proc/self/fd/{}", program.as_raw_fd()));
    command.arg0(HELPER_NAME).args(handed.map(|fd| fd.to_string())).env_clear();
    command.stdin(match launch.stdin {
        Stdin::Null => std::process::Stdio::null(),
        Stdin::Inherit => std::process::Stdio::inherit(),
    });
    let (stdout, stderr) = match launch.stdio {
        Stdio::Inherit => (None, None),
        Stdio::Captured => {
            let (out_read, out_write) = pipe()?;
            let (err_read, err_write) = pipe()?;
            command.stdout(out_write).stderr(err_write);
            (Some(out_read), Some(err_read))
        }
        Stdio::Joined => {
            let (out_read, out_write) = pipe()?;
            let err_write = out_write.try_clone().map_err(at("making a pipe"))?;
            command.stdout(out_write).stderr(err_write);
            (Some(out_read), None)
        }
    };
    keep_open(&mut command, handed);
    let child = command.spawn().map_err(at("starting the supervisor"))?;
    drop(command);

    // Named before anybody can collect it, and collected even if it can't be named.
    let process = i32::try_from(child.id()).map_err(io::Error::other).and_then(ProcessId::of);
    reap_later(child).map_err(at("starting a waiting thread"))?;
    let process = process.map_err(at("naming the supervisor"))?;
    Ok(Running {
        parts: Parts {
            stdout,
            stderr,
            status: status_read,
            lifeline: Lifeline { pipe: lifeline_write },
            process,
        },
    })
}

fn write_request(request: &Request) -> io::Result<File> {
    let mut file = File::from(memfd_create(c"codex-sandbox-request", MemfdFlags::CLOEXEC)?);
    file.write_all(&serde_json::to_vec(request)?)?;
    file.rewind()?;
    Ok(file)
}

/// Leaves three descriptors open across the exec, in the forked child only: in the agent they keep
/// the close-on-exec flag, so nothing that other threads start meanwhile can hold them.
#[allow(unsafe_code)]
fn keep_open(command: &mut Command, handed: [RawFd; 3]) {
    // SAFETY: the closure calls nothing but `fcntl`, which is async-signal-safe, on descriptors that
    // live until the command has been started.
    unsafe {
        command.pre_exec(move || {
            for fd in handed {
                if libc::fcntl(fd, libc::F_SETFD, 0) < 0 {
                    return Err(io::Error::last_os_error());
                }
            }
            Ok(())
        });
    }
}

/// Collects the supervisor when it ends, so that no zombie is left.
///
/// If no thread can be had, the dropped lifeline ends the supervisor.
fn reap_later(mut child: Child) -> io::Result<()> {
    thread::Builder::new()
        .name("sandbox-wait".to_owned())
        .stack_size(WAITER_STACK)
        .spawn(move || child.wait())
        .map(drop)
}

/// A command that was started; dropping it ends the command and everything below it.
#[derive(Debug)]
pub struct Running {
    parts: Parts,
}

/// The ends of a running command, for a caller with a runtime of its own.
#[derive(Debug)]
pub struct Parts {
    /// Standard output, if captured; with standard error where they are joined.
    pub stdout: Option<OwnedFd>,
    /// Standard error, if captured by itself.
    pub stderr: Option<OwnedFd>,
    /// Where [`Status`] lines arrive; ends when the supervisor ends. Feed a [`StatusParser`].
    pub status: OwnedFd,
    /// What keeps the command alive.
    pub lifeline: Lifeline,
    /// The supervisor.
    pub process: ProcessId,
}

/// The line that a command's life hangs on: dropping it kills the command's whole tree.
#[derive(Debug)]
pub struct Lifeline {
    pipe: OwnedFd,
}

/// How a command is to be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// SIGTERM to its process group, 500 ms, then SIGKILL to everything below it.
    Interrupt,
    /// SIGKILL at once.
    Abandon,
}

impl Lifeline {
    /// Ends the command; how it ended is said on the status pipe.
    ///
    /// `Interrupt` leaves the line in place; a supervisor that is gone already is no error.
    pub fn end(&self, cause: Cause) {
        let word = match cause {
            Cause::Interrupt => LIFELINE_TERMINATE,
            Cause::Abandon => b'K',
        };
        // SIGPIPE is ignored in Rust programs; a closed pipe means that there is nothing to end.
        let _ = rustix::io::write(&self.pipe, &[word]);
    }
}

impl Running {
    /// Names the supervisor.
    pub fn process(&self) -> &ProcessId {
        &self.parts.process
    }

    /// Ends the command; see [`Lifeline::end`].
    pub fn end(&self, cause: Cause) {
        self.parts.lifeline.end(cause);
    }

    /// Gives the ends to the caller, who keeps the lifeline for as long as the command may live.
    pub fn into_parts(self) -> Parts {
        self.parts
    }

    /// Waits for the end; captured output must be read by another thread meanwhile.
    pub fn wait(&mut self) -> Outcome {
        let mut outcome = Outcome::default();
        let mut parser = StatusParser::default();
        let mut bytes = [0; 4096];
        while let Ok(length) =
            rustix::io::retry_on_intr(|| rustix::io::read(self.parts.status.as_fd(), &mut bytes))
        {
            if length == 0 {
                break;
            }
            outcome.note(parser.feed(&bytes[..length]).unwrap_or_default());
        }
        outcome
    }
}

impl Outcome {
    pub(crate) fn note(&mut self, said: Vec<Status>) {
        for status in said {
            match status {
                Status::Confined(confined) => self.confined = Some(confined),
                Status::Failed(failed) => self.failed = Some(failed),
                Status::Ended(ended) => self.ended = Some(ended),
            }
        }
    }
}
