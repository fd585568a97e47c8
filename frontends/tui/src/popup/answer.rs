//! What comes of a key in a popup.

use codex_event::{CallId, Scope, Seq, SessionId, Verdict};

use crate::host::{Changes, Owner, Request};
use crate::options::Colours;

/// What comes of a key, a click or a paste.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// The popup took it, and stays.
    Stay,
    /// It is no key of this popup: it goes where it would go without one. The popup stays.
    Pass,
    /// The popup is done, and nothing is to be done.
    Close,
    /// The popup is done, and this is to be done.
    Do(Action),
    /// This is to be done, and the popup stays.
    Try(Action),
}

/// What a popup wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Answer the question that a call waits for.
    Settle {
        /// The call.
        call: CallId,
        /// The answer.
        verdict: Verdict,
        /// How far it reaches.
        scope: Scope,
    },
    /// Take a session up, or attach to it.
    Take(SessionId, Owner),
    /// Show a session without changing anything.
    Watch(SessionId),
    /// Begin a session with what another has up to a position.
    Fork {
        /// The other one; the one that is shown when none.
        session: Option<SessionId>,
        /// The last position that both have; everything when none.
        at: Option<Seq>,
        /// Stands in the composer then.
        draft: String,
    },
    /// Carry a slash command out.
    Slash {
        /// Its name, without the slash.
        name: String,
        /// What stands behind it.
        rest: String,
    },
    /// Change settings: of the session that is open, or of the one that is begun next.
    Change(Changes),
    /// Draw with these colours; with [`Answer::Do`] for good, with [`Answer::Try`] for a look.
    Theme(Colours),
    /// Put this text into the composer, in place of what stands there.
    Put(String),
    /// Ask the program around the interface.
    Request(Request),
    /// End the running turn.
    Interrupt,
    /// Leave: a turn of this process is interrupted first.
    Quit,
}
