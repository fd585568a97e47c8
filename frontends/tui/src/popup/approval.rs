//! The question whether a call may go on.
//!
//! Nothing is selected at first, so that Enter alone, which may have been meant for the composer, says
//! nothing: an answer is a letter, or a choice and Enter. Letters of a text that is under way when it
//! appears are no answers. What has not been shown can't be allowed: without the command or the patch at
//! hand, the answers are those that refuse.

mod body;
mod choice;
mod parts;

use codex_event::{Arguments, CallId, Denial, FileChange, Invocation, Question, Scope};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use self::body::Extent;
use self::choice::Choice;
use super::field::{Field, Kind};
use super::guard::{self, Guard};
use super::list::{List, Moved};
use super::reader::{self, Made, Reader};
use super::{Action, Answer, Popup, frame};
use crate::theme::Theme;
use crate::update::Moment;

/// Bytes of a command that can be edited.
const EDITABLE: usize = 16 * 1024;
/// Rows that what is asked about and the remark keep at least, before the choices become short.
const BODY_ROWS: u16 = 6;
/// What the model is told of a call that was refused without a word.
const REFUSED: &str = "refused by the user";

/// A question that waits, and what a person should know to answer it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The call.
    pub call: CallId,
    /// What is asked.
    pub question: Question,
    /// Why it is asked.
    pub reason: String,
    /// What the call asks for, with its large values in place: what can't be shown can't be allowed.
    pub invocation: Invocation,
    /// Whether its arguments are recorded, which bounds how far an answer may reach.
    pub arguments: Arguments,
    /// The patch as the model wrote it; empty for commands.
    pub patch: String,
    /// What the patch changes, where that is known already.
    pub changes: Vec<FileChange>,
    /// Folder of the session, which a call's own is relative to.
    pub cwd: String,
    /// The user's home, which paths are shortened by.
    pub home: Option<String>,
    /// What the session's sandbox lets commands do, in words, as in `write below ~/project; no network`.
    pub sandbox: String,
    /// What the sandbox had denied, where the question is about running again without one.
    pub denial: Option<Denial>,
}

/// The dialog of a question.
#[derive(Debug)]
pub struct Approval {
    asked: Asked,
    pub(super) guard: Guard,
    choices: Vec<Choice>,
    list: List,
    view: View,
    /// First row of the body that is shown, and the last one that may be.
    scroll: usize,
    most: usize,
    remark: Option<String>,
    /// Whether Esc was the last key: a second one ends the turn.
    stopping: bool,
    laid: Option<(u16, Theme, Vec<Line<'static>>)>,
}

/// What the dialog shows.
#[derive(Debug)]
enum View {
    /// The choices.
    Choices,
    /// A field for what the model is told.
    Writing(Draft, Field),
    /// All of what is asked about.
    Whole(Box<Reader>),
}

/// What is written in the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Draft {
    /// Why not, or what instead.
    Words,
    /// The command as the user would have it.
    Command,
}

impl Popup {
    /// Asks whether a call may go on.
    pub fn approval(asked: Asked) -> Popup {
        let choices = choice::offered(&asked);
        Popup::Approval(Box::new(Approval {
            list: List::new(choices.len(), None),
            choices,
            asked,
            guard: Guard::Off,
            view: View::Choices,
            scroll: 0,
            most: 0,
            remark: None,
            stopping: false,
            laid: None,
        }))
    }
}

impl Asked {
    /// Says why an answer may not reach that far; none when it may.
    fn too_wide(&self, scope: Scope) -> Option<&'static str> {
        self.question.too_wide(scope, &self.invocation, self.arguments)
    }

    /// Gives the command as it can be edited; none when there is none, or one that nobody would edit.
    fn command(&self) -> Option<String> {
        match &self.invocation {
            Invocation::Command { argv, .. } => {
                let argv = argv.inline()?;
                let long = argv.iter().map(String::len).sum::<usize>() > EDITABLE;
                (!long).then(|| body::command_text(argv))
            }
            Invocation::Patch { .. } | Invocation::Invalid { .. } => None,
        }
    }

    fn title(&self) -> &'static str {
        match (&self.question, &self.invocation) {
            (Question::Run, Invocation::Command { .. }) => "Run this command?",
            (Question::Run, Invocation::Patch { .. }) => "Change these files?",
            (Question::Run, Invocation::Invalid { .. }) => "Go on with this call?",
            (Question::RunUnconfined, _) => "Run this outside of the sandbox?",
            (Question::RetryUnconfined, _) => {
                "The sandbox stopped it: run it again outside of the sandbox?"
            }
            (Question::WriteOutside { .. }, _) => "Write outside of the project?",
        }
    }
}

impl Approval {
    /// The call that is asked about; when its question is settled elsewhere, the popup has to go.
    pub fn call(&self) -> CallId {
        self.asked.call
    }

    pub(super) fn is_full_screen(&self) -> bool {
        matches!(self.view, View::Whole(_))
    }

    pub(super) fn height(&self, width: u16) -> u16 {
        let width = width.saturating_sub(2).max(1);
        let rows = match &self.laid {
            Some((at, _, lines)) if *at == width => lines.len(),
            Some(_) | None => {
                let plain = Theme::of(crate::options::Palette::Plain);
                body::body(&self.asked, Extent::Brief, &plain, width).len()
            }
        };
        let below = match &self.view {
            View::Choices => self.choices.len(),
            View::Writing(_, field) => usize::from(field.height(width)) + 1,
            View::Whole(_) => return u16::MAX,
        };
        u16::try_from(rows + below + 3).unwrap_or(u16::MAX)
    }

    /// Takes what was not at hand at first. What is being written stays; what can be answered now has to
    /// be seen first.
    pub(crate) fn learn(&mut self, asked: Asked) {
        let selected = self.list.selected().map(|at| self.choices[at]);
        self.choices = choice::offered(&asked);
        self.asked = asked;
        self.list = List::new(self.choices.len(), None);
        if let Some(choice) = selected {
            self.select(choice);
        }
        self.laid = None;
        self.guard = Guard::Unseen;
        match self.view {
            View::Choices | View::Writing(..) => {}
            View::Whole(_) => self.show_all(),
        }
    }

    pub(super) fn holds_back(&mut self, now: Moment, typed: Option<Moment>, key: KeyEvent) -> bool {
        let holds = match self.view {
            View::Choices => self.guard.holds_back(now, typed, key),
            View::Writing(..) | View::Whole(_) => false,
        };
        if holds {
            self.remark = Some(guard::HELD.to_owned());
        }
        holds
    }

    pub(super) fn holds_click(&mut self, now: Moment, last: Option<Moment>) -> bool {
        let holds = match self.view {
            View::Choices => self.guard.holds_click(now, last),
            View::Writing(..) | View::Whole(_) => false,
        };
        if holds {
            self.remark = Some(guard::HELD_CLICK.to_owned());
        }
        holds
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> Answer {
        self.remark = None;
        match &mut self.view {
            View::Choices => self.choose(key),
            View::Writing(..) => self.write(key),
            View::Whole(reader) => match reader.key(key) {
                Answer::Close | Answer::Do(_) => {
                    self.view = View::Choices;
                    Answer::Stay
                }
                answer @ (Answer::Stay | Answer::Pass | Answer::Try(_)) => answer,
            },
        }
    }

    fn choose(&mut self, key: KeyEvent) -> Answer {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let stopping = std::mem::take(&mut self.stopping);
        match key.code {
            KeyCode::Esc if stopping => return self.take(Choice::Stop),
            KeyCode::Esc => {
                self.stopping = true;
                self.select(Choice::Stop);
                self.remark = Some("esc again ends the turn".to_owned());
            }
            KeyCode::Enter => match self.list.selected().map(|at| self.choices[at]) {
                Some(choice) => return self.take(choice),
                None => self.remark = Some("choose first: ↑↓, or one of the letters".to_owned()),
            },
            KeyCode::Char('t') if control => self.show_all(),
            KeyCode::PageUp => self.scroll = self.scroll.saturating_sub(5),
            KeyCode::PageDown => self.scroll = self.most.min(self.scroll + 5),
            KeyCode::Home => self.scroll = 0,
            KeyCode::End => self.scroll = self.most,
            _ if self.list.key(key) != Moved::No => {}
            _ if control => return Answer::Pass,
            KeyCode::Char('v') => self.show_all(),
            KeyCode::Char(letter) => return self.letter(letter),
            _ => {}
        }
        Answer::Stay
    }

    fn letter(&mut self, letter: char) -> Answer {
        if let Some(choice) = self.choices.iter().find(|it| it.key() == letter) {
            return self.take(*choice);
        }
        let scope = match letter {
            'y' => Some(Scope::Once),
            'a' => Some(Scope::Session),
            'p' => Some(Scope::Project),
            _ => None,
        };
        self.remark = scope.map(|scope| {
            self.asked.too_wide(scope).unwrap_or("what can't be shown can't be allowed").to_owned()
        });
        Answer::Stay
    }

    fn take(&mut self, choice: Choice) -> Answer {
        if choice == Choice::Words {
            self.view = View::Writing(Draft::Words, Field::new(Kind::Text, ""));
            return Answer::Stay;
        }
        match choice.verdict() {
            Some((verdict, scope)) => {
                Answer::Do(Action::Settle { call: self.asked.call, verdict, scope })
            }
            None => Answer::Stay,
        }
    }

    fn select(&mut self, choice: Choice) {
        self.list.select(self.choices.iter().position(|it| *it == choice));
    }

    fn show_all(&mut self) {
        let asked = self.asked.clone();
        let lines = Made::new(move |width, theme| body::body(&asked, Extent::Whole, theme, width));
        let reader = Reader::new(self.asked.title(), Box::new(lines), reader::Extent::Screen);
        self.view = View::Whole(Box::new(reader));
    }

    fn write(&mut self, key: KeyEvent) -> Answer {
        let View::Writing(draft, field) = &mut self.view else { return Answer::Stay };
        match key.code {
            KeyCode::Esc => self.view = View::Choices,
            KeyCode::Enter if key.modifiers.is_empty() => {
                let written = field.text().trim().to_owned();
                let draft = *draft;
                return self.send(draft, &written);
            }
            KeyCode::Tab | KeyCode::BackTab => match (*draft, self.asked.command()) {
                (Draft::Words, Some(command)) if field.is_empty() => {
                    self.view = View::Writing(Draft::Command, Field::new(Kind::Text, &command));
                }
                (Draft::Words, Some(_)) => {
                    self.remark = Some("empty the words first (ctrl-u), then tab".to_owned());
                }
                (Draft::Words, None) => {}
                (Draft::Command, _) => {
                    self.view = View::Writing(Draft::Words, Field::new(Kind::Text, ""));
                }
            },
            _ => {
                let typed = field.key(key);
                let control = key.modifiers.contains(KeyModifiers::CONTROL);
                if typed == super::field::Typed::No && control {
                    return Answer::Pass;
                }
            }
        }
        Answer::Stay
    }

    /// Refuses, with what was written.
    fn send(&mut self, draft: Draft, written: &str) -> Answer {
        let original = self.asked.command().unwrap_or_default();
        let reason = match draft {
            Draft::Words if written.is_empty() => {
                self.remark = Some("nothing is written; esc goes back".to_owned());
                return Answer::Stay;
            }
            Draft::Command if written.is_empty() || written == original.trim() => {
                self.remark = Some("the command is as it was; esc goes back".to_owned());
                return Answer::Stay;
            }
            Draft::Words => written.to_owned(),
            Draft::Command => format!(
                "{REFUSED}, who proposes another command. It has not been run; call it if you \
                 agree:\n{written}"
            ),
        };
        Answer::Do(choice::refusal(self.asked.call, reason))
    }

    pub(super) fn paste(&mut self, text: &str) -> Answer {
        match &mut self.view {
            View::Writing(_, field) => {
                field.insert(text);
                Answer::Stay
            }
            View::Whole(reader) => reader.paste(text),
            // It was meant for the composer.
            View::Choices => Answer::Pass,
        }
    }

    pub(super) fn mouse(&mut self, mouse: MouseEvent) -> Answer {
        match &mut self.view {
            View::Whole(reader) => reader.mouse(mouse),
            View::Writing(..) => Answer::Stay,
            View::Choices => match mouse.kind {
                MouseEventKind::ScrollUp => {
                    self.scroll = self.scroll.saturating_sub(3);
                    Answer::Stay
                }
                MouseEventKind::ScrollDown => {
                    self.scroll = self.most.min(self.scroll + 3);
                    Answer::Stay
                }
                _ => {
                    let before = self.list.selected();
                    match self.list.mouse(mouse) {
                        // A click selects, one on what is selected answers.
                        Moved::Clicked if self.list.selected() == before => {
                            let choice = before.map(|at| self.choices[at]);
                            choice.map_or(Answer::Stay, |it| self.take(it))
                        }
                        Moved::Clicked | Moved::Yes | Moved::No => Answer::Stay,
                    }
                }
            },
        }
    }

    pub(super) fn draw(&mut self, area: Rect, buf: &mut Buffer, theme: &Theme) -> Option<Position> {
        self.guard.drawn();
        if let View::Whole(reader) = &mut self.view {
            return reader.draw(area, buf, theme);
        }
        let hints = self.hints();
        let inner = frame::frame(area, buf, theme, self.asked.title(), &hints);
        match &self.view {
            View::Writing(draft, _) => self.draw_writing(*draft, inner, buf, theme),
            View::Choices | View::Whole(_) => {
                self.draw_choices(inner, buf, theme);
                None
            }
        }
    }

    fn hints(&self) -> Vec<frame::Hint<'static>> {
        match &self.view {
            View::Choices | View::Whole(_) => {
                let mut hints = vec![("↑↓ enter", "choose"), ("v", "all of it")];
                if self.most > 0 {
                    hints.push(("pgup pgdn", "scroll"));
                }
                hints.push(("esc esc", "end the turn"));
                hints
            }
            View::Writing(Draft::Words, _) if self.asked.command().is_some() => vec![
                ("enter", "refuse with this"),
                ("esc", "back"),
                ("tab", "change the command"),
                ("alt-enter", "new line"),
            ],
            View::Writing(Draft::Words, _) => {
                vec![("enter", "refuse with this"), ("esc", "back"), ("alt-enter", "new line")]
            }
            View::Writing(Draft::Command, _) => vec![
                ("enter", "propose this"),
                ("esc", "back"),
                ("tab", "write words"),
                ("alt-enter", "new line"),
            ],
        }
    }

    fn draw_choices(&mut self, inner: Rect, buf: &mut Buffer, theme: &Theme) {
        let count = u16::try_from(self.choices.len()).unwrap_or(u16::MAX);
        if inner.height < count.saturating_add(BODY_ROWS) {
            // Places of single choices are not told apart there.
            self.list.window(Rect::ZERO);
            let selected = self.list.selected().map(|at| self.choices[at]);
            let most = (inner.height / 2).clamp(1, 3);
            let rows = choice::in_few_rows(&self.choices, selected, theme, inner.width, most);
            let parts = split(inner, u16::try_from(rows.len()).unwrap_or(u16::MAX));
            self.draw_body(parts.body, parts.between, buf, theme);
            frame::put_all(parts.below, buf, &rows);
            return;
        }
        let parts = split(inner, count);
        self.draw_body(parts.body, parts.between, buf, theme);
        for (at, y) in self.list.window(parts.below).zip(parts.below.y..) {
            let row = Rect { y, height: 1, ..parts.below };
            let chosen = self.list.selected() == Some(at);
            let line = self.choices[at].line(&self.asked, theme, row.width, chosen);
            if chosen {
                buf.set_style(row, theme.selected);
            }
            frame::put(row, buf, &line);
        }
    }

    fn draw_writing(
        &mut self,
        draft: Draft,
        inner: Rect,
        buf: &mut Buffer,
        theme: &Theme,
    ) -> Option<Position> {
        let View::Writing(_, field) = &self.view else { return None };
        let rows = field.height(inner.width).min(inner.height / 2).max(1);
        let parts = split(inner, rows);
        let words = match draft {
            Draft::Words => "Why not, or what instead? The model is told this:",
            Draft::Command => "The command as you want it. It is proposed to the model, not run:",
        };
        let label = Span::styled(words, theme.strong);
        let place = field.draw(parts.below, buf, theme.text);
        let remark = self.remark.clone();
        self.draw_body(parts.body, Rect::ZERO, buf, theme);
        let between = match remark {
            Some(remark) => Span::styled(remark, theme.warning),
            None => label,
        };
        frame::put(parts.between, buf, &Line::from(between));
        place
    }

    /// Draws what is asked about, and between it and the choices a remark or how much is below.
    fn draw_body(&mut self, area: Rect, between: Rect, buf: &mut Buffer, theme: &Theme) {
        let width = area.width.max(1);
        let fits = |(at, with, _): &(u16, Theme, _)| *at == width && with == theme;
        let laid = match self.laid.take().filter(fits) {
            Some(laid) => laid,
            None => {
                let lines = body::body(&self.asked, Extent::Brief, theme, width);
                (width, theme.clone(), lines)
            }
        };
        let lines = &self.laid.insert(laid).2;
        self.most = lines.len().saturating_sub(usize::from(area.height));
        self.scroll = self.scroll.min(self.most);
        frame::put_all(area, buf, &lines[self.scroll..]);
        let below = self.most - self.scroll;
        let line = match &self.remark {
            Some(remark) => Span::styled(remark.clone(), theme.warning),
            None if below > 0 => {
                Span::styled(format!("▾ {below} more rows: pgdn, or v"), theme.warning)
            }
            None => Span::raw(""),
        };
        frame::put(between, buf, &Line::from(line));
    }
}

/// Where things are drawn, from top to bottom.
struct Places {
    body: Rect,
    between: Rect,
    below: Rect,
}

/// Gives the last rows to what is below, the one before to a remark, the rest to the body.
fn split(inner: Rect, below: u16) -> Places {
    let below = below.min(inner.height);
    let between = u16::from(inner.height > below + 1);
    let body = inner.height - below - between;
    let rows = |y, height| Rect { y: inner.y + y, height, ..inner };
    Places { body: rows(0, body), between: rows(body, between), below: rows(body + between, below) }
}
