//! Measures the journal in a folder: durable appends, grouped appends, opening, reading.
//!
//! Prints one JSON object a line: a figure's name, its unit and its samples. `cargo xtask bench`
//! shows them as a table.

#![allow(clippy::print_stdout, reason = "printing is its purpose")]

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use codex_event::{
    ApprovalPolicy, Author, Backend, Body, Digest, Envelope, Epoch, Event, Millis,
    ProviderSettings, SandboxReport, Seq, SessionId, Settings, Timestamp, TurnId,
};
use codex_journal::{Batch, Cut, Feed, Layout, NewFork, RawJournal, Scribe, fork, verify};
use tokio::runtime::Runtime;

const DURABLE: u64 = 1_000;
const GROUPED: u64 = 60_000;
const FORKED: u64 = 100_000;
const SAMPLES: usize = 7;
// With the envelope about a kilobyte of frame.
const TEXT: usize = 650;

fn main() -> Result<(), Box<dyn Error>> {
    let home = std::env::args_os().nth(1).map(PathBuf::from).ok_or("give a folder")?;
    let layout = Layout::new(&home);
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;

    let session = |number: usize| -> Result<SessionId, Box<dyn Error>> {
        Ok(format!("01900000-0000-7000-8000-{number:012}").parse()?)
    };
    let mut created = Vec::new();
    for number in 2..SAMPLES + 2 {
        let begun = Instant::now();
        let (scribe, _) = Scribe::create(&layout, session(number)?)?;
        created.push(milliseconds(begun));
        scribe.finish()?;
    }
    // What the first of a process sets up is shared by the others.
    figure("create, first of a process", "ms", &created[..1]);
    figure("create", "ms", &created[1..]);

    let id = session(0)?;
    let (scribe, _) = Scribe::create(&layout, id)?;
    let mut times = Vec::new();
    for seq in 1..=DURABLE {
        let batch = batch(id, seq);
        let begun = Instant::now();
        runtime.block_on(scribe.write(batch))?;
        times.push(milliseconds(begun));
    }
    figure("durable append", "ms", &times);
    scribe.finish()?;
    let kibibytes = |dir: PathBuf| size(&dir).map(|bytes| bytes as f64 / 1024.0);
    figure("disk, 1000 durable", "KiB", &[kibibytes(layout.session(id).data())?]);

    let id = session(1)?;
    let (scribe, _) = Scribe::create(&layout, id)?;
    let mut times = Vec::new();
    runtime.block_on(async {
        for first in (1..=GROUPED).step_by(64) {
            let begun = Instant::now();
            let group = (first..first + 64).map(|seq| scribe.write(batch(id, seq)));
            futures_join(group.collect()).await?;
            times.push(milliseconds(begun) * 1000.0 / 64.0);
        }
        Ok::<(), codex_journal::WriteError>(())
    })?;
    figure("append, 64 in flight", "µs", &times);
    scribe.finish()?;
    let dir = layout.session(id);
    figure("disk, 60000 in groups", "KiB", &[kibibytes(dir.data())?]);

    figure("raw scan of 60000", "ms", &sampled(|| RawJournal::read(&dir, id))?);
    figure("verify 60000", "ms", &sampled(|| verify(&dir, id))?);
    let mut opened = Vec::new();
    let mut fed = Vec::new();
    for _ in 0..SAMPLES {
        let begun = Instant::now();
        let (scribe, handle) = Scribe::open(&layout, id)?;
        opened.push(milliseconds(begun));
        let begun = Instant::now();
        let mut feed = handle.subscribe(Seq(1));
        while let Feed::Record(_) = feed.next() {}
        fed.push(milliseconds(begun));
        drop((feed, handle));
        scribe.finish()?;
    }
    figure("open 60000", "ms", &opened);
    figure("feed of 60000", "ms", &fed);
    forks(&layout, session(9)?, &runtime)
}

// Forks of a session of 100,000 events, 2,000 of which name a blob.
fn forks(layout: &Layout, id: SessionId, runtime: &Runtime) -> Result<(), Box<dyn Error>> {
    let (scribe, _) = Scribe::create(layout, id)?;
    runtime.block_on(scribe.write(opening(id)))?;
    runtime.block_on(async {
        for first in (2..=FORKED).step_by(64) {
            let last = FORKED.min(first + 63);
            let group = (first..=last).map(|seq| scribe.write(forked_batch(id, seq)));
            futures_join(group.collect()).await?;
        }
        Ok::<(), codex_journal::WriteError>(())
    })?;
    scribe.finish()?;
    let dir = layout.session(id);
    let (mut first, mut next, mut opened) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..SAMPLES {
        for times in [&mut first, &mut next] {
            let child =
                format!("01900000-0000-7000-8000-{:012}", 100 + 2 * number + times.len() % 2);
            let child: SessionId = child.parse()?;
            let new = NewFork { id: child, author: Author::Supervisor, now: Timestamp(0) };
            let begun = Instant::now();
            fork(layout, id, Cut::End, new)?;
            times.push(milliseconds(begun));
            let begun = Instant::now();
            let (scribe, _) = Scribe::open(layout, child)?;
            opened.push(milliseconds(begun));
            scribe.finish()?;
            std::fs::remove_dir_all(layout.session(child).path())?;
        }
        for kept in dir.kept_bases() {
            std::fs::remove_file(kept)?;
        }
    }
    figure("fork 100000 with 2000 blobs, first", "ms", &first);
    figure("fork 100000 with 2000 blobs, next", "ms", &next);
    figure("open a fork of 100000", "ms", &opened);
    Ok(())
}

fn forked_batch(session: SessionId, seq: u64) -> Batch {
    let mut batch = batch(session, seq);
    if seq.is_multiple_of(50) {
        let text = format!("{seq} {}", "lorem ipsum ".repeat(200));
        batch.envelopes[0].body = Body::Known(Event::Noted { text: text.as_str().into() });
        batch.blobs = batch.envelopes[0].spill();
    }
    batch
}

fn opening(session: SessionId) -> Batch {
    let mut batch = batch(session, 1);
    let provider = ProviderSettings {
        id: "mock".into(),
        base_url: "http://127.0.0.1:1/v1".into(),
        backend: Backend::Responses,
        request_max_retries: 0,
        stream_max_retries: 0,
        stream_idle_timeout_ms: 0,
    };
    batch.envelopes[0].body = Body::Known(Event::SessionOpened {
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
        program: "figures".into(),
        tools: Digest::of(b"tools"),
    });
    batch
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

fn figure(name: &str, unit: &str, samples: &[f64]) {
    println!("{{\"figure\":{name:?},\"unit\":{unit:?},\"samples\":{samples:?}}}");
}

fn batch(session: SessionId, seq: u64) -> Batch {
    let input = format!("{seq} {}", "lorem ipsum ".repeat(TEXT / 12));
    let envelope = Envelope {
        session,
        seq: Seq(seq),
        epoch: Epoch(1),
        at: Timestamp(1_700_000_000_000),
        mono: Millis(seq),
        author: Author::User("figures".into()),
        cause: None,
        turn: Some(TurnId(1)),
        body: Body::Known(Event::TurnStarted { input: input.as_str().into() }),
    };
    Batch { envelopes: vec![envelope], blobs: Vec::new() }
}

// Polls each in turn until all are done; enough for a measurement.
async fn futures_join<T, E>(futures: Vec<impl Future<Output = Result<T, E>>>) -> Result<(), E> {
    let mut futures: Vec<_> = futures.into_iter().map(|future| Some(Box::pin(future))).collect();
    std::future::poll_fn(|context| {
        for slot in &mut futures {
            let Some(future) = slot else { continue };
            match future.as_mut().poll(context) {
                std::task::Poll::Pending => {}
                std::task::Poll::Ready(Ok(_)) => *slot = None,
                std::task::Poll::Ready(Err(error)) => return std::task::Poll::Ready(Err(error)),
            }
        }
        match futures.iter().all(Option::is_none) {
            true => std::task::Poll::Ready(Ok(())),
            false => std::task::Poll::Pending,
        }
    })
    .await
}

fn sampled<T, E>(mut run: impl FnMut() -> Result<T, E>) -> Result<Vec<f64>, E> {
    let mut once = || {
        let begun = Instant::now();
        let done = run()?;
        let time = milliseconds(begun);
        drop(done);
        Ok(time)
    };
    (0..SAMPLES).map(|_| once()).collect()
}

fn size(path: &std::path::Path) -> std::io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    Ok(std::fs::metadata(path)?.blocks() * 512)
}
