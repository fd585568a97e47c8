//! The question that a call waits for: its dialog comes and goes with the events.

use codex_event::{Arguments, CallId, Command, Envelope, Scope, Timestamp, Verdict};
use codex_view::{Cell, CellBody, Cells};

use super::App;
use super::view::{Asking, Extent};
use crate::popup::{Asked, Popup};
use crate::update::{Focus, Intent};

/// Gives the call that a popup asks about.
pub(crate) fn call_of(popup: &Popup) -> Option<CallId> {
    match popup {
        Popup::Approval(approval) => Some(approval.call()),
        Popup::Commands(_)
        | Popup::Sessions(_)
        | Popup::Chooser(_)
        | Popup::Reader(_)
        | Popup::Dialog(_) => None,
    }
}

fn call_in(cell: &Cell) -> Option<CallId> {
    match &cell.body {
        CellBody::Call(call) => Some(call.call),
        CellBody::Prompt(_)
        | CellBody::Message(_)
        | CellBody::Reasoning(_)
        | CellBody::OwnCommand(_)
        | CellBody::Notice(_)
        | CellBody::TurnEnd(_) => None,
    }
}

/// Who wanted a question to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opened {
    /// Nobody: it came while something else was done.
    ByItself,
    ByUser,
}

impl App {
    /// Shows the question that waits, if it is not shown, and drops one that waits no more.
    pub(crate) fn ask(&mut self) {
        self.open_question(Opened::ByItself);
    }

    fn open_question(&mut self, opened: Opened) {
        if self.is_catching_up() {
            return;
        }
        let Some(view) = &self.view else { return };
        let Some(waiting) = view.waiting() else {
            self.close_questions();
            return;
        };
        let key = (waiting.call, waiting.since);
        if self.asked == Some(key) || self.answered == Some(waiting.call) {
            return;
        }
        let load = view.asking.as_ref().filter(|asking| asking.extent == Extent::Partial);
        self.out.extend(load.map(|asking| Intent::Load(asking.cell.first..=asking.cell.last)));
        self.close_questions();
        self.asked = Some(key);
        self.put_question(opened);
    }

    /// Events that a question's texts are in were read.
    pub(crate) fn question_loaded(&mut self, events: &[Envelope]) {
        let Some((call, _)) = self.asked else { return };
        let Some(view) = &mut self.view else { return };
        let Some(asking) = view.asking.as_mut().filter(|it| it.extent == Extent::Partial) else {
            return;
        };
        let found = Cells::of(events).into_iter().find(|cell| cell.first == asking.cell.first);
        let Some(cell) = found.filter(|cell| call_in(cell) == Some(call)) else { return };
        *asking = Asking { cell, extent: Extent::Whole };
        let Some(asked) = self.question() else { return };
        for popup in &mut self.popups {
            if let Popup::Approval(approval) = popup {
                approval.learn(asked);
                return;
            }
        }
    }

    /// Shows the question that waits again, after it was put aside.
    pub(crate) fn ask_again(&mut self) {
        self.asked = None;
        self.open_question(Opened::ByUser);
    }

    /// Tells whether a question waits that is not shown.
    pub(crate) fn question_waits(&self) -> bool {
        let Some((call, _)) = self.asked else { return false };
        self.answered != Some(call) && !self.popups.iter().any(|popup| call_of(popup) == Some(call))
    }

    /// Gives since when the answer is waited for that is told of above the composer.
    pub(crate) fn asked_since(&self) -> Option<Timestamp> {
        let view = self.view.as_ref().filter(|view| view.is_followed())?;
        let running = view.status.running?;
        let told = !self.interrupting && !running.interrupting && !self.question_waits();
        let waiting = view.status.waiting.as_ref().filter(|_| told)?;
        Some(waiting.since)
    }

    pub(crate) fn close_questions(&mut self) {
        self.popups.retain(|popup| call_of(popup).is_none());
        self.asked = None;
    }

    /// Answers a question.
    pub(crate) fn settle(&mut self, call: CallId, verdict: Verdict, scope: Scope) {
        self.answered = Some(call);
        self.out.push(Intent::Ask(Command::SettleReview { call, verdict, scope }));
    }

    fn put_question(&mut self, opened: Opened) {
        let Some(asked) = self.question() else { return };
        if self.focus == Focus::Lost {
            self.out.push(Intent::Notify("codex: a question waits for your answer".to_owned()));
        }
        let popup = Popup::approval(asked);
        self.show(match opened {
            Opened::ByItself => popup.by_itself(),
            Opened::ByUser => popup,
        });
    }

    fn question(&self) -> Option<Asked> {
        let view = self.view.as_ref()?;
        let waiting = view.waiting()?;
        let call = view.asking.as_ref().and_then(|asking| match &asking.cell.body {
            CellBody::Call(call) if call.call == waiting.call => Some(call),
            CellBody::Call(_)
            | CellBody::Prompt(_)
            | CellBody::Message(_)
            | CellBody::Reasoning(_)
            | CellBody::OwnCommand(_)
            | CellBody::Notice(_)
            | CellBody::TurnEnd(_) => None,
        });
        let (invocation, arguments) = match &waiting.asked {
            Some((invocation, arguments)) => (invocation.clone(), *arguments),
            None => (call?.invocation.clone(), Arguments::Concealed),
        };
        Some(Asked {
            call: waiting.call,
            question: waiting.question.clone(),
            reason: waiting.reason.clone(),
            // The cell's may have been read from a blob since.
            invocation: call.map_or(invocation, |call| call.invocation.clone()),
            arguments,
            patch: call.map(|call| call.patch.clone()).unwrap_or_default(),
            changes: call.map(|call| call.changes.clone()).unwrap_or_default(),
            cwd: view.status.cwd.clone(),
            home: self.home(),
            sandbox: view.status.permits(),
            denial: waiting.denial.clone(),
        })
    }
}
