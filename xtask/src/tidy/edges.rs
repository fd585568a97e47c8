//! Who may depend on whom.

use std::path::Path;

use serde::Deserialize;

use super::Violation;
use super::tree::Tree;
use crate::step::Step;

/// The packages of this workspace that each of them may use. One that is not listed is refused, so
/// that a new package gets its line here.
const ALLOWED: &[(&str, &[&str])] = &[
    ("codex-event", &[]),
    ("codex-journal", &["codex-event"]),
    ("codex-session", &["codex-event"]),
    ("codex-view", &["codex-event"]),
    ("codex-config", &["codex-event"]),
    ("codex-sandbox", &["codex-event"]),
    ("codex-payload", &[]),
    ("codex-patch", &["codex-event"]),
    ("codex-redact", &[]),
    ("codex-gate", &["codex-event"]),
    (
        "codex-actors",
        &[
            "codex-config",
            "codex-event",
            "codex-gate",
            "codex-journal",
            "codex-patch",
            "codex-redact",
            "codex-sandbox",
            "codex-session",
        ],
    ),
    ("codex-scripted", &[]),
    ("codex-exec", &["codex-event", "codex-journal", "codex-view"]),
    ("codex-line", &["codex-event", "codex-journal", "codex-view"]),
    ("codex-tui", &["codex-event", "codex-journal", "codex-view"]),
    ("codex-sessions", &["codex-event", "codex-journal", "codex-view"]),
    // It needs the session's grammar to check that a journal is legal.
    ("codex-replay", &["codex-event", "codex-journal", "codex-session", "codex-view"]),
    // It needs the core to write what is legal, and nothing lands before it was redacted.
    ("codex-rollout", &["codex-event", "codex-journal", "codex-redact", "codex-session"]),
    (
        "codex",
        &[
            "codex-actors",
            "codex-config",
            "codex-event",
            "codex-exec",
            "codex-gate",
            "codex-journal",
            "codex-line",
            "codex-patch",
            "codex-redact",
            "codex-replay",
            "codex-rollout",
            "codex-sandbox",
            "codex-scripted",
            "codex-session",
            "codex-sessions",
            "codex-tui",
            "codex-view",
        ],
    ),
    ("xtask", &[]),
];

/// Packages from outside that only one of ours may use.
const FENCED: &[(&str, &str)] = &[
    ("actix", "codex-actors"),
    ("reqwest", "codex-actors"),
    ("eventsource-stream", "codex-actors"),
    ("sled", "codex-journal"),
    ("landlock", "codex-sandbox"),
    ("seccompiler", "codex-sandbox"),
    ("tree-sitter", "codex-gate"),
    ("tree-sitter-bash", "codex-gate"),
];

/// Packages that have no clock and no sockets, and so no tokio.
const WITHOUT_TOKIO: &[&str] = &[
    "codex-event",
    "codex-session",
    "codex-view",
    "codex-patch",
    "codex-redact",
    "codex-gate",
    "codex-config",
    "codex-sandbox",
];

/// One package of the workspace.
pub(crate) struct Package {
    /// Folder, from the root of the repository.
    pub(crate) folder: String,
    /// Name.
    pub(crate) name: String,
    /// What it depends on.
    pub(crate) edges: Vec<Edge>,
}

/// One dependency of a package.
pub(crate) struct Edge {
    to: String,
    kind: Kind,
}

/// What a dependency is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It ends up in the program, or builds it.
    Program,
    /// Only tests see it.
    Tests,
}

/// Asks cargo for the packages of the workspace.
pub(crate) fn packages(root: &Path) -> Result<Vec<Package>, String> {
    let step = Step::cargo("metadata --format-version 1 --no-deps --offline");
    let output = step.command(root).output().map_err(|error| format!("{error}: {step}"))?;
    if !output.status.success() {
        return Err(format!("{}{step}", String::from_utf8_lossy(&output.stderr)));
    }
    parse(&output.stdout).map_err(|error| format!("{error}: {step}"))
}

fn parse(json: &[u8]) -> serde_json::Result<Vec<Package>> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Listed>,
        workspace_root: String,
    }
    #[derive(Deserialize)]
    struct Listed {
        name: String,
        manifest_path: String,
        dependencies: Vec<Dependency>,
    }
    #[derive(Deserialize)]
    struct Dependency {
        name: String,
        kind: Option<String>,
    }

    let Metadata { packages, workspace_root } = serde_json::from_slice(json)?;
    let read = packages.into_iter().map(|package| {
        let folder = package.manifest_path.trim_end_matches("/Cargo.toml");
        let folder = folder.strip_prefix(&workspace_root).unwrap_or(folder);
        let edges = package.dependencies.into_iter().map(|dependency| Edge {
            to: dependency.name,
            kind: if dependency.kind.as_deref() == Some("dev") {
                Kind::Tests
            } else {
                Kind::Program
            },
        });
        Package {
            folder: folder.trim_start_matches('/').to_owned(),
            name: package.name,
            edges: edges.collect(),
        }
    });
    Ok(read.collect())
}

/// Finds dependencies that the tables above do not allow.
pub(crate) fn check(packages: &[Package], tree: &Tree) -> Vec<Violation> {
    let ours: Vec<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let mut found = Vec::new();
    for package in packages {
        let manifest = format!("{}/Cargo.toml", package.folder);
        let text = tree.text(&manifest).unwrap_or_default();
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == package.name) else {
            let message = format!("`{}` is not in the table of edges", package.name);
            found.push(Violation::new(manifest, 1, message));
            continue;
        };
        for edge in &package.edges {
            if let Some(message) = refuse(package, edge, allowed, &ours) {
                found.push(Violation::new(&manifest, line_of(text, edge), message));
            }
        }
    }
    found
}

fn refuse(package: &Package, edge: &Edge, allowed: &[&str], ours: &[&str]) -> Option<String> {
    let (name, to) = (package.name.as_str(), edge.to.as_str());
    let fence = FENCED.iter().find(|(fenced, owner)| *fenced == to && *owner != name);
    // Tests may use anything but the actors' framework, which would make actors grow elsewhere.
    if edge.kind == Kind::Tests && to != "actix" {
        return None;
    }
    if let Some((_, owner)) = fence {
        return Some(format!("`{name}` must not depend on `{to}`: only `{owner}` may"));
    }
    if ours.contains(&to) && !allowed.contains(&to) {
        return Some(format!("`{name}` must not depend on `{to}`: not in the table of edges"));
    }
    let tokio = to == "tokio" || to.starts_with("tokio-");
    (tokio && WITHOUT_TOKIO.contains(&name)).then(|| format!("`{name}` does without `{to}`"))
}

/// Finds the line of a manifest that names a dependency, in the section of its kind.
fn line_of(manifest: &str, edge: &Edge) -> usize {
    let mut kind = None;
    for (at, line) in manifest.lines().enumerate() {
        if line.starts_with('[') {
            let named = line.trim_end_matches(']').ends_with(&format!("dependencies.{}", edge.to));
            kind = line.contains("dependencies").then(|| {
                if line.contains("dev-dependencies") { Kind::Tests } else { Kind::Program }
            });
            if named && kind == Some(edge.kind) {
                return at + 1;
            }
        }
        let rest = line.strip_prefix(&edge.to);
        if kind == Some(edge.kind) && rest.is_some_and(|rest| rest.starts_with(['.', ' ', '='])) {
            return at + 1;
        }
    }
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks one package, as cargo would tell of it, in a workspace with two more.
    fn complaints(name: &str, dependency: &str, kind: &str) -> Vec<String> {
        let json = format!(
            r#"{{"workspace_root":"/r","packages":[
                {{"name":"{name}","manifest_path":"/r/a/b/Cargo.toml","dependencies":
                    [{{"name":"serde","kind":null}},{{"name":"{dependency}","kind":{kind}}}]}},
                {{"name":"codex-event","manifest_path":"/r/e/Cargo.toml","dependencies":[]}},
                {{"name":"codex-journal","manifest_path":"/r/j/Cargo.toml","dependencies":[]}}
            ]}}"#
        );
        let packages = parse(json.as_bytes()).expect("metadata");
        let manifest = format!(
            "[package]\nname = \"b\"\n[dependencies]\nserde.workspace = true\n{dependency}.workspace = true\n\
             [dev-dependencies]\n{dependency} = \"1\"\n"
        );
        let tree = Tree::of(&[("a/b/Cargo.toml", &manifest)]);
        check(&packages, &tree).iter().map(Violation::to_string).collect()
    }

    #[test]
    fn edges_between_our_packages_follow_the_table() {
        for (name, to) in [("codex-config", "codex-event"), ("codex-exec", "codex-journal")] {
            assert_eq!(complaints(name, to, "null"), [""; 0], "{name} on {to}");
        }
        let expected = "a/b/Cargo.toml:5: `codex-view` must not depend on `codex-journal`: \
                        not in the table of edges";
        assert_eq!(complaints("codex-view", "codex-journal", "null"), [expected]);
        assert_eq!(complaints("codex-view", "codex-journal", "\"build\""), [expected]);
        assert_eq!(complaints("codex-view", "codex-journal", "\"dev\""), [""; 0]);
        assert_eq!(complaints("codex-scripted", "codex-event", "null").len(), 1);
        let unknown = complaints("codex-new", "serde_json", "null");
        assert_eq!(unknown, ["a/b/Cargo.toml:1: `codex-new` is not in the table of edges"]);
    }

    #[test]
    fn fenced_packages_stay_behind_their_fence() {
        for (fenced, owner) in FENCED {
            assert_eq!(complaints(owner, fenced, "null"), [""; 0], "{fenced}");
            assert_eq!(complaints("codex", fenced, "null").len(), 1, "{fenced}");
            let in_tests = usize::from(*fenced == "actix");
            assert_eq!(complaints("codex", fenced, "\"dev\"").len(), in_tests, "{fenced}");
        }
        let expected =
            "a/b/Cargo.toml:7: `codex` must not depend on `actix`: only `codex-actors` may";
        assert_eq!(complaints("codex", "actix", "\"dev\""), [expected]);
    }

    #[test]
    fn pure_packages_do_without_tokio() {
        for name in WITHOUT_TOKIO.iter().filter(|name| **name != "codex-event") {
            assert_eq!(complaints(name, "tokio", "null").len(), 1, "{name}");
            assert_eq!(complaints(name, "tokio-util", "null").len(), 1, "{name}");
            assert_eq!(complaints(name, "tokio", "\"dev\"").len(), 0, "{name}");
        }
        assert_eq!(complaints("codex-exec", "tokio", "null"), [""; 0]);
    }

    #[test]
    fn a_dependency_with_a_table_of_its_own_is_found() {
        let edge = Edge { to: "sled".to_owned(), kind: Kind::Program };
        let manifest = "[dev-dependencies]\nsled = \"1\"\n[dependencies.sled]\nversion = \"1\"\n";
        assert_eq!(line_of(manifest, &edge), 3);
        assert_eq!(line_of("", &edge), 1);
    }
}
