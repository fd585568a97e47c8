//! Journals made by hand, in the order that real ones have, for the tests of every frontend.

mod stories;

use codex_event::{
    ApprovalPolicy, Arguments, Author, Backend, Body, CallId, ChangeKind, CloseReason, Confinement,
    ContextSource, Digest, Envelope, Epoch, Event, Fault, FaultKind, FileChange, Invocation,
    ItemKind, Millis, Outcome, OutputBytes, OutputStream, Permission, ProcessMark,
    ProviderSettings, RequestId, Retry, RetryBudget, Safety, SandboxReport, Scope, Seq, SessionId,
    Settings, StreamMark, StreamPart, Timestamp, TurnId, Usage, Verdict,
};

pub use stories::{
    DROPPED, broken_off, declined, drop_forever, drop_then_ok, every_kind, interrupted, patches,
    plain_text, resumed, resumed_after_loss, shell, tool_loop,
};

/// The id of every story.
pub const SESSION: &str = "01900000-0000-7000-8000-000000000000";

/// A journal in the making. Every event comes five milliseconds after the one before.
#[derive(Clone, Debug)]
pub struct Story {
    session: SessionId,
    epoch: Epoch,
    at: u64,
    began: u64,
    turn: Option<TurnId>,
    turns: u64,
    request: RequestId,
    attempt: u32,
    items: u32,
    call: CallId,
    usage: Usage,
    envelopes: Vec<Envelope>,
}

impl Story {
    /// Begins a journal without events.
    pub fn new() -> Story {
        let began = 1_795_000_000_000;
        Story {
            session: SESSION.parse().expect("a session id"),
            epoch: Epoch(1),
            at: began,
            began,
            turn: None,
            turns: 0,
            request: RequestId(0),
            attempt: 0,
            items: 0,
            call: CallId(0),
            usage: Usage::default(),
            envelopes: Vec::new(),
        }
    }

    /// Gives the journal so far.
    pub fn envelopes(&self) -> &[Envelope] {
        &self.envelopes
    }

    /// Gives another session the same story.
    pub fn of(mut self, session: SessionId) -> Story {
        self.session = session;
        self.envelopes.iter_mut().for_each(|envelope| envelope.session = session);
        self
    }

    /// Leaves the first events alone, as a crash would.
    pub fn cut(mut self, len: usize) -> Story {
        self.envelopes.truncate(len);
        self.turn = self.envelopes.last().filter(|last| !ends_turn(last)).and_then(|it| it.turn);
        self
    }

    /// Lets time pass.
    pub fn wait(&mut self, milliseconds: u64) {
        self.at += milliseconds;
    }

    /// Adds any event, caused by the one before.
    pub fn push(&mut self, author: Author, event: Event) -> Seq {
        let body = Body::Known(event);
        self.push_body(author, body)
    }

    /// Adds any body, known or foreign.
    pub fn push_body(&mut self, author: Author, body: Body) -> Seq {
        self.at += 5;
        let seq = Seq(self.envelopes.len() as u64 + 1);
        self.envelopes.push(Envelope {
            session: self.session,
            seq,
            epoch: self.epoch,
            at: Timestamp(self.at),
            mono: Millis(self.at - self.began),
            author,
            cause: (seq.0 > 1).then(|| Seq(seq.0 - 1)),
            turn: self.turn,
            body,
        });
        seq
    }

    /// Opens the session in `/ws/dir`.
    pub fn open(&mut self) {
        let settings = Settings {
            model: "o4-mini".to_owned(),
            provider: ProviderSettings {
                id: "openai".to_owned(),
                base_url: "https://api.openai.com/v1".to_owned(),
                backend: Backend::Responses,
                request_max_retries: 4,
                stream_max_retries: 1,
                stream_idle_timeout_ms: 300_000,
            },
            approval_policy: ApprovalPolicy::Never,
            permissions: vec![Permission::DiskFullReadAccess, Permission::DiskWriteCwd],
            reasoning_effort: None,
            reasoning_summary: None,
            notify: Vec::new(),
            sandbox_level: Default::default(),
            git_writes: Default::default(),
            resources: Default::default(),
        };
        let sandbox = SandboxReport {
            level: "landlock".to_owned(),
            landlock_abi: Some(4),
            plan: Digest::of(b"plan"),
            writable_roots: vec!["/ws/dir".to_owned()],
            limits: vec!["processes of other programs stay visible".to_owned()],
            narrow: None,
            missing: Vec::new(),
        };
        self.push(
            user(),
            Event::SessionOpened {
                cwd: "/ws/dir".to_owned(),
                git: None,
                settings: Box::new(settings),
                sandbox: Box::new(sandbox),
                program: "0.1.0".to_owned(),
                tools: Digest::of(b"tools"),
            },
        );
        for (source, text) in [
            (ContextSource::Instructions, "be useful"),
            (ContextSource::Environment, "cwd: /ws/dir"),
        ] {
            self.push(Author::Supervisor, Event::ContextAdded { source, text: text.into() });
        }
    }

    /// Takes the session up again in another process.
    pub fn resume(&mut self, lost: Vec<CallId>) {
        self.epoch = self.epoch.next();
        self.at += 60_000;
        self.began = self.at;
        self.push(
            user(),
            Event::SessionResumed {
                program: "0.1.0".to_owned(),
                lost,
                patches: vec![],
                surroundings: None,
            },
        );
    }

    /// Closes the session.
    pub fn close(&mut self, reason: CloseReason) {
        self.turn = None;
        self.push(Author::Supervisor, Event::SessionClosed { reason });
    }

    /// Begins a turn.
    pub fn turn(&mut self, input: &str) {
        self.turns += 1;
        self.turn = Some(TurnId(self.turns));
        self.usage = Usage::default();
        self.push(user(), Event::TurnStarted { input: input.into() });
    }

    /// Asks the model something new.
    pub fn ask(&mut self) {
        self.request = self.request.next();
        self.attempt = 0;
        self.ask_again();
    }

    /// Asks the model the same once more.
    pub fn ask_again(&mut self) {
        self.attempt += 1;
        self.items = 0;
        let event = Event::ModelRequested {
            request: self.request,
            attempt: self.attempt,
            backend: Backend::Responses,
            previous: None,
            input: Digest::of(&self.request.0.to_le_bytes()),
        };
        self.push(Author::Supervisor, event);
    }

    /// Lets an item of the answer come in.
    pub fn item(&mut self, kind: ItemKind, raw: &str) {
        let event = Event::ModelItemCompleted {
            request: self.request,
            attempt: self.attempt,
            item: self.items,
            kind,
            raw: raw.into(),
        };
        self.items += 1;
        self.push(Author::Model, event);
    }

    /// Lets the model say something.
    pub fn says(&mut self, text: &str) {
        let content = serde_json::json!([{"type": "output_text", "text": text}]);
        let raw = serde_json::json!({"type": "message", "role": "assistant", "content": content});
        self.item(ItemKind::Message, &raw.to_string());
    }

    /// Lets the model tell some of its reasoning.
    pub fn thinks(&mut self, parts: &[&str]) {
        let summary: Vec<_> = parts
            .iter()
            .map(|text| serde_json::json!({"type": "summary_text", "text": text}))
            .collect();
        let raw = serde_json::json!({"type": "reasoning", "summary": summary});
        self.item(ItemKind::Reasoning, &raw.to_string());
    }

    /// Lets an item come in that is a call.
    pub fn calls(&mut self, name: &str) {
        let call_id = format!("call_{}", self.items);
        let kind = ItemKind::FunctionCall { call_id, name: name.to_owned() };
        self.item(kind, "{}");
    }

    /// Completes the answer; it took 1000 tokens and gave 100.
    pub fn responds(&mut self) {
        self.responds_with(Usage { input_tokens: 1000, output_tokens: 100, ..Usage::default() });
    }

    /// Completes the answer.
    pub fn responds_with(&mut self, usage: Usage) {
        self.usage += usage;
        let event = Event::ModelResponded {
            request: self.request,
            attempt: self.attempt,
            response: Some(format!("resp_{}", self.request)),
            usage,
        };
        self.push(Author::Model, event);
    }

    /// Lets a piece of an item come in; the item itself is added once it is complete.
    pub fn streams(&mut self, item: u32, part: StreamPart, text: &str) {
        let event = Event::ModelStreamed {
            request: self.request,
            attempt: self.attempt,
            item,
            part,
            text: text.to_owned(),
            marks: vec![StreamMark(text.len() as u32, 3)],
        };
        self.push(Author::Model, event);
    }

    /// Lets the attempt fail.
    pub fn fails(&mut self, kind: FaultKind, message: &str, retry: Option<Retry>) {
        let fault = Fault { kind, message: message.to_owned(), retry_after_ms: None };
        let event = Event::ModelAttemptFailed {
            request: self.request,
            attempt: self.attempt,
            fault,
            retry,
        };
        self.push(Author::Supervisor, event);
    }

    /// Registers a call of the answer's last item.
    pub fn called(&mut self, invocation: Invocation) -> CallId {
        self.call = self.call.next();
        let event = Event::ToolCalled {
            arguments: Arguments::Recorded,
            call: self.call,
            request: self.request,
            item: self.items.saturating_sub(1),
            invocation,
        };
        self.push(Author::Model, event);
        self.call
    }

    /// Lets a rule settle a call.
    pub fn settled(&mut self, call: CallId, verdict: Verdict) {
        let event = Event::ReviewSettled { call, verdict, scope: Scope::Once };
        self.push(Author::Policy("approval_policy=never".to_owned()), event);
    }

    /// Announces a call.
    pub fn intended(&mut self, call: CallId, attempt: u32, confinement: Confinement) {
        self.push(Author::Supervisor, Event::ToolIntended { call, attempt, confinement });
    }

    /// Brings a command to the point where it runs.
    pub fn runs(&mut self, argv: &[&str]) -> CallId {
        let call = self.called(command(argv));
        self.settled(call, Verdict::Allowed);
        self.intended(call, 1, Confinement::Sandbox { plan: Digest::of(b"plan") });
        self.spawned(call, 1);
        call
    }

    /// Starts a command's process.
    pub fn spawned(&mut self, call: CallId, attempt: u32) {
        let process =
            ProcessMark { pid: 4242, start_time: 99, boot_id: "00000000-boot".to_owned() };
        let enforced = "landlock 4".to_owned();
        self.push(Author::Supervisor, Event::ToolSpawned { call, attempt, process, enforced });
    }

    /// Lets a command print something, after some bytes that were left out.
    pub fn prints(&mut self, call: CallId, stream: OutputStream, skipped: u64, bytes: &[u8]) {
        let bytes = OutputBytes(bytes.to_vec());
        let event = Event::ToolOutput { call, attempt: 1, stream, skipped, bytes };
        self.push(Author::Supervisor, event);
    }

    /// Ends a call after 12 milliseconds.
    pub fn finished(&mut self, call: CallId, attempt: u32, outcome: Outcome, told: &str) {
        let event = Event::ToolFinished {
            call,
            attempt,
            outcome,
            duration_ms: 12,
            output: told.into(),
            denial: None,
        };
        self.push(Author::Supervisor, event);
    }

    /// Runs a command of `/bin/bash -lc` from its item to its end.
    pub fn shell(&mut self, script: &str, printed: &[(OutputStream, &str)], code: i32) {
        self.calls("shell");
        self.responds();
        let call = self.runs(&["/bin/bash", "-lc", script]);
        for (stream, text) in printed {
            self.prints(call, *stream, 0, text.as_bytes());
        }
        let told: String = printed.iter().map(|(_, text)| *text).collect();
        self.finished(call, 1, Outcome::Exited { code }, &told);
        self.ask();
    }

    /// Applies a patch from its item to its end.
    pub fn patch(&mut self, changes: Vec<FileChange>, outcome: Outcome, told: &str) {
        self.calls("apply_patch");
        self.responds();
        let call = self.called(Invocation::Patch { workdir: None, text: None });
        self.settled(call, Verdict::Allowed);
        self.intended(
            call,
            1,
            Confinement::WritableRoots { changes: changes.into(), outside: Vec::new() },
        );
        self.finished(call, 1, outcome, told);
        self.ask();
    }

    /// A command that the user runs without the model, and how it ends, if anybody knows.
    pub fn own_command(&mut self, line: &str, end: Option<(i32, &str)>) {
        let cwd = "/work".to_owned();
        let started = self.push(user(), Event::OwnCommandStarted { line: line.into(), cwd });
        self.wait(40);
        let (author, exit, output) = match end {
            Some((code, output)) => (user(), Some(code), output),
            None => (Author::Supervisor, None, ""),
        };
        let duration_ms = if exit.is_some() { 40 } else { 0 };
        let output = output.into();
        self.push(author, Event::OwnCommandEnded { started, exit, duration_ms, output });
    }

    /// Completes the turn.
    pub fn done(&mut self) {
        let usage = self.usage;
        self.push(Author::Supervisor, Event::TurnCompleted { usage });
        self.turn = None;
    }
}

impl Default for Story {
    fn default() -> Story {
        Story::new()
    }
}

/// Gives the invocation of a command.
pub fn command(argv: &[&str]) -> Invocation {
    let argv: Vec<String> = argv.iter().map(ToString::to_string).collect();
    Invocation::Command {
        argv: argv.into(),
        workdir: None,
        timeout_ms: None,
        safety: Safety::Unknown,
        escalation: None,
        assessment: None,
    }
}

/// Gives a change without digests.
pub fn change(path: &str, kind: ChangeKind) -> FileChange {
    let (path, hunks) = (path.to_owned(), Vec::new());
    FileChange { path, kind, move_to: None, before: None, after: None, hunks }
}

/// Gives the first of one retries.
pub fn retry(budget: RetryBudget) -> Option<Retry> {
    Some(Retry { in_ms: 200, budget, number: 1, of: 1 })
}

/// Gives the author of what a user of `exec` did.
pub fn user() -> Author {
    Author::User("exec".to_owned())
}

fn ends_turn(envelope: &Envelope) -> bool {
    envelope.event().is_some_and(Event::ends_turn)
}
