//! What "always" would remember of a command.

use crate::{Lookup, Verdict, runners};

/// Proposes the beginning of a command that "always" would stand for; none where it is never offered.
pub fn propose(_verdict: &Verdict, _lookup: &Lookup) -> Option<Vec<String>> {
    None
}

/// Says why no grant is ever made for commands that begin like this, if none is.
pub(crate) fn never(prefix: &[String]) -> Option<String> {
    match prefix.first().map(String::as_str) {
        None | Some("") => Some("it names no program".to_owned()),
        Some(program) => {
            runners::kind(program).map(|kind| format!("{} can do anything", kind.name()))
        }
    }
}
