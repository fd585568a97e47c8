use codex_event::{Author, Event, InterruptReason, Usage, Verdict};

use super::*;
use crate::testing::{self, Story, command};

fn status(story: &Story) -> Status {
    let mut status = Status::default();
    story.envelopes().iter().for_each(|envelope| status.apply(envelope));
    status
}

/// A turn in which a call waits for an answer.
fn asking(question: Question) -> Story {
    let mut story = Story::new();
    story.open();
    story.turn("go");
    story.ask();
    story.calls("shell");
    story.responds();
    let call = story.called(command(&["cargo", "test"]));
    let reason = "not known to be safe".to_owned();
    story.push(Author::Supervisor, Event::ReviewAsked { call, question, reason });
    story
}

#[test]
fn what_the_header_needs_is_there_once_the_session_is_open() {
    let mut story = Story::new();
    assert_eq!(status(&story), Status::default());
    story.open();
    let opened = status(&story);
    assert_eq!(opened.settings.as_ref().map(|it| it.model.as_str()), Some("o4-mini"));
    assert_eq!((opened.cwd.as_str(), opened.access().as_str()), ("/ws/dir", "workspace write"));
    assert_eq!(opened.permits(), "write below /ws/dir; no network");
    assert_eq!(opened.running, None);
}

#[test]
fn a_turn_runs_from_its_beginning_to_its_end() {
    let mut story = Story::new();
    story.open();
    story.turn("go");
    let began = story.envelopes().last().expect("an event").at;
    story.ask();
    story.responds();
    let events = story.envelopes().len();
    let running = status(&story).running.expect("a turn runs");
    assert_eq!((running.since, running.interrupting), (began, false));
    let reason = InterruptReason::User;
    story.push(testing::user(), Event::TurnInterruptRequested { reason });
    assert!(status(&story).running.expect("a turn runs").interrupting);
    story.push(Author::Supervisor, Event::TurnInterrupted { reason });
    assert_eq!(status(&story).running, None);
    let story = story.cut(events);
    let with = |usage: Usage| (usage.input_tokens, usage.output_tokens);
    assert_eq!(with(status(&story).usage), (1000, 100));
    assert_eq!(status(&story).context_tokens, 1100);
}

#[test]
fn usage_adds_up_over_turns_and_processes() {
    let told = status(&testing::resumed());
    assert_eq!(told.usage.input_tokens, 6000);
    assert_eq!(told.turn_usage.input_tokens, 2000);
    assert_eq!(told.closed, Some(CloseReason::Done));
}

#[test]
fn a_question_waits_until_it_is_answered_or_its_turn_ends() {
    let mut story = asking(Question::Run);
    let waiting = status(&story).waiting.expect("a question");
    assert_eq!(waiting.reason, "not known to be safe");
    assert_eq!(waiting.scopes(), [Scope::Once, Scope::Session]);
    assert!(waiting.too_wide(Scope::Project).is_some());
    assert_eq!(waiting.prefix(), None);
    let mut answered = story.clone();
    answered.settled(CallId(1), Verdict::Allowed);
    assert_eq!(status(&answered).waiting, None);
    let mut resumed = story.clone();
    resumed.resume(Vec::new());
    assert_eq!(status(&resumed).waiting, None, "it is asked again");
    story.push(Author::Supervisor, Event::TurnInterrupted { reason: InterruptReason::User });
    assert_eq!(status(&story).waiting, None);
}

#[test]
fn a_question_after_a_denial_says_what_was_denied() {
    let story = testing::every_kind();
    let mut told = Status::default();
    let waiting: Vec<Waiting> = story
        .envelopes()
        .iter()
        .filter_map(|envelope| {
            told.apply(envelope);
            told.waiting.clone()
        })
        .collect();
    let [waiting] = &waiting[..] else { panic!("{waiting:?}") };
    assert_eq!(waiting.question, Question::RetryUnconfined);
    assert_eq!(waiting.denial.as_ref().map(|it| it.evidence.as_str()), Some("Permission denied"));
}

#[test]
fn what_waits_for_the_next_request_is_known_until_then() {
    let mut story = Story::new();
    story.turn("go");
    story.ask();
    story.push(testing::user(), Event::InputQueued { input: "and hurry".into() });
    assert_eq!(status(&story).queued, ["and hurry"]);
    story.ask();
    assert!(status(&story).queued.is_empty());
}

#[test]
fn a_retry_is_waited_for() {
    let mut story = Story::new();
    story.turn("go");
    story.ask();
    let retry = testing::retry(codex_event::RetryBudget::Stream);
    story.fails(codex_event::FaultKind::StreamLost, "broke", retry);
    let at = story.envelopes().last().expect("an event").at;
    assert_eq!(status(&story).running.and_then(|it| it.retry), Some((at, 200)));
    story.ask_again();
    assert_eq!(status(&story).running.and_then(|it| it.retry), None);
}

#[test]
fn no_hole_is_too_large() {
    let stories = [testing::every_kind(), testing::declined(), asking(Question::Run)];
    for story in &stories {
        for begin in 0..story.envelopes().len() {
            let mut told = Status::default();
            story.envelopes()[begin..].iter().for_each(|envelope| told.apply(envelope));
            assert_eq!(told.last, story.envelopes().last().map(|it| it.seq));
        }
    }
}

#[test]
fn permissions_are_told_in_few_words() {
    use Permission::{DiskFullReadAccess, DiskWriteCwd, NetworkFullAccess};
    let folder = Permission::DiskWriteFolder("/x".into());
    for (permissions, words) in [
        (vec![], "read only"),
        (vec![DiskFullReadAccess, DiskWriteCwd], "workspace write"),
        (vec![DiskFullReadAccess, DiskWriteCwd, NetworkFullAccess], "workspace write, network"),
        (vec![folder], "write some folders"),
        (vec![Permission::DiskFullWriteAccess], "write everywhere"),
    ] {
        assert_eq!(access(&permissions), words);
    }
}
