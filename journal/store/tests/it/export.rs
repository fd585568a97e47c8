//! Sessions as files, and back.

use codex_event::{Digest, HEADER_LEN, Seq, SessionId};
use codex_journal::{
    Batch, Cut, Exported, ImportError, Imported, Layout, OpenError, Problem, Scribe, export, fork,
    import, is_export, verify,
};

use crate::fork::{new, parent, records};
use crate::support::{Dice, barrier, block_on, envelope, home, session};

fn exported(layout: &Layout, id: SessionId) -> (Vec<u8>, Exported) {
    let mut file = Vec::new();
    let mut told = 0;
    let made = export(layout, id, &mut file, &mut |bytes| told = bytes).expect("exported");
    assert!(told > 0 && told <= made.bytes);
    assert_eq!(made.bytes, file.len() as u64);
    (file, made)
}

fn imported(layout: &Layout, mut file: &[u8]) -> Result<Imported, ImportError> {
    import(layout, &mut file, &mut |_| {})
}

fn is_empty(layout: &Layout) -> bool {
    std::fs::read_dir(layout.path()).map_or(true, |mut entries| entries.next().is_none())
}

#[test]
fn a_session_is_the_same_in_another_home() {
    let (here, there) = (home(), home());
    let (from, to) = (Layout::new(here.path()), Layout::new(there.path()));
    parent(&from, session(1), 20);
    fork(&from, session(1), Cut::At(Seq(50)), new(session(2))).expect("forked");
    for id in [session(1), session(2)] {
        let (file, made) = exported(&from, id);
        assert!(is_export(&file) && !is_export(b"{}"));
        assert_eq!((made.missing, made.missing_blobs), (vec![], vec![]));
        let found = imported(&to, &file).expect("imported");
        assert_eq!((found.id, found.records, found.blobs), (id, made.records, made.blobs));
        assert_eq!(records(&to, id), records(&from, id));
        let (one, other) = (from.session(id), to.session(id));
        assert_eq!(verify(&one, id).expect("readable"), verify(&other, id).expect("readable"));
        // Again, and there is one already.
        let again = imported(&to, &file);
        assert!(matches!(again, Err(ImportError::Make(OpenError::Exists(_)))), "{again:?}");
        // It goes on there, and comes back out as it went in, and what followed.
        let (scribe, handle) = Scribe::open(&to, id).expect("opens");
        let seq = handle.head().seq.next().0;
        let more = envelope(id, seq, 9, barrier("more"));
        block_on(scribe.write(Batch { envelopes: vec![more], blobs: vec![] })).expect("written");
        drop(handle);
        scribe.finish().expect("finishes");
        let (again, made) = exported(&to, id);
        assert_eq!(made.records, seq);
        std::fs::remove_dir_all(other.path()).expect("removed");
        assert_eq!(imported(&to, &again).expect("imported").records, seq);
        assert_eq!(verify(&other, id).expect("readable").problems, []);
    }
}

#[test]
fn whatever_is_done_to_a_file_is_found_and_nothing_is_left() {
    let (here, there) = (home(), home());
    let (from, to) = (Layout::new(here.path()), Layout::new(there.path()));
    parent(&from, session(1), 12);
    let (file, _) = exported(&from, session(1));
    let mut dice = Dice(7);
    let refused = |file: &[u8], what: &str| {
        let found = imported(&to, file);
        assert!(found.is_err(), "{what}: {found:?}");
        assert!(is_empty(&to), "{what}");
        found.expect_err("just seen")
    };
    for trial in 0..300 {
        let mut edited = file.clone();
        let at = dice.below(file.len() as u64) as usize;
        edited[at] ^= 1 << dice.below(8);
        refused(&edited, &format!("trial {trial}: a bit at {at}"));
    }
    for trial in 0..100 {
        let len = dice.below(file.len() as u64) as usize;
        let error = refused(&file[..len], &format!("trial {trial}: cut at {len}"));
        let named = matches!(error, ImportError::CutOff { at } if at <= len as u64);
        assert!(named || len < 8, "{error:?}");
    }
    refused(&[&file[..], b"more"].concat(), "something behind its end");
    assert!(matches!(refused(b"", "nothing"), ImportError::NotAnExport));
    assert!(matches!(refused(&[0; 5000], "zeros"), ImportError::NotAnExport));
    let newer = [&file[..8], &[2], &file[9..]].concat();
    assert!(matches!(refused(&newer, "newer"), ImportError::Format(2)));
    // A length that no file has.
    let blob = file.windows(8).position(|it| it == 0_u64.to_le_bytes()).unwrap_or(100);
    let mut long = file.clone();
    long[blob..blob + 8].copy_from_slice(&u64::MAX.to_le_bytes());
    refused(&long, "endless");
}

#[test]
fn a_file_that_was_made_anew_with_other_records_is_found() {
    let (here, there) = (home(), home());
    let (from, to) = (Layout::new(here.path()), Layout::new(there.path()));
    parent(&from, session(1), 12);
    let (file, _) = exported(&from, session(1));
    // Somebody who knows the format leaves a record out, or swaps two, and mends the checksum.
    let all = records(&from, session(1));
    let sealed = |frames: &[&[u8]]| {
        let mut out = file[..73].to_vec();
        for frame in frames {
            out.push(b'F');
            out.extend_from_slice(frame);
        }
        let frames_end = 73 + all.iter().map(|record| record.frame.len() + 1).sum::<usize>();
        out.extend_from_slice(&file[frames_end..file.len() - 48]);
        out.extend_from_slice(&(frames.len() as u64).to_le_bytes());
        out.extend_from_slice(&file[file.len() - 40..file.len() - 32]);
        let context = "codex journal 2026-11 export";
        let sum = blake3::Hasher::new_derive_key(context).update(&out).finalize();
        out.extend_from_slice(sum.as_bytes());
        out
    };
    let frames: Vec<&[u8]> = all.iter().map(|record| &record.frame[..]).collect();
    assert_eq!(sealed(&frames), file, "the format is this");
    let mut swapped = frames.clone();
    swapped.swap(7, 8);
    let mut without = frames.clone();
    without.remove(7);
    let other = {
        let mut twice = frames.clone();
        twice.insert(7, frames[7]);
        twice
    };
    for (what, frames) in [("swapped", swapped), ("left out", without), ("twice", other)] {
        let found = imported(&to, &sealed(&frames));
        assert!(found.is_err(), "{what}: {found:?}");
        assert!(is_empty(&to), "{what}");
    }
    let shorter = imported(&to, &sealed(&frames[..frames.len() - 1]));
    assert!(matches!(shorter, Err(ImportError::Incomplete(_))), "{shorter:?}");
}

#[test]
fn a_damaged_session_is_exported_and_says_what_is_missing() {
    let (here, there) = (home(), home());
    let (from, to) = (Layout::new(here.path()), Layout::new(there.path()));
    let id = session(1);
    parent(&from, id, 12);
    let all = records(&from, id);
    let digest = Digest::of("6 ".repeat(3000).as_bytes());
    std::fs::remove_file(from.session(id).blobs().join(digest.to_string())).expect("removed");
    let (file, made) = exported(&from, id);
    assert_eq!(made.missing_blobs, [digest]);
    let found = imported(&to, &file).expect("a blob is no record");
    assert_eq!(found.missing_blobs, [digest]);

    let mut bytes = std::fs::read(from.session(id).data()).expect("readable");
    let frame = &all[14].frame;
    while let Some(at) = bytes.windows(frame.len()).position(|part| part == frame) {
        bytes[at + HEADER_LEN + 5] ^= 1;
    }
    std::fs::write(from.session(id).data(), bytes).expect("written");
    let (file, made) = exported(&from, id);
    assert_eq!(made.missing, [(Seq(15), Seq(15))]);
    std::fs::remove_dir_all(to.session(id).path()).expect("removed");
    let refused = imported(&to, &file);
    let lost = Problem::Missing { first: Seq(15), last: Seq(15) };
    assert!(matches!(&refused, Err(ImportError::Incomplete(it)) if *it == lost), "{refused:?}");
    assert!(is_empty(&to));
}
