//! Measures lists of many sessions and searches of them, in a folder.
//!
//! Prints one JSON object a line: a figure's name, its unit and its samples. `cargo xtask bench`
//! shows them as a table.

#![allow(clippy::print_stdout, reason = "printing is its purpose")]

use std::error::Error;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use codex_event::{
    Author, Body, Envelope, Epoch, Event, Millis, OutputBytes, OutputStream, Seq, SessionId,
    Timestamp,
};
use codex_journal::{Batch, Layout, Scribe};
use codex_sessions::search::{self, Kind, Needle, Query};
use codex_sessions::{Catalog, Entry, Look};
use codex_view::Paint;
use codex_view::testing::{self, Story};

const SESSIONS: usize = 5_000;
const LONG: u64 = 100_000;
const SAMPLES: usize = 7;
// Lists whose time of the processor is taken together.
const AT_ONCE: u32 = 50;

fn main() -> Result<(), Box<dyn Error>> {
    let home = std::env::args_os().nth(1).map(PathBuf::from).ok_or("give a folder")?;
    let layout = Layout::new(&home);
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let write = |scribe: &Scribe, envelopes: &[Envelope]| {
        let mut batch = Batch::default();
        for envelope in envelopes {
            let mut envelope = envelope.clone();
            batch.blobs.extend(envelope.spill());
            batch.envelopes.push(envelope);
        }
        runtime.block_on(scribe.write(batch))
    };
    // A folder of an earlier run will do.
    let begun = layout.sessions()?.len();
    for number in begun..SESSIONS {
        let story = testing::tool_loop().of(id(number));
        let (scribe, _) = Scribe::create(&layout, id(number))?;
        write(&scribe, story.envelopes())?;
        scribe.finish()?;
    }
    figure("sessions", "count", &[SESSIONS as f64]);

    let list = || -> Result<usize, Box<dyn Error>> {
        let catalog = Catalog::open(&layout, &mut |_| {})?;
        let entries: Vec<&Entry> = catalog.entries.iter().collect();
        let look = Look { paint: Paint::Plain, now: Timestamp(0), home: None };
        codex_sessions::table(&entries, look, &mut io::sink())?;
        Ok(catalog.read)
    };
    let index = layout.path().join("index");
    let first = sampled(3, || {
        let _ = std::fs::remove_file(&index);
        list().map(|read| assert_eq!(read, SESSIONS))
    })?;
    figure("list of 5000, first", "ms", &first);
    figure(
        "list of 5000, none changed",
        "ms",
        &sampled(SAMPLES, || list().map(|read| assert_eq!(read, 0)))?,
    );
    // Of the processor alone, which others that are busy don't change. The system counts it in ticks
    // of 10 ms.
    let begun = ticks()?;
    for _ in 0..AT_ONCE {
        list()?;
    }
    let cpu = (ticks()? - begun) as f64 * 10.0 / f64::from(AT_ONCE);
    figure("list of 5000, none changed, CPU", "ms", &[cpu]);
    if std::env::args_os().nth(2).is_some_and(|word| word == "list") {
        return Ok(());
    }
    let mut changed = Vec::new();
    for number in 0..SAMPLES {
        let (scribe, handle) = Scribe::open(&layout, id(number))?;
        let last = handle.head().seq;
        write(&scribe, &[named(id(number), last.next())])?;
        drop(handle);
        scribe.finish()?;
        changed.extend(sampled(1, || list().map(|read| assert_eq!(read, 1)))?);
    }
    figure("list of 5000, one changed", "ms", &changed);
    beside(&home, &index)?;

    let catalog = Catalog::open(&layout, &mut |_| {})?;
    let all: Vec<&Entry> = catalog.entries.iter().collect();
    let find = |sessions: &[&Entry], words: &str| {
        let query = Query {
            needle: Needle::new(words).expect("words"),
            kinds: vec![Kind::Prompt, Kind::Message, Kind::Command, Kind::Output, Kind::File],
            since: None,
        };
        let mut hits = 0;
        search::run(&layout, sessions, &query, &mut |_| {}, &mut |_, found| {
            hits += found.hits.len();
            ControlFlow::Continue(())
        });
        hits
    };
    figure(
        "search of 5000",
        "ms",
        &sampled(3, || {
            assert_eq!(find(&all, "finished the LOOP"), SESSIONS);
            Ok(())
        })?,
    );

    let long = id(SESSIONS);
    let (scribe, _) = Scribe::create(&layout, long)?;
    let mut story = Story::new().of(long);
    story.open();
    story.turn("count");
    let call = story.runs(&["seq", "1", "100000"]);
    while (story.envelopes().len() as u64) < LONG {
        let line = format!("line {} of a long output\n", story.envelopes().len());
        let bytes = OutputBytes(line.into_bytes());
        let stream = OutputStream::Stdout;
        story.push(
            Author::Supervisor,
            Event::ToolOutput { call, attempt: 1, stream, skipped: 0, bytes },
        );
    }
    for page in story.envelopes().chunks(1024) {
        write(&scribe, page)?;
    }
    scribe.finish()?;
    let catalog = Catalog::open(&layout, &mut |_| {})?;
    let entry = catalog.find(long).ok_or("the long session is not listed")?;
    figure(
        "search of 100000 events",
        "ms",
        &sampled(SAMPLES, || {
            assert_eq!(find(&[entry], "LINE 99999 of"), 1);
            Ok(())
        })?,
    );
    Ok(())
}

// Time of the processor that this process used so far.
fn ticks() -> Result<u64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let used = fields.skip(11).take(2).map(str::parse::<u64>);
    Ok(used.sum::<Result<u64, _>>()?)
}

// What reading the index costs in either form: all of it in one file, or a file per session.
fn beside(home: &Path, index: &Path) -> Result<(), Box<dyn Error>> {
    let text = std::fs::read_to_string(index)?;
    let folder = home.join("beside");
    std::fs::create_dir_all(&folder)?;
    let mut paths = Vec::new();
    for (number, line) in text.lines().skip(1).enumerate() {
        paths.push(folder.join(id(number).to_string()));
        std::fs::write(&paths[number], line)?;
    }
    let parse = |line: &str| serde_json::from_str::<serde_json::Value>(line);
    figure(
        "index as one file, read",
        "ms",
        &sampled(SAMPLES, || {
            for line in std::fs::read_to_string(index)?.lines().skip(1) {
                std::hint::black_box(parse(line)?);
            }
            Ok(())
        })?,
    );
    figure(
        "index as 5000 files, read",
        "ms",
        &sampled(SAMPLES, || {
            for path in &paths {
                std::hint::black_box(parse(&std::fs::read_to_string(path)?)?);
            }
            Ok(())
        })?,
    );
    Ok(())
}

fn named(session: SessionId, seq: Seq) -> Envelope {
    Envelope {
        session,
        seq,
        epoch: Epoch(2),
        at: Timestamp(1_795_000_000_000),
        mono: Millis(0),
        author: Author::Supervisor,
        cause: None,
        turn: None,
        body: Body::Known(Event::SessionNamed { name: Some(format!("name {seq}")) }),
    }
}

fn id(number: usize) -> SessionId {
    format!("01900000-0000-7000-8000-{number:012}").parse().expect("an id")
}

fn sampled(
    count: usize,
    mut run: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<Vec<f64>, Box<dyn Error>> {
    let mut samples = Vec::new();
    for _ in 0..count {
        let begun = Instant::now();
        run()?;
        samples.push(begun.elapsed().as_secs_f64() * 1_000.0);
    }
    Ok(samples)
}

fn figure(name: &str, unit: &str, samples: &[f64]) {
    println!("{}", serde_json::json!({ "figure": name, "unit": unit, "samples": samples }));
}
