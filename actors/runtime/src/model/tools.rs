//! The tools that the model is offered.

use codex_event::Digest;
use serde_json::{Value, json};

/// The grammar of a patch, in Lark, for providers that hold the model to it.
const PATCH_GRAMMAR: &str = r#"start: "*** Begin Patch" LF section+ "*** End Patch" LF?
section: add | delete | update
add: "*** Add File: " path LF added*
delete: "*** Delete File: " path LF
update: "*** Update File: " path LF move? chunk*
move: "*** Move to: " path LF
chunk: anchor* line+ ("*** End of File" LF)?
anchor: "@@" (" " text)? LF
line: (" " | "+" | "-") text? LF
added: "+" text? LF
path: /[^\n]+/
text: /[^\n]+/
LF: "\n"
"#;

/// Gives the schemas as every request carries them.
pub(crate) fn tools() -> Value {
    json!([
        {
            "type": "function",
            "name": "shell",
            "description": "Runs a program with its arguments, and returns its output. No shell is \
                added: use [\"bash\", \"-lc\", SCRIPT] for one.",
            "strict": false,
            "parameters": {
                "type": "object",
                "properties": {
                    "command": {"type": "array", "items": {"type": "string"}},
                    "workdir": {"type": "string", "description": "Folder to run in."},
                    "timeout": {"type": "number", "description": "Milliseconds it may take."}
                },
                "required": ["command"],
                "additionalProperties": false
            }
        },
        {
            "type": "function",
            "name": "exec_command",
            "description": "Runs a line in a shell, and returns its output.",
            "strict": false,
            "parameters": {
                "type": "object",
                "properties": {
                    "cmd": {"type": "string", "description": "The line."},
                    "workdir": {"type": "string", "description": "Folder to run in."},
                    "shell": {"type": "string", "description": "The shell; /bin/bash by default."},
                    "login": {"type": "boolean", "description": "As a login shell; true by default."}
                },
                "required": ["cmd"],
                "additionalProperties": false
            }
        },
        {
            "type": "custom",
            "name": "apply_patch",
            "description": "Edits files. The input is the patch itself, as free text: do not wrap it \
                in JSON.",
            "format": {"type": "grammar", "syntax": "lark", "definition": PATCH_GRAMMAR}
        }
    ])
}

/// Digests the schemas, so that a journal says which tools its model was offered.
pub fn tools_digest() -> Digest {
    Digest::of(tools().to_string().as_bytes())
}
