//! The headless frontend: prints one turn as it happens, and asks for the session's end after it.
//!
//! It is a function of the feed: whatever it prints is a projection of a durable record, so a
//! replay of the journal prints the same bytes.

mod printer;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::path::PathBuf;

use codex_event::{CloseReason, Command, Envelope, Event, InterruptReason, Past, Seq, TurnId};
use codex_journal::{Blobs, Feed, Subscription};
use codex_view::{Ending, Finale, Paint, hint, sanitize};

use printer::Printer;

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Text for people: the final message on `out`, everything else on `err`.
    Human(Paint),
    /// One JSON object per line on `out`, and nothing else on it; a hint on `err` when the turn
    /// failed.
    Json,
}

/// How a turn is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What is printed.
    pub mode: Mode,
    /// Position of the first event of this process: 1, or the one after the head that a resume
    /// found. What lies before it is folded in silence, since usage adds up over a session's
    /// processes.
    pub from: Seq,
    /// What counts of the events before those that the subscription begins with.
    pub past: Past,
    /// The turn that this process sees to its end: the first of a new session; of a resumed one
    /// that which was running, or the next.
    pub turn: TurnId,
    /// File that takes the final message of a turn that is done: as the model wrote it, without a
    /// line break of our own.
    pub last_message: Option<PathBuf>,
}

/// Why a turn could not be told to its end. The session was drained all the same.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// Nobody reads the output any more, or there is no room for it.
    #[error("output can't be written: {0}")]
    OutputClosed(#[source] io::Error),
    /// The file for the final message can't be written.
    #[error("final message can't be written to {}: {source}", path.display())]
    LastMessage {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The feed ended because older records could not be read.
    #[error("journal can't be followed: {0}")]
    Feed(String),
}

/// Follows a session to its end, with a subscription that begins where the options' past ends.
///
/// Each record's lines are printed and flushed before the next record is taken. Once the turn that
/// the options name has ended, `commands` gets one [`Command::Close`]. When `out` fails,
/// printing stops, the turn is interrupted, and the feed is drained as before: the journal has
/// everything.
pub fn run(
    mut subscription: Subscription,
    blobs: &Blobs,
    options: &Options,
    commands: &mut dyn FnMut(Command),
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Ending, ExecError> {
    let told = follow(&mut || subscription.next(), blobs, options, commands, out, err);
    match (told, subscription.fault()) {
        (Ok(_), Some(fault)) => Err(ExecError::Feed(fault.to_string())),
        (told, _) => told,
    }
}

fn follow(
    next: &mut dyn FnMut() -> Feed,
    blobs: &Blobs,
    options: &Options,
    commands: &mut dyn FnMut(Command),
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Ending, ExecError> {
    let mut run = Run {
        options,
        commands,
        printer: Printer::new(options.mode),
        finale: Finale::default(),
        turn: Turn::Awaited,
        closed_output: None,
        unwritten: None,
    };
    for envelope in options.past.events() {
        run.take(envelope, out, err);
    }
    loop {
        match next() {
            Feed::Record(record) => {
                let mut envelope = record.envelope.clone();
                // Large values of what is over are not shown again.
                let shown = envelope.seq >= options.from || envelope.turn == Some(options.turn);
                if shown {
                    // Nothing is worth stopping for here: what is missing is shown as missing.
                    blobs.hydrate(&mut envelope);
                }
                run.take(&envelope, out, err);
            }
            Feed::CaughtUp(_) | Feed::Tail(_) | Feed::Present(_) => {}
            Feed::Ended => return run.result(),
        }
    }
}

struct Run<'a> {
    options: &'a Options,
    commands: &'a mut dyn FnMut(Command),
    printer: Printer,
    finale: Finale,
    turn: Turn,
    closed_output: Option<io::Error>,
    unwritten: Option<ExecError>,
}

/// How far the one turn of this process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// It has not begun.
    Awaited,
    /// It is running.
    Running,
    /// It has ended, and the session was asked to close.
    Ended,
}

impl Run<'_> {
    fn take(&mut self, envelope: &Envelope, out: &mut dyn Write, err: &mut dyn Write) {
        self.finale.apply(envelope);
        let lines = self.printer.apply(envelope);
        let was = self.turn;
        if let Some(event) = envelope.event() {
            self.turn = self.turn.after(event, envelope.turn == Some(self.options.turn));
        }
        if envelope.seq < self.options.from {
            return;
        }
        let failed_now = match &self.closed_output {
            Some(_) => false,
            None => match lines.print(out, err) {
                Ok(()) => false,
                Err(error) => {
                    self.closed_output = Some(error);
                    true
                }
            },
        };
        let deaf = self.closed_output.is_some();
        match (was, self.turn) {
            (Turn::Awaited | Turn::Running, Turn::Ended) => {
                self.save_message(err);
                self.give_hint(err);
                let done = !deaf && !matches!(self.finale.ending(), Ending::Interrupted(_));
                let reason = if done { CloseReason::Done } else { CloseReason::Interrupted };
                (self.commands)(Command::Close { reason });
            }
            // A turn that begins when nobody listens any more ends at once.
            (_, Turn::Running) if deaf && (failed_now || was == Turn::Awaited) => {
                (self.commands)(Command::Interrupt { reason: InterruptReason::User });
            }
            (Turn::Awaited | Turn::Running | Turn::Ended, _) => {}
        }
    }

    fn save_message(&mut self, err: &mut dyn Write) {
        let Some(path) = &self.options.last_message else { return };
        if self.finale.ending() != Ending::Completed {
            return;
        }
        let message = self.finale.message().unwrap_or_default();
        if message.is_empty() {
            let path = sanitize::visible(&path.to_string_lossy());
            // A warning that can't be told is no reason to fail.
            let _ = writeln!(err, "warning: the turn had no message; {path} is empty");
        }
        if let Err(source) = std::fs::write(path, message) {
            self.unwritten = Some(ExecError::LastMessage { path: path.clone(), source });
        }
    }

    /// Tells a program's user what to do about a failure; the text for people has it anyway.
    fn give_hint(&self, err: &mut dyn Write) {
        if let (Mode::Json, Ending::Failed(kind)) = (self.options.mode, self.finale.ending()) {
            let hint = hint(kind, self.finale.failure().unwrap_or_default());
            let _ = writeln!(err, "hint: {}", sanitize::visible(&hint));
        }
    }

    fn result(self) -> Result<Ending, ExecError> {
        match (self.closed_output, self.unwritten) {
            (Some(error), _) => Err(ExecError::OutputClosed(error)),
            (None, Some(error)) => Err(error),
            (None, None) => Ok(self.finale.ending()),
        }
    }
}

impl Turn {
    /// Follows an event; `ours` tells whether it is of the turn that is followed.
    fn after(self, event: &Event, ours: bool) -> Turn {
        let ends = matches!(
            event,
            Event::TurnCompleted { .. } | Event::TurnFailed { .. } | Event::TurnInterrupted { .. }
        );
        match (self, ours, ends) {
            (Turn::Ended, _, _) | (_, true, true) => Turn::Ended,
            (_, true, false) => Turn::Running,
            (Turn::Awaited | Turn::Running, false, _) => self,
        }
    }
}
