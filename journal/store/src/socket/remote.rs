//! A journal as its owner tells it over the socket.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use codex_event::{Digest, Epoch, Notice, Record, Request, Seq, SessionId, genesis};

use super::lines::{Line, Lines};
use crate::feed::Feed;
use crate::head::Head;
use crate::layout::SessionDir;
use crate::raw::RawJournal;
use crate::store::StoreError;

/// A place in the journal of a session that another process owns.
///
/// What comes is put back into frames and held against the hashes that the owner tells, so that a
/// record here is the record there. When the owner goes away in the middle, the rest of what it
/// wrote is read from its files.
pub(crate) struct Remote {
    dir: SessionDir,
    id: SessionId,
    lines: Option<Lines<UnixStream>>,
    // The record before the next one, as far as it is known.
    last: Option<Head>,
    next: Seq,
    rest: VecDeque<Arc<Record>>,
    caught_up: bool,
    present: Vec<String>,
    presence: Presence,
    reason: Option<String>,
    fault: Option<StoreError>,
}

/// What is done with the news of who follows the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Kept,
    Told,
}

impl Remote {
    /// Subscribes over a connection that was greeted; without one the files tell everything.
    pub(super) fn subscribe(
        dir: SessionDir,
        id: SessionId,
        lines: Option<Lines<UnixStream>>,
        from: Seq,
    ) -> Remote {
        let next = from.max(Seq(1));
        let last = (next == Seq(1)).then(|| Head::empty(&id));
        let mut remote = Remote {
            dir,
            id,
            lines,
            last,
            next,
            rest: VecDeque::new(),
            caught_up: false,
            present: Vec::new(),
            presence: Presence::Kept,
            reason: None,
            fault: None,
        };
        let asked = remote
            .lines
            .as_ref()
            .map(|lines| send(lines.source(), &Request::Subscribe { from: next }));
        if !matches!(asked, Some(Ok(()))) {
            remote.read_rest("the owner could not be asked");
        }
        remote
    }

    pub(crate) fn tell_presence(&mut self) {
        self.presence = Presence::Told;
    }

    pub(crate) fn fault(&self) -> Option<&StoreError> {
        self.fault.as_ref()
    }

    pub(crate) fn reason(&self) -> Option<String> {
        self.reason.clone()
    }

    pub(crate) fn present(&self) -> &[String] {
        &self.present
    }

    /// Waits for what is next; none when the deadline passed.
    pub(crate) fn advance(&mut self, deadline: Option<Instant>) -> Option<Feed> {
        loop {
            if let Some(record) = self.rest.pop_front() {
                return Some(self.give(record));
            }
            let Some(lines) = &mut self.lines else {
                if !std::mem::replace(&mut self.caught_up, true) {
                    return Some(Feed::CaughtUp(self.head()));
                }
                return Some(Feed::Ended);
            };
            let left = match deadline {
                None => None,
                // A timeout of nothing would mean to wait forever.
                Some(at) => {
                    Some(at.checked_duration_since(Instant::now())?.max(Duration::from_millis(1)))
                }
            };
            let read = lines.source().set_read_timeout(left).and_then(|()| match lines.next()? {
                Line::Whole(line) => Ok(Some(serde_json::from_slice::<Notice>(line)?)),
                Line::TooLong => Err(io::Error::other("a line is too long")),
                Line::End => Ok(None),
            });
            match read {
                Ok(Some(notice)) => {
                    if let Some(feed) = self.take(notice) {
                        return Some(feed);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Ok(None) => self.read_rest("the owner went away"),
                Err(error) => self.read_rest(&error.to_string()),
            }
        }
    }

    fn take(&mut self, notice: Notice) -> Option<Feed> {
        match notice {
            Notice::Record(json) => match self.frame(json.get().as_bytes()) {
                Ok(record) => return Some(self.give(Arc::new(record))),
                Err(message) => self.fail(message),
            },
            Notice::After { seq, hash } => {
                if seq.next() >= self.next {
                    self.next = seq.next();
                    self.last = Some(Head { seq, hash, epoch: Epoch(0) });
                }
            }
            Notice::CaughtUp { seq, hash } => {
                let known = self.last.filter(|last| last.seq == seq);
                if known.is_some_and(|last| last.hash != hash) {
                    self.fail(format!("record {seq} is not the one that the owner has"));
                    return None;
                }
                self.caught_up = true;
                let epoch = known.map_or(Epoch(0), |last| last.epoch);
                return Some(Feed::CaughtUp(Head { seq, hash, epoch }));
            }
            Notice::Attached { frontends } => {
                let told = match self.presence {
                    Presence::Kept => None,
                    Presence::Told => Some(Feed::Present(frontends.as_slice().into())),
                };
                self.present = frontends;
                return told;
            }
            Notice::Ended { fault } => {
                self.reason = fault;
                self.caught_up = true;
                self.lines = None;
            }
            Notice::Broken { message, .. } => self.fail(message),
            // Answers that nobody waits for here.
            Notice::Welcome { .. } | Notice::Accepted { .. } | Notice::Refused { .. } => {}
        }
        None
    }

    fn frame(&self, json: &[u8]) -> Result<Record, String> {
        let prev = self.last.map_or(genesis(&self.id), |last| last.hash);
        let record = Record::framed(json, prev).map_err(|error| error.to_string())?;
        if record.envelope.seq != self.next {
            return Err(format!("record {} came where {} was due", record.envelope.seq, self.next));
        }
        Ok(record)
    }

    fn give(&mut self, record: Arc<Record>) -> Feed {
        self.next = record.envelope.seq.next();
        self.last = Some(head_of(&record));
        self.caught_up = false;
        Feed::Record(record)
    }

    fn head(&self) -> Head {
        self.last.unwrap_or(Head {
            seq: Seq(self.next.0 - 1),
            hash: Digest([0; 32]),
            epoch: Epoch(0),
        })
    }

    fn fail(&mut self, message: String) {
        self.lines = None;
        self.caught_up = true;
        self.reason = Some(message.clone());
        self.fault = Some(StoreError::Feed(message));
    }

    /// Takes everything that is left from the files, and ends with it.
    fn read_rest(&mut self, why: &str) {
        self.lines = None;
        self.caught_up = false;
        self.reason = Some(why.to_owned());
        let read = RawJournal::read(&self.dir, self.id).map_err(|error| error.to_string());
        let records = read.and_then(|journal| {
            let records: Result<Vec<_>, _> = journal.records_from(self.next).collect();
            records.map_err(|error| error.to_string())
        });
        match records {
            Ok(records) => {
                let mut due = self.next;
                // Behind a hole there is nothing to hold it against; that is told below.
                let strange = |first: &Record| {
                    let known = self.last.filter(|last| last.seq.next() == first.envelope.seq);
                    known.is_some_and(|last| last.hash != first.prev)
                };
                if records.first().is_some_and(strange) {
                    let message = format!("record {due} does not follow what the owner told");
                    return self.fail(message);
                }
                for record in records {
                    if record.envelope.seq != due {
                        self.fault = Some(StoreError::Missing(due));
                        break;
                    }
                    due = due.next();
                    self.rest.push_back(Arc::new(record));
                }
            }
            Err(message) => self.fail(message),
        }
    }
}

/// Writes a request.
pub(super) fn send(mut to: &UnixStream, request: &Request) -> io::Result<()> {
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    to.write_all(&line)
}

fn head_of(record: &Record) -> Head {
    Head { seq: record.envelope.seq, hash: record.hash, epoch: record.envelope.epoch }
}
