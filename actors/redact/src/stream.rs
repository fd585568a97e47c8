//! A text that comes in pieces.

use crate::redactor::{Redactor, sort};
use crate::scan::{Hit, More, Which};

/// Redacts a text that comes in pieces: all pieces together give what the whole text would, but that
/// the first letters of a pattern, as `gh` of `ghp_`, may stand before its marker.
///
/// It holds back the shortest end of what has come that may still turn out to be secret: less than
/// the longest known value or pattern, and mostly nothing.
pub struct Stream {
    redactor: Redactor,
    held: Vec<u8>,
    /// The two bytes before what is held.
    before: [u8; 2],
    /// How much of what is held was given, or belongs to a secret whose marker was.
    done: usize,
    /// Secrets that are known and begin in what is held.
    ahead: Vec<(Hit, String)>,
}

// Never shows what is held.
impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("held", &self.held.len()).finish_non_exhaustive()
    }
}

impl Stream {
    pub(crate) fn new(redactor: Redactor) -> Stream {
        Stream { redactor, held: Vec::new(), before: [0; 2], done: 0, ahead: Vec::new() }
    }

    /// Takes a piece in, and gives what is decided.
    pub fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        self.advance(piece, More::May)
    }

    /// As [`Stream::push`], of text; secrets begin and end between letters.
    pub fn push_text(&mut self, piece: &str) -> String {
        text(self.push(piece.as_bytes()))
    }

    /// Gives what was held back: nothing more will come. The next piece begins another text.
    pub fn finish(&mut self) -> Vec<u8> {
        let rest = self.advance(&[], More::End);
        *self = Stream::new(self.redactor.clone());
        rest
    }

    /// As [`Stream::finish`], of text.
    pub fn finish_text(&mut self) -> String {
        text(self.finish())
    }

    fn advance(&mut self, piece: &[u8], more: More) -> Vec<u8> {
        let mut joined = std::mem::take(&mut self.held);
        let bytes = if joined.is_empty() {
            piece
        } else {
            joined.extend_from_slice(piece);
            &joined
        };
        let found = self.redactor.scanner().find(bytes, self.before, Which::All, more);
        let open = found.open;
        // What is told by something in the open part will be found again.
        let mut hits: Vec<Hit> =
            found.hits.into_iter().filter(|hit| hit.told_at < open || more == More::End).collect();
        let mut ahead = std::mem::take(&mut self.ahead);
        hits.extend(ahead.iter().map(|(hit, _)| *hit));
        sort(&mut hits);
        let mut marker = |hit: &Hit| {
            let known = |(other, _): &(Hit, String)| {
                (other.start, other.end, other.what) == (hit.start, hit.end, hit.what)
            };
            match ahead.iter().position(known) {
                Some(at) => ahead.swap_remove(at).1,
                None => self.redactor.marker(hit, bytes),
            }
        };

        let mut out = Vec::with_capacity(bytes.len());
        let mut done = self.done;
        let mut later = Vec::new();
        for hit in hits.iter().filter(|hit| hit.start < hit.end) {
            if hit.start >= open && more == More::May {
                later.push((*hit, marker(hit)));
            } else if hit.end > done {
                out.extend_from_slice(&bytes[done.min(hit.start)..hit.start]);
                out.extend_from_slice(marker(hit).as_bytes());
                done = hit.end;
            }
        }
        if done < open {
            out.extend_from_slice(&bytes[done..open]);
            done = open;
        }
        let loose = later.iter().map(|(hit, _)| hit.start).fold(found.loose, usize::min);
        if done < loose {
            out.extend_from_slice(&bytes[done..loose]);
            done = loose;
        }
        for (hit, _) in &mut later {
            hit.told_at = hit.told_at.saturating_sub(open);
            hit.start -= open;
            hit.end -= open;
        }
        self.done = done - open;
        self.ahead = later;
        for byte in &bytes[open.saturating_sub(2)..open] {
            self.before = [self.before[1], *byte];
        }
        self.held = bytes[open..].to_vec();
        out
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
