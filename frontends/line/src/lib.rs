//! The frontend for people without a terminal interface: line by line, on any terminal.
//!
//! It tells the session as a replay does, and takes lines: something to say to the model, an answer
//! to the question that waits, or one of a few commands. It works over a session that this process
//! owns and over one that it only follows alike, since all it needs is a feed and a way to ask.

mod line;
mod proposal;
#[cfg(test)]
mod tests;
mod typed;

use std::collections::VecDeque;
use std::io::{self, BufRead, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use codex_event::{Command, Envelope, InterruptReason, Seq};
use codex_journal::{Blobs, Feed, Subscription};
use codex_view::{Paint, sanitize};

use line::{Act, Line};

/// Records and lines that may wait to be shown; whoever brings more waits.
pub const WAITING: usize = 64;

/// What this frontend is to the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Its process owns the session: leaving ends the turn and lets go of the session.
    Owner {
        /// Position of the first event of this process.
        from: Seq,
    },
    /// It follows a session of another process: leaving changes nothing.
    Guest,
}

/// What comes from the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A line, without its end.
    Line(String),
    /// Ctrl-C, where nobody else deals with the signal: it ends the turn, and leaves when there is
    /// none or it was pressed before.
    Interrupt,
    /// There will be no more lines.
    End,
}

/// How it came to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// The person wanted to leave.
    Wished,
    /// A signal ended it; which one is known if a turn was running.
    Signalled(Option<InterruptReason>),
    /// The session ended for another reason: its owner let go of it.
    Ended,
}

/// Why it could not go on.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The terminal takes no more text.
    #[error("output can't be written: {0}")]
    OutputClosed(#[source] io::Error),
    /// The feed ended because older records could not be read.
    #[error("journal can't be followed: {0}")]
    Feed(String),
}

/// What happens, in the order in which it is dealt with.
enum Happening {
    Fed(Feed),
    Ended {
        /// Why records could not be read.
        fault: Option<String>,
        /// Why the owner will say nothing more.
        reason: Option<String>,
    },
    Typed(Input),
}

/// Where input is handed in; any number of threads may.
#[derive(Clone, Debug)]
pub struct Keys(SyncSender<Happening>);

/// Where input arrives.
#[derive(Debug)]
pub struct Desk {
    keys: Keys,
    happenings: Receiver<Happening>,
}

impl std::fmt::Debug for Happening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Happening::Fed(_) => "Fed",
            Happening::Ended { .. } => "Ended",
            Happening::Typed(_) => "Typed",
        })
    }
}

impl Desk {
    /// Makes a place where input and the feed meet.
    pub fn new() -> Desk {
        let (sender, happenings) = sync_channel(WAITING);
        Desk { keys: Keys(sender), happenings }
    }

    /// Gives a way to hand input in.
    pub fn keys(&self) -> Keys {
        self.keys.clone()
    }
}

impl Default for Desk {
    fn default() -> Desk {
        Desk::new()
    }
}

impl Keys {
    /// Hands input in; waits while too much waits. False once nobody takes it any more.
    pub fn press(&self, input: Input) -> bool {
        self.0.send(Happening::Typed(input)).is_ok()
    }

    /// Hands in all lines of a reader, and then its end, from a thread of its own.
    ///
    /// The thread is let go of: a read from a terminal can't be called off, and ends with the
    /// process.
    pub fn read(self, mut lines: impl BufRead + Send + 'static) -> io::Result<()> {
        let read = move || {
            loop {
                let mut bytes = Vec::new();
                let input = match lines.read_until(b'\n', &mut bytes) {
                    Ok(0) | Err(_) => Input::End,
                    Ok(_) => {
                        let text = String::from_utf8_lossy(&bytes);
                        Input::Line(text.trim_end_matches(['\r', '\n']).to_owned())
                    }
                };
                let last = input == Input::End;
                if !self.press(input) || last {
                    return;
                }
            }
        };
        thread::Builder::new().name("keys".into()).spawn(read).map(drop)
    }
}

/// Tells a session and takes what the person says, until it ends or the person leaves.
///
/// The subscription must begin at the journal's first event: the last turn is shown, what is before
/// it is only folded. `ask` hands a command in and waits for the answer; an error says why it was
/// refused. When `out` fails, the session is left as if the input had ended.
pub fn run(
    subscription: Subscription,
    blobs: &Blobs,
    role: Role,
    paint: Paint,
    desk: Desk,
    ask: &mut dyn FnMut(Command) -> Result<(), String>,
    out: &mut dyn Write,
) -> Result<Left, LineError> {
    let Desk { keys, happenings } = desk;
    let feed = follow(subscription, keys).map_err(LineError::OutputClosed)?;
    let hydrate = |envelope: &mut Envelope| {
        // What is missing is shown as missing.
        blobs.hydrate(envelope);
    };
    let mut session = Session {
        line: Line::new(role, paint),
        ask,
        screen: Screen { out, open: false, closed: None },
    };
    let fault = loop {
        let Ok(happening) = happenings.recv() else { break None };
        let acts = match happening {
            Happening::Fed(Feed::Record(record)) => {
                session.line.record(record.envelope.clone(), &hydrate)
            }
            Happening::Fed(Feed::CaughtUp(_)) => session.line.caught_up(&hydrate),
            Happening::Fed(Feed::Tail(_) | Feed::Present(_) | Feed::Ended) => Vec::new(),
            Happening::Ended { fault, reason } => {
                // The feed is let go of before the journal is.
                let _ = feed.join();
                match (role, &fault, reason) {
                    (Role::Guest, None, Some(reason)) => {
                        session.perform(vec![Act::Say(sanitize::text(&reason))]);
                    }
                    // An owner tells itself what became of its journal.
                    (Role::Guest | Role::Owner { .. }, ..) => {}
                }
                break fault;
            }
            Happening::Typed(input) => {
                session.screen.open = false;
                session.line.input(input)
            }
        };
        if session.perform(acts) == Stay::No {
            break None;
        }
    };
    let Session { line, screen, .. } = session;
    match (screen.closed, fault) {
        (Some(error), _) => Err(LineError::OutputClosed(error)),
        (None, Some(fault)) => Err(LineError::Feed(fault)),
        (None, None) => Ok(line.left()),
    }
}

/// Takes the feed from a thread of its own, since a feed and a keyboard can't be awaited at once.
fn follow(mut subscription: Subscription, keys: Keys) -> io::Result<thread::JoinHandle<()>> {
    let feed = move || {
        loop {
            let happening = match subscription.next() {
                Feed::Ended => Happening::Ended {
                    fault: subscription.fault().map(ToString::to_string),
                    reason: subscription.reason(),
                },
                fed @ (Feed::Record(_) | Feed::CaughtUp(_) | Feed::Tail(_) | Feed::Present(_)) => {
                    Happening::Fed(fed)
                }
            };
            let last = matches!(happening, Happening::Ended { .. });
            if keys.0.send(happening).is_err() || last {
                return;
            }
        }
    };
    thread::Builder::new().name("feed".into()).spawn(feed)
}

struct Session<'a> {
    line: Line,
    ask: &'a mut dyn FnMut(Command) -> Result<(), String>,
    screen: Screen<'a>,
}

/// Whether there is anything left to do here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stay {
    Yes,
    No,
}

impl Session<'_> {
    fn perform(&mut self, acts: Vec<Act>) -> Stay {
        let mut acts = VecDeque::from(acts);
        while let Some(act) = acts.pop_front() {
            let shown = match act {
                Act::Say(text) => self.screen.say(&text),
                Act::Prompt(text) => self.screen.prompt(text),
                Act::Ask(command) => {
                    if let Err(reason) = (self.ask)(command.clone()) {
                        acts.extend(self.line.refused(&command, &reason));
                    }
                    Ok(())
                }
                Act::Leave => return Stay::No,
            };
            if let Err(error) = shown {
                self.screen.closed = Some(error);
                acts.extend(self.line.input(Input::End));
            }
        }
        Stay::Yes
    }
}

struct Screen<'a> {
    out: &'a mut dyn Write,
    /// Whether a prompt stands at the beginning of the line.
    open: bool,
    closed: Option<io::Error>,
}

impl Screen<'_> {
    fn say(&mut self, text: &str) -> io::Result<()> {
        let before = if std::mem::take(&mut self.open) { "\n" } else { "" };
        self.put(&format!("{before}{text}\n"))
    }

    fn prompt(&mut self, text: &str) -> io::Result<()> {
        if std::mem::replace(&mut self.open, true) {
            return Ok(());
        }
        self.put(text)
    }

    fn put(&mut self, text: &str) -> io::Result<()> {
        if self.closed.is_some() {
            return Ok(());
        }
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}
