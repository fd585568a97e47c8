//! TOML values that remember where they stand.

use std::collections::BTreeMap;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::files::Lines;
use crate::{ConfigError, Origin};

/// What the parser says of a key that was set before.
pub(crate) const DUPLICATE_KEY: &str = "duplicate key";

pub(crate) type Table = BTreeMap<String, Node>;

/// One value and its place. No `Debug`: a value may be a secret.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) value: Value,
    /// Where the value stands.
    pub(crate) origin: Origin,
    /// Where its key stands; the value's own place for elements of arrays.
    pub(crate) key_origin: Origin,
}

#[derive(Clone)]
pub(crate) enum Value {
    String(String),
    Integer(i64),
    Boolean(bool),
    Array(Vec<Node>),
    Table(Table),
    /// A kind of value that no setting takes, by its name.
    Other(&'static str),
}

impl Value {
    /// Names the kind of value with its article, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::String(_) => "a string",
            Value::Integer(_) => "an integer",
            Value::Boolean(_) => "a boolean",
            Value::Array(_) => "an array",
            Value::Table(_) => "a table",
            Value::Other(kind) => kind,
        }
    }
}

impl Node {
    pub(crate) fn new(value: &DeValue<'_>, origin: Origin, key_origin: Origin) -> Node {
        Node::convert(value, origin, key_origin, &|_| None)
    }

    /// Converts a parsed value; `place` tells where a byte offset is, or `None` when everything
    /// stands in the same place as the whole.
    fn convert(
        value: &DeValue<'_>,
        origin: Origin,
        key_origin: Origin,
        place: &dyn Fn(usize) -> Option<Origin>,
    ) -> Node {
        let at = |offset: usize| place(offset).unwrap_or_else(|| origin.clone());
        let value = match value {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Integer(digits) => i64::from_str_radix(digits.as_str(), digits.radix())
                .map_or(Value::Other("an integer beyond 64 bits"), Value::Integer),
            DeValue::Boolean(flag) => Value::Boolean(*flag),
            DeValue::Float(_) => Value::Other("a float"),
            DeValue::Datetime(_) => Value::Other("a date"),
            DeValue::Array(items) => Value::Array(
                items
                    .iter()
                    .map(|item| {
                        let start = at(item.span().start);
                        Node::convert(item.get_ref(), start.clone(), start, place)
                    })
                    .collect(),
            ),
            DeValue::Table(entries) => Value::Table(
                entries
                    .iter()
                    .map(|(key, item)| {
                        let (value_at, key_at) = (at(item.span().start), at(key.span().start));
                        let node = Node::convert(item.get_ref(), value_at, key_at, place);
                        (key.get_ref().to_string(), node)
                    })
                    .collect(),
            ),
        };
        Node { value, origin, key_origin }
    }
}

/// Parses a settings file.
pub(crate) fn parse_file(text: &str, path: &Path) -> Result<Table, ConfigError> {
    let lines = Lines::of(text);
    let place = |offset: usize| lines.place(offset, path);
    let document = DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or(text.len()..text.len());
        let mut message = error.message().to_owned();
        // The parser says where the second of two equal keys stands, but not which key that is.
        if let (DUPLICATE_KEY, Some(key)) = (message.as_str(), text.get(span.clone())) {
            message = format!("{DUPLICATE_KEY} `{key}`");
        }
        ConfigError::Syntax { origin: place(span.start), message }
    })?;
    let root = DeValue::Table(Spanned::into_inner(document));
    match Node::convert(&root, place(0), place(0), &|offset| Some(place(offset))).value {
        Value::Table(table) => Ok(table),
        other => unreachable!("a document is a table, not {}", other.kind()),
    }
}

/// Lays a stronger layer over a weaker one: tables are merged, anything else is replaced.
pub(crate) fn merge(under: &mut Table, over: Table) {
    for (key, node) in over {
        match (under.get_mut(&key).map(|old| &mut old.value), node.value) {
            (Some(Value::Table(old)), Value::Table(new)) => merge(old, new),
            (_, value) => {
                under.insert(key, Node { value, ..node });
            }
        }
    }
}

/// Writes a dotted path, with quotes around the segments that need them.
pub fn dotted<'a>(segments: impl IntoIterator<Item = &'a str>) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let quoted = segments.into_iter().map(|segment| {
        if !segment.is_empty() && segment.chars().all(bare) {
            segment.to_owned()
        } else {
            format!("{segment:?}")
        }
    });
    quoted.collect::<Vec<_>>().join(".")
}
