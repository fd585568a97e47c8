//! The environment that a command gets.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use crate::confine::DEFAULT_PATH;
use crate::{Network, Toolbox};

/// A scrubbed environment: the only kind that can be given to a command.
///
/// It starts from the agent's own and loses what looks like a credential, what makes programs run
/// other code, and the addresses of local daemons. Additions are explicit, by [`set`](Self::set).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment(Vec<(OsString, OsString)>);

/// Parts of a name that mark a credential, compared without regard to case.
const SECRET_PARTS: [&str; 6] = ["KEY", "SECRET", "TOKEN", "PASSW", "CREDENTIAL", "COOKIE"];

/// Names that are always removed: they load code into programs or lead to local daemons.
const REMOVED: [&str; 13] = [
    "BASH_ENV",
    "ENV",
    "SHELLOPTS",
    "PS4",
    "PROMPT_COMMAND",
    "LESSOPEN",
    "PAGER",
    "RIPGREP_CONFIG_PATH",
    "SSH_AUTH_SOCK",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XDG_RUNTIME_DIR",
    "DOCKER_HOST",
];

/// Beginnings of names that are always removed, for the same reason.
const REMOVED_PREFIXES: [&str; 3] = ["LD_", "GIT_", "DBUS_"];

impl Environment {
    /// Scrubs `variables` and adds what a command without a terminal should see.
    pub fn scrubbed(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        network: Network,
    ) -> Environment {
        let mut scrubbed =
            Environment(variables.into_iter().filter(|(name, _)| !is_removed(name)).collect());
        scrubbed.set("TERM", "dumb");
        scrubbed.set("PAGER", "cat");
        scrubbed.set("GIT_PAGER", "cat");
        scrubbed.set("NO_COLOR", "1");
        scrubbed.tell_network(network);
        scrubbed
    }

    /// Says whether there is a network, which test suites ask for.
    pub fn tell_network(&mut self, network: Network) {
        match network {
            Network::Off => self.set("CODEX_SANDBOX_NETWORK_DISABLED", "1"),
            Network::Full => self.remove("CODEX_SANDBOX_NETWORK_DISABLED"),
        }
    }

    /// Sets one variable, replacing an earlier value.
    pub fn set(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        let name = name.into();
        self.remove(&name);
        self.0.push((name, value.into()));
    }

    /// Removes one variable.
    pub fn remove(&mut self, name: impl AsRef<OsStr>) {
        self.0.retain(|(known, _)| known != name.as_ref());
    }

    /// Puts a session's programs first on the `PATH`, and keeps them there in every bash.
    pub fn offer(&mut self, tools: &Toolbox) {
        let mut path = tools.programs().into_os_string();
        path.push(":");
        path.push(self.get("PATH").unwrap_or(DEFAULT_PATH.as_ref()));
        self.set("PATH", path);
        // The user's own was scrubbed; this one lies where no command can change it.
        self.set("BASH_ENV", tools.bash_startup());
    }

    /// Looks one variable up.
    pub fn get(&self, name: impl AsRef<OsStr>) -> Option<&OsStr> {
        self.0.iter().find(|(known, _)| known == name.as_ref()).map(|(_, value)| value.as_os_str())
    }

    /// Lists the variables.
    pub fn variables(&self) -> &[(OsString, OsString)] {
        &self.0
    }
}

fn is_removed(name: &OsStr) -> bool {
    let name = name.as_bytes().to_ascii_uppercase();
    let contains = |part: &str| name.windows(part.len()).any(|window| window == part.as_bytes());
    SECRET_PARTS.iter().any(|part| contains(part))
        || name.ends_with(b"_PAT")
        || REMOVED.iter().any(|removed| name == removed.as_bytes())
        || REMOVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix.as_bytes()))
        // Exported shell functions replace commands in every bash that is started later.
        || name.starts_with(b"BASH_FUNC_")
        || name.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrub(names: &[&str], network: Network) -> Environment {
        Environment::scrubbed(names.iter().map(|name| (name.into(), "value".into())), network)
    }

    #[test]
    fn credentials_and_code_loaders_go_and_the_rest_stays() {
        for gone in [
            "OPENAI_API_KEY",
            "aws_secret_access_key",
            "GITHUB_TOKEN",
            "PGPASSWORD",
            "MY_PASSWD",
            "GOOGLE_APPLICATION_CREDENTIALS",
            "AZURE_PAT",
            "SESSION_COOKIE",
            "LD_PRELOAD",
            "BASH_ENV",
            "ENV",
            "PS4",
            "GIT_DIR",
            "GIT_SSH_COMMAND",
            "SSH_AUTH_SOCK",
            "DBUS_SESSION_BUS_ADDRESS",
            "XDG_RUNTIME_DIR",
            "DOCKER_HOST",
            "BASH_FUNC_ls%%",
        ] {
            assert_eq!(scrub(&[gone], Network::Off).get(gone), None, "{gone}");
        }
        for kept in ["PATH", "HOME", "LANG", "TMPDIR", "PATTERN", "ENVIRONMENT", "CARGO_HOME"] {
            assert_eq!(scrub(&[kept], Network::Off).get(kept), Some("value".as_ref()), "{kept}");
        }
    }

    #[test]
    fn a_dumb_terminal_without_pager_is_announced() {
        let environment = scrub(&["TERM", "PAGER", "GIT_PAGER"], Network::Off);
        for (name, value) in [
            ("TERM", "dumb"),
            ("PAGER", "cat"),
            ("GIT_PAGER", "cat"),
            ("NO_COLOR", "1"),
            ("CODEX_SANDBOX_NETWORK_DISABLED", "1"),
        ] {
            assert_eq!(environment.get(name), Some(value.as_ref()), "{name}");
        }
        let terms = environment.variables().iter().filter(|(name, _)| name == "TERM");
        assert_eq!(terms.count(), 1);
    }

    #[test]
    fn the_network_mark_follows_the_network() {
        let mark = "CODEX_SANDBOX_NETWORK_DISABLED";
        assert_eq!(scrub(&[mark], Network::Full).get(mark), None);
        let mut environment = scrub(&[], Network::Off);
        environment.tell_network(Network::Full);
        assert_eq!(environment.get(mark), None);
    }
}
