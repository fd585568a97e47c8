//! What the model said earlier, in the form in which it goes back.

use std::collections::BTreeMap;

use codex_event::ItemKind;
use codex_session::{CallForm, Origin};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::raw;
use crate::model::tools;

/// Depth beyond which JSON can't be held as a value.
const MAX_DEPTH: usize = 100;

/// An item with the text of each of its fields, as it came.
type Fields = BTreeMap<String, Box<RawValue>>;

/// An item that is sent anew.
pub(super) struct Resent {
    pub(super) json: Box<RawValue>,
    /// Its call, which needs an output of the same form.
    pub(super) call: Option<(String, CallForm)>,
}

/// Gives an item for a server that has it already.
pub(super) fn stored(kind: &ItemKind, text: &str) -> Option<Box<RawValue>> {
    let as_it_came = || RawValue::from_string(text.to_owned()).ok();
    match kind {
        ItemKind::FunctionCall { .. } => {
            let Ok(mut item) = serde_json::from_str::<Fields>(text) else { return as_it_came() };
            mend_arguments(&mut item);
            serde_json::value::to_raw_value(&item).ok()
        }
        ItemKind::Message
        | ItemKind::Reasoning
        | ItemKind::CustomCall { .. }
        | ItemKind::Other { .. } => as_it_came(),
    }
}

/// Gives an item for a server that has never seen it; none for one that it would not take.
pub(super) fn anew(kind: &ItemKind, text: &str, by: &Origin, asked: &Origin) -> Option<Resent> {
    let mut item = serde_json::from_str::<Fields>(text).ok()?;
    forget_storage(&mut item);
    let (fields, call): (&[&str], _) = match kind {
        ItemKind::Message => (&["type", "role", "content", "phase"], None),
        ItemKind::Reasoning => {
            if (&by.provider, family(&by.model)) != (&asked.provider, family(&asked.model)) {
                // Nobody else has the key to it.
                item.remove("encrypted_content");
            }
            // A summary is all that is left of it: worth nothing to a server that kept nothing.
            if !has(&item, "encrypted_content") && !has(&item, "content") {
                return None;
            }
            if !has(&item, "content") {
                item.remove("content");
            }
            (&["type", "summary", "content", "encrypted_content"], None)
        }
        ItemKind::FunctionCall { call_id, name } => {
            if is(&item, "type", "local_shell_call") {
                item = shell_call(&item, call_id)?;
            }
            join_name(&mut item, name);
            mend_arguments(&mut item);
            let call = (call_id.clone(), CallForm::Function);
            (&["type", "call_id", "name", "arguments"], Some(call))
        }
        ItemKind::CustomCall { call_id, name } if tools::takes_text(name) => {
            let call = (call_id.clone(), CallForm::Custom);
            (&["type", "call_id", "name", "input"], Some(call))
        }
        ItemKind::CustomCall { call_id, name } => {
            item = function_call(&item, call_id, name)?;
            let call = (call_id.clone(), CallForm::Function);
            (&["type", "call_id", "name", "arguments"], Some(call))
        }
        // Results of tools that the server itself ran, states of it, and what nobody knows yet.
        ItemKind::Other { .. } => return None,
    };
    if by.provider != asked.provider {
        // Whatever else another server adds, this one may refuse.
        item.retain(|name, _| fields.contains(&name.as_str()));
    }
    let json = serde_json::value::to_raw_value(&item).ok()?;
    Some(Resent { json, call })
}

/// Removes what names or describes the copy that a server would have kept, and what other programs
/// note down for themselves.
fn forget_storage(item: &mut Fields) {
    for name in ["id", "status", "metadata", "internal_chat_message_metadata_passthrough"] {
        item.remove(name);
    }
}

/// Names the models that can read each other's reasoning: those of one generation.
///
/// A name is cut behind its first number, so `gpt-5.1-codex` and `gpt-5-mini` are one family; one
/// without a number stands for itself.
fn family(model: &str) -> &str {
    let Some(start) = model.find(|c: char| c.is_ascii_digit()) else { return model };
    let digits = model[start..].find(|c: char| !c.is_ascii_digit());
    &model[..digits.map_or(model.len(), |end| start + end)]
}

/// Gives the call of a tool of its own kind as one of the tool that does the same here.
fn shell_call(item: &Fields, call_id: &str) -> Option<Fields> {
    #[derive(Deserialize)]
    struct Action {
        #[serde(default)]
        command: Vec<String>,
        #[serde(default)]
        working_directory: Option<String>,
        #[serde(default)]
        timeout_ms: Option<u64>,
    }
    let action = item.get("action").map_or("{}", |raw| raw.get());
    let Action { command, working_directory, timeout_ms } = serde_json::from_str(action).ok()?;
    let mut arguments = Map::new();
    arguments.insert("command".to_owned(), command.into());
    arguments.extend(working_directory.map(|folder| ("workdir".to_owned(), folder.into())));
    arguments.extend(timeout_ms.map(|time| ("timeout".to_owned(), time.into())));
    call("shell", call_id, &Value::Object(arguments))
}

/// Gives a call with free text, of a tool that is not offered, in the form that every server takes.
fn function_call(item: &Fields, call_id: &str, name: &str) -> Option<Fields> {
    let input: Value = match item.get("input") {
        Some(raw) => serde_json::from_str(raw.get()).ok()?,
        None => Value::Null,
    };
    call(name, call_id, &json!({ "input": input }))
}

fn call(name: &str, call_id: &str, arguments: &Value) -> Option<Fields> {
    let fields = [
        ("type", "function_call".to_owned()),
        ("call_id", call_id.to_owned()),
        ("name", name.to_owned()),
        ("arguments", arguments.to_string()),
    ];
    fields.into_iter().map(|(name, text)| Some((name.to_owned(), raw(&text.into())?))).collect()
}

/// Puts the name of a tool's namespace before its own, where a server has no field for it.
fn join_name(item: &mut Fields, name: &str) {
    let Some(space) = item.remove("namespace") else { return };
    if let Ok(space) = serde_json::from_str::<String>(space.get())
        && !space.is_empty()
        && let Some(joined) = raw(&format!("{space}__{name}").into())
    {
        item.insert("name".to_owned(), joined);
    }
}

/// Replaces arguments that are no JSON object, as when the call was cut off: servers refuse them
/// with a 500, again and again. What the model wrote goes back inside of an object, so that it sees
/// where it was cut off; the call's output says that nothing was run.
fn mend_arguments(item: &mut Fields) {
    let text = item.get("arguments").map_or("null", |raw| raw.get());
    let mended = match serde_json::from_str::<Option<String>>(text) {
        Ok(Some(arguments)) if is_object(&arguments) => return,
        Ok(Some(arguments)) if !arguments.trim().is_empty() => invalid(&arguments),
        Ok(_) => "{}".to_owned(),
        // Not within a string, as some servers send them.
        Err(_) if is_object(text) => text.to_owned(),
        // A text that ends within a surrogate pair, among others.
        Err(_) => invalid(text),
    };
    if let Some(mended) = raw(&mended.into()) {
        item.insert("arguments".to_owned(), mended);
    }
}

fn invalid(arguments: &str) -> String {
    json!({ "invalid_arguments": arguments }).to_string()
}

/// Tells whether a text is a JSON object, however deep.
fn is_object(text: &str) -> bool {
    // What is deeper than a value can be held is at least looked through.
    let deep = || text.bytes().filter(|byte| matches!(byte, b'{' | b'[')).count() > MAX_DEPTH;
    let sound = || serde_json::from_str::<&RawValue>(text).is_ok();
    serde_json::from_str::<Map<String, Value>>(text).is_ok()
        || (text.trim_start().starts_with('{') && deep() && sound())
}

fn has(item: &Fields, field: &str) -> bool {
    match item.get(field).map_or("null", |raw| raw.get()) {
        "null" | "true" | "false" | "\"\"" | "[]" => false,
        other => other.starts_with(['"', '[', '{']),
    }
}

fn is(item: &Fields, field: &str, value: &str) -> bool {
    item.get(field).is_some_and(|raw| raw.get().trim_matches('"') == value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_of_one_generation_are_one_family() {
        for (model, expected) in [
            ("gpt-5.1-codex-max", "gpt-5"),
            ("gpt-5-mini", "gpt-5"),
            ("o4-mini", "o4"),
            ("gpt-4o", "gpt-4"),
            ("mistral-small", "mistral-small"),
            ("", ""),
        ] {
            assert_eq!(family(model), expected);
        }
    }
}
