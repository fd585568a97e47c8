//! The lines of a record, on their way out.

use std::io::{self, Write};

use codex_event::Envelope;
use codex_view::{Channel, Jsonl, Line, Style, Text};

use crate::Mode;

/// Projects records as the mode says.
pub(crate) enum Printer {
    Human(Box<Text>),
    Json(Box<Jsonl>),
}

/// What one record makes.
pub(crate) enum Lines {
    Human(Vec<Line>),
    Json(Vec<String>),
}

impl Printer {
    pub(crate) fn new(mode: Mode) -> Printer {
        match mode {
            Mode::Human(paint) => {
                Printer::Human(Box::new(Text::new(Style { paint, ..Style::default() })))
            }
            Mode::Json => Printer::Json(Box::default()),
        }
    }

    pub(crate) fn apply(&mut self, envelope: &Envelope) -> Lines {
        match self {
            Printer::Human(text) => Lines::Human(text.apply(envelope)),
            Printer::Json(jsonl) => Lines::Json(jsonl.apply(envelope)),
        }
    }
}

impl Lines {
    /// Writes all lines and flushes; only `out` can fail, since a turn does not depend on who
    /// watches it.
    pub(crate) fn print(&self, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<()> {
        match self {
            Lines::Json(lines) => {
                // In one write, so that a reader never sees half of a record's lines.
                let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
                put(out, &text)
            }
            Lines::Human(lines) => {
                let side = |channel| -> String {
                    let lines = lines.iter().filter(|line| line.channel == channel);
                    lines.flat_map(|line| [line.text.as_str(), "\n"]).collect()
                };
                let _ = put(err, &side(Channel::Activity));
                put(out, &side(Channel::Answer))
            }
        }
    }
}

fn put(to: &mut dyn Write, text: &str) -> io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    to.write_all(text.as_bytes())?;
    to.flush()
}
