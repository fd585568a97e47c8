//! A guest's end: a session that another process owns.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use codex_event::{Command, Notice, PROTOCOL, Refusal, Rejection, Request, Seq, SessionId};

use super::lines::{Line, Lines, MAX_NOTICE, MAX_REQUEST};
use super::remote::{Remote, send};
use super::{is_name, place};
use crate::blobs::Blobs;
use crate::feed::Subscription;
use crate::layout::{Layout, SessionDir};
use crate::lease::Lease;

/// How long an owner may take to answer a greeting, and to begin to let go.
const PATIENCE: Duration = Duration::from_secs(5);
const TICK: Duration = Duration::from_millis(5);

/// A session that another process owns, as a frontend sees it.
///
/// It gives the same subscriptions and blobs as the owner's [`crate::Handle`].
pub struct Guest {
    dir: SessionDir,
    id: SessionId,
    frontend: String,
    owner: Lease,
    blobs: Blobs,
    head: Seq,
    line: Mutex<Talk>,
}

/// The connection for wishes and their answers; it is not subscribed.
struct Talk {
    lines: Lines<UnixStream>,
    count: u64,
}

/// Why a session can't be joined.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// There is no such session.
    #[error("no session {0}")]
    NotFound(SessionId),
    /// No process owns it.
    #[error("no process runs session {0} right now")]
    NoOwner(SessionId),
    /// Its owner does not listen.
    #[error("process {}, which runs session {session}, can't be joined: it has no socket", owner.pid)]
    NoSocket {
        /// The session.
        session: SessionId,
        /// Its owner.
        owner: Box<Lease>,
    },
    /// Its owner does not answer.
    #[error("process {}, which runs session {session}, does not answer", owner.pid)]
    Hung {
        /// The session.
        session: SessionId,
        /// Its owner.
        owner: Box<Lease>,
    },
    /// Its owner can't be reached, or hangs up.
    #[error("process {}, which runs session {session}, can't be reached: {error}", owner.pid)]
    Unreachable {
        /// The session.
        session: SessionId,
        /// Its owner.
        owner: Box<Lease>,
        /// What the system says.
        error: io::Error,
    },
    /// Its owner does not let this program in.
    #[error("process {}, which runs session {session}, refuses: {message}", owner.pid)]
    Refused {
        /// The session.
        session: SessionId,
        /// Its owner.
        owner: Box<Lease>,
        /// What it says.
        message: String,
    },
}

impl Guest {
    /// Joins a session under a frontend's name, which stands before what it wishes in the journal.
    pub fn connect(layout: &Layout, id: SessionId, frontend: &str) -> Result<Guest, GuestError> {
        debug_assert!(is_name(frontend), "{frontend} is no name of a frontend");
        let dir = layout.session(id);
        let owner = Box::new(listening(&dir, id)?);
        let (lines, head) = greet(id, &owner, frontend)?;
        let line = Mutex::new(Talk { lines, count: 0 });
        let blobs = Blobs::at(dir.blobs());
        Ok(Guest { dir, id, frontend: frontend.to_owned(), owner: *owner, blobs, head, line })
    }

    /// Names the session.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// Tells who owns it.
    pub fn owner(&self) -> &Lease {
        &self.owner
    }

    /// Gives the last durable position when it was joined.
    pub fn head(&self) -> Seq {
        self.head
    }

    /// Gives the session's blobs.
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// Subscribes from a position on; 0 and 1 both mean the beginning.
    pub fn subscribe(&self, from: Seq) -> Subscription {
        let lines = greet(self.id, &self.owner, &self.frontend).map(|(lines, _)| lines);
        Subscription::from(Remote::subscribe(self.dir.clone(), self.id, lines.ok(), from))
    }

    /// Hands a wish to the owner, and waits for its answer: when it was taken, the events that it
    /// led to are durable. Blocks.
    ///
    /// # Errors
    ///
    /// Why it was refused; [`Refusal::Gone`] when the owner went away before it answered.
    pub fn ask(&self, command: Command) -> Result<(), Refusal> {
        let mut talk = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        talk.ask(None, |id| Request::Submit { id, command }).unwrap_or(Err(Refusal::Gone))
    }

    /// Has the owner let go of the session; its lock is free some time after.
    ///
    /// # Errors
    ///
    /// [`GuestError::Hung`] when the owner says nothing within some seconds.
    pub fn hand_over(self) -> Result<Lease, GuestError> {
        let mut talk = self.line.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (session, owner) = (self.id, Box::new(self.owner));
        match talk.ask(Some(PATIENCE), |id| Request::HandOver { id }) {
            // One that is about to end anyway, or did, lets go as well.
            Ok(Ok(()) | Err(Refusal::Rejected(Rejection::Closed) | Refusal::Gone)) => Ok(*owner),
            Ok(Err(refusal)) => {
                Err(GuestError::Refused { session, owner, message: refusal.to_string() })
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Err(GuestError::Hung { session, owner })
            }
            Err(error) => Err(GuestError::Unreachable { session, owner, error }),
        }
    }
}

impl Talk {
    fn ask(
        &mut self,
        patience: Option<Duration>,
        request: impl FnOnce(u64) -> Request,
    ) -> io::Result<Result<(), Refusal>> {
        self.count += 1;
        let number = self.count;
        let request = request(number);
        if serde_json::to_vec(&request)?.len() > MAX_REQUEST {
            return Ok(Err(Refusal::TooLong));
        }
        let stream = self.lines.source();
        stream.set_read_timeout(patience)?;
        if send(stream, &request).is_err() {
            return Ok(Err(Refusal::Gone));
        }
        loop {
            match read(&mut self.lines)? {
                Some(Notice::Accepted { id }) if id == number => return Ok(Ok(())),
                Some(Notice::Refused { id, reason }) if id == number => return Ok(Err(reason)),
                None => return Ok(Err(Refusal::Gone)),
                Some(_) => {}
            }
        }
    }
}

/// Waits until the owner listens: one that has just begun may take a moment.
fn listening(dir: &SessionDir, session: SessionId) -> Result<Lease, GuestError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match Lease::live(dir) {
            None if !dir.path().is_dir() => return Err(GuestError::NotFound(session)),
            None => return Err(GuestError::NoOwner(session)),
            Some(lease) if lease.socket.is_some() => return Ok(lease),
            Some(lease) if Instant::now() >= deadline => {
                return Err(GuestError::NoSocket { session, owner: Box::new(lease) });
            }
            Some(_) => std::thread::sleep(TICK),
        }
    }
}

fn greet(
    session: SessionId,
    owner: &Lease,
    frontend: &str,
) -> Result<(Lines<UnixStream>, Seq), GuestError> {
    let owner = || Box::new(owner.clone());
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::WouldBlock => GuestError::Hung { session, owner: owner() },
        // It ended since its lease was read.
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => GuestError::NoOwner(session),
        _ => GuestError::Unreachable { session, owner: owner(), error },
    };
    let socket = owner().socket.ok_or(GuestError::NoOwner(session))?;
    let stream = place::connect(&socket).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    let hello = Request::Hello { protocol: PROTOCOL, frontend: frontend.to_owned() };
    // An owner that takes no more guests says so and hangs up, maybe before it was greeted.
    let sent = send(&stream, &hello);
    let mut lines = Lines::of(stream, MAX_NOTICE);
    match read(&mut lines).map_err(failed)? {
        Some(Notice::Welcome { head, .. }) => Ok((lines, head)),
        Some(Notice::Broken { message, .. }) => {
            Err(GuestError::Refused { session, owner: owner(), message })
        }
        Some(other) => {
            let message = format!("it answers a greeting with {other:?}");
            Err(GuestError::Refused { session, owner: owner(), message })
        }
        None => Err(sent.err().map_or(GuestError::NoOwner(session), failed)),
    }
}

fn read(lines: &mut Lines<UnixStream>) -> io::Result<Option<Notice>> {
    match lines.next()? {
        Line::Whole(line) => Ok(Some(serde_json::from_slice(line)?)),
        Line::TooLong => Err(io::Error::other("a line is too long")),
        Line::End => Ok(None),
    }
}
