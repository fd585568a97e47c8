//! The line frontend as a state machine: what happens in, what is to be done out. No I/O.

use codex_event::{
    Author, CallId, CloseReason, Command, Envelope, Event, InterruptReason, Scope, Verdict,
};
use codex_view::{Paint, Style, Text, sanitize};

use crate::proposal::{Choices, Proposals};
use crate::typed::{self, Answer, HELP, Typed};
use crate::{Input, Left, Role};

/// Lines of the last turn that are shown of a session that was there before.
const RECENT: usize = 200;
/// Stands where something can be said.
const READY: &str = "> ";
/// What the model is told of a call that was refused.
const REFUSED: &str = "refused by the user";

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Print a line.
    Say(String),
    /// Show that something can be typed.
    Prompt(&'static str),
    /// Hand a command in.
    Ask(Command),
    /// Stop following.
    Leave,
}

/// A session told to a person, and the person's lines read.
pub(crate) struct Line {
    role: Role,
    text: Text,
    proposals: Proposals,
    /// The last turn of what was there before, until all of it has been seen.
    recent: Option<Vec<Envelope>>,
    /// Whether the event that is being told was there before.
    past: bool,
    /// Whether the event that is being told is of this process.
    own: bool,
    running: bool,
    interrupted: bool,
    /// The question that waits; a session carries out one call after the other.
    question: Option<Choices>,
    /// The question that was answered here.
    answered: Option<CallId>,
    leaving: bool,
    left: Left,
}

impl Line {
    pub(crate) fn new(role: Role, paint: Paint) -> Line {
        Line {
            role,
            text: Text::new(Style { paint, ..Style::default() }),
            proposals: Proposals::default(),
            recent: Some(Vec::new()),
            past: false,
            own: false,
            running: false,
            interrupted: false,
            question: None,
            answered: None,
            leaving: false,
            left: Left::Ended,
        }
    }

    /// Tells how it ended.
    pub(crate) fn left(&self) -> Left {
        match (self.leaving, self.left) {
            (true, Left::Ended) => Left::Wished,
            (_, left) => left,
        }
    }

    /// Takes the next event; `hydrate` puts its large values in place, if it is going to be shown.
    pub(crate) fn record(
        &mut self,
        mut envelope: Envelope,
        hydrate: &dyn Fn(&mut Envelope),
    ) -> Vec<Act> {
        if let Some(recent) = &mut self.recent {
            let begins = matches!(envelope.event(), Some(Event::TurnStarted { .. }));
            let over = if begins { std::mem::take(recent) } else { Vec::new() };
            recent.push(envelope);
            over.iter().for_each(|envelope| drop(self.tell(envelope)));
            return Vec::new();
        }
        hydrate(&mut envelope);
        self.tell(&envelope)
    }

    /// All that was there before has been seen: shows the end of it.
    pub(crate) fn caught_up(&mut self, hydrate: &dyn Fn(&mut Envelope)) -> Vec<Act> {
        let Some(recent) = self.recent.take() else { return Vec::new() };
        let mut said = Vec::new();
        self.past = true;
        for mut envelope in recent {
            hydrate(&mut envelope);
            said.extend(self.tell(&envelope));
        }
        self.past = false;
        said.extend(self.question.as_ref().map(|choices| Act::Say(choices.line())));
        let mut due: Vec<Act> =
            said.extract_if(.., |act| !matches!(act, Act::Say(_) | Act::Prompt(_))).collect();
        said.retain(|act| matches!(act, Act::Say(_)));
        let hidden = said.len().saturating_sub(RECENT);
        if hidden > 0 {
            said.drain(..hidden);
            said.insert(0, Act::Say(format!("… {hidden} lines more, which codex replay shows")));
        }
        match (self.leaving && due.is_empty(), self.running) {
            (true, true) => due.extend(self.interrupt()),
            (true, false) => due.extend(close(CloseReason::Done)),
            (false, _) => {}
        }
        said.extend(self.prompt());
        said.extend(due);
        said
    }

    /// Takes what the person typed.
    pub(crate) fn input(&mut self, input: Input) -> Vec<Act> {
        let text = match input {
            Input::Line(text) => text,
            Input::End => return self.leave(),
            Input::Interrupt if self.running && !self.interrupted => return self.interrupt(),
            Input::Interrupt => return self.leave(),
        };
        match (typed::read(&text), &self.question) {
            (Typed::Nothing, _) => self.prompt().into_iter().collect(),
            (Typed::Answer(Answer::Yes(scope)), Some(choices))
                if let Some(words) = choices.too_wide(scope) =>
            {
                self.remark(words)
            }
            (Typed::Answer(answer) | Typed::Unclear { answer, .. }, Some(choices)) => {
                let call = choices.call;
                self.answered = Some(call);
                vec![Act::Ask(settle(call, answer))]
            }
            (Typed::Answer(_), None) => self.remark(&format!(
                "no question waits; to say it to the model: /say {}",
                text.trim()
            )),
            (Typed::Prompt(_), Some(_)) if !text.trim_start().starts_with("/say ") => self
                .remark("a question waits: answer it first; /say TEXT tells the model something"),
            (Typed::Prompt(input) | Typed::Unclear { prompt: input, .. }, _) => {
                vec![Act::Ask(Command::Submit { input })]
            }
            (Typed::Interrupt, _) if self.running => self.interrupt(),
            (Typed::Interrupt, _) => self.remark("no turn is running"),
            (Typed::Quit, _) => self.leave(),
            (Typed::Help, _) => {
                let lines = HELP.iter().map(|line| Act::Say((*line).to_owned()));
                lines.chain(self.prompt()).collect()
            }
            (Typed::Name(name), _) => vec![Act::Ask(Command::Name { name })],
            (Typed::Unknown(word), _) => {
                let word = sanitize::visible(&word);
                self.remark(&format!("there is no {word}; /help lists what there is"))
            }
        }
    }

    /// Takes the refusal of a command that was handed in.
    pub(crate) fn refused(&mut self, command: &Command, reason: &str) -> Vec<Act> {
        if self.leaving {
            // A turn began just before: its end is still to come, and closes the session. If one
            // ended just before, its end does.
            return match command {
                Command::Close { .. } => self.interrupt(),
                Command::Interrupt { .. }
                | Command::Open(_)
                | Command::Resume(_)
                | Command::Submit { .. }
                | Command::SettleReview { .. }
                | Command::Name { .. }
                | Command::Shelve { .. }
                | Command::StartOwnCommand { .. }
                | Command::EndOwnCommand { .. } => Vec::new(),
            };
        }
        if matches!(command, Command::SettleReview { .. }) {
            self.answered = None;
        }
        self.remark(&format!("not taken: {}", sanitize::visible(reason)))
    }

    fn remark(&self, text: &str) -> Vec<Act> {
        let said = Act::Say(text.to_owned());
        std::iter::once(said).chain(self.prompt()).collect()
    }

    /// Something can be typed at any time; it is shown where it is awaited.
    fn prompt(&self) -> Option<Act> {
        match (self.recent.is_some() || self.leaving, &self.question, self.running) {
            (true, _, _) | (false, None, true) => None,
            (false, Some(choices), _) => Some(Act::Prompt(choices.prompt())),
            (false, None, false) => Some(Act::Prompt(READY)),
        }
    }

    fn interrupt(&mut self) -> Vec<Act> {
        self.interrupted = true;
        vec![Act::Ask(Command::Interrupt { reason: InterruptReason::User })]
    }

    fn leave(&mut self) -> Vec<Act> {
        if std::mem::replace(&mut self.leaving, true) {
            return Vec::new();
        }
        match (self.role, self.recent.is_some(), self.running) {
            (Role::Guest, _, _) => vec![Act::Leave],
            // Whether a turn runs is not known yet.
            (Role::Owner { .. }, true, _) => Vec::new(),
            (Role::Owner { .. }, false, true) => self.interrupt(),
            (Role::Owner { .. }, false, false) => close(CloseReason::Done),
        }
    }

    fn tell(&mut self, envelope: &Envelope) -> Vec<Act> {
        self.own = match self.role {
            Role::Owner { from } => envelope.seq >= from,
            Role::Guest => false,
        };
        let lines = self.text.apply(envelope);
        let mut acts: Vec<Act> = lines.into_iter().map(|line| Act::Say(line.text)).collect();
        if let Some(event) = envelope.event() {
            self.proposals.apply(event);
            acts.extend(self.follow(event, &envelope.author));
        }
        acts
    }

    fn follow(&mut self, event: &Event, author: &Author) -> Vec<Act> {
        match event {
            Event::TurnStarted { .. } => {
                (self.running, self.interrupted) = (true, false);
                Vec::new()
            }
            Event::TurnCompleted { .. } | Event::TurnFailed { .. } => self.ended(None),
            Event::TurnInterrupted { reason } => self.ended(Some(*reason)),
            Event::ReviewAsked { call, question, .. } => {
                let choices = self.proposals.choices(*call, question);
                let lines = self.proposals.lines(*call).into_iter().map(Act::Say);
                // Of those that were asked before, the last may still wait.
                let said = (!self.past).then(|| Act::Say(choices.line()));
                self.question = Some(choices);
                let (lines, choices) = (lines.collect::<Vec<_>>().into_iter(), said);
                lines.chain(choices).chain(self.prompt()).collect()
            }
            Event::ReviewSettled { call, .. } => self.settled(*call, author),
            Event::ToolFinished { call, .. } | Event::ToolAbandoned { call, .. } => {
                self.question.take_if(|asked| asked.call == *call);
                Vec::new()
            }
            Event::SessionNamed { .. }
            | Event::SessionShelved { .. }
            | Event::OwnCommandStarted { .. }
            | Event::OwnCommandEnded { .. } => self.prompt().into_iter().collect(),
            Event::SessionClosed { reason: CloseReason::Interrupted }
                if self.own && !self.leaving =>
            {
                self.left = Left::Signalled(None);
                Vec::new()
            }
            Event::SessionClosed { .. }
            | Event::SessionOpened { .. }
            | Event::SessionForked { .. }
            | Event::SessionResumed { .. }
            | Event::SettingsChanged { .. }
            | Event::Repaired { .. }
            | Event::ContextAdded { .. }
            | Event::InputQueued { .. }
            | Event::TurnInterruptRequested { .. }
            | Event::ModelRequested { .. }
            | Event::ModelStreamed { .. }
            | Event::ModelItemCompleted { .. }
            | Event::ModelResponded { .. }
            | Event::ModelAttemptFailed { .. }
            | Event::ToolCalled { .. }
            | Event::ToolIntended { .. }
            | Event::ToolSpawned { .. }
            | Event::ToolOutput { .. }
            | Event::GrantKept { .. }
            | Event::RepositoryChanged { .. }
            | Event::NotificationSent { .. }
            | Event::Noted { .. } => Vec::new(),
        }
    }

    fn settled(&mut self, call: CallId, author: &Author) -> Vec<Act> {
        let waited = self.question.take_if(|asked| asked.call == call).is_some();
        let here = self.answered.take_if(|answered| *answered == call).is_some();
        if !waited || here || self.past {
            return Vec::new();
        }
        let by = sanitize::visible(&author.to_string());
        vec![Act::Say(format!(" the question was answered by {by}; nothing waits here"))]
    }

    /// A turn ended. What a signal of the system ended goes on nowhere else.
    fn ended(&mut self, interrupted: Option<InterruptReason>) -> Vec<Act> {
        (self.running, self.interrupted, self.question) = (false, false, None);
        let by_system = match interrupted {
            Some(InterruptReason::Sigterm | InterruptReason::Sighup) => self.own,
            Some(InterruptReason::User | InterruptReason::Sigint) | None => false,
        };
        if by_system {
            self.left = Left::Signalled(interrupted);
            self.leaving = true;
        }
        match self.leaving && self.own {
            true => close(CloseReason::Interrupted),
            false => self.prompt().into_iter().collect(),
        }
    }
}

fn close(reason: CloseReason) -> Vec<Act> {
    vec![Act::Ask(Command::Close { reason })]
}

fn settle(call: CallId, answer: Answer) -> Command {
    let (verdict, scope) = match answer {
        Answer::Yes(scope) => (Verdict::Allowed, scope),
        Answer::No(why) => {
            let reason = match why {
                Some(why) => format!("{REFUSED}: {why}"),
                None => REFUSED.to_owned(),
            };
            (Verdict::Denied { reason }, Scope::Once)
        }
        Answer::Abort => (Verdict::Aborted, Scope::Once),
    };
    Command::SettleReview { call, verdict, scope }
}
