use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Mutex;

use codex_event::{Author, CloseReason, Command, Rejection, SessionId};
use codex_journal::{Attendant, Batch, Guest, Layout, Scribe, Server};
use codex_view::testing::{self, Story};
use codex_view::{Cell, CellChange, Cells};
use ratatui::text::Line;

use super::*;
use crate::document::Document;
use crate::render::Fold;

fn write(scribe: &Scribe, envelopes: &[Envelope]) {
    let mut batch = Batch::default();
    for envelope in envelopes {
        let mut envelope = envelope.clone();
        batch.blobs.extend(envelope.spill());
        batch.envelopes.push(envelope);
    }
    let written = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime")
        .block_on(scribe.write(batch));
    written.expect("written");
}

/// Gives all that a source tells.
fn told(source: Source) -> Vec<Input> {
    let told = Mutex::new(Vec::new());
    source.feed(|input| {
        told.lock().expect("no panic").push(input);
        true
    });
    told.into_inner().expect("no panic")
}

/// Gives what a source tells until it has caught up.
fn told_so_far(source: Source) -> Vec<Input> {
    let told = Mutex::new(Vec::new());
    source.feed(|input| {
        let more = !matches!(input, Input::CaughtUp);
        told.lock().expect("no panic").push(input);
        more
    });
    told.into_inner().expect("no panic")
}

fn events(told: &[Input]) -> Vec<Envelope> {
    let records = told.iter().filter_map(|input| {
        let Input::Events(records) = input else { return None };
        Some(records)
    });
    records.flatten().map(|record| record.envelope.clone()).collect()
}

/// A session of many turns, whose words are kept in blobs.
fn long(turns: usize) -> Story {
    let mut story = Story::new();
    story.open();
    for turn in 0..turns {
        story.turn(&format!("turn {turn} {}", "please ".repeat(300)));
        story.ask();
        story.shell("make", &[(codex_event::OutputStream::Stdout, "made\n")], 0);
        story.says(&format!("done {turn} {}", "well ".repeat(300)));
        story.responds();
        story.done();
    }
    story
}

struct Home {
    _folder: tempfile::TempDir,
    layout: Layout,
    id: SessionId,
}

fn home() -> Home {
    let folder = tempfile::tempdir().expect("a folder");
    let layout = Layout::new(folder.path());
    Home { _folder: folder, layout, id: testing::SESSION.parse().expect("an id") }
}

/// The cells of a document after all that was told, with everything in it read.
fn shown(source: &Source, told: Vec<Input>) -> BTreeMap<Seq, Cell> {
    let (mut cells, mut document) = (Cells::default(), Document::default());
    let mut firsts = BTreeMap::new();
    let mut draw = |cell: &Cell, _: Fold| Rc::new(vec![Line::from(cell.first.to_string())]);
    for input in told {
        match input {
            Input::Loaded(range, events) => document.loaded(range, Cells::of(&events)),
            Input::Events(records) => {
                for change in cells.apply_all(records.iter().map(|record| &record.envelope)) {
                    match &change {
                        CellChange::Put(cell) | CellChange::Partial(cell) => {
                            firsts.insert(cell.first, ());
                        }
                        CellChange::Gone(first) => drop(firsts.remove(first)),
                    }
                    document.apply(change);
                }
            }
            Input::CaughtUp => document.caught_up(),
            Input::Ended(None) => {}
            other => panic!("{other:?}"),
        }
    }
    let read = |first: &Seq| {
        document.scroll(crate::document::Scroll::To(*first));
        document.view(20, 3, &mut draw);
        while let Some(range) = document.wanted() {
            document.loaded(range.clone(), Cells::of(&source.read(range)));
            document.view(20, 3, &mut draw);
        }
        (*first, document.cell(*first).expect("it was read").clone())
    };
    firsts.keys().map(read).collect()
}

fn whole(story: &[Envelope]) -> BTreeMap<Seq, Cell> {
    Cells::of(story).into_iter().map(|cell| (cell.first, cell)).collect()
}

#[test]
fn a_long_session_begins_with_its_end_and_is_shown_whole() {
    let home = home();
    let (scribe, handle) = Scribe::create(&home.layout, home.id).expect("created");
    let story = long(100);
    write(&scribe, story.envelopes());
    let source = Source::Own(handle);
    let told = told_so_far(source.clone());
    let Some(Input::Loaded(range, first)) = told.first() else { panic!("no preview") };
    let end = story.envelopes().len() as u64;
    assert_eq!((range.clone(), first.len() as u64), (Seq(end - PREVIEW + 1)..=Seq(end), PREVIEW));
    assert_eq!(first, &story.envelopes()[story.envelopes().len() - first.len()..]);
    let events = events(&told);
    assert_eq!(events.len() as u64, end);
    let apart: Vec<Seq> = events
        .iter()
        .zip(story.envelopes())
        .filter(|(told, told_once)| told != told_once)
        .map(|(told, _)| told.seq)
        .collect();
    assert!(apart.len() > 50 && apart.iter().all(|seq| seq < range.start()), "{apart:?}");
    assert_eq!(shown(&source, told), whole(story.envelopes()));
    drop(source);
    scribe.finish().expect("finished");
}

#[test]
fn a_session_is_told_as_it_goes_on_and_to_its_end() {
    let home = home();
    let (scribe, handle) = Scribe::create(&home.layout, home.id).expect("created");
    let mut story = long(2);
    write(&scribe, story.envelopes());
    let source = Source::Own(handle);
    let feed = {
        let source = source.clone();
        std::thread::spawn(move || told(source))
    };
    let before = story.envelopes().len();
    story.turn(&"go on ".repeat(1000));
    story.push(Author::Supervisor, codex_event::Event::Noted { text: "x".into() });
    story.close(CloseReason::Done);
    write(&scribe, &story.envelopes()[before..]);
    scribe.finish().expect("finished");
    let told = feed.join().expect("no panic");
    assert_eq!(events(&told), story.envelopes());
    assert!(matches!(told.last(), Some(Input::Ended(None))), "{:?}", told.last());
    assert_eq!(source.read(Seq(3)..=Seq(5)), story.envelopes()[2..5]);
    assert_eq!(source.read(Seq(900)..=Seq(905)), []);
}

#[test]
fn files_tell_what_their_owner_told() {
    let home = home();
    let (scribe, handle) = Scribe::create(&home.layout, home.id).expect("created");
    let story = long(100);
    write(&scribe, story.envelopes());
    drop(handle);
    scribe.finish().expect("finished");
    let journal = RawJournal::read(&home.layout.session(home.id), home.id).expect("readable");
    let source = Source::Files(Arc::new(journal));
    let told = told(source.clone());
    assert!(matches!(told.first(), Some(Input::Loaded(..))));
    assert!(matches!(told.last(), Some(Input::Ended(None))));
    assert_eq!(shown(&source, told), whole(story.envelopes()));
}

/// An owner that takes whatever it is asked.
struct Desk;

impl Attendant for Desk {
    fn ask(&self, _: &str, _: Command) -> Result<(), Rejection> {
        Ok(())
    }

    fn hand_over(&self, _: &str, _: u32) -> Result<(), Rejection> {
        Ok(())
    }
}

#[test]
fn a_guest_is_told_what_the_owner_is_told() {
    let home = home();
    let (scribe, handle) = Scribe::create(&home.layout, home.id).expect("created");
    let server = Server::start(home.id, &handle, "tui", Desk).expect("on a disk");
    let mut story = long(100);
    write(&scribe, story.envelopes());
    let guest = Guest::connect(&home.layout, home.id, "tui").expect("it joins");
    let source = Source::Remote(Arc::new(guest));
    let so_far = told_so_far(source.clone());
    let Some(Input::Loaded(range, _)) = so_far.first() else { panic!("no preview") };
    assert_eq!(range.end().0 - range.start().0 + 1, PREVIEW);
    assert_eq!(shown(&source, so_far), whole(story.envelopes()));
    assert_eq!(source.read(Seq(3)..=Seq(5)), story.envelopes()[2..5]);

    let follows = {
        let source = source.clone();
        std::thread::spawn(move || told(source))
    };
    let before = story.envelopes().len();
    story.turn(&"go on ".repeat(1000));
    story.close(CloseReason::Done);
    write(&scribe, &story.envelopes()[before..]);
    drop(handle);
    scribe.finish().expect("finished");
    server.stop();
    let told = follows.join().expect("no panic");
    assert!(matches!(told.last(), Some(Input::Ended(None))), "{:?}", told.last());
    assert_eq!(shown(&source, told), whole(story.envelopes()));
    // The owner is gone: its files tell the same.
    let end = story.envelopes().len();
    assert_eq!(source.read(Seq(end as u64)..=Seq(end as u64)), story.envelopes()[end - 1..]);
    assert_eq!(source.read(Seq(3)..=Seq(5)), story.envelopes()[2..5]);
}

#[test]
fn every_golden_journal_is_shown_as_its_events_are() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../journal/corpus");
    let entries = std::fs::read_dir(corpus).expect("the corpus is there").flatten();
    let homes: Vec<PathBuf> = entries.map(|it| it.path()).filter(|it| it.is_dir()).collect();
    assert!(!homes.is_empty());
    for home in homes {
        let layout = Layout::new(&home);
        for id in layout.sessions().expect("readable") {
            let journal = RawJournal::read(&layout.session(id), id).expect("readable");
            let source = Source::Files(Arc::new(journal));
            let events = source.read(Seq(1)..=source.head());
            assert_eq!(events.len() as u64, source.head().0);
            let cells = whole(&events);
            assert!(cells.len() > 10, "{}", cells.len());
            for cell in cells.values().filter(|cell| cell.stands_alone()) {
                let again = Cells::of(&source.read(cell.first..=cell.last));
                let again = again.into_iter().find(|it| it.first == cell.first);
                assert_eq!(again.as_ref(), Some(cell));
            }
            assert_eq!(shown(&source, told(source.clone())), cells);
        }
    }
}
