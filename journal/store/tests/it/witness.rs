//! Who opens a journal is shown every event, whatever becomes of the engine's files meanwhile.

use codex_event::{Envelope, MAGIC, Seq};
use codex_journal::{Layout, OpenError, Scribe};

use crate::damage::{cut, flip, inode, journal, problems, records};
use crate::support::{home, session};

fn shown(home: &std::path::Path, number: u64) -> Result<Vec<Envelope>, OpenError> {
    let mut shown = Vec::new();
    let (scribe, handle) =
        Scribe::open_before(&Layout::new(home), session(number), &mut |envelope| {
            shown.push(envelope.clone());
        })?;
    assert_eq!(shown.last().map(|last| last.seq), Some(handle.head().seq));
    drop(handle);
    scribe.finish().expect("finishes");
    Ok(shown)
}

#[test]
fn each_event_is_shown_once_and_in_order() {
    let home = home();
    let dir = journal(home.path(), session(1));
    let there: Vec<Envelope> =
        records(&dir, session(1)).into_iter().map(|record| record.envelope).collect();
    assert_eq!(there.len(), 300);
    for _ in 0..2 {
        assert_eq!(shown(home.path(), 1).expect("opens"), there);
    }
}

#[test]
fn what_is_shown_is_not_what_a_broken_engine_leaves_of_its_files() {
    let home = home();
    let dir = journal(home.path(), session(2));
    let there: Vec<Envelope> =
        records(&dir, session(2)).into_iter().map(|record| record.envelope).collect();
    // A byte of the engine's own, before frames at several places: it loses what follows it, and
    // writes over it while the events are being shown.
    let bytes = std::fs::read(dir.data()).expect("readable");
    let mut anew = 0;
    for part in 1..6 {
        let begin = bytes.len() * part / 8;
        let Some(frame) = (begin..bytes.len() - 8).find(|at| bytes[*at..].starts_with(&MAGIC))
        else {
            continue;
        };
        std::fs::write(dir.data(), &bytes).expect("written");
        flip(&dir.data(), frame as u64 * 8 - 3);
        // Held, so that its number goes to no other file.
        let held = std::fs::File::open(dir.data()).expect("a file");
        let before = inode(&dir);
        assert_eq!(shown(home.path(), 2).expect("opens"), there, "part {part}");
        assert_eq!(problems(&dir, session(2)), [], "part {part}");
        anew += u32::from(inode(&dir) != before);
        drop(held);
    }
    assert!(anew > 0, "no byte broke the engine");
}

#[test]
fn a_repair_is_shown_with_what_is_left() {
    let home = home();
    let dir = journal(home.path(), session(3));
    let len = std::fs::metadata(dir.data()).expect("there").len();
    cut(&dir.data(), len / 2);
    let left = shown(home.path(), 3).expect("repaired");
    let gap = left.windows(2).find(|pair| pair[1].seq != pair[0].seq.next()).expect("a hole");
    assert_eq!(gap[1].seq, Seq(301), "the repair stands behind the head");
    assert_eq!(gap[1].kind(), "repaired");
    assert_eq!(left.len(), records(&dir, session(3)).len());
}
