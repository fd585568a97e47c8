//! Words of the binary's own. A closed output must not end the program as a bug would.

use std::fmt::Display;
use std::io::{self, Write};

/// Says something beside the output: errors, hints, warnings, progress.
pub(crate) fn aside(words: impl Display) {
    let _ = writeln!(io::stderr(), "{words}");
}

/// Prints a line of output.
pub(crate) fn line(words: impl Display) {
    let _ = writeln!(io::stdout(), "{words}");
}
