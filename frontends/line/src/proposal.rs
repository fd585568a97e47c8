//! What a patch would do, for a person who is asked whether it may.
//!
//! The changes themselves are recorded when a patch is intended, which is after the answer; what
//! can be shown before is the patch as the model wrote it.

use std::collections::BTreeMap;

use codex_event::{Arguments, CallId, Event, Invocation, Question, RequestId, Scope, Stored};
use codex_view::{command_line, patch_text, sanitize};

/// Lines of a patch that are shown.
const SHOWN: usize = 60;

/// The calls of the answer that is worked on, as the model wrote them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proposals {
    items: BTreeMap<(RequestId, u32), String>,
    patches: BTreeMap<CallId, String>,
    calls: BTreeMap<CallId, (Invocation, Arguments)>,
}

/// What a question that waits lets a person answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choices {
    pub(crate) call: CallId,
    question: Question,
    asked: Option<(Invocation, Arguments)>,
}

impl Proposals {
    /// Takes the next event. What is asked of the model next makes all of it obsolete.
    pub(crate) fn apply(&mut self, event: &Event) {
        if let Event::ModelRequested { .. } = event {
            *self = Proposals::default();
        } else if let Event::ModelItemCompleted { request, item, raw, .. } = event {
            if let Stored::Inline(raw) = raw {
                self.items.insert((*request, *item), raw.clone());
            }
        } else if let Event::ToolCalled { call, request, item, invocation, arguments } = event {
            self.calls.insert(*call, (invocation.clone(), *arguments));
            if let (Invocation::Patch { .. }, Some(raw)) =
                (invocation, self.items.remove(&(*request, *item)))
            {
                self.patches.insert(*call, patch_text(&raw));
            }
        }
    }

    /// Gives what can be answered to a question about a call.
    pub(crate) fn choices(&self, call: CallId, question: &Question) -> Choices {
        Choices { call, question: question.clone(), asked: self.calls.get(&call).cloned() }
    }

    /// Gives the beginning of a call's patch, safe for a terminal; nothing for other calls.
    pub(crate) fn lines(&self, call: CallId) -> Vec<String> {
        let Some(patch) = self.patches.get(&call) else { return Vec::new() };
        // Hidden characters are part of what is allowed.
        let patch = sanitize::revealed(patch);
        let mut lines = patch.lines();
        let mut shown: Vec<String> = lines.by_ref().take(SHOWN).map(str::to_owned).collect();
        match lines.count() {
            0 => {}
            more => shown.push(format!("… and {more} more lines")),
        }
        shown
    }
}

impl Choices {
    fn scopes(&self) -> Vec<Scope> {
        match &self.asked {
            Some((asked, arguments)) => self.question.scopes(asked, *arguments),
            None => vec![Scope::Once],
        }
    }

    /// Says why an answer may not reach that far; none when it may.
    pub(crate) fn too_wide(&self, scope: Scope) -> Option<&'static str> {
        let (asked, arguments) = self.asked.as_ref()?;
        self.question.too_wide(scope, asked, *arguments)
    }

    /// Stands where the question waits.
    pub(crate) fn prompt(&self) -> &'static str {
        let scopes = self.scopes();
        match (scopes.contains(&Scope::Session), scopes.contains(&Scope::Project)) {
            (true, true) => "y/s/p/n/a> ",
            (true, false) => "y/s/n/a> ",
            (false, true) => "y/p/n/a> ",
            (false, false) => "y/n/a> ",
        }
    }

    /// Says what each answer means.
    pub(crate) fn line(&self) -> String {
        let yes = |scope: &Scope| match scope {
            Scope::Once => " y: yes".to_owned(),
            Scope::Session => "s: yes, for this session".to_owned(),
            Scope::Project => {
                format!("p: always, for `{}` in this project", self.prefix().unwrap_or_default())
            }
        };
        let mut words: Vec<String> = self.scopes().iter().map(yes).collect();
        words.extend(["n [why]: no".to_owned(), "a: end the turn".to_owned()]);
        words.join("   ")
    }

    /// Shows what "always" would remember.
    fn prefix(&self) -> Option<String> {
        match &self.asked.as_ref()?.0 {
            Invocation::Command { assessment, .. } => {
                let prefix = assessment.as_ref()?.prefix.as_ref()?;
                Some(sanitize::visible(&command_line(prefix)))
            }
            Invocation::Patch { .. } | Invocation::Invalid { .. } => None,
        }
    }
}
