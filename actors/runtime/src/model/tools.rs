//! The tools that the model is offered.

use codex_event::{ApprovalPolicy, Digest};
use serde_json::{Value, json};

use crate::interpret::{REQUIRE_ESCALATED, USE_DEFAULT};

/// What a patch looks like, in the notation of the Lark parser generator.
const PATCH_GRAMMAR: &str = r#"start: "*** Begin Patch" LF section+ "*** End Patch" LF?
section: addition | deletion | update
addition: "*** Add File: " PATH LF (NEW_LINE LF)*
deletion: "*** Delete File: " PATH LF
update: "*** Update File: " PATH LF (rename edits? | edits)
rename: "*** Move to: " PATH LF
edits: (anchor | EDIT_LINE LF)+ end_of_file?
anchor: "@@" LF | "@@ " PATH LF
end_of_file: "*** End of File" LF
PATH: /[^\n]+/
NEW_LINE: /\+[^\n]*/
EDIT_LINE: /[ +-][^\n]*/
%import common.LF
"#;

/// Lists the tools, in the form of the Responses API; those of a session that may ask to leave the
/// sandbox say how.
pub(crate) fn tools(policy: ApprovalPolicy) -> Value {
    let mut tools = plain();
    match policy {
        ApprovalPolicy::OnRequest => {
            for tool in tools.as_array_mut().into_iter().flatten() {
                if let Some(properties) = tool.pointer_mut("/parameters/properties") {
                    offer_escalation(properties);
                }
            }
        }
        ApprovalPolicy::UnlessAllowListed | ApprovalPolicy::OnFailure | ApprovalPolicy::Never => {}
    }
    tools
}

fn offer_escalation(properties: &mut Value) {
    properties["sandbox_permissions"] = json!({
        "type": "string",
        "enum": [USE_DEFAULT, REQUIRE_ESCALATED],
        "description": "Where to run: in the sandbox if left out. \"require_escalated\" asks the \
            user to run this one outside of it: only for what failed because of the sandbox or \
            can't work in it.",
    });
    properties["justification"] = json!({
        "type": "string",
        "description": "With \"require_escalated\": one sentence for the user that says why the \
            command has to run outside of the sandbox.",
    });
    properties["prefix_rule"] = json!({
        "type": "array",
        "items": { "type": "string" },
        "description": "With \"require_escalated\": the first words of the command that tell what \
            kind it is, such as [\"cargo\", \"fetch\"].",
    });
}

fn plain() -> Value {
    json!([
        {
            "type": "function",
            "name": "shell",
            "description": "Runs a program and returns what it printed. No shell is added: \
                pass [\"bash\", \"-lc\", \"...\"] where one is needed.",
            "strict": false,
            "parameters": {
                "type": "object",
                "properties": {
                    "command": {
                        "type": "array",
                        "items": { "type": "string" },
                        "description": "The program and its arguments.",
                    },
                    "workdir": {
                        "type": "string",
                        "description": "Folder to run in; the working directory if left out.",
                    },
                    "timeout": {
                        "type": "number",
                        "description": "Milliseconds after which the program is ended.",
                    },
                },
                "required": ["command"],
                "additionalProperties": false,
            },
        },
        {
            "type": "function",
            "name": "exec_command",
            "description": "Runs a command line in a shell and returns what it printed.",
            "strict": false,
            "parameters": {
                "type": "object",
                "properties": {
                    "cmd": { "type": "string", "description": "The command line." },
                    "workdir": {
                        "type": "string",
                        "description": "Folder to run in; the working directory if left out.",
                    },
                    "shell": {
                        "type": "string",
                        "description": "The shell; /bin/bash if left out.",
                    },
                    "login": {
                        "type": "boolean",
                        "description": "Whether it is a login shell; true if left out.",
                    },
                },
                "required": ["cmd"],
                "additionalProperties": false,
            },
        },
        {
            "type": "custom",
            "name": "apply_patch",
            "description": "Adds, deletes, changes and renames files, all of them or none. The \
                input is the patch itself: free text, never wrapped in JSON.",
            "format": { "type": "grammar", "syntax": "lark", "definition": PATCH_GRAMMAR },
        },
    ])
}

/// Tells whether a tool is offered that is called with free text.
pub(crate) fn takes_text(name: &str) -> bool {
    name == "apply_patch"
}

/// Digests the tools that the model is offered, so that a journal says which they were.
pub fn digest(policy: ApprovalPolicy) -> Digest {
    Digest::of(tools(policy).to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_says_what_it_takes() {
        let tools = tools(ApprovalPolicy::Never);
        let names: Vec<_> = tools.as_array().unwrap().iter().map(|t| &t["name"]).collect();
        assert_eq!(names, ["shell", "exec_command", "apply_patch"]);
        for tool in &tools.as_array().unwrap()[..2] {
            assert_eq!(tool["strict"], false);
            let parameters = &tool["parameters"];
            assert_eq!(parameters["additionalProperties"], false);
            let required = parameters["required"][0].as_str().unwrap();
            assert!(parameters["properties"].get(required).is_some());
        }
        assert_eq!(tools[2]["format"]["syntax"], "lark");
        for tool in tools.as_array().unwrap() {
            assert_eq!(takes_text(tool["name"].as_str().unwrap()), tool["type"] == "custom");
        }
    }

    #[test]
    fn every_rule_of_the_grammar_is_defined_and_used() {
        let names = |text: &str| -> Vec<String> {
            let plain: String = text.split('"').step_by(2).collect();
            let plain: String = plain.split('/').step_by(2).collect();
            let words = plain.split(|c: char| !c.is_ascii_alphabetic() && c != '_');
            words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
        };
        let rules: Vec<(&str, Vec<String>)> = PATCH_GRAMMAR
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, body)| (name, names(body)))
            .collect();
        for (name, body) in &rules {
            for used in body {
                assert!(used == "LF" || rules.iter().any(|(n, _)| n == used), "{name}: {used}");
            }
            let used = rules.iter().any(|(_, body)| body.iter().any(|word| word == name));
            assert!(used || *name == "start", "{name} is never used");
        }
    }

    #[test]
    fn only_a_policy_that_lets_the_model_ask_offers_to_leave_the_sandbox() {
        let plain = tools(ApprovalPolicy::Never);
        for policy in [ApprovalPolicy::UnlessAllowListed, ApprovalPolicy::OnFailure] {
            assert_eq!(tools(policy), plain);
            assert_eq!(digest(policy), digest(ApprovalPolicy::Never));
        }
        let asking = tools(ApprovalPolicy::OnRequest);
        for (at, name) in [(0, "shell"), (1, "exec_command")] {
            assert_eq!(asking[at]["name"], name);
            let properties = &asking[at]["parameters"]["properties"];
            let values = &properties["sandbox_permissions"]["enum"];
            assert_eq!(*values, json!(["use_default", "require_escalated"]));
            assert!(
                properties["justification"].is_object() && properties["prefix_rule"].is_object()
            );
        }
        assert_eq!(asking[2], plain[2], "a patch never leaves the sandbox by a word of the model");
        assert_ne!(digest(ApprovalPolicy::OnRequest), digest(ApprovalPolicy::Never));
    }

    #[test]
    fn the_digest_is_that_of_the_canonical_text() {
        let text = serde_json::to_string(&tools(ApprovalPolicy::Never)).unwrap();
        assert_eq!(digest(ApprovalPolicy::Never), Digest::of(text.as_bytes()));
    }
}
