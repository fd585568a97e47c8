//! A plan as a profile of macOS's `sandbox-exec`: text alone, which no test has run on a Mac.
//!
//! The syntax and its rule that the last match counts are those of the profiles that come with the
//! system (`/System/Library/Sandbox/Profiles`). What a profile can't do is a private view of
//! processes or an end to all that a command started: a port ends the process group and sweeps.

use std::fmt::Write as _;
use std::path::Path;

use crate::{GitWrites, Network, Plan, ReadPlan, WritePlan};

/// Files of a repository that stay as they are where commits may be made; a profile's rules hold for
/// what is missing, too, so nothing has to be made in its place.
const IDENTITY: &str = "config|config\\.worktree|hooks|info|modules|worktrees|branches|remotes|commondir|\
                        rebase-apply|rebase-merge|sequencer";

/// Writes the profile that holds a plan.
///
/// Later rules win over earlier ones: what is withheld and what is protected comes last.
pub fn seatbelt_profile(plan: &Plan) -> String {
    let mut text = String::from("(version 1)\n(deny default)\n");
    let mut rule = |line: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{line}");
    };
    rule("(allow process-exec process-fork sysctl-read)".to_owned());
    rule("(allow signal (target same-sandbox))".to_owned());
    rule("(allow file-read-metadata)".to_owned());
    match &plan.files.read {
        ReadPlan::Everything => rule("(allow file-read*)".to_owned()),
        ReadPlan::Roots(roots) => {
            roots.iter().for_each(|root| rule(format!("(allow file-read* {})", subpath(root))));
        }
    }
    for program in &plan.files.programs {
        rule(format!("(allow file-read* (literal {}))", quoted(program)));
    }
    for device in &plan.files.devices {
        rule(format!("(allow file-read* file-write-data (literal {}))", quoted(device)));
    }
    match &plan.files.write {
        WritePlan::Everything => rule("(allow file-write*)".to_owned()),
        WritePlan::Roots(roots) => {
            for root in roots {
                rule(format!("(allow file-read* file-write* {})", subpath(root)));
            }
            for root in roots {
                let inside = format!("^{}/(.*/)?\\.git", escaped(root));
                match plan.git_writes {
                    GitWrites::None => {
                        rule(format!("(deny file-write* (regex #\"{inside}(/|$)\"))"))
                    }
                    GitWrites::Metadata => {
                        // The folder itself stays where it is.
                        rule(format!("(deny file-write* (regex #\"{inside}$\"))"));
                        rule(format!("(deny file-write* (regex #\"{inside}/({IDENTITY})(/|$)\"))"));
                    }
                }
            }
            for path in plan.reserved().iter().filter(|path| !path.ends_with(".git")) {
                rule(format!("(deny file-write* {})", subpath(path)));
            }
        }
    }
    match plan.network {
        Network::Off => rule("(deny network*)".to_owned()),
        Network::Full => {
            rule("(allow system-socket)".to_owned());
            rule("(allow network-outbound (remote ip))".to_owned());
            rule("(allow network-bind network-inbound (local ip))".to_owned());
        }
    }
    for path in &plan.files.withheld {
        rule(format!("(deny file-read* file-write* {})", withheld(path)));
    }
    text
}

fn subpath(path: &Path) -> String {
    format!("(subpath {})", quoted(path))
}

/// A path whose last component may begin or end with `*`.
fn withheld(path: &Path) -> String {
    match path.to_string_lossy().contains('*') {
        true => format!("(regex #\"^{}$\")", escaped(path).replace("\\*", "[^/]*")),
        false => subpath(path),
    }
}

fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\""))
}

/// Takes the meaning of an expression from every letter of a path that might have one.
fn escaped(path: &Path) -> String {
    let mut text = String::new();
    for letter in path.to_string_lossy().chars() {
        if !(letter.is_alphanumeric() || matches!(letter, '/' | '_' | '-')) {
            text.push('\\');
        }
        text.push(letter);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Confinement, FilePlan};

    fn plan() -> Plan {
        Plan {
            confinement: Confinement::Landlock,
            files: FilePlan {
                read: ReadPlan::Everything,
                write: WritePlan::Roots(vec!["/Users/ann/a project".into(), "/private/tmp".into()]),
                programs: vec![],
                devices: vec!["/dev/null".into()],
                withheld: vec!["/Users/ann/.codex".into()],
            },
            network: Network::Off,
            ..Plan::unconfined()
        }
    }

    #[test]
    fn a_project_may_be_written_and_what_runs_programs_may_not() {
        let expected = r##"(version 1)
(deny default)
(allow process-exec process-fork sysctl-read)
(allow signal (target same-sandbox))
(allow file-read-metadata)
(allow file-read*)
(allow file-read* file-write-data (literal "/dev/null"))
(allow file-read* file-write* (subpath "/Users/ann/a project"))
(allow file-read* file-write* (subpath "/private/tmp"))
(deny file-write* (regex #"^/Users/ann/a\ project/(.*/)?\.git(/|$)"))
(deny file-write* (regex #"^/private/tmp/(.*/)?\.git(/|$)"))
(deny file-write* (subpath "/Users/ann/a project/refs"))
(deny file-write* (subpath "/private/tmp/refs"))
(deny file-write* (subpath "/Users/ann/a project/.agents"))
(deny file-write* (subpath "/Users/ann/a project/.codex"))
(deny file-write* (subpath "/private/tmp/.agents"))
(deny file-write* (subpath "/private/tmp/.codex"))
(deny network*)
(deny file-read* file-write* (subpath "/Users/ann/.codex"))
"##;
        assert_eq!(seatbelt_profile(&plan()), expected);
    }

    #[test]
    fn the_strict_view_commits_and_the_network() {
        let mut plan = plan();
        plan.files.read = ReadPlan::Roots(vec!["/usr".into()]);
        plan.files.write = WritePlan::Roots(vec!["/w\"x".into()]);
        plan.files.withheld = vec!["/etc/ssh/*_key".into()];
        plan.git_writes = GitWrites::Metadata;
        plan.network = Network::Full;
        let profile = seatbelt_profile(&plan);
        for line in [
            r##"(allow file-read* (subpath "/usr"))"##,
            r##"(allow file-read* file-write* (subpath "/w\"x"))"##,
            r##"(deny file-write* (regex #"^/w\"x/(.*/)?\.git$"))"##,
            r##"(allow network-outbound (remote ip))"##,
            r##"(deny file-read* file-write* (regex #"^/etc/ssh/[^/]*_key$"))"##,
        ] {
            assert!(profile.lines().any(|it| it == line), "{line} in\n{profile}");
        }
        assert!(profile.contains("/(config|config\\.worktree|hooks|"), "{profile}");
    }
}
