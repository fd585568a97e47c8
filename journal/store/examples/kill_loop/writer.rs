//! The process that is killed: it writes a session, and tells what it does and what was answered.

use std::fmt::{Debug, Display};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use codex_event::{
    ApprovalPolicy, Author, Backend, Body, CallId, Digest, Envelope, Epoch, Event, Millis,
    OutputBytes, OutputStream, ProviderSettings, SandboxReport, Seq, SessionId, Settings,
    Timestamp, TurnId, Usage,
};
use codex_journal::{
    Batch, Cut, ForkError, Layout, NewFork, PHASE_TARGET, Scribe, discard, export, fork, import,
};
use tokio::task::JoinSet;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event as Trace, Metadata, Subscriber};

use crate::dice::Dice;

/// A writer that takes this long hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the writer stops and waits to be killed.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    /// Name of the phase.
    pub(crate) phase: String,
    /// Which time that the phase is entered, from 1.
    pub(crate) time: u64,
}

/// Writes a session to its end, unless it is killed before.
pub(crate) fn run(home: &Path, id: SessionId, seed: u64, hold: Option<Hold>) -> Result<(), String> {
    std::thread::spawn(|| {
        std::thread::sleep(PATIENCE);
        tell(format_args!("error: nothing came to an end within {PATIENCE:?}"));
        std::process::abort();
    });
    let marks = Marks { begun: Instant::now(), hold, times: AtomicU64::new(0) };
    tracing::subscriber::set_global_default(marks).map_err(text)?;
    let layout = Layout::new(home);
    let opened = if layout.session(id).data().exists() {
        Scribe::open(&layout, id)
    } else {
        Scribe::create(&layout, id)
    };
    let (scribe, handle) = opened.map_err(text)?;
    let head = handle.head();
    tell(format_args!("opened {}", head.seq));
    let mut next = Source { id, seq: head.seq, epoch: head.epoch.next(), dice: Dice(seed) };
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(text)?;
    let scribe = Arc::new(scribe);
    for _ in 0..3 + next.dice.below(8) {
        runtime.block_on(burst(&scribe, &mut next))?;
    }
    let scribe = Arc::into_inner(scribe).ok_or("a write has no end")?;
    let head = scribe.finish().map_err(text)?;
    tell(format_args!("durable {} {}", head.seq, head.hash));
    drop(handle);
    copies(&layout, id)?;
    tell(format_args!("end"));
    Ok(())
}

/// Gives the id of the fork that a writer makes of its session.
pub(crate) fn fork_of(id: SessionId) -> Result<SessionId, String> {
    id.to_string().replacen("-8000-", "-9000-", 1).parse().map_err(text)
}

// Forks the session, and then makes the fork once more, from a file.
fn copies(layout: &Layout, id: SessionId) -> Result<(), String> {
    let child = fork_of(id)?;
    let new = NewFork { id: child, author: Author::Supervisor, now: Timestamp(0) };
    match fork(layout, id, Cut::End, new) {
        Ok(_) => {}
        // One whose writer was killed before it wrote anything, or that has lost a record.
        Err(ForkError::NeverBegun(_) | ForkError::Hole { .. }) => return Ok(()),
        Err(error) => return Err(text(error)),
    }
    let mut file = Vec::new();
    export(layout, child, &mut file, &mut |_| {}).map_err(text)?;
    discard(layout, child).map_err(text)?;
    import(layout, &mut &file[..], &mut |_| {}).map_err(text)?;
    Ok(())
}

// Several writes in flight at once; each answer is told when it comes.
async fn burst(scribe: &Arc<Scribe>, next: &mut Source) -> Result<(), String> {
    let mut writes = JoinSet::new();
    for _ in 0..1 + next.dice.below(5) {
        let (batch, durable) = next.batch();
        let scribe = Arc::clone(scribe);
        writes.spawn(async move { (durable, scribe.write(batch).await) });
    }
    while let Some(written) = writes.join_next().await {
        let (durable, answer) = written.map_err(text)?;
        let head = answer.map_err(text)?;
        if durable {
            tell(format_args!("durable {} {}", head.seq, head.hash));
        }
    }
    Ok(())
}

struct Source {
    id: SessionId,
    seq: Seq,
    epoch: Epoch,
    dice: Dice,
}

impl Source {
    // Bulk events, and behind most of them one that wants a barrier.
    fn batch(&mut self) -> (Batch, bool) {
        let mut batch = Batch::default();
        if self.seq == Seq(0) {
            self.put(&mut batch, opening());
        }
        for _ in 0..self.dice.below(6) {
            let seq = self.seq.next();
            let event = if self.dice.below(4) == 0 {
                let bytes = self.text(seq, 8 << 10).into_bytes();
                let (call, stream) = (CallId(1), OutputStream::Stdout);
                Event::ToolOutput {
                    call,
                    attempt: 1,
                    stream,
                    skipped: 0,
                    bytes: OutputBytes(bytes),
                }
            } else {
                let largest = self.largest();
                Event::Noted { text: self.text(seq, largest).as_str().into() }
            };
            self.put(&mut batch, event);
        }
        let durable = batch.envelopes.is_empty() || self.dice.below(3) > 0;
        if durable {
            let largest = self.largest();
            let event = match self.dice.below(4) {
                0 => Event::TurnCompleted { usage: Usage::default() },
                _ => Event::TurnStarted {
                    input: self.text(self.seq.next(), largest).as_str().into(),
                },
            };
            self.put(&mut batch, event);
        }
        (batch, durable)
    }

    fn put(&mut self, batch: &mut Batch, event: Event) {
        self.seq = self.seq.next();
        let mut envelope = envelope(self.id, self.seq, self.epoch, event);
        batch.blobs.extend(envelope.spill());
        batch.envelopes.push(envelope);
    }

    // Mostly small; some become blobs, and a few of these are large.
    fn largest(&mut self) -> u64 {
        match self.dice.below(40) {
            0 => 200 << 10,
            1..=5 => 20 << 10,
            6..=20 => 1 << 10,
            _ => 200,
        }
    }

    fn text(&mut self, seq: Seq, largest: u64) -> String {
        let len = self.dice.below(largest) as usize;
        pattern(seq, self.epoch, len)
    }
}

fn opening() -> Event {
    let provider = ProviderSettings {
        id: "mock".into(),
        base_url: "http://127.0.0.1:1/v1".into(),
        backend: Backend::Responses,
        request_max_retries: 0,
        stream_max_retries: 0,
        stream_idle_timeout_ms: 0,
    };
    Event::SessionOpened {
        cwd: "/".into(),
        git: None,
        settings: Box::new(Settings {
            model: "o4-mini".into(),
            provider,
            approval_policy: ApprovalPolicy::Never,
            permissions: vec![],
            reasoning_effort: None,
            reasoning_summary: None,
            notify: vec![],
            sandbox_level: Default::default(),
            git_writes: Default::default(),
            resources: Default::default(),
        }),
        sandbox: Box::new(SandboxReport {
            level: "none".into(),
            landlock_abi: None,
            plan: Digest::of(b"plan"),
            writable_roots: vec![],
            limits: vec![],
            narrow: None,
            missing: Vec::new(),
        }),
        program: "kill loop".into(),
        tools: Digest::of(b"tools"),
    }
}

/// The text of an event, which no other event has.
pub(crate) fn pattern(seq: Seq, epoch: Epoch, len: usize) -> String {
    let word = format!("{seq} of {epoch}, ");
    let mut text = word.repeat(len / word.len() + 1);
    text.truncate(len);
    text
}

pub(crate) fn envelope(id: SessionId, seq: Seq, epoch: Epoch, event: Event) -> Envelope {
    Envelope {
        session: id,
        seq,
        epoch,
        at: Timestamp(1_700_000_000_000 + seq.0),
        mono: Millis(seq.0),
        author: Author::User("kill loop".into()),
        cause: None,
        turn: Some(TurnId(1)),
        body: Body::Known(event),
    }
}

// Tells each phase, and stops where it should be killed.
struct Marks {
    begun: Instant,
    hold: Option<Hold>,
    times: AtomicU64,
}

impl Subscriber for Marks {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == PHASE_TARGET
    }

    fn event(&self, event: &Trace<'_>) {
        let mut name = Name(String::new());
        event.record(&mut name);
        tell(format_args!("phase {} {}", name.0, self.begun.elapsed().as_micros()));
        if let Some(hold) = self.hold.as_ref().filter(|hold| hold.phase == name.0)
            && self.times.fetch_add(1, Ordering::Relaxed) + 1 == hold.time
        {
            tell(format_args!("held"));
            // Until it is killed, or whoever should do that is gone.
            let _ = std::io::stdin().read(&mut [0]);
            std::process::exit(1);
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Name(String);

impl Visit for Name {
    fn record_str(&mut self, _: &Field, value: &str) {
        value.clone_into(&mut self.0);
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

/// Tells a line to whoever reads this process; it is whole or not there.
pub(crate) fn tell(line: std::fmt::Arguments<'_>) {
    let mut out = std::io::stdout().lock();
    // Nobody listens any more: this process is about to be ended.
    let _ = out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush());
}

fn text(error: impl Display) -> String {
    error.to_string()
}
