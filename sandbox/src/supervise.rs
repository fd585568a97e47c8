//! The supervisor: the process between the agent and the command.
//!
//! It stays outside the fence, adopts every orphan below it, and sees to it that nothing outlives
//! the command, the deadline or the agent.

mod disk;
mod start;
mod tree;

use std::fs::File;
use std::io::{self, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::process::{DumpableBehavior, Pid, Resource, Rlimit, Signal, WaitStatus};

use crate::confine::close_all_but;
use crate::launch::Request;
use crate::process::{Stat, descendants, leave};
use crate::ruleset::Granting;
use crate::share::Way;
use crate::status::{CutShort, EXIT_SETUP, End, Ended, Failed, Status, Step};
use disk::Disks;
use start::{Role, Started, Ties};

/// The name under which the program is executed again to become a supervisor.
pub const HELPER_NAME: &str = "codex-sandbox-helper";

/// How long a command may take to end after SIGTERM.
const GRACE: Duration = Duration::from_millis(500);

/// How long the end of a run waits for killed processes that hang in the kernel.
const SWEEP_LIMIT: Duration = Duration::from_secs(5);

/// The limit on a dump of memory, in bytes: too little for a file, and the one number at which the kernel
/// pipes none to a program of the host's either (`coredump_pipe` in `fs/coredump.c`); at 0 it does.
const NO_CORE: u64 = 1;

/// The longest message of a child, in bytes: a failure names a path and a reason.
const WORD_LIMIT: usize = 16 * 1024;

/// Byte on the lifeline that asks for SIGTERM first.
pub(crate) const LIFELINE_TERMINATE: u8 = b'T';

/// Becomes the supervisor if the program was executed under [`HELPER_NAME`]; else returns at once.
///
/// It must be the first thing in `main`: the supervisor forks, which is only sound while there is
/// one thread, and it must not read the agent's configuration.
pub fn dispatch() {
    let mut words = std::env::args_os();
    let is_supervisor =
        words.next().is_some_and(|name| Path::new(&name).file_name() == Some(HELPER_NAME.as_ref()));
    if !is_supervisor {
        return;
    }
    let fds: Vec<RawFd> =
        words.filter_map(|word| word.to_str().and_then(|word| word.parse().ok())).collect();
    let code = match fds[..] {
        [request, lifeline, status] => match Pipes::adopt(request, lifeline, status) {
            Ok((request, pipes)) => supervise(|| read_errand(request), pipes),
            Err(_) => EXIT_SETUP,
        },
        _ => EXIT_SETUP,
    };
    std::process::exit(code);
}

/// Becomes the supervisor in a process that was forked for it and executes nothing: what belongs to
/// the agent is left as it is, and its descriptors are closed.
///
/// The caller had one thread when it forked, see [`crate::process::has_one_thread`].
pub(crate) fn attend(errand: Errand, lifeline: OwnedFd, status: OwnedFd) -> ! {
    leave(supervise(|| Ok(errand), Pipes { lifeline, status: status.into() }))
}

/// What a supervisor is there for.
pub(crate) struct Errand {
    pub(crate) request: Request,
    pub(crate) granting: Granting,
}

/// What ties the supervisor to the agent.
struct Pipes {
    lifeline: OwnedFd,
    status: File,
}

impl Pipes {
    #[allow(unsafe_code)]
    fn adopt(request: RawFd, lifeline: RawFd, status: RawFd) -> io::Result<(File, Pipes)> {
        let adopt = |fd: RawFd| -> io::Result<OwnedFd> {
            // SAFETY: only asks whether the number is an open descriptor.
            if fd <= 2 || unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            // SAFETY: it is open, and was left open across the exec for this process to own; nothing
            // else in this program has run yet.
            let fd = unsafe { OwnedFd::from_raw_fd(fd) };
            fcntl_setfd(&fd, FdFlags::CLOEXEC)?;
            Ok(fd)
        };
        if request == lifeline || lifeline == status || request == status {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let request = adopt(request)?.into();
        Ok((request, Pipes { lifeline: adopt(lifeline)?, status: adopt(status)?.into() }))
    }
}

/// Writes one line in one piece; an agent that is gone reads nothing, and the lifeline tells.
pub(crate) fn say(pipe: impl AsFd, status: &Status) {
    if let Ok(mut line) = serde_json::to_vec(status) {
        line.push(b'\n');
        let mut rest = line.as_slice();
        while !rest.is_empty() {
            match rustix::io::write(pipe.as_fd(), rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
        }
    }
}

fn read_errand(mut source: File) -> Result<Errand, Failed> {
    let mut text = vec![];
    let request = source
        .read_to_end(&mut text)
        .and_then(|_| serde_json::from_slice(&text).map_err(Into::into))
        .map_err(|error| setup_failure(Step::Request, error))?;
    Ok(Errand { request, granting: Granting::Itself })
}

fn supervise(
    errand: impl FnOnce() -> Result<Errand, Failed>,
    Pipes { lifeline, status }: Pipes,
) -> i32 {
    let (errand, signals) = match prepare(errand, &[lifeline.as_fd(), status.as_fd()]) {
        Ok(ready) => ready,
        Err(failed) => return give_up(&status, failed),
    };
    let request = &errand.request;
    let timeout = request.timeout_ms.map(Duration::from_millis);
    // A limit too far away to be a point in time is no limit.
    let deadline = timeout.and_then(|limit| Instant::now().checked_add(limit));
    let agent = request.agent_pid;
    let disks = Disks::of(request);
    let ties = Ties {
        lifeline: lifeline.as_fd(),
        signals: signals.as_fd(),
        status: status.as_fd(),
        until: deadline,
    };
    match start::start(errand, &ties) {
        Ok(started) => Supervisor {
            started,
            agent,
            lifeline,
            signals,
            status,
            listening: true,
            failed: None,
            ended: None,
            is_abandoned: false,
        }
        .run(deadline, disks),
        Err(failed) => give_up(&status, failed),
    }
}

fn give_up(status: &File, failed: Failed) -> i32 {
    let code = failed.code;
    say(status, &Status::Failed(failed));
    code
}

fn setup_failure(step: Step, error: impl ToString) -> Failed {
    Failed { step, message: error.to_string(), code: EXIT_SETUP }
}

fn prepare(
    errand: impl FnOnce() -> Result<Errand, Failed>,
    kept: &[BorrowedFd<'_>],
) -> Result<(Errand, OwnedFd), Failed> {
    // Block first: from here on a dying agent is a signal to be read, not a death.
    let signals = block_signals().map_err(|error| setup_failure(Step::Supervisor, error))?;
    let errand = errand()?;
    let set_up = || -> io::Result<()> {
        // TERM, not KILL: this process must outlive the agent for as long as it takes to end the
        // tree; the lifeline says the same, whichever comes first.
        rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?;
        if rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get())
            != Some(errand.request.agent_pid)
        {
            return Err(io::Error::other("the agent is gone"));
        }
        rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
        rustix::thread::set_name(c"codex-sandbox")?;
        rustix::process::setsid()?;
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        let core = |bytes| Rlimit { current: Some(bytes), maximum: Some(bytes) };
        match rustix::process::setrlimit(Resource::Core, core(NO_CORE)) {
            // Who may have none can't be given a byte.
            Err(rustix::io::Errno::PERM) => rustix::process::setrlimit(Resource::Core, core(0)),
            set => set,
        }?;
        let mut kept = kept.to_vec();
        kept.push(signals.as_fd());
        match &errand.granting {
            Granting::Itself => {}
            Granting::Wrapper(promised) => kept.extend(promised.descriptors()),
        }
        close_all_but(&kept)
    };
    set_up().map_err(|error| setup_failure(Step::Supervisor, error))?;
    Ok((errand, signals))
}

#[allow(unsafe_code)]
fn block_signals() -> io::Result<OwnedFd> {
    // SAFETY: `set` is initialised by `sigemptyset` before use; the descriptor that `signalfd`
    // returns is new and owned by nobody else.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        for signal in [libc::SIGCHLD, libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT] {
            libc::sigaddset(&raw mut set, signal);
        }
        // An ignored SIGCHLD would outlive the exec and take the exit codes away.
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        if libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
        match libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) {
            -1 => Err(io::Error::last_os_error()),
            fd => Ok(OwnedFd::from_raw_fd(fd)),
        }
    }
}

/// Lets go of the output pipes and the folder, so that their ends depend on the command alone.
#[allow(unsafe_code)]
pub(crate) fn release_surroundings() -> io::Result<()> {
    let null = File::options().read(true).write(true).open("/dev/null")?;
    for stream in 0..=2 {
        // SAFETY: replaces the standard streams, which no Rust object owns, by an open descriptor.
        if unsafe { libc::dup2(null.as_raw_fd(), stream) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    rustix::process::chdir("/")?;
    Ok(())
}

struct Supervisor {
    started: Started,
    agent: i32,
    lifeline: OwnedFd,
    signals: OwnedFd,
    status: File,
    /// Whether the child may still say something.
    listening: bool,
    failed: Option<Failed>,
    /// What process 1 says about the command's end.
    ended: Option<Ended>,
    /// Whether nobody waits for the command any more.
    is_abandoned: bool,
}

/// What one look at the world asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wish {
    Nothing,
    Terminate,
    Kill,
}

impl Supervisor {
    fn run(mut self, mut deadline: Option<Instant>, mut disks: Disks) -> i32 {
        let mut kill_at: Option<Instant> = None;
        // One that was killed on its way to its program has ended already.
        let is_late = deadline.is_some_and(|at| at <= Instant::now());
        let mut cut_short = (is_late && self.started.way == Way::Killed).then_some(CutShort::Time);
        let mut end: Option<End> = None;
        loop {
            let next = [deadline, kill_at, disks.due].into_iter().flatten().min();
            let wish = self.wait(next);
            let children = tree::reap(|pid, status| {
                if pid == self.started.child {
                    end = end.or(end_of(status));
                }
            });
            let now = Instant::now();
            let has_ended = end.is_some() || self.ended.is_some();
            let all_ended = self.ended.as_ref().is_some_and(|ended| ended.survivors == 0);
            if has_ended && (kill_at.is_none() || all_ended || !children) {
                break;
            }
            if wish == Wish::Kill {
                self.is_abandoned = true;
                break;
            }
            if kill_at.is_some_and(|at| at <= now) {
                break;
            }
            let expired = deadline.is_some_and(|at| at <= now).then_some(CutShort::Time);
            let reason = expired.or_else(|| disks.look(now));
            if (reason.is_some() || wish == Wish::Terminate) && kill_at.is_none() {
                cut_short = reason;
                deadline = None;
                disks.due = None;
                kill_at = Some(now + GRACE);
                self.terminate();
            }
        }
        self.finish(end, cut_short)
    }

    /// Asks the command's process group to end.
    fn terminate(&self) {
        let child = self.started.child;
        match self.started.role {
            Role::Command => {
                // A stopped group gets the signal only when it goes on.
                let _ = rustix::process::kill_process_group(child, Signal::TERM);
                let _ = rustix::process::kill_process_group(child, Signal::CONT);
            }
            // It passes the signal on, to a group whose number is known inside.
            Role::Init => {
                let _ = rustix::process::kill_process(child, Signal::TERM);
            }
        }
    }

    /// Sleeps until something happens or `until` comes, and says what was asked for.
    fn wait(&mut self, until: Option<Instant>) -> Wish {
        let timeout = until.map(|until| {
            let left = until.saturating_duration_since(Instant::now());
            Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            }
        });
        let mut fds = [
            PollFd::new(&self.lifeline, PollFlags::IN),
            PollFd::new(&self.signals, PollFlags::IN),
            PollFd::new(&self.started.errands, PollFlags::IN),
        ];
        // Without a command's word to wait for, its end of file would wake us for ever.
        let watched = if self.listening { 3 } else { 2 };
        if poll(&mut fds[..watched], timeout.as_ref()).is_err() {
            return Wish::Nothing;
        }
        let [lifeline, signals, errands] = fds.map(|fd| !fd.revents().is_empty());
        if errands {
            self.listen();
        }
        let mut wish = Wish::Nothing;
        if signals && self.was_told_to_stop() {
            let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
            wish = if parent == Some(self.agent) { Wish::Terminate } else { Wish::Kill };
        }
        if lifeline {
            let mut word = [0; 1];
            wish = match rustix::io::read(&self.lifeline, &mut word) {
                Ok(1) if word[0] == LIFELINE_TERMINATE => Wish::Terminate,
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => wish,
                Ok(_) | Err(_) => Wish::Kill,
            };
        }
        wish
    }

    /// Reads what the child says, and passes on what the agent is to know.
    fn listen(&mut self) {
        let mut bytes = [0; WORD_LIMIT];
        while self.listening {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
            let mut extra = RecvAncillaryBuffer::new(&mut space);
            let mut buffer = [IoSliceMut::new(&mut bytes)];
            let flags = RecvFlags::DONTWAIT;
            let length = match recvmsg(&self.started.errands, &mut buffer, &mut extra, flags) {
                Ok(message) => message.bytes,
                Err(rustix::io::Errno::INTR) => continue,
                Err(rustix::io::Errno::AGAIN) => return,
                Err(_) => 0,
            };
            let speaker = extra.drain().find_map(|it| match it {
                RecvAncillaryMessage::ScmCredentials(credentials) => Some(credentials.pid),
                _ => None,
            });
            self.listening = length > 0;
            if self.listening
                && let Ok(status) = serde_json::from_slice(&bytes[..length])
            {
                self.pass_on(status, speaker);
            }
        }
    }

    fn pass_on(&mut self, status: Status, speaker: Option<Pid>) {
        match status {
            Status::Confined(mut confined) => {
                confined.pid = speaker.unwrap_or(self.started.child).as_raw_nonzero().get();
                confined.partial = self.started.kept.partial;
                if confined.start_time == 0 {
                    confined.start_time =
                        Stat::read(confined.pid).map(|stat| stat.start_time).unwrap_or_default();
                }
                say(&self.status, &Status::Confined(confined));
            }
            Status::Failed(failed) => {
                say(&self.status, &Status::Failed(failed.clone()));
                self.failed = Some(failed);
            }
            Status::Ended(ended) => self.ended = Some(ended),
        }
    }

    fn was_told_to_stop(&self) -> bool {
        let mut told = false;
        let mut info = [0_u8; size_of::<libc::signalfd_siginfo>()];
        while let Ok(length) = rustix::io::read(&self.signals, &mut info) {
            // `ssi_signo` is the first field.
            let number = u32::from_ne_bytes([info[0], info[1], info[2], info[3]]);
            told |= length > 0 && number != libc::SIGCHLD as u32;
        }
        told
    }

    /// Ends what is left, says how it ended, and returns this process's own exit code.
    fn finish(mut self, end: Option<End>, cut_short: Option<CutShort>) -> i32 {
        let mut ended = match self.started.role {
            Role::Command => self.sweep(end),
            Role::Init => self.end_init(),
        };
        ended.cut_short = cut_short;
        // Before the agent hears of the end, so that it finds its folders as they were.
        ended.changes = std::mem::take(&mut self.started.kept).look_again();
        let survivors = ended.survivors;
        let code = match &self.failed {
            Some(failed) => failed.code,
            None => {
                let code = ended.exit_code();
                say(&self.status, &Status::Ended(ended));
                code
            }
        };
        drop(self.status);
        // The report must not wait for a process that hangs in the kernel, but this one does: it is
        // the only process that will ever end it.
        while survivors > 0
            && tree::sweep(Instant::now() + SWEEP_LIMIT, &mut |_, _| {}).survivors > 0
        {}
        // Process 1 of the namespaces was on its way out, unless somebody has stopped it.
        if tree::reap(|_, _| {}) {
            let _ = rustix::process::kill_process(self.started.child, Signal::KILL);
            tree::collect();
        }
        code
    }

    fn sweep(&mut self, mut end: Option<End>) -> Ended {
        let command = self.started.child;
        let mut note = |pid: Pid, status: WaitStatus| {
            if pid == command {
                end = end.or(end_of(status));
            }
        };
        let sweep = tree::sweep(Instant::now() + SWEEP_LIMIT, &mut note);
        self.listen();
        Ended {
            end: end.unwrap_or(End::Signal(libc::SIGKILL)),
            cut_short: None,
            swept: sweep.swept,
            survivors: sweep.survivors,
            changes: vec![],
        }
    }

    /// Ends the command's namespaces, unless process 1 said that nothing but itself is left.
    fn end_init(&mut self) -> Ended {
        self.listen();
        if let Some(ended) = self.ended.take_if(|ended| ended.survivors == 0) {
            // It is on its way out, and the signal of our own end would see to it.
            return ended;
        }
        let init = self.started.child;
        // Counting means looking at every process of the machine. Where an agent was killed all its
        // supervisors would do so at once, each before it ends anything.
        let inside = match self.is_abandoned {
            true => 0,
            false => descendants(init.as_raw_nonzero().get()).len(),
        };
        // The kernel kills all that is inside, before it lets this one go.
        let _ = rustix::process::kill_process(init, Signal::KILL);
        let survivors = match self.is_gone_within(SWEEP_LIMIT) {
            true => 0,
            false => tree::sweep(Instant::now(), &mut |_, _| {}).survivors,
        };
        self.listen();
        let end = self.ended.take().map_or(End::Signal(libc::SIGKILL), |ended| ended.end);
        let swept = u32::try_from(inside).unwrap_or(u32::MAX);
        Ended { end, cut_short: None, swept, survivors, changes: vec![] }
    }

    /// Waits for the only child, which was killed.
    fn is_gone_within(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while tree::reap(|_, _| {}) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let mut fds = [PollFd::new(&self.signals, PollFlags::IN)];
            let _ = poll(&mut fds, Timespec::try_from(left).ok().as_ref());
            self.was_told_to_stop();
        }
        true
    }
}

pub(crate) fn end_of(status: WaitStatus) -> Option<End> {
    status.exit_status().map(End::Code).or_else(|| status.terminating_signal().map(End::Signal))
}
