//! What a key does: the popup on top first, then the palette, then the table, then the composer.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseEvent, MouseEventKind};

use super::App;
use super::marks;
use super::session::Next;
use crate::composer::{Did, Submission};
use crate::document::Scroll;
use crate::host::{Request, Role};
use crate::keymap::{Action, When};
use crate::popup::{Answer, Popup};
use crate::render::Fold;
use crate::update::{Intent, Moment};

/// Time in which a key that needs two presses waits for the second, in milliseconds.
const TWICE: u64 = 2_000;
/// Lines that a turn of the wheel moves.
const WHEEL: i32 = 3;

/// A key that was pressed once, and does more when it is pressed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Armed {
    /// Goes back to an earlier message.
    Back,
    /// Leaves.
    Quit,
}

/// Tells whether a key writes, takes back or hands in a part of a text.
fn is_text(key: KeyEvent) -> bool {
    matches!(key.code, KeyCode::Char(_) | KeyCode::Enter | KeyCode::Backspace)
        && !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT)
}

impl App {
    pub(crate) fn key(&mut self, key: KeyEvent) {
        if key.kind == KeyEventKind::Release {
            return;
        }
        let armed =
            self.armed.take().filter(|(_, until)| *until >= self.now).map(|(armed, _)| armed);
        self.toast = None;
        if self.force_quit(key, armed) {
            return;
        }
        let typed = self.typed;
        if is_text(key) {
            self.typed = Some(self.now);
        }
        if self.reading.is_some() && (self.popups.is_empty() || self.covers_popup()) {
            self.reading_key(key);
            return;
        }
        let Some(mut popup) = self.popups.pop() else { return self.key_below(key, armed) };
        let held = popup.holds_back(self.now, typed, key);
        // Nothing is handed in while something is to be decided first.
        let stops = matches!(popup, Popup::Dialog(_)) && key.code == KeyCode::Enter;
        let answer = if held { Answer::Pass } else { popup.key(key) };
        self.popups.push(popup);
        if held {
            // What lies below another popup is not what was typed into.
            if !stops && self.popups.len() == 1 {
                self.key_below(key, armed);
            }
            self.typed = Some(self.now);
        } else if !self.popup_answer(answer) {
            self.key_below(key, armed);
        }
    }

    /// Takes a key that no popup takes: it goes where it would go without one, so that nothing typed is
    /// lost.
    fn key_below(&mut self, key: KeyEvent, armed: Option<Armed>) {
        if self.mark_key(key) == marks::Key::Taken {
            return;
        }
        if self.composer.is_choosing() {
            let did = self.composer.key(key);
            if did != Did::Ignored {
                self.did(did);
                return;
            }
        }
        if self.palette_key(key) {
            return;
        }
        if self.role() == Some(Role::Reader) && self.composer.is_empty() && self.reader_key(key) {
            return;
        }
        let when = if self.composer.is_empty() { When::Empty } else { When::Always };
        match self.options.keymap.action(key, when) {
            // The composer may have something open, or another mode to leave.
            Some(Action::Escape) => match self.composer.key(key) {
                Did::Ignored => self.escape(armed),
                did => self.did(did),
            },
            Some(Action::Answer) if !self.question_waits() => self.composer_key(key),
            Some(action) => self.do_action(action, armed),
            None => self.composer_key(key),
        }
    }

    /// A session that can't be left, because its process does not answer, holds nobody.
    fn force_quit(&mut self, key: KeyEvent, armed: Option<Armed>) -> bool {
        let stop = self.options.keymap.action(key, When::Always) == Some(Action::Stop);
        let waits = self.leaving.is_some() || self.pending.is_some();
        if !stop || !waits {
            return false;
        }
        if armed == Some(Armed::Quit) {
            self.out.push(Intent::Request(Request::Leave));
            self.out.push(Intent::Quit);
        } else {
            self.arm(Armed::Quit);
            self.toast("Ctrl-C again: leave without waiting");
        }
        true
    }

    fn do_action(&mut self, action: Action, armed: Option<Armed>) {
        match action {
            Action::Escape => self.escape(armed),
            Action::Stop => self.stop(armed),
            Action::Leave => self.leave(Next::Quit),
            Action::Transcript => self.read(),
            Action::Unfold => self.unfold(),
            Action::Redraw => self.out.push(Intent::Redraw),
            Action::Suspend => self.out.push(Intent::Suspend),
            Action::PageUp => self.scroll(Scroll::Pages(-1)),
            Action::PageDown => self.scroll(Scroll::Pages(1)),
            Action::LineUp => self.scroll(Scroll::Lines(-1)),
            Action::LineDown => self.scroll(Scroll::Lines(1)),
            Action::Top => self.scroll(Scroll::Top),
            Action::Bottom => self.follow(),
            Action::Keys => self.help(),
            Action::Answer => self.ask_again(),
        }
    }

    fn escape(&mut self, armed: Option<Armed>) {
        if self.shell_runs() {
            self.out.push(Intent::Request(Request::Stop));
        } else if self.view.as_ref().is_some_and(|view| view.takes_commands() && view.is_running())
        {
            self.interrupt();
        } else if !self.composer.is_empty() || self.view.is_none() {
            // Nothing typed is lost by a key that one presses to be safe.
        } else if armed == Some(Armed::Back) {
            self.go_back();
        } else {
            self.arm(Armed::Back);
            self.toast("Esc again: back to an earlier message");
        }
    }

    fn stop(&mut self, armed: Option<Armed>) {
        let runs =
            self.view.as_ref().is_some_and(|view| view.takes_commands() && view.is_running());
        if !self.composer.is_empty() {
            self.composer.clear();
            self.follow_palette();
            self.toast("cleared; Up brings it back");
        } else if self.shell_runs() {
            self.out.push(Intent::Request(Request::Stop));
        } else if runs && !self.interrupting {
            self.interrupt();
        } else if armed == Some(Armed::Quit) {
            self.leave(Next::Quit);
        } else {
            self.arm(Armed::Quit);
            self.toast("Ctrl-C again: leave");
        }
    }

    fn arm(&mut self, armed: Armed) {
        self.armed = Some((armed, Moment(self.now.0.saturating_add(TWICE))));
    }

    pub(crate) fn unfold(&mut self) {
        self.fold = match self.fold {
            Fold::Folded => Fold::Unfolded,
            Fold::Unfolded => Fold::Folded,
        };
        if let Some(view) = &mut self.view {
            view.document.fold_all(self.fold);
        }
    }

    pub(crate) fn scroll(&mut self, scroll: Scroll) {
        if let Some(view) = &mut self.view {
            view.document.scroll(scroll);
        }
    }

    /// Goes to the end, and stays there.
    pub(crate) fn follow(&mut self) {
        self.scroll(Scroll::Bottom);
    }

    /// Unfolds the cell that was clicked, or folds it.
    fn click(&mut self, column: u16, row: u16) {
        let page = self.page;
        let Some(view) = self.view.as_mut().filter(|_| page.contains((column, row).into())) else {
            return;
        };
        if let Some(first) = view.document.cell_at(row - page.y) {
            view.document.toggle(first);
        }
    }

    /// Without a composer, letters read.
    fn reader_key(&mut self, key: KeyEvent) -> bool {
        if !(key.modifiers - KeyModifiers::SHIFT).is_empty() {
            return false;
        }
        match key.code {
            KeyCode::Char('q') => self.leave(Next::Quit),
            KeyCode::Char('k') | KeyCode::Up => self.scroll(Scroll::Lines(-1)),
            KeyCode::Char('j') | KeyCode::Down => self.scroll(Scroll::Lines(1)),
            KeyCode::Char('b') => self.scroll(Scroll::Pages(-1)),
            KeyCode::Char(' ') => self.scroll(Scroll::Pages(1)),
            KeyCode::Char('g') => self.scroll(Scroll::Top),
            KeyCode::Char('G') => self.follow(),
            KeyCode::Char('f') => self.read(),
            KeyCode::Char('/' | '?') => return false,
            KeyCode::Char(_) => self.toast("read only · / commands · f search · q leaves"),
            _ => return false,
        }
        true
    }

    fn palette_key(&mut self, key: KeyEvent) -> bool {
        let Some(palette) = &mut self.palette else { return false };
        match palette.key(key) {
            Answer::Pass => false,
            Answer::Stay => true,
            Answer::Close => {
                self.palette = None;
                self.palette_closed = true;
                true
            }
            Answer::Do(action) => {
                self.typed = None;
                self.palette = None;
                if let crate::popup::Action::Slash { .. } = &action {
                    self.composer.clear();
                }
                self.act(action);
                true
            }
            Answer::Try(action) => {
                self.act(action);
                true
            }
        }
    }

    pub(crate) fn composer_key(&mut self, key: KeyEvent) {
        let did = self.composer.key(key);
        self.did(did);
    }

    /// Does what came of a key in the composer.
    pub(crate) fn did(&mut self, did: Did) {
        match did {
            Did::Ignored => return,
            Did::Changed => {}
            Did::Submit(submission) => {
                self.typed = None;
                self.palette = None;
                self.palette_closed = false;
                self.submit(submission);
                return;
            }
            Did::FindFiles(query) => self.out.push(Intent::FindFiles(query)),
            Did::Edit(text) => self.out.push(Intent::Edit(text)),
        }
        self.follow_palette();
    }

    fn submit(&mut self, submission: Submission) {
        match submission {
            Submission::Say(text) if self.leaving.is_some() => {
                self.give_back(&text);
                self.toast("leaving the session: what you wrote stays here");
            }
            Submission::Say(text) => self.say(text),
            Submission::Shell(line) => self.shell(line),
            Submission::Slash { name, rest } => {
                let written = self.composer.submitted().map(str::to_owned);
                self.command(&name, &rest, written);
            }
        }
    }

    pub(crate) fn paste(&mut self, text: String) {
        self.unmark();
        self.typed = Some(self.now);
        if let Some(popup) = self.popups.last_mut() {
            let answer = popup.paste(&text);
            if self.popup_answer(answer) {
                return;
            }
        }
        let did = self.composer.paste(text);
        self.did(did);
    }

    pub(crate) fn mouse(&mut self, mouse: MouseEvent) {
        let covered = self.covers_popup();
        let last = self.clicked.max(self.typed);
        let clicks = matches!(mouse.kind, MouseEventKind::Down(_));
        if clicks {
            self.clicked = Some(self.now);
        }
        if let Some(popup) = self.popups.last_mut().filter(|_| !covered) {
            if clicks && popup.holds_click(self.now, last) {
                return;
            }
            let answer = popup.mouse(self.now, mouse);
            self.popup_answer(answer);
            return;
        }
        if let Some(answer) = self.palette.as_mut().map(|it: &mut Popup| it.mouse(self.now, mouse))
            && answer != Answer::Pass
        {
            if let Answer::Do(action) = answer {
                self.palette = None;
                self.composer.clear();
                self.act(action);
            }
            return;
        }
        match mouse.kind {
            MouseEventKind::ScrollUp => self.scroll(Scroll::Lines(-WHEEL)),
            MouseEventKind::ScrollDown => self.scroll(Scroll::Lines(WHEEL)),
            MouseEventKind::Down(_) => self.click(mouse.column, mouse.row),
            MouseEventKind::Up(_)
            | MouseEventKind::Drag(_)
            | MouseEventKind::Moved
            | MouseEventKind::ScrollLeft
            | MouseEventKind::ScrollRight => {}
        }
    }
}
