//! What a session's owner and the programs that follow it say to each other, one JSON object a line.
//!
//! The owner's socket and `codex proto` speak it alike. Each line is an object with one key, which
//! says what it is: `{"subscribe":{"from":1}}`. Events travel as the journal stores them, byte for
//! byte, with large values by their digest.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Command, Digest, Epoch, Rejection, Seq, SessionId};

/// The version of the protocol. Kinds and fields may be added to it; none is ever re-meant.
pub const PROTOCOL: u32 = 1;

/// What a program asks of a session's owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Says who asks; the first line of each connection.
    Hello {
        /// The version that the program speaks.
        protocol: u32,
        /// Its name, under which what it wishes is recorded.
        frontend: String,
    },
    /// Send all events from a position on, and then those that come.
    Subscribe {
        /// The first position; 0 and 1 both mean the beginning.
        from: Seq,
    },
    /// Wish something.
    Submit {
        /// Number of the request, chosen by the program; the answer names it.
        id: u64,
        /// The wish.
        command: Command,
    },
    /// Let go of the session, so that the asking program can take it up.
    HandOver {
        /// Number of the request.
        id: u64,
    },
}

impl Request {
    /// Gives the number in a line that is no request, so that whoever waits for its answer gets one.
    pub fn id_in(line: &[u8]) -> Option<u64> {
        // All else is passed over as it is read: a line may be long.
        #[derive(Deserialize)]
        struct Numbered {
            id: u64,
        }
        #[derive(Deserialize)]
        struct Line {
            submit: Option<Numbered>,
            hand_over: Option<Numbered>,
        }
        let Line { submit, hand_over } = serde_json::from_slice(line).ok()?;
        submit.or(hand_over).map(|it| it.id)
    }
}

/// What a session's owner tells a program.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// The answer to a greeting.
    Welcome {
        /// The version that the owner speaks.
        protocol: u32,
        /// The session.
        session: SessionId,
        /// Process id of the owner.
        pid: u32,
        /// Version of the owner's program.
        program: String,
        /// Generation of the owner.
        epoch: Epoch,
        /// The last durable position.
        head: Seq,
    },
    /// The next event, as it is stored; it is durable.
    Record(#[cfg_attr(feature = "schema", schemars(with = "crate::Envelope"))] Box<RawValue>),
    /// What the next event follows; told before the first one.
    After {
        /// Position of the event before it.
        seq: Seq,
        /// Hash of that event's record.
        hash: Digest,
    },
    /// There is nothing more right now.
    CaughtUp {
        /// The last position.
        seq: Seq,
        /// Hash of its record.
        hash: Digest,
    },
    /// A wish was taken; the events that it led to are durable.
    Accepted {
        /// Number of the request.
        id: u64,
    },
    /// A wish was refused, and changed nothing.
    Refused {
        /// Number of the request.
        id: u64,
        /// Why.
        reason: Refusal,
    },
    /// Programs that follow the session came or went.
    Attached {
        /// Names of those that are there now, the owner's first.
        frontends: Vec<String>,
    },
    /// A line was no request, and was passed over.
    Broken {
        /// Number of the request, when it could be read all the same.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// What is wrong with it.
        message: String,
    },
    /// There will be no more events: the owner let go of the session, or failed.
    Ended {
        /// Why it failed; none when it finished in good order.
        fault: Option<String>,
    },
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The session's rules refused it.
    #[error(transparent)]
    Rejected(Rejection),
    /// Only the owner itself may do this.
    #[error("only the session's owner may do this")]
    OwnerOnly,
    /// The program did not say hello, or speaks another version.
    #[error("this owner speaks version {PROTOCOL} of the protocol, and wants to be greeted first")]
    Stranger,
    /// The request is longer than any owner reads. Told by the asking side, which did not send it.
    #[error("the request is too long")]
    TooLong,
    /// The owner went away without an answer: whether it did what was asked, the journal says.
    /// Told by the asking side.
    #[error("the session's owner went away without an answer")]
    Gone,
}
