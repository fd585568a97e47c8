//! What a command printed, within bounds.

/// Bytes that are kept of the beginning of what a command printed.
pub(super) const HEAD: usize = 64 * 1024;
/// Bytes that are kept of its end; up to twice as many, since they are moved together once in a while.
pub(super) const TAIL: usize = 96 * 1024;

/// Head and tail of what a command printed, both streams as they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Output {
    head: Vec<u8>,
    tail: Vec<u8>,
    /// Bytes between head and tail that are not kept here.
    left_out: u64,
    lines: u64,
    /// Whether a line was begun.
    open: bool,
}

impl Output {
    /// Adds a chunk, and a remark before it when the journal left something out there.
    pub(super) fn push(&mut self, skipped: u64, bytes: &[u8]) {
        if skipped > 0 {
            self.keep(remark(skipped).as_bytes());
            self.open = false;
        }
        self.lines += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        if let Some(last) = bytes.last() {
            self.open = *last != b'\n';
        }
        self.keep(bytes);
    }

    /// Counts the lines, the last one too if it has no end.
    pub(super) fn lines(&self) -> u64 {
        self.lines + u64::from(self.open)
    }

    /// Decodes the whole at once, so that a character cut in two by chunks stays one.
    pub(super) fn text(&self) -> String {
        let mut bytes = self.head.clone();
        if self.left_out > 0 {
            bytes.extend_from_slice(remark(self.left_out).as_bytes());
        }
        bytes.extend_from_slice(&self.tail);
        String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = HEAD.saturating_sub(self.head.len()).min(bytes.len());
        let (head, rest) = bytes.split_at(room);
        self.head.extend_from_slice(head);
        self.tail.extend_from_slice(rest);
        if self.tail.len() > 2 * TAIL {
            let over = self.tail.len() - TAIL;
            self.tail.drain(..over);
            self.left_out += over as u64;
        }
    }
}

fn remark(bytes: u64) -> String {
    format!("\n[... {bytes} bytes left out ...]\n")
}
