//! Where a streamed text is cut into events.

use codex_event::{StreamMark, StreamPart};

/// Age of its first piece, in milliseconds, at which a chunk is let go.
const MAX_AGE_MS: u64 = 250;
/// Most bytes of a chunk's text and marks as JSON.
///
/// Stored values stay within 4 KiB, and the envelope around a chunk needs its share of that.
const MAX_BYTES: usize = 3 << 10;
/// Most bytes of a mark as JSON: two numbers and what stands around them.
const MARK_BYTES: usize = 24;

/// A piece of a streamed text, with the times at which it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) item: u32,
    pub(crate) part: StreamPart,
    pub(crate) text: String,
    pub(crate) marks: Vec<StreamMark>,
}

/// Gathers the pieces of a stream into chunks. Times are milliseconds since the attempt began.
#[derive(Debug, Default)]
pub(crate) struct Chunker {
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    chunk: Chunk,
    began: u64,
    bytes: usize,
}

impl Chunker {
    /// Takes a piece up, and gives the chunks that are complete because of it.
    pub(crate) fn push(&mut self, item: u32, part: StreamPart, text: &str, at: u64) -> Vec<Chunk> {
        let mut done = Vec::new();
        let fits = |open: &Open| {
            (open.chunk.item, open.chunk.part) == (item, part) && at < open.began + MAX_AGE_MS
        };
        if !self.open.as_ref().is_some_and(fits) {
            done.extend(self.flush());
        }
        for letter in text.chars() {
            let bytes = encoded_len(letter);
            if self.open.as_ref().is_some_and(|open| !open.has_room(bytes, at)) {
                done.extend(self.flush());
            }
            self.open.get_or_insert_with(|| Open::new(item, part, at)).push(letter, bytes, at);
        }
        done
    }

    /// Tells when the open chunk is to be let go, if there is one.
    pub(crate) fn due(&self) -> Option<u64> {
        self.open.as_ref().map(|open| open.began + MAX_AGE_MS)
    }

    /// Lets the open chunk go.
    pub(crate) fn flush(&mut self) -> Option<Chunk> {
        self.open.take().map(|open| open.chunk)
    }
}

impl Open {
    fn new(item: u32, part: StreamPart, at: u64) -> Open {
        let chunk = Chunk { item, part, text: String::new(), marks: Vec::new() };
        Open { chunk, began: at, bytes: 0 }
    }

    fn has_room(&self, bytes: usize, at: u64) -> bool {
        let mark = if self.marked(at) { 0 } else { MARK_BYTES };
        self.bytes + bytes + mark <= MAX_BYTES
    }

    fn marked(&self, at: u64) -> bool {
        self.chunk.marks.last().is_some_and(|mark| mark.1 == at)
    }

    fn push(&mut self, letter: char, bytes: usize, at: u64) {
        if !self.marked(at) {
            self.chunk.marks.push(StreamMark(0, at));
            self.bytes += MARK_BYTES;
        }
        if let Some(mark) = self.chunk.marks.last_mut() {
            // At most four, and the sum stays below MAX_BYTES.
            mark.0 += letter.len_utf8() as u32;
        }
        self.chunk.text.push(letter);
        self.bytes += bytes;
    }
}

/// Bytes of a letter inside a JSON string.
fn encoded_len(letter: char) -> usize {
    match letter {
        '"' | '\\' | '\n' | '\r' | '\t' => 2,
        '\0'..='\u{1f}' => 6,
        _ => letter.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: StreamPart = StreamPart::Text;

    fn whole(chunks: &[Chunk]) -> String {
        chunks.iter().map(|chunk| chunk.text.as_str()).collect()
    }

    #[test]
    fn pieces_of_one_millisecond_share_a_mark() {
        let mut chunker = Chunker::default();
        assert_eq!(chunker.push(0, TEXT, "ab", 5), []);
        assert_eq!(chunker.push(0, TEXT, "é", 5), []);
        assert_eq!(chunker.push(0, TEXT, "c", 9), []);
        let marks = vec![StreamMark(4, 5), StreamMark(1, 9)];
        let expected = Chunk { item: 0, part: TEXT, text: "abéc".into(), marks };
        assert_eq!(chunker.flush(), Some(expected));
        assert_eq!(chunker.flush(), None);
    }

    #[test]
    fn a_chunk_ends_with_its_item_part_or_time() {
        let mut chunker = Chunker::default();
        chunker.push(0, TEXT, "a", 0);
        assert_eq!(chunker.due(), Some(250));
        assert_eq!(whole(&chunker.push(0, TEXT, "b", 249)), "");
        assert_eq!(whole(&chunker.push(0, TEXT, "c", 250)), "ab");
        assert_eq!(whole(&chunker.push(0, StreamPart::Reasoning, "d", 251)), "c");
        assert_eq!(whole(&chunker.push(1, StreamPart::Reasoning, "e", 252)), "d");
        assert_eq!(chunker.due(), Some(502));
    }

    #[test]
    fn an_empty_piece_opens_nothing() {
        let mut chunker = Chunker::default();
        assert_eq!(chunker.push(0, TEXT, "", 0), []);
        assert_eq!((chunker.due(), chunker.flush()), (None, None));
    }

    #[test]
    fn no_chunk_is_larger_than_a_stored_value_may_be() {
        for (piece, times) in [("é", 9000), ("\u{1}", 4000), ("🦀\n\"", 3000), ("x", 100_000)] {
            for step in [0, 1] {
                let mut chunker = Chunker::default();
                let mut chunks = Vec::new();
                for n in 0..times {
                    chunks.extend(chunker.push(0, TEXT, piece, n * step));
                }
                chunks.extend(chunker.flush());
                assert_eq!(whole(&chunks), piece.repeat(times as usize));
                for chunk in &chunks {
                    let json = serde_json::to_string(&(&chunk.text, &chunk.marks)).unwrap();
                    assert!(json.len() < MAX_BYTES + 64, "{}", json.len());
                    let marked: u32 = chunk.marks.iter().map(|mark| mark.0).sum();
                    assert_eq!(marked as usize, chunk.text.len());
                }
            }
        }
    }

    #[test]
    fn a_long_piece_is_cut_between_letters() {
        let mut chunker = Chunker::default();
        let text = "añ🦀".repeat(5000);
        let mut chunks = chunker.push(0, TEXT, &text, 7);
        assert!(chunks.len() > 10);
        chunks.extend(chunker.flush());
        assert_eq!(whole(&chunks), text);
        assert!(chunks.iter().all(|chunk| chunk.marks.len() == 1));
    }
}
