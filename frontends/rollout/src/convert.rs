//! From lines to events. Pure.

mod change;
mod turn;

use std::collections::{HashMap, VecDeque};

use codex_event::{
    Author, Backend, Body, CallId, CloseReason, Confinement, ContextSource, Digest, Envelope,
    Epoch, Event, GitHead, IMPORTED, Invocation, ItemKind, Millis, ProviderSettings, RequestId,
    Seq, SessionId, Settings, Timestamp, TurnId, Usage,
};
use codex_redact::Redactor;
use codex_session::{Illegal, Session};
use serde::Deserialize;
use serde_json::Value;

use crate::item::{self, Part, Whole};
use crate::line::{Kind, Line, object};
use crate::outcome::{self, Done};
use crate::redact::redact;
use crate::reply::{Output, Reply, Said};
use crate::setting::{Context, Meta, permissions};
use change::sandbox;
use turn::Ending;

/// Who let the calls of a rollout through, and who wrote its prompts.
pub(crate) const RULE: &str = "codex-rollout";
/// Begins the remark that says where a session comes from.
pub(crate) const MARK: &str = "imported from a Codex rollout";

/// Lines that may come before it is known what the session is allowed.
const MOST_HELD: usize = 256;
/// Longest line that is kept as a record; a longer one is kept as a remark, which has no bound.
const LONGEST: usize = 128 << 10;

/// What the session is made of beside the rollout.
pub struct Terms<'a> {
    /// Its id.
    pub id: SessionId,
    /// What a session would be opened with today: what the rollout doesn't say comes from here.
    pub settings: Settings,
    /// Gives what today's settings have for a provider, if they have it.
    pub provider: &'a dyn Fn(&str) -> Option<ProviderSettings>,
    /// What the model is told it is from now on; the rollout's own describes another program.
    pub instructions: String,
    /// Version of this program.
    pub program: String,
    /// Digest of the tools that are offered from now on.
    pub tools: Digest,
    /// Reads what a call asks for.
    pub interpret: &'a dyn Fn(&ItemKind, &str) -> Invocation,
    /// Takes the secrets out.
    pub redactor: Redactor,
}

/// An event, and the blobs of the values that were moved out of it.
pub type Spilled = (Envelope, Vec<(Digest, Vec<u8>)>);

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Turns.
    pub turns: u64,
    /// What the model said.
    pub items: u64,
    /// Those of them that are calls.
    pub calls: u64,
    /// Calls without an output.
    pub abandoned: u64,
    /// Outputs without a call; kept as foreign records.
    pub orphans: u64,
    /// Records of what could not be told as an event.
    pub foreign: u64,
    /// Lines that are no JSON; kept as remarks.
    pub broken: u64,
    /// Summaries that replaced the conversation.
    pub summaries: u64,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// The rollout says something that no journal may: a mistake of this program.
#[derive(Debug, thiserror::Error)]
#[error("event {seq} would be illegal: {illegal}")]
pub struct Fault {
    /// Its position.
    pub seq: Seq,
    /// Why.
    pub illegal: Illegal,
}

/// Whether the rollout says where turns begin and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Unknown,
    Running,
    Over,
}

/// Turns the lines of a rollout, in order, into the events of a session.
///
/// Every event is held against the grammar before it is given out. Memory holds one response and
/// what the session's fold holds, whose long texts are out of the way.
pub struct Conversion<'a> {
    terms: Terms<'a>,
    session: Session,
    pub(crate) at: Timestamp,
    first: Option<Timestamp>,
    mono: Millis,
    turns: TurnId,
    requests: RequestId,
    calls: CallId,
    started: Seq,
    last: Seq,
    usage: Usage,
    /// Whether the running turn has an answer.
    answered: bool,
    pub(crate) dangling: bool,
    task: Task,
    error: Option<String>,
    meta: Meta,
    opened: Option<Settings>,
    cwd: String,
    held: Vec<String>,
    reply: Option<Reply>,
    pub(crate) done: HashMap<String, Done>,
    contexts: Vec<String>,
    prompts: VecDeque<String>,
    ended: CloseReason,
    mark: String,
    out: Vec<Spilled>,
    pub(crate) counts: Counts,
}

impl<'a> Conversion<'a> {
    /// Begins a session; `mark` says which rollout it is.
    pub fn new(terms: Terms<'a>, mark: &str) -> Conversion<'a> {
        Conversion {
            terms,
            session: Session::default(),
            at: Timestamp(0),
            first: None,
            mono: Millis(0),
            turns: TurnId(0),
            requests: RequestId(0),
            calls: CallId(0),
            started: Seq(0),
            last: Seq(0),
            usage: Usage::default(),
            answered: false,
            dangling: false,
            task: Task::Unknown,
            error: None,
            meta: Meta::default(),
            opened: None,
            cwd: String::new(),
            held: Vec::new(),
            reply: None,
            done: HashMap::new(),
            contexts: Vec::new(),
            prompts: VecDeque::new(),
            ended: CloseReason::Done,
            mark: mark.to_owned(),
            out: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// Gives the events so far, each with what was moved out of it.
    pub fn drain(&mut self) -> impl Iterator<Item = Spilled> {
        self.out.drain(..)
    }

    /// Takes the next line.
    pub fn line(&mut self, text: &str) -> Result<(), Fault> {
        if text.trim().is_empty() {
            return Ok(());
        }
        if self.opened.is_some() {
            return self.take(text);
        }
        self.held.push(text.to_owned());
        // What a turn may do is said after it began; nothing may be told before.
        let ready = Line::read(text).is_some_and(|line| match line.kind {
            Kind::TurnContext => true,
            Kind::Item => matches!(item::part(line.payload, &line.rest), Part::Said { .. }),
            Kind::Meta | Kind::Event | Kind::Usage | Kind::Compacted | Kind::Other => false,
        });
        if ready || self.held.len() >= MOST_HELD { self.open() } else { Ok(()) }
    }

    /// Ends the session.
    pub fn finish(&mut self) -> Result<Counts, Fault> {
        if self.opened.is_none() {
            self.open()?;
        }
        self.end_turn(Ending::Silent)?;
        self.settle_provider()?;
        let event = Event::SessionClosed { reason: self.ended };
        self.emit(Author::Supervisor, Some(self.last), event)?;
        Ok(std::mem::take(&mut self.counts))
    }

    fn open(&mut self) -> Result<(), Fault> {
        let held = std::mem::take(&mut self.held);
        let lines = || held.iter().filter_map(|text| Line::read(text));
        self.at = lines().find_map(|line| line.at).unwrap_or_default();
        let meta = lines().find(|line| line.kind == Kind::Meta);
        self.meta =
            meta.and_then(|line| serde_json::from_str(line.payload).ok()).unwrap_or_default();
        let context = lines().find(|line| line.kind == Kind::TurnContext);
        let context: Context =
            context.and_then(|line| serde_json::from_str(line.payload).ok()).unwrap_or_default();
        let mut settings = self.terms.settings.clone();
        settings.notify = Vec::new();
        settings.permissions = permissions(None);
        if let Some(provider) = self.meta.model_provider.clone() {
            settings.provider = (self.terms.provider)(&provider).unwrap_or_else(|| {
                let kept = self.terms.settings.provider.clone();
                ProviderSettings { id: provider, base_url: String::new(), ..kept }
            });
        }
        context.apply(&mut settings);
        let cwd = context.cwd.clone().or_else(|| self.meta.cwd.clone());
        self.cwd = cwd.filter(|cwd| cwd.starts_with('/')).unwrap_or_else(|| "/".to_owned());
        let git =
            self.meta.git.take().map(|git| GitHead { commit: git.commit_hash, branch: git.branch });
        let event = Event::SessionOpened {
            cwd: self.cwd.clone(),
            git,
            settings: Box::new(settings.clone()),
            sandbox: Box::new(sandbox(&settings, &self.cwd)),
            program: self.terms.program.clone(),
            tools: self.terms.tools,
        };
        self.opened = Some(settings);
        let opened = self.emit(user(), None, event)?;
        let by = [self.meta.originator.as_deref(), self.meta.cli_version.as_deref()];
        let by: Vec<&str> = by.into_iter().flatten().collect();
        let by = if by.is_empty() { "an early release".to_owned() } else { by.join(" ") };
        let text = format!("{MARK}: {}; recorded by {by}", self.mark);
        self.emit(Author::Supervisor, Some(opened), Event::Noted { text: text.into() })?;
        let text = self.terms.instructions.clone().into();
        let event = Event::ContextAdded { source: ContextSource::Instructions, text };
        self.emit(Author::Supervisor, Some(opened), event)?;
        for text in held {
            self.take(&text)?;
        }
        Ok(())
    }

    fn take(&mut self, text: &str) -> Result<(), Fault> {
        let Some(line) = Line::read(text) else {
            // A line that is JSON and no object is kept as it came; what is no JSON can't be.
            if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
                return self.foreign(format!("{}unknown", IMPORTED), text.trim().to_owned());
            }
            self.counts.broken += 1;
            return self.note(format!("a line of the rollout that is no JSON: {text}"));
        };
        if let Some(at) = line.at {
            self.at = at;
        }
        match line.kind {
            Kind::Item => self.item(&line),
            Kind::TurnContext => {
                self.keep(&line)?;
                let context = serde_json::from_str(line.payload).unwrap_or_default();
                self.context(&context)
            }
            Kind::Event => self.event(&line),
            Kind::Usage => {
                #[derive(Deserialize)]
                struct Record {
                    usage: Value,
                }
                if let Some(reply) = &mut self.reply
                    && let Ok(record) = serde_json::from_str::<Record>(line.payload)
                {
                    reply.usage = Some(usage(&record.usage));
                    reply.closed = true;
                }
                self.keep(&line)
            }
            Kind::Compacted => {
                self.compacted(line.payload)?;
                self.keep(&line)
            }
            Kind::Meta | Kind::Other => self.keep(&line),
        }
    }

    fn item(&mut self, line: &Line<'_>) -> Result<(), Fault> {
        match item::part(line.payload, &line.rest) {
            Part::Said { kind } => {
                if self.reply.as_ref().is_some_and(|reply| reply.closed) {
                    self.flush()?;
                }
                self.session_runs()?;
                let (at, raw) = (self.at, line.payload.to_owned());
                let reply = self.reply.get_or_insert_default();
                reply.items.push(Said { at, kind, raw, output: None });
                self.rest(object(&line.rest))
            }
            Part::Output { call_id, text, rest, whole } => {
                let output = Output { at: self.at, text };
                let answered = self.reply.as_mut().map(|reply| reply.answer(&call_id, output));
                match (answered, whole) {
                    (Some(Ok(())), Whole::Yes) => self.rest(rest),
                    (Some(Ok(())), Whole::No) => {
                        self.say_once(
                            "images and other parts without a text are kept, and not sent",
                        );
                        self.keep(line)
                    }
                    (Some(Err(_)) | None, Whole::Yes | Whole::No) => {
                        self.counts.orphans += 1;
                        self.keep(line)
                    }
                }
            }
            Part::Prompt { text, rest, whole } => {
                self.prompt(text)?;
                match whole {
                    Whole::Yes => self.rest(rest),
                    Whole::No => {
                        self.say_once(
                            "images and other parts without a text are kept, and not sent",
                        );
                        self.keep(line)
                    }
                }
            }
            Part::Context { text, rest } => {
                if self.session.running().is_some() {
                    self.contexts.push(text);
                } else {
                    self.add_context(text)?;
                }
                self.rest(rest)
            }
            Part::Foreign => self.keep(line),
        }
    }

    fn event(&mut self, line: &Line<'_>) -> Result<(), Fault> {
        let Ok(event) = serde_json::from_str::<Value>(line.payload) else {
            return self.keep(line);
        };
        match event.get("type").and_then(Value::as_str).unwrap_or_default() {
            "task_started" | "turn_started" => {
                self.end_turn(Ending::Silent)?;
                self.task = Task::Running;
                self.keep(line)
            }
            "task_complete" | "turn_complete" => {
                self.keep(line)?;
                self.end_turn(Ending::Completed)?;
                self.task = Task::Over;
                Ok(())
            }
            "turn_aborted" => {
                self.keep(line)?;
                self.end_turn(Ending::Aborted)?;
                self.task = Task::Over;
                Ok(())
            }
            "token_count" => {
                if let Some(reply) = &mut self.reply
                    && reply.usage.is_none()
                    && let Some(last) = event.pointer("/info/last_token_usage")
                {
                    reply.usage = Some(usage(last));
                }
                self.keep(line)
            }
            "error" | "stream_error" => {
                let message = event.get("message").and_then(Value::as_str);
                self.error = message.map(str::to_owned);
                self.keep(line)
            }
            _ => {
                if self.session.running().is_some()
                    && let Some((call_id, done)) = outcome::done(&event)
                {
                    self.done.insert(call_id, done);
                }
                self.keep(line)
            }
        }
    }

    /// Keeps a line as it came.
    fn keep(&mut self, line: &Line<'_>) -> Result<(), Fault> {
        self.foreign(line.foreign(), line.whole.to_owned())
    }

    /// Keeps the fields of an item that have no place in an event.
    fn rest(&mut self, rest: Option<String>) -> Result<(), Fault> {
        let kind = || format!("{}response_item.rest", IMPORTED);
        rest.map_or(Ok(()), |rest| self.foreign(kind(), rest))
    }

    fn foreign(&mut self, kind: String, raw: String) -> Result<(), Fault> {
        self.counts.foreign += 1;
        let at = self.at;
        match self.reply.as_mut().map(|reply| reply.wait(at, kind.clone(), raw.clone())) {
            Some(None) => Ok(()),
            Some(Some((kind, raw))) => self.foreign_now(kind, &raw),
            None => self.foreign_now(kind, &raw),
        }
    }

    fn foreign_now(&mut self, kind: String, raw: &str) -> Result<(), Fault> {
        let raw = self.terms.redactor.json(raw).into_owned();
        if raw.len() > LONGEST {
            return self.note(format!("{kind} {raw}"));
        }
        self.put(Author::Supervisor, None, Body::Foreign { kind, version: 1, raw }).map(drop)
    }

    fn note(&mut self, text: String) -> Result<(), Fault> {
        self.emit(Author::Supervisor, None, Event::Noted { text: text.into() }).map(drop)
    }

    pub(crate) fn say_once(&mut self, text: &str) {
        if !self.counts.notes.iter().any(|known| known == text) {
            self.counts.notes.push(text.to_owned());
        }
    }

    pub(crate) fn emit(
        &mut self,
        author: Author,
        cause: Option<Seq>,
        mut event: Event,
    ) -> Result<Seq, Fault> {
        redact(&self.terms.redactor, &mut event);
        self.last = self.put(author, cause, Body::Known(event))?;
        Ok(self.last)
    }

    fn put(&mut self, author: Author, cause: Option<Seq>, body: Body) -> Result<Seq, Fault> {
        let seq = self.session.last().next();
        let first = *self.first.get_or_insert(self.at);
        self.mono = self.mono.max(Millis(self.at.0.saturating_sub(first.0)));
        let turn = match &body {
            Body::Known(Event::TurnStarted { .. }) => Some(self.turns),
            Body::Known(_) | Body::Foreign { .. } => self.session.running(),
        };
        let mut envelope = Envelope {
            session: self.terms.id,
            seq,
            epoch: Epoch(1),
            at: self.at,
            mono: self.mono,
            author,
            cause: cause.filter(|cause| *cause > Seq(0)),
            turn,
            body,
        };
        let blobs = envelope.spill();
        self.session.admit(&envelope).map_err(|illegal| Fault { seq, illegal })?;
        self.session.apply(&envelope);
        self.out.push((envelope, blobs));
        Ok(seq)
    }

    pub(crate) fn clean(&self, text: &str) -> String {
        self.terms.redactor.text(text).into_owned()
    }

    pub(crate) fn cwd(&self) -> &str {
        &self.cwd
    }

    fn backend(&self) -> Backend {
        self.opened.as_ref().map_or(Backend::Stateless, |settings| settings.provider.backend)
    }

    /// Names what held the commands, as far as a rollout says so.
    pub(crate) fn confinement(&self) -> Confinement {
        let unconfined = self
            .opened
            .as_ref()
            .is_some_and(|settings| codex_event::Permission::is_unconfined(&settings.permissions));
        match unconfined {
            true => Confinement::None,
            false => Confinement::Sandbox { plan: Digest::of(RULE.as_bytes()) },
        }
    }
}

fn user() -> Author {
    Author::User(RULE.to_owned())
}

fn usage(value: &Value) -> Usage {
    let of = |name: &str| value.get(name).and_then(Value::as_u64).unwrap_or(0);
    // Integers of a journal stay below 2^53.
    let of = |name| of(name).min((1 << 53) - 1);
    Usage {
        input_tokens: of("input_tokens"),
        cached_input_tokens: of("cached_input_tokens"),
        cache_write_input_tokens: of("cache_write_input_tokens"),
        output_tokens: of("output_tokens"),
        reasoning_output_tokens: of("reasoning_output_tokens"),
    }
}
