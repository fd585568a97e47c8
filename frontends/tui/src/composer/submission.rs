//! What a text is once the user is done with it.

use super::Submission;

/// What is written in the composer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    /// Something to say, or a command of the interface.
    #[default]
    Say,
    /// A command line of the user's own.
    Shell,
}

/// Tells the mode of a text that was written with its sign, and what is behind the sign.
pub(super) fn read(text: &str) -> (Mode, &str) {
    match text.strip_prefix('!') {
        Some(line) => (Mode::Shell, line),
        None => (Mode::Say, text),
    }
}

/// Puts the sign of a mode before a text.
pub(super) fn write(mode: Mode, text: &str) -> String {
    match mode {
        Mode::Say => text.to_owned(),
        Mode::Shell => format!("!{text}"),
    }
}

/// Tells what a text is; none when there is nothing in it.
pub(super) fn of(mode: Mode, text: &str) -> Option<Submission> {
    let trimmed = text.trim();
    match mode {
        _ if trimmed.is_empty() => None,
        Mode::Shell => Some(Submission::Shell(trimmed.to_owned())),
        Mode::Say => Some(said(text, trimmed)),
    }
}

fn said(text: &str, trimmed: &str) -> Submission {
    // White space before a slash says that it is none of ours.
    let Some(command) = text.strip_prefix('/') else {
        return Submission::Say(trimmed.to_owned());
    };
    if command.starts_with('/') {
        return Submission::Say(command.trim().to_owned());
    }
    let (name, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    Submission::Slash { name: name.to_owned(), rest: rest.trim().to_owned() }
}
