//! The keyboard, the mouse and pastes, read on a thread of its own.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use crossterm::event::{self, Event, KeyEventKind};
use rustix::event::{PollFd, PollFlags, poll};

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
    loop {
        let mut ready = [PollFd::new(&terminal, PollFlags::IN), PollFd::new(told, PollFlags::IN)];
        match poll(&mut ready, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [typed, told_something] = ready.map(|fd| fd.revents());
        if told_something.intersects(PollFlags::IN | PollFlags::HUP) && !wait(told, pausing)? {
            return Ok(());
        }
        if typed.contains(PollFlags::IN) {
            while event::poll(MOMENT)? {
                if let Some(input) = input(event::read()?)
                    && !sink(input)
                {
                    return Ok(());
                }
            }
        } else if typed.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
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

fn input(event: Event) -> Option<Input> {
    Some(match event {
        Event::Key(key) if key.kind == KeyEventKind::Release => return None,
        Event::Key(key) => Input::Key(key),
        Event::Paste(text) => Input::Paste(text),
        Event::Mouse(mouse) => Input::Mouse(mouse),
        Event::Resize(columns, rows) => Input::Resize(columns, rows),
        Event::FocusGained => Input::Focus(Focus::Gained),
        Event::FocusLost => Input::Focus(Focus::Lost),
    })
}
