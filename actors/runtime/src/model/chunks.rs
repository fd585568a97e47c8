//! Cuts streamed text into chunks for the journal. Pure; time comes in as a number.

use codex_event::{RequestId, StreamMark, StreamPart};
use codex_session::Report;

/// Longest text of a chunk in bytes; with its marks and escapes the event stays near 4 KiB.
const CHUNK_BYTES: usize = 3 * 1024;
/// Longest time that a chunk waits for more text, in milliseconds.
const CHUNK_MS: u64 = 250;

/// The chunk that is being filled.
#[derive(Debug)]
struct Open {
    item: u32,
    part: StreamPart,
    text: String,
    marks: Vec<StreamMark>,
    since: u64,
}

/// Gathers the pieces of a stream.
#[derive(Debug)]
pub(crate) struct Chunks {
    request: RequestId,
    attempt: u32,
    open: Option<Open>,
}

impl Chunks {
    pub(crate) fn new(request: RequestId, attempt: u32) -> Chunks {
        Chunks { request, attempt, open: None }
    }

    /// Takes a piece in, and gives the chunks that are full.
    pub(crate) fn push(
        &mut self,
        item: u32,
        part: StreamPart,
        mut piece: &str,
        now_ms: u64,
    ) -> Vec<Report> {
        let mut full = Vec::new();
        let other = |open: &Open| open.item != item || open.part != part;
        if self.open.as_ref().is_some_and(other) {
            full.extend(self.finish());
        }
        while !piece.is_empty() {
            let open = self.open.get_or_insert_with(|| Open {
                item,
                part,
                text: String::new(),
                marks: Vec::new(),
                since: now_ms,
            });
            let room = CHUNK_BYTES.saturating_sub(open.text.len());
            let (now, later) = piece.split_at(piece.floor_char_boundary(room));
            piece = later;
            open.take(now, now_ms);
            if !later.is_empty() || now_ms >= open.since + CHUNK_MS {
                full.extend(self.finish());
            }
        }
        full
    }

    /// Gives the moment at which the open chunk has waited long enough.
    pub(crate) fn due_at(&self) -> Option<u64> {
        self.open.as_ref().map(|open| open.since + CHUNK_MS)
    }

    /// Gives what has not been given yet.
    pub(crate) fn finish(&mut self) -> Option<Report> {
        let Open { item, part, text, marks, .. } = self.open.take()?;
        let (request, attempt) = (self.request, self.attempt);
        Some(Report::ModelStreamed { request, attempt, item, part, text, marks })
    }
}

impl Open {
    fn take(&mut self, piece: &str, now_ms: u64) {
        self.text.push_str(piece);
        let len = u32::try_from(piece.len()).unwrap_or(u32::MAX);
        match self.marks.last_mut() {
            // Pieces of the same millisecond can't be told apart in time.
            Some(StreamMark(known, at)) if *at == now_ms => *known = known.saturating_add(len),
            Some(_) | None => self.marks.push(StreamMark(len, now_ms)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(reports: &[Report]) -> Vec<(u32, String, Vec<StreamMark>)> {
        let texts = reports.iter().map(|report| match report {
            Report::ModelStreamed { item, text, marks, .. } => (*item, text.clone(), marks.clone()),
            other => panic!("{other:?}"),
        });
        texts.collect()
    }

    #[test]
    fn pieces_gather_until_time_or_item_cuts_them() {
        let mut chunks = Chunks::new(RequestId(1), 1);
        assert!(chunks.push(0, StreamPart::Text, "a", 10).is_empty());
        assert!(chunks.push(0, StreamPart::Text, "b", 10).is_empty());
        assert_eq!(chunks.due_at(), Some(10 + CHUNK_MS));
        let full = chunks.push(1, StreamPart::Text, "c", 12);
        assert_eq!(texts(&full), [(0, "ab".to_owned(), vec![StreamMark(2, 10)])]);
        let full = chunks.push(1, StreamPart::Text, "d", 12 + CHUNK_MS);
        let marks = vec![StreamMark(1, 12), StreamMark(1, 12 + CHUNK_MS)];
        assert_eq!(texts(&full), [(1, "cd".to_owned(), marks)]);
        assert!(chunks.finish().is_none());
    }

    #[test]
    fn a_long_piece_is_cut_between_characters_and_loses_nothing() {
        let long = "é".repeat(CHUNK_BYTES);
        let mut chunks = Chunks::new(RequestId(1), 1);
        let mut all = chunks.push(0, StreamPart::Text, &long, 0);
        all.extend(chunks.finish());
        let joined: String = texts(&all).into_iter().map(|(_, text, _)| text).collect();
        assert_eq!(joined, long);
        for (_, text, marks) in texts(&all) {
            assert!(text.len() <= CHUNK_BYTES);
            assert_eq!(marks.iter().map(|mark| mark.0 as usize).sum::<usize>(), text.len());
        }
    }
}
