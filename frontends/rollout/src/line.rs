//! One line of a rollout, whatever release of Codex wrote it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use codex_event::{IMPORTED, Timestamp};
use serde_json::value::RawValue;

use crate::time::moment;

/// The fields of a JSON object, each as it came.
pub(crate) type Fields<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// What a line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What the session is.
    Meta,
    /// What holds from this turn on.
    TurnContext,
    /// Something that belongs to the conversation.
    Item,
    /// Something that happened.
    Event,
    /// What one response used.
    Usage,
    /// What the conversation so far was replaced with.
    Compacted,
    /// Something else.
    Other,
}

/// A line, taken apart.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) at: Option<Timestamp>,
    pub(crate) ordinal: Option<u64>,
    pub(crate) kind: Kind,
    /// Its own name for what it tells.
    pub(crate) name: Cow<'a, str>,
    pub(crate) payload: &'a str,
    /// Fields beside the payload that nobody here knows.
    pub(crate) rest: Fields<'a>,
    /// All of it.
    pub(crate) whole: &'a str,
}

impl<'a> Line<'a> {
    /// Reads a line; none when it is no JSON object.
    pub(crate) fn read(text: &'a str) -> Option<Line<'a>> {
        let whole = text.trim();
        let mut fields: Fields<'a> = serde_json::from_str(whole).ok()?;
        let at = fields.get("timestamp").and_then(|raw| moment(&string(raw)?));
        let ordinal = fields.get("ordinal").and_then(|raw| raw.get().parse().ok());
        let name = fields.get("type").and_then(|raw| string(raw));
        let bare = |kind, name: &'static str| Line {
            at,
            ordinal,
            kind,
            name: name.into(),
            payload: whole,
            rest: Fields::new(),
            whole,
        };
        Some(match (name, fields.get("payload").copied()) {
            (Some(name), Some(payload)) => {
                for known in ["timestamp", "ordinal", "type", "payload"] {
                    fields.remove(known);
                }
                let kind = match name.as_ref() {
                    "session_meta" => Kind::Meta,
                    "turn_context" => Kind::TurnContext,
                    "response_item" => Kind::Item,
                    "event_msg" => Kind::Event,
                    "token_usage_record" => Kind::Usage,
                    "compacted" => Kind::Compacted,
                    _ => Kind::Other,
                };
                Line { at, ordinal, kind, name, payload: payload.get(), rest: fields, whole }
            }
            // The form until September 2025: items as they are, and the session's own line first.
            (Some(_), None) => bare(Kind::Item, "response_item"),
            (None, _) if fields.contains_key("id") && fields.contains_key("timestamp") => {
                bare(Kind::Meta, "session_meta")
            }
            (None, _) => bare(Kind::Other, "unknown"),
        })
    }

    /// Names the kind of record that keeps the line.
    pub(crate) fn foreign(&self) -> String {
        // A name ends up in a kind, so it is a plain word there.
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let name: String = self.name.chars().filter(|c| plain(*c)).take(64).collect();
        let name = if name.is_empty() { "unknown".to_owned() } else { name };
        format!("{IMPORTED}{name}")
    }
}

/// Reads a JSON string.
pub(crate) fn string(raw: &RawValue) -> Option<Cow<'_, str>> {
    match serde_json::from_str::<&str>(raw.get()) {
        Ok(text) => Some(text.into()),
        Err(_) => serde_json::from_str::<String>(raw.get()).ok().map(Cow::Owned),
    }
}

/// Writes fields as an object again, each as it came; none when there are none.
pub(crate) fn object(fields: &Fields<'_>) -> Option<String> {
    let text = || serde_json::to_string(fields).expect("string keys and JSON values");
    (!fields.is_empty()).then(text)
}
