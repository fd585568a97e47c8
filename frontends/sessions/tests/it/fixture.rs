//! Journals on disk, written frame by frame.

use std::fs;
use std::path::PathBuf;

use codex_event::{Envelope, Record, SessionId, Timestamp, genesis};
use codex_journal::{Head, HeadFile, Layout};
use codex_sessions::{Catalog, Entry, Look};
use codex_view::Paint;
use codex_view::testing::Story;
use tempfile::TempDir;

/// A home that is removed with this value.
pub(crate) struct Home {
    folder: TempDir,
    pub(crate) layout: Layout,
}

pub(crate) fn home() -> Home {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let layout = Layout::new(folder.path());
    Home { folder, layout }
}

pub(crate) fn id(number: u32) -> SessionId {
    format!("{:08x}-0000-7000-8000-000000000000", 0x0190_0000 + number).parse().expect("an id")
}

impl Home {
    /// Writes a journal as a store leaves it: frames somewhere in the data file, blobs, the head.
    /// One that is there grows by what it lacks.
    pub(crate) fn tell(&self, story: &Story) {
        let envelopes = story.envelopes();
        let first: &Envelope = envelopes.first().expect("not empty");
        let dir = self.layout.session(first.session);
        fs::create_dir_all(dir.db()).expect("a folder");
        let mut data = b"the engine's own bytes".to_vec();
        let mut prev = genesis(&first.session);
        for envelope in envelopes {
            let mut envelope = envelope.clone();
            for (digest, bytes) in envelope.spill() {
                fs::create_dir_all(dir.blobs()).expect("a folder");
                fs::write(dir.blobs().join(digest.to_string()), bytes).expect("written");
            }
            let record = Record::seal(envelope, prev);
            data.extend_from_slice(&record.frame);
            data.extend_from_slice(&[0, 1, 2]);
            prev = record.hash;
        }
        fs::write(dir.data(), data).expect("written");
        fs::write(dir.lock(), "").expect("written");
        let last = envelopes.last().expect("not empty");
        let head = Head { seq: last.seq, hash: prev, epoch: last.epoch };
        match HeadFile::open(&dir.head()) {
            Ok((mut file, _)) => file.write(head).expect("written"),
            Err(_) => drop(HeadFile::create(&dir.head(), head).expect("written")),
        }
    }

    pub(crate) fn catalog(&self) -> Catalog {
        Catalog::open(&self.layout, &mut |_| {}).expect("listed")
    }

    pub(crate) fn index(&self) -> PathBuf {
        self.layout.path().join("index")
    }

    /// The table of all sessions, without what differs from one file system to the next.
    pub(crate) fn listed(&self) -> String {
        let mut catalog = self.catalog();
        for entry in &mut catalog.entries {
            entry.size = 10 << 10;
            entry.touched = Timestamp(0);
        }
        catalog.entries.sort_by_key(|entry| std::cmp::Reverse(entry.id));
        let entries: Vec<&Entry> = catalog.entries.iter().collect();
        let now = Timestamp(1_795_000_000_000 + 5 * 60_000);
        let look = Look { paint: Paint::Plain, now, home: Some("/ws") };
        let mut out = Vec::new();
        codex_sessions::table(&entries, look, &mut out).expect("printed");
        String::from_utf8(out).expect("text")
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        self.folder.path()
    }
}
