//! Reads what a tool call asks for out of the provider's JSON. Pure.

use codex_event::{Digest, Invocation, ItemKind};
use codex_patch::{Intercepted, intercept};
use serde::Deserialize;
use serde_json::Value;

/// What a call asks for, in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Run a program.
    Command { argv: Vec<String>, workdir: Option<String>, timeout_ms: Option<u64>, form: Form },
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
}

#[derive(Deserialize)]
struct PatchInput {
    input: String,
}

/// Gives the fact that is kept about a call: what it asks for, out of the provider's JSON of it.
pub fn interpret(_kind: &ItemKind, raw: &str) -> Invocation {
    match read(raw) {
        Asked::Command { argv, workdir, timeout_ms, .. } => {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let lookup = codex_gate::Lookup::host(&path, std::path::Path::new("/"));
            let safety = codex_gate::classify(&argv, &lookup).safety;
            Invocation::Command {
                argv: argv.into(),
                workdir,
                timeout_ms,
                safety,
                escalation: None,
                assessment: None,
            }
        }
        Asked::Patch { workdir, text } => {
            Invocation::Patch { workdir, text: Some(Digest::of(text.as_bytes())) }
        }
        Asked::Invalid { message } => Invocation::Invalid { message: message.into() },
    }
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
    let Shell { command, workdir, timeout_ms } = arguments;
    command_or_patch(command, workdir, timeout_ms, Form::Shell)
}

fn exec(arguments: Exec) -> Asked {
    let Exec { cmd, workdir, shell, login, timeout_ms } = arguments;
    let shell = shell.filter(|shell| !shell.is_empty()).unwrap_or_else(|| "/bin/bash".into());
    let flag = if login.unwrap_or(true) { "-lc" } else { "-c" };
    command_or_patch(vec![shell, flag.into(), cmd], workdir, timeout_ms, Form::Exec)
}

fn command_or_patch(
    argv: Vec<String>,
    workdir: Option<String>,
    timeout_ms: Option<u64>,
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
    Asked::Command { argv, workdir, timeout_ms, form }
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
        assert_eq!(asked, Asked::Command { argv, workdir, timeout_ms, form: Form::Shell });
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
