//! An event with its place in the journal, and its wire form.

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Error as _, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::{Author, Digest, Epoch, Event, Millis, Seq, SessionId, Timestamp, TurnId};

/// The version of the schema that this program writes, for every kind.
pub const SCHEMA_VERSION: u32 = 1;

/// Stored values longer than this, in bytes of JSON, move to the blob store.
pub const SPILL_ABOVE: usize = 1024;

/// Begins the kinds that hold what of another program's session could not be told as an event.
///
/// No release writes them but as foreign, and none may take the name for a kind of its own.
pub const IMPORTED: &str = "codex_rollout/";

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

/// What an event says of itself, whatever happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heading {
    /// The session.
    pub session: SessionId,
    /// Position in the session.
    pub seq: Seq,
    /// Generation of the writer.
    pub epoch: Epoch,
    /// Version of its schema.
    pub version: u32,
}

/// The bytes are not an event.
#[derive(Debug, thiserror::Error)]
#[error("not an event: {0}")]
pub struct CodecError(#[from] serde_json::Error);

// About what an envelope needs beside its body.
const HEAD_ROOM: usize = 256;

// Field order is the wire order; canonical bytes depend on it. The body follows.
#[derive(Serialize)]
struct Head<'a> {
    session: SessionId,
    seq: Seq,
    epoch: Epoch,
    at: Timestamp,
    mono: Millis,
    author: &'a Author,
    cause: Option<Seq>,
    turn: Option<TurnId>,
    kind: &'a str,
    v: u32,
}

#[derive(Deserialize)]
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

// Looking for text once over all of it is less than doing so for each piece.
fn text(json: &[u8]) -> Result<&str, CodecError> {
    Ok(std::str::from_utf8(json).map_err(serde_json::Error::custom)?)
}

// An event of this release as it encodes it: its fields in order, its body read where it lies. What
// is not quite so is no error yet, because `Wire` takes it in any order and keeps what it does not
// know.
struct Canonical(Envelope);

// An event's two parts as its own form has them.
struct Tagged<'a, D> {
    kind: &'a str,
    body: Option<D>,
    given: Given,
}

enum Given {
    Nothing,
    Kind,
    Body,
}

impl Envelope {
    /// Encodes the event as one flat JSON object, always to the same bytes.
    pub fn to_json(&self) -> Vec<u8> {
        let tagged;
        let (kind, v, body) = match &self.body {
            Body::Known(event) => {
                tagged = serde_json::to_string(event).expect("events always encode");
                let (kind, body) = split(&tagged);
                (kind, SCHEMA_VERSION, body)
            }
            Body::Foreign { kind, version, raw } => (kind.as_str(), *version, raw.as_str()),
        };
        let head = Head {
            session: self.session,
            seq: self.seq,
            epoch: self.epoch,
            at: self.at,
            mono: self.mono,
            author: &self.author,
            cause: self.cause,
            turn: self.turn,
            kind,
            v,
        };
        let mut json = Vec::with_capacity(HEAD_ROOM + body.len());
        serde_json::to_writer(&mut json, &head).expect("envelopes always encode");
        // The body is the last field, and is JSON already.
        json.pop();
        json.extend_from_slice(b",\"body\":");
        json.extend_from_slice(body.as_bytes());
        json.push(b'}');
        json
    }

    /// Decodes an event; a kind, version or body that this release does not know stays as it came.
    pub fn from_json(json: &[u8]) -> Result<Envelope, CodecError> {
        let text = text(json)?;
        if let Ok(Canonical(envelope)) = serde_json::from_str(text) {
            return Ok(envelope);
        }
        let wire: Wire<'_> = serde_json::from_str(text)?;
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

impl Heading {
    /// Reads the heading of an event. What it takes for one [`Envelope::from_json`] does, since the
    /// body of an event may be anything.
    pub fn from_json(json: &[u8]) -> Result<Heading, CodecError> {
        let Wire { session, seq, epoch, v, .. } = serde_json::from_str(text(json)?)?;
        Ok(Heading { session, seq, epoch, version: v })
    }
}

impl Body {
    fn decode(kind: &str, version: u32, raw: &RawValue) -> Body {
        let foreign =
            || Body::Foreign { kind: kind.to_owned(), version, raw: raw.get().to_owned() };
        if version != SCHEMA_VERSION {
            return foreign();
        }
        decode(kind, raw).map_or_else(|_| foreign(), Body::Known)
    }
}

fn decode<'de, D: Deserializer<'de>>(kind: &'de str, body: D) -> Result<Event, D::Error> {
    let tagged = Tagged { kind, body: Some(body), given: Given::Nothing };
    Event::deserialize(MapAccessDeserializer::new(tagged))
}

impl<'de> Deserialize<'de> for Canonical {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Canonical, D::Error> {
        from.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Canonical;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an event in its own form")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Canonical, A::Error> {
        let session = field(&mut map, "session")?;
        let seq = field(&mut map, "seq")?;
        let epoch = field(&mut map, "epoch")?;
        let at = field(&mut map, "at")?;
        let mono = field(&mut map, "mono")?;
        let author = field(&mut map, "author")?;
        let cause = field(&mut map, "cause")?;
        let turn = field(&mut map, "turn")?;
        let kind = field(&mut map, "kind")?;
        let version: u32 = field(&mut map, "v")?;
        expect(&mut map, "body")?;
        if version != SCHEMA_VERSION {
            return Err(A::Error::custom("another version"));
        }
        let body = Body::Known(map.next_value_seed(OfKind(kind))?);
        let envelope = Envelope { session, seq, epoch, at, mono, author, cause, turn, body };
        // More than these fields is an error of the reader, which finds that the map is not at its end.
        Ok(Canonical(envelope))
    }
}

fn field<'de, A: MapAccess<'de>, T: Deserialize<'de>>(
    map: &mut A,
    name: &'static str,
) -> Result<T, A::Error> {
    expect(map, name)?;
    map.next_value()
}

fn expect<'de, A: MapAccess<'de>>(map: &mut A, name: &'static str) -> Result<(), A::Error> {
    let found: Option<&str> = map.next_key()?;
    if found == Some(name) { Ok(()) } else { Err(A::Error::missing_field(name)) }
}

// Reads the body of an event of a kind.
struct OfKind<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for OfKind<'de> {
    type Value = Event;

    fn deserialize<D: Deserializer<'de>>(self, body: D) -> Result<Event, D::Error> {
        decode(self.0, body)
    }
}

impl<'de, D: Deserializer<'de>> MapAccess<'de> for Tagged<'de, D> {
    type Error = D::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Self::Error> {
        let (name, given) = match self.given {
            Given::Nothing => ("kind", Given::Kind),
            Given::Kind => ("body", Given::Body),
            Given::Body => return Ok(None),
        };
        self.given = given;
        seed.deserialize(name.into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, Self::Error> {
        match self.given {
            Given::Nothing | Given::Kind => seed.deserialize(self.kind.into_deserializer()),
            Given::Body => match self.body.take() {
                Some(body) => seed.deserialize(body),
                None => Err(D::Error::custom("the body was taken")),
            },
        }
    }
}

/// Names the kind of an event, as its wire form does.
pub fn kind(event: &Event) -> String {
    let tagged = serde_json::to_string(event).expect("events always encode");
    split(&tagged).0.to_owned()
}

// Events encode to `{"kind":"…","body":…}`, and the names of kinds are plain words.
fn split(tagged: &str) -> (&str, &str) {
    let parts = tagged
        .strip_prefix("{\"kind\":\"")
        .and_then(|rest| rest.strip_suffix('}'))
        .and_then(|rest| rest.split_once("\",\"body\":"));
    parts.expect("events are tagged")
}
