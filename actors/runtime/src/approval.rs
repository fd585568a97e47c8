//! The approval gate: questions on their way out, answers on their way in.

use actix::{Actor, Context, Handler, Recipient, ResponseFuture};
use codex_event::{Command, Rejection};

use crate::messages::{Answer, AskReview, Wish};

/// Passes answers on to the session, whose rules let the first one win.
///
/// It keeps no list of its own of what waits: a question reaches every frontend through the
/// journal, and an answer that is quicker than this actor's mailbox is as good as any.
pub(crate) struct ApprovalActor {
    session: Recipient<Wish>,
}

impl ApprovalActor {
    pub(crate) fn new(session: Recipient<Wish>) -> ApprovalActor {
        ApprovalActor { session }
    }
}

impl Actor for ApprovalActor {
    type Context = Context<Self>;
}

impl Handler<AskReview> for ApprovalActor {
    type Result = ();

    fn handle(&mut self, AskReview { call }: AskReview, _: &mut Self::Context) {
        tracing::debug!(%call, "a question waits");
    }
}

impl Handler<Answer> for ApprovalActor {
    type Result = ResponseFuture<Result<(), Rejection>>;

    fn handle(&mut self, answer: Answer, _: &mut Self::Context) -> Self::Result {
        let Answer { author, call, verdict, scope } = answer;
        let command = Command::SettleReview { call, verdict, scope };
        let settled = self.session.send(Wish { author, command });
        Box::pin(async { settled.await.unwrap_or(Err(Rejection::Closed)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix::System;
    use codex_event::{Author, CallId, Scope, Verdict};
    use std::sync::{Arc, Mutex};

    struct Sink(Arc<Mutex<Vec<Wish>>>);

    impl Actor for Sink {
        type Context = Context<Self>;
    }

    impl Handler<Wish> for Sink {
        type Result = Result<(), Rejection>;

        fn handle(&mut self, wish: Wish, _: &mut Self::Context) -> Self::Result {
            let mut seen = self.0.lock().expect("one thread");
            seen.push(wish);
            // As the session's rules do.
            if seen.len() == 1 { Ok(()) } else { Err(Rejection::NoSuchReview(CallId(1))) }
        }
    }

    #[test]
    fn an_answer_that_comes_before_the_gate_knows_the_question_goes_in_too() {
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
            assert_eq!(gate.send(answer(Verdict::Allowed)).await.expect("alive"), Ok(()));
            gate.send(AskReview { call: CallId(1) }).await.expect("alive");
            let late = gate.send(answer(Verdict::Aborted)).await.expect("alive");
            assert_eq!(late, Err(Rejection::NoSuchReview(CallId(1))));
        });
        let seen = seen.lock().expect("one thread");
        assert!(matches!(seen[0].command, Command::SettleReview { verdict: Verdict::Allowed, .. }));
    }
}
