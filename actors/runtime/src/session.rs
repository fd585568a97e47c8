//! The session actor: owns the fold and the append cursor, and hands out the work that is owed.
//!
//! It takes intakes in order, decides, applies, and has the batch written; what the batch owes the
//! world is handed out only when the scribe has said that it is durable. One batch is in flight at
//! a time: a batch holds any number of bulk reports and at most one intake with a barrier, so that
//! nothing is decided on events whose effects have not been handed out.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, ResponseFuture, WrapFuture,
};
use codex_event::{
    Author, Body, CloseReason, Command, Durability, Envelope, Epoch, Event, Rejection, SessionId,
};
use codex_journal::{Batch, Scribe, WriteError};
use codex_redact::Redactor;
use codex_session::{Effect, Intake, Report, Session, Stamp};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::approval::ApprovalActor;
use crate::clock::Clock;
use crate::messages::{AskModel, AskReview, KeepGrant, Notify, Observe, PlanPatch, RunTool, Wish};
use crate::model_actor::ModelActor;
use crate::notifier::NotifierActor;
use crate::tools::ToolActor;
use crate::veil::Veil;

/// Messages that may wait in the session's mailbox. Its senders each await their answer, so no
/// more wait than there are tasks that report; 16, the default, makes actix reorder.
const MAILBOX: usize = 256;
/// Events of one batch; a batch ends earlier at the first barrier.
const BATCH_EVENTS: usize = 256;

/// The actors that carry out what the session owes.
pub(crate) struct Peers {
    pub(crate) model: Addr<ModelActor>,
    pub(crate) tools: Addr<ToolActor>,
    pub(crate) approval: Addr<ApprovalActor>,
    pub(crate) notifier: Addr<NotifierActor>,
}

/// How the session's life in this process ended.
pub(crate) struct Ending {
    pub(crate) scribe: Arc<Scribe>,
    pub(crate) result: Result<(), WriteError>,
}

pub(crate) struct SessionActor {
    id: SessionId,
    epoch: Epoch,
    clock: Clock,
    session: Session,
    scribe: Option<Arc<Scribe>>,
    veil: Veil,
    queue: VecDeque<Waiting>,
    held_close: Option<Waiting>,
    writing: bool,
    peers: Option<Peers>,
    root: CancellationToken,
    turn: CancellationToken,
    ended: Option<oneshot::Sender<Ending>>,
}

struct Waiting {
    author: Author,
    intake: Intake,
    answer: oneshot::Sender<Result<(), Rejection>>,
}

/// Gives the session the addresses of its peers, which in turn need the session's.
#[derive(actix::Message)]
#[rtype(result = "()")]
pub(crate) struct Meet(pub(crate) Peers);

impl SessionActor {
    /// Owns a session from where its fold stands; the epoch is the next after the one in it.
    pub(crate) fn new(
        id: SessionId,
        session: Session,
        scribe: Arc<Scribe>,
        redactor: Redactor,
        ended: oneshot::Sender<Ending>,
    ) -> SessionActor {
        let root = CancellationToken::new();
        SessionActor {
            id,
            epoch: session.epoch().next(),
            clock: Clock::start(),
            session,
            scribe: Some(scribe),
            veil: Veil::new(redactor),
            queue: VecDeque::new(),
            held_close: None,
            writing: false,
            peers: None,
            turn: root.child_token(),
            root,
            ended: Some(ended),
        }
    }

    fn enter(
        &mut self,
        author: Author,
        intake: Intake,
        context: &mut Context<Self>,
    ) -> ResponseFuture<Result<(), Rejection>> {
        let (answer, answered) = oneshot::channel();
        let intake = self.veil.take_in(intake);
        let waiting = Waiting { author, intake, answer };
        if self.scribe.is_none() {
            // Nothing is written any more, so nothing can be promised.
            let _ = waiting.answer.send(Err(Rejection::Closed));
            return Box::pin(async { answered.await.unwrap_or(Err(Rejection::Closed)) });
        }
        if holds_back(&self.session, &waiting) {
            self.held_close = Some(waiting);
        } else {
            self.queue.push_back(waiting);
            self.pump(context);
        }
        Box::pin(async { answered.await.unwrap_or(Err(Rejection::Closed)) })
    }

    /// Decides what waits, up to the first barrier, and has it written.
    fn pump(&mut self, context: &mut Context<Self>) {
        let Some(scribe) = self.scribe.clone().filter(|_| !self.writing) else { return };
        let mut batch = Batch::default();
        let mut answers = Vec::new();
        let mut barrier = false;
        while !barrier && batch.envelopes.len() < BATCH_EVENTS {
            let Some(waiting) = self.queue.pop_front() else { break };
            let stamp = Stamp { author: waiting.author };
            match self.session.decide(stamp, waiting.intake) {
                Ok(drafts) => {
                    for draft in drafts {
                        let mut envelope = self.seal(draft);
                        batch.blobs.extend(envelope.spill());
                        self.session.apply(&envelope);
                        barrier |= is_barrier(&envelope);
                        batch.envelopes.push(envelope);
                    }
                    answers.push(waiting.answer);
                }
                Err(rejection) => {
                    tracing::debug!(%rejection, "refused");
                    let _ = waiting.answer.send(Err(rejection));
                }
            }
        }
        if batch.envelopes.is_empty() {
            return;
        }
        self.writing = true;
        let envelopes = batch.envelopes.clone();
        let write = async move { scribe.write(batch).await.map(drop) };
        let committed = write.into_actor(self).map(move |written, actor, context| {
            actor.writing = false;
            match written {
                Ok(()) => actor.committed(&envelopes, answers, context),
                Err(error) => actor.end(Err(error)),
            }
        });
        context.spawn(committed);
    }

    fn seal(&mut self, mut draft: codex_session::Draft) -> Envelope {
        self.veil.write(&mut draft.event);
        Envelope {
            session: self.id,
            seq: self.session.last().next(),
            epoch: self.epoch,
            at: self.clock.wall(),
            mono: self.clock.mono(),
            author: draft.author,
            cause: draft.cause,
            turn: draft.turn,
            body: Body::Known(draft.event),
        }
    }

    fn committed(
        &mut self,
        envelopes: &[Envelope],
        answers: Vec<oneshot::Sender<Result<(), Rejection>>>,
        context: &mut Context<Self>,
    ) {
        let starts = |e: &Envelope| matches!(e.event(), Some(Event::TurnStarted { .. }));
        if envelopes.iter().any(starts) {
            self.turn = self.root.child_token();
        }
        for answer in answers {
            let _ = answer.send(Ok(()));
        }
        for effect in self.session.react(envelopes) {
            self.hand_out(effect, context);
        }
        if let Some(close) = self.held_close.take_if(|close| !holds_back(&self.session, close)) {
            self.queue.push_back(close);
        }
        self.pump(context);
    }

    // `do_send` is right here: each of these messages is one piece of owed work, and the core owes
    // at most one of each kind at a time.
    fn hand_out(&mut self, effect: Effect, context: &mut Context<Self>) {
        let Some(peers) = &self.peers else { return };
        match effect {
            Effect::CallModel { request, attempt, previous } => {
                let Some(settings) = self.session.settings().cloned() else { return };
                let transcript = self.session.transcript();
                peers.model.do_send(AskModel {
                    request,
                    attempt,
                    instructions: transcript.instructions().cloned(),
                    entries: transcript.since(previous.as_deref()).to_vec(),
                    previous,
                    settings,
                    cancel: self.turn.child_token(),
                });
            }
            Effect::Pause { request, attempt, in_ms } => {
                let cancel = self.turn.child_token();
                let session = context.address();
                actix::spawn(async move {
                    tokio::select! {
                        () = cancel.cancelled() => {}
                        () = tokio::time::sleep(Duration::from_millis(in_ms)) => {
                            let due = Report::RetryDue { request, attempt };
                            let _ = session.send(Observe(due)).await;
                        }
                    }
                });
            }
            Effect::PlanPatch { call, outside } => {
                if let Some(known) = self.session.call(call) {
                    let (_, raw) = self.veil.call(call, known);
                    peers.tools.do_send(PlanPatch { call, raw, outside });
                }
            }
            Effect::KeepGrant { call, settled, prefix, workdir } => {
                peers.approval.do_send(KeepGrant { call, settled, prefix, workdir });
            }
            Effect::AskReview { call } => peers.approval.do_send(AskReview { call }),
            Effect::RunTool { call, attempt, confinement } => {
                if let Some(known) = self.session.call(call) {
                    let (invocation, raw) = self.veil.call(call, known);
                    peers.tools.do_send(RunTool {
                        call,
                        attempt,
                        invocation,
                        raw,
                        confinement,
                        cancel: self.turn.child_token(),
                    });
                }
            }
            Effect::Cancel { .. } => self.turn.cancel(),
            Effect::Notify { turn, inputs, last_message } => {
                let program = self.session.settings().map(|settings| settings.notify.clone());
                let program = program.unwrap_or_default();
                peers.notifier.do_send(Notify { turn, program, inputs, last_message });
            }
            Effect::Finish => self.end(Ok(())),
        }
    }

    /// Stops acting: nothing more is decided, and whatever runs is cancelled.
    fn end(&mut self, result: Result<(), WriteError>) {
        self.root.cancel();
        self.queue.clear();
        self.held_close = None;
        if let (Some(ended), Some(scribe)) = (self.ended.take(), self.scribe.take()) {
            let _ = ended.send(Ending { scribe, result });
        }
    }
}

/// Tells whether a close has to wait: the program that is to be told of the turn is told before, a
/// grant is written before, and a session that is handed over closes once its turn was interrupted.
fn holds_back(session: &Session, waiting: &Waiting) -> bool {
    let Intake::Command(Command::Close { reason }) = &waiting.intake else { return false };
    let first = |owed: &Effect| matches!(owed, Effect::Notify { .. } | Effect::KeepGrant { .. });
    (*reason == CloseReason::HandedOver && session.running().is_some())
        || session.outstanding().iter().any(first)
}

fn is_barrier(envelope: &Envelope) -> bool {
    envelope.event().is_none_or(|event| event.durability() == Durability::Barrier)
}

impl Actor for SessionActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<Meet> for SessionActor {
    type Result = ();

    fn handle(&mut self, Meet(peers): Meet, _: &mut Self::Context) {
        self.peers = Some(peers);
    }
}

impl Handler<Wish> for SessionActor {
    type Result = ResponseFuture<Result<(), Rejection>>;

    fn handle(&mut self, wish: Wish, context: &mut Self::Context) -> Self::Result {
        self.enter(wish.author, Intake::Command(wish.command), context)
    }
}

impl Handler<Observe> for SessionActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, Observe(report): Observe, context: &mut Self::Context) -> Self::Result {
        let entered = self.enter(Author::Supervisor, Intake::Report(report), context);
        Box::pin(async {
            // A report that comes too late speaks of something that is over; the log has it.
            let _ = entered.await;
        })
    }
}

#[cfg(test)]
mod tests;
