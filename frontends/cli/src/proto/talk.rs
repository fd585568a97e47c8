//! The two ends of the conversation: what the program says, and what it is told.

use std::io::{self, BufRead, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use codex_event::{Notice, PROTOCOL, Record, Refusal, Rejection, Request, Seq};

use crate::lines::{Lines, Said};

/// Most characters of a frontend's name.
const MAX_NAME: usize = 40;

/// What the program is told, one line after the other, from any thread.
#[derive(Default)]
pub(super) struct Out {
    closed: Mutex<Option<io::Error>>,
}

impl Out {
    /// Tells something; false once nobody listens any more.
    pub(super) fn tell(&self, notice: &Notice) -> bool {
        let line = serde_json::to_string(notice).expect("notices always encode");
        self.put(&[line.as_bytes(), b"\n"].concat())
    }

    /// Shows a record, byte for byte as it is stored.
    pub(super) fn show(&self, record: &Record) -> bool {
        self.put(&[b"{\"record\":", record.json(), b"}\n"].concat())
    }

    pub(super) fn broken(&self, id: Option<u64>, message: impl Into<String>) -> bool {
        self.tell(&Notice::Broken { id, message: message.into() })
    }

    pub(super) fn refused(&self, id: u64, reason: Refusal) -> bool {
        self.tell(&Notice::Refused { id, reason })
    }

    /// Tells whether nobody listens any more.
    pub(super) fn is_closed(&self) -> bool {
        self.fault().is_some()
    }

    /// Gives why nobody listens any more.
    pub(super) fn closed(&self) -> Option<io::Error> {
        self.fault().take()
    }

    fn fault(&self) -> MutexGuard<'_, Option<io::Error>> {
        // Nothing under this lock panics half way.
        self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, line: &[u8]) -> bool {
        let mut closed = self.fault();
        if closed.is_some() {
            return false;
        }
        let mut out = io::stdout().lock();
        match out.write_all(line).and_then(|()| out.flush()) {
            Ok(()) => true,
            Err(error) => {
                *closed = Some(error);
                false
            }
        }
    }
}

/// What the program says, read by one thread after the other.
pub(super) struct Talk<R> {
    lines: Lines<R>,
}

/// What a new session begins with.
pub(super) struct First {
    /// Number of the request.
    pub(super) id: u64,
    pub(super) input: String,
    /// Where the events are shown from, if that was said before.
    pub(super) subscribed: Option<Seq>,
}

impl<R: BufRead> Talk<R> {
    pub(super) fn new(input: R) -> Talk<R> {
        Talk { lines: Lines::new(input) }
    }

    /// Waits for the next request, and answers lines that are none. None at the end of the input.
    pub(super) fn next(&mut self, out: &Out) -> Option<Request> {
        loop {
            let heard = match self.lines.next()? {
                Said::Request(request) => return Some(request),
                Said::Broken(message) => out.broken(Request::id_in(self.lines.last()), message),
            };
            if !heard {
                return None;
            }
        }
    }

    /// Waits for the greeting, and gives the name of the program.
    pub(super) fn greeting(&mut self, out: &Out) -> Option<String> {
        loop {
            let heard = match self.next(out)? {
                Request::Hello { protocol, frontend } => {
                    let plain = !frontend.contains(char::is_control);
                    let fits = (1..=MAX_NAME).contains(&frontend.chars().count());
                    match (protocol == PROTOCOL, plain && fits) {
                        (true, true) => return Some(frontend),
                        (false, _) => out.broken(None, format!(
                            "version {protocol} of the protocol is not spoken here, {PROTOCOL} is"
                        )),
                        (true, false) => out.broken(None, format!(
                            "the name of a frontend has 1 to {MAX_NAME} characters on one line"
                        )),
                    }
                }
                Request::Subscribe { .. } => out.broken(None, "the first line must be a hello"),
                Request::Submit { id, .. } | Request::HandOver { id } => {
                    out.refused(id, Refusal::Stranger)
                }
            };
            if !heard {
                return None;
            }
        }
    }

    /// Waits for what a new session begins with; there is nothing else to be done before.
    pub(super) fn first(&mut self, out: &Out) -> Option<First> {
        let mut subscribed = None;
        loop {
            let not_open = |id| out.refused(id, Refusal::Rejected(Rejection::NotOpen));
            let heard = match self.next(out)? {
                Request::Hello { .. } => again(out),
                Request::Subscribe { .. } if subscribed.is_some() => twice(out),
                Request::Subscribe { from } => {
                    subscribed = Some(from);
                    true
                }
                Request::Submit { id, command } => match input(command) {
                    Some(input) if input.trim().is_empty() => {
                        out.refused(id, Refusal::Rejected(Rejection::EmptyInput))
                    }
                    Some(input) => return Some(First { id, input, subscribed }),
                    None => not_open(id),
                },
                Request::HandOver { id } => not_open(id),
            };
            if !heard {
                return None;
            }
        }
    }
}

/// A program greets once.
pub(super) fn again(out: &Out) -> bool {
    out.broken(None, "hello was said before")
}

/// A program subscribes once; to begin elsewhere, it filters.
pub(super) fn twice(out: &Out) -> bool {
    out.broken(None, "the events are shown already")
}

fn input(command: codex_event::Command) -> Option<String> {
    match command {
        codex_event::Command::Submit { input } => Some(input),
        codex_event::Command::Open(_)
        | codex_event::Command::Resume(_)
        | codex_event::Command::Interrupt { .. }
        | codex_event::Command::SettleReview { .. }
        | codex_event::Command::Name { .. }
        | codex_event::Command::Shelve { .. }
        | codex_event::Command::StartOwnCommand { .. }
        | codex_event::Command::EndOwnCommand { .. }
        | codex_event::Command::Close { .. } => None,
    }
}
