//! JSON is redacted string by string, so that it stays JSON and no escape hides a secret.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::redactor::Redactor;

/// How many levels of JSON within strings of JSON are looked into.
const MAX_DEPTH: u32 = 4;

pub(crate) fn redact<'t>(redactor: &Redactor, text: &'t str) -> Cow<'t, str> {
    let strings = strings(redactor, text, MAX_DEPTH);
    // What is told by a name beside it, as the value of a header is, shows in the whole alone.
    match redactor.text(&strings) {
        Cow::Owned(whole) if serde_json::from_str::<&RawValue>(&whole).is_ok() => Cow::Owned(whole),
        Cow::Owned(_) | Cow::Borrowed(_) => strings,
    }
}

/// Redacts each string by itself. Reads no more of JSON than where strings begin and end, so that
/// depth does not matter, nor that the end is missing.
fn strings<'t>(redactor: &Redactor, text: &'t str, depth: u32) -> Cow<'t, str> {
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(quote) = text[at..].find('"') {
        let start = at + quote;
        at = end_of_string(text.as_bytes(), start);
        if let Some(string) = string(redactor, &text[start..at], depth) {
            out.push_str(&text[copied..start]);
            out.push_str(&string);
            copied = at;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// Gives the position behind a string that begins here, or the end of the text.
fn end_of_string(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < text.len() {
        match text[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

/// Redacts a string with its quotes; none when there is nothing in it.
fn string(redactor: &Redactor, quoted: &str, depth: u32) -> Option<String> {
    let closed = quoted.len() > 1 && quoted.ends_with('"');
    let inner = if closed { &quoted[1..quoted.len() - 1] } else { &quoted[1..] };
    let close = if closed { "\"" } else { "" };
    let decoded: Cow<'_, str> = match inner.contains('\\') {
        false => inner.into(),
        true => match serde_json::from_str::<String>(&format!("\"{inner}\"")) {
            Ok(decoded) => decoded.into(),
            // Half of a pair of surrogates, or cut within an escape: what it says is what it shows.
            Err(_) => {
                let shown = redactor.text(inner);
                return matches!(shown, Cow::Owned(_)).then(|| format!("\"{shown}{close}"));
            }
        },
    };
    let nested = match decoded.trim_start().starts_with(['{', '[']) && depth > 0 {
        true => strings(redactor, &decoded, depth - 1),
        false => Cow::Borrowed(&*decoded),
    };
    let redacted = match redactor.text(&nested) {
        Cow::Owned(redacted) => redacted,
        Cow::Borrowed(_) => match nested {
            Cow::Owned(nested) => nested,
            Cow::Borrowed(_) => return None,
        },
    };
    let mut encoded = serde_json::to_string(&redacted).ok()?;
    if !closed {
        encoded.pop();
    }
    Some(encoded)
}
