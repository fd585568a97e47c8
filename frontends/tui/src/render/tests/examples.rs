//! One cell of each kind, and of each state that it can be in.

use codex_event::{
    ApprovalPolicy, Assessment, Author, CallId, ChangeKind, Denial, DenialGrade, Escalation,
    FileChange, Invocation, Outcome, Question, RuleDecision, Ruling, Safety, Scope, Seq, Stored,
    Timestamp, Usage, Verdict,
};
use codex_view::{
    CallCell, CallState, Cell, CellBody, Notice, Prompt, Review, Standing, Taken, TurnEnd,
    TurnEnding,
};

pub(super) const PATCH: &str = "\
*** Begin Patch
*** Update File: src/store.rs
@@ impl Store {
     let file = File::open(path);
-    let lock = wait(file, 10);
+    let lock = wait(file, 20);
*** Add File: notes.md
+# Notes
*** End Patch
";

pub(super) fn cell(body: CellBody) -> Cell {
    Cell { first: Seq(7), last: Seq(9), at: Timestamp(1_000), standing: Standing::Settled, body }
}

fn open(body: CellBody) -> Cell {
    Cell { standing: Standing::Open, ..cell(body) }
}

fn broken(body: CellBody) -> Cell {
    Cell { standing: Standing::Broken, ..cell(body) }
}

fn prompt(text: &str, author: Author, taken: Taken) -> Cell {
    cell(CellBody::Prompt(Prompt { text: text.to_owned(), author, taken }))
}

fn user() -> Author {
    Author::User("tui".to_owned())
}

/// What was said, and thought.
pub(super) fn said() -> Vec<Cell> {
    let thought = "**Looking for the lock**\n\nThe store waits for *a lock*.\nIt never ends.";
    let long: String = (1..=30).map(|at| format!("pasted line {at}\n")).collect();
    vec![
        prompt("Why do the tests hang? Look at the store first, and then\nat 日本語.txt", user(), Taken::AtOnce),
        prompt("And be quick.", Author::User("attach".to_owned()), Taken::Later),
        prompt(&long, Author::Policy("replay".to_owned()), Taken::AtOnce),
        cell(CellBody::Reasoning(thought.to_owned())),
        open(CellBody::Reasoning(thought.to_owned())),
        cell(CellBody::Message("They hang since `Store::open` waits:\n\n```rust\nlet lock = wait(file, 10);\n```\n\n- one\n- two\n".to_owned())),
        open(CellBody::Message("It is not yet **do".to_owned())),
        broken(CellBody::Reasoning("**Looking for the lo".to_owned())),
        broken(CellBody::Message("It never wa\n\n```rust\nlet lock".to_owned())),
    ]
}

pub(super) fn command(argv: &[&str], state: CallState) -> CallCell {
    let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
    CallCell {
        call: CallId(3),
        invocation: Invocation::Command {
            argv: argv.into(),
            workdir: None,
            timeout_ms: None,
            safety: Safety::Unknown,
            escalation: None,
            assessment: None,
        },
        patch: String::new(),
        changes: Vec::new(),
        state,
        reviews: Vec::new(),
        output: String::new(),
        lines: 0,
        enforced: String::new(),
        repository: Vec::new(),
    }
}

const HELD: &str = "landlock abi 6 with 14 file rules, seccomp, network off";

pub(super) fn ended(outcome: Outcome) -> CallState {
    CallState::Ended {
        outcome,
        duration_ms: 3_250,
        told: "what the model is told".to_owned(),
        denial: None,
    }
}

fn printed(mut call: CallCell, lines: u64) -> CallCell {
    call.output = (1..=lines).map(|at| format!("test {at} ... \x1b[32mok\x1b[0m\n")).collect();
    call.lines = lines;
    call.enforced = HELD.to_owned();
    call
}

fn call(call: CallCell) -> Cell {
    cell(CellBody::Call(Box::new(call)))
}

/// Commands in each state.
pub(super) fn commands() -> Vec<Cell> {
    let test = ["cargo", "test", "--workspace", "--no-fail-fast"];
    let running = CallState::Running { attempt: 1, since: Timestamp(88_000) };
    let again = CallState::Running { attempt: 2, since: Timestamp(99_500) };
    let script =
        ["bash", "-lc", "set -e\nfor f in *.rs; do\n  wc -l \"$f\"\ndone\n# 5\n# 6\n# 7\n# 8"];
    let mut elsewhere = command(&["ls", "-la"], ended(Outcome::Exited { code: 0 }));
    if let Invocation::Command { workdir, .. } = &mut elsewhere.invocation {
        *workdir = Some("/home/ann/other".to_owned());
    }
    let mut outside = printed(command(&["./deploy"], ended(Outcome::Exited { code: 0 })), 1);
    outside.enforced = "none".to_owned();
    outside.repository = vec![".git/hooks/pre-commit was written".to_owned()];
    vec![
        call(command(&test, CallState::Waiting)),
        open(CellBody::Call(Box::new(printed(command(&test, running), 9)))),
        open(CellBody::Call(Box::new(printed(command(&test, again), 0)))),
        call(printed(command(&test, ended(Outcome::Exited { code: 0 })), 30)),
        call(printed(command(&test, ended(Outcome::Exited { code: 101 })), 2)),
        call(printed(command(&["sleep", "99"], ended(Outcome::Signalled { signal: 9 })), 0)),
        call(printed(command(&["sleep", "99"], ended(Outcome::TimedOut)), 0)),
        call(printed(command(&["sleep", "99"], ended(Outcome::Interrupted)), 0)),
        call(command(&["rm", "-rf", "/"], ended(Outcome::Refused))),
        call(command(
            &["/no/such"],
            ended(Outcome::NotStarted { reason: "no such file".to_owned() }),
        )),
        call(printed(
            command(&["make"], CallState::Lost { told: "Its effects are unknown.".to_owned() }),
            1,
        )),
        call(printed(command(&script, ended(Outcome::Exited { code: 0 })), 1)),
        call(elsewhere),
        call(outside),
        call(CallCell {
            invocation: Invocation::Invalid {
                message: Stored::Inline("no such tool: `grep`".to_owned()),
            },
            ..command(&[], ended(Outcome::Invalid))
        }),
    ]
}

fn review(question: Option<Question>, settled: Option<(Verdict, Scope, Author)>) -> Review {
    let asked = question.map(|question| (question, "it writes to `target/`".to_owned()));
    Review { asked, settled, kept: None }
}

/// Calls that were asked about, and patches.
pub(super) fn reviewed() -> Vec<Cell> {
    let test = ["cargo", "test"];
    let ok = || ended(Outcome::Exited { code: 0 });
    let with = |state, review| CallCell { reviews: vec![review], ..command(&test, state) };
    let allowed = |scope| Some((Verdict::Allowed, scope, user()));
    let mut wish = with(CallState::Waiting, review(Some(Question::RunUnconfined), None));
    if let Invocation::Command { escalation, assessment, .. } = &mut wish.invocation {
        *escalation =
            Some(Escalation { justification: "needs the network".to_owned(), prefix: None });
        let ruling = Ruling {
            decision: RuleDecision::Prompt,
            source: "default.rules:12".to_owned(),
            justification: Some("it costs money".to_owned()),
        };
        let reason = "`cargo` runs code of the project".to_owned();
        *assessment = Some(Box::new(Assessment {
            reason,
            ruling: Some(ruling),
            prefix: None,
            parts: Vec::new(),
        }));
    }
    let mut always = with(ok(), review(Some(Question::Run), allowed(Scope::Project)));
    always.reviews[0].kept = Some(Ok(vec!["cargo".to_owned(), "test".to_owned()]));
    let mut not_kept = with(ok(), review(Some(Question::Run), allowed(Scope::Project)));
    not_kept.reviews[0].kept = Some(Err("the file is read-only".to_owned()));
    let denied =
        Some((Verdict::Denied { reason: "not on my machine".to_owned() }, Scope::Once, user()));
    let rule = Some((
        Verdict::Denied { reason: "forbidden".to_owned() },
        Scope::Once,
        Author::Policy("rules".to_owned()),
    ));
    let by_rule = Some((Verdict::Allowed, Scope::Once, Author::Policy("sandboxed".to_owned())));
    let aborted = Some((Verdict::Aborted, Scope::Once, user()));
    let mut stopped = printed(command(&["touch", "/etc/x"], ok()), 0);
    stopped.state = CallState::Ended {
        outcome: Outcome::Exited { code: 1 },
        duration_ms: 4,
        told: String::new(),
        denial: Some(Denial {
            grade: DenialGrade::Likely,
            evidence: "touch: /etc/x: Permission denied".to_owned(),
            denied: Some("writing /etc/x".to_owned()),
            permission: Some("disk-write-folder=/etc".to_owned()),
        }),
    };
    let patch = |patch: &str, state| CallCell {
        invocation: Invocation::Patch { workdir: None, text: None },
        patch: patch.to_owned(),
        ..command(&[], state)
    };
    let patched = || ended(Outcome::Patched { changes: Vec::new().into() });
    let outside = Question::WriteOutside { paths: vec!["/etc/hosts".to_owned()] };
    let one = "*** Begin Patch\n*** Update File: /ws/a.rs\n@@\n-old\n+new\n*** End Patch\n";
    vec![
        call(with(CallState::Waiting, review(Some(Question::Run), None))),
        call(wish),
        call(with(ok(), review(Some(Question::RetryUnconfined), allowed(Scope::Session)))),
        call(always),
        call(not_kept),
        call(with(ended(Outcome::Refused), review(Some(Question::Run), denied))),
        call(with(ended(Outcome::Refused), review(None, rule))),
        call(with(ended(Outcome::Refused), review(Some(Question::Run), aborted))),
        call(with(ok(), review(None, by_rule))),
        call(stopped),
        call(patch(PATCH, patched())),
        call(placed(patch(one, patched()))),
        call(patch(one, ended(Outcome::PatchFailed))),
        call(CallCell {
            reviews: vec![review(Some(outside), None)],
            ..patch(one, CallState::Waiting)
        }),
    ]
}

/// Says where the only hunk of a patch begins.
fn placed(mut call: CallCell) -> CallCell {
    call.changes = vec![FileChange {
        path: "/ws/a.rs".to_owned(),
        kind: ChangeKind::Update,
        move_to: None,
        before: None,
        after: None,
        hunks: vec![41],
    }];
    call
}

/// What happened to the session.
pub(super) fn notices() -> Vec<Cell> {
    let end = |ending| {
        let usage = Usage {
            input_tokens: 12_345,
            cached_input_tokens: 8_100,
            output_tokens: 847,
            ..Usage::default()
        };
        cell(CellBody::TurnEnd(TurnEnd { ending, usage, took_ms: Some(34_000) }))
    };
    let failed = TurnEnding::Failed {
        message: "unexpected status 401 Unauthorized: nope".to_owned(),
        hint: "check the key that `env_key` names".to_owned(),
    };
    let notices = [
        Notice::Opened {
            cwd: "/home/ann/work".to_owned(),
            model: "o4-mini".to_owned(),
            sandbox: "landlock and seccomp, allows reading everything, writing in the folder"
                .to_owned(),
            approval: ApprovalPolicy::OnRequest,
            limits: vec!["no mount namespace: /proc of other processes can be read".to_owned()],
        },
        Notice::Forked { from: "0197-aa at event 12".to_owned() },
        Notice::Resumed { lost: vec![CallId(3), CallId(4)] },
        Notice::Settings(vec!["model: o4-mini → o3".to_owned(), "approval: never".to_owned()]),
        Notice::Note("a note\nof two lines".to_owned()),
        Notice::Attempt {
            fault: "stream disconnected".to_owned(),
            next: "again in 1.5 s (2 of 5)".to_owned(),
        },
        Notice::Images(vec!["[image: shot.png, 640x480 png]".to_owned(), "[image]".to_owned()]),
        Notice::Missing {
            session: "0197aaaa-bbbb-7ccc-8ddd-eeeeffff0000".parse().expect("an id"),
            first: Seq(4),
            last: Seq(6),
        },
        Notice::Repaired(vec![(Seq(4), Seq(6)), (Seq(9), Seq(9))]),
        Notice::Repaired(Vec::new()),
        Notice::Closed("session closed".to_owned()),
        Notice::Unknown("future_kind".to_owned()),
    ];
    let notices = notices.into_iter().map(|notice| cell(CellBody::Notice(notice)));
    let ends = [
        TurnEnding::Completed,
        TurnEnding::Interrupted("interrupted by the user".to_owned()),
        failed,
    ];
    notices.chain(ends.map(end)).collect()
}
