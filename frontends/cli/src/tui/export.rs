//! A session as a file: as Markdown for people, or as an export that can be imported again.

use std::path::{Path, PathBuf};

use codex_event::SessionId;
use codex_journal::Layout;

use crate::failure::Failure;

pub(super) fn export(
    _layout: &Layout,
    _session: SessionId,
    _file: Option<&Path>,
    _cwd: &Path,
) -> Result<PathBuf, Failure> {
    Err(Failure::new(1, "x").hint("x"))
}
