//! Runs a command and prints what it used, for measurements.
//!
//! `usage STDOUT STDERR PROGRAM [ARGUMENT]...` sends the command's output to the two files, prints
//! `begin PID` when it is started, and then `end CODE WALL CPU PEAK`: the exit code (128 + the
//! number for a signal), two times in microseconds, and the largest resident size, in KiB, that the
//! command or any process it waited for ever had.
#![allow(clippy::print_stdout, reason = "printing is its purpose")]

use std::error::Error;
use std::fs::File;
use std::io;
use std::process::{Command, Stdio};
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args_os().skip(1);
    let mut next = || words.next().ok_or("usage STDOUT STDERR PROGRAM [ARGUMENT]...");
    let (stdout, stderr, program) = (next()?, next()?, next()?);
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null());
    command.stdout(File::create(stdout)?).stderr(File::create(stderr)?);
    let begun = Instant::now();
    let child = command.spawn()?;
    println!("begin {}", child.id());
    let (status, used) = wait(child.id())?;
    let wall = begun.elapsed().as_micros();
    let code = match libc::WIFEXITED(status) {
        true => libc::WEXITSTATUS(status),
        false => 128 + libc::WTERMSIG(status),
    };
    let cpu = microseconds(used.ru_utime) + microseconds(used.ru_stime);
    println!("end {code} {wall} {cpu} {}", used.ru_maxrss);
    Ok(())
}

fn microseconds(time: libc::timeval) -> i64 {
    time.tv_sec * 1_000_000 + time.tv_usec
}

#[allow(unsafe_code)]
fn wait(pid: u32) -> io::Result<(libc::c_int, libc::rusage)> {
    let pid = libc::pid_t::try_from(pid).map_err(io::Error::other)?;
    let mut status = 0;
    // SAFETY: `rusage` is plain numbers, for which zero is a value.
    let mut used: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to places of the right type that outlive the call, and the child is
    // waited for nowhere else.
    match unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut used) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok((status, used)),
    }
}
