use codex_event::{
    ApprovalPolicy, Author, Backend, CloseReason, Command, Digest, Envelope, Epoch, Millis,
    Opening, ProviderSettings, SandboxReport, Settings, Timestamp,
};
use codex_replay::Mode;
use codex_session::{Session, Stamp};
use codex_view::testing;

use crate::fixture::{home, id, long_message, sealed};

/// Gives a session that the core itself opened and closed, so that its order of events is legal.
fn legal() -> Vec<Envelope> {
    let opening = Opening {
        cwd: "/ws/dir".to_owned(),
        git: None,
        settings: Settings {
            model: "o4-mini".to_owned(),
            provider: ProviderSettings {
                id: "openai".to_owned(),
                base_url: "https://api.openai.com/v1".to_owned(),
                backend: Backend::Responses,
                request_max_retries: 4,
                stream_max_retries: 5,
                stream_idle_timeout_ms: 300_000,
            },
            approval_policy: ApprovalPolicy::Never,
            permissions: Vec::new(),
            reasoning_effort: None,
            reasoning_summary: None,
            notify: Vec::new(),
            sandbox_level: Default::default(),
            git_writes: Default::default(),
            resources: Default::default(),
        },
        sandbox: SandboxReport {
            level: "full".to_owned(),
            landlock_abi: None,
            plan: Digest::of(b"plan"),
            writable_roots: Vec::new(),
            limits: Vec::new(),
            narrow: None,
            missing: Vec::new(),
        },
        program: "0.1.0".to_owned(),
        tools: Digest::of(b"tools"),
        context: Vec::new(),
        notes: vec!["a note".to_owned()],
    };
    let mut session = Session::default();
    let mut journal = Vec::new();
    for command in [Command::Open(Box::new(opening)), Command::Close { reason: CloseReason::Done }]
    {
        let stamp = Stamp { author: Author::User("exec".to_owned()) };
        for draft in session.decide(stamp, command).expect("allowed") {
            let envelope = Envelope {
                session: id(),
                seq: session.last().next(),
                epoch: Epoch(1),
                at: Timestamp(1_795_000_000_000),
                mono: Millis(0),
                author: draft.author,
                cause: draft.cause,
                turn: draft.turn,
                body: codex_event::Body::Known(draft.event),
            };
            session.apply(&envelope);
            journal.push(envelope);
        }
    }
    journal
}

#[test]
fn a_good_journal_is_ok_in_one_line() {
    let home = home();
    let journal = legal();
    home.write(&journal);
    let (out, replayed) = home.replay(Mode::Verify);
    let (records, _) = sealed(&journal);
    let head = records.last().expect("not empty").hash;
    assert_eq!(out, format!("ok: 3 records, 0 blobs, head {head}\n"));
    assert_eq!((replayed.records, replayed.problems), (3, 0));
}

#[test]
fn a_damaged_record_is_a_problem_with_its_position() {
    let home = home();
    let story = testing::shell();
    home.tell(&story);
    home.damage(&story, 7);
    let (out, replayed) = home.replay(Mode::Verify);
    assert_eq!(out.lines().count() as u64, replayed.problems);
    assert!(out.lines().any(|line| line.contains('7')), "{out}");
    assert!(!out.contains("ok:"));
}

#[test]
fn a_lost_blob_is_a_problem() {
    let home = home();
    let (story, _) = long_message();
    home.tell(&story);
    let (_, blobs) = sealed(story.envelopes());
    let digest = blobs[0].0;
    let path = home.layout.session(id()).blobs().join(digest.to_string());
    std::fs::write(&path, b"other bytes").expect("written");
    let (out, replayed) = home.replay(Mode::Verify);
    assert!(replayed.problems > 0);
    assert!(out.contains(&digest.to_string()), "{out}");
}

#[test]
fn a_journal_that_ends_before_its_head_is_a_problem() {
    let home = home();
    let story = testing::shell();
    home.tell(&story);
    home.damage(&story, story.envelopes().len() as u64);
    let (out, replayed) = home.replay(Mode::Verify);
    assert!(replayed.problems > 0, "{out}");
}
