//! Journals on disk, written frame by frame.

use std::fs;

use codex_event::{Digest, Envelope, Record, SessionId, genesis};
use codex_journal::{Head, HeadFile, Layout};
use codex_replay::{Mode, Replayed};
use codex_view::testing::{self, Story};
use tempfile::TempDir;

/// A home that is removed with this value.
pub(crate) struct Home {
    _folder: TempDir,
    pub(crate) layout: Layout,
}

pub(crate) fn home() -> Home {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let layout = Layout::new(folder.path());
    Home { _folder: folder, layout }
}

pub(crate) fn id() -> SessionId {
    testing::SESSION.parse().expect("an id")
}

/// Seals events into records, and gives the blobs that they need.
pub(crate) fn sealed(envelopes: &[Envelope]) -> (Vec<Record>, Vec<(Digest, Vec<u8>)>) {
    let mut blobs = Vec::new();
    let mut prev = envelopes.first().map(|first| genesis(&first.session)).expect("not empty");
    let mut records = Vec::new();
    for envelope in envelopes {
        let mut envelope = envelope.clone();
        blobs.extend(envelope.spill());
        let record = Record::seal(envelope, prev);
        prev = record.hash;
        records.push(record);
    }
    (records, blobs)
}

impl Home {
    /// Writes a journal as a store leaves it: frames somewhere in the data file, blobs, the head.
    pub(crate) fn write(&self, envelopes: &[Envelope]) {
        let (records, blobs) = sealed(envelopes);
        let last = records.last().expect("not empty");
        let dir = self.layout.session(last.envelope.session);
        fs::create_dir_all(dir.db()).expect("a folder");
        let mut data = b"the engine's own bytes".to_vec();
        for record in &records {
            data.extend_from_slice(&record.frame);
            data.extend_from_slice(&[0, 1, 2]);
        }
        fs::write(dir.data(), data).expect("written");
        fs::create_dir_all(dir.blobs()).expect("a folder");
        for (digest, bytes) in blobs {
            fs::write(dir.blobs().join(digest.to_string()), bytes).expect("written");
        }
        let (seq, epoch) = (last.envelope.seq, last.envelope.epoch);
        HeadFile::create(&dir.head(), Head { seq, hash: last.hash, epoch }).expect("written");
    }

    pub(crate) fn tell(&self, story: &Story) {
        self.write(story.envelopes());
    }

    /// Writes a journal whose last records were not acknowledged.
    pub(crate) fn tell_behind(&self, story: &Story, unacknowledged: usize) {
        let folder = self.layout.session(id());
        fs::remove_dir_all(folder.path()).expect("removed");
        self.tell(story);
        let (records, _) = sealed(story.envelopes());
        let last = &records[records.len() - 1 - unacknowledged];
        let (seq, epoch) = (last.envelope.seq, last.envelope.epoch);
        fs::remove_file(folder.head()).expect("removed");
        HeadFile::create(&folder.head(), Head { seq, hash: last.hash, epoch }).expect("written");
    }

    pub(crate) fn replay(&self, mode: Mode) -> (String, Replayed) {
        let mut out = Vec::new();
        let replayed = codex_replay::run(&self.layout, id(), mode, &mut out).expect("it replays");
        (String::from_utf8(out).expect("text"), replayed)
    }

    /// Flips a bit in the record of one position.
    pub(crate) fn damage(&self, story: &Story, seq: u64) {
        let (records, _) = sealed(story.envelopes());
        let frame = &records[seq as usize - 1].frame;
        let path = self.layout.session(id()).data();
        let mut data = fs::read(&path).expect("read");
        let at = data.windows(frame.len()).position(|bytes| bytes == frame).expect("it is there");
        data[at + frame.len() - 1] ^= 1;
        fs::write(&path, data).expect("written");
    }
}

/// One message so long that it is kept outside of its record.
pub(crate) fn long_message() -> (Story, String) {
    let text = "all work and no play\n".repeat(200);
    let mut story = Story::new();
    story.open();
    story.turn("write");
    story.ask();
    story.says(&text);
    story.responds();
    story.done();
    (story, text)
}
