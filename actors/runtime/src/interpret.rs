//! Reads what a tool call asks for out of the provider's JSON. Pure.

use codex_event::Escalation;
use codex_patch::{Intercepted, intercept};
use serde::Deserialize;
use serde_json::Value;

/// What a call asks for, in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Run a program.
    Command {
        argv: Vec<String>,
        workdir: Option<String>,
        timeout_ms: Option<u64>,
        escalation: Option<Escalation>,
        form: Form,
    },
    /// Apply a patch.
    Patch { text: String, workdir: Option<String> },
    /// Nothing that can be done.
    Invalid { message: String },
}

/// Which of the two command tools was called; they differ in what the model is told afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `shell`: an argument list.
    Shell,
    /// `exec_command`: a line for a shell.
    Exec,
}

/// The parts of a call item that matter here.
#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    name: String,
    #[serde(default)]
    arguments: Option<String>,
    #[serde(default)]
    input: Option<String>,
}

#[derive(Deserialize)]
struct Shell {
    command: Vec<String>,
    #[serde(default)]
    workdir: Option<String>,
    #[serde(default, alias = "timeout")]
    timeout_ms: Option<u64>,
    #[serde(default)]
    sandbox_permissions: Option<String>,
    #[serde(default)]
    justification: Option<String>,
    #[serde(default)]
    prefix_rule: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Exec {
    cmd: String,
    #[serde(default)]
    workdir: Option<String>,
    #[serde(default)]
    shell: Option<String>,
    #[serde(default)]
    login: Option<bool>,
    #[serde(default, alias = "timeout")]
    timeout_ms: Option<u64>,
    #[serde(default)]
    sandbox_permissions: Option<String>,
    #[serde(default)]
    justification: Option<String>,
    #[serde(default)]
    prefix_rule: Option<Vec<String>>,
}

/// The wish to leave the sandbox, as the model writes it.
struct Leave {
    sandbox_permissions: Option<String>,
    justification: Option<String>,
    prefix_rule: Option<Vec<String>>,
}

/// Most bytes of a justification, and of a prefix: somebody has to read them before answering.
const MAX_WORDS: usize = 1000;

impl Leave {
    /// Gives the wish, or what is wrong with it.
    fn read(self) -> Result<Option<Escalation>, String> {
        match self.sandbox_permissions.as_deref() {
            None | Some("" | USE_DEFAULT) => return Ok(None),
            Some(REQUIRE_ESCALATED) => {}
            Some(other) => {
                return Err(format!(
                    "`sandbox_permissions` is {other:?}, and it can only be \"{USE_DEFAULT}\" or \
                     \"{REQUIRE_ESCALATED}\". Nothing was run."
                ));
            }
        }
        let justification = self.justification.unwrap_or_default();
        if justification.trim().is_empty() {
            return Err("`justification` is missing: say in one sentence, for the user, why the \
                        command has to run outside of the sandbox. Nothing was run."
                .to_owned());
        }
        let prefix = self.prefix_rule.filter(|prefix| !prefix.is_empty());
        let length = prefix.iter().flatten().map(String::len).sum::<usize>();
        if justification.len() > MAX_WORDS || length > MAX_WORDS {
            return Err(format!(
                "`justification` and `prefix_rule` may have {MAX_WORDS} bytes each: the user reads \
                 them. Nothing was run."
            ));
        }
        Ok(Some(Escalation { justification, prefix }))
    }
}

/// What `sandbox_permissions` of a call may be.
pub(crate) const USE_DEFAULT: &str = "use_default";
pub(crate) const REQUIRE_ESCALATED: &str = "require_escalated";

#[derive(Deserialize)]
struct PatchInput {
    input: String,
}

/// Reads a call item.
pub(crate) fn read(raw: &str) -> Asked {
    let item: Item = match serde_json::from_str(raw) {
        Ok(item) => item,
        Err(error) => return invalid(format!("failed to read the call: {error}")),
    };
    let arguments = item.arguments.as_deref();
    match (item.name.as_str(), item.input) {
        ("shell" | "container.exec", None) => parsed(arguments, shell),
        ("exec_command", None) => parsed(arguments, exec),
        ("apply_patch", Some(text)) => Asked::Patch { text, workdir: None },
        ("apply_patch", None) => {
            parsed(arguments, |PatchInput { input }| Asked::Patch { text: input, workdir: None })
        }
        (name, _) => invalid(format!("unsupported call: {name}")),
    }
}

fn parsed<'a, T: Deserialize<'a>>(text: Option<&'a str>, then: impl Fn(T) -> Asked) -> Asked {
    match serde_json::from_str(text.unwrap_or_default()) {
        Ok(arguments) => then(arguments),
        Err(error) if error.is_eof() => invalid(format!(
            "failed to parse function arguments: {error}. They were cut off, and nothing was run: \
             call the tool again with whole arguments, and put less into one call."
        )),
        Err(error) => invalid(format!("failed to parse function arguments: {error}")),
    }
}

fn shell(arguments: Shell) -> Asked {
    let Shell { command, workdir, timeout_ms, sandbox_permissions, justification, prefix_rule } =
        arguments;
    let leave = Leave { sandbox_permissions, justification, prefix_rule };
    command_or_patch(command, workdir, timeout_ms, leave, Form::Shell)
}

fn exec(arguments: Exec) -> Asked {
    let Exec {
        cmd,
        workdir,
        shell,
        login,
        timeout_ms,
        sandbox_permissions,
        justification,
        prefix_rule,
    } = arguments;
    let leave = Leave { sandbox_permissions, justification, prefix_rule };
    let shell = shell.filter(|shell| !shell.is_empty()).unwrap_or_else(|| "/bin/bash".into());
    let flag = if login.unwrap_or(true) { "-lc" } else { "-c" };
    command_or_patch(vec![shell, flag.into(), cmd], workdir, timeout_ms, leave, Form::Exec)
}

fn command_or_patch(
    argv: Vec<String>,
    workdir: Option<String>,
    timeout_ms: Option<u64>,
    leave: Leave,
    form: Form,
) -> Asked {
    if argv.first().is_none_or(String::is_empty) {
        return invalid("failed to parse function arguments: the command is empty".into());
    }
    if let Some(Intercepted { patch, workdir: inner }) = intercept(&argv) {
        let workdir = match (workdir, inner) {
            // An absolute folder stands for itself.
            (Some(outer), Some(inner)) if !inner.starts_with('/') => {
                Some(format!("{outer}/{inner}"))
            }
            (outer, inner) => inner.or(outer),
        };
        return Asked::Patch { text: patch, workdir };
    }
    let workdir = workdir.filter(|folder| !folder.is_empty());
    match leave.read() {
        Ok(escalation) => Asked::Command { argv, workdir, timeout_ms, escalation, form },
        Err(message) => invalid(message),
    }
}

fn invalid(message: String) -> Asked {
    Asked::Invalid { message }
}

/// Joins the texts of a message item, as the user sees them.
pub(crate) fn message_text(raw: &str) -> Option<String> {
    let item: Value = serde_json::from_str(raw).ok()?;
    let parts = item.get("content")?.as_array()?;
    Some(parts.iter().filter_map(|part| part.get("text")?.as_str()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn function(name: &str, arguments: Value) -> Asked {
        let arguments = arguments.to_string();
        read(&json!({"type": "function_call", "name": name, "arguments": arguments}).to_string())
    }

    #[test]
    fn an_argument_list_runs_as_it_is() {
        let asked =
            function("shell", json!({"command": ["ls", "-l"], "workdir": "a", "timeout": 9}));
        let argv = vec!["ls".to_owned(), "-l".to_owned()];
        let (workdir, timeout_ms) = (Some("a".to_owned()), Some(9));
        assert_eq!(
            asked,
            Asked::Command { argv, workdir, timeout_ms, escalation: None, form: Form::Shell }
        );
    }

    #[test]
    fn a_line_gets_a_login_shell_unless_told_otherwise() {
        let argv = |asked| match asked {
            Asked::Command { argv, .. } => argv.join(" "),
            other => panic!("{other:?}"),
        };
        assert_eq!(argv(function("exec_command", json!({"cmd": "ls"}))), "/bin/bash -lc ls");
        let plain = json!({"cmd": "ls", "login": false, "shell": "/bin/sh"});
        assert_eq!(argv(function("exec_command", plain)), "/bin/sh -c ls");
    }

    #[test]
    fn what_nobody_asked_for_may_be_as_deep_as_it_likes() {
        for depth in [1_000, 100_000] {
            let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
            let arguments = format!("{{\"cmd\":\"ls\",\"why\":{nested}}}");
            let call = json!({"name": "exec_command", "arguments": arguments}).to_string();
            assert!(matches!(read(&call), Asked::Command { .. }), "{depth}");
        }
    }

    #[test]
    fn the_wish_to_leave_the_sandbox_is_read_with_its_reason() {
        let ask = |more: Value| {
            let mut call = json!({"cmd": "cargo fetch"});
            call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            match function("exec_command", call) {
                Asked::Command { escalation, .. } => Ok(escalation),
                Asked::Invalid { message } => Err(message),
                Asked::Patch { .. } => panic!(),
            }
        };
        let out = "require_escalated";
        assert_eq!(ask(json!({})), Ok(None));
        let quiet = json!({"sandbox_permissions": "use_default", "justification": "x"});
        assert_eq!(ask(quiet), Ok(None));
        let wish = ask(json!({
            "sandbox_permissions": out,
            "justification": "it downloads crates",
            "prefix_rule": ["cargo", "fetch"],
        }));
        let prefix = Some(vec!["cargo".to_owned(), "fetch".to_owned()]);
        let justification = "it downloads crates".to_owned();
        assert_eq!(wish, Ok(Some(Escalation { justification, prefix })));
        for (more, says) in [
            (json!({"sandbox_permissions": "all"}), "\"all\", and it can only be"),
            (json!({"sandbox_permissions": out}), "`justification` is missing"),
            (json!({"sandbox_permissions": out, "justification": " "}), "is missing"),
            (
                json!({"sandbox_permissions": out, "justification": "x".repeat(1001)}),
                "1000 bytes each",
            ),
            (json!({"sandbox_permissions": ["x"]}), "failed to parse function arguments"),
        ] {
            let message = ask(more).expect_err(says);
            assert!(message.contains(says), "{message}");
        }
    }

    #[test]
    fn a_patch_is_found_in_every_form() {
        let patch = "*** Begin Patch\n*** Delete File: a\n*** End Patch";
        let custom = json!({"type": "custom_tool_call", "name": "apply_patch", "input": patch});
        let script = format!("cd sub && apply_patch <<'EOF'\n{patch}\nEOF\n");
        let elsewhere = format!("cd /e && apply_patch '{patch}'");
        let forms = [
            (read(&custom.to_string()), None),
            (function("apply_patch", json!({"input": patch})), None),
            (function("shell", json!({"command": ["apply_patch", patch]})), None),
            (function("exec_command", json!({"cmd": script, "workdir": "w"})), Some("w/sub")),
            (function("exec_command", json!({"cmd": elsewhere, "workdir": "w"})), Some("/e")),
        ];
        for (asked, folder) in forms {
            let Asked::Patch { text, workdir } = asked else { panic!("{asked:?}") };
            assert_eq!(text.trim(), patch);
            assert_eq!(workdir.as_deref(), folder);
        }
    }

    #[test]
    fn a_call_at_fault_says_what_is_wrong() {
        let message = |asked| match asked {
            Asked::Invalid { message } => message,
            other => panic!("{other:?}"),
        };
        assert_eq!(message(function("frobnicate", json!({}))), "unsupported call: frobnicate");
        let broken = json!({"name": "exec_command", "arguments": "{not json"}).to_string();
        assert!(message(read(&broken)).starts_with("failed to parse function arguments: "));
        let cut = json!({"name": "exec_command", "arguments": "{\"cmd\": \"ec"}).to_string();
        let told = message(read(&cut));
        assert!(
            told.starts_with("failed to parse function arguments: EOF while parsing"),
            "{told}"
        );
        assert!(told.contains("cut off, and nothing was run"), "{told}");
        let deep = format!("{{\"cmd\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        let deep = json!({"name": "exec_command", "arguments": deep}).to_string();
        assert!(message(read(&deep)).contains("invalid type: sequence"));
        assert!(message(function("shell", json!({"command": []}))).contains("empty"));
        assert!(message(function("shell", json!({"command": "ls"}))).contains("arguments"));
    }
}
