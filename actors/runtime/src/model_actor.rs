//! The model actor: one stream at a time.

use std::sync::{Arc, Mutex, PoisonError};

use actix::{Actor, Context, Handler, Recipient};
use codex_event::SessionId;
use codex_journal::{Blobs, Tails};
use codex_redact::Redactor;
use codex_session::Report;
use tokio::sync::mpsc;

use crate::judge::Judge;
use crate::messages::{AskModel, Observe};
use crate::model::{self, Endpoint, Input, ModelCall, Target};
use crate::told::text;

/// Reports of a stream that may wait for the session; a full channel holds the stream back.
const REPORTS: usize = 64;

/// What it takes to talk to the provider, beside what the journal knows.
pub struct Access {
    /// The key, or why there is none.
    pub key: Result<Option<String>, codex_config::MissingKey>,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// Parameters of the address.
    pub query: Vec<(String, String)>,
}

pub(crate) struct ModelActor {
    pub(crate) id: SessionId,
    pub(crate) session: Recipient<Observe>,
    pub(crate) blobs: Blobs,
    pub(crate) tails: Tails,
    pub(crate) access: Arc<Access>,
    pub(crate) redactor: Redactor,
    pub(crate) judge: Arc<Judge>,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) input: Arc<Mutex<Input>>,
}

impl Actor for ModelActor {
    type Context = Context<Self>;
}

impl Handler<AskModel> for ModelActor {
    type Result = ();

    fn handle(&mut self, ask: AskModel, _: &mut Self::Context) {
        let (reports, mut said) = mpsc::channel::<Report>(REPORTS);
        let session = self.session.clone();
        actix::spawn(async move {
            while let Some(report) = said.recv().await {
                let _ = session.send(Observe(report)).await;
            }
        });
        let (id, blobs, tails) = (self.id, self.blobs.clone(), self.tails.clone());
        let (access, endpoint) = (Arc::clone(&self.access), Arc::clone(&self.endpoint));
        let judge = Arc::clone(&self.judge);
        let (input, redactor) = (Arc::clone(&self.input), self.redactor.clone());
        tokio::spawn(async move {
            let cancel = ask.cancel.clone();
            // Reading texts back is disk work.
            let built = move || build(id, ask, &access, redactor, tails, &blobs, &input);
            if let Ok(call) = tokio::task::spawn_blocking(built).await {
                let interpret = move |kind: &_, raw: &str| judge.interpret(kind, raw);
                model::ask(call, &endpoint, &interpret, reports, cancel).await;
            }
        });
    }
}

fn build(
    session: SessionId,
    ask: AskModel,
    access: &Access,
    redactor: Redactor,
    tails: Tails,
    blobs: &Blobs,
    input: &Mutex<Input>,
) -> ModelCall {
    let backend = ask.settings.provider.backend;
    let target = Target::of(&ask.settings, ask.previous.as_deref());
    let read = |stored| text(stored, blobs);
    // Whatever a panic left in it is held against the entries before it is used.
    let mut input = input.lock().unwrap_or_else(PoisonError::into_inner);
    ModelCall {
        session,
        request: ask.request,
        attempt: ask.attempt,
        backend,
        previous: ask.previous,
        instructions: ask.instructions.map(|stored| text(&stored, blobs).into_owned()),
        input: input.follow(&target, &ask.entries, read).to_owned(),
        settings: ask.settings,
        key: access.key.clone(),
        headers: access.headers.clone(),
        query: access.query.clone(),
        redactor,
        tails,
    }
}
