//! What is kept of a command's output: the head and the tail within a budget, cut into chunks.
//! Pure; time comes in as a number.

use std::collections::VecDeque;

use codex_event::{OutputBytes, OutputStream};

/// Bytes of output that the journal keeps of one command: this much of its beginning …
pub(crate) const HEAD_BYTES: usize = 512 * 1024;
/// … and this much of its end.
pub(crate) const TAIL_BYTES: usize = 512 * 1024;
/// Longest chunk of one event in bytes; even bytes that are not text stay below 4 KiB of JSON.
pub(crate) const CHUNK_BYTES: usize = 1536;
/// Longest time that output waits for its chunk to fill up, in milliseconds.
pub(crate) const CHUNK_MS: u64 = 250;
/// Bytes of output that the model is shown of one command, half from each end.
const MODEL_BYTES: usize = 40 * 1000;

/// A piece of output on its way into the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) stream: OutputStream,
    pub(crate) skipped: u64,
    pub(crate) bytes: OutputBytes,
}

/// Takes a command's output in and gives what is kept of it.
#[derive(Debug, Default)]
pub(crate) struct Retained {
    head_taken: usize,
    open: Option<(OutputStream, Vec<u8>, u64)>,
    tail: VecDeque<(OutputStream, Vec<u8>)>,
    tail_bytes: usize,
    skipped: u64,
    model: Excerpt,
}

impl Retained {
    /// Takes bytes in, and gives the chunks that are full.
    pub(crate) fn push(&mut self, stream: OutputStream, bytes: &[u8], now_ms: u64) -> Vec<Chunk> {
        self.model.push(bytes);
        let (head, rest) = bytes.split_at(bytes.len().min(HEAD_BYTES - self.head_taken));
        self.head_taken += head.len();
        let mut full = self.cut(stream, head, now_ms);
        if !rest.is_empty() {
            full.extend(self.flush());
            self.keep_tail(stream, rest);
        }
        full
    }

    /// Gives the chunk that has waited long enough.
    pub(crate) fn due(&mut self, now_ms: u64) -> Option<Chunk> {
        let waited = self.open.as_ref().is_some_and(|(_, _, since)| now_ms >= since + CHUNK_MS);
        if waited { self.flush() } else { None }
    }

    /// Gives the moment at which [`Retained::due`] has something.
    pub(crate) fn due_at(&self) -> Option<u64> {
        self.open.as_ref().map(|(_, _, since)| since + CHUNK_MS)
    }

    /// Gives what is left, the tail last.
    pub(crate) fn finish(&mut self) -> Vec<Chunk> {
        let mut chunks: Vec<Chunk> = self.flush().into_iter().collect();
        let mut skipped = std::mem::take(&mut self.skipped);
        for (stream, bytes) in std::mem::take(&mut self.tail) {
            for piece in bytes.chunks(CHUNK_BYTES) {
                let bytes = OutputBytes(piece.to_vec());
                chunks.push(Chunk { stream, skipped: std::mem::take(&mut skipped), bytes });
            }
        }
        chunks
    }

    /// Gives what the model is shown.
    pub(crate) fn excerpt(&self) -> String {
        self.model.text()
    }

    fn cut(&mut self, stream: OutputStream, mut bytes: &[u8], now_ms: u64) -> Vec<Chunk> {
        let mut full = Vec::new();
        while !bytes.is_empty() {
            if self.open.as_ref().is_some_and(|(open, _, _)| *open != stream) {
                full.extend(self.flush());
            }
            let (_, held, _) = self.open.get_or_insert_with(|| (stream, Vec::new(), now_ms));
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK_BYTES - held.len()));
            held.extend_from_slice(now);
            bytes = later;
            if held.len() == CHUNK_BYTES {
                full.extend(self.flush());
            }
        }
        full
    }

    fn flush(&mut self) -> Option<Chunk> {
        let (stream, bytes, _) = self.open.take()?;
        Some(Chunk { stream, skipped: 0, bytes: OutputBytes(bytes) })
    }

    fn keep_tail(&mut self, stream: OutputStream, bytes: &[u8]) {
        self.tail_bytes += bytes.len();
        match self.tail.back_mut() {
            Some((last, held)) if *last == stream && held.len() < 64 * 1024 => {
                held.extend_from_slice(bytes);
            }
            Some(_) | None => self.tail.push_back((stream, bytes.to_vec())),
        }
        while self.tail_bytes > TAIL_BYTES {
            let over = self.tail_bytes - TAIL_BYTES;
            let Some((_, first)) = self.tail.front_mut() else { return };
            let gone = over.min(first.len());
            if gone == first.len() {
                self.tail.pop_front();
            } else {
                first.drain(..gone);
            }
            self.tail_bytes -= gone;
            self.skipped += gone as u64;
        }
    }
}

/// The two ends of a text that may be long: as much as a model is shown of what a command printed.
#[derive(Debug, Default)]
pub struct Excerpt {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    left_out: u64,
}

impl Excerpt {
    /// Takes more of it in.
    pub fn push(&mut self, bytes: &[u8]) {
        let room = (MODEL_BYTES / 2).saturating_sub(self.head.len());
        let (head, rest) = bytes.split_at(bytes.len().min(room));
        self.head.extend_from_slice(head);
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(MODEL_BYTES / 2);
        self.tail.drain(..over);
        self.left_out += over as u64;
    }

    /// Gives its head and its tail, with a remark between them where something was left out.
    pub fn text(&self) -> String {
        let mut bytes = self.head.clone();
        if self.left_out > 0 {
            bytes.extend(format!("\n[… {} bytes left out …]\n", self.left_out).into_bytes());
        }
        bytes.extend(&self.tail);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(chunks: &[Chunk]) -> Vec<u8> {
        chunks.iter().flat_map(|chunk| chunk.bytes.0.clone()).collect()
    }

    #[test]
    fn short_output_is_kept_whole_and_in_order() {
        let mut retained = Retained::default();
        let mut chunks = retained.push(OutputStream::Stdout, b"one\n", 0);
        chunks.extend(retained.push(OutputStream::Stderr, b"two\n", 1));
        chunks.extend(retained.push(OutputStream::Stdout, b"three\n", 2));
        chunks.extend(retained.finish());
        assert_eq!(kept(&chunks), b"one\ntwo\nthree\n");
        assert_eq!(chunks.len(), 3);
        assert_eq!(retained.excerpt(), "one\ntwo\nthree\n");
    }

    #[test]
    fn a_chunk_waits_for_more_but_not_for_long() {
        let mut retained = Retained::default();
        assert!(retained.push(OutputStream::Stdout, b"a", 100).is_empty());
        assert_eq!(retained.due_at(), Some(100 + CHUNK_MS));
        assert_eq!(retained.due(100 + CHUNK_MS - 1), None);
        let chunk = retained.due(100 + CHUNK_MS).expect("it is due");
        assert_eq!(chunk.bytes.0, b"a");
        assert_eq!(retained.due_at(), None);
    }

    #[test]
    fn long_output_keeps_both_ends_and_says_what_is_missing() {
        let all: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
        let mut retained = Retained::default();
        let mut chunks = Vec::new();
        for piece in all.chunks(7000) {
            chunks.extend(retained.push(OutputStream::Stdout, piece, 0));
        }
        chunks.extend(retained.finish());
        let kept = kept(&chunks);
        assert_eq!(kept.len(), HEAD_BYTES + TAIL_BYTES);
        assert_eq!(kept[..HEAD_BYTES], all[..HEAD_BYTES]);
        assert_eq!(kept[HEAD_BYTES..], all[all.len() - TAIL_BYTES..]);
        let skipped: u64 = chunks.iter().map(|chunk| chunk.skipped).sum();
        assert_eq!(skipped as usize, all.len() - kept.len());
        assert!(chunks.iter().all(|chunk| chunk.bytes.0.len() <= CHUNK_BYTES));
        assert!(retained.excerpt().contains("bytes left out"));
    }

    #[test]
    fn no_byte_is_lost_at_any_size() {
        for size in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, HEAD_BYTES + 1] {
            let all = vec![b'x'; size];
            let mut retained = Retained::default();
            let mut chunks = retained.push(OutputStream::Stdout, &all, 0);
            chunks.extend(retained.finish());
            assert_eq!(kept(&chunks), all);
        }
    }
}
