//! A child that shares its parent's memory until it executes a program.
//!
//! It costs a fraction of a fork: no page table is copied, no page is copied or found a second time,
//! and nothing has to be taken apart at the exec. Descriptors, folder, signals and credentials are
//! the child's own from the start.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};

/// The child's stack, in bytes; what is not touched costs nothing.
const STACK: usize = 1 << 20;

/// The part of it that nobody may touch, at its lower end. A multiple of every size of pages.
const GUARD: usize = 1 << 16;

/// How long a child may still take to become a program once its parent is wanted elsewhere.
const GRACE: Duration = Duration::from_millis(200);

/// Whether the child is in the middle of changing the memory that it shares.
static IS_CHANGING: AtomicBool = AtomicBool::new(false);

/// A child that was started and may still share this process's memory.
#[must_use = "the child uses this process's memory until `wait` has returned"]
pub(crate) struct Sharing {
    child: Pid,
    _stack: Stack,
}

/// A child that shares this process's memory no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) child: Pid,
    pub(crate) way: Way,
}

/// How that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// It executes a program, or has ended by itself.
    Own,
    /// It was killed, since its parent was wanted elsewhere.
    Killed,
}

/// The child was killed while it changed the memory that it shared, which is not to be trusted any
/// more: the process has to end without using it.
#[derive(Debug)]
pub(crate) struct Torn;

/// Starts a child that shares this process's memory, and gives it a descriptor.
///
/// The process must have one thread, see [`crate::process::fork`]. Nothing may be done before
/// [`Sharing::wait`] has returned.
///
/// # Errors
///
/// When no process or no stack for it can be had.
#[allow(unsafe_code)]
pub(crate) fn share<F>(given: OwnedFd, child: F) -> io::Result<Sharing>
where
    F: FnOnce(BorrowedFd<'_>) -> i32 + 'static,
{
    extern "C" fn enter<F>(task: *mut libc::c_void) -> libc::c_int
    where
        F: FnOnce(BorrowedFd<'_>) -> i32,
    {
        // SAFETY: `share` made it of a box of this very type, and gives it to this call alone.
        let (given, child) = *unsafe { Box::from_raw(task.cast::<Task<F>>()) };
        let code = child(given.as_fd());
        IS_CHANGING.store(false, Ordering::SeqCst);
        code
    }
    // The kernel closes it, once the child has left: that is the sign of it.
    type Task<F> = (ManuallyDrop<OwnedFd>, F);
    let number = given.as_raw_fd();
    let stack = Stack::new()?;
    let task: *mut Task<F> = Box::into_raw(Box::new((ManuallyDrop::new(given), child)));
    IS_CHANGING.store(true, Ordering::SeqCst);
    // SAFETY: the function gets its own argument and a stack that nobody else uses and that is given
    // back only when the child has left. With one thread no lock is held that the child would wait
    // for; and until it has left, the parent makes a few system calls, from its own stack and without
    // the C library, so that the heap and what belongs to a thread have one user at a time.
    let child = unsafe {
        libc::clone(enter::<F>, stack.top(), libc::CLONE_VM | libc::SIGCHLD, task.cast())
    };
    let error = (child < 0).then(io::Error::last_os_error);
    // SAFETY: tables of descriptors are not shared: what the child has stands for its own entry, and
    // is never dropped; nothing else stands for the one here.
    drop(unsafe { OwnedFd::from_raw_fd(number) });
    match (error, Pid::from_raw(child.max(0))) {
        (None, Some(child)) => Ok(Sharing { child, _stack: stack }),
        (error, _) => {
            // SAFETY: no child came to be that would own it.
            drop(unsafe { Box::from_raw(task) });
            Err(error.unwrap_or_else(|| io::ErrorKind::Other.into()))
        }
    }
}

/// Does what the child does last, the exec, without touching memory that it shares.
pub(crate) fn at_rest<T>(exec: impl FnOnce() -> T) -> T {
    let before = IS_CHANGING.swap(false, Ordering::SeqCst);
    let answer = exec();
    IS_CHANGING.store(before, Ordering::SeqCst);
    answer
}

impl Sharing {
    /// Waits until the child executes a program or ends, either of which closes the other end of
    /// `held`.
    ///
    /// Once one of `calls` can be read or `until` has come, a child that does not get there soon is
    /// killed: it hangs in the kernel.
    ///
    /// # Errors
    ///
    /// [`Torn`] when the child was killed on its way.
    pub(crate) fn wait(
        self,
        held: BorrowedFd<'_>,
        calls: [BorrowedFd<'_>; 2],
        until: Option<Instant>,
    ) -> Result<Left, Torn> {
        // The heap is the child's for now, and so is the C library's error number.
        let [first, second] = calls;
        let has_left = |fds: &mut [PollFd<'_>], limit: Option<Duration>| {
            let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
            while poll(fds, limit.as_ref()) == Err(rustix::io::Errno::INTR) {}
            fds[0].revents().contains(PollFlags::HUP)
        };
        let limit = until.map(|until| until.saturating_duration_since(Instant::now()));
        let all = &mut [
            PollFd::from_borrowed_fd(held, PollFlags::empty()),
            PollFd::from_borrowed_fd(first, PollFlags::IN),
            PollFd::from_borrowed_fd(second, PollFlags::IN),
        ];
        let mut way = Way::Own;
        if !has_left(all, limit) && !has_left(&mut all[..1], Some(GRACE)) {
            let _ = kill_process(self.child, Signal::KILL);
            while !has_left(&mut all[..1], None) {}
            way = Way::Killed;
        }
        match IS_CHANGING.load(Ordering::SeqCst) {
            false => Ok(Left { child: self.child, way }),
            true => Err(Torn),
        }
    }
}

/// Memory for a stack, with a guard below it.
struct Stack(*mut libc::c_void);

impl Stack {
    #[allow(unsafe_code)]
    fn new() -> io::Result<Stack> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK;
        // SAFETY: new memory at a place of the kernel's choice; the guard lies at its start.
        unsafe {
            let start = libc::mmap(ptr::null_mut(), GUARD + STACK, access, kind, -1, 0);
            if start == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
            let stack = Stack(start);
            match libc::mprotect(start, GUARD, libc::PROT_NONE) {
                0 => Ok(stack),
                _ => Err(io::Error::last_os_error()),
            }
        }
    }

    /// Where a stack begins that grows downwards.
    fn top(&self) -> *mut libc::c_void {
        self.0.wrapping_byte_add(GUARD + STACK)
    }
}

impl Drop for Stack {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: it was mapped with this length, and whoever ran on it has left.
        unsafe { libc::munmap(self.0, GUARD + STACK) };
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{WaitOptions, waitpid};
    use rustix::thread::nanosleep;

    use super::*;

    fn sleep() -> i32 {
        loop {
            let _ = nanosleep(&Timespec { tv_sec: 1, tv_nsec: 0 });
        }
    }

    fn run(
        until: Option<Instant>,
        child: impl FnOnce(BorrowedFd<'_>) -> i32 + 'static,
    ) -> (Result<Way, Torn>, Option<i32>) {
        let pair = || rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).expect("a pipe");
        let (held, given) = pair();
        let (call, _quiet) = pair();
        let sharing = share(given, child).expect("started");
        let pid = sharing.child;
        let left = sharing.wait(held.as_fd(), [call.as_fd(), call.as_fd()], until);
        let (_, status) = waitpid(Some(pid), WaitOptions::empty()).expect("ours").expect("ended");
        (left.map(|left| left.way), status.exit_status())
    }

    #[test]
    fn whoever_hangs_is_killed_and_leaves_memory_torn_unless_at_rest() {
        // One after the other, and with children that leave the heap to the harness's threads.
        static SEEN: AtomicBool = AtomicBool::new(false);
        let (left, code) = run(None, |_given| {
            SEEN.store(true, Ordering::SeqCst);
            7
        });
        assert_eq!((left.expect("whole"), code), (Way::Own, Some(7)));
        assert!(SEEN.load(Ordering::SeqCst), "memory is shared");

        let (left, code) = run(Some(Instant::now()), |_given| sleep());
        left.expect_err("it may have been in the middle of anything");
        assert_eq!(code, None);

        let (left, code) = run(Some(Instant::now()), |_given| at_rest(sleep));
        assert_eq!((left.expect("whole"), code), (Way::Killed, None));
    }
}
