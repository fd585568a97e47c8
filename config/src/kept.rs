//! Keys that the user entered, kept beside the settings.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::Secret;

/// The file's name, in the home; Codex keeps its key in the same place and the same form.
const FILE: &str = "auth.json";
/// Most bytes of it that are read.
const MAX_BYTES: u64 = 1 << 20;

/// Gives the place of the file with keys that the user entered.
pub fn key_file(home: &Path) -> PathBuf {
    home.join(FILE)
}

/// Looks up a key that the user entered, by the name of the variable that it stands for.
///
/// The file is one JSON object of names and keys. One that can't be read, or is something else, holds
/// no key, which is then missing as it would be without the file.
pub fn kept_key(home: &Path, variable: &str) -> Option<Secret> {
    let mut text = String::new();
    File::open(key_file(home)).ok()?.take(MAX_BYTES).read_to_string(&mut text).ok()?;
    let value: serde_json::Value = serde_json::from_str(&text).ok()?;
    let key = value.get(variable)?.as_str()?.trim();
    (!key.is_empty()).then(|| Secret::new(key))
}
