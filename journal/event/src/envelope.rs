//! An event with its place in the journal, and its wire form.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Author, Digest, Epoch, Event, Millis, Seq, SessionId, Timestamp, TurnId};

/// The version of the schema that this program writes, for every kind.
pub const SCHEMA_VERSION: u32 = 1;

/// Stored values longer than this, in bytes of JSON, move to the blob store.
pub const SPILL_ABOVE: usize = 1024;

/// An event with its place in the journal and its causes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The session.
    pub session: SessionId,
    /// Position in the session: dense, from 1.
    pub seq: Seq,
    /// Generation of the writer.
    pub epoch: Epoch,
    /// Wall clock, for people.
    pub at: Timestamp,
    /// Time since the epoch began; paces replays.
    pub mono: Millis,
    /// Who is answerable.
    pub author: Author,
    /// The event that led to this one.
    pub cause: Option<Seq>,
    /// The turn that it belongs to.
    pub turn: Option<TurnId>,
    /// What happened.
    pub body: Body,
}

/// What happened, as far as this program knows the kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A kind of this release.
    Known(Event),
    /// A kind or version of another release: kept byte for byte, shown by its name.
    Foreign {
        /// Name of the kind.
        kind: String,
        /// Version of the schema.
        version: u32,
        /// The JSON of the body.
        raw: String,
    },
}

/// The bytes are not an event.
#[derive(Debug, thiserror::Error)]
#[error("not an event: {0}")]
pub struct CodecError(#[from] serde_json::Error);

// Field order is the wire order; canonical bytes depend on it.
#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    session: SessionId,
    seq: Seq,
    epoch: Epoch,
    at: Timestamp,
    mono: Millis,
    author: Author,
    cause: Option<Seq>,
    turn: Option<TurnId>,
    #[serde(borrow)]
    kind: std::borrow::Cow<'a, str>,
    v: u32,
    #[serde(borrow)]
    body: &'a RawValue,
}

#[derive(Serialize, Deserialize)]
struct Tagged<'a> {
    #[serde(borrow)]
    kind: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    body: &'a RawValue,
}

impl Envelope {
    /// Encodes the event as one flat JSON object, always to the same bytes.
    pub fn to_json(&self) -> Vec<u8> {
        let tagged;
        let (kind, v, body) = match &self.body {
            Body::Known(event) => {
                tagged = serde_json::to_string(event).expect("events always encode");
                let split: Tagged<'_> = serde_json::from_str(&tagged).expect("events are tagged");
                (split.kind, SCHEMA_VERSION, split.body)
            }
            Body::Foreign { kind, version, raw } => {
                let body = serde_json::from_str(raw).expect("foreign bodies came from JSON");
                (kind.as_str().into(), *version, body)
            }
        };
        let wire = Wire {
            session: self.session,
            seq: self.seq,
            epoch: self.epoch,
            at: self.at,
            mono: self.mono,
            author: self.author.clone(),
            cause: self.cause,
            turn: self.turn,
            kind,
            v,
            body,
        };
        serde_json::to_vec(&wire).expect("envelopes always encode")
    }

    /// Decodes an event; a kind, version or body that this release does not know stays as it came.
    pub fn from_json(json: &[u8]) -> Result<Envelope, CodecError> {
        let wire: Wire<'_> = serde_json::from_slice(json)?;
        Ok(Envelope {
            session: wire.session,
            seq: wire.seq,
            epoch: wire.epoch,
            at: wire.at,
            mono: wire.mono,
            author: wire.author,
            cause: wire.cause,
            turn: wire.turn,
            body: Body::decode(&wire.kind, wire.v, wire.body),
        })
    }

    /// Gives the event, if its kind is known.
    pub fn event(&self) -> Option<&Event> {
        match &self.body {
            Body::Known(event) => Some(event),
            Body::Foreign { .. } => None,
        }
    }

    /// Names the kind, known or not.
    pub fn kind(&self) -> String {
        match &self.body {
            Body::Known(event) => kind(event),
            Body::Foreign { kind, .. } => kind.clone(),
        }
    }

    /// Moves large values out, and gives the blobs that must be durable before this event is.
    pub fn spill(&mut self) -> Vec<(Digest, Vec<u8>)> {
        match &mut self.body {
            Body::Known(event) => {
                event.slots().into_iter().filter_map(|slot| slot.spill(SPILL_ABOVE)).collect()
            }
            Body::Foreign { .. } => Vec::new(),
        }
    }

    /// Names the blobs that the event's values are held in.
    pub fn blobs(&self) -> Vec<(Digest, u64)> {
        match self.body.clone() {
            Body::Known(mut event) => event.slots().iter().filter_map(|slot| slot.blob()).collect(),
            Body::Foreign { .. } => Vec::new(),
        }
    }

    /// Puts the values that are held in blobs back in place, and names those that `read` does not
    /// give in the right form.
    pub fn hydrate(&mut self, mut read: impl FnMut(&Digest) -> Option<Vec<u8>>) -> Vec<Digest> {
        let mut missing = Vec::new();
        if let Body::Known(event) = &mut self.body {
            for slot in event.slots() {
                if let Some((digest, _)) = slot.blob()
                    && !read(&digest).is_some_and(|bytes| slot.fill(&bytes))
                {
                    missing.push(digest);
                }
            }
        }
        missing
    }
}

impl Body {
    fn decode(kind: &str, version: u32, raw: &RawValue) -> Body {
        let foreign =
            || Body::Foreign { kind: kind.to_owned(), version, raw: raw.get().to_owned() };
        if version != SCHEMA_VERSION {
            return foreign();
        }
        let tagged = serde_json::to_string(&Tagged { kind: kind.into(), body: raw })
            .expect("JSON that was read can be written");
        serde_json::from_str(&tagged).map_or_else(|_| foreign(), Body::Known)
    }
}

/// Names the kind of an event, as its wire form does.
pub fn kind(event: &Event) -> String {
    let tagged = serde_json::to_string(event).expect("events always encode");
    let split: Tagged<'_> = serde_json::from_str(&tagged).expect("events are tagged");
    split.kind.into_owned()
}
