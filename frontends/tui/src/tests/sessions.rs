//! Sessions come, go and change hands.

use codex_event::{Author, CloseReason, Command, Event, InterruptReason, Seq};
use codex_view::testing;
use crossterm::event::KeyCode;

use super::keys::running;
use super::{Rig, options, session};
use crate::host::{Changes, Concern, History, Owner, Reply, Request, Role, SessionRow, Topic};
use crate::options::Start;
use crate::popup::Action;
use crate::update::{Input, Intent, Signal};

fn interrupted_end() -> codex_event::Envelope {
    let mut story = running();
    let reason = InterruptReason::User;
    story.push(Author::Supervisor, Event::TurnInterrupted { reason });
    story.envelopes().last().cloned().expect("an event")
}

#[test]
fn leaving_a_running_turn_goes_in_order() {
    let mut rig = Rig::owner(&running());
    rig.take();
    rig.write("/new");
    rig.press(KeyCode::Enter);
    assert_eq!(rig.take(), []);
    rig.press(KeyCode::Char('l'));
    let reason = InterruptReason::User;
    assert_eq!(rig.asks(), [Command::Interrupt { reason }]);
    rig.happen(&[interrupted_end()]);
    assert_eq!(rig.asks(), [Command::Close { reason: CloseReason::Done }]);
    assert!(rig.app.session().is_some());
    rig.tell(Input::Ended(None));
    // The next one begins where this program was started.
    assert_eq!(rig.requests(), [Request::Moved { folder: "/home/ada/dir".into() }]);
    assert_eq!(rig.app.session(), None);
}

#[test]
fn messages_that_a_turn_did_not_come_to_are_told_of() {
    let mut story = running();
    story.push(testing::user(), Event::InputQueued { input: "use tabs".into() });
    let reason = InterruptReason::User;
    story.push(Author::Supervisor, Event::TurnInterrupted { reason });
    let mut rig = Rig::owner(&running());
    rig.happen(&story.envelopes()[running().envelopes().len()..]);
    let frame = rig.frame(100, 24);
    assert!(
        frame.contains("one message waited for the model, which reads it with what"),
        "{frame}"
    );
}

#[test]
fn a_guest_leaves_at_once() {
    let mut rig = Rig::linked(&running(), Role::Guest { pid: 7 });
    rig.take();
    rig.control('d');
    assert_eq!(rig.take(), [Intent::Request(Request::Leave), Intent::Quit]);
}

#[test]
fn a_session_is_taken_over_after_a_yes_and_its_owner_ended_after_another() {
    let mut rig = Rig::linked(&running(), Role::Guest { pid: 7 });
    rig.take();
    rig.write("/take-over");
    rig.press(KeyCode::Enter);
    assert_eq!(rig.take(), []);
    rig.press(KeyCode::Char('t'));
    let take = |owner| Request::TakeUp { session: session(), changes: Changes::default(), owner };
    assert_eq!(rig.requests(), [take(Owner::Ask)]);
    rig.host(Reply::Failed {
        of: Topic::Session,
        message: "process 7 does not answer".into(),
        hint: String::new(),
    });
    assert_eq!(rig.app.popups.len(), 1);
    assert_eq!(rig.app.role(), Some(Role::Guest { pid: 7 }), "it is followed as before");
    // It opened by itself: nobody answers what was not seen.
    rig.press(KeyCode::Char('e'));
    assert_eq!((rig.requests(), rig.text().as_str()), (vec![], "e"));
    rig.settle();
    rig.write("nd of it");
    rig.press(KeyCode::Enter);
    assert_eq!((rig.requests(), rig.text().as_str()), (vec![], "end of it"));
    rig.wait(500);
    rig.press(KeyCode::Char('e'));
    assert_eq!(rig.requests(), [take(Owner::End)]);
}

#[test]
fn a_failure_counts_for_what_was_asked_and_nothing_else() {
    let failed = |of| Reply::Failed { of, message: "no thread".into(), hint: String::new() };
    let mut rig = Rig::new();
    rig.take();
    rig.write("one");
    rig.press(KeyCode::Enter);
    assert_eq!(rig.requests().len(), 1);
    rig.host(Reply::Busy("waiting for the server".into()));
    // A file that could not be written, while the session is opened.
    rig.host(failed(Topic::Aside));
    rig.host(failed(Topic::Sessions));
    rig.host(Reply::Done("kept".into()));
    assert_eq!(rig.text(), "");
    let frame = rig.frame(80, 24);
    assert!(frame.contains("no thread") && frame.contains("waiting for the server"), "{frame}");
    rig.host(failed(Topic::Session));
    assert_eq!(rig.text(), "one");
    assert!(!rig.frame(80, 24).contains("waiting for the server"));
    // A list stays open whatever else fails.
    rig.app.act(Action::Slash { name: "resume".into(), rest: String::new() });
    rig.tell(Input::Tick);
    let lists = |rig: &Rig| rig.app.popups.len();
    assert_eq!(lists(&rig), 1);
    rig.host(failed(Topic::Aside));
    rig.host(failed(Topic::Session));
    assert_eq!(lists(&rig), 1);
    rig.host(failed(Topic::Sessions));
    assert_eq!(lists(&rig), 0);
}

#[test]
fn a_signal_asks_nothing() {
    let mut rig = Rig::owner(&running());
    rig.take();
    rig.tell(Input::Signal(Signal::Terminate));
    let reason = InterruptReason::Sigterm;
    assert_eq!(rig.asks(), [Command::Interrupt { reason }]);
    rig.happen(&[interrupted_end()]);
    assert_eq!(rig.asks(), [Command::Close { reason: CloseReason::Interrupted }]);
    rig.tell(Input::Ended(None));
    assert_eq!(rig.take(), [Intent::Request(Request::Leave), Intent::Quit]);
}

#[test]
fn a_turn_that_begins_while_closing_is_interrupted() {
    let story = testing::plain_text();
    let len = story.envelopes().len();
    let mut rig = Rig::owner(&story.cut(len - 1));
    rig.take();
    rig.control('d');
    let close = Command::Close { reason: CloseReason::Done };
    assert_eq!(rig.asks(), std::slice::from_ref(&close));
    let mut story = testing::plain_text().cut(len - 1);
    story.turn("more");
    rig.happen(&story.envelopes()[len - 1..]);
    rig.tell(Input::Answered(close.clone(), Err("a turn is running".into())));
    let reason = InterruptReason::User;
    assert_eq!(rig.asks(), [Command::Interrupt { reason }]);
    story.push(Author::Supervisor, Event::TurnInterrupted { reason });
    rig.happen(&story.envelopes()[len..]);
    assert_eq!(rig.asks(), [close]);
}

#[test]
fn one_is_not_held_by_a_session_that_does_not_answer() {
    let mut rig = Rig::owner(&running());
    rig.app.act(Action::Quit);
    rig.tell(Input::Tick);
    rig.take();
    rig.control('c');
    rig.control('c');
    assert_eq!(rig.take(), [Intent::Request(Request::Leave), Intent::Quit]);
}

#[test]
fn a_fork_puts_what_was_said_into_the_composer() {
    let story = testing::plain_text();
    let len = story.envelopes().len();
    let mut rig = Rig::owner(&story.cut(len - 1));
    rig.take();
    let fork = Action::Fork { session: None, at: Some(Seq(3)), draft: "do the task".into() };
    rig.app.act(fork);
    rig.tell(Input::Tick);
    assert_eq!(rig.asks(), [Command::Close { reason: CloseReason::Done }]);
    rig.tell(Input::Ended(None));
    assert_eq!(rig.requests(), [Request::Fork { parent: session(), at: Some(Seq(3)) }]);
    rig.link(Role::Owner { from: Seq(4) });
    assert_eq!(rig.text(), "do the task");
}

#[test]
fn words_for_a_session_that_was_let_go_of_take_it_up_again() {
    let mut rig = Rig::owner(&testing::plain_text());
    rig.tell(Input::Ended(None));
    rig.take();
    rig.write("go on");
    rig.press(KeyCode::Enter);
    let (session, changes) = (session(), Changes::default());
    assert_eq!(rig.requests(), [Request::TakeUp { session, changes, owner: Owner::Attach }]);
    rig.link(Role::Owner { from: Seq(20) });
    rig.events(testing::plain_text().envelopes());
    rig.tell(Input::CaughtUp);
    assert_eq!(rig.asks(), [Command::Submit { input: "go on".into() }]);
}

#[test]
fn a_reader_says_nothing() {
    let mut rig = Rig::linked(&testing::plain_text(), Role::Reader);
    rig.take();
    rig.write("hello");
    rig.press(KeyCode::Enter);
    assert_eq!((rig.take(), rig.text().as_str()), (vec![], ""));
    let frame = rig.frame(80, 24);
    assert!(frame.contains("read only"), "{frame}");
    rig.press(KeyCode::Char('q'));
    assert_eq!(rig.take(), [Intent::Request(Request::Leave), Intent::Quit]);
}

#[test]
fn what_a_session_is_to_be_found_by() {
    let mut rig = Rig::new();
    rig.take();
    rig.write("/resume moon");
    rig.press(KeyCode::Enter);
    assert_eq!(rig.requests(), [Request::Sessions]);
    let row = SessionRow {
        id: session(),
        title: "moon".into(),
        last: String::new(),
        state: "clean".into(),
        cwd: "/ws".into(),
        at: codex_event::Timestamp(0),
        tokens: (0, 0),
    };
    rig.host(Reply::Sessions(vec![row]));
    let (session, changes) = (session(), Changes::default());
    assert_eq!(rig.requests(), [Request::TakeUp { session, changes, owner: Owner::Attach }]);
}

#[test]
fn what_is_to_be_decided_comes_before_the_first_words() {
    let mut start = options();
    start.start = Start::New(Some("do it".into()));
    let concern = Concern::Untried { project: "/p".into(), keys: vec!["a = 1".into()] };
    start.facts.concerns = vec![concern.clone(), concern];
    let mut rig = Rig::with(start);
    assert_eq!(rig.requests(), [Request::History]);
    assert_eq!(rig.app.popups.len(), 1);
    rig.press(KeyCode::Esc);
    assert_eq!((rig.app.popups.len(), rig.requests()), (1, vec![]));
    rig.press(KeyCode::Esc);
    assert_eq!(rig.app.popups.len(), 0);
    let begin = Request::Begin { input: Some("do it".into()), changes: Changes::default() };
    assert_eq!(rig.requests(), [begin]);
}

#[test]
fn a_folder_without_a_history_is_noted_and_holds_nobody_up() {
    let mut start = options();
    start.facts.history = History::Absent;
    let mut rig = Rig::with(start);
    let frame = rig.frame(80, 24);
    assert!(frame.contains("no history to go back to"), "{frame}");
    assert!(frame.contains("Access: workspace write."), "{frame}");
    rig.write("do it");
    assert_eq!((rig.app.popups.len(), rig.text().as_str()), (0, "do it"));
    rig.press(KeyCode::Enter);
    let begin = Request::Begin { input: Some("do it".into()), changes: Changes::default() };
    assert_eq!(rig.requests(), [Request::History, begin]);
    // It stays where it was said.
    let story = testing::plain_text();
    for seen in 0..story.envelopes().len() {
        let mut start = options();
        start.facts.history = History::Absent;
        let mut rig = Rig::with(start);
        rig.link(Role::Owner { from: Seq(1) });
        rig.events(&story.envelopes()[..seen]);
        rig.tell(Input::CaughtUp);
        let _ = rig.frame(80, 24);
        for event in &story.envelopes()[seen..] {
            rig.events(std::slice::from_ref(event));
            let _ = rig.frame(80, 24);
        }
        let frame = rig.frame(80, 24);
        assert_eq!(frame.matches("no history to go back to").count(), 1, "{seen}: {frame}");
    }
}

#[test]
fn the_program_around_follows_to_the_folder_of_what_is_looked_at() {
    let mut rig = Rig::linked(&testing::plain_text(), Role::Guest { pid: 7 });
    assert_eq!(rig.requests(), [Request::History, Request::Moved { folder: "/ws/dir".into() }]);
    // The branch that is known is that of another folder.
    assert!(!rig.frame(80, 24).contains("(main)"));
    rig.write("/new");
    rig.press(KeyCode::Enter);
    assert_eq!(rig.requests(), [Request::Moved { folder: "/home/ada/dir".into() }]);
    let mut rig = Rig::owner(&testing::plain_text());
    assert_eq!(rig.requests(), [Request::History]);
}

#[test]
fn a_fork_shows_what_it_shares_with_its_parent() {
    let other = "01900000-0000-7000-8000-000000000001".parse().expect("an id");
    let story = testing::plain_text();
    let shared = story.envelopes().len();
    let mut fork: Vec<_> = story.of(other).envelopes().to_vec();
    let mut own = testing::plain_text();
    let (at, head) = (Seq(shared as u64), codex_event::Digest::of(b"head"));
    own.push(Author::Supervisor, Event::SessionForked { parent: other, at, head });
    own.resume(Vec::new());
    own.turn("in the fork");
    fork.extend_from_slice(&own.envelopes()[shared..]);
    let mut rig = Rig::new();
    rig.link(Role::Owner { from: at.next() });
    rig.happen(&fork);
    rig.tell(Input::CaughtUp);
    let frame = rig.frame(80, 60);
    assert!(frame.contains("do the task") && frame.contains("in the fork"), "{frame}");
}

#[test]
fn events_of_a_session_that_was_left_are_nobodys() {
    let mut rig = Rig::owner(&testing::plain_text());
    let other = "01900000-0000-7000-8000-000000000001".parse().expect("an id");
    let stray = testing::shell().of(other);
    let before = rig.frame(80, 24);
    let record = codex_event::Record::seal(stray.envelopes()[5].clone(), rig.head);
    rig.tell(Input::Events(vec![std::sync::Arc::new(record)]));
    assert_eq!(rig.frame(80, 24), before);
}
