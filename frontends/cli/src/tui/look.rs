//! How the interface looks and what it listens to: settings first, then what the terminal says of itself.

use codex_config::{AlternateScreen, Keymap, Theme, Tui};
use codex_tui::host::Facts;
use codex_tui::options::{Keys, Mouse, Notifications, Options, Palette, Screen, Start};

use crate::args::ScreenFlags;

type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Puts together what the interface begins with.
pub(super) fn options(
    settings: &Tui,
    flags: &ScreenFlags,
    env: Env<'_>,
    start: Start,
    facts: Facts,
) -> Options {
    let screen = match (flags.no_alt_screen, settings.alternate_screen) {
        (true, _) | (false, AlternateScreen::Never) => Screen::Inline,
        (false, AlternateScreen::Auto | AlternateScreen::Always) => Screen::Full,
    };
    Options {
        start,
        facts,
        screen,
        palette: palette(settings.theme, env),
        keys: match settings.keymap {
            Keymap::Emacs => Keys::Emacs,
            Keymap::Vim => Keys::Vim,
        },
        notifications: match settings.notifications {
            codex_config::Notifications::Auto => Notifications::Auto,
            codex_config::Notifications::Osc9 => Notifications::Osc9,
            codex_config::Notifications::Osc777 => Notifications::Osc777,
            codex_config::Notifications::Bell => Notifications::Bell,
            codex_config::Notifications::Off => Notifications::Off,
        },
        mouse: if settings.mouse { Mouse::On } else { Mouse::Off },
        editor: ["VISUAL", "EDITOR"].into_iter().find_map(|name| filled(env, name)),
    }
}

fn filled(env: Env<'_>, name: &str) -> Option<String> {
    env(name).filter(|value| !value.trim().is_empty())
}

/// Finds the colours. `NO_COLOR` counts above all, since it is set for a reason; a theme that was
/// chosen above what the terminal says.
fn palette(theme: Theme, env: Env<'_>) -> Palette {
    if env("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        return Palette::Plain;
    }
    match theme {
        Theme::Dark => Palette::Dark,
        Theme::Light => Palette::Light,
        Theme::Sixteen => Palette::Sixteen,
        Theme::Plain => Palette::Plain,
        Theme::Auto if !has_many(env) => Palette::Sixteen,
        Theme::Auto if is_light(env) => Palette::Light,
        Theme::Auto => Palette::Dark,
    }
}

/// Tells whether the terminal shows more than sixteen colours.
fn has_many(env: Env<'_>) -> bool {
    let color = filled(env, "COLORTERM").unwrap_or_default();
    let term = filled(env, "TERM").unwrap_or_default();
    let known = ["256color", "direct", "truecolor", "kitty", "alacritty", "ghostty", "wezterm"];
    matches!(color.as_str(), "truecolor" | "24bit") || known.iter().any(|it| term.contains(it))
}

/// Tells whether the background is light, where the terminal says so (`COLORFGBG=0;15`).
fn is_light(env: Env<'_>) -> bool {
    let told = filled(env, "COLORFGBG").unwrap_or_default();
    let ground = told.rsplit(';').next().and_then(|it| it.trim().parse::<u8>().ok());
    matches!(ground, Some(7 | 9..=15))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(theme: Theme, variables: &[(&str, &str)]) -> Palette {
        let env = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        palette(theme, &env)
    }

    #[test]
    fn colours_are_those_that_the_user_and_the_terminal_want() {
        let many = ("TERM", "xterm-256color");
        assert_eq!(of(Theme::Auto, &[many]), Palette::Dark);
        assert_eq!(of(Theme::Auto, &[many, ("COLORFGBG", "0;15")]), Palette::Light);
        assert_eq!(of(Theme::Auto, &[many, ("COLORFGBG", "15;default;0")]), Palette::Dark);
        assert_eq!(of(Theme::Auto, &[("TERM", "linux")]), Palette::Sixteen);
        let both = [("TERM", "screen"), ("COLORTERM", "truecolor")];
        assert_eq!(of(Theme::Auto, &both), Palette::Dark);
        assert_eq!(of(Theme::Light, &[("TERM", "linux")]), Palette::Light);
        assert_eq!(of(Theme::Light, &[many, ("NO_COLOR", "1")]), Palette::Plain);
        assert_eq!(of(Theme::Auto, &[many, ("NO_COLOR", "")]), Palette::Dark);
    }
}
