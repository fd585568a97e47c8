//! The approval gate: which questions wait, and for whom.

use std::collections::BTreeSet;

use actix::{Actor, Context, Handler, Recipient, ResponseFuture};
use codex_event::{CallId, Command, Rejection};

use crate::messages::{Answer, AskReview, Wish};

/// The questions that wait for an answer.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    waiting: BTreeSet<CallId>,
}

impl Gate {
    fn ask(&mut self, call: CallId) {
        self.waiting.insert(call);
    }

    /// Takes an answer; the first one wins.
    fn answer(&mut self, call: CallId) -> Result<(), Rejection> {
        if self.waiting.remove(&call) { Ok(()) } else { Err(Rejection::NoSuchReview(call)) }
    }
}

/// Keeps the gate and passes answers on to the session.
///
/// The question itself reaches every frontend through the journal; this actor only sees to it that
/// one answer, the first, goes in.
pub(crate) struct ApprovalActor {
    gate: Gate,
    session: Recipient<Wish>,
}

impl ApprovalActor {
    pub(crate) fn new(session: Recipient<Wish>) -> ApprovalActor {
        ApprovalActor { gate: Gate::default(), session }
    }
}

impl Actor for ApprovalActor {
    type Context = Context<Self>;
}

impl Handler<AskReview> for ApprovalActor {
    type Result = ();

    fn handle(&mut self, ask: AskReview, _: &mut Self::Context) {
        self.gate.ask(ask.call);
    }
}

impl Handler<Answer> for ApprovalActor {
    type Result = ResponseFuture<Result<(), Rejection>>;

    fn handle(&mut self, answer: Answer, _: &mut Self::Context) -> Self::Result {
        let Answer { author, call, verdict, scope } = answer;
        if let Err(rejection) = self.gate.answer(call) {
            return Box::pin(async { Err(rejection) });
        }
        let command = Command::SettleReview { call, verdict, scope };
        let settled = self.session.send(Wish { author, command });
        Box::pin(async { settled.await.unwrap_or(Err(Rejection::Closed)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix::System;
    use codex_event::{Author, Scope, Verdict};
    use std::sync::{Arc, Mutex};

    struct Sink(Arc<Mutex<Vec<Wish>>>);

    impl Actor for Sink {
        type Context = Context<Self>;
    }

    impl Handler<Wish> for Sink {
        type Result = Result<(), Rejection>;

        fn handle(&mut self, wish: Wish, _: &mut Self::Context) -> Self::Result {
            self.0.lock().expect("one thread").push(wish);
            Ok(())
        }
    }

    #[test]
    fn the_first_answer_goes_in_and_a_second_one_is_refused() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Sink(Arc::clone(&seen));
        System::new().block_on(async {
            let gate = ApprovalActor::new(sink.start().recipient()).start();
            let answer = |verdict| Answer {
                author: Author::User("tui".into()),
                call: CallId(1),
                verdict,
                scope: Scope::Once,
            };
            let early = gate.send(answer(Verdict::Allowed)).await.expect("alive");
            assert_eq!(early, Err(Rejection::NoSuchReview(CallId(1))));
            gate.send(AskReview { call: CallId(1) }).await.expect("alive");
            assert_eq!(gate.send(answer(Verdict::Allowed)).await.expect("alive"), Ok(()));
            let late = gate.send(answer(Verdict::Aborted)).await.expect("alive");
            assert_eq!(late, Err(Rejection::NoSuchReview(CallId(1))));
        });
        assert_eq!(seen.lock().expect("one thread").len(), 1);
    }
}
