//! What changes between two requests: settings, the folder, the conversation itself.

use codex_event::{Author, ContextSource, Digest, Event, SandboxReport, Settings, Surroundings};
use serde::Deserialize;
use serde_json::Value;

use super::{Conversion, Fault, RULE, user};
use crate::item;
use crate::setting::{Context, writable_roots};

impl Conversion<'_> {
    pub(super) fn context(&mut self, context: &Context) -> Result<(), Fault> {
        let Some(before) = self.opened.clone() else { return Ok(()) };
        let mut settings = before.clone();
        context.apply(&mut settings);
        let cwd = context.cwd.clone().filter(|cwd| cwd.starts_with('/') && *cwd != self.cwd);
        if settings == before && cwd.is_none() {
            return Ok(());
        }
        self.flush()?;
        if let Some(cwd) = cwd {
            self.cwd = cwd;
            let found = Surroundings {
                cwd: self.cwd.clone(),
                sandbox: sandbox(&settings, &self.cwd),
                tools: self.terms.tools,
            };
            let event = Event::SessionResumed {
                program: self.terms.program.clone(),
                lost: Vec::new(),
                patches: Vec::new(),
                surroundings: Some(Box::new(found)),
            };
            self.emit(Author::Supervisor, None, event)?;
        }
        if settings != before {
            self.change(settings, "as the rollout says for this turn")?;
        }
        Ok(())
    }

    fn change(&mut self, settings: Settings, reason: &str) -> Result<(), Fault> {
        let event = Event::SettingsChanged {
            backend: settings.provider.backend,
            reason: reason.to_owned(),
            settings: Some(Box::new(settings.clone())),
        };
        self.opened = Some(settings);
        self.emit(user(), None, event).map(drop)
    }

    /// A provider that today's settings don't have can't be asked.
    pub(super) fn settle_provider(&mut self) -> Result<(), Fault> {
        let Some(mut settings) = self.opened.clone() else { return Ok(()) };
        if !settings.provider.base_url.is_empty() {
            return Ok(());
        }
        let (gone, now) = (settings.provider.id.clone(), self.terms.settings.provider.clone());
        let text = format!(
            "the settings have no provider `{gone}`: the session goes on with `{}`",
            now.id
        );
        settings.provider = now;
        self.change(settings, &text)?;
        self.counts.notes.push(text);
        Ok(())
    }

    pub(super) fn compacted(&mut self, payload: &str) -> Result<(), Fault> {
        self.flush()?;
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Compacted {
            message: String,
            replacement_history: Option<Vec<Value>>,
        }
        let Compacted { message, replacement_history } =
            serde_json::from_str(payload).unwrap_or_default();
        let mut lost = 0;
        let mut kept: Vec<String> = Vec::new();
        match replacement_history.filter(|items| !items.is_empty()) {
            Some(items) => {
                for item in &items {
                    match item::message(item) {
                        Some(("user" | "assistant", text)) if !item::is_context(&text, None) => {
                            kept.push(text);
                        }
                        // Told anew with every session.
                        Some(_) => {}
                        None => lost += 1,
                    }
                }
            }
            None => {
                kept.extend(self.prompts.drain(..));
                kept.push(message);
            }
        }
        kept.retain(|text| !text.trim().is_empty());
        if lost > 0 {
            self.say_once(&format!(
                "{lost} items of a replaced conversation are no messages: they are kept, and not sent"
            ));
        }
        if kept.is_empty() {
            self.say_once("a replaced conversation has no text: it goes on as it was");
            return Ok(());
        }
        self.counts.summaries += 1;
        self.answered = false;
        let text = kept.join("\n\n").into();
        let event = Event::ContextAdded { source: ContextSource::Summary, text };
        self.emit(Author::Supervisor, Some(self.last), event).map(drop)
    }
}

pub(super) fn sandbox(settings: &Settings, cwd: &str) -> SandboxReport {
    SandboxReport {
        level: "unknown".to_owned(),
        landlock_abi: None,
        plan: Digest::of(RULE.as_bytes()),
        writable_roots: writable_roots(&settings.permissions, cwd),
        limits: vec!["Codex ran these commands; what held them is not recorded".to_owned()],
        narrow: None,
        missing: Vec::new(),
    }
}
