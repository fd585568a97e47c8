//! stub
use crate::{host::Source, update::Input};
impl Source {
    pub(crate) fn feed(self, _: impl Fn(Input) -> bool) {}
    pub(crate) fn read(
        &self,
        _: std::ops::RangeInclusive<codex_event::Seq>,
    ) -> Vec<codex_event::Envelope> {
        vec![]
    }
}
