//! `[tui]`: how the terminal interface is to be.

use crate::section::Section;
use crate::tree::{Node, Value};
use crate::{ConfigError, Origin, Warning};

/// How the terminal interface is to be. What is not written is left to what the terminal says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tui {
    /// Whether it takes the terminal's other screen.
    pub alternate_screen: AlternateScreen,
    /// Which colours it uses.
    pub theme: Theme,
    /// How the user is told while looking elsewhere.
    pub notifications: Notifications,
    /// How keys are read in the composer.
    pub keymap: Keymap,
    /// Keys that are to do something else than they do by themselves, by what they do.
    ///
    /// Which actions and keys there are is the interface's to know: it reads them, and refuses what it
    /// does not know with [`ConfigError::UnknownAction`] and its like.
    pub keys: Vec<Binding>,
    /// Whether it uses the mouse.
    pub mouse: bool,
    /// Models that are offered to choose from, besides the one in use.
    pub models: Vec<String>,
}

/// What one line of `[tui.keymap]` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Name of what is done.
    pub action: String,
    /// Where that name stands.
    pub origin: Origin,
    /// The keys that do it, each with where it stands; none: no key does.
    pub keys: Vec<(String, Origin)>,
}

/// Whether the interface takes the terminal's other screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AlternateScreen {
    /// It does.
    #[default]
    Auto,
    /// It does.
    Always,
    /// What is finished goes into the terminal's scrollback.
    Never,
}

/// Which colours the interface uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Those that fit, as far as the terminal tells.
    #[default]
    Auto,
    /// For a dark background.
    Dark,
    /// For a light background.
    Light,
    /// The terminal's own sixteen.
    Sixteen,
    /// None.
    Plain,
}

/// How the user is told while looking elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notifications {
    /// As the terminal understands best.
    #[default]
    Auto,
    /// By OSC 9.
    Osc9,
    /// By OSC 777.
    Osc777,
    /// By the bell.
    Bell,
    /// Not at all.
    Off,
}

/// How keys are read in the composer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keymap {
    /// As shells do.
    #[default]
    Emacs,
    /// As vi does.
    Vim,
}

/// The key of `[tui.keymap]` that says how keys are read in the composer.
const MODE: &str = "mode";

pub(crate) fn resolve(root: &Section<'_>, warnings: &mut Vec<Warning>) -> Result<Tui, ConfigError> {
    let table = root.section("tui")?;
    let screens = [
        ("auto", AlternateScreen::Auto),
        ("always", AlternateScreen::Always),
        ("never", AlternateScreen::Never),
    ];
    let themes = [
        ("auto", Theme::Auto),
        ("dark", Theme::Dark),
        ("light", Theme::Light),
        ("sixteen", Theme::Sixteen),
        ("plain", Theme::Plain),
    ];
    let screen = table.choice("alternate_screen", &screens)?;
    let (keymap, keys) = keymap(&table)?;
    let models = table.strings("models")?.unwrap_or_default();
    Ok(Tui {
        alternate_screen: screen.map_or(AlternateScreen::Auto, |found| found.value),
        theme: theme(&table, &themes, warnings)?,
        notifications: notifications(&table)?,
        keymap,
        keys,
        mouse: table.boolean("mouse")?.is_some_and(|found| found.value),
        models: models.iter().map(|found| found.value.to_owned()).collect(),
    })
}

/// Reads a word, or a table in which that word is `mode`.
fn keymap(table: &Section<'_>) -> Result<(Keymap, Vec<Binding>), ConfigError> {
    let modes = [("emacs", Keymap::Emacs), ("vim", Keymap::Vim)];
    let Some(Node { value: Value::Table(_), .. }) = table.node("keymap") else {
        let mode = table.choice("keymap", &modes)?;
        return Ok((mode.map_or(Keymap::Emacs, |found| found.value), Vec::new()));
    };
    let section = table.section("keymap")?;
    let mode = section.choice(MODE, &modes)?;
    let mut bindings = Vec::new();
    for (action, node) in section.entries().filter(|(action, _)| *action != MODE) {
        let keys = match &node.value {
            Value::String(text) => vec![(text.clone(), node.origin.clone())],
            // The tables of Codex, one for each part of its interface.
            Value::Table(_) => continue,
            Value::Array(_) | Value::Integer(_) | Value::Boolean(_) | Value::Other(_) => {
                let keys = section.strings(action)?.unwrap_or_default();
                keys.iter().map(|key| (key.value.to_owned(), key.origin.clone())).collect()
            }
        };
        bindings.push(Binding { action: action.to_owned(), origin: node.key_origin.clone(), keys });
    }
    Ok((mode.map_or(Keymap::Emacs, |found| found.value), bindings))
}

/// Codex names a theme by its syntax colours, of which there are many: a home that serves both
/// programs stops neither, so a name that only Codex has is a warning.
fn theme(
    table: &Section<'_>,
    themes: &[(&'static str, Theme)],
    warnings: &mut Vec<Warning>,
) -> Result<Theme, ConfigError> {
    match table.choice("theme", themes) {
        Ok(found) => Ok(found.map_or(Theme::Auto, |found| found.value)),
        Err(ConfigError::UnknownValue { value, origin, allowed, .. }) => {
            warnings.push(Warning::ThemeUnknown { value, origin, allowed });
            Ok(Theme::Auto)
        }
        Err(other) => Err(other),
    }
}

/// Codex takes a list of occasions too; one that names any means that the user wants to be told.
fn notifications(table: &Section<'_>) -> Result<Notifications, ConfigError> {
    let methods = [
        ("auto", Notifications::Auto),
        ("osc9", Notifications::Osc9),
        ("osc777", Notifications::Osc777),
        ("bel", Notifications::Bell),
    ];
    let method = table.choice("notification_method", &methods)?;
    let wanted = match table.node("notifications") {
        Some(Node { value: Value::Array(_), .. }) => {
            table.strings("notifications")?.is_some_and(|occasions| !occasions.is_empty())
        }
        _ => table.boolean("notifications")?.is_none_or(|found| found.value),
    };
    Ok(match wanted {
        false => Notifications::Off,
        true => method.map_or(Notifications::Auto, |found| found.value),
    })
}
