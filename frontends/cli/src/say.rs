//! Words of the binary's own. A closed output must not end the program as a bug would.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use codex_view::sanitize;

/// Says something beside the output: errors, hints, warnings, progress. Whatever is part of it, a
/// terminal acts on none of it.
pub(crate) fn aside(words: impl Display) {
    let _ = writeln!(io::stderr(), "{}", sanitize::text(&words.to_string()));
}

/// Prints a line of output. It may be coloured, so what others wrote of it must be harmless by now.
pub(crate) fn line(words: impl Display) {
    let _ = writeln!(io::stdout(), "{words}");
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
