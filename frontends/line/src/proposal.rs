//! What a patch would do, for a person who is asked whether it may.
//!
//! The changes themselves are recorded when a patch is intended, which is after the answer; what
//! can be shown before is the patch as the model wrote it.

use std::collections::BTreeMap;

use codex_event::{CallId, Event, Invocation, RequestId, Stored};
use codex_view::sanitize;
use serde_json::Value;

/// Lines of a patch that are shown.
const SHOWN: usize = 60;

/// The calls of the answer that is worked on, as the model wrote them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proposals {
    items: BTreeMap<(RequestId, u32), String>,
    patches: BTreeMap<CallId, String>,
}

impl Proposals {
    /// Takes the next event. What is asked of the model next makes all of it obsolete.
    pub(crate) fn apply(&mut self, event: &Event) {
        if let Event::ModelRequested { .. } = event {
            *self = Proposals::default();
        } else if let Event::ModelItemCompleted { request, item, raw, .. } = event {
            if let Stored::Inline(raw) = raw {
                self.items.insert((*request, *item), raw.clone());
            }
        } else if let Event::ToolCalled { call, request, item, invocation, .. } = event
            && let (Invocation::Patch { .. }, Some(raw)) =
                (invocation, self.items.remove(&(*request, *item)))
        {
            self.patches.insert(*call, patch(&raw));
        }
    }

    /// Gives the beginning of a call's patch, safe for a terminal; nothing for other calls.
    pub(crate) fn lines(&self, call: CallId) -> Vec<String> {
        let Some(patch) = self.patches.get(&call) else { return Vec::new() };
        // Hidden characters are part of what is allowed.
        let patch = sanitize::revealed(patch);
        let mut lines = patch.lines();
        let mut shown: Vec<String> = lines.by_ref().take(SHOWN).map(str::to_owned).collect();
        match lines.count() {
            0 => {}
            more => shown.push(format!("… and {more} more lines")),
        }
        shown
    }
}

/// Finds the text of a patch in a call: the input of a custom call, or the longest text among the
/// arguments of one with arguments.
fn patch(raw: &str) -> String {
    let item: Value = serde_json::from_str(raw).unwrap_or_default();
    if let Some(input) = item.get("input").and_then(Value::as_str) {
        return input.to_owned();
    }
    let arguments = item.get("arguments").and_then(Value::as_str).unwrap_or_default();
    let arguments: Value = serde_json::from_str(arguments).unwrap_or_default();
    longest(&arguments).unwrap_or_default().to_owned()
}

fn longest(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Array(values) => values.iter().filter_map(longest).max_by_key(|text| text.len()),
        Value::Object(fields) => fields.values().filter_map(longest).max_by_key(|text| text.len()),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}
