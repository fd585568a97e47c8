//! The terminal: how it is taken, drawn on, and given back as it was found.
//!
//! Each frame goes out in one write, between the marks of a synchronized update, and holds only
//! what changed. Whatever happens to the process, [`restore`] may be called at any time and as often
//! as need be.

mod burst;
pub(crate) mod editor;
mod encode;
mod full;
mod inline;
mod keys;
mod pace;
pub(crate) mod say;
mod signals;
mod surface;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste,
    EnableFocusChange, EnableMouseCapture, KeyboardEnhancementFlags, PopKeyboardEnhancementFlags,
    PushKeyboardEnhancementFlags,
};
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{Command, cursor};

pub(crate) use encode::lines;
use full::Full;
use inline::Inline;
pub(crate) use keys::Keyboard;
pub(crate) use pace::{Cause, Pace};
pub(crate) use signals::{Told, listen, stop};
pub(crate) use surface::Surface;

use crate::options::{Mouse, Screen};

/// Ends a synchronized update, in case a frame was cut off: DEC private mode 2026.
const END_SYNC: &str = "\x1b[?2026l";

/// How the terminal is held; what [`restore`] has to undo.
static HELD: AtomicU8 = AtomicU8::new(FREE);
/// Whether a frame is being written.
static PAINTING: AtomicBool = AtomicBool::new(false);
/// How often, a millisecond apart, [`restore`] looks whether that frame is done.
const LOOKS: u32 = 100;
const FREE: u8 = 0;
const INLINE: u8 = 1;
const FULL: u8 = 2;
/// On the other screen for a while; its keyboard flags are not those of the first one.
const ASIDE: u8 = 3;

/// Takes the terminal: raw, with pastes and focus reported, and in full-screen mode its other screen.
pub(crate) fn take(screen: Screen, mouse: Mouse) -> io::Result<()> {
    enable_raw_mode()?;
    // Whatever fails from here on is undone by `restore`.
    HELD.store(if screen == Screen::Full { FULL } else { INLINE }, Ordering::SeqCst);
    let mut out = String::new();
    // A program that was killed in the midst of a frame may have left rows that are cut.
    out.push_str(inline::WRAP);
    if screen == Screen::Full {
        command(&mut out, EnterAlternateScreen);
        command(&mut out, crossterm::terminal::Clear(crossterm::terminal::ClearType::All));
    }
    command(&mut out, EnableBracketedPaste);
    command(&mut out, EnableFocusChange);
    // Tells Shift-Enter from Enter; terminals that don't know it pass it over.
    let flags = KeyboardEnhancementFlags::DISAMBIGUATE_ESCAPE_CODES;
    command(&mut out, PushKeyboardEnhancementFlags(flags));
    if mouse == Mouse::On {
        command(&mut out, EnableMouseCapture);
    }
    write(out.as_bytes())
}

/// Gives the terminal back as it was found; does nothing when it is not held.
///
/// It takes no lock that a frame is drawn under, so a panic hook may call it. A frame that another thread
/// is writing comes before it, unless the terminal takes nothing; none comes behind it.
pub fn restore() {
    let held = HELD.swap(FREE, Ordering::SeqCst);
    if held == FREE {
        return;
    }
    for _ in 0..LOOKS {
        if !PAINTING.load(Ordering::SeqCst) {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut out = [END_SYNC, inline::WRAP].concat();
    command(&mut out, DisableMouseCapture);
    command(&mut out, PopKeyboardEnhancementFlags);
    command(&mut out, DisableFocusChange);
    command(&mut out, DisableBracketedPaste);
    match held {
        FULL => command(&mut out, LeaveAlternateScreen),
        ASIDE => {
            command(&mut out, LeaveAlternateScreen);
            command(&mut out, PopKeyboardEnhancementFlags);
            out.push_str(inline::ERASE_BELOW);
        }
        // What is said next does not stand in the midst of what was only drawn.
        _ => out.push_str(inline::ERASE_BELOW),
    }
    command(&mut out, cursor::Show);
    // A terminal that is gone needs nothing.
    let _ = write(out.as_bytes());
    let _ = disable_raw_mode();
}

/// Writes a frame, unless the terminal was given back: a bug elsewhere is about to end the process.
pub(crate) fn paint(frame: &[u8]) -> io::Result<()> {
    PAINTING.store(true, Ordering::SeqCst);
    let painted = match HELD.load(Ordering::SeqCst) {
        FREE => Ok(()),
        _ => write(frame),
    };
    PAINTING.store(false, Ordering::SeqCst);
    painted
}

/// Goes to the terminal's other screen for a while.
fn enter_other() -> io::Result<()> {
    HELD.store(ASIDE, Ordering::SeqCst);
    let mut out = String::new();
    command(&mut out, EnterAlternateScreen);
    write(out.as_bytes())
}

/// Comes back from it.
fn leave_other() -> io::Result<()> {
    let mut out = String::new();
    command(&mut out, LeaveAlternateScreen);
    HELD.store(INLINE, Ordering::SeqCst);
    write(out.as_bytes())
}

/// Tells whether the terminal is somebody else's for now, an editor's or a shell's.
fn is_lent() -> bool {
    HELD.load(Ordering::SeqCst) == FREE
}

/// Adds a command's escape sequence.
pub(crate) fn command(out: &mut String, command: impl Command) {
    // Writing to a string can't fail.
    let _ = command.write_ansi(out);
}

/// Writes all of it to the terminal, waiting while it takes no more.
pub(crate) fn write(mut bytes: &[u8]) -> io::Result<()> {
    let terminal = rustix::stdio::stdout();
    while !bytes.is_empty() {
        match rustix::io::write(terminal, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => {
                let mut ready =
                    [rustix::event::PollFd::new(&terminal, rustix::event::PollFlags::OUT)];
                let _ = rustix::event::poll(&mut ready, None);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Gives the size of the terminal: columns, rows; 80 by 24 where it has none.
pub(crate) fn size() -> (u16, u16) {
    match rustix::termios::tcgetwinsize(rustix::stdio::stdout()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
        Ok(_) | Err(_) => (80, 24),
    }
}
