//! What this process knows to be secret, and the key of its markers.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use codex_redact::{KEY_BYTES, Known, Redactor, named, says_secret};
use serde_json::Value;

use crate::model_actor::Access;

/// The file of the key, in the home of settings and journals.
const KEY_FILE: &str = "redaction.key";
/// The file in which other agents keep credentials, in the same folder.
const AUTH_FILE: &str = "auth.json";
/// Most bytes of that file.
const MAX_AUTH_FILE: u64 = 1 << 20;

/// What stands in the place of the key of the markers is none.
#[derive(Debug, thiserror::Error)]
#[error("{path} is no key of markers: it has {found} bytes instead of {KEY_BYTES}")]
pub struct NoMarkerKey {
    /// The file.
    pub path: PathBuf,
    /// Its bytes.
    pub found: u64,
}

/// Looks at the key of the markers, if there is one yet: with another one than before, equal secrets would
/// not be seen to be equal any more, and nobody would be told.
///
/// # Errors
///
/// When the file has not the length of a key.
pub fn check_marker_key(home: &Path) -> Result<(), NoMarkerKey> {
    let path = home.join(KEY_FILE);
    match fs::metadata(&path) {
        Ok(meta) if meta.len() != KEY_BYTES as u64 => Err(NoMarkerKey { path, found: meta.len() }),
        // What can't be read can't be kept either: that is a key in memory.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Makes a redactor of what the environment, the file of credentials and the access to the provider
/// hold of secrets.
///
/// The key of its markers is made on first need. Where it can't be kept, it holds for this process
/// alone.
pub fn redactor(
    home: &Path,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
    access: Option<&Access>,
) -> Redactor {
    let file = home.join(KEY_FILE);
    Redactor::new(known(home, variables, access), move || key(&file))
}

/// As [`redactor`], for a session that leaves nothing behind: a key that is there is used, and none
/// is kept.
pub fn ephemeral_redactor(
    home: &Path,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
    access: Option<&Access>,
) -> Redactor {
    let file = home.join(KEY_FILE);
    Redactor::new(known(home, variables, access), move || kept(&file).unwrap_or_else(|_| fresh()))
}

fn known(
    home: &Path,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
    access: Option<&Access>,
) -> Vec<Known> {
    let mut known: Vec<Known> = variables
        .into_iter()
        .filter_map(|(name, value)| named(name.to_str()?, value.to_str()?))
        .collect();
    known.extend(access.into_iter().flat_map(of_access));
    known.extend(of_auth_file(&home.join(AUTH_FILE)));
    known
}

fn of_access(access: &Access) -> Vec<Known> {
    let key = access.key.as_ref().ok().and_then(Option::as_deref);
    let mut known: Vec<Known> =
        key.and_then(|key| Known::new("provider-key", key)).into_iter().collect();
    for (name, value) in access.headers.iter().chain(&access.query) {
        let upper = name.to_ascii_uppercase();
        if says_secret(name) || upper.contains("AUTH") || upper.contains("SIG") {
            // Also what follows the scheme, as in `Bearer KEY`.
            let last = value.split_whitespace().next_back().unwrap_or_default();
            known.extend([value, last].into_iter().filter_map(|value| Known::new(name, value)));
        }
    }
    known
}

fn of_auth_file(file: &Path) -> Vec<Known> {
    let mut text = String::new();
    let read = File::open(file).and_then(|file| file.take(MAX_AUTH_FILE).read_to_string(&mut text));
    let mut known = Vec::new();
    if read.is_ok()
        && let Ok(value) = serde_json::from_str::<Value>(&text)
    {
        gather(&value, AUTH_FILE, &mut known);
    }
    known
}

fn gather(value: &Value, name: &str, known: &mut Vec<Known>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                gather(value, field, known);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| gather(value, name, known)),
        Value::String(text) => {
            known.extend(
                Some(text)
                    .filter(|_| says_secret(name))
                    .and_then(|text| Known::new(&format!("{AUTH_FILE}.{name}"), text)),
            );
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Gives the key that is kept, or makes one.
fn key(file: &Path) -> [u8; KEY_BYTES] {
    let kept = kept(file).or_else(|_| make(file));
    kept.unwrap_or_else(|error| {
        tracing::debug!(%error, "the key of the markers is not kept");
        fresh()
    })
}

fn fresh() -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    // Without it nothing of the program works: sessions need ids.
    getrandom::fill(&mut key).expect("the system gives random bytes");
    key
}

fn kept(file: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let mut key = [0; KEY_BYTES];
    File::open(file)?.read_exact(&mut key)?;
    Ok(key)
}

/// Puts a new key in its place whole, unless another process was first: then it gives that one.
fn make(file: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let beside = file.with_extension(format!("key.{}", std::process::id()));
    let key = fresh();
    let written = (|| {
        let mut options = OpenOptions::new();
        let mut temporary = options.write(true).create_new(true).mode(0o600).open(&beside)?;
        temporary.write_all(&key)?;
        temporary.sync_all()?;
        match fs::hard_link(&beside, file) {
            Ok(()) => Ok(key),
            Err(_) => kept(file),
        }
    })();
    let _ = fs::remove_file(&beside);
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(headers: &[(&str, &str)], query: &[(&str, &str)]) -> Access {
        let owned = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
        };
        let key = Ok(Some("k3y-of-the-provider".into()));
        Access { key, headers: owned(headers), query: owned(query) }
    }

    #[test]
    fn secrets_come_from_everywhere_they_are_kept() {
        let home = tempfile::tempdir().expect("a folder");
        let auth = r#"{"OPENAI_API_KEY":null,"tokens":{"access_token":"acc3ss-0123456789",
            "account_id":"11112222-3333-4444"},"last_refresh":"2026-01-01T00:00:00Z"}"#;
        fs::write(home.path().join(AUTH_FILE), auth).expect("written");
        let access = access(
            &[("Authorization", "Bearer h3ader-credential"), ("accept", "application/json")],
            &[("api-version", "2026-01-01-preview"), ("sig", "s1gnature-of-it")],
        );
        let variables = [("MY_TOKEN", "t0ken-of-mine"), ("EDITOR", "ed1tor-of-mine")];
        let variables = variables.map(|(name, value)| (name.into(), value.into()));
        let redactor = redactor(home.path(), variables, Some(&access));
        for (text, name) in [
            ("t0ken-of-mine", "MY_TOKEN"),
            ("k3y-of-the-provider", "provider-key"),
            ("h3ader-credential", "Authorization"),
            ("s1gnature-of-it", "sig"),
            ("acc3ss-0123456789", "auth.json.access_token"),
        ] {
            let redacted = redactor.text(text);
            assert!(redacted.starts_with(&format!("[redacted:{name}:")), "{text}: {redacted}");
        }
        for text in
            ["ed1tor-of-mine", "application/json", "2026-01-01-preview", "11112222-3333-4444"]
        {
            assert_eq!(redactor.text(text), text);
        }
    }

    #[test]
    fn the_key_is_made_on_first_need_and_kept_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().expect("a folder");
        let file = home.path().join(KEY_FILE);
        let variables = || [(OsString::from("MY_TOKEN"), OsString::from("t0ken-of-mine"))];
        let one = redactor(home.path(), variables(), None);
        assert_eq!(one.text("nothing"), "nothing");
        assert!(!file.exists(), "nobody needed it");
        let marker = one.text("t0ken-of-mine").into_owned();
        assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&file).expect("there").len(), KEY_BYTES as u64);
        let two = redactor(home.path(), variables(), None);
        assert_eq!(two.text("t0ken-of-mine"), marker, "another process has other markers");
        assert_eq!(fs::read_dir(home.path()).expect("readable").count(), 1);
        fs::remove_file(&file).expect("removed");
        let three = redactor(home.path(), variables(), None);
        assert_ne!(three.text("t0ken-of-mine"), marker, "the key has no effect");
    }

    #[test]
    fn a_home_that_takes_no_file_gets_a_key_in_memory() {
        let home = tempfile::tempdir().expect("a folder");
        let file = home.path().join("file");
        fs::write(&file, "").expect("written");
        let variables = [(OsString::from("MY_TOKEN"), OsString::from("t0ken-of-mine"))];
        let redactor = redactor(&file.join("home"), variables, None);
        let marker = redactor.text("t0ken-of-mine").into_owned();
        assert!(marker.starts_with("[redacted:MY_TOKEN:"), "{marker}");
        assert_eq!(redactor.text("t0ken-of-mine"), marker);
    }
}
