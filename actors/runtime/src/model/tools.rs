//! The tools that the model is offered.

use codex_event::Digest;
use serde_json::{Value, json};

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

/// Lists the tools, in the form of the Responses API.
pub(crate) fn tools() -> Value {
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
pub fn digest() -> Digest {
    Digest::of(tools().to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_says_what_it_takes() {
        let tools = tools();
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
    fn the_digest_is_that_of_the_canonical_text() {
        assert_eq!(digest(), Digest::of(serde_json::to_string(&tools()).unwrap().as_bytes()));
    }
}
