//! What the escape suite tries from inside the sandbox, one word each; no part of the program.
//!
//! A shell script is the better attack wherever a shell can do it. Here is what needs system calls,
//! and the bystanders outside that are attacked. Nothing here says whether an attack worked: the
//! suite looks at the victim, from outside.

mod bystander;
mod call;
mod files;
mod kernel;
mod processes;
mod sockets;
mod uring;

use std::io;

pub use bystander::{Holding, Kind};

/// The name of a process that has got into a namespace of another, which leaves no other trace.
pub const JOINED: &str = "joined";

/// One file of attempts: tries the words if they are among its own.
type Family = fn(&[&str]) -> Option<io::Result<()>>;

/// Tries what the words say: the name of an attempt and its operands.
///
/// # Errors
///
/// What the kernel answered, or `InvalidInput` for words that mean nothing. The answer is for
/// people who debug a case; it is no verdict.
pub fn attempt(words: &[&str]) -> io::Result<()> {
    let families: [Family; 4] =
        [files::attempt, sockets::attempt, processes::attempt, kernel::attempt];
    families
        .iter()
        .find_map(|family| family(words))
        .unwrap_or_else(|| Err(io::Error::new(io::ErrorKind::InvalidInput, words.join(" "))))
}

/// Reads a number among the operands.
fn number<T: std::str::FromStr>(word: &str) -> io::Result<T> {
    word.parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, word.to_owned()))
}

/// Stays until the suite ends this process, so that it can be looked at from outside.
fn stay() -> ! {
    loop {
        std::thread::park();
    }
}
