//! A ring of its own: the second way to a system call, which no filter of numbers sees.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use crate::call::{c_string, call};

/// Operations of `enum io_uring_op`, `linux/io_uring.h`.
const OPENAT: u8 = 18;
const CONNECT: u8 = 16;
const RENAMEAT: u8 = 35;
const SOCKET: u8 = 45;

/// Size of the rings and of one entry, and where a mapping of them begins.
const RINGS: usize = 8192;
const ENTRY: usize = 64;
const ENTRIES_OFFSET: i64 = 0x1000_0000;

pub(crate) fn create(path: &str) -> io::Result<()> {
    let path = c_string(path);
    let flags = (libc::O_CREAT | libc::O_WRONLY) as u32;
    Ring::new()?.submit(OPENAT, libc::AT_FDCWD, path.as_ptr() as u64, 0o644, 0, flags).map(drop)
}

pub(crate) fn rename(one: &str, other: &str) -> io::Result<()> {
    let (one, other) = (c_string(one), c_string(other));
    let here = libc::AT_FDCWD as u32;
    let mut ring = Ring::new()?;
    ring.submit(RENAMEAT, libc::AT_FDCWD, one.as_ptr() as u64, here, other.as_ptr() as u64, 0)
        .map(drop)
}

/// Makes a socket and connects it, all inside the ring.
pub(crate) fn connect(address: &[u8]) -> io::Result<()> {
    let mut ring = Ring::new()?;
    let kind = libc::SOCK_STREAM as u64;
    let family = i32::from(u16::from_ne_bytes([address[0], address[1]]));
    let socket = ring.submit(SOCKET, family, 0, 0, kind, 0)?;
    let length = address.len() as u64;
    ring.submit(CONNECT, socket, address.as_ptr() as u64, 0, length, 0).map(drop)
}

/// Opens a ring and keeps it, to be seen from outside.
pub(crate) fn keep() -> io::Result<()> {
    let _ring = Ring::new()?;
    crate::stay()
}

struct Ring {
    fd: OwnedFd,
    rings: *mut u8,
    entries: *mut u8,
    parameters: [u32; 30],
    submitted: u32,
}

impl Ring {
    #[allow(unsafe_code)]
    fn new() -> io::Result<Ring> {
        let mut parameters = [0_u8; 120];
        let fd = call(libc::SYS_io_uring_setup, [4.into(), parameters[..].as_mut().into()])?;
        // SAFETY: the kernel has just made it for this process, and nothing else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd as i32) };
        let mut numbers = [0; 30];
        for (number, bytes) in numbers.iter_mut().zip(parameters.chunks_exact(4)) {
            *number = u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        let rings = map(&fd, RINGS, 0)?;
        let entries = map(&fd, ENTRY * numbers[0] as usize, ENTRIES_OFFSET)?;
        Ok(Ring { fd, rings, entries, parameters: numbers, submitted: 0 })
    }

    /// Submits one entry, waits for it, and gives its result.
    #[allow(unsafe_code)]
    fn submit(
        &mut self,
        operation: u8,
        fd: i32,
        address: u64,
        length: u32,
        offset: u64,
        flags: u32,
    ) -> io::Result<i32> {
        // Words 10 to 19 are `sq_off`, 20 to 29 `cq_off` of `struct io_uring_params`.
        let (tail, array, completions) =
            (self.parameters[11], self.parameters[16], self.parameters[25]);
        let index = self.submitted % self.parameters[0];
        let mut entry = [0_u8; ENTRY];
        entry[0] = operation;
        entry[4..8].copy_from_slice(&fd.to_ne_bytes());
        entry[8..16].copy_from_slice(&offset.to_ne_bytes());
        entry[16..24].copy_from_slice(&address.to_ne_bytes());
        entry[24..28].copy_from_slice(&length.to_ne_bytes());
        entry[28..32].copy_from_slice(&flags.to_ne_bytes());
        // SAFETY: both places lie inside the mappings made in `new`, at the offsets that the kernel
        // told; one submission at a time, and the kernel reads them in the call below only.
        unsafe {
            std::ptr::copy_nonoverlapping(
                entry.as_ptr(),
                self.entries.add(ENTRY * index as usize),
                ENTRY,
            );
            self.rings.add((array + 4 * index) as usize).cast::<u32>().write(index);
            self.rings.add(tail as usize).cast::<u32>().write_volatile(self.submitted + 1);
        }
        /// `IORING_ENTER_GETEVENTS`.
        const WAIT: i32 = 1;
        let ring = self.fd.as_raw_fd();
        call(
            libc::SYS_io_uring_enter,
            [ring.into(), 1.into(), 1.into(), WAIT.into(), 0.into(), 0.into()],
        )?;
        let completion = completions + 16 * (self.submitted % (2 * self.parameters[0])) + 8;
        self.submitted += 1;
        // SAFETY: an entry of the completion ring, which the kernel has filled before it returned.
        let result = unsafe { self.rings.add(completion as usize).cast::<i32>().read_volatile() };
        if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { Ok(result) }
    }
}

#[allow(unsafe_code)]
fn map(fd: &OwnedFd, length: usize, offset: i64) -> io::Result<*mut u8> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
    // SAFETY: a new mapping at a place that the kernel chooses; it lasts until the process ends.
    let place =
        unsafe { libc::mmap(std::ptr::null_mut(), length, access, flags, fd.as_raw_fd(), offset) };
    if place == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(place.cast()) }
}
