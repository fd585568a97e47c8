//! Signed statements of how far a journal was.

use codex_event::{Digest, Epoch, Seq, SessionId, Timestamp};
use codex_journal::{HeadState, Layout, RawError, RawJournal};
use serde::{Deserialize, Serialize};

use super::key::{AuditKey, PublicKey, hex, unhex};
use super::time::{moment, utc};

/// Names the form of a line. The signed text begins with the same words, so that a signature of this
/// form is one of nothing else.
const FORMAT: &str = "codex-audit-checkpoint-1";

/// A signed statement that a journal held this record at this time, with all that the record is
/// linked to.
///
/// It speaks of the acknowledged head alone: what was written behind it may be lost with the power,
/// and nobody was told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The session, by the name of its folder.
    pub session: SessionId,
    /// Position of the record.
    pub seq: Seq,
    /// Its hash, which commits to every record before it.
    pub hash: Digest,
    /// Its epoch.
    pub epoch: Epoch,
    /// When the statement was made, by the clock of the one who made it.
    pub time: Timestamp,
    /// Records that the journal held up to this one.
    pub records: u64,
    /// The key that signed it.
    pub key: PublicKey,
    signature: [u8; 64],
}

/// Why a line is not a checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// It is another JSON, or none.
    #[error("is not a checkpoint: {0}")]
    Json(#[from] serde_json::Error),
    /// It is of another release.
    #[error("is of the form `{0}`, which this release does not know")]
    Format(String),
    /// A field does not hold what it has to.
    #[error("is not a checkpoint: its {0} can't be read")]
    Field(&'static str),
    /// The signature is not that of these fields by this key.
    #[error("was not signed as it stands: its signature does not fit")]
    Signature,
}

/// Why no checkpoint was made.
#[derive(Debug, thiserror::Error)]
pub enum Unsigned {
    /// The journal can't be read at all.
    #[error(transparent)]
    Journal(#[from] RawError),
    /// The journal is not whole, and a signature would only bless that.
    #[error("session {session} is not whole: {problem}")]
    Damaged {
        /// The session.
        session: SessionId,
        /// The first thing that is wrong.
        problem: String,
    },
    /// Nothing of it was ever acknowledged.
    #[error("session {0} holds no acknowledged record yet")]
    Empty(SessionId),
}

// Field order is the order on the line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    format: String,
    session: SessionId,
    seq: Seq,
    hash: Digest,
    epoch: Epoch,
    time: String,
    records: u64,
    key: PublicKey,
    signature: String,
}

/// Signs how far a session's journal is; changes nothing in it, and works beside its writer.
pub fn take(
    layout: &Layout,
    session: SessionId,
    key: &AuditKey,
    now: Timestamp,
) -> Result<Checkpoint, Unsigned> {
    let journal = RawJournal::read(&layout.session(session), session)?;
    if let Some(problem) = journal.problems().first() {
        return Err(Unsigned::Damaged { session, problem: problem.to_string() });
    }
    let head = match journal.acknowledged() {
        HeadState::Good(head) | HeadState::OneSlot(head) if head.seq > Seq(0) => head,
        HeadState::Good(_) | HeadState::OneSlot(_) | HeadState::Damaged | HeadState::Absent => {
            return Err(Unsigned::Empty(session));
        }
    };
    let mut checkpoint = Checkpoint {
        session,
        seq: head.seq,
        hash: head.hash,
        epoch: head.epoch,
        // As it is written, so that it is read back as it was signed.
        time: moment(&utc(now), now).unwrap_or(now),
        // Nothing is missing before the head, or there would be a problem.
        records: head.seq.0,
        key: key.public(),
        signature: [0; 64],
    };
    checkpoint.signature = key.sign(checkpoint.signed_text().as_bytes());
    Ok(checkpoint)
}

impl Checkpoint {
    /// Writes it as one line of JSON, without a line break.
    pub fn to_line(&self) -> String {
        let line = Line {
            format: FORMAT.to_owned(),
            session: self.session,
            seq: self.seq,
            hash: self.hash,
            epoch: self.epoch,
            time: utc(self.time),
            records: self.records,
            key: self.key,
            signature: hex(&self.signature),
        };
        serde_json::to_string(&line).expect("lines of plain fields always encode")
    }

    /// Reads a line, and checks its signature by the key that it names. Whether that key is to be
    /// trusted is another question.
    pub fn from_line(text: &str) -> Result<Checkpoint, LineError> {
        #[derive(Deserialize)]
        struct Form {
            format: String,
        }
        let form: Form = serde_json::from_str(text)?;
        if form.format != FORMAT {
            return Err(LineError::Format(form.format));
        }
        let line: Line = serde_json::from_str(text)?;
        let time = moment(&line.time, Timestamp(0)).filter(|time| utc(*time) == line.time);
        let checkpoint = Checkpoint {
            session: line.session,
            seq: line.seq,
            hash: line.hash,
            epoch: line.epoch,
            time: time.ok_or(LineError::Field("time"))?,
            records: line.records,
            key: line.key,
            signature: unhex(&line.signature).ok_or(LineError::Field("signature"))?,
        };
        let text = checkpoint.signed_text();
        if !checkpoint.key.signed(text.as_bytes(), &checkpoint.signature) {
            return Err(LineError::Signature);
        }
        Ok(checkpoint)
    }

    // One field a line, in a fixed order; no value can hold a line break.
    fn signed_text(&self) -> String {
        let Checkpoint { session, seq, hash, epoch, time, records, key, signature: _ } = self;
        let time = utc(*time);
        format!(
            "{FORMAT}\nsession {session}\nseq {seq}\nhash {hash}\nepoch {epoch}\ntime {time}\n\
             records {records}\nkey {key}\n"
        )
    }
}
