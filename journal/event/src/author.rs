//! Who an event comes from.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Who is answerable for an event.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Author {
    /// A person, through the frontend that is named.
    User(String),
    /// The model.
    Model,
    /// A rule that decided without asking; the name says which.
    Policy(String),
    /// The program itself.
    Supervisor,
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Author::User(frontend) => write!(f, "user:{frontend}"),
            Author::Model => f.write_str("model"),
            Author::Policy(rule) => write!(f, "policy:{rule}"),
            Author::Supervisor => f.write_str("supervisor"),
        }
    }
}

impl Serialize for Author {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Author {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::parsed::parsed(deserializer, "an author")
    }
}

impl FromStr for Author {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Author, Infallible> {
        Ok(match text.split_once(':') {
            Some(("user", frontend)) => Author::User(frontend.to_owned()),
            Some(("policy", rule)) => Author::Policy(rule.to_owned()),
            _ if text == "model" => Author::Model,
            _ if text == "supervisor" => Author::Supervisor,
            // A later release may know more authors; history stays readable.
            _ => Author::Policy(format!("unknown-author/{text}")),
        })
    }
}
