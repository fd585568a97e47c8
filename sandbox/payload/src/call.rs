//! System calls that no library wraps.

use std::io;

/// One argument of a system call.
pub(crate) enum Argument<'a> {
    Number(i64),
    Bytes(&'a [u8]),
    Buffer(&'a mut [u8]),
}

impl From<i64> for Argument<'_> {
    fn from(number: i64) -> Self {
        Argument::Number(number)
    }
}

impl From<i32> for Argument<'_> {
    fn from(number: i32) -> Self {
        Argument::Number(number.into())
    }
}

impl<'a> From<&'a [u8]> for Argument<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Argument::Bytes(bytes)
    }
}

impl<'a> From<&'a mut [u8]> for Argument<'a> {
    fn from(bytes: &'a mut [u8]) -> Self {
        Argument::Buffer(bytes)
    }
}

/// Makes a system call.
#[allow(unsafe_code)]
pub(crate) fn call<const N: usize>(number: i64, arguments: [Argument<'_>; N]) -> io::Result<i64> {
    let mut words = [0_i64; 6];
    for (word, argument) in words.iter_mut().zip(arguments) {
        *word = match argument {
            Argument::Number(number) => number,
            Argument::Bytes(bytes) => bytes.as_ptr() as i64,
            Argument::Buffer(bytes) => bytes.as_mut_ptr() as i64,
        };
    }
    let [a, b, c, d, e, f] = words;
    // SAFETY: every pointer comes from a slice that is borrowed until the call is over, and the
    // callers of this crate give no length beyond it. A call that a caller got wrong can harm only
    // this process, which exists to be confined and ends after one attempt.
    match unsafe { libc::syscall(number, a, b, c, d, e, f) } {
        answer if answer < 0 => Err(io::Error::last_os_error()),
        answer => Ok(answer),
    }
}

/// Writes numbers one after the other, as the fields of a structure of the kernel.
pub(crate) fn fields64(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_ne_bytes()).collect()
}

/// Ends a string as the kernel wants it.
pub(crate) fn c_string(text: &str) -> Vec<u8> {
    [text.as_bytes(), b"\0"].concat()
}
