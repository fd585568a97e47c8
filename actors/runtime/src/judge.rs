//! What is known of a command when it comes: how it reads, and what was laid down about it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use codex_event::{Digest, Invocation, ItemKind, Safety};
use codex_gate::{Lookup, Rulebook, assess};
use codex_sandbox::Confinement;

use crate::interpret::{Asked, read};
use crate::tools::{Place, folder};

/// Judges calls by the rules of a session and the programs of its commands.
#[derive(Clone, Debug)]
pub(crate) struct Judge {
    rulebook: Arc<Rulebook>,
    cwd: PathBuf,
    /// The `PATH` that commands get.
    path: OsString,
    /// Whether anything holds the commands of this session.
    confinement: Confinement,
}

impl Judge {
    pub(crate) fn new(rulebook: Arc<Rulebook>, place: &Place) -> Judge {
        let path = place.environment.get("PATH").unwrap_or_default().to_owned();
        Judge { rulebook, cwd: place.cwd.clone(), path, confinement: place.plan.confinement }
    }

    /// Gives the fact that is kept about a call, out of the provider's JSON of it.
    pub(crate) fn interpret(&self, _kind: &ItemKind, raw: &str) -> Invocation {
        match read(raw) {
            Asked::Command { argv, workdir, timeout_ms, escalation, .. } => {
                let folder = folder(&self.cwd, workdir.as_deref());
                let lookup = Lookup::host(&self.path, &folder);
                let held = match self.confinement {
                    Confinement::None => None,
                    Confinement::Landlock | Confinement::Full => Some(&*folder),
                };
                let (safety, assessment) = assess(&argv, held, &self.rulebook, &lookup);
                Invocation::Command {
                    argv: argv.into(),
                    workdir,
                    timeout_ms,
                    safety,
                    escalation,
                    assessment: Some(Box::new(assessment)),
                }
            }
            asked @ (Asked::Patch { .. } | Asked::Invalid { .. }) => plain(asked),
        }
    }
}

/// Gives what a call of another program's session asked for. Nobody decides over it any more, so no
/// rule is held against it.
pub fn interpret(_kind: &ItemKind, raw: &str) -> Invocation {
    plain(read(raw))
}

fn plain(asked: Asked) -> Invocation {
    match asked {
        Asked::Command { argv, workdir, timeout_ms, escalation, .. } => Invocation::Command {
            argv: argv.into(),
            workdir,
            timeout_ms,
            safety: Safety::Unknown,
            escalation,
            assessment: None,
        },
        Asked::Patch { workdir, text } => {
            Invocation::Patch { workdir, text: Some(Digest::of(text.as_bytes())) }
        }
        Asked::Invalid { message } => Invocation::Invalid { message: message.into() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use codex_event::{Assessment, Seq, Timestamp};
    use codex_gate::{Grant, project_root};
    use codex_sandbox::{Environment, Plan};

    fn assessed(confinement: Confinement) -> Assessment {
        let home = tempfile::tempdir().expect("a folder");
        let rulebook = Rulebook::load(home.path(), None).expect("no rules yet");
        let project = project_root(home.path()).display().to_string();
        let session = "01900000-0000-7000-8000-000000000001".parse().expect("an id");
        let prefix = vec!["mkdir".to_owned(), "a".to_owned()];
        let grant = Grant::new(project, prefix, session, Seq(1), Timestamp(0));
        rulebook.keep(&grant).expect("kept");
        let mut environment = Environment::default();
        environment.set("PATH", "/usr/bin:/bin");
        let plan = Plan { confinement, ..Plan::unconfined() };
        let place = Place { cwd: home.path().to_owned(), plan, narrow: None, environment };
        let judge = Judge::new(Arc::new(rulebook), &place);
        let kind = ItemKind::FunctionCall { call_id: "c".into(), name: "shell".into() };
        let arguments = serde_json::json!({"command": ["mkdir", "a"]}).to_string();
        let raw = serde_json::json!({"name": "shell", "arguments": arguments}).to_string();
        match judge.interpret(&kind, &raw) {
            Invocation::Command { assessment: Some(assessment), .. } => *assessment,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_grant_counts_and_is_offered_only_where_a_sandbox_holds_the_command() {
        let held = assessed(Confinement::Landlock);
        assert!(held.ruling.is_some() && held.prefix.is_some(), "{held:?}");
        let free = assessed(Confinement::None);
        assert_eq!((free.ruling, free.prefix), (None, None));
    }
}
