//! What is told to the terminal beside the picture: titles, notices, the clipboard.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use codex_view::sanitize;

use crate::options::Notifications;

/// Most characters of a title or a notice.
const LONGEST: usize = 120;

/// Sets the title of the terminal's window: OSC 2.
pub(crate) fn title(text: &str) -> String {
    format!("\x1b]2;{}\x07", line(text))
}

/// Keeps the title that the window has (XTWINOPS 22), to be put back by [`TITLE_BACK`].
pub(crate) const KEEP_TITLE: &str = "\x1b[22;2t";
/// Puts the kept title back: XTWINOPS 23.
pub(crate) const TITLE_BACK: &str = "\x1b[23;2t";

/// Tells the user, who may look elsewhere.
///
/// OSC 9 is what iTerm2, WezTerm, kitty and others show; OSC 777 is rxvt's and VTE's. Where nobody
/// says what the terminal understands, the bell is the one notice that none misreads.
pub(crate) fn notice(way: Notifications, terminal: &str, text: &str) -> String {
    match way {
        Notifications::Off => String::new(),
        Notifications::Bell => "\x07".to_owned(),
        Notifications::Osc9 => format!("\x1b]9;{}\x07", line(text)),
        Notifications::Osc777 => format!("\x1b]777;notify;codex;{}\x07", line(text)),
        Notifications::Auto => notice(understood(terminal), terminal, text),
    }
}

/// What a terminal understands, by what it calls itself (`TERM_PROGRAM`, else `TERM`).
fn understood(terminal: &str) -> Notifications {
    let named = |names: &[&str]| names.iter().any(|name| terminal.contains(name));
    if named(&["iTerm", "WezTerm", "ghostty", "kitty", "mintty"]) {
        Notifications::Osc9
    } else if named(&["rxvt", "foot", "vte"]) {
        Notifications::Osc777
    } else {
        Notifications::Bell
    }
}

/// Puts text into the terminal's clipboard: OSC 52.
pub(crate) fn clipboard(text: &str) -> String {
    format!("\x1b]52;c;{}\x07", STANDARD.encode(text))
}

/// One line without anything that would end the sequence it stands in.
fn line(text: &str) -> String {
    let safe = sanitize::visible(text);
    safe.chars().filter(|char| !char.is_control() && *char != ';').take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::{clipboard, notice, title};
    use crate::options::Notifications;

    #[test]
    fn nothing_foreign_ends_a_sequence() {
        for told in [
            title("a\x07\x1b]0;b\x1b\\c\n"),
            notice(Notifications::Osc777, "", "a;b\x07\x1bc"),
            notice(Notifications::Osc9, "", "a\u{9c}b"),
        ] {
            assert_eq!(told.matches('\x07').count(), 1, "{told:?}");
            assert_eq!(told.matches('\x1b').count(), 1, "{told:?}");
            assert!(!told.contains('\u{9c}'), "{told:?}");
        }
    }

    #[test]
    fn a_terminal_that_is_not_known_hears_the_bell() {
        assert_eq!(notice(Notifications::Auto, "xterm-256color", "done"), "\x07");
        assert!(notice(Notifications::Auto, "WezTerm", "done").starts_with("\x1b]9;"));
        assert_eq!(notice(Notifications::Off, "WezTerm", "done"), "");
    }

    #[test]
    fn the_clipboard_takes_any_bytes() {
        assert_eq!(clipboard("\x1b"), "\x1b]52;c;Gw==\x07");
    }
}
