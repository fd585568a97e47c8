//! What is stored and said, held against the schemas that are committed for other programs.

use serde_json::{Value, json};

use crate::support::{World, patches, run, runs, says};

const EVENT: &str = include_str!("../../../../journal/event/schema/event.json");
const NOTICE: &str = include_str!("../../../../journal/event/schema/notice.json");
const REQUEST: &str = include_str!("../../../../journal/event/schema/request.json");

/// Checks a notice; the test fails with what is wrong.
pub(crate) fn check_notice(notice: &Value) {
    check(NOTICE, notice);
}

/// Checks a request.
pub(crate) fn check_request(request: &Value) {
    check(REQUEST, request);
}

fn check(schema: &str, value: &Value) {
    let root: Value = serde_json::from_str(schema).expect("a schema is JSON");
    if let Err(wrong) = (Schema { root: &root }).holds(&root, value) {
        panic!("{wrong}: {value}");
    }
}

/// As much of JSON Schema as the committed ones use; a word that it does not know is an error, so
/// that nothing is passed over.
struct Schema<'a> {
    root: &'a Value,
}

impl Schema<'_> {
    fn holds(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let Some(words) = schema.as_object() else {
            return if schema == &json!(true) { Ok(()) } else { Err("nothing fits".into()) };
        };
        for (word, of) in words {
            let holds = match word.as_str() {
                "$schema" | "$defs" | "title" | "description" | "default" | "format" => true,
                "$ref" => {
                    let path = of.as_str().and_then(|path| path.strip_prefix('#')).expect("local");
                    self.holds(self.root.pointer(path).expect("defined"), value)?;
                    true
                }
                "type" => list(of).any(|kind| is(kind.as_str().expect("a name"), value)),
                "const" => of == value,
                "enum" => list(of).any(|one| one == value),
                "minimum" => value.as_f64().is_none_or(|it| it >= of.as_f64().expect("a number")),
                "maximum" => value.as_f64().is_none_or(|it| it <= of.as_f64().expect("a number")),
                "pattern" => {
                    value.as_str().is_none_or(|text| fits(of.as_str().expect("one"), text))
                }
                "required" => list(of).all(|key| value.get(key.as_str().expect("a key")).is_some()),
                "properties" => {
                    for (key, schema) in of.as_object().expect("an object") {
                        if let Some(value) = value.get(key) {
                            self.holds(schema, value).map_err(|wrong| format!("{key}: {wrong}"))?;
                        }
                    }
                    true
                }
                "additionalProperties" => {
                    let known = &words["properties"];
                    let mut keys = value.as_object().into_iter().flat_map(|it| it.keys());
                    of != &json!(false) || keys.all(|key| known.get(key).is_some())
                }
                "items" => {
                    let first = words.get("prefixItems").map_or(0, |items| list(items).count());
                    let mut items = value.as_array().into_iter().flatten().skip(first);
                    items.try_for_each(|item| self.holds(of, item))?;
                    true
                }
                "prefixItems" => {
                    let items = value.as_array().into_iter().flatten();
                    list(of).zip(items).try_for_each(|(schema, item)| self.holds(schema, item))?;
                    true
                }
                "minItems" => {
                    value.as_array().is_none_or(|it| json!(it.len()).as_f64() >= of.as_f64())
                }
                "maxItems" => {
                    value.as_array().is_none_or(|it| json!(it.len()).as_f64() <= of.as_f64())
                }
                "allOf" => {
                    list(of).try_for_each(|schema| self.holds(schema, value))?;
                    true
                }
                "anyOf" => list(of).any(|schema| self.holds(schema, value).is_ok()),
                "oneOf" => list(of).filter(|it| self.holds(it, value).is_ok()).count() == 1,
                other => return Err(format!("{other} is not known here")),
            };
            if !holds {
                return Err(format!("{word} does not hold"));
            }
        }
        Ok(())
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    let one = if value.is_array() { None } else { Some(value) };
    value.as_array().into_iter().flatten().chain(one)
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is no type"),
    }
}

/// The patterns that are in use.
fn fits(pattern: &str, text: &str) -> bool {
    let hex = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    match pattern {
        "^[0-9a-f]{64}$" => text.len() == 64 && hex(text),
        "^([0-9a-f]{2})*$" => text.len().is_multiple_of(2) && hex(text),
        "^(user:|policy:|model$|supervisor$)" => {
            text.starts_with("user:")
                || text.starts_with("policy:")
                || ["model", "supervisor"].contains(&text)
        }
        uuid if uuid.starts_with("^[0-9a-f]{8}-") => {
            let parts: Vec<usize> = text.split('-').map(str::len).collect();
            parts == [8, 4, 4, 4, 12] && hex(&text.replace('-', ""))
        }
        words if words.starts_with("^(disk-full-read-access|") => {
            let words = words.trim_start_matches("^(").trim_end_matches(")$").split('|');
            words.into_iter().any(|word| match word.strip_suffix(".+") {
                Some(begin) => text.strip_prefix(begin).is_some_and(|rest| !rest.is_empty()),
                None => word == text,
            })
        }
        other => panic!("{other} is a new pattern"),
    }
}

#[test]
fn the_checks_find_what_does_not_fit() {
    let root: Value = serde_json::from_str(REQUEST).expect("JSON");
    let schema = Schema { root: &root };
    let fits = |value: Value| schema.holds(&root, &value).is_ok();
    assert!(fits(json!({"hello": {"protocol": 1, "frontend": "x"}})));
    assert!(!fits(json!({"hello": {"protocol": -1, "frontend": "x"}})));
    assert!(!fits(json!({"hello": {"protocol": 1}})));
    assert!(!fits(json!({"moon": {}})));
    assert!(fits(json!({"submit": {"id": 1, "command": {"command": "submit", "input": "x"}}})));
    assert!(!fits(json!({"submit": {"id": 1, "command": {"command": "submit", "input": 7}}})));
    let event: Value = serde_json::from_str(EVENT).expect("JSON");
    assert!(Schema { root: &event }.holds(&event, &json!({"kind": "moon_landed"})).is_err());
}

#[test]
fn stored_events_are_what_the_schema_says() {
    let patch = "*** Begin Patch\n*** Add File: made\n+hello\n*** End Patch";
    let long = format!("seq 1 3000; echo {}; printf '\\377'; cat no-such-file", "x".repeat(2000));
    let world = World::playing(json!([
        runs(&long),
        patches(patch),
        patches("*** Begin Patch\n*** Update File: gone\n@@\n-a\n+b\n*** End Patch"),
        [{"type": "function_call", "name": "no_such_tool", "arguments": {}}],
        {"fault": {"kind": "status", "code": 500, "body": {"error": {"message": "again"}}}},
        says("Done."),
        says("Done again.")
    ]));
    assert_eq!(world.turn(&["-s", "workspace-write"]).code, 0);
    let again = run(world.exec(&["resume", "--last", "-m", "other", "--", "go on"]));
    assert_eq!(again.code, 0, "{}", again.stderr);
    let raw = run(world.program(&["replay", "--last", "--raw"]));
    for line in raw.stdout.lines() {
        check(EVENT, &serde_json::from_str(line).expect("an event is JSON"));
    }
    let kinds = world.kinds();
    for kind in ["model_attempt_failed", "tool_output", "settings_changed", "session_resumed"] {
        assert!(kinds.iter().any(|it| it == kind), "{kind} is not in {kinds:?}");
    }
}
