//! How a call ended, from what the model was told of it.

use codex_event::{ChangeKind, Digest, FileChange};
use serde::Deserialize;
use serde_json::Value;

/// What an event beside the conversation says of a call.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) exit_code: Option<i32>,
    pub(crate) printed: Option<String>,
    pub(crate) duration_ms: Option<u64>,
    pub(crate) changes: Option<Vec<FileChange>>,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Exited(i32),
    /// The patch was applied.
    Applied,
    /// The patch did not fit; nothing changed.
    Unfit,
    Interrupted,
    Refused,
    /// Nobody says, or it had not ended.
    Unknown,
}

/// What the model was told of a call, taken apart.
#[derive(Debug)]
pub(crate) struct Told<'a> {
    pub(crate) end: End,
    pub(crate) duration_ms: u64,
    /// What the command printed, as far as the model saw it.
    pub(crate) printed: &'a str,
}

#[derive(Deserialize)]
struct Structured {
    #[serde(default)]
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    exit_code: i32,
    #[serde(default)]
    duration_seconds: f64,
}

/// Reads what the model was told.
pub(crate) fn told(text: &str) -> Told<'_> {
    let unknown = |end| Told { end, duration_ms: 0, printed: "" };
    if text.trim_start().starts_with('{') {
        return match serde_json::from_str::<Structured>(text) {
            Ok(Structured { metadata: Some(Metadata { exit_code, duration_seconds }) }) => {
                let duration_ms = millis(duration_seconds);
                Told { end: End::Exited(exit_code), duration_ms, printed: "" }
            }
            Ok(Structured { metadata: None }) | Err(_) => unknown(End::Unknown),
        };
    }
    let (head, printed) = match text.split_once("Output:\n") {
        Some((head, printed)) if head.lines().count() <= 8 => (head, printed),
        Some(_) | None => (text, ""),
    };
    let mut end = None;
    let mut duration_ms = 0;
    for line in head.lines().take(8) {
        let code = ["Process exited with code ", "Exit code: "]
            .into_iter()
            .find_map(|begin| line.strip_prefix(begin)?.trim().parse().ok());
        end = end.or(code.map(End::Exited));
        let wall = line.strip_prefix("Wall time: ").and_then(|rest| rest.split(' ').next());
        if let Some(seconds) = wall.and_then(|text| text.parse().ok()) {
            duration_ms = millis(seconds);
        }
    }
    let first = text.lines().next().unwrap_or_default();
    let end = end.unwrap_or_else(|| {
        if first.starts_with("aborted") || text.ends_with("aborted by user") {
            End::Interrupted
        } else if first.contains("rejected by user") || first.contains("rejected by") {
            End::Refused
        } else if first.starts_with("apply_patch verification failed") {
            End::Unfit
        } else if text.contains("Success. Updated the following files:") {
            End::Applied
        } else {
            End::Unknown
        }
    });
    Told { end, duration_ms, printed }
}

/// Gives what a command printed, where the model was told in JSON.
pub(crate) fn printed_in_json(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Printed {
        output: String,
    }
    serde_json::from_str::<Printed>(text).ok().map(|printed| printed.output)
}

fn millis(seconds: f64) -> u64 {
    // Saturates; a time below none is none.
    (seconds * 1000.0).round() as u64
}

/// Reads an event about a call; none when it tells of no call's end.
pub(crate) fn done(event: &Value) -> Option<(String, Done)> {
    let kind = event.get("type")?.as_str()?;
    let (of, id) = match kind {
        "item_completed" => (event.get("item")?, "id"),
        "exec_command_end" | "patch_apply_end" | "patch_apply_begin" => (event, "call_id"),
        _ => return None,
    };
    let call_id = of.get(id)?.as_str()?.to_owned();
    let exit_code = of.get("exit_code").and_then(Value::as_i64);
    let part = |name: &str| of.pointer(&format!("/duration/{name}")).and_then(Value::as_u64);
    let duration_ms =
        part("secs").map(|secs| secs.saturating_mul(1000) + part("nanos").unwrap_or(0) / 1_000_000);
    let printed = ["aggregated_output", "formatted_output"];
    let printed = printed.into_iter().find_map(|name| of.get(name)?.as_str());
    let changes = of.get("changes").and_then(Value::as_object).map(|changes| {
        changes.iter().filter_map(|(path, change)| change_of(path, change)).collect()
    });
    let done = Done {
        exit_code: exit_code.and_then(|code| i32::try_from(code).ok()),
        printed: printed.map(str::to_owned),
        duration_ms,
        changes,
    };
    let says = done.exit_code.is_some() || done.changes.is_some() || done.printed.is_some();
    says.then_some((call_id, done))
}

/// Reads what happened to a file: `{"type":"add",…}`, or `{"add":{…}}` before 2026.
fn change_of(path: &str, change: &Value) -> Option<FileChange> {
    let old = || change.as_object().and_then(|fields| fields.iter().next());
    let (kind, of) = match change.get("type").and_then(Value::as_str) {
        Some(kind) => (kind.to_owned(), change),
        None => match change.as_str() {
            Some(kind) => (kind.to_owned(), change),
            None => old().map(|(kind, of)| (kind.clone(), of))?,
        },
    };
    let content = of.get("content").and_then(Value::as_str);
    let content = content.map(|text| Digest::of(text.as_bytes()));
    let (kind, before, after) = match kind.as_str() {
        "add" => (ChangeKind::Add, None, content),
        "delete" => (ChangeKind::Delete, content, None),
        "update" => (ChangeKind::Update, None, None),
        _ => return None,
    };
    let move_to = of.get("move_path").and_then(Value::as_str).map(str::to_owned);
    let hunks = Vec::new();
    Some(FileChange { path: path.to_owned(), kind, move_to, before, after, hunks })
}

/// Reads the changes out of what the model was told of a patch that was applied.
pub(crate) fn listed(text: &str, cwd: &str) -> Vec<FileChange> {
    let Some((_, list)) = text.split_once("Updated the following files:\n") else {
        return Vec::new();
    };
    let change = |line: &str| {
        let (mark, path) = line.split_once(' ')?;
        let kind = match mark {
            "A" => ChangeKind::Add,
            "M" => ChangeKind::Update,
            "D" => ChangeKind::Delete,
            _ => return None,
        };
        let path = if path.starts_with('/') { path.to_owned() } else { format!("{cwd}/{path}") };
        Some(FileChange { path, kind, move_to: None, before: None, after: None, hunks: Vec::new() })
    };
    list.lines().map_while(change).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_model_was_told_says_how_a_call_ended() {
        for (text, end, duration_ms, printed) in [
            (
                "Chunk ID: 1\nWall time: 0.1016 seconds\nProcess exited with code 3\nOutput:\nhi\n",
                End::Exited(3),
                102,
                "hi\n",
            ),
            ("Exit code: 0\nWall time: 2 seconds\nOutput:\n", End::Exited(0), 2000, ""),
            (
                r#"{"output":"a","metadata":{"exit_code":1,"duration_seconds":0.5}}"#,
                End::Exited(1),
                500,
                "",
            ),
            ("aborted", End::Interrupted, 0, ""),
            ("Wall time: 1.3 seconds\naborted by user", End::Interrupted, 1300, ""),
            ("exec command rejected by user", End::Refused, 0, ""),
            ("apply_patch verification failed: x", End::Unfit, 0, ""),
            ("Success. Updated the following files:\nA a\n", End::Applied, 0, ""),
            (
                "Wall time: 10 seconds\nProcess running with session ID 7\nOutput:\nup\n",
                End::Unknown,
                10_000,
                "up\n",
            ),
            ("{\"output\": 1}", End::Unknown, 0, ""),
            ("", End::Unknown, 0, ""),
        ] {
            let told = told(text);
            assert_eq!((told.end, told.duration_ms, told.printed), (end, duration_ms, printed));
        }
        assert_eq!(printed_in_json(r#"{"output":"a"}"#).as_deref(), Some("a"));
    }

    #[test]
    fn changes_are_read_in_every_form() {
        let event = serde_json::json!({"type": "item_completed", "item": {"id": "c", "changes": {
            "/p/a": {"type": "add", "content": "x"},
            "/p/b": {"update": {"unified_diff": "", "move_path": "/p/c"}},
            "/p/d": "delete",
            "/p/e": {"chmod": {}},
        }}});
        let (id, done) = done(&event).expect("about a call");
        let changes = done.changes.expect("changes");
        let short: Vec<_> = changes.iter().map(|it| (it.path.as_str(), it.kind)).collect();
        assert_eq!(id, "c");
        assert_eq!(
            short,
            [("/p/a", ChangeKind::Add), ("/p/b", ChangeKind::Update), ("/p/d", ChangeKind::Delete)]
        );
        assert_eq!(changes[0].after, Some(Digest::of(b"x")));
        assert_eq!(changes[1].move_to.as_deref(), Some("/p/c"));
        let told = "Success. Updated the following files:\nA x\nD /y\n";
        let paths: Vec<_> = listed(told, "/p").into_iter().map(|it| it.path).collect();
        assert_eq!(paths, ["/p/x", "/y"]);
    }
}
