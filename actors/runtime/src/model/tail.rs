//! What an answer says, shown before the journal has it.

use codex_event::{StreamPart, Tail};

use super::ModelCall;

/// Bytes of a text that a tail holds at most: what the chunker and the writer may still have of it, and
/// then some, so that it joins on to what the journal shows.
const MAX_BYTES: usize = 16 << 10;

/// The end of the text that is coming in.
#[derive(Debug, Default)]
pub(crate) struct Live {
    /// Item and part that the text is of; none before the first.
    of: Option<(u32, StreamPart)>,
    /// Bytes of it that were left out.
    from: usize,
    text: String,
}

impl Live {
    /// Takes what came, without secrets, and shows it.
    pub(crate) fn push(&mut self, call: &ModelCall, item: u32, part: StreamPart, text: &str) {
        self.add(item, part, text);
        if !text.is_empty() && call.tails.wanted() {
            let (request, attempt) = (call.request, call.attempt);
            let (from, text) = (self.from, self.text.clone());
            call.tails.show(Tail { request, attempt, item, part, from, text });
        }
    }

    fn add(&mut self, item: u32, part: StreamPart, text: &str) {
        if self.of != Some((item, part)) {
            *self = Live { of: Some((item, part)), ..Live::default() };
        }
        // What is longer is not copied as a whole.
        let skipped = text.ceil_char_boundary(text.len().saturating_sub(MAX_BYTES));
        if skipped > 0 {
            self.from += self.text.len() + skipped;
            self.text.clear();
        }
        self.text.push_str(&text[skipped..]);
        if self.text.len() > MAX_BYTES {
            let half = self.text.ceil_char_boundary(self.text.len() - MAX_BYTES / 2);
            self.text.drain(..half);
            self.from += half;
        }
    }
}

#[cfg(test)]
mod tests {
    use codex_event::StreamPart;

    use super::{Live, MAX_BYTES};

    #[test]
    fn it_keeps_the_end_and_knows_where_that_begins() {
        let mut live = Live::default();
        let mut whole = String::new();
        for n in 0..20_000 {
            let piece = format!("{n}ä ");
            whole.push_str(&piece);
            live.add(0, StreamPart::Text, &piece);
            assert!(live.text.len() <= MAX_BYTES);
        }
        let long = "ö".repeat(MAX_BYTES);
        whole.push_str(&long);
        live.add(0, StreamPart::Text, &long);
        assert!(live.text.len() <= MAX_BYTES && live.text.capacity() <= 4 * MAX_BYTES);
        assert_eq!(&whole[live.from..], live.text);
    }

    #[test]
    fn another_item_begins_anew() {
        let mut live = Live::default();
        live.add(0, StreamPart::Reasoning, "thought");
        live.add(0, StreamPart::Text, "a");
        live.add(1, StreamPart::Text, "b");
        assert_eq!((live.from, live.text.as_str()), (0, "b"));
    }
}
