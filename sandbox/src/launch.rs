//! One command to be run, and the form in which it travels to the supervisor.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Environment, Plan};

/// One command to be run behind the fence of a plan.
#[derive(Clone, Debug)]
pub struct Launch {
    /// Program and arguments. A program without `/` is looked up in the environment's `PATH`, whose
    /// relative entries are passed over.
    pub argv: Vec<OsString>,
    /// Working directory of this command.
    pub cwd: PathBuf,
    /// The whole environment of this command.
    pub env: Environment,
    /// What is enforced.
    pub plan: Plan,
    /// Time after which the command is ended; none for no limit.
    pub timeout: Option<Duration>,
    /// Where its standard input comes from.
    pub stdin: Stdin,
    /// Where its output goes.
    pub stdio: Stdio,
}

/// Where a command's standard input comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stdin {
    /// `/dev/null`.
    Null,
    /// The agent's own.
    Inherit,
}

/// Where a command's output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stdio {
    /// Two pipes, one for each stream.
    Captured,
    /// One pipe for both, which keeps the order in which a person would have read them.
    Joined,
    /// The agent's own streams.
    Inherit,
}

/// A launch as the supervisor reads it: JSON on a descriptor, never on the command line, which
/// every user of the machine can read.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    /// The agent's process id; another parent means that the agent died meanwhile.
    pub(crate) agent_pid: i32,
    pub(crate) argv: Vec<Text>,
    pub(crate) cwd: Text,
    pub(crate) env: Vec<(Text, Text)>,
    pub(crate) plan: Plan,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) stdin: Stdin,
    pub(crate) stdio: Stdio,
}

impl Request {
    pub(crate) fn new(launch: &Launch, agent_pid: i32) -> Request {
        Request {
            agent_pid,
            argv: launch.argv.iter().map(|word| Text::from(word.as_os_str())).collect(),
            cwd: launch.cwd.as_os_str().into(),
            env: launch
                .env
                .variables()
                .iter()
                .map(|(name, value)| (name.as_os_str().into(), value.as_os_str().into()))
                .collect(),
            plan: launch.plan.clone(),
            timeout_ms: launch
                .timeout
                .map(|limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)),
            stdin: launch.stdin,
            stdio: launch.stdio,
        }
    }
}

/// An operating system string in JSON: text when it is UTF-8, else its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Text {
    Utf8(String),
    Raw(Vec<u8>),
}

impl From<&OsStr> for Text {
    fn from(text: &OsStr) -> Text {
        match text.to_str() {
            Some(text) => Text::Utf8(text.to_owned()),
            None => Text::Raw(text.as_bytes().to_vec()),
        }
    }
}

impl Text {
    pub(crate) fn into_os_string(self) -> OsString {
        match self {
            Text::Utf8(text) => text.into(),
            Text::Raw(bytes) => OsString::from_vec(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_survive_the_journey() {
        for bytes in [&b"plain"[..], b"", "\u{e9}\n".as_bytes(), &[0xff, b'a', 0x80]] {
            let text = Text::from(OsStr::from_bytes(bytes));
            let json = serde_json::to_string(&text).expect("encodes");
            let back: Text = serde_json::from_str(&json).expect("decodes");
            assert_eq!(back.into_os_string().as_bytes(), bytes);
        }
    }
}
