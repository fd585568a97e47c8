//! What the interface writes down for its user: whether a project is trusted, how it looks, and a key.

use std::fs::{self, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use codex_config::{Config, KeySource};
use codex_gate::project_root;
use codex_tui::host::{Setting, Trust};
use codex_tui::options::{Colours, Keys, Palette};
use serde_json::{Map, Value};
use toml_edit::{DocumentMut, Item, Table, TableLike, value};

use super::refused;
use crate::failure::{Failure, USAGE};

/// The file whose lock is held while another file of the home is changed. It stays, since a lock on a
/// file that somebody removes keeps nobody away.
const LOCK_FILE: &str = "config.lock";
/// Time that the lock is waited for: a change takes a few milliseconds.
const LOCKED: Duration = Duration::from_secs(2);
const TICK: Duration = Duration::from_millis(5);
/// Rights of a file that is its user's alone.
const PRIVATE: u32 = 0o600;

/// Writes to the settings whether the project of a folder is trusted; all else in them stays as it is.
pub(super) fn trust(home: &Path, cwd: &Path, trust: Trust) -> Result<String, Failure> {
    let project = project_root(cwd);
    let named = crate::opening::text(&project)?;
    let level = match trust {
        Trust::Trusted => "trusted",
        Trust::Untrusted => "untrusted",
    };
    let hint = "put it right by hand: [projects.\"PATH\"] trust_level = \"trusted\"";
    let file = change(home, hint, |text| with_trust(text, &project, &named, level))?;
    Ok(format!("{named} is {level} from now on ({})", file.display()))
}

/// Writes to the settings what the user chose in the interface; all else in them stays as it is.
pub(super) fn setting(home: &Path, setting: Setting) -> Result<String, Failure> {
    let (key, value, words) = match setting {
        Setting::Theme(colours) => {
            let theme = match colours {
                Colours::Auto => "auto",
                Colours::Always(Palette::Dark) => "dark",
                Colours::Always(Palette::Light) => "light",
                Colours::Always(Palette::Sixteen) => "sixteen",
                Colours::Always(Palette::Plain) => "plain",
            };
            ("theme", theme, format!("the theme is {theme} from now on"))
        }
        Setting::Keys(Keys::Emacs) => {
            ("keymap", "emacs", "keys are read as shells do from now on".to_owned())
        }
        Setting::Keys(Keys::Vim) => {
            ("keymap", "vim", "keys are read as vi does from now on".to_owned())
        }
    };
    let hint = format!("put it right by hand: [tui] {key} = \"{value}\"");
    let file = change(home, &hint, |text| with_setting(text, key, value))?;
    Ok(format!("{words} ({})", file.display()))
}

/// What can't be done to a text of settings.
type Unchanged = Box<dyn std::error::Error>;

/// Changes the user's settings, and gives the file that they are in.
fn change(
    home: &Path,
    hint: &str,
    how: impl FnOnce(&str) -> Result<String, Unchanged>,
) -> Result<PathBuf, Failure> {
    let file = home.join("config.toml");
    let _lock = lock(home)?;
    let text = match fs::read_to_string(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read.map_err(|error| refused(&file.display().to_string(), &error))?,
    };
    let text = how(&text)
        .map_err(|error| Failure::new(USAGE, format!("{}: {error}", file.display())).hint(hint))?;
    replace(&file, text.as_bytes(), None)?;
    Ok(file)
}

fn with_setting(text: &str, key: &str, value: &str) -> Result<String, Unchanged> {
    let mut document: DocumentMut = text.parse()?;
    let tui = table(document.as_table_mut(), "tui").ok_or("`tui` is no table")?;
    // Beside keys of one's own, the mode is one of the table's.
    match tui.get_mut(key).and_then(Item::as_table_like_mut) {
        Some(keymap) => set(keymap, "mode", value),
        None => set(tui, key, value),
    }
    Ok(document.to_string())
}

fn with_trust(text: &str, project: &Path, named: &str, level: &str) -> Result<String, Unchanged> {
    let mut document: DocumentMut = text.parse()?;
    let projects = table(document.as_table_mut(), "projects").ok_or("`projects` is no table")?;
    // Where two entries mean one project, both say the same from now on.
    let means_it = |path: &str| fs::canonicalize(path).is_ok_and(|path| path == project);
    let mut keys: Vec<String> = projects.iter().map(|(key, _)| key.to_owned()).collect();
    keys.retain(|key| key == named || means_it(key));
    if keys.is_empty() {
        keys.push(named.to_owned());
    }
    for key in &keys {
        if projects.get(key).is_none() {
            projects.insert(key, Item::Table(Table::new()));
        }
        let entry = projects.get_mut(key).and_then(Item::as_table_like_mut);
        set(entry.ok_or("an entry of `projects` is no table")?, "trust_level", level);
    }
    Ok(document.to_string())
}

/// Sets a value, with the comments that stand before and behind it.
fn set(table: &mut dyn TableLike, key: &str, text: &str) {
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(was) => {
            let decor = was.decor().clone();
            *was = text.into();
            *was.decor_mut() = decor;
        }
        None => drop(table.insert(key, value(text))),
    }
}

fn table<'a>(root: &'a mut Table, key: &str) -> Option<&'a mut dyn TableLike> {
    let item = root.entry(key).or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    item.as_table_like_mut()
}

/// Keeps a key for the provider, by the name of the variable that it stands for.
pub(super) fn key(config: &Config, key: &str) -> Result<String, Failure> {
    let key = key.trim();
    if key.is_empty() || key.chars().any(|it| it.is_whitespace() || it.is_control()) {
        return Err(Failure::new(USAGE, "that is no key: it is empty or holds blanks")
            .hint("copy it once more, whole and on one line"));
    }
    let name = match &config.provider.key_source {
        KeySource::Env(names) => names.last(),
        KeySource::None | KeySource::Inline => None,
    };
    let Some(name) = name else {
        return Err(Failure::new(USAGE, format!("{} takes no key", config.provider.name))
            .hint("say env_key of its model_providers table where it does"));
    };
    let file = codex_config::key_file(&config.home);
    let _lock = lock(&config.home)?;
    let mut kept = match fs::read_to_string(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Map::new(),
        read => {
            let text = read.map_err(|error| refused(&file.display().to_string(), &error))?;
            serde_json::from_str(&text).map_err(|error| {
                Failure::new(USAGE, format!("{} is no JSON object: {error}", file.display()))
                    .hint("move it away, and enter the key once more")
            })?
        }
    };
    kept.insert(name.clone(), Value::from(key));
    let mut text = format!("{:#}", Value::Object(kept));
    text.push('\n');
    replace(&file, text.as_bytes(), Some(PRIVATE))?;
    Ok(format!("the key is kept in {}, for {name}", file.display()))
}

/// Keeps other processes of this program from changing the home's files until it is dropped: between the
/// reading of one and its writing, what another wrote would be lost.
fn lock(home: &Path) -> Result<fs::File, Failure> {
    let path = home.join(LOCK_FILE);
    let opened = fs::create_dir_all(home)
        .and_then(|()| fs::OpenOptions::new().create(true).append(true).mode(PRIVATE).open(&path));
    let file = opened.map_err(|error| refused(&path.display().to_string(), &error))?;
    let deadline = Instant::now() + LOCKED;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(TICK),
            Err(TryLockError::WouldBlock) => {
                let message = format!(
                    "another process has held {} for {} s; nothing was written",
                    path.display(),
                    LOCKED.as_secs()
                );
                return Err(Failure::new(USAGE, message)
                    .hint("try it again; a process that hangs there shows in `fuser FILE`"));
            }
            Err(TryLockError::Error(error)) => {
                return Err(refused(&path.display().to_string(), &error));
            }
        }
    }
}

/// Writes a file whole or not at all. Its rights stay as they are unless others are wanted; a new one is
/// its user's alone, and a link stays one: what it leads to is written.
fn replace(file: &Path, bytes: &[u8], mode: Option<u32>) -> Result<(), Failure> {
    let place = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let beside = place.with_added_extension(format!("{}", std::process::id()));
    let written = (|| {
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder)?;
        }
        let kept = fs::metadata(&place).ok().map(|meta| meta.permissions().mode() & 0o777);
        let mode = mode.or(kept).unwrap_or(PRIVATE);
        // A process of this number may have left it half written.
        let _ = fs::remove_file(&beside);
        let mut options = fs::OpenOptions::new();
        let mut new = options.write(true).create_new(true).mode(PRIVATE).open(&beside)?;
        new.write_all(bytes)?;
        new.set_permissions(fs::Permissions::from_mode(mode))?;
        new.sync_all()?;
        fs::rename(&beside, &place)
    })();
    written.map_err(|error| {
        let _ = fs::remove_file(&beside);
        refused(&format!("{} can't be written", file.display()), &error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusted(text: &str, level: &str) -> String {
        with_trust(text, Path::new("/srv/a"), "/srv/a", level).expect("written")
    }

    #[test]
    fn a_project_is_written_down_and_all_else_stays() {
        assert_eq!(trusted("", "trusted"), "[projects.\"/srv/a\"]\ntrust_level = \"trusted\"\n");
        let text = "# mine\nmodel = \"o3\" # the best\n\n[projects.\"/srv/b\"]\n\
                    trust_level = \"untrusted\" # why\n";
        assert_eq!(
            trusted(text, "trusted"),
            format!("{text}\n[projects.\"/srv/a\"]\ntrust_level = \"trusted\"\n")
        );
        let was = "[projects.\"/srv/a\"]\n# asked twice\ntrust_level = \"trusted\" # yes\n";
        assert_eq!(trusted(was, "untrusted"), was.replace("= \"", "= \"un"));
        let inline = trusted("projects = {}\n", "trusted");
        assert!(inline.contains("projects = {"), "{inline}");
        assert!(inline.contains("\"/srv/a\"") && inline.contains("trust_level"), "{inline}");
        for text in ["projects = 1\n", "projects.\"/srv/a\" = 1\n", "= broken"] {
            let refused = with_trust(text, Path::new("/srv/a"), "/srv/a", "trusted");
            assert!(refused.is_err(), "{text}");
        }
    }

    #[test]
    fn a_setting_is_written_down_and_all_else_stays() {
        let set = |text: &str, key, value| with_setting(text, key, value).expect("written");
        assert_eq!(set("", "theme", "light"), "[tui]\ntheme = \"light\"\n");
        let text =
            "# mine\n[tui]\n# bright\ntheme = \"dark\" # at night\nmouse = true\n[a]\nb = 1\n";
        assert_eq!(set(text, "theme", "light"), text.replace("dark", "light"));
        let with_keys = set(text, "keymap", "vim");
        assert_eq!(with_keys, text.replace("true\n", "true\nkeymap = \"vim\"\n"));
        let table = "[tui.keymap]\nmode = \"emacs\" # as ever\ntop = \"f2\"\n";
        assert_eq!(set(table, "keymap", "vim"), table.replace("emacs", "vim"));
        let table = "[tui.keymap]\ntop = \"f2\"\n";
        assert_eq!(set(table, "keymap", "vim"), format!("{table}mode = \"vim\"\n"));
        assert_eq!(set("tui.theme = \"a\"\n", "theme", "plain"), "tui.theme = \"plain\"\n");
        for text in ["tui = 1\n", "= broken"] {
            assert!(with_setting(text, "theme", "dark").is_err(), "{text}");
        }
    }

    #[test]
    fn changes_at_once_are_all_kept() {
        let home = tempfile::tempdir().expect("a folder");
        let file = home.path().join("config.toml");
        fs::write(&file, "# mine\n").expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("set");
        thread::scope(|threads| {
            for of in 0..8 {
                let home = home.path();
                threads.spawn(move || {
                    for at in 0..8 {
                        let key = format!("key_{of}_{at}");
                        change(home, "", |text| with_setting(text, &key, "x")).expect("written");
                    }
                });
            }
        });
        let text = fs::read_to_string(&file).expect("there");
        assert!(text.contains("# mine\n"), "{text}");
        assert_eq!(text.matches(" = \"x\"").count(), 64, "{text}");
        assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o640);
        let mut left: Vec<_> = fs::read_dir(home.path()).expect("there").flatten().collect();
        left.retain(|entry| entry.file_name() != LOCK_FILE);
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn a_lock_that_nobody_gives_up_is_not_waited_for_long() {
        let home = tempfile::tempdir().expect("a folder");
        let _held = lock(home.path()).expect("free");
        let failure = change(home.path(), "", |text| Ok(text.to_owned())).expect_err("held");
        assert!(failure.message.contains("nothing was written"), "{}", failure.message);
        assert!(!home.path().join("config.toml").exists());
    }

    #[test]
    fn a_file_is_replaced_whole_with_its_rights() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("home/config.toml");
        let mode = || fs::metadata(&file).expect("there").permissions().mode() & 0o777;
        replace(&file, b"one", None).expect("written");
        assert_eq!((fs::read(&file).expect("there"), mode()), (b"one".to_vec(), 0o600));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("set");
        replace(&file, b"two", None).expect("written");
        assert_eq!((fs::read(&file).expect("there"), mode()), (b"two".to_vec(), 0o644));
        replace(&file, b"three", Some(PRIVATE)).expect("written");
        assert_eq!(mode(), 0o600);
        assert_eq!(fs::read_dir(folder.path().join("home")).expect("there").count(), 1);
        let failure = replace(&file.join("below"), b"x", None).expect_err("a file is no folder");
        assert!(failure.message.contains("can't be written"), "{}", failure.message);
    }
}
