//! Measures what it costs a session's owner that others follow it: durable appends alone, and with
//! 20 processes attached of which 5 never read.
//!
//! Prints one JSON object a line, as `journal_figures` does. The two kinds of rounds take turns in
//! one run, so that what else the machine does falls on both.

#![allow(clippy::print_stdout, reason = "printing is its purpose")]

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command as Process, Stdio};
use std::time::{Duration, Instant};

use codex_event::{
    Author, Body, Command, Envelope, Epoch, Event, Millis, Rejection, Seq, SessionId, Timestamp,
    TurnId,
};
use codex_journal::{Attendant, Batch, Feed, Guest, Layout, Lease, RawJournal, Scribe, Server};

const READERS: usize = 15;
const STUCK: usize = 5;
const ROUNDS: u64 = 4;
// Of one round. A session that runs fast writes some hundred events a second.
const APPENDS: u64 = 500;
const PACE: Duration = Duration::from_millis(4);
const TEXT: usize = 650;

/// An owner that nobody asks anything.
struct Nobody;

impl Attendant for Nobody {
    fn ask(&self, _: &str, _: Command) -> Result<(), Rejection> {
        Err(Rejection::Closed)
    }

    fn hand_over(&self, _: &str, _: u32) -> Result<(), Rejection> {
        Err(Rejection::Closed)
    }
}

type Attached = (Child, BufReader<ChildStdout>);

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args_os().skip(1);
    let home = words.next().map(PathBuf::from).ok_or("give a folder")?;
    let id: SessionId = "01900000-0000-7000-8000-00000000a77a".parse()?;
    match words.next().as_deref().and_then(|word| word.to_str()) {
        Some("read") => read(&home, id),
        Some("stuck") => stuck(&home, id),
        _ => measure(&home, id),
    }
}

fn measure(home: &Path, id: SessionId) -> Result<(), Box<dyn Error>> {
    let layout = Layout::new(home);
    let (scribe, handle) = Scribe::create(&layout, id)?;
    let server = Server::start(id, &handle, "figures", Nobody).ok_or("no lock")?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let mut seq = 0;
    let mut appended = |times: &mut Vec<f64>| -> Result<(), Box<dyn Error>> {
        for _ in 0..APPENDS {
            seq += 1;
            let batch = batch(id, seq);
            let begun = Instant::now();
            runtime.block_on(scribe.write(batch))?;
            times.push(begun.elapsed().as_secs_f64() * 1e3);
            std::thread::sleep(PACE.saturating_sub(begun.elapsed()));
        }
        Ok(())
    };
    let (mut alone, mut attached, mut same) = (Vec::new(), Vec::new(), Vec::new());
    // Not measured: the first writes of a process set up what the others share.
    appended(&mut Vec::new())?;
    for round in 1..=ROUNDS {
        appended(&mut alone)?;
        let mut guests = Vec::new();
        for number in 0..READERS + STUCK {
            guests.push(start(home, if number < READERS { "read" } else { "stuck" })?);
        }
        appended(&mut attached)?;
        let until = Seq((2 * round + 1) * APPENDS);
        let stored = digest(&RawJournal::read(&layout.session(id), id)?, until)?;
        for (number, (mut child, mut lines)) in guests.into_iter().enumerate() {
            if number < READERS {
                let mut told = String::new();
                child.stdin.take().ok_or("piped")?.write_all(format!("{until}\n").as_bytes())?;
                lines.read_line(&mut told)?;
                same.push(f64::from(told.trim() == stored));
            }
            child.kill()?;
            child.wait()?;
        }
    }
    figure("append, alone", &alone);
    figure("append, 20 attached, 5 stuck", &attached);
    let ratio = p99(&attached) / p99(&alone);
    println!(r#"{{"figure":"p99 attached / alone","unit":"","samples":[{ratio:?}]}}"#);
    let ratio = median(&attached) / median(&alone);
    println!(r#"{{"figure":"median attached / alone","unit":"","samples":[{ratio:?}]}}"#);
    println!(
        r#"{{"figure":"readers with the same bytes","unit":"","samples":[{:?}]}}"#,
        mean(&same)
    );
    scribe.finish()?;
    server.stop();
    Ok(())
}

fn start(home: &Path, role: &str) -> Result<Attached, Box<dyn Error>> {
    let mut child = Process::new(std::env::current_exe()?)
        .arg(home)
        .arg(role)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(child.stdout.take().ok_or("piped")?);
    // It is attached, and has read what there was.
    lines.read_line(&mut String::new())?;
    Ok((child, lines))
}

/// Follows from the first event on; tells the digest of all bytes up to the event that it is asked for.
fn read(home: &Path, id: SessionId) -> Result<(), Box<dyn Error>> {
    let guest = Guest::connect(&Layout::new(home), id, "read")?;
    let mut feed = guest.subscribe(Seq(1));
    let mut hasher = blake3::Hasher::new();
    let mut told = false;
    let (asked, until) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = std::io::stdin().read_line(&mut line);
        asked.send(line.trim().parse::<u64>())
    });
    let (mut last, mut wanted) = (Seq(0), None);
    loop {
        match feed.next_timeout(Duration::from_millis(20)) {
            Some(Feed::Record(record)) => {
                hasher.update(&record.frame);
                last = record.envelope.seq;
            }
            Some(Feed::CaughtUp(_)) if !told => {
                told = true;
                println!("attached");
            }
            Some(Feed::CaughtUp(_) | Feed::Tail(_) | Feed::Present(_)) | None => {}
            Some(Feed::Ended) => return Ok(()),
        }
        if let Ok(seq) = until.try_recv() {
            wanted = Some(Seq(seq?));
        }
        if wanted == Some(last) {
            println!("{}", hasher.finalize());
            return Ok(());
        }
    }
}

/// Subscribes and never reads.
fn stuck(home: &Path, id: SessionId) -> Result<(), Box<dyn Error>> {
    let lease = Lease::live(&Layout::new(home).session(id)).ok_or("no owner")?;
    let mut stream = UnixStream::connect(lease.socket.ok_or("no socket")?)?;
    stream.write_all(b"{\"hello\":{\"protocol\":1,\"frontend\":\"stuck\"}}\n")?;
    stream.write_all(b"{\"subscribe\":{\"from\":1}}\n")?;
    println!("attached");
    let _ = std::io::stdin().read_line(&mut String::new());
    Ok(())
}

fn digest(journal: &RawJournal, until: Seq) -> Result<String, Box<dyn Error>> {
    let mut hasher = blake3::Hasher::new();
    for record in journal.records() {
        let record = record?;
        if record.envelope.seq <= until {
            hasher.update(&record.frame);
        }
    }
    Ok(hasher.finalize().to_string())
}

fn figure(name: &str, samples: &[f64]) {
    println!("{{\"figure\":{name:?},\"unit\":\"ms\",\"samples\":{samples:?}}}");
}

fn sorted(samples: &[f64]) -> Vec<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

fn p99(samples: &[f64]) -> f64 {
    sorted(samples)[samples.len() * 99 / 100]
}

fn median(samples: &[f64]) -> f64 {
    sorted(samples)[samples.len() / 2]
}

fn mean(samples: &[f64]) -> f64 {
    samples.iter().sum::<f64>() / samples.len() as f64
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
