//! How the interface looks and what it listens to: settings first, then what the terminal says of itself.

use codex_config::{AlternateScreen, Binding, ConfigError, Keymap, Origin, Theme, Tui};
use codex_tui::host::Facts;
use codex_tui::keymap::{Action, Chord};
use codex_tui::options::{Colours, Keys, Mouse, Notifications, Options, Palette, Screen, Start};

use crate::args::ScreenFlags;

type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Puts together what the interface begins with.
pub(super) fn options(
    settings: &Tui,
    flags: &ScreenFlags,
    env: Env<'_>,
    start: Start,
    facts: Facts,
) -> Result<Options, ConfigError> {
    let screen = match (flags.no_alt_screen, settings.alternate_screen) {
        (true, _) | (false, AlternateScreen::Never) => Screen::Inline,
        (false, AlternateScreen::Auto | AlternateScreen::Always) => Screen::Full,
    };
    Ok(Options {
        start,
        facts,
        screen,
        colours: colours(settings.theme, env),
        fitting: fitting(env),
        keymap: keymap(settings)?,
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
    })
}

/// Finds which key does what.
///
/// # Errors
///
/// What the settings name is nothing that a key can do, or no key, or a key does two things; with where
/// that stands.
pub(crate) fn keymap(settings: &Tui) -> Result<codex_tui::keymap::Keymap, ConfigError> {
    let mut keymap = codex_tui::keymap::Keymap::default();
    let full = |binding: &Binding| format!("tui.keymap.{}", binding.action);
    let mut given = Vec::new();
    for binding in &settings.keys {
        let Some(action) = Action::named(&binding.action) else {
            return Err(ConfigError::UnknownAction {
                key: full(binding),
                origin: binding.origin.clone(),
                action: binding.action.clone(),
                known: Action::names().collect(),
            });
        };
        let chord = |(name, origin): &(String, Origin)| {
            Chord::parse(name).ok_or_else(|| ConfigError::UnknownKeyName {
                key: full(binding),
                origin: origin.clone(),
                name: name.clone(),
            })
        };
        let chords = binding.keys.iter().map(chord).collect::<Result<Vec<Chord>, _>>()?;
        keymap.set(action, &chords);
        given.push((binding, action, chords));
    }
    // All of them first: one may have let go of the key that another one takes.
    for (binding, action, chords) in given {
        if let Some(clash) = keymap.clash(action) {
            let at = chords.iter().position(|chord| *chord == clash.chord);
            let place = at.and_then(|at| binding.keys.get(at)).map(|(_, origin)| origin);
            return Err(ConfigError::KeyTaken {
                key: full(binding),
                origin: place.unwrap_or(&binding.origin).clone(),
                name: clash.chord.name(),
                other: clash.other.called().to_owned(),
            });
        }
    }
    Ok(keymap)
}

fn filled(env: Env<'_>, name: &str) -> Option<String> {
    env(name).filter(|value| !value.trim().is_empty())
}

/// Finds the colours that are chosen. `NO_COLOR` counts above all, since it is set for a reason.
fn colours(theme: Theme, env: Env<'_>) -> Colours {
    if env("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        return Colours::Always(Palette::Plain);
    }
    match theme {
        Theme::Dark => Colours::Always(Palette::Dark),
        Theme::Light => Colours::Always(Palette::Light),
        Theme::Sixteen => Colours::Always(Palette::Sixteen),
        Theme::Plain => Colours::Always(Palette::Plain),
        Theme::Auto => Colours::Auto,
    }
}

/// Finds the colours that go with the terminal, by what it says in variables: a question to it would
/// stand before the first picture, and its answer among what is typed.
fn fitting(env: Env<'_>) -> Palette {
    match (has_many(env), is_light(env)) {
        (false, _) => Palette::Sixteen,
        (true, true) => Palette::Light,
        (true, false) => Palette::Dark,
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
        colours(theme, &env).palette(fitting(&env))
    }

    fn keys(bindings: &[(&str, &[&str])]) -> Result<codex_tui::keymap::Keymap, String> {
        let origin = || Origin::Override("tui.keymap".to_owned());
        let binding = |(action, keys): &(&str, &[&str])| Binding {
            action: (*action).to_owned(),
            origin: origin(),
            keys: keys.iter().map(|key| ((*key).to_owned(), origin())).collect(),
        };
        let keys = bindings.iter().map(binding).collect();
        keymap(&Tui { keys, ..Tui::default() })
            .map_err(|error| format!("{error} · {}", error.hint()))
    }

    #[test]
    fn keys_are_what_the_settings_say() {
        use codex_tui::keymap::When;
        let keymap = keys(&[("transcript", &["f2"]), ("redraw", &["ctrl-t"]), ("keys", &[])]);
        let keymap = keymap.expect("one lets go of what the other one takes");
        assert_eq!(keymap.name(Action::Transcript, When::Always), "F2");
        assert_eq!(keymap.name(Action::Redraw, When::Always), "Ctrl-T");
        assert_eq!(keymap.name(Action::Keys, When::Empty), "");
        for (bindings, words) in [
            (
                &[("unfolt", &["f2"][..])][..],
                "did you mean `unfold`? it is one of: answer, bottom,",
            ),
            (&[("stop", &["f2"])], "nothing of this name that a key can do"),
            (&[("top", &["pgup"])], "`pgup` is no key · write it as ctrl-t,"),
            (&[("top", &["f2"]), ("bottom", &["f3", "f2"])], "F2 is the key of `bottom`"),
            (&[("unfold", &["ctrl-t"])], "Ctrl-T is the key of `transcript`"),
            (&[("leave", &["ctrl-c"])], "Ctrl-C is the key of `stop`"),
            (&[("top", &["end"])], "End is the key of `bottom`"),
        ] {
            let refused = keys(bindings).expect_err("refused");
            assert!(refused.contains(words), "{refused}");
        }
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
