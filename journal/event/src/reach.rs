//! How far the answer to a question may reach: one rule for the core, which refuses what reaches
//! further, and for frontends, which offer nothing that would be refused.

use crate::{Arguments, Invocation, Question, RuleDecision, Scope};

/// Why an answer may not reach further than it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    /// A patch is another one each time.
    Patch,
    /// The arguments hold a secret, and the journal only knows a marker.
    Concealed,
    /// Outside of the sandbox the words do not say what runs.
    Opaque,
    /// Nothing durable ever grants running outside of the sandbox.
    Unconfined,
    /// The words that a grant would remember do not say what runs.
    NoPrefix,
    /// A rule asks each time.
    Prompted,
}

impl Bound {
    fn words(self) -> &'static str {
        match self {
            Bound::Patch => "a patch is another one each time: answer for this one call",
            Bound::Concealed => {
                "its arguments hold a secret, so it can't be told from others like it: answer for this one call"
            }
            Bound::Opaque => {
                "outside of the sandbox a shell line, an interpreter, git or a wrapper is never allowed for more than one call"
            }
            Bound::Unconfined => {
                "nothing that is kept allows running outside of the sandbox: answer for this call or this session"
            }
            Bound::NoPrefix => {
                "no prefix of this command says what it runs: answer for this call or this session"
            }
            Bound::Prompted => {
                "a rule asks about this command each time: answer for this call or this session"
            }
        }
    }
}

impl Question {
    /// Gives how far an answer to this question about this call may reach, the nearest first.
    pub fn scopes(&self, asked: &Invocation, arguments: Arguments) -> Vec<Scope> {
        let scopes = [Scope::Once, Scope::Session, Scope::Project].into_iter();
        scopes.filter(|scope| self.bound(*scope, asked, arguments).is_none()).collect()
    }

    /// Says why an answer to this question may not reach that far; none when it may.
    pub fn too_wide(
        &self,
        scope: Scope,
        asked: &Invocation,
        arguments: Arguments,
    ) -> Option<&'static str> {
        self.bound(scope, asked, arguments).map(Bound::words)
    }

    fn bound(&self, scope: Scope, asked: &Invocation, arguments: Arguments) -> Option<Bound> {
        let assessment = match asked {
            Invocation::Command { assessment, .. } => assessment.as_deref(),
            Invocation::Patch { .. } | Invocation::Invalid { .. } => {
                return (scope != Scope::Once).then_some(Bound::Patch);
            }
        };
        let prefix = assessment.is_some_and(|it| it.prefix.is_some());
        let prompted = assessment
            .and_then(|it| it.ruling.as_ref())
            .is_some_and(|ruling| ruling.decision == RuleDecision::Prompt);
        match (scope, self, arguments) {
            (Scope::Once, _, _) => None,
            (Scope::Session | Scope::Project, Question::WriteOutside { .. }, _) => {
                Some(Bound::Patch)
            }
            (Scope::Session | Scope::Project, _, Arguments::Concealed) => Some(Bound::Concealed),
            (Scope::Session, Question::Run, Arguments::Recorded) => None,
            (
                Scope::Session,
                Question::RunUnconfined | Question::RetryUnconfined,
                Arguments::Recorded,
            ) => (!prefix).then_some(Bound::Opaque),
            (
                Scope::Project,
                Question::RunUnconfined | Question::RetryUnconfined,
                Arguments::Recorded,
            ) => Some(Bound::Unconfined),
            (Scope::Project, Question::Run, Arguments::Recorded) if prompted => {
                Some(Bound::Prompted)
            }
            (Scope::Project, Question::Run, Arguments::Recorded) => {
                (!prefix).then_some(Bound::NoPrefix)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Assessment, Ruling, Safety};

    fn command(prefix: Option<&str>, decision: Option<RuleDecision>) -> Invocation {
        let ruling = decision.map(|decision| Ruling {
            decision,
            source: "default.rules:1".into(),
            justification: None,
        });
        let prefix = prefix.map(|word| vec![word.to_owned()]);
        Invocation::Command {
            argv: vec!["x".to_owned()].into(),
            workdir: None,
            timeout_ms: None,
            safety: Safety::Unknown,
            escalation: None,
            assessment: Some(Box::new(Assessment {
                reason: "x".into(),
                ruling,
                prefix,
                parts: Vec::new(),
            })),
        }
    }

    #[test]
    fn every_question_says_how_far_its_answers_reach() {
        use Scope::{Once, Project, Session};
        let outside = Question::WriteOutside { paths: vec!["/etc/x".into()] };
        let patch = Invocation::Patch { workdir: None, text: None };
        let plain = command(Some("cargo"), None);
        let opaque = command(None, None);
        let prompted = command(Some("cargo"), Some(RuleDecision::Prompt));
        let allowed = command(Some("cargo"), Some(RuleDecision::Allow));
        for (question, asked, scopes) in [
            (Question::Run, &plain, vec![Once, Session, Project]),
            (Question::Run, &allowed, vec![Once, Session, Project]),
            (Question::Run, &opaque, vec![Once, Session]),
            (Question::Run, &prompted, vec![Once, Session]),
            (Question::Run, &patch, vec![Once]),
            (outside, &patch, vec![Once]),
            (Question::RunUnconfined, &plain, vec![Once, Session]),
            (Question::RunUnconfined, &opaque, vec![Once]),
            (Question::RetryUnconfined, &plain, vec![Once, Session]),
            (Question::RetryUnconfined, &opaque, vec![Once]),
        ] {
            assert_eq!(
                question.scopes(asked, Arguments::Recorded),
                scopes,
                "{question:?} {asked:?}"
            );
            assert_eq!(question.scopes(asked, Arguments::Concealed), [Once]);
            for scope in [Once, Session, Project] {
                let words = question.too_wide(scope, asked, Arguments::Recorded);
                assert_eq!(words.is_none(), scopes.contains(&scope));
            }
        }
    }
}
