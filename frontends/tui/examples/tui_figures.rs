//! Measures what the terminal interface makes of a session of 100,000 events, in a folder.
//!
//! Prints one JSON object a line: a figure's name, its unit and its samples. `cargo xtask bench`
//! shows them as a table. Each sample is a process of its own, so that memory is that of one session.

#![allow(clippy::print_stdout, reason = "printing is its purpose")]

use std::collections::BTreeMap;
use std::error::Error;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Instant;

use codex_event::{
    Author, ChangeKind, Envelope, Event, Outcome, OutputStream, RequestId, Seq, SessionId,
    StreamMark, StreamPart, Timestamp,
};
use codex_journal::{Batch, Layout, RawJournal, Scribe};
use codex_tui::document::{Document, Scroll, Toward};
use codex_tui::host::Source;
use codex_tui::options::Palette;
use codex_tui::render::{self, Fold, Look, Stream};
use codex_tui::run::INBOX;
use codex_tui::theme::Theme;
use codex_tui::update::Input;
use codex_view::testing::{self, Story};
use codex_view::{Cell, Cells, Standing, Status};

const EVENTS: usize = 100_000;
const SAMPLES: usize = 5;
const WIDTH: u16 = 120;
const HEIGHT: u16 = 40;

type Failure = Box<dyn Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args_os().skip(1);
    let home = arguments.next().map(PathBuf::from).ok_or("give a folder")?;
    // Other examples measure in the same folder.
    let (folder, home) = (home.clone(), home.join("tui"));
    let id: SessionId = testing::SESSION.parse()?;
    match arguments.next() {
        Some(from) => return measure(&home, id, &from.to_string_lossy()),
        None => build(&home, id)?,
    }
    let mut figures: BTreeMap<(usize, String, String), Vec<f64>> = BTreeMap::new();
    for (at, (name, line, apart)) in ANSWERS.into_iter().enumerate() {
        let samples = (0..SAMPLES).map(|_| growing(line, apart)).collect();
        let name = format!("more of an answer of 100 kB: {name}");
        figures.insert((200 + at, name, "ms".to_owned()), samples);
    }
    for from in ["owned", "files"] {
        for _ in 0..SAMPLES {
            let output = Command::new(std::env::current_exe()?).arg(&folder).arg(from).output()?;
            if !output.status.success() {
                return Err(String::from_utf8_lossy(&output.stderr).into());
            }
            for (at, line) in String::from_utf8(output.stdout)?.lines().enumerate() {
                let [name, unit, value] = line.split('\t').collect::<Vec<_>>()[..] else {
                    return Err(line.into());
                };
                let order = if from == "owned" { at } else { at + 100 };
                let key = (order, format!("{name}, {from}"), unit.to_owned());
                figures.entry(key).or_default().push(value.parse()?);
            }
        }
    }
    for ((_, name, unit), samples) in figures {
        println!("{{\"figure\":\"{name}\",\"unit\":\"{unit}\",\"samples\":{samples:?}}}");
    }
    Ok(())
}

/// Writes the session, as an agent at work would: words, commands that print, patches.
fn build(home: &Path, id: SessionId) -> Result<(), Failure> {
    let layout = Layout::new(home);
    if layout.sessions()?.contains(&id) {
        return Ok(());
    }
    let mut story = Story::new();
    story.open();
    let mut turn = 0;
    while story.envelopes().len() < EVENTS {
        turn += 1;
        story.turn(&format!("Turn {turn}: {}", "make it better, and say why. ".repeat(turn % 60)));
        story.ask();
        for step in 0..4 {
            for chunk in 0..4 {
                let text = format!("Step {step} of turn {turn}, part {chunk}: **look** at `it`. ");
                story.push(Author::Model, streamed(turn * 5 + step, text));
            }
            let prints: Vec<String> =
                (0..12).map(|line| format!("test number_{line} of turn {turn} ... ok\n")).collect();
            let prints: Vec<(OutputStream, &str)> =
                prints.iter().map(|text| (OutputStream::Stdout, text.as_str())).collect();
            story.shell("cargo test -p some_crate", &prints, step as i32 % 2);
        }
        let changes = vec![testing::change("/ws/dir/src/lib.rs", ChangeKind::Update)];
        let outcome = Outcome::Patched { changes: changes.clone().into() };
        story.patch(changes, outcome, "Success.");
        story.says(&format!("Turn {turn} is done. {}", "- a *point* of it\n".repeat(turn % 100)));
        story.responds();
        story.done();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let (scribe, _) = Scribe::create(&layout, id)?;
    for page in story.envelopes().chunks(1024) {
        let mut batch = Batch::default();
        for envelope in page {
            let mut envelope = envelope.clone();
            batch.blobs.extend(envelope.spill());
            batch.envelopes.push(envelope);
        }
        runtime.block_on(scribe.write(batch))?;
    }
    scribe.finish()?;
    Ok(())
}

fn streamed(request: usize, text: String) -> Event {
    let marks = vec![StreamMark(text.len() as u32, 3)];
    let (request, part) = (RequestId(request as u64), StreamPart::Text);
    Event::ModelStreamed { request, attempt: 1, item: 0, part, text, marks }
}

/// The interface's own part: what it holds, and how it draws.
struct Screen {
    source: Source,
    inputs: Receiver<Input>,
    cells: Cells,
    status: Status,
    document: Document,
    theme: Theme,
    width: u16,
    events: usize,
}

impl Screen {
    fn draw(&mut self) -> usize {
        let (theme, width) = (&self.theme, self.width);
        let mut draw = |cell: &Cell, fold: Fold| {
            let now = Timestamp(0);
            let look = Look { theme, fold, now, cwd: "/ws/dir", home: None, unfold: "Ctrl-O" };
            Rc::new(render::cell(cell, &look, width))
        };
        self.document.view(width, HEIGHT, &mut draw).len()
    }

    /// Draws until all that is wanted was read.
    fn settle(&mut self) -> usize {
        loop {
            let lines = self.draw();
            let Some(range) = self.document.wanted() else { return lines };
            self.read(range);
        }
    }

    fn read(&mut self, range: RangeInclusive<Seq>) {
        let events = self.source.read(range.clone());
        self.document.loaded(range, Cells::of(&events));
    }

    /// Takes what comes until the first picture can be drawn, or to the end of what was there.
    fn take(&mut self, until: Until) -> Result<(), Failure> {
        loop {
            match self.inputs.recv()? {
                Input::Loaded(range, events) => {
                    self.document.loaded(range, Cells::of(&events));
                    if until == Until::Preview {
                        return Ok(());
                    }
                }
                Input::Events(records) => {
                    self.events += records.len();
                    let events: Vec<&Envelope> = records.iter().map(|it| &it.envelope).collect();
                    events.iter().for_each(|event| self.status.apply(event));
                    for change in self.cells.apply_all(events) {
                        self.document.apply(change);
                    }
                }
                Input::CaughtUp => {
                    self.document.caught_up();
                    return Ok(());
                }
                other => return Err(format!("{other:?} came too early").into()),
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    Preview,
    CaughtUp,
}

fn measure(home: &Path, id: SessionId, from: &str) -> Result<(), Failure> {
    let layout = Layout::new(home);
    let begun = Instant::now();
    let mut scribe = None;
    let source = if from == "owned" {
        let (opened, handle) = Scribe::open(&layout, id)?;
        scribe = Some(opened);
        Source::Own(handle)
    } else {
        Source::Files(Arc::new(RawJournal::read(&layout.session(id), id)?))
    };
    let opened = milliseconds(begun);
    let opened_resident = kibibytes("VmRSS")?;
    let (sender, inputs) = sync_channel(INBOX);
    let feed = source.clone();
    std::thread::spawn(move || feed.feed(move |input| sender.send(input).is_ok()));
    let (cells, status, document) = (Cells::default(), Status::default(), Document::default());
    let (theme, width) = (Theme::of(Palette::Dark), WIDTH);
    let mut screen = Screen { source, inputs, cells, status, document, theme, width, events: 0 };
    screen.take(Until::Preview)?;
    assert_eq!(screen.settle(), usize::from(HEIGHT));
    let first = milliseconds(begun);
    screen.take(Until::CaughtUp)?;
    let whole = milliseconds(begun);
    assert!(screen.events >= EVENTS);
    let resident = kibibytes("VmRSS")?;
    assert_eq!(screen.settle(), usize::from(HEIGHT));

    say("session opened", "ms", opened);
    say("memory with it opened", "MiB", opened_resident / 1024.0);
    say("first picture, after that", "ms", first - opened);
    say("all of it known, after that", "ms", whole - opened);
    say("memory with all of it known", "MiB", resident / 1024.0);
    say(
        "one line up, longest",
        "ms",
        longest(300, |_| {
            screen.document.scroll(Scroll::Lines(-1));
            screen.settle();
        }),
    );
    say(
        "one screen up, longest",
        "ms",
        longest(300, |_| {
            screen.document.scroll(Scroll::Pages(-1));
            screen.settle();
        }),
    );
    say(
        "to any place, longest",
        "ms",
        longest(100, |number| {
            let seq = (number as u64 * 7_919_317) % EVENTS as u64;
            screen.document.scroll(Scroll::To(Seq(seq)));
            screen.settle();
        }),
    );
    say(
        "another width, longest",
        "ms",
        longest(50, |number| {
            screen.width = 60 + (number as u16 * 37) % 100;
            screen.settle();
        }),
    );
    let begun = Instant::now();
    screen.document.find("number_7 of turn 77 ");
    screen.settle();
    assert!(screen.document.step(Toward::Older).is_some());
    say("words found in all of it", "ms", milliseconds(begun));
    say("memory after that", "MiB", kibibytes("VmRSS")? / 1024.0);
    say("most memory", "MiB", kibibytes("VmHWM")? / 1024.0);
    drop(screen);
    if let Some(scribe) = scribe {
        scribe.finish()?;
    }
    Ok(())
}

/// Kinds of answers: the line that they are of, and what is between two.
const ANSWERS: [(&str, &str, &str); 4] = [
    ("paragraphs", "Some *words* of it, and `code`.", "\n\n"),
    ("one list", "- Some *words* of it, and `code`.", "\n"),
    ("one paragraph", "Some *words* of it, and `code`.", "\n"),
    ("one table", "| Some *words* of it | and `code` |", "\n"),
];

/// Gives the milliseconds that a picture of an answer of 100 kB takes for what came in since the last.
fn growing(line: &str, apart: &str) -> f64 {
    let columns = if line.starts_with('|') { "|---|---|\n" } else { "" };
    let piece = format!("{line}{apart}");
    let text = format!("{piece}{columns}{}", piece.repeat(110_000 / piece.len()));
    let theme = Theme::of(Palette::Dark);
    let mut stream = Stream::default();
    stream.message(&text[..100_000], Standing::Open, &theme, WIDTH);
    let begun = Instant::now();
    let ends = (100_000..110_000 - piece.len()).step_by(33);
    let pictures = ends.len() as f64;
    for end in ends {
        stream.message(&text[..end], Standing::Open, &theme, WIDTH);
    }
    milliseconds(begun) / pictures
}

fn longest(times: usize, mut step: impl FnMut(usize)) -> f64 {
    let once = |number| {
        let begun = Instant::now();
        step(number);
        milliseconds(begun)
    };
    (0..times).map(once).fold(0.0, f64::max)
}

fn say(name: &str, unit: &str, value: f64) {
    println!("{name}\t{unit}\t{value}");
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// Reads what the system says of this process's memory.
fn kibibytes(field: &str) -> Result<f64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with(field)).ok_or("no such line")?;
    let value = line.split_whitespace().nth(1).ok_or("no value")?;
    Ok(value.parse()?)
}
