//! Measures what it takes to take a session up: opening its journal and folding it, by its length.
//!
//! Prints one JSON object a line: a figure's name, its unit and its samples. `cargo xtask bench`
//! shows them as a table. Each sample is a process of its own, so that its memory is its own too:
//! `takeup_figures FOLDER open SESSION` is one.
#![allow(clippy::print_stdout, reason = "printing is its purpose")]

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use codex_actors::TakenUp;
use codex_event::*;
use codex_journal::{Batch, Layout, Scribe};

/// Lengths of the sessions, in events.
const LENGTHS: [u64; 3] = [10_000, 50_000, 100_000];
/// Samples of each figure.
const SAMPLES: usize = 7;
/// Calls of one turn.
const CALLS: u64 = 50;

type Done<T> = Result<T, Box<dyn Error>>;

fn main() -> Done<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match &words[..] {
        [folder] => measure(folder),
        [folder, open, session] if open == "open" => {
            let begun = Instant::now();
            let taken = TakenUp::open(&Layout::new(Path::new(folder)), session.parse()?)?;
            let time = begun.elapsed().as_secs_f64() * 1e3;
            println!("{time} {} {}", peak()?, taken.from().0 - 1);
            Ok(())
        }
        _ => Err("give a folder".into()),
    }
}

fn measure(folder: &str) -> Done<()> {
    let layout = Layout::new(Path::new(folder));
    for (number, length) in LENGTHS.into_iter().enumerate() {
        let id: SessionId = format!("01900000-0000-7000-8000-{:012}", number + 100).parse()?;
        write(&layout, id, length)?;
        let (mut times, mut peaks) = (Vec::new(), Vec::new());
        for _ in 0..SAMPLES {
            let mut open = Command::new(std::env::current_exe()?);
            let output = open.args([folder, "open", &id.to_string()]).output()?;
            let told = String::from_utf8(output.stdout)?;
            let numbers: Vec<f64> =
                told.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
            let [time, peak, found] = numbers[..] else { return Err(told.into()) };
            if found != length as f64 {
                return Err(format!("{found} events of {length}").into());
            }
            times.push(time);
            peaks.push(peak);
        }
        figure(&format!("open and fold {length} events"), "ms", &times);
        figure(&format!("peak memory, {length} events"), "MiB", &peaks);
    }
    Ok(())
}

/// The most memory that this process had, in MiB.
fn peak() -> Done<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()).ok_or("no VmHWM")?;
    Ok(number.parse::<f64>()? / 1024.0)
}

fn write(layout: &Layout, session: SessionId, length: u64) -> Done<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let (scribe, _) = Scribe::create(layout, session)?;
    let mut batch = Batch::default();
    let mut story = Story::default();
    for seq in 1..=length {
        let (turn, event) = story.next();
        let mut envelope = Envelope {
            session,
            seq: Seq(seq),
            epoch: Epoch(1),
            at: Timestamp(1_700_000_000_000),
            mono: Millis(seq),
            author: Author::Supervisor,
            cause: Some(Seq(seq - 1)),
            turn,
            body: Body::Known(event),
        };
        batch.blobs.extend(envelope.spill());
        batch.envelopes.push(envelope);
        if batch.envelopes.len() == 64 || seq == length {
            runtime.block_on(scribe.write(std::mem::take(&mut batch)))?;
        }
    }
    scribe.finish()?;
    Ok(())
}

/// A session in which a model calls one command in each response.
#[derive(Default)]
struct Story {
    opened: bool,
    turn: u64,
    call: u64,
    step: u32,
}

impl Story {
    fn next(&mut self) -> (Option<TurnId>, Event) {
        if !std::mem::replace(&mut self.opened, true) {
            return (None, opened());
        }
        let (call, request, attempt) = (CallId(self.call), RequestId(self.call), 1);
        let turn = Some(TurnId(self.turn));
        self.step += 1;
        let event = match self.step {
            1 if self.call.is_multiple_of(CALLS) => {
                self.turn += 1;
                self.call += 1;
                self.step = 0;
                return (Some(TurnId(self.turn)), Event::TurnStarted { input: "go on".into() });
            }
            1 => Event::ModelRequested {
                request,
                attempt,
                backend: Backend::Responses,
                previous: Some(format!("resp_{}", self.call)),
                input: Digest::of(&self.call.to_le_bytes()),
            },
            2 => Event::ModelItemCompleted {
                request,
                attempt,
                item: 0,
                kind: ItemKind::FunctionCall {
                    call_id: format!("call_{call}"),
                    name: "exec_command".into(),
                },
                raw: format!(
                    "{{\"type\":\"function_call\",\"name\":\"exec_command\",\"call_id\":\"call_{call}\",\
                     \"arguments\":\"{{\\\"cmd\\\":\\\"cat part-{call}.txt\\\"}}\"}}"
                )
                .as_str()
                .into(),
            },
            3 => Event::ModelResponded {
                request,
                attempt,
                response: Some(format!("resp_{call}")),
                usage: Usage { input_tokens: 1000, output_tokens: 100, ..Usage::default() },
            },
            4 => Event::ToolCalled {
                call,
                request,
                item: 0,
                invocation: Invocation::Command {
                    argv: ["/bin/bash", "-lc", &format!("cat part-{call}.txt")]
                        .map(str::to_owned)
                        .to_vec()
                        .into(),
                    workdir: None,
                    timeout_ms: None,
                    safety: Safety::Unknown, escalation: None, assessment: None
                },
                arguments: Arguments::default(),
            },
            5 => Event::ReviewSettled { call, verdict: Verdict::Allowed, scope: Scope::Once },
            6 => Event::ToolIntended {
                call,
                attempt,
                confinement: Confinement::Sandbox { plan: Digest::of(b"plan") },
            },
            7 => Event::ToolSpawned {
                call,
                attempt,
                process: ProcessMark { pid: 1, start_time: 1, boot_id: "boot".into() },
                enforced: "landlock 7, seccomp".into(),
            },
            8 => Event::ToolOutput {
                call,
                attempt,
                stream: OutputStream::Stdout,
                skipped: 0,
                bytes: OutputBytes("a line of output\n".repeat(20).into_bytes()),
            },
            9 => Event::ToolFinished {
                call,
                attempt,
                outcome: Outcome::Exited { code: 0 },
                duration_ms: 3,
                output: "a line of output\n".repeat(20).as_str().into(),
                denial: None,
            },
            _ if (self.call + 1).is_multiple_of(CALLS) => {
                self.call += 1;
                self.step = 0;
                Event::TurnCompleted { usage: Usage::default() }
            }
            _ => {
                self.call += 1;
                self.step = 0;
                return self.next();
            }
        };
        (turn, event)
    }
}

fn opened() -> Event {
    let settings = Settings {
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
    };
    let sandbox = SandboxReport {
        level: "landlock".into(),
        landlock_abi: Some(7),
        plan: Digest::of(b"plan"),
        writable_roots: vec![],
        limits: vec![],
        narrow: None,
        missing: Vec::new(),
    };
    Event::SessionOpened {
        cwd: "/work".into(),
        git: None,
        settings: Box::new(settings),
        sandbox: Box::new(sandbox),
        program: "0.1.0".into(),
        tools: Digest::of(b"tools"),
    }
}

fn figure(name: &str, unit: &str, samples: &[f64]) {
    println!("{{\"figure\":{name:?},\"unit\":{unit:?},\"samples\":{samples:?}}}");
}
