//! Who is asked: the table of the gate, with no session around it.
//!
//! ```text
//!                      known safe, rule or grant   other   denied by the sandbox   escalated   patch   patch outside
//! unless-allow-listed  no                          ask     the model is told       ask         ask     ask
//! on-failure           no                          no      ask to retry outside    ask         no      ask
//! on-request           no                          no      the model is told       ask         no      ask
//! never                no                          no      the model is told       refused     no      refused
//! ```
//!
//! A rule that forbids refuses under every policy. One that prompts asks under every policy that
//! asks at all, and refuses under `never`. One that allows, and a grant, only spare the question.

use codex_event::{ApprovalPolicy, Escalation, RuleDecision, Ruling, Safety};

/// What decides over a command, beside its own words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) policy: ApprovalPolicy,
    pub(crate) safety: Safety,
    pub(crate) ruling: Option<&'a Ruling>,
    /// The wish to leave the sandbox, where there is one to leave.
    pub(crate) escalation: Option<&'a Escalation>,
    pub(crate) granted: Option<Granted>,
}

/// An earlier answer that covers a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Granted {
    Session,
    Project,
}

impl Granted {
    pub(crate) fn rule(self) -> &'static str {
        match self {
            Granted::Session => "granted-for-session",
            Granted::Project => "granted-for-project",
        }
    }
}

/// What the policy says of a call, and the rule that says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// It may run without a question.
    Allow { rule: String, hold: Hold },
    /// A person is asked.
    Ask { reason: String },
    /// It may not run.
    Refuse { rule: String, why: Why },
}

/// What holds a command that may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// The session's plan.
    Whole,
    /// The plan of commands that only look.
    Narrow,
    /// Nothing: it was allowed to run outside.
    Nothing,
}

/// Why a command may not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// A rule forbids it; the words are the rule's.
    Forbidden(String),
    /// A rule asks, and nobody is asked; with the rule's words, if it has any.
    Unasked(Option<String>),
    /// It would leave the sandbox, and nobody is asked.
    Escalated,
}

/// Decides over a command.
pub(crate) fn command(facts: &Facts<'_>) -> Rule {
    let asks = asks(facts.policy);
    if let Some(ruling) = facts.ruling {
        match ruling.decision {
            RuleDecision::Forbidden => {
                let words = ruling.justification.clone();
                let words = words.unwrap_or_else(|| format!("{} forbids it", ruling.source));
                return Rule::Refuse { rule: named(ruling), why: Why::Forbidden(words) };
            }
            RuleDecision::Prompt if !asks => {
                let why = Why::Unasked(ruling.justification.clone());
                return Rule::Refuse { rule: named(ruling), why };
            }
            RuleDecision::Prompt | RuleDecision::Allow => {}
        }
    }
    if facts.escalation.is_some() && !asks {
        return Rule::Refuse { rule: facts.policy.as_str().to_owned(), why: Why::Escalated };
    }
    if let (Some(escalation), granted) = (facts.escalation, facts.granted) {
        return match granted {
            Some(granted) => Rule::Allow { rule: granted.rule().to_owned(), hold: Hold::Nothing },
            None => Rule::Ask { reason: escalation.justification.clone() },
        };
    }
    if let Some(granted) = facts.granted {
        return Rule::Allow { rule: granted.rule().to_owned(), hold: Hold::Whole };
    }
    if let Some(ruling) = facts.ruling.filter(|it| it.decision == RuleDecision::Prompt) {
        let words = ruling.justification.clone();
        let reason = words.unwrap_or_else(|| format!("{} asks about it", ruling.source));
        return Rule::Ask { reason };
    }
    let whole = |rule: &str| Rule::Allow { rule: rule.to_owned(), hold: Hold::Whole };
    match facts.policy {
        ApprovalPolicy::Never | ApprovalPolicy::OnFailure | ApprovalPolicy::OnRequest => {
            whole(facts.policy.as_str())
        }
        ApprovalPolicy::UnlessAllowListed => match (facts.safety, facts.ruling) {
            (Safety::KnownSafe, _) => {
                Rule::Allow { rule: "known-safe".to_owned(), hold: Hold::Narrow }
            }
            (Safety::Unknown, Some(ruling)) => whole(&named(ruling)),
            (Safety::Unknown, None) => {
                Rule::Ask { reason: "the command is not known to be safe".to_owned() }
            }
        },
    }
}

/// What would happen to a command that nobody has answered for and that keeps to the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// It runs in the sandbox, and nobody is asked.
    Runs,
    /// Somebody is asked.
    Asks,
    /// It does not run.
    Refused,
}

impl Outlook {
    /// Gives the word for it that programs read.
    pub fn as_str(self) -> &'static str {
        match self {
            Outlook::Runs => "runs",
            Outlook::Asks => "asks",
            Outlook::Refused => "refused",
        }
    }
}

/// Says what a policy makes of a command, before there is a session.
pub fn outlook(policy: ApprovalPolicy, safety: Safety, ruling: Option<&Ruling>) -> Outlook {
    match command(&Facts { policy, safety, ruling, escalation: None, granted: None }) {
        Rule::Allow { .. } => Outlook::Runs,
        Rule::Ask { .. } => Outlook::Asks,
        Rule::Refuse { .. } => Outlook::Refused,
    }
}

/// Tells whether a policy asks anybody at all.
pub(crate) fn asks(policy: ApprovalPolicy) -> bool {
    match policy {
        ApprovalPolicy::Never => false,
        ApprovalPolicy::OnFailure
        | ApprovalPolicy::OnRequest
        | ApprovalPolicy::UnlessAllowListed => true,
    }
}

fn named(ruling: &Ruling) -> String {
    format!("rule {}", ruling.source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ApprovalPolicy::{Never, OnFailure, OnRequest, UnlessAllowListed};

    const POLICIES: [ApprovalPolicy; 4] = [UnlessAllowListed, OnFailure, OnRequest, Never];

    fn facts(policy: ApprovalPolicy) -> Facts<'static> {
        let safety = Safety::Unknown;
        Facts { policy, safety, ruling: None, escalation: None, granted: None }
    }

    fn ruling(decision: RuleDecision) -> Ruling {
        Ruling { decision, source: "default.rules:3".into(), justification: None }
    }

    fn short(rule: &Rule) -> &'static str {
        match rule {
            Rule::Allow { hold: Hold::Whole, .. } => "runs",
            Rule::Allow { hold: Hold::Narrow, .. } => "narrow",
            Rule::Allow { hold: Hold::Nothing, .. } => "outside",
            Rule::Ask { .. } => "asks",
            Rule::Refuse { .. } => "refused",
        }
    }

    fn row(of: impl Fn(ApprovalPolicy) -> Rule) -> [&'static str; 4] {
        POLICIES.map(|policy| short(&of(policy)))
    }

    #[test]
    fn the_table() {
        let escalation = Escalation { justification: "it needs the network".into(), prefix: None };
        let (allow, prompt, forbid) = (
            ruling(RuleDecision::Allow),
            ruling(RuleDecision::Prompt),
            ruling(RuleDecision::Forbidden),
        );
        let other = |policy| command(&facts(policy));
        let safe = |policy| command(&Facts { safety: Safety::KnownSafe, ..facts(policy) });
        let ruled =
            |ruling| move |policy| command(&Facts { ruling: Some(ruling), ..facts(policy) });
        let granted = |policy| command(&Facts { granted: Some(Granted::Session), ..facts(policy) });
        let escalated = |facts| command(&Facts { escalation: Some(&escalation), ..facts });
        assert_eq!(row(other), ["asks", "runs", "runs", "runs"]);
        assert_eq!(row(safe), ["narrow", "runs", "runs", "runs"]);
        assert_eq!(row(granted), ["runs"; 4]);
        assert_eq!(row(ruled(&allow)), ["runs"; 4]);
        assert_eq!(row(ruled(&prompt)), ["asks", "asks", "asks", "refused"]);
        assert_eq!(row(ruled(&forbid)), ["refused"; 4]);
        assert_eq!(row(|it| escalated(facts(it))), ["asks", "asks", "asks", "refused"]);
        let safe = |it| escalated(Facts { safety: Safety::KnownSafe, ..facts(it) });
        assert_eq!(row(safe), ["asks", "asks", "asks", "refused"], "safe inside only");
        let allowed = |it| escalated(Facts { ruling: Some(&allow), ..facts(it) });
        assert_eq!(row(allowed), ["asks", "asks", "asks", "refused"], "no rule lets it out");
        let forbidden = |it| {
            let granted = Some(Granted::Session);
            escalated(Facts { ruling: Some(&forbid), granted, ..facts(it) })
        };
        assert_eq!(row(forbidden), ["refused"; 4]);
        let again = |it| escalated(Facts { granted: Some(Granted::Session), ..facts(it) });
        assert_eq!(row(again), ["outside", "outside", "outside", "refused"]);
    }
}
