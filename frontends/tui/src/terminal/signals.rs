//! Signals that the interface has to know of.

use std::io;
use std::thread;

use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGWINCH};
use signal_hook::iterator::Signals;

use crate::update::{Input, Signal};

/// What a signal means here.
pub(crate) enum Told {
    /// Something for the interface.
    Input(Input),
    /// The process was stopped and goes on: the terminal has to be taken anew.
    Continued,
}

/// Hands signals on from a thread of its own, until nobody takes them.
pub(crate) fn listen(sink: impl Fn(Told) -> bool + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGWINCH, SIGCONT, SIGTERM, SIGHUP, SIGINT])?;
    let hear = move || {
        for signal in signals.forever() {
            let told = match signal {
                SIGWINCH => {
                    let (columns, rows) = super::size();
                    Told::Input(Input::Resize(columns, rows))
                }
                SIGCONT => Told::Continued,
                SIGHUP => Told::Input(Input::Signal(Signal::HangUp)),
                SIGINT => Told::Input(Input::Signal(Signal::Interrupt)),
                _ => Told::Input(Input::Signal(Signal::Terminate)),
            };
            if !sink(told) {
                return;
            }
        }
    };
    thread::Builder::new().name("signals".into()).spawn(hear).map(drop)
}

/// Stops the process and what runs with it in the terminal, until it is continued.
pub(crate) fn stop() {
    // A shell that started it in the background of a job expects the whole job to stop.
    let _ = rustix::process::kill_current_process_group(rustix::process::Signal::TSTP);
}
