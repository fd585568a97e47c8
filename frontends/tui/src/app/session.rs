//! Sessions come and go: opening one, leaving one for another, and what happens in the one that is
//! shown.

use std::collections::BTreeMap;
use std::sync::Arc;

use codex_event::{CallId, CloseReason, Command, InterruptReason, Record, Seq, SessionId, Tail};

use super::App;
use super::local::Kind;
use super::view::{Ended, Feed, News, Past, View};
use crate::host::{Changes, Owner, Request, Role};
use crate::options::Screen;
use crate::popup::{self, Popup};
use crate::update::{Focus, Intent, Linked, Signal};

/// A session that was asked for and is not there yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) what: What,
    /// What the user wrote that would be lost with a refusal.
    pub(crate) restore: Option<String>,
    /// Stands in the composer when it is there.
    pub(crate) draft: String,
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Begin,
    TakeUp { session: SessionId, owner: Owner },
    Fork,
    Watch,
}

impl What {
    pub(crate) fn words(self) -> &'static str {
        match self {
            What::Begin => "Beginning",
            What::TakeUp { owner: Owner::Attach, .. } => "Opening the session",
            What::TakeUp { owner: Owner::Ask, .. } => "Asking its process for the session",
            What::TakeUp { owner: Owner::End, .. } => "Ending the process that has the session",
            What::Fork => "Forking",
            What::Watch => "Reading",
        }
    }
}

/// What is done once no session is open any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Quit,
    /// Nothing is shown; the next input begins a session.
    Fresh,
    Open(Request, Pending),
}

/// On the way out of a session of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leaving {
    pub(crate) next: Next,
    pub(crate) step: Step,
    reason: CloseReason,
}

/// How far that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is not open yet.
    Opening,
    /// The turn is to end.
    Interrupting,
    /// It is to be let go of.
    Closing,
}

impl App {
    /// Asks for a session.
    pub(crate) fn open(&mut self, request: Request, pending: Pending) {
        self.pending = Some(pending);
        self.busy = None;
        self.out.push(Intent::Request(request));
    }

    /// Says something to the model, wherever that is now.
    pub(crate) fn say(&mut self, text: String) {
        if self.pending.is_some() || self.is_catching_up() {
            self.says.push(text);
            return;
        }
        match &self.view {
            Some(view) if view.takes_commands() => {
                self.out.push(Intent::Ask(Command::Submit { input: text }));
                self.follow();
            }
            Some(view) => {
                match view.role {
                    Role::Owner { .. } | Role::Guest { .. } => {
                        let session = view.session;
                        self.says.push(text);
                        self.take_up(session, Owner::Attach);
                    }
                    Role::Reader => {
                        self.give_back(&text);
                        self.toast("this session is only shown: /resume takes it up, /fork goes on beside it");
                    }
                }
            }
            None => {
                let changes = std::mem::take(&mut self.changes);
                let pending = Pending {
                    what: What::Begin,
                    restore: Some(text.clone()),
                    draft: String::new(),
                };
                self.begun_with = changes.clone();
                self.open(Request::Begin { input: Some(text), changes }, pending);
            }
        }
    }

    /// Takes a session up, or attaches to it.
    pub(crate) fn take_up(&mut self, session: SessionId, owner: Owner) {
        let changes = Changes::default();
        self.take_up_with(session, owner, changes);
    }

    pub(crate) fn take_up_with(&mut self, session: SessionId, owner: Owner, changes: Changes) {
        let what = What::TakeUp { session, owner };
        let pending = Pending { what, restore: None, draft: String::new() };
        self.leave(Next::Open(Request::TakeUp { session, changes, owner }, pending));
    }

    /// Leaves what is shown, and goes on; asks first when that would end a turn.
    pub(crate) fn leave(&mut self, next: Next) {
        let runs = self.view.as_ref().is_some_and(|view| view.is_owned() && view.is_running());
        if runs && self.leaving.is_none() {
            self.confirm = Some(next);
            self.show(Popup::leave(popup::Leaving::Ends));
            return;
        }
        self.leave_now(next, InterruptReason::User);
    }

    /// Leaves what is shown, and goes on; a turn of this process is interrupted first.
    pub(crate) fn leave_now(&mut self, next: Next, reason: InterruptReason) {
        self.confirm = None;
        if let Some(leaving) = &mut self.leaving {
            // Under way already: only where to is another thing now.
            leaving.next = next;
            return;
        }
        if self.pending.is_some() || self.is_catching_up() {
            let step = Step::Opening;
            self.leaving = Some(Leaving { next, step, reason: CloseReason::Done });
            return;
        }
        let closing = match reason {
            InterruptReason::User => CloseReason::Done,
            InterruptReason::Sigint | InterruptReason::Sigterm | InterruptReason::Sighup => {
                CloseReason::Interrupted
            }
        };
        let Some(view) = self.view.as_ref().filter(|view| view.is_owned()) else {
            self.proceed(next);
            return;
        };
        if view.is_running() {
            self.out.push(Intent::Ask(Command::Interrupt { reason }));
            self.interrupting = true;
            let step = Step::Interrupting;
            self.leaving = Some(Leaving { next, step, reason: closing });
        } else {
            self.out.push(Intent::Ask(Command::Close { reason: closing }));
            self.leaving = Some(Leaving { next, step: Step::Closing, reason: closing });
        }
    }

    fn proceed(&mut self, next: Next) {
        match next {
            Next::Quit => {
                self.out.push(Intent::Request(Request::Leave));
                self.out.push(Intent::Quit);
            }
            Next::Fresh => {
                self.view = None;
                self.marked = None;
                self.locals.retain(|local| !local.is_settled());
                self.close_questions();
                self.reading = None;
            }
            Next::Open(request, pending) => self.open(request, pending),
        }
    }

    /// A session is there: it is shown once all that happened so far was seen.
    pub(crate) fn linked(&mut self, linked: Linked) {
        let fresh = match self.options.screen {
            Screen::Full => None,
            Screen::Inline => Some(BTreeMap::new()),
        };
        let draft = match self.pending.as_ref().map(|pending| pending.draft.clone()) {
            Some(draft) if !draft.is_empty() => draft,
            Some(_) | None => linked.draft,
        };
        if !draft.is_empty() {
            self.give_back(&draft);
        }
        self.comes_from = self.session();
        self.loading = None;
        self.incoming = Some(View::new(linked.session, linked.role, fresh));
        // What the old one was asked is no concern of the new one.
        self.close_questions();
    }

    /// Takes events, in order.
    pub(crate) fn events(&mut self, records: &[Arc<Record>]) {
        let Some(view) = self.incoming.as_mut().or(self.view.as_mut()) else { return };
        let news = view.apply(records);
        if self.is_catching_up() {
            return;
        }
        self.replace_locals();
        self.place_locals();
        for news in news {
            self.hear(news);
        }
        self.ask();
    }

    /// What was said before there was anything stands behind what the session begins with.
    fn place_locals(&mut self) {
        let Some(newest) = self.view.as_ref().map(|view| view.newest) else { return };
        let unplaced = self.locals.iter_mut().filter(|local| local.after == Seq(0));
        if newest > Seq(0) && unplaced.map(|local| local.after = newest).count() > 0 {
            self.redraw_local(newest);
        }
    }

    /// Takes what an answer says beyond its events.
    pub(crate) fn tail(&mut self, tail: &Tail) {
        let at = self.wall();
        if let Some(view) = self.view.as_mut().filter(|view| !view.is_catching_up()) {
            view.tail(tail, at);
        }
        self.replace_locals();
    }

    /// What stood behind a cell that is gone stands behind the one before it.
    fn replace_locals(&mut self) {
        let gone = self.view.as_mut().map(|view| std::mem::take(&mut view.gone));
        for (first, before) in gone.into_iter().flatten() {
            let behind = self.locals.iter_mut().filter(|local| local.after == first);
            if behind.map(|local| local.after = before).count() > 0 {
                self.redraw_local(before);
            }
        }
    }

    /// All that happened so far was seen.
    pub(crate) fn caught_up(&mut self) {
        if let Some(view) = self.incoming.take() {
            self.replace_view(view);
        }
        let Some(mut view) = self.view.take_if(|view| view.is_catching_up()) else { return };
        let same = self.comes_from == Some(view.session);
        if !same && self.comes_from.is_some() {
            self.locals.retain(|local| !local.is_settled());
        }
        view.document.caught_up();
        for local in &mut self.locals {
            // What was there before the session stands behind what it begins with.
            let there = view.document.last_until(local.after).filter(|_| same);
            local.after = there.unwrap_or(view.newest);
        }
        view.gone.clear();
        view.past = Past::Seen;
        self.loading = None;
        self.pending = None;
        self.busy = None;
        self.interrupting = false;
        self.view = Some(view);
        self.ask();
        if let Some(leaving) = self.leaving.take() {
            let reason = InterruptReason::User;
            self.leave_now(leaving.next, reason);
            return;
        }
        if let Some(line) = self.runs_next.take() {
            self.out.push(Intent::Request(Request::Shell { line }));
        }
        for text in std::mem::take(&mut self.says) {
            self.say(text);
        }
    }

    /// Shows another session, or one again: at the place where it was left.
    pub(crate) fn replace_view(&mut self, mut view: View) {
        let old = self.view.as_ref().filter(|old| old.session == view.session);
        view.document.fold_all(old.map_or(self.fold, |old| old.document.fold()));
        match old {
            Some(old) => view.document.stay_at(&old.document),
            None => self.reading = None,
        }
        if let Some(reading) = &self.reading {
            view.document.find(&reading.query);
        }
        self.marked = None;
        self.skip_past(&mut view);
        self.view = Some(view);
    }

    /// There will be no more events.
    pub(crate) fn ended(&mut self, words: Option<String>) {
        if self.is_catching_up() {
            self.caught_up();
        }
        let Some(view) = self.view.as_mut() else { return };
        if view.feed == Feed::Over {
            return;
        }
        let owned = view.is_owned();
        view.feed = Feed::Over;
        // The one who would have read it may be gone.
        self.loading = None;
        self.interrupting = false;
        self.close_questions();
        if let Some(leaving) = self.leaving.take() {
            self.proceed(leaving.next);
            return;
        }
        if self.pending.is_some() {
            return;
        }
        if owned {
            self.out.push(Intent::Request(Request::Ended));
        }
        let Some(words) = words else { return };
        let hint = match self.role() {
            Some(Role::Guest { pid }) => format!(
                "process {pid} had this session; what it recorded is all here, and what you say next \
                 takes the session up in this process"
            ),
            Some(Role::Owner { .. } | Role::Reader) | None => String::new(),
        };
        self.remark(Kind::Failure, words, hint);
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Settled(call, author) => {
                let here = self.answered.take_if(|answered| *answered == call).is_some();
                if !here && self.drop_question(call) {
                    let by = codex_view::sanitize::visible(&author.to_string());
                    self.toast(format!("the question was answered by {by}"));
                }
            }
            News::Unheard(count) => {
                let (messages, them) = match count {
                    1 => ("one message".to_owned(), "it"),
                    _ => (format!("{count} messages"), "them"),
                };
                self.remark(
                    Kind::Note,
                    format!(
                        "{messages} waited for the model, which reads {them} with what you say next"
                    ),
                    String::new(),
                );
            }
            News::TurnEnded(ended) => self.turn_ended(&ended),
            News::OwnCommand(at, line) => self.shell_recorded(at, &line),
        }
    }

    fn turn_ended(&mut self, ended: &Ended) {
        self.interrupting = false;
        if let Some(leaving) = self.leaving.as_mut().filter(|it| it.step == Step::Interrupting) {
            leaving.step = Step::Closing;
            let reason = leaving.reason;
            self.out.push(Intent::Ask(Command::Close { reason }));
            return;
        }
        if self.focus == Focus::Lost {
            let words = match ended {
                Ended::Completed => "codex: the turn is done".to_owned(),
                Ended::Interrupted(_) => "codex: the turn was interrupted".to_owned(),
                Ended::Failed(message) => format!("codex: the turn failed: {message}"),
            };
            self.out.push(Intent::Notify(words));
        }
    }

    /// Whether a command was taken.
    pub(crate) fn answered(&mut self, command: Command, answer: Result<(), String>) {
        let Err(why) = answer else { return };
        match command {
            Command::Submit { input } => {
                self.give_back(&input);
                self.remark(Kind::Failure, format!("not said: {why}"), String::new());
            }
            Command::Close { .. } => {
                let runs = self.view.as_ref().is_some_and(View::is_running);
                if let Some(leaving) = self.leaving.as_mut().filter(|_| runs) {
                    // A turn began just before: its end is still to come.
                    leaving.step = Step::Interrupting;
                    let reason = InterruptReason::User;
                    self.out.push(Intent::Ask(Command::Interrupt { reason }));
                } else if let Some(leaving) = self.leaving.take() {
                    self.proceed(leaving.next);
                }
            }
            // The turn ended just before.
            Command::Interrupt { .. } => self.interrupting = false,
            Command::SettleReview { call, .. } => {
                self.answered.take_if(|answered| *answered == call);
                self.toast(format!("not taken: {why}"));
                self.asked = None;
                self.ask();
            }
            Command::Name { .. }
            | Command::Shelve { .. }
            | Command::StartOwnCommand { .. }
            | Command::EndOwnCommand { .. }
            | Command::Open(_)
            | Command::Resume(_) => {
                self.toast(format!("not taken: {why}"));
            }
        }
    }

    /// The session that was asked for does not come.
    pub(crate) fn not_opened(&mut self, message: String, hint: String) {
        self.busy = None;
        let Some(pending) = self.pending.take() else {
            self.remark(Kind::Failure, message, hint);
            return;
        };
        let mut lost: Vec<String> = pending.restore.into_iter().collect();
        if let Some(line) = self.runs_next.take() {
            self.forget_shell();
            lost.push(format!("!{line}"));
        }
        lost.append(&mut self.says);
        if !lost.is_empty() {
            self.give_back(&lost.join("\n\n"));
        }
        if pending.what == What::Begin {
            self.changes = std::mem::take(&mut self.begun_with);
        }
        self.remark(Kind::Failure, message, hint);
        if let Some(leaving) = self.leaving.take() {
            self.leave_now(leaving.next, InterruptReason::User);
            return;
        }
        let owner = self.view.as_ref().map(|view| (view.session, view.role));
        if let (What::TakeUp { session, owner: Owner::Ask }, Some((shown, Role::Guest { pid }))) =
            (pending.what, owner)
            && shown == session
        {
            self.show(Popup::end_owner(session, pid).by_itself());
        }
    }

    /// Ends the running turn; once.
    pub(crate) fn interrupt(&mut self) {
        let runs =
            self.view.as_ref().is_some_and(|view| view.takes_commands() && view.is_running());
        if runs && !self.interrupting {
            self.interrupting = true;
            self.out.push(Intent::Ask(Command::Interrupt { reason: InterruptReason::User }));
        }
    }

    /// The process is told to end.
    pub(crate) fn signal(&mut self, signal: Signal) {
        let reason = match signal {
            Signal::Terminate => InterruptReason::Sigterm,
            Signal::HangUp => InterruptReason::Sighup,
            Signal::Interrupt => InterruptReason::Sigint,
        };
        self.leave_now(Next::Quit, reason);
    }

    /// Tells whether a session is there of which not all was seen.
    pub(crate) fn is_catching_up(&self) -> bool {
        self.incoming.is_some() || self.view.as_ref().is_some_and(View::is_catching_up)
    }

    /// Takes a question's popup away; tells whether it was asked here.
    fn drop_question(&mut self, call: CallId) -> bool {
        let before = self.popups.len();
        self.popups.retain(|popup| super::question::call_of(popup) != Some(call));
        let shown = self.popups.len() < before;
        let awaited = self.asked.take_if(|(of, _)| *of == call).is_some();
        shown || awaited
    }
}
