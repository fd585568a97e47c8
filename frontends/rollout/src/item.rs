//! What an item of the conversation is.

use std::borrow::Cow;

use codex_event::ItemKind;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::line::{Fields, object};

/// An item, as far as it can be told as an event.
#[derive(Debug)]
pub(crate) enum Part<'a> {
    /// The user wrote it.
    Prompt { text: String, rest: Option<String>, whole: Whole },
    /// The program told the model so, in the user's name.
    Context { text: String, rest: Option<String> },
    /// The model said it.
    Said { kind: ItemKind },
    /// It came of a call.
    Output { call_id: Cow<'a, str>, text: String, rest: Option<String>, whole: Whole },
    /// Nothing that has a place in a session.
    Foreign,
}

/// Whether the text is all there is of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whole {
    Yes,
    /// There are parts without a text, such as images.
    No,
}

/// Begins what programs put into the conversation in the user's name.
const CONTEXT: [&str; 12] = [
    "<environment_context>",
    "<user_instructions>",
    "<INSTRUCTIONS>",
    "# AGENTS.md instructions",
    "<turn_aborted>",
    "<skill>",
    "<skills_instructions>",
    "<user_shell_command>",
    "<permissions instructions>",
    "<collaboration_mode>",
    "<subagent_notification>",
    "<model_switch>",
];

/// Items of tools that the provider itself runs.
const HOSTED: [&str; 7] = [
    "web_search_call",
    "file_search_call",
    "image_generation_call",
    "code_interpreter_call",
    "computer_call",
    "mcp_call",
    "mcp_list_tools",
];

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, default)]
    r#type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    role: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    call_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    output: Option<&'a RawValue>,
    #[serde(borrow, default)]
    internal_chat_message_metadata_passthrough: Option<&'a RawValue>,
}

/// Tells what an item is.
pub(crate) fn part<'a>(payload: &'a str, rest: &Fields<'_>) -> Part<'a> {
    let Ok(head) = serde_json::from_str::<Head<'a>>(payload) else { return Part::Foreign };
    let left = |known: &[&str]| {
        let mut fields: Fields<'_> = serde_json::from_str(payload).unwrap_or_default();
        fields.retain(|name, _| !known.contains(&name.as_ref()));
        fields.extend(rest.iter().map(|(name, raw)| (name.clone(), *raw)));
        object(&fields)
    };
    let call = |call_id: Option<Cow<'a, str>>, name: Option<Cow<'a, str>>| {
        Some((call_id?.into_owned(), name?.into_owned()))
    };
    match (head.r#type.as_deref(), head.role.as_deref()) {
        (Some("message"), Some("assistant")) => Part::Said { kind: ItemKind::Message },
        (Some("message"), Some("user")) => {
            let (text, whole) = texts(head.content);
            let rest = left(&["type", "role", "content"]);
            match is_context(&text, head.internal_chat_message_metadata_passthrough) {
                true => Part::Context { text, rest },
                false => Part::Prompt { text, rest, whole },
            }
        }
        (Some("reasoning"), _) => Part::Said { kind: ItemKind::Reasoning },
        (Some("function_call"), _) => call(head.call_id, head.name)
            .map_or(Part::Foreign, |(call_id, name)| Part::Said {
                kind: ItemKind::FunctionCall { call_id, name },
            }),
        (Some("custom_tool_call"), _) => call(head.call_id, head.name)
            .map_or(Part::Foreign, |(call_id, name)| Part::Said {
                kind: ItemKind::CustomCall { call_id, name },
            }),
        // Its output is that of a function, so it is a call of one here.
        (Some("local_shell_call"), _) => call(head.call_id.or(head.id), Some("local_shell".into()))
            .map_or(Part::Foreign, |(call_id, name)| Part::Said {
                kind: ItemKind::FunctionCall { call_id, name },
            }),
        (Some("function_call_output" | "custom_tool_call_output"), _) => match head.call_id {
            Some(call_id) => {
                let (text, whole) = texts(head.output);
                let rest = left(&["type", "call_id", "output"]);
                Part::Output { call_id, text, rest, whole }
            }
            None => Part::Foreign,
        },
        (Some(name), _) if HOSTED.contains(&name) => {
            Part::Said { kind: ItemKind::Other { name: name.to_owned() } }
        }
        (Some(_) | None, _) => Part::Foreign,
    }
}

/// Gives the texts of a message of a replaced conversation, with its role.
pub(crate) fn message(item: &Value) -> Option<(&str, String)> {
    let role = item.get("role")?.as_str()?;
    let parts = item.get("content")?.as_array()?;
    let text: Vec<&str> = parts.iter().filter_map(|part| part.get("text")?.as_str()).collect();
    Some((role, text.join("\n")))
}

/// Tells whether a text in the user's name is one that a program wrote.
pub(crate) fn is_context(text: &str, note: Option<&RawValue>) -> bool {
    #[derive(Deserialize)]
    struct Note {
        content_item_kinds: Vec<String>,
    }
    match note.and_then(|note| serde_json::from_str::<Note>(note.get()).ok()) {
        Some(Note { content_item_kinds: kinds }) if !kinds.is_empty() => {
            !kinds.iter().any(|kind| kind.starts_with("user."))
        }
        Some(_) | None => {
            let text = text.trim_start();
            CONTEXT.iter().any(|begin| text.starts_with(begin))
        }
    }
}

fn texts(raw: Option<&RawValue>) -> (String, Whole) {
    let value: Value = match raw.map(|raw| serde_json::from_str(raw.get())) {
        Some(Ok(value)) => value,
        Some(Err(_)) => return (String::new(), Whole::No),
        None => return (String::new(), Whole::Yes),
    };
    match value {
        Value::String(text) => (text, Whole::Yes),
        Value::Array(parts) => {
            let found: Vec<&str> =
                parts.iter().filter_map(|part| part.get("text")?.as_str()).collect();
            let whole = if found.len() == parts.len() { Whole::Yes } else { Whole::No };
            (found.join("\n"), whole)
        }
        Value::Object(fields) => match fields.get("content").and_then(Value::as_str) {
            Some(text) => (text.to_owned(), Whole::No),
            None => (String::new(), Whole::No),
        },
        Value::Null => (String::new(), Whole::Yes),
        Value::Bool(_) | Value::Number(_) => (value.to_string(), Whole::Yes),
    }
}
