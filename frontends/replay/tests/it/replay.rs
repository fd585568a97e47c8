use std::io::{self, Write};

use codex_journal::RawError;
use codex_replay::{Mode, ReplayError, Replayed};
use codex_view::testing::{self, Story};
use codex_view::{Jsonl, Paint};
use insta::assert_snapshot;

use crate::fixture::{home, id, long_message, sealed};

fn projected(story: &Story) -> String {
    let mut jsonl = Jsonl::default();
    let lines = story.envelopes().iter().flat_map(|envelope| jsonl.apply(envelope));
    lines.map(|line| line + "\n").collect()
}

#[test]
fn json_is_what_all_processes_printed() {
    let home = home();
    let story = testing::resumed();
    home.tell(&story);
    let (out, replayed) = home.replay(Mode::Json);
    assert_eq!(out, projected(&story));
    let records = story.envelopes().len() as u64;
    assert_eq!(replayed, Replayed { records, ..Replayed::default() });
}

#[test]
fn large_values_come_back_from_their_blobs() {
    let home = home();
    let (story, text) = long_message();
    home.tell(&story);
    let (out, replayed) = home.replay(Mode::Json);
    assert_eq!(out, projected(&story));
    assert!(home.replay(Mode::Text(Paint::Plain)).0.ends_with(&text));
    assert!(replayed.warnings.is_empty());
}

#[test]
fn a_lost_blob_is_named_and_the_rest_is_shown() {
    let home = home();
    let (story, _) = long_message();
    home.tell(&story);
    let (_, blobs) = sealed(story.envelopes());
    let [(digest, bytes)] = &blobs[..] else { panic!("one blob, not {}", blobs.len()) };
    let path = home.layout.session(id()).blobs().join(digest.to_string());
    std::fs::remove_file(path).expect("removed");
    let (out, replayed) = home.replay(Mode::Json);
    assert_eq!(replayed.warnings, [format!("blob {digest} of record 6 can't be read")]);
    let gone = format!("[{} bytes are missing: blob {digest}]", bytes.len());
    assert_eq!(out.lines().count(), 4);
    assert!(out.contains(&gone), "{out}");
}

#[test]
fn raw_is_the_stored_bytes() {
    let home = home();
    let (story, _) = long_message();
    home.tell(&story);
    let (records, _) = sealed(story.envelopes());
    let stored: Vec<u8> =
        records.iter().flat_map(|record| [record.json(), b"\n"].concat()).collect();
    let (out, replayed) = home.replay(Mode::Raw);
    assert_eq!(out.as_bytes(), stored);
    assert_eq!(replayed.records, records.len() as u64);
}

#[test]
fn a_foreign_record_is_kept_in_raw_and_named_in_text() {
    let home = home();
    let story = testing::every_kind();
    home.tell(&story);
    assert!(home.replay(Mode::Raw).0.contains(r#""kind":"moon_landed","v":1,"body":{"at":1}}"#));
    let text = home.replay(Mode::Text(Paint::Plain)).0;
    assert!(text.contains("is of another release: moon_landed"), "{text}");
}

#[test]
fn text_is_one_story_with_times() {
    let home = home();
    home.tell(&testing::interrupted());
    let (out, _) = home.replay(Mode::Text(Paint::Plain));
    assert_snapshot!(out, @r#"
    [   0.000] codex 0.1.0
    --------
    workdir: /ws/dir
    model: o4-mini
    provider: openai
    approval: never
    sandbox: landlock (landlock 4), allows disk-full-read-access, disk-write-cwd
      writable: /ws/dir
      limit: processes of other programs stay visible
    session id: 01900000-0000-7000-8000-000000000000
    --------
    [   0.015] user
    do the task
    [   0.050] codex
    Running the tests.
    exec sleep 60 in /ws/dir
    [   0.070]  was interrupted after 12ms:
    waiting
    [   0.075] ended by SIGINT
    [   0.080] session interrupted
    "#);
}

#[test]
fn a_damaged_record_is_named_and_the_rest_is_shown() {
    let home = home();
    let story = testing::shell();
    home.tell(&story);
    home.damage(&story, 4);
    for mode in [Mode::Json, Mode::Raw, Mode::Text(Paint::Plain)] {
        let (out, replayed) = home.replay(mode);
        assert_eq!(replayed.warnings, ["record 4 is missing"], "{mode:?}");
        assert_eq!(replayed.records, story.envelopes().len() as u64 - 1);
        assert!(out.contains("All three commands ran."), "{out}");
    }
    // The fourth is the begin of the turn.
    let without: String = projected(&story)
        .lines()
        .filter(|line| !line.contains("turn.started"))
        .flat_map(|line| [line, "\n"])
        .collect();
    assert_eq!(home.replay(Mode::Json).0, without);
}

#[test]
fn every_single_damage_is_survived_in_every_mode() {
    let story = testing::every_kind();
    for seq in 1..story.envelopes().len() as u64 {
        let home = home();
        home.tell(&story);
        home.damage(&story, seq);
        for mode in [Mode::Json, Mode::Raw, Mode::Text(Paint::Plain)] {
            let replayed = home.replay(mode).1;
            assert_eq!(replayed.warnings, [format!("record {seq} is missing")]);
        }
        assert!(home.replay(Mode::Verify).1.problems > 0);
    }
}

#[test]
fn reading_changes_nothing() {
    let home = home();
    let story = testing::shell();
    home.tell(&story);
    let dir = home.layout.session(id());
    let seen = || {
        let mut files: Vec<_> = [dir.data(), dir.head()]
            .map(|path| (path.clone(), std::fs::read(path).expect("read")))
            .into();
        let names = std::fs::read_dir(dir.path()).expect("a folder");
        files.extend(names.map(|entry| (entry.expect("an entry").path(), Vec::new())));
        files.sort();
        files
    };
    let before = seen();
    for mode in [Mode::Json, Mode::Raw, Mode::Text(Paint::Color), Mode::Verify] {
        home.replay(mode);
    }
    assert_eq!(seen(), before);
}

#[test]
fn an_unknown_session_is_an_error() {
    let home = home();
    let error = codex_replay::run(&home.layout, id(), Mode::Json, &mut Vec::new());
    assert!(matches!(error, Err(ReplayError::Journal(RawError::NotFound(_)))), "{error:?}");
}

#[test]
fn a_reader_that_goes_away_is_an_error_of_its_own() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let home = home();
    home.tell(&testing::shell());
    for mode in [Mode::Json, Mode::Raw, Mode::Text(Paint::Plain), Mode::Verify] {
        let error = codex_replay::run(&home.layout, id(), mode, &mut Gone).expect_err("gone");
        assert!(matches!(error, ReplayError::Output(_)), "{error:?}");
    }
}
