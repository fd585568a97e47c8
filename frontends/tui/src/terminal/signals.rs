//! Signals that the interface has to know of.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;
use std::{io, thread};

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
            if matches!(signal, SIGTERM | SIGHUP) {
                // Whoever takes it waits for the editor until then.
                super::editor::end();
            }
            let told = match signal {
                SIGWINCH => {
                    let (columns, rows) = super::size();
                    Told::Input(Input::Resize(columns, rows))
                }
                SIGCONT => {
                    *CONTINUED.lock().unwrap_or_else(PoisonError::into_inner) += 1;
                    GOES_ON.notify_all();
                    Told::Continued
                }
                SIGHUP => Told::Input(Input::Signal(Signal::HangUp)),
                // A Ctrl-C for whoever has the terminal meanwhile reaches all that run in it.
                SIGINT if super::is_lent() => continue,
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

/// How often the process was continued.
static CONTINUED: Mutex<u64> = Mutex::new(0);
static GOES_ON: Condvar = Condvar::new();
/// Time in which a signal that stops the process does so; where nobody would continue it, it never does.
const STOPPING: Duration = Duration::from_millis(500);

/// Stops the process and what runs with it in the terminal, until it is continued.
pub(crate) fn stop() {
    let before = CONTINUED.lock().unwrap_or_else(PoisonError::into_inner);
    let count = *before;
    // A shell that started it in the background of a job expects the whole job to stop.
    let _ = rustix::process::kill_current_process_group(rustix::process::Signal::TSTP);
    // Another thread may get the signal, and until it does this one runs on.
    let _ = GOES_ON.wait_timeout_while(before, STOPPING, |now| *now == count);
}
