//! Words of the binary's own. A closed output must not end the program as a bug would.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError, RwLock};

use codex_view::sanitize;

type Taker = Box<dyn Fn(String) + Send + Sync>;

/// Who takes what is said beside the output, while the terminal shows something else.
static TAKER: RwLock<Option<Taker>> = RwLock::new(None);

/// Has somebody else take what is said, until it is dropped.
#[must_use]
pub(crate) struct Diverted(());

impl Diverted {
    /// Begins it; the words are harmless by then, without their line break.
    pub(crate) fn to(taker: impl Fn(String) + Send + Sync + 'static) -> Diverted {
        *TAKER.write().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(taker));
        Diverted(())
    }
}

impl Drop for Diverted {
    fn drop(&mut self) {
        *TAKER.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Says something beside the output: errors, hints, warnings, progress. Whatever is part of it, a
/// terminal acts on none of it.
pub(crate) fn aside(words: impl Display) {
    let words = sanitize::text(&words.to_string());
    match &*TAKER.read().unwrap_or_else(PoisonError::into_inner) {
        Some(take) => take(words),
        None => {
            let _ = writeln!(io::stderr(), "{words}");
        }
    }
}

/// Why the first line of output that was lost could not be written.
static UNWRITTEN: Mutex<Option<io::Error>> = Mutex::new(None);

/// Prints a line of output. It may be coloured, so what others wrote of it must be harmless by now.
///
/// One that can't be written makes the program fail in the end ([`unwritten`]): whatever is under way is
/// not broken off for it.
pub(crate) fn line(words: impl Display) {
    if let Err(error) = writeln!(io::stdout(), "{words}") {
        UNWRITTEN.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

/// Gives why a line of output was lost, if one was. A reader that has seen enough, such as `head`, loses
/// none.
pub(crate) fn unwritten() -> Option<io::Error> {
    let first = UNWRITTEN.lock().unwrap_or_else(PoisonError::into_inner).take();
    first.filter(|error| error.kind() != io::ErrorKind::BrokenPipe)
}

/// Standard output for lines of JSON as they are stored: exact, unless it is a terminal, which would
/// act on what JSON leaves as it is.
pub(crate) struct Stored<W: Write> {
    out: W,
    /// The beginning of a line; none where everything goes out as it comes.
    begun: Option<Vec<u8>>,
}

impl<W: Write + IsTerminal> Stored<W> {
    pub(crate) fn new(out: W) -> Stored<W> {
        let begun = out.is_terminal().then(Vec::new);
        Stored { out, begun }
    }
}

impl<W: Write> Write for Stored<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(begun) = &mut self.begun else { return self.out.write(bytes) };
        begun.extend_from_slice(bytes);
        while let Some(end) = begun.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = begun.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            self.out.write_all(sanitize::json(&line).as_bytes())?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
