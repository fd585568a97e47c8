//! Measures the core: folding a journal, and deciding in sessions of several lengths.
//!
//! Prints one JSON object a line: a figure's name, its unit and its samples. `cargo xtask bench`
//! shows them as a table.
#![allow(clippy::print_stdout, reason = "printing is its purpose")]

use std::hint::black_box;
use std::time::Instant;

use codex_event::*;
use codex_session::{Intake, Report, Session, Stamp};

/// Lengths of the sessions, in events.
const LENGTHS: [usize; 3] = [10, 1_000, 10_000];
/// Samples of each figure.
const SAMPLES: usize = 15;
/// Decisions of one sample.
const DECISIONS: u32 = 200;

fn main() {
    let mut journal = Journal::open();
    for length in LENGTHS {
        while journal.log.len() < length {
            journal.items();
            journal.end();
        }
        let events = journal.log.len() as f64;
        let fold = || {
            black_box(Session::fold(&journal.log));
        };
        figure(&format!("fold, {length} events"), "µs/event", &sampled(1, fold, events));
        journal.items();
        let answer = journal.answer();
        let decide = || {
            let decided = journal.session.decide(stamp(), answer.clone());
            black_box(decided.expect("an answer that is awaited"));
        };
        let samples = sampled(DECISIONS, decide, f64::from(DECISIONS));
        figure(&format!("decide an answer, {length} events"), "µs", &samples);
        journal.end();
    }
}

/// A session in which a model calls a command in each response.
struct Journal {
    session: Session,
    log: Vec<Envelope>,
    request: RequestId,
    call: CallId,
}

impl Journal {
    fn open() -> Journal {
        let session = Session::default();
        let (request, call) = (RequestId(0), CallId(0));
        let mut journal = Journal { session, log: Vec::new(), request, call };
        journal.tell(Command::Open(Box::new(opening())));
        journal.tell(Command::Submit { input: "make the tests pass".into() });
        journal.request = RequestId(1);
        journal
    }

    fn tell(&mut self, intake: impl Into<Intake>) {
        let drafts = self.session.decide(stamp(), intake).expect("a legal story");
        for draft in drafts {
            let envelope = Envelope {
                session: "01900000-0000-7000-8000-000000000001".parse().expect("an id"),
                seq: self.session.last().next(),
                epoch: Epoch(1),
                at: Timestamp(0),
                mono: Millis(0),
                author: draft.author,
                cause: draft.cause,
                turn: draft.turn,
                body: Body::Known(draft.event),
            };
            self.session.apply(&envelope);
            self.log.push(envelope);
        }
    }

    /// The report that ends the response which is awaited.
    fn answer(&self) -> Report {
        let (request, attempt) = (self.request, 1);
        let invocation = Invocation::Command {
            // Each another one: a call that is repeated without end ends its turn.
            argv: vec!["cargo".to_owned(), "test".to_owned(), request.to_string()].into(),
            workdir: None,
            timeout_ms: None,
            safety: Safety::Unknown,
            escalation: None,
            assessment: None,
        };
        let response = Some(format!("resp_{request}"));
        let usage = Usage { input_tokens: 1000, output_tokens: 100, ..Usage::default() };
        Report::ModelDone {
            request,
            attempt,
            response,
            usage,
            calls: vec![(1, invocation)],
            concealed: vec![],
        }
    }

    /// The items of a response: a message and a call.
    fn items(&mut self) {
        let (request, attempt) = (self.request, 1);
        let call_id = format!("call_{request}");
        let function = ItemKind::FunctionCall { call_id, name: "shell".into() };
        for (item, kind) in [(0, ItemKind::Message), (1, function)] {
            let raw = format!("{{\"text\":\"{}\"}}", "some words ".repeat(40));
            self.tell(Report::ModelItem { request, attempt, item, kind, raw });
        }
    }

    /// The end of the response, and of its call; the next response is then awaited.
    fn end(&mut self) {
        let attempt = 1;
        self.tell(self.answer());
        self.call = self.call.next();
        let call = self.call;
        let process = ProcessMark { pid: 1, start_time: 1, boot_id: "boot".into() };
        let enforced = "none".to_owned();
        self.tell(Report::ToolSpawned { call, attempt, process, enforced });
        self.tell(Report::ToolEnded {
            call,
            attempt,
            outcome: Outcome::Exited { code: 0 },
            duration_ms: 3,
            output: "a line of output\n".repeat(60),
            denial: None,
        });
        self.request = self.request.next();
    }
}

fn opening() -> Opening {
    Opening {
        cwd: "/work".into(),
        git: None,
        settings: Settings {
            model: "a-model".into(),
            provider: ProviderSettings {
                id: "local".into(),
                base_url: "http://127.0.0.1:1/v1".into(),
                backend: Backend::Responses,
                request_max_retries: 2,
                stream_max_retries: 2,
                stream_idle_timeout_ms: 1000,
            },
            approval_policy: ApprovalPolicy::Never,
            permissions: vec![],
            reasoning_effort: None,
            reasoning_summary: None,
            notify: vec![],
            sandbox_level: Default::default(),
            git_writes: Default::default(),
            resources: Default::default(),
        },
        sandbox: SandboxReport {
            level: "landlock".into(),
            landlock_abi: Some(7),
            plan: Digest::of(b"plan"),
            writable_roots: vec![],
            limits: vec![],
            narrow: None,
            missing: Vec::new(),
        },
        program: "0.1.0".into(),
        tools: Digest::of(b"tools"),
        context: vec![(ContextSource::Environment, "cwd: /work".into())],
        notes: vec![],
    }
}

fn stamp() -> Stamp {
    Stamp { author: Author::User("figures".into()) }
}

/// Gives microseconds of a unit of work, once for each sample.
fn sampled(times: u32, mut work: impl FnMut(), units: f64) -> Vec<f64> {
    let mut once = || {
        let begun = Instant::now();
        for _ in 0..times {
            work();
        }
        begun.elapsed().as_secs_f64() * 1e6 / units
    };
    once();
    (0..SAMPLES).map(|_| once()).collect()
}

fn figure(name: &str, unit: &str, samples: &[f64]) {
    println!("{{\"figure\":{name:?},\"unit\":{unit:?},\"samples\":{samples:?}}}");
}
