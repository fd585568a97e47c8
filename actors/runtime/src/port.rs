//! How what frontends want reaches the session, and how they learn what came of it.

use actix::{Addr, Recipient};
use codex_event::{Author, CloseReason, Command, InterruptReason, Rejection};
use codex_journal::Attendant;
use std::sync::{Arc, OnceLock};
use tokio::sync::{mpsc, oneshot};

use crate::approval::ApprovalActor;
use crate::messages::{Answer, Wish};

/// Commands of frontends that may wait.
pub(crate) const COMMANDS: usize = 16;

/// A frontend's way to say what it wants. Commands are taken in order.
///
/// Its methods block, so none of them may be called on an async thread.
#[derive(Clone, Debug)]
pub struct Port {
    asked: mpsc::Sender<Asked>,
    author: Author,
    taker: Arc<OnceLock<u32>>,
}

/// Something that a frontend wants.
#[derive(Debug)]
pub(crate) struct Asked {
    author: Author,
    want: Want,
    answer: oneshot::Sender<Result<(), Rejection>>,
}

#[derive(Debug)]
enum Want {
    Command(Command),
    HandOver,
}

impl Port {
    /// Makes a port whose wishes are the author's, and the end where they come out.
    pub(crate) fn open(author: Author) -> (Port, mpsc::Receiver<Asked>) {
        let (asked, wishes) = mpsc::channel(COMMANDS);
        (Port { asked, author, taker: Arc::default() }, wishes)
    }

    /// The same session's port for another frontend, under whose name its wishes are recorded.
    pub fn of(&self, frontend: &str) -> Port {
        Port { author: Author::User(frontend.to_owned()), ..self.clone() }
    }

    /// Hands a command in, and does not wait for what comes of it; waits while too many wait.
    ///
    /// A session that has ended takes no more commands, which is no error: the feed says so too.
    pub fn submit(&self, command: Command) {
        drop(self.enter(Want::Command(command)));
    }

    /// Hands a command in, and waits for its answer: when it was taken, the events that it led to
    /// are durable.
    ///
    /// # Errors
    ///
    /// What the session's rules say; [`Rejection::Closed`] once it has ended.
    pub fn ask(&self, command: Command) -> Result<(), Rejection> {
        self.answer(Want::Command(command))
    }

    /// Lets go of the session, so that the process `taker` can take it up: no frontend is listened
    /// to any more, a turn that runs is interrupted, and the session closes once that is done.
    ///
    /// Returns as soon as the interruption is durable.
    ///
    /// # Errors
    ///
    /// [`Rejection::Closed`] when the session has ended, or was handed over before.
    pub fn hand_over(&self, taker: u32) -> Result<(), Rejection> {
        let given = self.answer(Want::HandOver);
        if given.is_ok() {
            let _ = self.taker.set(taker);
        }
        given
    }

    /// Gives the process that the session was handed over to.
    pub fn taker(&self) -> Option<u32> {
        self.taker.get().copied()
    }

    fn answer(&self, want: Want) -> Result<(), Rejection> {
        let answer = self.enter(want).ok_or(Rejection::Closed)?;
        answer.blocking_recv().unwrap_or(Err(Rejection::Closed))
    }

    fn enter(&self, want: Want) -> Option<oneshot::Receiver<Result<(), Rejection>>> {
        let (answer, answered) = oneshot::channel();
        let asked = Asked { author: self.author.clone(), want, answer };
        self.asked.blocking_send(asked).ok()?;
        Some(answered)
    }
}

impl Attendant for Port {
    fn ask(&self, frontend: &str, command: Command) -> Result<(), Rejection> {
        self.of(frontend).ask(command)
    }

    fn hand_over(&self, frontend: &str, taker: u32) -> Result<(), Rejection> {
        self.of(frontend).hand_over(taker)
    }
}

/// Takes what frontends want to those that can give it, one after the other.
pub(crate) async fn pass_on(
    mut wishes: mpsc::Receiver<Asked>,
    session: Recipient<Wish>,
    approval: Addr<ApprovalActor>,
) {
    while let Some(Asked { author, want, answer }) = wishes.recv().await {
        let given = match want {
            Want::Command(Command::SettleReview { call, verdict, scope }) => {
                approval.send(Answer { author, call, verdict, scope }).await
            }
            Want::Command(
                command @ (Command::Open(_)
                | Command::Resume(_)
                | Command::Submit { .. }
                | Command::Interrupt { .. }
                | Command::Name { .. }
                | Command::Shelve { .. }
                | Command::StartOwnCommand { .. }
                | Command::EndOwnCommand { .. }
                | Command::Close { .. }),
            ) => session.send(Wish { author, command }).await,
            Want::HandOver => {
                // Whoever asks from here on learns that nothing is taken any more, and so do
                // those that wait.
                wishes.close();
                return hand_over(author, answer, session).await;
            }
        };
        let given = given.unwrap_or(Err(Rejection::Closed));
        if let Err(rejection) = &given {
            tracing::debug!(%rejection, "command refused");
        }
        // Who submitted it did not stay for the answer.
        let _ = answer.send(given);
    }
}

async fn hand_over(
    author: Author,
    answer: oneshot::Sender<Result<(), Rejection>>,
    session: Recipient<Wish>,
) {
    let wish = |command| session.send(Wish { author: author.clone(), command });
    let interrupt = Command::Interrupt { reason: InterruptReason::User };
    let given = match wish(interrupt).await {
        // Without a turn, or with one that ends already, there is nothing to interrupt.
        Ok(Ok(()) | Err(Rejection::NoTurn | Rejection::Stale)) => Ok(()),
        Ok(Err(rejection)) => Err(rejection),
        Err(_) => Err(Rejection::Closed),
    };
    let _ = answer.send(given);
    // The session holds it until the turn has ended.
    let _ = wish(Command::Close { reason: CloseReason::HandedOver }).await;
}

#[cfg(test)]
mod tests;
