//! What commands see of the environment: `[shell_environment_policy]`.

use std::collections::BTreeMap;

use codex_event::{EnvironmentPolicy, Inherit};

use crate::section::Section;
use crate::{ConfigError, Warning};

pub(crate) fn resolve(
    root: &Section<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<EnvironmentPolicy, ConfigError> {
    let table = root.section("shell_environment_policy")?;
    let words = [("all", Inherit::All), ("core", Inherit::Core), ("none", Inherit::None)];
    let inherit = table.choice("inherit", &words)?.map_or(Inherit::All, |found| found.value);
    let lifted = table.boolean("ignore_default_excludes")?.filter(|found| found.value);
    // Nothing is inherited that could be a secret then.
    if let (Some(found), Inherit::All) = (lifted, inherit) {
        warnings.push(Warning::SecretsInherited {
            key: table.path_of("ignore_default_excludes"),
            origin: found.origin.clone(),
        });
    }
    Ok(EnvironmentPolicy {
        inherit,
        ignore_default_excludes: lifted.is_some(),
        exclude: patterns(&table, "exclude")?,
        set: set(&table)?,
        include_only: patterns(&table, "include_only")?,
    })
}

fn patterns(table: &Section<'_>, key: &str) -> Result<Vec<String>, ConfigError> {
    let words = table.strings(key)?.unwrap_or_default();
    let pattern = |word: &crate::section::Found<'_, &str>| match word.value {
        "" => Err(ConfigError::WrongType {
            key: table.path_of(key),
            origin: word.origin.clone(),
            expected: "patterns of names, as \"AWS_*\"",
            found: "an empty string",
        }),
        pattern => Ok(pattern.to_owned()),
    };
    words.iter().map(pattern).collect()
}

fn set(table: &Section<'_>) -> Result<BTreeMap<String, String>, ConfigError> {
    let section = table.section("set")?;
    let mut set = BTreeMap::new();
    for (name, node) in section.entries() {
        let wrong = |expected, found| ConfigError::WrongType {
            key: section.path_of(name),
            origin: node.key_origin.clone(),
            expected,
            found,
        };
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(wrong("the name of a variable", "a name that none can have"));
        }
        let Some(value) = section.string(name)? else { continue };
        if value.value.contains('\0') {
            return Err(wrong("a text without NUL", "a text with one"));
        }
        set.insert(name.to_owned(), value.value.to_owned());
    }
    Ok(set)
}
