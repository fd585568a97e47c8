//! The slash commands: one table for what is carried out, what the palette shows and what is near a
//! word that is none.

use crate::host::Role;
use crate::popup::CommandRow;

/// What a slash command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slash {
    /// Choose the model.
    Model,
    /// Choose when a person is asked.
    Approvals,
    /// Choose what commands may do.
    Permissions,
    /// Tell what holds for the session.
    Status,
    /// Tell what was used.
    Usage,
    /// Show what differs from the last commit.
    Diff,
    /// Begin anew.
    New,
    /// Take an earlier session up.
    Resume,
    /// Begin a session with what this one has.
    Fork,
    /// List the sessions.
    Sessions,
    /// Follow a session of another process.
    Attach,
    /// Take the session over from its process.
    TakeOver,
    /// Show a session without changing anything.
    Replay,
    /// Write the session to a file.
    Export,
    /// Name the session.
    Name,
    /// Put the last answer into the clipboard.
    Copy,
    /// Choose colours.
    Theme,
    /// Choose how keys are read, or show them.
    Keymap,
    /// Show keys and commands.
    Help,
    /// Leave.
    Quit,
}

/// When a command is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum There {
    /// Always.
    Always,
    /// While a session is shown.
    Shown,
    /// While the session is one of this process.
    Owned,
    /// While settings can be changed: no session, or one of this process.
    Settable,
    /// While the session is one of another process.
    Followed,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// What it does.
    pub slash: Slash,
    /// Its name, without the slash.
    pub name: &'static str,
    /// What may stand behind it; empty for nothing.
    pub arguments: &'static str,
    /// What it does, in a few words.
    pub description: &'static str,
    /// When it is there.
    pub there: There,
}

const fn row(
    slash: Slash,
    name: &'static str,
    arguments: &'static str,
    there: There,
    description: &'static str,
) -> Row {
    Row { slash, name, arguments, description, there }
}

/// Every command, in the order of the palette.
pub const ROWS: &[Row] = &[
    row(Slash::Model, "model", "[name [effort]]", There::Settable, "choose the model"),
    row(Slash::Approvals, "approvals", "[policy]", There::Settable, "choose when you are asked"),
    row(
        Slash::Permissions,
        "permissions",
        "[mode]",
        There::Settable,
        "choose what commands may do",
    ),
    row(Slash::Status, "status", "", There::Always, "session, model, folder, sandbox, tokens"),
    row(Slash::Usage, "usage", "", There::Shown, "tokens of this turn and of the session"),
    row(Slash::Diff, "diff", "", There::Always, "what differs from the last commit"),
    row(Slash::New, "new", "", There::Always, "begin a new session"),
    row(Slash::Resume, "resume", "[session]", There::Always, "go on with an earlier session"),
    row(Slash::Fork, "fork", "[session]", There::Always, "begin a session with what this one has"),
    row(Slash::Sessions, "sessions", "", There::Always, "all sessions"),
    row(Slash::Attach, "attach", "[session]", There::Always, "follow a session of another process"),
    row(
        Slash::TakeOver,
        "take-over",
        "",
        There::Followed,
        "take this session over from its process",
    ),
    row(Slash::Replay, "replay", "[session]", There::Always, "show a session, read only"),
    row(Slash::Export, "export", "[file]", There::Shown, "write the session to a file"),
    row(Slash::Name, "name", "[name]", There::Owned, "name this session"),
    row(Slash::Copy, "copy", "", There::Shown, "put the last answer into the clipboard"),
    row(Slash::Theme, "theme", "[dark|light|16|plain]", There::Always, "choose colours"),
    row(Slash::Keymap, "keymap", "[emacs|vim]", There::Always, "how keys are read in the composer"),
    row(Slash::Help, "help", "", There::Always, "keys and commands"),
    row(Slash::Quit, "quit", "", There::Always, "leave"),
];

/// Other names of commands.
const ALIASES: &[(&str, Slash)] = &[
    ("exit", Slash::Quit),
    ("q", Slash::Quit),
    ("permission", Slash::Permissions),
    ("approval", Slash::Approvals),
    ("models", Slash::Model),
    ("keys", Slash::Help),
    ("rename", Slash::Name),
    ("clear", Slash::New),
    ("session", Slash::Sessions),
];

/// What a word behind a slash is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// This command.
    Command(Slash),
    /// A command, but not there now; why.
    Absent(&'static str),
    /// None; this one is near, if any is.
    Unknown(Option<&'static str>),
}

/// Finds a command by its name.
pub fn find(name: &str, role: Option<Role>) -> Found {
    let name = name.to_lowercase();
    let by_name = ROWS.iter().find(|row| row.name == name);
    let by_alias = || {
        let (_, slash) = ALIASES.iter().find(|(alias, _)| *alias == name)?;
        ROWS.iter().find(|row| row.slash == *slash)
    };
    match by_name.or_else(by_alias) {
        Some(row) => match absent(row.there, role) {
            None => Found::Command(row.slash),
            Some(why) => Found::Absent(why),
        },
        None => Found::Unknown(near(&name)),
    }
}

/// Gives the commands that are there, for the palette.
pub fn palette(role: Option<Role>) -> Vec<CommandRow> {
    let there = ROWS.iter().filter(|row| absent(row.there, role).is_none());
    there
        .map(|row| CommandRow {
            name: row.name.to_owned(),
            arguments: row.arguments.to_owned(),
            description: row.description.to_owned(),
        })
        .collect()
}

/// Tells whether a text is a command, or something for the model that begins with a slash, such as
/// a path.
pub fn is_command(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_of_name)
}

/// Tells whether a command's name may have this character.
pub(crate) fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '-' || c == '_'
}

fn absent(there: There, role: Option<Role>) -> Option<&'static str> {
    match (there, role) {
        (There::Always, _)
        | (There::Shown, Some(_))
        | (There::Owned | There::Settable, Some(Role::Owner { .. }))
        | (There::Settable, None)
        | (There::Followed, Some(Role::Guest { .. })) => None,
        (There::Shown | There::Owned | There::Followed, None) => Some("no session is open yet"),
        (There::Owned | There::Settable, Some(Role::Guest { .. })) => {
            Some("the session is another process's: /take-over takes it over")
        }
        (There::Owned | There::Settable, Some(Role::Reader)) => {
            Some("the session is only shown: /resume takes it up")
        }
        (There::Followed, Some(Role::Owner { .. } | Role::Reader)) => {
            Some("no other process has this session")
        }
    }
}

/// The name that differs least from a word, if it differs little.
fn near(word: &str) -> Option<&'static str> {
    let begins = |row: &&Row| word.len() >= 2 && row.name.starts_with(word);
    if let Some(row) = ROWS.iter().find(begins) {
        return Some(row.name);
    }
    let names = ROWS.iter().map(|row| row.name);
    let (name, distance) =
        names.map(|name| (name, distance(word, name))).min_by_key(|(_, distance)| *distance)?;
    let most = if word.chars().count() < 5 { 1 } else { 2 };
    (distance <= most).then_some(name)
}

/// Letters that are to be changed, added, removed, or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(32).collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let changed = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = changed.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = least;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use codex_event::Seq;

    use super::*;

    const OWNER: Option<Role> = Some(Role::Owner { from: Seq(1) });

    #[test]
    fn a_slip_of_the_pen_is_answered_with_what_was_meant() {
        for (word, meant) in
            [("modle", "model"), ("stat", "status"), ("quitt", "quit"), ("reusme", "resume")]
        {
            assert_eq!(find(word, OWNER), Found::Unknown(Some(meant)), "{word}");
        }
        assert_eq!(find("compactify", OWNER), Found::Unknown(None));
    }

    #[test]
    fn a_command_says_why_it_is_not_there() {
        assert_eq!(find("model", OWNER), Found::Command(Slash::Model));
        assert_eq!(find("MODEL", None), Found::Command(Slash::Model));
        assert!(matches!(find("name", None), Found::Absent(_)));
        assert!(matches!(find("model", Some(Role::Guest { pid: 1 })), Found::Absent(_)));
        assert!(matches!(find("take-over", OWNER), Found::Absent(_)));
        let listed = palette(Some(Role::Reader));
        assert!(
            listed.iter().all(|row| find(&row.name, Some(Role::Reader)) != Found::Unknown(None))
        );
        assert!(!listed.iter().any(|row| row.name == "model"));
    }

    #[test]
    fn paths_are_no_commands() {
        for path in ["usr/bin/env", "etc/passwd", "", ".config", "a.b"] {
            assert!(!is_command(path), "{path}");
        }
        assert!(is_command("take-over"));
    }

    #[test]
    fn names_are_told_apart() {
        for (at, row) in ROWS.iter().enumerate() {
            assert!(ROWS[at + 1..].iter().all(|other| other.name != row.name));
            assert!(ALIASES.iter().all(|(alias, _)| *alias != row.name));
        }
    }
}
