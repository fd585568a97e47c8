//! What stands outside and is attacked: a process with secrets, objects of the kernel.

use std::fs::File;
use std::io::{self, BufRead, Write};
use std::os::fd::AsRawFd;

use crate::call::{c_string, call};

/// What a bystander holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Memory and an open file. Facts: where the memory is, the number of the descriptor.
    Process,
    /// A segment of System V shared memory. Facts: its id.
    SharedMemory,
    /// A System V queue with one message. Facts: its id.
    Messages,
    /// A System V semaphore. Facts: its id.
    Semaphore,
    /// A POSIX queue. Facts: none.
    Post,
    /// A key in the user's keyring. Facts: its id.
    Key,
}

/// What is given to a bystander to hold.
#[derive(Clone, Copy, Debug)]
pub struct Holding<'a> {
    /// What it holds.
    pub kind: Kind,
    /// A name that nothing else has.
    pub name: &'a str,
    /// The text that must not be read or changed.
    pub text: &'a str,
    /// A file to keep open.
    pub file: &'a str,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 6] =
        [Kind::Process, Kind::SharedMemory, Kind::Messages, Kind::Semaphore, Kind::Post, Kind::Key];
}

impl Holding<'_> {
    /// Holds it: says the facts in a line, then, for every line that comes in, what is there now.
    /// The object goes when the input ends.
    ///
    /// # Errors
    ///
    /// When the kernel gives no such object.
    pub fn hold(self) -> io::Result<()> {
        match self.kind {
            Kind::Process => self.hold_memory(),
            Kind::SharedMemory => self.hold_shared_memory(),
            Kind::Messages => self.hold_messages(),
            Kind::Semaphore => hold_semaphore(),
            Kind::Post => self.hold_post(),
            Kind::Key => self.hold_key(),
        }
    }

    #[allow(unsafe_code)]
    fn hold_memory(self) -> io::Result<()> {
        let file = File::options().read(true).write(true).open(self.file)?;
        let mut memory = vec![b' '; 64];
        let length = self.text.len().min(64);
        memory[..length].copy_from_slice(&self.text.as_bytes()[..length]);
        let place = memory.as_mut_ptr();
        serve(&format!("{} {}", place as usize, file.as_raw_fd()), || {
            // SAFETY: the memory lives until the end of this function. It is read as volatile,
            // because another process may have written to it.
            (0..64).map(|at| char::from(unsafe { place.add(at).read_volatile() })).collect()
        })?;
        drop(memory);
        Ok(())
    }

    #[allow(unsafe_code)]
    fn hold_shared_memory(self) -> io::Result<()> {
        let id = call(libc::SYS_shmget, [libc::IPC_PRIVATE.into(), 4096.into(), 0o1600.into()])?;
        // SAFETY: the kernel chooses the place; the segment was made above.
        let place = unsafe { libc::shmat(id as i32, std::ptr::null(), 0) };
        if place as isize == -1 {
            return Err(io::Error::last_os_error());
        }
        let place: *mut u8 = place.cast();
        let length = self.text.len().min(64);
        // SAFETY: a page was asked for, and the text takes at most 64 bytes of it.
        unsafe { place.copy_from_nonoverlapping(self.text.as_ptr(), length) };
        let served = serve(&id.to_string(), || {
            // A segment that was removed while attached answers no more.
            let mut state = [0_u8; 256];
            let known = call(
                libc::SYS_shmctl,
                [id.into(), libc::IPC_STAT.into(), state[..].as_mut().into()],
            );
            // SAFETY: as above; another process may write meanwhile, so it is read as volatile.
            let bytes = (0..length).map(|at| unsafe { place.add(at).read_volatile() });
            // The mode follows the key and the four owners of `struct ipc64_perm`; bit 9 marks
            // what was removed.
            let removed = known.is_err() || state[21] & 0o2 != 0;
            format!(
                "{}{}",
                bytes.map(char::from).collect::<String>(),
                if removed { " removed" } else { "" }
            )
        });
        let _ = call(libc::SYS_shmctl, [id.into(), libc::IPC_RMID.into(), 0.into()]);
        served
    }

    fn hold_messages(self) -> io::Result<()> {
        let id = call(libc::SYS_msgget, [libc::IPC_PRIVATE.into(), 0o1600.into()])?;
        let message = [&1_i64.to_ne_bytes()[..], self.text.as_bytes()].concat();
        let length = self.text.len() as i64;
        call(libc::SYS_msgsnd, [id.into(), message[..].into(), length.into(), 0.into()])?;
        let served = serve(&id.to_string(), || {
            let mut state = [0_u8; 256];
            let asked = call(
                libc::SYS_msgctl,
                [id.into(), libc::IPC_STAT.into(), state[..].as_mut().into()],
            );
            // `msg_qnum` of `struct msqid64_ds`: after the permissions, three times and the bytes.
            format!("{} messages, {}", state[80], asked.is_ok())
        });
        let _ = call(libc::SYS_msgctl, [id.into(), libc::IPC_RMID.into(), 0.into()]);
        served
    }

    fn hold_post(self) -> io::Result<()> {
        let name = c_string(self.name);
        let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_NONBLOCK;
        let queue =
            call(libc::SYS_mq_open, [name[..].into(), flags.into(), 0o600.into(), 0.into()])?;
        let served = serve("", || {
            let mut state = [0_u8; 64];
            let asked =
                call(libc::SYS_mq_getsetattr, [queue.into(), 0.into(), state[..].as_mut().into()]);
            // `mq_curmsgs` is the fourth number of `struct mq_attr`.
            format!("{} messages, {}", state[24], asked.is_ok())
        });
        let _ = call(libc::SYS_mq_unlink, [name[..].into()]);
        served
    }

    fn hold_key(self) -> io::Result<()> {
        let ring = i64::from(libc::KEY_SPEC_USER_KEYRING);
        let (kind, name) = (c_string("user"), c_string(self.name));
        let (text, length) = (self.text.as_bytes(), self.text.len() as i64);
        let id = call(
            libc::SYS_add_key,
            [kind[..].into(), name[..].into(), text.into(), length.into(), ring.into()],
        )?;
        // Every process of the user may do everything with it.
        let (set_mode, all) = (libc::KEYCTL_SETPERM as i64, 0x3f3f_0000);
        call(libc::SYS_keyctl, [set_mode.into(), id.into(), all.into()])?;
        let served = serve(&id.to_string(), || self.text.to_owned());
        let unlink = libc::KEYCTL_UNLINK as i64;
        let _ = call(libc::SYS_keyctl, [unlink.into(), id.into(), ring.into()]);
        served
    }
}

fn hold_semaphore() -> io::Result<()> {
    /// `GETVAL` of `linux/sem.h`.
    const VALUE: i32 = 12;
    let id = call(libc::SYS_semget, [libc::IPC_PRIVATE.into(), 1.into(), 0o1600.into()])?;
    let served = serve(&id.to_string(), || {
        let value = call(libc::SYS_semctl, [id.into(), 0.into(), VALUE.into(), 0.into()]);
        format!("{value:?}")
    });
    let _ = call(libc::SYS_semctl, [id.into(), 0.into(), libc::IPC_RMID.into(), 0.into()]);
    served
}

fn serve(facts: &str, mut state: impl FnMut() -> String) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "holding {} {facts}", std::process::id())?;
    out.flush()?;
    for line in io::stdin().lock().lines() {
        line?;
        writeln!(out, "now {}", state())?;
        out.flush()?;
    }
    Ok(())
}
