//! Which session is meant by what a person typed.

use codex_event::SessionId;
use codex_journal::{FindError, Layout};
use codex_sessions::Catalog;

/// Finds a session by its id, the beginning of that, or its name; the index knows the names.
pub(crate) fn session(layout: &Layout, words: &str) -> Result<SessionId, FindError> {
    codex_journal::find_among(
        layout,
        words,
        || Ok(Catalog::open(layout, &mut |_| {})?.named_ones()),
    )
}
