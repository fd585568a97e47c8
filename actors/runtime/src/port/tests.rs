use std::sync::{Arc, Mutex};
use std::thread;

use actix::{Actor, Context, Handler, System};
use codex_event::{CallId, Scope, Verdict};

use super::*;
use crate::approval::Keeper;
use crate::messages::Observe;

type Seen = Arc<Mutex<Vec<(String, Command)>>>;

/// A session that refuses empty inputs, second answers and further interruptions.
struct Sink {
    seen: Seen,
    interrupted: bool,
    settled: bool,
}

impl Actor for Sink {
    type Context = Context<Self>;
}

impl Handler<Wish> for Sink {
    type Result = Result<(), Rejection>;

    fn handle(&mut self, Wish { author, command }: Wish, _: &mut Self::Context) -> Self::Result {
        let (again, late) = (self.interrupted, self.settled);
        self.interrupted |= matches!(command, Command::Interrupt { .. });
        self.settled |= matches!(command, Command::SettleReview { .. });
        let result = match &command {
            Command::Submit { input } if input.is_empty() => Err(Rejection::EmptyInput),
            Command::Interrupt { .. } if again => Err(Rejection::Stale),
            Command::SettleReview { call, .. } if late => Err(Rejection::NoSuchReview(*call)),
            _ => Ok(()),
        };
        self.seen.lock().expect("whole").push((author.to_string(), command));
        result
    }
}

impl Handler<Observe> for Sink {
    type Result = ();

    fn handle(&mut self, _: Observe, _: &mut Self::Context) {}
}

/// Runs `frontend` on a thread of its own, against a session that keeps what reaches it.
fn with_port<T: Send + 'static>(
    frontend: impl FnOnce(Port) -> T + Send + 'static,
) -> (T, Vec<(String, Command)>) {
    let seen = Seen::default();
    let (port, wishes) = Port::open(Author::User("exec".into()));
    let sink = Sink { seen: Arc::clone(&seen), interrupted: false, settled: false };
    let told = System::new().block_on(async {
        let sink = sink.start();
        let session = sink.clone().recipient();
        let id = "01900000-0000-7000-8000-000000000001".parse().expect("an id");
        let keeper = Keeper { id, cwd: "/".into(), rulebook: Arc::default() };
        let approval = ApprovalActor::new(session.clone(), sink.recipient(), keeper).start();
        actix::spawn(pass_on(wishes, session, approval));
        let told = thread::spawn(move || frontend(port));
        while !told.is_finished() {
            tokio::task::yield_now().await;
        }
        told.join().expect("no panic")
    });
    let seen = seen.lock().expect("whole").clone();
    (told, seen)
}

fn say(input: &str) -> Command {
    Command::Submit { input: input.to_owned() }
}

fn settle(verdict: Verdict) -> Command {
    Command::SettleReview { call: CallId(1), verdict, scope: Scope::Once }
}

#[test]
fn every_command_gets_its_answer_and_is_recorded_under_its_senders_name() {
    let (answers, seen) = with_port(|port| {
        let guest = port.of("attach");
        let answers = [
            port.ask(say("go")),
            guest.ask(say("")),
            guest.ask(settle(Verdict::Allowed)),
            port.ask(settle(Verdict::Aborted)),
            guest.ask(Command::Name { name: None }),
            port.ask(Command::Close { reason: CloseReason::Done }),
        ];
        port.submit(say("nobody waits"));
        // Taken in order: when this is answered, so was the one before it.
        assert_eq!(port.ask(say("last")), Ok(()));
        answers
    });
    let refused = Err(Rejection::NoSuchReview(CallId(1)));
    assert_eq!(answers, [Ok(()), Err(Rejection::EmptyInput), Ok(()), refused, Ok(()), Ok(())]);
    let authors: Vec<&str> = seen.iter().map(|(author, _)| author.as_str()).collect();
    assert_eq!(
        authors,
        [
            "user:exec",
            "user:attach",
            "user:attach",
            "user:exec",
            "user:attach",
            "user:exec",
            "user:exec",
            "user:exec"
        ]
    );
}

#[test]
fn a_session_that_is_handed_over_listens_to_nobody_any_more() {
    let (answers, seen) = with_port(|port| {
        let guest = port.of("taker");
        assert_eq!(port.taker(), None);
        let given = guest.hand_over(4242);
        (given, port.taker(), port.ask(say("more")), guest.hand_over(1), port.taker())
    });
    let closed = Err(Rejection::Closed);
    assert_eq!(answers, (Ok(()), Some(4242), closed.clone(), closed, Some(4242)));
    let interrupt = Command::Interrupt { reason: InterruptReason::User };
    let close = Command::Close { reason: CloseReason::HandedOver };
    let taker = "user:taker".to_owned();
    assert_eq!(seen, [(taker.clone(), interrupt), (taker, close)]);
}

#[test]
fn a_session_that_is_gone_answers_that_it_is_closed() {
    let (port, wishes) = Port::open(Author::User("exec".into()));
    drop(wishes);
    assert_eq!(port.ask(say("go")), Err(Rejection::Closed));
    assert_eq!(port.hand_over(1), Err(Rejection::Closed));
    port.submit(say("go"));
}
