//! Values that may be held elsewhere, put into words either way.

use codex_event::Stored;

/// Gives the text, or says which blob it is missing from.
pub fn words(text: &Stored<String>) -> String {
    match text {
        Stored::Inline(text) => text.clone(),
        Stored::Blob { digest, len } => missing(&digest.to_string(), *len),
    }
}

/// Gives the list; none when the blob that holds it is missing.
pub fn list<T: Clone>(items: &Stored<Vec<T>>) -> Option<Vec<T>> {
    items.inline().cloned()
}

pub(crate) fn missing(digest: &str, len: u64) -> String {
    format!("[{len} bytes are missing: blob {digest}]")
}
