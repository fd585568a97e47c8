//! What is known of a command before anybody is asked about it.

use serde::{Deserialize, Serialize};

/// The model's wish to run a command outside of the sandbox.
///
/// A wish and nothing more: a person or a rule decides, and nothing durable ever grants it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Escalation {
    /// Why, in the model's words.
    pub justification: String,
    /// Words that the model proposes to remember; shown, and never taken without a look at the command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<Vec<String>>,
}

/// What the classifier and the rules said of a command when it came.
///
/// A fact: kept, so that a later release or another file of rules can't change history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Assessment {
    /// Why the classifier holds the command for safe, or does not.
    pub reason: String,
    /// What the rules say; none when none speaks of the command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruling: Option<Ruling>,
    /// What "always" would remember; none where that is never offered, as for shells, interpreters,
    /// git and wrappers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<Vec<String>>,
    /// Of a script that is not known to be safe, what is known of each of its first commands, in order;
    /// empty for all else, and in journals of before this was kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<AssessedPart>,
}

/// What the classifier said of one command of a script.
///
/// Short, since the script itself is kept with the call: it is for those who are asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AssessedPart {
    /// The program, as the script calls it; long ones are cut.
    pub program: String,
    /// Why it is not known to be safe; none when it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a rule or a grant says of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Ruling {
    /// What it decides.
    pub decision: RuleDecision,
    /// Where it stands, as `FILE:LINE`.
    pub source: String,
    /// Why, in the words of whoever wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub justification: Option<String>,
}

/// What a rule decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RuleDecision {
    /// The command needs no question; it still runs in the sandbox.
    Allow,
    /// A person is asked under every policy that asks at all, and it is refused under `never`.
    Prompt,
    /// It never runs.
    Forbidden,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_kept_before_is_empty_and_takes_no_room() {
        let before = r#"{"reason":"not known","prefix":["make"]}"#;
        let read: Assessment = serde_json::from_str(before).expect("an assessment");
        assert_eq!(read.parts, []);
        assert_eq!(serde_json::to_string(&read).expect("JSON"), before);
        let part = AssessedPart { program: "ls".into(), reason: None };
        let now = Assessment { parts: vec![part], ..read };
        let text = serde_json::to_string(&now).expect("JSON");
        assert!(text.ends_with(r#","parts":[{"program":"ls"}]}"#), "{text}");
        assert_eq!(serde_json::from_str::<Assessment>(&text).expect("an assessment"), now);
    }
}
