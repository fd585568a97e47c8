//! The patch in a call, as the model wrote it.

use serde_json::Value;

/// Finds the text of a patch in the provider's JSON of a call: the input of a custom call, or the
/// longest text among the arguments of one with arguments. Empty when there is none.
pub fn patch_text(raw: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_is_found_in_either_kind_of_call() {
        let cases = [
            (r#"{"input":"*** Begin Patch"}"#, "*** Begin Patch"),
            (
                r#"{"arguments":"{\"command\":[\"apply_patch\",\"*** Begin Patch\"]}"}"#,
                "*** Begin Patch",
            ),
            (r#"{"arguments":"{\"input\":\"*** Begin\"}"}"#, "*** Begin"),
            (r#"{"arguments":"7"}"#, ""),
            ("{}", ""),
            ("not json", ""),
        ];
        for (raw, patch) in cases {
            assert_eq!(patch_text(raw), patch, "{raw}");
        }
    }
}
