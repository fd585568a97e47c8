//! Lines of bounded length.

use std::io::{self, Read};

use codex_event::MAX_JSON_LEN;

/// Longest line that an owner reads, in bytes: a request with a prompt of a megabyte fits, however
/// it is escaped.
pub const MAX_REQUEST: usize = 8 << 20;
/// Longest line that a guest reads: a record and what is around it.
pub(super) const MAX_NOTICE: usize = MAX_JSON_LEN + 4096;
const PIECE: usize = 32 << 10;

/// Cuts what is read into lines.
///
/// A line that is too long is passed over as a whole, and never held. What was read of a line
/// stays when reading fails or runs out of time, so it can go on.
pub(super) struct Lines<R> {
    from: R,
    max: usize,
    held: Vec<u8>,
    // Up to where `held` was given out already, and up to where it holds no line break.
    given: usize,
    looked: usize,
    overlong: bool,
}

/// What was read.
pub(super) enum Line<'a> {
    /// A line, without its end.
    Whole(&'a [u8]),
    /// A line above the bound, which was passed over.
    TooLong,
    /// There is nothing more; the beginning of a line that never ended is not one.
    End,
}

impl<R: Read> Lines<R> {
    pub(super) fn of(from: R, max: usize) -> Lines<R> {
        Lines { from, max, held: Vec::new(), given: 0, looked: 0, overlong: false }
    }

    pub(super) fn source(&self) -> &R {
        &self.from
    }

    /// Reads the next line.
    pub(super) fn next(&mut self) -> io::Result<Line<'_>> {
        self.held.drain(..self.given);
        self.looked -= self.given;
        self.given = 0;
        loop {
            if let Some(at) = self.held[self.looked..].iter().position(|byte| *byte == b'\n') {
                let end = self.looked + at;
                self.given = end + 1;
                self.looked = self.given;
                if std::mem::take(&mut self.overlong) || end > self.max {
                    return Ok(Line::TooLong);
                }
                return Ok(Line::Whole(&self.held[..end]));
            }
            self.looked = self.held.len();
            if self.held.len() > self.max {
                self.overlong = true;
            }
            if self.overlong {
                self.held.clear();
                self.looked = 0;
            }
            let before = self.held.len();
            self.held.resize(before + PIECE, 0);
            let read = self.from.read(&mut self.held[before..]);
            self.held.truncate(before + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => return Ok(Line::End),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its pieces one by one; none stands for a read that ran out of time.
    struct Pieces(std::vec::IntoIter<Option<&'static [u8]>>);

    impl Read for Pieces {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            match self.0.next() {
                None => Ok(0),
                Some(None) => Err(io::ErrorKind::WouldBlock.into()),
                Some(Some(piece)) => {
                    to[..piece.len()].copy_from_slice(piece);
                    Ok(piece.len())
                }
            }
        }
    }

    fn read(pieces: Vec<Option<&'static [u8]>>) -> Vec<String> {
        let mut lines = Lines::of(Pieces(pieces.into_iter()), 5);
        let mut told = Vec::new();
        loop {
            match lines.next() {
                Ok(Line::Whole(line)) => told.push(String::from_utf8_lossy(line).into_owned()),
                Ok(Line::TooLong) => told.push("too long".into()),
                Ok(Line::End) => return told,
                Err(_) => told.push("later".into()),
            }
        }
    }

    #[test]
    fn lines_are_cut_wherever_the_pieces_end() {
        assert_eq!(read(vec![Some(b"a\nbc"), Some(b"d\n\n"), Some(b"rest")]), ["a", "bcd", ""]);
        assert_eq!(read(vec![Some(b"ab"), None, Some(b"c\n")]), ["later", "abc"]);
    }

    #[test]
    fn a_line_above_the_bound_is_passed_over_and_the_next_one_is_read() {
        assert_eq!(read(vec![Some(b"12345\n123456\nok\n")]), ["12345", "too long", "ok"]);
        let long = vec![Some(&b"1234567"[..]), Some(b"1234567"), None, Some(b"8\nok\n")];
        assert_eq!(read(long), ["later", "too long", "ok"]);
    }
}
