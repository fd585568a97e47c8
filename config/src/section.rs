//! Typed reading of one table, with the full key in every complaint.

use std::collections::BTreeMap;

use crate::tree::{Node, Table, Value, dotted};
use crate::{ConfigError, Origin};

/// A value and where it came from.
#[derive(Clone, Copy)]
pub(crate) struct Found<'a, T> {
    pub(crate) value: T,
    pub(crate) origin: &'a Origin,
}

/// One table of the merged tree. A missing table reads like an empty one.
#[derive(Clone)]
pub(crate) struct Section<'a> {
    path: Vec<&'a str>,
    table: Option<&'a Table>,
}

impl<'a> Section<'a> {
    pub(crate) fn root(table: &'a Table) -> Section<'a> {
        Section { path: Vec::new(), table: Some(table) }
    }

    /// Writes the full dotted path of one of this table's keys.
    pub(crate) fn path_of(&self, key: &str) -> String {
        dotted(self.path.iter().copied().chain([key]))
    }

    pub(crate) fn node(&self, key: &str) -> Option<&'a Node> {
        self.table?.get(key)
    }

    /// Finds where a key of this table or of one below stands.
    pub(crate) fn key_origin(&self, path: &[&str]) -> Option<&'a Origin> {
        let (first, rest) = path.split_first()?;
        let node = self.node(first)?;
        match (&node.value, rest) {
            (_, []) => Some(&node.key_origin),
            (Value::Table(table), rest) => Section::root(table).key_origin(rest),
            (_, _) => None,
        }
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'a str, &'a Node)> + use<'a> {
        self.table.into_iter().flatten().map(|(key, node)| (key.as_str(), node))
    }

    pub(crate) fn section(&self, key: &'a str) -> Result<Section<'a>, ConfigError> {
        let path = self.path.iter().copied().chain([key]).collect();
        let table = self.read(key, "a table", |value| match value {
            Value::Table(table) => Some(table),
            _ => None,
        })?;
        Ok(Section { path, table: table.map(|found| found.value) })
    }

    pub(crate) fn string(&self, key: &str) -> Result<Option<Found<'a, &'a str>>, ConfigError> {
        self.read(key, "a string", |value| match value {
            Value::String(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// Reads a string that means nothing when it is blank.
    pub(crate) fn filled(&self, key: &str) -> Result<Option<Found<'a, &'a str>>, ConfigError> {
        self.read(key, "a string that is not empty", |value| match value {
            Value::String(text) if !text.trim().is_empty() => Some(text.as_str()),
            _ => None,
        })
    }

    pub(crate) fn boolean(&self, key: &str) -> Result<Option<Found<'a, bool>>, ConfigError> {
        self.read(key, "true or false", |value| match value {
            Value::Boolean(flag) => Some(*flag),
            _ => None,
        })
    }

    pub(crate) fn count(&self, key: &str) -> Result<Option<Found<'a, u64>>, ConfigError> {
        self.read(key, "an integer of 0 or more", |value| match value {
            Value::Integer(number) => u64::try_from(*number).ok(),
            _ => None,
        })
    }

    pub(crate) fn strings(
        &self,
        key: &str,
    ) -> Result<Option<Vec<Found<'a, &'a str>>>, ConfigError> {
        let items = self.read(key, "an array of strings", |value| match value {
            Value::Array(items) => Some(items),
            _ => None,
        })?;
        let Some(items) = items else { return Ok(None) };
        let strings = items.value.iter().map(|item| match &item.value {
            Value::String(text) => Ok(Found { value: text.as_str(), origin: &item.origin }),
            _ => Err(self.wrong(key, "an array of strings", item)),
        });
        strings.collect::<Result<_, _>>().map(Some)
    }

    pub(crate) fn string_map(&self, key: &'a str) -> Result<BTreeMap<String, String>, ConfigError> {
        let section = self.section(key)?;
        let mut map = BTreeMap::new();
        for (name, _) in section.entries() {
            if let Some(text) = section.string(name)? {
                map.insert(name.to_owned(), text.value.to_owned());
            }
        }
        Ok(map)
    }

    /// Reads a word out of a fixed list.
    pub(crate) fn choice<T: Copy>(
        &self,
        key: &str,
        choices: &[(&'static str, T)],
    ) -> Result<Option<Found<'a, T>>, ConfigError> {
        let Some(word) = self.string(key)? else { return Ok(None) };
        match choices.iter().find(|(name, _)| *name == word.value) {
            Some((_, value)) => Ok(Some(Found { value: *value, origin: word.origin })),
            None => Err(ConfigError::UnknownValue {
                key: self.path_of(key),
                origin: word.origin.clone(),
                value: word.value.to_owned(),
                allowed: choices.iter().map(|(name, _)| *name).collect(),
            }),
        }
    }

    fn read<T>(
        &self,
        key: &str,
        expected: &'static str,
        take: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<Found<'a, T>>, ConfigError> {
        let Some(node) = self.node(key) else { return Ok(None) };
        match take(&node.value) {
            Some(value) => Ok(Some(Found { value, origin: &node.origin })),
            None => Err(self.wrong(key, expected, node)),
        }
    }

    fn wrong(&self, key: &str, expected: &'static str, node: &Node) -> ConfigError {
        let found = match &node.value {
            Value::Integer(number) if *number < 0 => "a negative integer",
            Value::String(text) if text.trim().is_empty() => "an empty string",
            value => value.kind(),
        };
        let (key, origin) = (self.path_of(key), node.origin.clone());
        ConfigError::WrongType { key, origin, expected, found }
    }
}
