//! The line to a session: its events in, commands and questions about its past out.

use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use codex_event::{Command, Seq};

use super::Message;
use crate::host::{Link, Source};
use crate::update::Input;

/// Commands, or ranges of events, that may wait; there is one for each thing that a person does.
const WAITING: usize = 64;

/// A session that is shown.
///
/// Its threads end by themselves once it is dropped: the feed with the session or its next event,
/// the others with their queues.
pub(super) struct Line {
    asks: SyncSender<Command>,
    loads: SyncSender<RangeInclusive<Seq>>,
    open: Arc<AtomicBool>,
    past: Past,
}

/// Whether what was can be read once there is nothing more to come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Past {
    /// It holds the session's lock, which others may wait for.
    Held,
    /// It holds nothing that anybody waits for.
    Free,
}

impl Line {
    /// Tells whether it can be kept for reading when its feed has ended.
    pub(super) fn outlives_its_feed(&self) -> bool {
        self.past == Past::Free
    }

    pub(super) fn open(link: Link, inbox: &SyncSender<Message>) -> io::Result<Line> {
        let Link { source, mut ask, .. } = link;
        let past = match &source {
            Source::Own(_) => Past::Held,
            Source::Remote(_) | Source::Files(_) => Past::Free,
        };
        let open = Arc::new(AtomicBool::new(true));
        let (asks, commands) = sync_channel::<Command>(WAITING);
        let tell = sink(inbox, &open);
        let asking = move || {
            for command in commands {
                let answer = ask(command.clone());
                if !tell(Input::Answered(command, answer)) {
                    return;
                }
            }
        };
        thread::Builder::new().name("asks".into()).spawn(asking)?;
        let (loads, ranges) = sync_channel(WAITING);
        let (tell, read) = (sink(inbox, &open), source.clone());
        thread::Builder::new().name("loads".into()).spawn(move || load(&read, &ranges, &tell))?;
        let tell = sink(inbox, &open);
        thread::Builder::new().name("feed".into()).spawn(move || source.feed(tell))?;
        Ok(Line { asks, loads, open, past })
    }

    /// Hands a command in; gives the answer if there is one at once.
    pub(super) fn ask(&self, command: Command) -> Option<Input> {
        let error = self.asks.try_send(command.clone()).err()?;
        Some(Input::Answered(command, Err(format!("too much waits already: {error}"))))
    }

    /// Asks for events; gives the answer if there is one at once.
    pub(super) fn load(&self, range: RangeInclusive<Seq>) -> Option<Input> {
        let full = self.loads.try_send(range.clone()).is_err();
        full.then(|| Input::Loaded(range, Vec::new()))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.open.store(false, Ordering::Release);
    }
}

/// Gives a way into the inbox that is closed with the line.
fn sink(
    inbox: &SyncSender<Message>,
    open: &Arc<AtomicBool>,
) -> impl Fn(Input) -> bool + Send + use<> {
    let (inbox, open) = (inbox.clone(), Arc::clone(open));
    move |input| open.load(Ordering::Acquire) && inbox.send(Message::Input(input)).is_ok()
}

fn load(source: &Source, ranges: &Receiver<RangeInclusive<Seq>>, tell: &impl Fn(Input) -> bool) {
    for range in ranges {
        let events = source.read(range.clone());
        if !tell(Input::Loaded(range, events)) {
            return;
        }
    }
}
