//! The environment that a command gets.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use codex_event::EnvironmentPolicy;

use crate::confine::DEFAULT_PATH;
use crate::{Network, Toolbox};

mod policy;

/// A scrubbed environment: the only kind that can be given to a command of the model's.
///
/// It starts from what the policy lets it inherit and loses what looks like a credential, what makes
/// programs run other code, and the addresses of local daemons. Additions are explicit, by the
/// policy and by [`set`](Self::set).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment(Vec<(OsString, OsString)>);

/// What a command without a terminal and without a person should see.
const ANNOUNCED: [(&str, &str); 7] = [
    ("TERM", "dumb"),
    ("PAGER", "cat"),
    ("GIT_PAGER", "cat"),
    ("GH_PAGER", "cat"),
    ("NO_COLOR", "1"),
    ("CODEX_CI", "1"),
    ("CODEX_VERSION", env!("CARGO_PKG_VERSION")),
];

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
    /// Takes `variables` as they are: for commands that the user typed, who has them anyway.
    pub fn of_user(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Environment {
        Environment(variables.into_iter().collect())
    }

    /// Scrubs `variables` by the default policy.
    pub fn scrubbed(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        network: Network,
    ) -> Environment {
        Environment::by_policy(&EnvironmentPolicy::default(), variables, network)
    }

    /// Scrubs `variables` and adds what a command without a terminal should see, where the policy
    /// sets nothing else.
    ///
    /// The steps are those of Codex: inherit, leave out by default, `exclude`, `set`, and in the end
    /// `include_only`, which also takes away what was set. What loads code into programs or leads to
    /// local daemons is never inherited, whatever the policy says; it can be set.
    pub fn by_policy(
        policy: &EnvironmentPolicy,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        network: Network,
    ) -> Environment {
        let inherited = variables.into_iter().filter(|(name, _)| {
            !is_removed(name)
                && policy::inherits(policy, name)
                && (policy.ignore_default_excludes || !says_secret(name))
        });
        let mut scrubbed = Environment(inherited.collect());
        for (name, value) in &policy.set {
            scrubbed.set(name, value);
        }
        scrubbed.0.retain(|(name, _)| policy::keeps(policy, name));
        let of_policy =
            |name: &str| policy.set.contains_key(name) && policy::keeps(policy, name.as_ref());
        for (name, value) in ANNOUNCED {
            if !of_policy(name) {
                scrubbed.set(name, value);
            }
        }
        scrubbed.tell_network(network);
        scrubbed
    }

    /// Says in which session and call a command runs.
    pub fn name_session(&mut self, session: &str) {
        // Later releases of Codex call a session a thread.
        self.set("CODEX_SESSION_ID", session);
        self.set("CODEX_THREAD_ID", session);
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
        let mut path = tools.root().as_os_str().to_owned();
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

fn says_secret(name: &OsStr) -> bool {
    let name = name.as_bytes().to_ascii_uppercase();
    let contains = |part: &str| name.windows(part.len()).any(|window| window == part.as_bytes());
    SECRET_PARTS.iter().any(|part| contains(part)) || name.ends_with(b"_PAT")
}

fn is_removed(name: &OsStr) -> bool {
    let name = name.as_bytes().to_ascii_uppercase();
    REMOVED.iter().any(|removed| name == removed.as_bytes())
        || REMOVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix.as_bytes()))
        // Exported shell functions replace commands in every bash that is started later.
        || name.starts_with(b"BASH_FUNC_")
        || name.is_empty()
}

#[cfg(test)]
mod tests {
    use codex_event::Inherit;

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

    fn by(policy: EnvironmentPolicy, names: &[&str]) -> Vec<String> {
        let variables = names.iter().map(|name| (name.into(), "value".into()));
        let environment = Environment::by_policy(&policy, variables, Network::Full);
        let names = environment.variables().iter().map(|(name, _)| name.to_string_lossy());
        let mut names: Vec<String> = names
            .filter(|name| !ANNOUNCED.iter().any(|(known, _)| name == known))
            .map(std::borrow::Cow::into_owned)
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_policy_chooses_what_is_inherited() {
        const NAMES: [&str; 9] = [
            "PATH",
            "HOME",
            "EDITOR",
            "API_KEY",
            "LD_PRELOAD",
            "AWS_REGION",
            "aws_profile",
            "TMPDIR",
            "GIT_DIR",
        ];
        let with = |change: &dyn Fn(&mut EnvironmentPolicy)| {
            let mut policy = EnvironmentPolicy::default();
            change(&mut policy);
            by(policy, &NAMES)
        };
        assert_eq!(
            with(&|_| {}),
            ["AWS_REGION", "EDITOR", "HOME", "PATH", "TMPDIR", "aws_profile"]
        );
        assert_eq!(with(&|it| it.inherit = Inherit::Core), ["HOME", "PATH", "TMPDIR"]);
        assert_eq!(with(&|it| it.inherit = Inherit::None), [""; 0]);
        assert_eq!(
            with(&|it| it.ignore_default_excludes = true),
            ["API_KEY", "AWS_REGION", "EDITOR", "HOME", "PATH", "TMPDIR", "aws_profile"]
        );
        let aws = || vec!["AWS_*".to_owned(), "edito?".to_owned()];
        assert_eq!(with(&|it| it.exclude = aws()), ["HOME", "PATH", "TMPDIR"]);
        assert_eq!(with(&|it| it.include_only = aws()), ["AWS_REGION", "EDITOR", "aws_profile"]);
        // What is set is no secret of the environment's, and is taken away by `include_only` alone.
        let set = |it: &mut EnvironmentPolicy| {
            it.set.insert("MY_TOKEN".into(), "x".into());
            it.set.insert("GIT_DIR".into(), "x".into());
            it.exclude = vec!["*".into()];
        };
        assert_eq!(with(&set), ["GIT_DIR", "MY_TOKEN"]);
        assert_eq!(
            with(&|it| {
                set(it);
                it.include_only = vec!["git*".into()];
            }),
            ["GIT_DIR"]
        );
    }

    #[test]
    fn what_is_set_wins_over_what_is_announced() {
        let mut policy = EnvironmentPolicy::default();
        policy.set.insert("TERM".into(), "xterm".into());
        let environment = Environment::by_policy(&policy, [], Network::Full);
        assert_eq!(environment.get("TERM"), Some("xterm".as_ref()));
        assert_eq!(environment.get("PAGER"), Some("cat".as_ref()));
        policy.include_only = vec!["NOTHING".into()];
        let environment = Environment::by_policy(&policy, [], Network::Full);
        assert_eq!(environment.get("TERM"), Some("dumb".as_ref()));
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
