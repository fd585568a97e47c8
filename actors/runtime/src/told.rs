//! Reads stored texts back, and words what the model is told of a call.

use std::borrow::Cow;

use codex_event::{Denial, DenialGrade, Outcome, Stored};
use codex_journal::Blobs;
use serde::Serialize;

use crate::interpret::Form;

/// Reads a stored text; a lost blob reads as a note that says so, since the session can go on.
pub(crate) fn text<'a>(stored: &'a Stored<String>, blobs: &Blobs) -> Cow<'a, str> {
    match stored {
        Stored::Inline(text) => text.into(),
        Stored::Blob { digest, .. } => match blobs.get(digest) {
            Ok(Some(bytes)) => String::from_utf8_lossy(&bytes).into_owned().into(),
            Ok(None) | Err(_) => format!("[text {digest} is missing from the journal]").into(),
        },
    }
}

#[derive(Serialize)]
struct Seed<'a> {
    output: &'a str,
    metadata: Metadata,
}

#[derive(Serialize)]
struct Metadata {
    exit_code: i32,
    duration_seconds: f64,
}

/// Words what became of a command for the tool that was called.
pub(crate) fn command(form: Form, outcome: &Outcome, duration_ms: u64, output: &str) -> String {
    let seconds = duration_ms as f64 / 1000.0;
    let output = &*match outcome {
        Outcome::DiskFull { folder, free_bytes } => {
            let line = if output.is_empty() || output.ends_with('\n') { "" } else { "\n" };
            let free = free_bytes >> 20;
            Cow::from(format!(
                "{output}{line}[ended because the disk of {folder} is nearly full: {free} MiB are free]\n"
            ))
        }
        Outcome::Exited { .. }
        | Outcome::Signalled { .. }
        | Outcome::TimedOut
        | Outcome::Interrupted
        | Outcome::Refused
        | Outcome::Invalid
        | Outcome::Patched { .. }
        | Outcome::PatchFailed
        | Outcome::NotStarted { .. } => Cow::from(output),
    };
    match (outcome, outcome.exit_code()) {
        (Outcome::NotStarted { reason }, _) => format!("failed to start the command: {reason}"),
        (Outcome::Interrupted, _) => {
            format!("Wall time: {seconds:.1} seconds\naborted by the user\nOutput:\n{output}")
        }
        (_, Some(code)) if form == Form::Shell => {
            let duration_seconds = (seconds * 10.0).round() / 10.0;
            let metadata = Metadata { exit_code: code, duration_seconds };
            serde_json::to_string(&Seed { output, metadata }).unwrap_or_default()
        }
        (_, Some(code)) => {
            let note = if *outcome == Outcome::TimedOut { "command timed out\n" } else { "" };
            format!(
                "Wall time: {seconds:.4} seconds\nProcess exited with code {code}\n{note}Output:\n{output}"
            )
        }
        (_, None) => output.to_owned(),
    }
}

/// Adds to a command's output what the sandbox refused, so that the model need not guess.
pub(crate) fn with(output: String, denial: Option<&Denial>) -> String {
    let Some(Denial { grade, evidence: _, denied, permission }) = denial else { return output };
    let sure = match grade {
        DenialGrade::Certain => "",
        DenialGrade::Likely => "probably ",
    };
    let said = match (denied, permission) {
        (Some(denied), Some(permission)) => {
            format!("refused {denied}; the permission {permission} would allow it")
        }
        (Some(denied), None) => format!("refused {denied}; no permission is meant for it"),
        (None, _) => "refused part of it".to_owned(),
    };
    let line = if output.is_empty() || output.ends_with('\n') { "" } else { "\n" };
    format!("{output}{line}[the sandbox {sure}{said}]\n")
}

/// Words what the user ran without the model, in the form that models know from Codex.
pub(crate) fn own_command(line: &str, exit: Option<i32>, duration_ms: u64, output: &str) -> String {
    let seconds = duration_ms as f64 / 1000.0;
    let how = match exit {
        Some(code) => {
            format!("Exit code: {code}\nDuration: {seconds:.4} seconds\nOutput:\n{output}")
        }
        None => "Its end is not known: the program ended before it.".to_owned(),
    };
    format!(
        "<user_shell_command>\n<command>\n{line}\n</command>\n<result>\n{how}\n</result>\n\
         </user_shell_command>"
    )
}

/// Words what became of a patch.
pub(crate) fn patch(duration_ms: u64, summary: &str) -> String {
    let seconds = duration_ms as f64 / 1000.0;
    format!("Exit code: 0\nWall time: {seconds:.1} seconds\nOutput:\n{summary}")
}

/// Words why a patch was not applied.
pub(crate) fn patch_failed(error: &dyn std::fmt::Display) -> String {
    format!("apply_patch verification failed: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_is_told_with_what_would_allow_it() {
        let denial = |grade, denied: Option<&str>, permission: Option<&str>| Denial {
            grade,
            evidence: "EACCES".into(),
            denied: denied.map(Into::into),
            permission: permission.map(Into::into),
        };
        for (denial, told) in [
            (None, "no"),
            (
                Some(denial(
                    DenialGrade::Certain,
                    Some("writing /srv/x"),
                    Some("disk-write-folder=/srv"),
                )),
                "no\n[the sandbox refused writing /srv/x; the permission disk-write-folder=/srv would \
                 allow it]\n",
            ),
            (
                Some(denial(DenialGrade::Likely, Some("a Unix socket"), None)),
                "no\n[the sandbox probably refused a Unix socket; no permission is meant for it]\n",
            ),
            (
                Some(denial(DenialGrade::Likely, None, None)),
                "no\n[the sandbox probably refused part of it]\n",
            ),
        ] {
            assert_eq!(with("no".to_owned(), denial.as_ref()), told);
        }
    }

    #[test]
    fn each_tool_is_told_in_its_own_form() {
        let failed = Outcome::Exited { code: 3 };
        assert_eq!(
            command(Form::Shell, &failed, 1234, "no\n"),
            r#"{"output":"no\n","metadata":{"exit_code":3,"duration_seconds":1.2}}"#
        );
        assert_eq!(
            command(Form::Exec, &failed, 1234, "no\n"),
            "Wall time: 1.2340 seconds\nProcess exited with code 3\nOutput:\nno\n"
        );
        assert!(command(Form::Exec, &Outcome::TimedOut, 1, "").contains("code 124\ncommand timed"));
    }
}
