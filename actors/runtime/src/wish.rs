//! A wish for a session that nothing has to act for, such as a name: no actor is started for it.

use codex_event::{Author, Body, Command, Envelope, Rejection};
use codex_journal::{Batch, WriteError};
use codex_session::Stamp;

use crate::clock::Clock;
use crate::takeup::TakenUp;

/// Why a wish came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum WishError {
    /// The session's rules refused it; nothing was written.
    #[error(transparent)]
    Refused(#[from] Rejection),
    /// The journal could not be written.
    #[error(transparent)]
    Journal(#[from] WriteError),
    /// The system refused what it takes to wait for the writer.
    #[error("the runtime can't be set up: {0}")]
    Runtime(#[source] std::io::Error),
}

impl TakenUp {
    /// Has the session decide on a command, makes the events durable, and lets go of the session.
    ///
    /// For commands whose events owe the world nothing: what else was owed stays so, for whoever
    /// takes the session up next. Blocking.
    pub fn wish(self, author: Author, command: Command) -> Result<(), WishError> {
        let TakenUp { id, scribe, handle, mut session, past: _ } = self;
        // It would keep the session locked.
        drop(handle);
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.map_err(WishError::Runtime)?;
        let clock = Clock::start();
        let epoch = session.epoch().next();
        let mut batch = Batch::default();
        for draft in session.decide(Stamp { author }, command)? {
            let mut envelope = Envelope {
                session: id,
                seq: session.last().next(),
                epoch,
                at: clock.wall(),
                mono: clock.mono(),
                author: draft.author,
                cause: draft.cause,
                turn: draft.turn,
                body: Body::Known(draft.event),
            };
            batch.blobs.extend(envelope.spill());
            session.apply(&envelope);
            batch.envelopes.push(envelope);
        }
        runtime.block_on(scribe.write(batch))?;
        scribe.finish()?;
        Ok(())
    }
}
