//! What happens to the interface, and what it wants done: the two ends of `App::update`.

use std::ops::RangeInclusive;
use std::sync::Arc;

use codex_event::{Command, Envelope, Record, Seq, SessionId, Tail};
use crossterm::event::{KeyEvent, MouseEvent};

use crate::host::{Reply, Request, Role};

/// Milliseconds since the interface began. Time arrives as an argument; nothing here has a clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

/// Something that happened.
#[derive(Debug)]
pub enum Input {
    /// A key was pressed.
    Key(KeyEvent),
    /// Text was pasted, with its line breaks.
    Paste(String),
    /// The mouse did something.
    Mouse(MouseEvent),
    /// The terminal has another size now: columns, rows.
    Resize(u16, u16),
    /// The terminal's window has the keyboard, or lost it.
    Focus(Focus),
    /// Events of the session, in order.
    Events(Vec<Arc<Record>>),
    /// What an answer says beyond those events; some are left out.
    Tail(Arc<Tail>),
    /// The frontends that follow the session now, the owner's first.
    Present(Arc<[String]>),
    /// There are no more events right now.
    CaughtUp,
    /// There will be no more events; the words say why, when it was not in good order.
    Ended(Option<String>),
    /// Events that were asked for with [`Intent::Load`], hydrated.
    Loaded(RangeInclusive<Seq>, Vec<Envelope>),
    /// Whether a command was taken; why it was not.
    Answered(Command, Result<(), String>),
    /// The program around the interface said something; [`Reply::Connected`] comes as `Linked`.
    Host(Reply),
    /// A session is there; its events follow.
    Linked(Linked),
    /// Files that match what stands behind an `@`, best first, and whether the search goes on.
    Files(FileMatches),
    /// The editor gave the text back.
    Edited(Result<String, String>),
    /// The moment that `App::deadline` asked for has come.
    Tick,
    /// The process is told to end.
    Signal(Signal),
}

/// A session that is shown, without what it takes to read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    /// The session.
    pub session: SessionId,
    /// What the interface is to it.
    pub role: Role,
    /// Stands in the composer at first.
    pub draft: String,
}

/// Whether the terminal's window has the keyboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    /// It has.
    Gained,
    /// It has not.
    Lost,
}

/// A signal that ends the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM.
    Terminate,
    /// SIGHUP: the terminal is gone, nothing is written to it any more.
    HangUp,
    /// SIGINT that was no key.
    Interrupt,
}

/// Files that match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileMatches {
    /// What was searched for.
    pub query: String,
    /// Paths, relative to the working folder, best first.
    pub paths: Vec<String>,
    /// Files that were looked at so far.
    pub seen: usize,
    /// How far the search is.
    pub progress: Progress,
}

/// How far a search is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// More may come.
    #[default]
    Searching,
    /// That is all.
    Done,
}

/// Something that the interface wants done.
#[derive(Debug, PartialEq, Eq)]
pub enum Intent {
    /// Hand a command in; answered with [`Input::Answered`].
    Ask(Command),
    /// Ask the program around the interface; answered with [`Input::Host`].
    Request(Request),
    /// Read events, for cells that come into view; answered with [`Input::Loaded`].
    Load(RangeInclusive<Seq>),
    /// Search files whose paths match; answered with [`Input::Files`]. Replaces an earlier search.
    FindFiles(String),
    /// Let the user's editor have the text; answered with [`Input::Edited`].
    Edit(String),
    /// Tell the user, who may look elsewhere.
    Notify(String),
    /// Set the terminal's title.
    Title(String),
    /// Put text into the terminal's clipboard.
    Copy(String),
    /// Stop the process until it is continued, with the terminal as it was found.
    Suspend,
    /// Draw everything anew: the screen may hold something else.
    Redraw,
    /// Leave, with the terminal as it was found.
    Quit,
}
