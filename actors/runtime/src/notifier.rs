//! Tells the user's program that a turn is done.

use std::process::{Command, Stdio};

use actix::{Actor, Context, Handler, Recipient, ResponseFuture};
use codex_event::{Stored, TurnId};
use codex_journal::Blobs;
use codex_redact::Redactor;
use codex_session::Report;
use serde::Serialize;

use crate::interpret::message_text;
use crate::messages::{Notify, Observe};
use crate::told::text;
use crate::veil;

/// The one argument that the program gets; the names are the ones users' programs read.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Payload {
    r#type: &'static str,
    turn_id: String,
    input_messages: Vec<String>,
    last_assistant_message: Option<String>,
}

/// Starts the program, detached: it may outlive us, and nobody waits for it.
pub(crate) struct NotifierActor {
    session: Recipient<Observe>,
    blobs: Blobs,
    redactor: Redactor,
    /// The program and its arguments as today's settings have them.
    plain: Vec<String>,
}

impl NotifierActor {
    pub(crate) fn new(
        session: Recipient<Observe>,
        blobs: Blobs,
        redactor: Redactor,
        plain: Vec<String>,
    ) -> NotifierActor {
        NotifierActor { session, blobs, redactor, plain }
    }

    /// Gives the arguments to start the program with: today's, where the session's are the same but
    /// for the secrets in them.
    fn program(&self, recorded: Vec<String>) -> Vec<String> {
        let mut today = self.plain.clone();
        veil::redact(&self.redactor, &mut today);
        if today == recorded { self.plain.clone() } else { recorded }
    }
}

impl Actor for NotifierActor {
    type Context = Context<Self>;
}

impl Handler<Notify> for NotifierActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, mut notify: Notify, _: &mut Self::Context) -> Self::Result {
        notify.program = self.program(notify.program);
        let (session, blobs) = (self.session.clone(), self.blobs.clone());
        Box::pin(async move {
            let (turn, program) = (notify.turn, notify.program.clone());
            let started = tokio::task::spawn_blocking(move || {
                let payload = payload(notify.turn, &notify.inputs, notify.last_message, &blobs);
                let error = start(&notify.program, &payload).err().map(|error| error.to_string());
                (payload, error)
            });
            let (payload, error) = match started.await {
                Ok(said) => said,
                Err(error) => (String::new(), Some(error.to_string())),
            };
            let _ = session.send(Observe(Report::Notified { turn, program, payload, error })).await;
        })
    }
}

fn payload(
    turn: TurnId,
    inputs: &[Stored<String>],
    last_message: Option<Stored<String>>,
    blobs: &Blobs,
) -> String {
    let last = last_message.and_then(|raw| message_text(&text(&raw, blobs)));
    let payload = Payload {
        r#type: "agent-turn-complete",
        turn_id: turn.to_string(),
        input_messages: inputs.iter().map(|input| text(input, blobs).into_owned()).collect(),
        last_assistant_message: last,
    };
    serde_json::to_string(&payload).expect("plain texts always encode")
}

fn start(program: &[String], payload: &str) -> std::io::Result<()> {
    use std::os::unix::process::CommandExt;
    let (program, arguments) = program
        .split_first()
        .ok_or_else(|| std::io::Error::other("the notify setting names no program"))?;
    let mut child = Command::new(program)
        .args(arguments)
        .arg(payload)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    // So that no zombie is left while we live; the thread dies with us, the program does not.
    std::thread::Builder::new().name("notify-wait".into()).spawn(move || child.wait()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_has_the_names_that_programs_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let blobs = Blobs::at(folder.path());
        let raw = r#"{"type":"message","content":[{"type":"output_text","text":"Done."}]}"#;
        let payload = payload(TurnId(2), &["fix it".into()], Some(raw.into()), &blobs);
        assert_eq!(
            payload,
            r#"{"type":"agent-turn-complete","turn-id":"2","input-messages":["fix it"],"last-assistant-message":"Done."}"#
        );
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error_not_a_panic() {
        assert!(start(&["/nonexistent/program".into()], "{}").is_err());
        assert!(start(&[], "{}").is_err());
    }
}
