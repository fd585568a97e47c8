//! `[tui]`: how the terminal interface is to be.

use crate::section::Section;
use crate::tree::{Node, Value};
use crate::{ConfigError, Warning};

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
    /// Whether it uses the mouse.
    pub mouse: bool,
    /// Models that are offered to choose from, besides the one in use.
    pub models: Vec<String>,
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
    let keymaps = [("emacs", Keymap::Emacs), ("vim", Keymap::Vim)];
    let screen = table.choice("alternate_screen", &screens)?;
    let keymap = table.choice("keymap", &keymaps)?;
    let models = table.strings("models")?.unwrap_or_default();
    Ok(Tui {
        alternate_screen: screen.map_or(AlternateScreen::Auto, |found| found.value),
        theme: theme(&table, &themes, warnings)?,
        notifications: notifications(&table)?,
        keymap: keymap.map_or(Keymap::Emacs, |found| found.value),
        mouse: table.boolean("mouse")?.is_some_and(|found| found.value),
        models: models.iter().map(|found| found.value.to_owned()).collect(),
    })
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
