//! `-c key=value`.

use std::collections::BTreeSet;

use toml::de::DeValue;

use crate::tree::{Node, Table, Value, dotted};
use crate::{ConfigError, Origin};

/// Most parts of a key; as many as the parser of files takes.
const MAX_PARTS: usize = 80;

/// Parses one `key=value` into a layer.
///
/// The key is a dotted path whose segments may be quoted, so that `projects."/srv/a.b"` has two.
/// The value is TOML if it parses as TOML, else the text as it stands, so that a word needs no
/// quotes. A value that begins with a quote and is not TOML is refused: nobody wants that quote.
pub(crate) fn parse(text: &str) -> Result<Table, ConfigError> {
    let broken =
        |problem: &'static str| ConfigError::Override { key: key_part(text).to_owned(), problem };
    let mut segments = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let (segment, after) = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let (inside, after) = rest[1..]
                    .split_once(quote)
                    .ok_or_else(|| broken("a quote in its key is never closed"))?;
                (inside, after)
            }
            Some(_) | None => {
                let end = rest.find(['.', '=']).ok_or_else(|| broken("there is no `=`"))?;
                let bare = rest[..end].trim_end();
                if bare.is_empty() {
                    return Err(broken("a part of its key is empty"));
                }
                (bare, &rest[end..])
            }
        };
        segments.push(segment);
        if segments.len() > MAX_PARTS {
            return Err(broken("its key has too many parts"));
        }
        let after = after.trim_start();
        if let Some(value) = after.strip_prefix('=') {
            let value = value.trim();
            let leaf = leaf(text, value).ok_or_else(|| {
                broken(match value.chars().next() {
                    Some(quote) if value.len() > 1 && value.ends_with(quote) => {
                        "its value is not a valid TOML string"
                    }
                    Some(_) | None => "a quote in its value is never closed",
                })
            })?;
            return Ok(layer(text, &segments, leaf));
        }
        rest = after
            .strip_prefix('.')
            .ok_or_else(|| broken("there is no `.` or `=` after a part of its key"))?;
    }
}

/// Lists the keys that these `-c key=value` set, by full dotted key; a table counts by its leaves.
///
/// So a run that takes its settings from elsewhere knows which of them this command line is about.
pub fn set_keys(overrides: &[String]) -> Result<BTreeSet<String>, ConfigError> {
    let mut keys = BTreeSet::new();
    for text in overrides {
        collect(&parse(text)?, &mut Vec::new(), &mut keys);
    }
    Ok(keys)
}

fn collect<'a>(table: &'a Table, path: &mut Vec<&'a str>, keys: &mut BTreeSet<String>) {
    for (key, node) in table {
        path.push(key);
        match &node.value {
            Value::Table(inner) => collect(inner, path, keys),
            Value::String(_)
            | Value::Integer(_)
            | Value::Boolean(_)
            | Value::Array(_)
            | Value::Other(_) => {
                keys.insert(dotted(path.iter().copied()));
            }
        }
        path.pop();
    }
}

/// Reads the value; `None` when it begins with a quote and is not TOML.
fn leaf(text: &str, value: &str) -> Option<Node> {
    let origin = Origin::Override(key_part(text).to_owned());
    match DeValue::parse(value) {
        Ok(parsed) => Some(Node::new(parsed.get_ref(), origin.clone(), origin)),
        Err(_) if value.starts_with(['"', '\'']) => None,
        Err(_) => Some(Node {
            value: Value::String(value.to_owned()),
            origin: origin.clone(),
            key_origin: origin,
        }),
    }
}

fn layer(text: &str, segments: &[&str], leaf: Node) -> Table {
    let origin = Origin::Override(key_part(text).to_owned());
    let wrap = |node: Node, segment: &&str| Node {
        value: Value::Table(Table::from([((*segment).to_owned(), node)])),
        origin: origin.clone(),
        key_origin: origin.clone(),
    };
    match segments.iter().rev().fold(leaf, wrap).value {
        Value::Table(table) => table,
        other => unreachable!("a key has one part at least, so this is no {}", other.kind()),
    }
}

/// The text up to the `=`; what follows may be a secret and is never shown.
fn key_part(text: &str) -> &str {
    text.split_once('=').map_or(text, |(key, _)| key).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lists the leaves of a layer as `path = kind or value`.
    fn leaves(table: &Table, above: &[&str], out: &mut Vec<String>) {
        for (key, node) in table {
            let path: Vec<&str> = above.iter().copied().chain([key.as_str()]).collect();
            match &node.value {
                Value::Table(inner) => leaves(inner, &path, out),
                Value::String(text) => out.push(format!("{} = {text:?}", dotted(path))),
                Value::Integer(number) => out.push(format!("{} = {number}", dotted(path))),
                value => out.push(format!("{} = {}", dotted(path), value.kind())),
            }
        }
    }

    #[test]
    fn keys_are_dotted_paths_and_values_are_toml_or_text() {
        let cases: [(&str, &[&str]); 12] = [
            ("model=o3", &[r#"model = "o3""#]),
            ("model = \"o3\"", &[r#"model = "o3""#]),
            ("model=", &[r#"model = """#]),
            ("a.b.c=1", &["a.b.c = 1"]),
            (
                r#"projects."/srv/a.b".trust_level=trusted"#,
                &[r#"projects."/srv/a.b".trust_level = "trusted""#],
            ),
            (
                "projects.'/x=y'.trust_level=trusted",
                &[r#"projects."/x=y".trust_level = "trusted""#],
            ),
            ("a={b=1,c={d=\"x\"}}", &["a.b = 1", "a.c.d = \"x\""]),
            ("a=[1,2]", &["a = an array"]),
            ("a=true", &["a = a boolean"]),
            ("a=[1,", &[r#"a = "[1,""#]),
            ("a=x=y", &[r#"a = "x=y""#]),
            ("a=1\nb=2", &[r#"a = "1\nb=2""#]),
        ];
        for (text, expected) in cases {
            let table = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            let mut found = Vec::new();
            leaves(&table, &[], &mut found);
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn what_a_command_line_sets_is_known_by_leaf() {
        let set = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            set_keys(&texts).map(|keys| keys.into_iter().collect::<Vec<_>>())
        };
        let keys =
            set(&["model=o3", "model_providers.\"my.own\"={base_url=\"http://x\",name=\"n\"}"]);
        assert_eq!(
            keys.expect("they parse"),
            ["model", "model_providers.\"my.own\".base_url", "model_providers.\"my.own\".name"]
        );
        assert!(set(&["model"]).is_err());
    }

    #[test]
    fn a_broken_key_is_named_without_its_value() {
        for (text, problem) in [
            ("model", "no `=`"),
            ("=hush", "empty"),
            ("a..b=hush", "empty"),
            ("\"a=hush", "never closed"),
            ("\"a\"b=hush", "after a part"),
            ("a=\"hush", "quote in its value is never closed"),
            ("a='hush", "quote in its value is never closed"),
            ("a=\"", "quote in its value is never closed"),
            (r#"a="\hush""#, "not a valid TOML string"),
            (&format!("a{}=hush", ".a".repeat(MAX_PARTS)), "too many parts"),
        ] {
            let error = parse(text).err().unwrap_or_else(|| panic!("{text} parses")).to_string();
            assert!(error.contains(problem), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
