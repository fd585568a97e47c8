//! Ids and counters. All of them are dense counters kept by the session, but for the session's own id.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// Names a session: a UUID of version 7, so that ids sort by the time of their making.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(Uuid);

/// The text is not a session id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a session id")]
pub struct SessionIdError(pub String);

impl SessionId {
    /// Wraps a UUID that the caller made; the core makes none itself.
    pub fn new(id: Uuid) -> SessionId {
        SessionId(id)
    }

    /// Takes the sixteen bytes of an id.
    pub fn from_bytes(bytes: [u8; 16]) -> SessionId {
        SessionId(Uuid::from_bytes(bytes))
    }

    /// Gives the sixteen bytes that the genesis hash commits to.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.hyphenated(), f)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for SessionId {
    type Err = SessionIdError;

    /// Takes the hyphenated form alone, so that one session has one name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || SessionIdError(text.to_owned());
        if text.len() != 36 {
            return Err(wrong());
        }
        Uuid::try_parse(text).map(SessionId).map_err(|_| wrong())
    }
}

impl Serialize for SessionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
    }
}

impl<'de> Deserialize<'de> for SessionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::parsed::parsed(deserializer, "a session id")
    }
}

macro_rules! counter {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// Gives the one after this.
            pub fn next(self) -> $name {
                $name(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

counter!(
    /// Position in a session's journal: dense, the first event has 1.
    Seq, u64
);
counter!(
    /// Generation of the writer: an owner that was replaced can never append again.
    Epoch, u64
);
counter!(
    /// Number of a turn within its session, from 1.
    TurnId, u64
);
counter!(
    /// Number of a request to the model within its session, from 1; retries share it.
    RequestId, u64
);
counter!(
    /// Number of a tool call within its session, from 1.
    ///
    /// Ours, because the provider's own call ids may come again in a later response.
    CallId, u64
);
counter!(
    /// Milliseconds since the writer's epoch began, by a clock that never goes back.
    Millis, u64
);
counter!(
    /// Milliseconds since the Unix epoch by the wall clock: for people, never to order by.
    Timestamp, u64
);
