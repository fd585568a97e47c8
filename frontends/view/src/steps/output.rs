//! What a command printed, put together again.

/// The kept output of a running command. The writer of the journal bounds it.
#[derive(Clone, Debug, Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
}

impl Output {
    /// Adds a chunk, and a remark before it when something was left out there.
    pub(super) fn push(&mut self, skipped: u64, bytes: &[u8]) {
        if skipped > 0 {
            self.bytes
                .extend_from_slice(format!("\n[... {skipped} bytes left out ...]\n").as_bytes());
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Decodes the whole at once, so that a character cut in two by chunks stays one.
    pub(super) fn into_text(self) -> String {
        String::from_utf8(self.bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}
