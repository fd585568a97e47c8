//! Which session, asked of a person.

use std::io::{self, BufRead, Write};

use codex_event::{Event, SessionId};
use codex_journal::{FindError, Layout, RawJournal};
use codex_view::{sanitize, words};

use crate::failure::{Failure, USAGE};
use crate::say;

/// Sessions that are offered.
const OFFERED: usize = 9;
/// Characters of an input that are shown.
const WIDTH: usize = 60;

/// Offers the last sessions of a folder, and reads a number. None when the person wants none.
pub(super) fn session(
    layout: &Layout,
    folder: &str,
    all: bool,
) -> Result<Option<SessionId>, Failure> {
    let place = Some(folder).filter(|_| !all);
    let found = codex_journal::recent(layout, place, OFFERED)?;
    if found.is_empty() {
        let none = match place {
            Some(folder) => FindError::NoneHere(folder.to_owned()),
            None => FindError::Empty,
        };
        return Err(none.into());
    }
    for (at, id) in found.iter().enumerate() {
        say::line(format_args!("{:>2}  {id}  {}", at + 1, title(layout, *id)));
    }
    ask(&found, &mut io::stdin().lock(), &mut io::stdout())
}

fn ask(
    found: &[SessionId],
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> Result<Option<SessionId>, Failure> {
    // A terminal that takes no text is one that nobody sees.
    let _ = write!(out, "which one (1 to {}, nothing for none)? ", found.len());
    let _ = out.flush();
    let mut line = String::new();
    let unread = |error: io::Error| {
        Failure::new(USAGE, format!("the answer can't be read: {error}"))
            .hint("codex resume SESSION names one")
    };
    input.read_line(&mut line).map_err(unread)?;
    let line = line.trim();
    if line.is_empty() {
        return Ok(None);
    }
    let number = line.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    match number.and_then(|at| found.get(at)) {
        Some(id) => Ok(Some(*id)),
        None => {
            let line = sanitize::visible(line);
            Err(Failure::new(USAGE, format!("`{line}` is none of the numbers"))
                .hint("codex resume shows them again; codex resume SESSION names one"))
        }
    }
}

/// What a session is called, or else was asked first.
fn title(layout: &Layout, id: SessionId) -> String {
    let Ok(journal) = RawJournal::read(&layout.session(id), id) else { return String::new() };
    let (mut name, mut input) = (None, None);
    for mut record in journal.records().flatten() {
        let first =
            input.is_none() && matches!(record.envelope.event(), Some(Event::TurnStarted { .. }));
        if first {
            journal.blobs().hydrate(&mut record.envelope);
        }
        if let Some(Event::TurnStarted { input: text }) = record.envelope.event() {
            input.get_or_insert_with(|| words(text));
        } else if let Some(Event::SessionNamed { name: now }) = record.envelope.event() {
            name.clone_from(now);
        }
    }
    let title = name.or(input).unwrap_or_default();
    let title = sanitize::text(&title);
    let line = title.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let mut shown: String = line.replace('\t', " ").chars().take(WIDTH).collect();
    if line.chars().nth(WIDTH).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_names_a_session_and_nothing_names_none() {
        let id: SessionId = "01900000-0000-7000-8000-000000000000".parse().expect("an id");
        let asked = |typed: &str| ask(&[id], &mut typed.as_bytes(), &mut io::sink());
        assert_eq!(asked("1\n").expect("one"), Some(id));
        assert_eq!(asked("\n").expect("none"), None);
        assert_eq!(asked("").expect("none"), None);
        for wrong in ["0\n", "2\n", "x\n", "-1\n", "99999999999999999999\n"] {
            assert_eq!(asked(wrong).expect_err(wrong).code, USAGE);
        }
    }
}
