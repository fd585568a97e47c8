//! What is known of a command when it comes: how it reads, and what was laid down about it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use codex_event::{Digest, Invocation, ItemKind, Safety};
use codex_gate::{Lookup, Rulebook, assess};

use crate::interpret::{Asked, read};
use crate::tools::{Place, folder};

/// Judges calls by the rules of a session and the programs of its commands.
#[derive(Clone, Debug)]
pub(crate) struct Judge {
    rulebook: Arc<Rulebook>,
    cwd: PathBuf,
    /// The `PATH` that commands get.
    path: OsString,
}

impl Judge {
    pub(crate) fn new(rulebook: Arc<Rulebook>, place: &Place) -> Judge {
        let path = place.environment.get("PATH").unwrap_or_default().to_owned();
        Judge { rulebook, cwd: place.cwd.clone(), path }
    }

    /// Gives the fact that is kept about a call, out of the provider's JSON of it.
    pub(crate) fn interpret(&self, _kind: &ItemKind, raw: &str) -> Invocation {
        match read(raw) {
            Asked::Command { argv, workdir, timeout_ms, escalation, .. } => {
                let folder = folder(&self.cwd, workdir.as_deref());
                let lookup = Lookup::host(&self.path, &folder);
                let (safety, assessment) = assess(&argv, &folder, &self.rulebook, &lookup);
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
