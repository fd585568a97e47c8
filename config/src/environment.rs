//! What commands see of the environment: `[shell_environment_policy]`.

use std::collections::BTreeMap;

use crate::section::Section;
use crate::{ConfigError, Secret, Warning};

/// What commands inherit of the environment, and what is set for them.
///
/// Names that say secret (KEY, SECRET, TOKEN, PASSW, CREDENTIAL, COOKIE, _PAT) are left out unless
/// `ignore_default_excludes` is set. Codex 0.169 has it the other way round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShellEnvironment {
    /// What there is to begin with.
    pub inherit: Inherit,
    /// Whether names that say secret are inherited as well.
    pub ignore_default_excludes: bool,
    /// Patterns of what is not inherited.
    pub exclude: Vec<String>,
    /// What is set. No value shows in `Debug`: any of them may be a secret.
    pub set: BTreeMap<String, Secret>,
    /// Patterns of all that a command may see; no pattern, no such limit.
    pub include_only: Vec<String>,
}

/// What an environment begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Inherit {
    /// The agent's own.
    #[default]
    All,
    /// What nearly every program needs.
    Core,
    /// Nothing.
    None,
}

pub(crate) fn resolve(
    root: &Section<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<ShellEnvironment, ConfigError> {
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
    Ok(ShellEnvironment {
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

fn set(table: &Section<'_>) -> Result<BTreeMap<String, Secret>, ConfigError> {
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
        set.insert(name.to_owned(), Secret::new(value.value));
    }
    Ok(set)
}
