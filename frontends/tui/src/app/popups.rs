//! Popups: how they come, and what is done about what they want done.

use codex_event::{Seq, SessionId};

use super::App;
use super::local::Kind;
use super::session::{Next, Pending, What};
use crate::host::{Changes, Facts, Owner, Request, SessionRow, Setting};
use crate::options::Colours;
use crate::popup::{Action, Answer, Popup};
use crate::theme::Theme;
use crate::update::Intent;

/// What a list of sessions was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// To find the session of this name or id, and do this with it.
    Find(String, With),
}

/// What is done with a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum With {
    TakeUp,
    Watch,
    Fork,
}

impl App {
    /// Puts a popup on top.
    pub(crate) fn show(&mut self, popup: Popup) {
        self.palette = None;
        self.clicked = Some(self.now);
        self.popups.push(popup);
    }

    /// Does what came of a key in the popup on top; false when the key goes on.
    pub(crate) fn popup_answer(&mut self, answer: Answer) -> bool {
        match &answer {
            // What was typed there was done with, and is no text any more.
            Answer::Close | Answer::Do(_) => self.typed = None,
            Answer::Stay | Answer::Pass | Answer::Try(_) => {}
        }
        match answer {
            Answer::Stay => {}
            Answer::Pass => return false,
            Answer::Close => self.close_popup(),
            Answer::Do(action) => {
                self.popups.pop();
                self.act(action);
                self.next_concern();
            }
            Answer::Try(action) => self.act(action),
        }
        true
    }

    /// Tells whether what is read covers the popup on top: nobody sees it then, nor answers it.
    pub(crate) fn covers_popup(&self) -> bool {
        let top = self.popups.last();
        self.reading.is_some() && top.is_some_and(|popup| !popup.is_full_screen())
    }

    /// Takes the popup on top away.
    pub(crate) fn close_popup(&mut self) {
        match self.popups.pop() {
            Some(Popup::Approval(_)) => {
                self.toast("the question waits: Enter on an empty line shows it again");
            }
            Some(Popup::Dialog(_)) => self.confirm = None,
            Some(Popup::Chooser(_)) => {
                self.theme = Theme::of(self.colours.palette(self.options.fitting));
                self.redraw();
            }
            Some(Popup::Commands(_) | Popup::Sessions(_) | Popup::Reader(_)) | None => {}
        }
        self.next_concern();
    }

    /// Carries out what a popup wants done.
    pub(crate) fn act(&mut self, action: Action) {
        match action {
            Action::Settle { call, verdict, scope } => self.settle(call, verdict, scope),
            Action::Take(session, owner) => self.take_up(session, owner),
            Action::Watch(session) => self.watch(session),
            Action::Fork { session, at, draft } => {
                let shown = self.view.as_ref().map(|view| view.session);
                match session.or(shown) {
                    Some(parent) => self.fork(parent, at, draft),
                    None => self.toast("no session is open yet"),
                }
            }
            Action::Slash { name, rest } => self.command(&name, &rest, None),
            Action::Change(changes) => self.change(changes),
            Action::Theme(colours) => self.paint(colours),
            Action::Put(text) => {
                self.composer.put(&text);
                self.follow_palette();
            }
            Action::Request(request) => self.out.push(Intent::Request(request)),
            Action::Interrupt => self.interrupt(),
            Action::Quit => {
                let next = self.confirm.take().unwrap_or(Next::Quit);
                self.leave_now(next, codex_event::InterruptReason::User);
            }
        }
    }

    pub(crate) fn watch(&mut self, session: SessionId) {
        let pending = Pending { what: What::Watch, restore: None, draft: String::new() };
        self.leave(Next::Open(Request::Watch { session }, pending));
    }

    pub(crate) fn fork(&mut self, parent: SessionId, at: Option<Seq>, draft: String) {
        let pending = Pending { what: What::Fork, restore: None, draft };
        self.leave(Next::Open(Request::Fork { parent, at }, pending));
    }

    /// Changes settings: of the session of this process, which is recorded, or of the next one.
    pub(crate) fn change(&mut self, changes: Changes) {
        let Some(view) = self.view.as_ref().filter(|view| view.is_owned()) else {
            merge(&mut self.changes, changes);
            let words = "settings for the next session changed".to_owned();
            self.toast(words);
            return;
        };
        if view.is_running() {
            self.toast("a turn is running: end it first (Esc), then change settings");
            return;
        }
        let session = view.session;
        self.take_up_with(session, Owner::Attach, changes);
    }

    /// Draws with these colours from now on, which is written down, or until the popup that tries them is
    /// closed.
    fn paint(&mut self, colours: Colours) {
        self.theme = Theme::of(colours.palette(self.options.fitting));
        self.redraw();
        let trying = matches!(self.popups.last(), Some(Popup::Chooser(_)));
        if !trying {
            self.colours = colours;
            self.out.push(Intent::Request(Request::Keep(Setting::Theme(colours))));
        }
    }

    /// Cells look different from now on.
    fn redraw(&mut self) {
        if let Some(view) = &mut self.view {
            view.document.redraw();
        }
    }

    /// The sessions of this home came in.
    pub(crate) fn sessions(&mut self, rows: Vec<SessionRow>) {
        if let Some(Choice::Find(word, with)) = self.choice.take() {
            self.find_session(&word, with, &rows);
            return;
        }
        let now = self.wall();
        for popup in &mut self.popups {
            if let Popup::Sessions(sessions) = popup {
                sessions.fill(rows, now);
                return;
            }
        }
    }

    /// The list that was waited for does not come.
    pub(crate) fn not_listed(&mut self, message: String, hint: String) {
        self.choice = None;
        self.popups.retain(|popup| !matches!(popup, Popup::Sessions(_)));
        self.remark(Kind::Failure, message, hint);
    }

    fn find_session(&mut self, word: &str, with: With, rows: &[SessionRow]) {
        let whole = rows.iter().filter(|row| row.title == word || row.id.to_string() == word);
        let mut found: Vec<SessionId> = whole.map(|row| row.id).collect();
        if found.is_empty() && word.len() >= 4 {
            let begin = rows.iter().filter(|row| row.id.to_string().starts_with(word));
            found = begin.map(|row| row.id).collect();
        }
        match found.as_slice() {
            [one] => self.with_session(*one, with),
            [] => self.toast(format!("no session is named {word} or begins so")),
            _ => self.toast(format!("several sessions are named {word} or begin so")),
        }
    }

    pub(crate) fn with_session(&mut self, session: SessionId, with: With) {
        match with {
            With::TakeUp => self.take_up(session, Owner::Attach),
            With::Watch => self.watch(session),
            With::Fork => self.fork(session, None, String::new()),
        }
    }

    /// Offers the sessions; they come when they are read.
    pub(crate) fn choose_session(&mut self) {
        let current = self.view.as_ref().map(|view| view.session);
        self.show(Popup::sessions(current, self.home()));
        self.out.push(Intent::Request(Request::Sessions));
    }

    /// What is known of the surroundings changed.
    pub(crate) fn learn(&mut self, facts: Facts) {
        for concern in &facts.concerns {
            if !self.options.facts.concerns.contains(concern) {
                self.concerns.push_back(concern.clone());
            }
        }
        let warnings = facts.warnings.iter();
        let new: Vec<String> = warnings
            .filter(|warning| !self.options.facts.warnings.contains(warning))
            .cloned()
            .collect();
        self.options.facts = facts;
        self.warn(new);
        self.next_concern();
    }

    /// Shows what the user should know or decide first, one after the other, and then says what was to
    /// be said at once.
    pub(crate) fn next_concern(&mut self) {
        if !self.popups.is_empty() || self.pending.is_some() {
            return;
        }
        if let Some(concern) = self.concerns.pop_front() {
            let popup = Popup::concern(&concern, &self.options.facts.provider);
            self.show(popup.by_itself());
        } else if let Some(words) = self.first.take() {
            self.say(words);
        }
    }

    /// Keeps the palette with what stands in the composer.
    pub(crate) fn follow_palette(&mut self) {
        let text = self.composer.begun_command().filter(|text| {
            let rest = text.strip_prefix('/').unwrap_or_default();
            rest.is_empty() || rest.split_whitespace().next().is_some_and(crate::slash::is_command)
        });
        let Some(text) = text else {
            self.palette = None;
            self.palette_closed = false;
            return;
        };
        if self.palette_closed {
            return;
        }
        let role = self.role();
        let mut popup =
            self.palette.take().unwrap_or_else(|| Popup::palette(crate::slash::palette(role)));
        if let Popup::Commands(commands) = &mut popup {
            commands.filter(&text);
            if !commands.is_empty() {
                self.palette = Some(popup);
            }
        }
    }
}

fn merge(old: &mut Changes, new: Changes) {
    old.model = new.model.or_else(|| old.model.take());
    old.effort = new.effort.or_else(|| old.effort.take());
    old.approval = new.approval.or(old.approval);
    old.access = new.access.or(old.access);
}
