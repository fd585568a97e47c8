//! The keyboard, the mouse and pastes, read on a thread of its own.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::burst::{BURST, Burst};
use crate::update::{Focus, Input, Signal};

/// The thread that reads the terminal; it can be told to leave it to somebody else for a while.
///
/// It sleeps in `poll(2)` on the terminal and a pipe, so that an idle interface costs nothing and an
/// editor gets every key.
#[derive(Debug)]
pub(crate) struct Keyboard {
    wake: OwnedFd,
    paused: Receiver<()>,
}

/// Time in which what was typed is read: the least that makes the reader look at all.
const MOMENT: Duration = Duration::from_millis(1);

/// How long after a key it is looked again whether one lies around.
///
/// `event::poll` looks at what was read already only while its time has not passed. A thread that is
/// not let run for so long gets no key, although there may be hundreds, and the terminal is silent.
const AGAIN: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(200)];

/// Time of such a look. Short, since of what comes within it nobody knows how much it is.
const LOOK: Duration = Duration::from_millis(5);

/// The key that a line feed is, once Enter is a carriage return.
const LINE_FEED: KeyEvent = KeyEvent::new(KeyCode::Char('j'), KeyModifiers::CONTROL);

/// What the thread is told through the pipe.
const PAUSE: u8 = b'p';
const GO_ON: u8 = b'g';

impl Keyboard {
    /// Reads from now on, and hands in what was typed until nobody takes it.
    pub(crate) fn listen(sink: impl Fn(Input) -> bool + Send + 'static) -> io::Result<Keyboard> {
        let (told, wake) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let (pausing, paused) = sync_channel(1);
        let read = move || {
            if read(&told, &pausing, &sink).is_err() {
                // A terminal that can't be read any more is gone.
                sink(Input::Signal(Signal::HangUp));
            }
        };
        thread::Builder::new().name("keys".into()).spawn(read)?;
        Ok(Keyboard { wake, paused })
    }

    /// Leaves the terminal to somebody else; returns once nothing is read any more.
    pub(crate) fn pause(&self) {
        if rustix::io::write(&self.wake, &[PAUSE]).is_ok() {
            // A thread that ended reads nothing either.
            let _ = self.paused.recv();
        }
    }

    /// Reads again.
    pub(crate) fn go_on(&self) {
        let _ = rustix::io::write(&self.wake, &[GO_ON]);
    }
}

fn read(told: &OwnedFd, pausing: &SyncSender<()>, sink: &impl Fn(Input) -> bool) -> io::Result<()> {
    let terminal = rustix::stdio::stdin();
    let mut burst = Burst::default();
    let mut ahead = is_typed_ahead()?;
    // Before anything was read nothing can lie around.
    let mut again = AGAIN[AGAIN.len()..].iter();
    loop {
        let mut ready = [PollFd::new(&terminal, PollFlags::IN), PollFd::new(told, PollFlags::IN)];
        let limit = again.next().and_then(|limit| Timespec::try_from(*limit).ok());
        match poll(&mut ready, limit.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [typed, told_something] = ready.map(|fd| fd.revents());
        if told_something.intersects(PollFlags::IN | PollFlags::HUP) {
            if !wait(told, pausing)? {
                return Ok(());
            }
            ahead = is_typed_ahead()?;
            again = AGAIN.iter();
            continue;
        }
        let is_gone = typed.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
        if is_gone && !typed.contains(PollFlags::IN) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let limit = if typed.contains(PollFlags::IN) { MOMENT } else { LOOK };
        // What was typed ahead is read at once, but by the first look that is one.
        let mut next = ahead;
        // What is there is read at once, before any event of it is given out.
        let mut bytes = rustix::io::ioctl_fionread(terminal).unwrap_or_default();
        while is_more(&burst, limit)? {
            let event = event::read()?;
            again = AGAIN.iter();
            next = Ahead::No;
            for _ in 0..times(&event, std::mem::take(&mut bytes)) {
                let Some(input) = input(event.clone(), ahead) else { continue };
                if !burst.take(Instant::now(), input).into_iter().all(sink) {
                    return Ok(());
                }
            }
        }
        if !burst.silence().into_iter().all(sink) {
            return Ok(());
        }
        ahead = next;
    }
}

/// Tells whether there is a key, and waits for one: where something depends on it, looks twice.
fn is_more(burst: &Burst, limit: Duration) -> io::Result<bool> {
    match burst.is_waiting() {
        true => Ok(event::poll(BURST)? || event::poll(BURST)?),
        false => event::poll(limit),
    }
}

/// Whether something was typed before the terminal was ours.
#[derive(Clone, Copy)]
enum Ahead {
    No,
    Yes,
}

fn is_typed_ahead() -> io::Result<Ahead> {
    let terminal = rustix::stdio::stdin();
    let mut ready = [PollFd::new(&terminal, PollFlags::IN)];
    match poll(&mut ready, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) {
        Ok(0) | Err(rustix::io::Errno::INTR) => Ok(Ahead::No),
        Ok(_) => Ok(Ahead::Yes),
        Err(error) => Err(error.into()),
    }
}

/// Takes what came through the pipe; while paused, waits for the next. False once it is closed.
fn wait(told: &OwnedFd, pausing: &SyncSender<()>) -> io::Result<bool> {
    let mut byte = [0];
    loop {
        match rustix::io::read(told, &mut byte) {
            Ok(0) => return Ok(false),
            Ok(_) if byte[0] == PAUSE => {
                if pausing.send(()).is_err() {
                    return Ok(false);
                }
            }
            Ok(_) => return Ok(true),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Gives how often the first event of so many bytes happened: the reader takes two Escs that come at once
/// for one.
fn times(event: &Event, bytes: u64) -> usize {
    let is_escape = matches!(event, Event::Key(key) if *key == KeyEvent::from(KeyCode::Esc));
    if is_escape && bytes == 2 { 2 } else { 1 }
}

fn input(event: Event, ahead: Ahead) -> Option<Input> {
    Some(match (event, ahead) {
        (Event::Key(key), _) if key.kind == KeyEventKind::Release => return None,
        // A terminal that reads lines makes a line feed of Enter, and of nothing else.
        (Event::Key(key), Ahead::Yes) if key == LINE_FEED => Input::Key(KeyCode::Enter.into()),
        (Event::Key(key), _) => Input::Key(key),
        (Event::Paste(text), _) => Input::Paste(text),
        (Event::Mouse(mouse), _) => Input::Mouse(mouse),
        (Event::Resize(columns, rows), _) => Input::Resize(columns, rows),
        (Event::FocusGained, _) => Input::Focus(Focus::Gained),
        (Event::FocusLost, _) => Input::Focus(Focus::Lost),
    })
}
