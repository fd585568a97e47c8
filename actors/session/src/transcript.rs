//! What the model is shown: complete, in order, and in no provider's form.

use std::sync::Arc;

use codex_event::{ContextSource, Digest, ItemKind, Settings, Stored};

/// One piece of the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Context from the program.
    Context {
        /// What it is.
        source: ContextSource,
        /// Its text.
        text: Stored<String>,
    },
    /// Something the user wrote.
    User {
        /// The text.
        text: Stored<String>,
    },
    /// A command that the user ran without the model.
    OwnCommand {
        /// The line.
        line: Stored<String>,
        /// Its exit code; none when nobody knows how it ended.
        exit: Option<i32>,
        /// Milliseconds that it took.
        duration_ms: u64,
        /// What it printed.
        output: Stored<String>,
    },
    /// Something the model sent.
    Item {
        /// What it is.
        kind: ItemKind,
        /// The provider's JSON.
        raw: Stored<String>,
        /// Who said it.
        by: Arc<Origin>,
    },
    /// What came of a call.
    Output {
        /// The provider's id of the call.
        call_id: String,
        /// Whether the call was a function or a custom call.
        custom: CallForm,
        /// The text.
        text: Stored<String>,
    },
}

/// Who an item comes from: what it holds in secret, nobody else can read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Key of the provider in the settings.
    pub provider: String,
    /// Name of the model.
    pub model: String,
}

impl Origin {
    /// Gives who is asked under these settings.
    pub fn of(settings: &Settings) -> Origin {
        Origin { provider: settings.provider.id.clone(), model: settings.model.clone() }
    }
}

/// The two forms that a call, and so its output, can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallForm {
    /// JSON arguments.
    Function,
    /// Free text.
    Custom,
}

/// The conversation so far, with what the provider is known to keep of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcript {
    // Shared, so that handing the conversation out costs no copy of it.
    entries: Vec<Arc<Entry>>,
    instructions: Option<Stored<String>>,
    digest: Digest,
    kept: Option<Kept>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Kept {
    response: String,
    entries: usize,
}

impl Default for Transcript {
    fn default() -> Self {
        Transcript {
            entries: Vec::new(),
            instructions: None,
            digest: Digest::of(b"transcript"),
            kept: None,
        }
    }
}

impl Transcript {
    /// Gives all of it.
    pub fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }

    /// Gives what the model is told it is: the instructions that were added last.
    pub fn instructions(&self) -> Option<&Stored<String>> {
        self.instructions.as_ref()
    }

    /// Gives what a response does not cover yet; all of it when it is not the last one known.
    pub fn since(&self, response: Option<&str>) -> &[Arc<Entry>] {
        match (&self.kept, response) {
            (Some(kept), Some(response)) if kept.response == response => {
                &self.entries[kept.entries..]
            }
            (Some(_) | None, Some(_) | None) => &self.entries,
        }
    }

    /// Names the last response, which a provider that keeps responses can build on.
    pub fn last_response(&self) -> Option<&str> {
        self.kept.as_ref().map(|kept| kept.response.as_str())
    }

    /// Commits to every entry in order.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Commits to every entry, and to some that are about to be added.
    pub(crate) fn digest_ahead(&self, ahead: &[Entry]) -> Digest {
        ahead.iter().fold(self.digest, link)
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        self.digest = link(self.digest, &entry);
        if let Entry::Context { source: ContextSource::Summary, .. } = &entry {
            // It stands for all of them; the journal still has them.
            self.entries.clear();
            self.kept = None;
        }
        if let Entry::Context { source: ContextSource::Instructions, text } = &entry {
            self.instructions = Some(text.clone());
        }
        self.entries.push(Arc::new(entry));
    }

    pub(crate) fn keep(&mut self, response: Option<&str>) {
        self.kept =
            response.map(|id| Kept { response: id.to_owned(), entries: self.entries.len() });
    }
}

fn link(before: Digest, entry: &Entry) -> Digest {
    let (tag, label, content) = match entry {
        Entry::Context { source, text } => ("context", format!("{source:?}"), text.digest()),
        Entry::User { text } => ("user", String::new(), text.digest()),
        Entry::OwnCommand { line, exit, duration_ms, output } => {
            let label = format!("{exit:?} {duration_ms} {}", line.digest());
            ("own_command", label, output.digest())
        }
        // Not who said it: the settings in force then are events of their own.
        Entry::Item { kind, raw, by: _ } => ("item", format!("{kind:?}"), raw.digest()),
        Entry::Output { call_id, text, .. } => ("output", call_id.clone(), text.digest()),
    };
    Digest::of(format!("{before}\n{tag}\n{label}\n{content}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_instructions_that_were_added_last_hold() {
        let mut transcript = Transcript::default();
        assert_eq!(transcript.instructions(), None);
        let context = |source, text: &str| Entry::Context { source, text: text.into() };
        transcript.push(context(ContextSource::Instructions, "be brief"));
        transcript.push(context(ContextSource::Environment, "cwd: /work"));
        assert_eq!(transcript.instructions(), Some(&"be brief".into()));
        transcript.push(context(ContextSource::Instructions, "be thorough"));
        transcript.push(Entry::User { text: "hello".into() });
        assert_eq!(transcript.instructions(), Some(&"be thorough".into()));
    }

    #[test]
    fn a_summary_stands_for_all_that_was_before_it() {
        let mut transcript = Transcript::default();
        let context = |source, text: &str| Entry::Context { source, text: text.into() };
        transcript.push(context(ContextSource::Instructions, "be brief"));
        transcript.push(Entry::User { text: "hello".into() });
        transcript.keep(Some("resp_1"));
        let before = transcript.digest();
        transcript.push(context(ContextSource::Summary, "they said hello"));
        let shown: Vec<&Entry> = transcript.entries().iter().map(|entry| &**entry).collect();
        assert_eq!(shown, [&context(ContextSource::Summary, "they said hello")]);
        assert_eq!(transcript.instructions(), Some(&"be brief".into()));
        assert_eq!(transcript.last_response(), None);
        assert_ne!(transcript.digest(), before);
    }
}
