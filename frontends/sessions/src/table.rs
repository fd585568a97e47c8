//! Sessions in words: a table for people, a line of JSON each for programs.

use std::io::{self, Write};

use codex_event::{SessionId, Timestamp, Usage};
use codex_view::{Paint, sanitize};
use serde::Serialize;

use crate::entry::{Entry, Parent, State};
use crate::line::{cut, cut_front};
use crate::when::when;

const FOLDER: usize = 24;
const TITLE: usize = 36;
const MESSAGE: usize = 36;

/// How a table looks.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// Whether it is coloured.
    pub paint: Paint,
    /// What time it is, in UTC.
    pub now: Timestamp,
    /// The user's home, which is shown as `~`.
    pub home: Option<&'a str>,
}

impl Look<'_> {
    fn bold(self, text: &str) -> String {
        match self.paint {
            Paint::Plain => text.to_owned(),
            Paint::Color => format!("\x1b[1m{text}\x1b[0m"),
        }
    }

    fn state(self, state: State, padded: &str) -> String {
        let code = match (self.paint, state) {
            (Paint::Plain, _) | (Paint::Color, State::Clean | State::Ready) => {
                return padded.to_owned();
            }
            (Paint::Color, State::Running) => "32",
            (Paint::Color, State::Interrupted) => "33",
            (Paint::Color, State::Damaged) => "31",
        };
        format!("\x1b[{code}m{padded}\x1b[0m")
    }

    /// Puts a folder into few characters, of which the last ones say most.
    pub(crate) fn folder(self, folder: &str, width: usize) -> String {
        let shown = sanitize::visible(folder);
        let below = self.home.filter(|home| !home.is_empty() && *home != "/");
        let short = below.and_then(|home| shown.strip_prefix(home)).and_then(|rest| {
            (rest.is_empty() || rest.starts_with('/')).then(|| format!("~{rest}"))
        });
        cut_front(&short.unwrap_or(shown), width)
    }
}

/// Prints sessions as a table.
pub fn table(entries: &[&Entry], look: Look<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut out = io::BufWriter::new(out);
    let head = format!(
        "{:<36}  {:<11}  {:<10}  {:>18}  {:>8}  {:<FOLDER$}  SESSION",
        "ID", "STATE", "ACTIVE", "IN/CACHED/OUT", "SIZE", "FOLDER"
    );
    writeln!(out, "{}", look.bold(&head))?;
    for entry in entries {
        let state = look.state(entry.state(), &format!("{:<11}", word(entry.state())));
        let (active, size) = (when(entry.active(), look.now), size(entry.size));
        let (cost, folder) = match &entry.told {
            Some(told) => (cost(&told.usage), look.folder(&told.folder, FOLDER)),
            None => ("?".to_owned(), String::new()),
        };
        let line = format!(
            "{:<36}  {state}  {active:<10}  {cost:>18}  {size:>8}  {folder:<FOLDER$}  {}",
            entry.id,
            about(entry)
        );
        writeln!(out, "{}", line.trim_end())?;
    }
    out.flush()
}

/// Prints sessions as JSON, an object a line.
pub fn json(entries: &[&Entry], out: &mut dyn Write) -> io::Result<()> {
    let mut out = io::BufWriter::new(out);
    for entry in entries {
        serde_json::to_writer(&mut out, &Line::of(entry))?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// What a program is told of a session.
#[derive(Serialize)]
pub(crate) struct Line<'a> {
    id: SessionId,
    state: State,
    archived: bool,
    name: Option<&'a str>,
    title: &'a str,
    message: Option<&'a str>,
    folder: Option<&'a str>,
    model: Option<&'a str>,
    forked: Option<Parent>,
    turns: Option<u64>,
    events: Option<u64>,
    usage: Option<Usage>,
    size: u64,
    opened_ms: Option<u64>,
    active_ms: u64,
}

impl Line<'_> {
    pub(crate) fn of(entry: &Entry) -> Line<'_> {
        let told = entry.told.as_ref();
        Line {
            id: entry.id,
            state: entry.state(),
            archived: entry.is_archived(),
            name: told.and_then(|told| told.name.as_deref()),
            title: entry.title(),
            message: told.map(|told| told.message.as_str()),
            folder: told.map(|told| told.folder.as_str()),
            model: told.map(|told| told.model.as_str()),
            forked: told.and_then(|told| told.forked),
            turns: told.map(|told| told.turns),
            events: told.map(|told| told.events.0),
            usage: told.map(|told| told.usage),
            size: entry.size,
            opened_ms: told.map(|told| told.opened.0),
            active_ms: entry.active().0,
        }
    }
}

/// Gives a state as a word.
pub(crate) fn word(state: State) -> &'static str {
    match state {
        State::Clean => "clean",
        State::Ready => "ready",
        State::Interrupted => "interrupted",
        State::Running => "running",
        State::Damaged => "damaged",
    }
}

fn about(entry: &Entry) -> String {
    let Some(told) = &entry.told else { return String::new() };
    let title = sanitize::visible(entry.title());
    let mut about = match &told.name {
        Some(_) => format!("[{}]", cut(&title, TITLE)),
        None => cut(&title, TITLE),
    };
    if entry.is_archived() {
        about.push_str(" (archived)");
    }
    if let Some(parent) = told.forked {
        let parent = parent.session.to_string();
        about.push_str(&format!(" (fork of {})", &parent[..13]));
    }
    if !told.message.is_empty() {
        about.push_str(" · ");
        about.push_str(&cut(&sanitize::visible(&told.message), MESSAGE));
    }
    about
}

/// Gives tokens of requests, those of them that were cached, and of answers.
pub(crate) fn cost(usage: &Usage) -> String {
    let [sent, cached, answered] =
        [usage.input_tokens, usage.cached_input_tokens, usage.output_tokens].map(tokens);
    format!("{sent}/{cached}/{answered}")
}

fn tokens(count: u64) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => scaled(count, 1_000, "k"),
        _ => scaled(count, 1_000_000, "M"),
    }
}

/// Gives a number of bytes in few characters.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => scaled(bytes, 1 << 10, " KiB"),
        1_048_576..1_073_741_824 => scaled(bytes, 1 << 20, " MiB"),
        _ => scaled(bytes, 1 << 30, " GiB"),
    }
}

fn scaled(count: u64, unit: u64, name: &str) -> String {
    let tenths = count / (unit / 10).max(1);
    match tenths {
        0..100 => format!("{}.{}{name}", tenths / 10, tenths % 10),
        _ => format!("{}{name}", count / unit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_tokens_are_short() {
        let sizes = [0, 1_023, 1_024, 10_300, 300 << 10, 5 << 20, 3 << 30].map(size);
        assert_eq!(sizes, ["0 B", "1023 B", "1.0 KiB", "10 KiB", "300 KiB", "5.0 MiB", "3.0 GiB"]);
        assert_eq!([999, 1_000, 12_345, 7_200_000].map(tokens), ["999", "1.0k", "12k", "7.2M"]);
    }

    #[test]
    fn folders_end_where_they_say_most() {
        let look = Look { paint: Paint::Plain, now: Timestamp(0), home: Some("/home/me") };
        assert_eq!(look.folder("/home/me/src", 20), "~/src");
        assert_eq!(look.folder("/home/me", 20), "~");
        assert_eq!(look.folder("/home/men", 20), "/home/men");
        assert_eq!(look.folder("/srv/\x1b[2Jx/y", 20), "/srv/\\x1b[2Jx/y");
        assert_eq!(look.folder("/a/long/way/down", 8), "…ay/down");
    }
}
