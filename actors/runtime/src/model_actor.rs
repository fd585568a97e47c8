//! The model actor: one stream at a time.

use std::sync::Arc;

use actix::{Actor, Context, Handler, Recipient};
use codex_event::{SessionId, Stored};
use codex_journal::Blobs;
use codex_session::{Entry, Report};
use tokio::sync::mpsc;

use crate::interpret::interpret;
use crate::messages::{AskModel, Observe};
use crate::model::{self, Endpoint, ModelCall};
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
    pub(crate) access: Arc<Access>,
    pub(crate) endpoint: Arc<Endpoint>,
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
        let (id, blobs) = (self.id, self.blobs.clone());
        let (access, endpoint) = (Arc::clone(&self.access), Arc::clone(&self.endpoint));
        tokio::spawn(async move {
            let cancel = ask.cancel.clone();
            // Reading texts back is disk work.
            let call = tokio::task::spawn_blocking(move || build(id, ask, &access, &blobs)).await;
            if let Ok(call) = call {
                model::ask(call, &endpoint, &interpret, reports, cancel).await;
            }
        });
    }
}

fn build(session: SessionId, ask: AskModel, access: &Access, blobs: &Blobs) -> ModelCall {
    ModelCall {
        session,
        request: ask.request,
        attempt: ask.attempt,
        backend: ask.settings.provider.backend,
        previous: ask.previous,
        instructions: ask.instructions.map(|instructions| text(&instructions, blobs)),
        entries: ask.entries.into_iter().map(|entry| read_back(entry, blobs)).collect(),
        settings: ask.settings,
        key: access.key.clone(),
        headers: access.headers.clone(),
        query: access.query.clone(),
    }
}

fn read_back(entry: Entry, blobs: &Blobs) -> Entry {
    let inline = |stored: Stored<String>| Stored::Inline(text(&stored, blobs));
    match entry {
        Entry::Context { source, text } => Entry::Context { source, text: inline(text) },
        Entry::User { text } => Entry::User { text: inline(text) },
        Entry::Item { kind, raw } => Entry::Item { kind, raw: inline(raw) },
        Entry::Output { call_id, custom, text } => {
            Entry::Output { call_id, custom, text: inline(text) }
        }
    }
}
