//! The slash commands that match what stands in the composer.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

use super::list::{List, Moved};
use super::{Action, Answer, Popup, frame};
use crate::fuzzy;
use crate::theme::Theme;
use crate::wrap::columns;

/// Rows of commands that are shown at once.
const ROWS: u16 = 8;

/// A slash command as the palette shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandRow {
    /// Its name, without the slash.
    pub name: String,
    /// What may stand behind it, as in `[name]`; empty for nothing.
    pub arguments: String,
    /// What it does, in a few words.
    pub description: String,
}

/// The palette. The composer keeps the text and the cursor: what the palette does not take is passed,
/// and the palette is told what stands there then.
#[derive(Debug)]
pub struct Commands {
    rows: Vec<CommandRow>,
    /// Numbers of the rows that match, the best first, and where in their names the letters are.
    shown: Vec<(usize, Vec<usize>)>,
    /// What stands behind the name already.
    rest: String,
    list: List,
}

impl Popup {
    /// Shows the commands that match; see [`Commands::filter`].
    pub fn palette(rows: Vec<CommandRow>) -> Popup {
        let mut commands =
            Commands { rows, shown: Vec::new(), rest: String::new(), list: List::default() };
        commands.filter("/");
        Popup::Commands(Box::new(commands))
    }
}

impl Commands {
    /// Takes what stands in the composer, with its slash.
    pub fn filter(&mut self, text: &str) {
        let typed = text.strip_prefix('/').unwrap_or(text);
        let (name, rest) = typed.split_once(char::is_whitespace).unwrap_or((typed, ""));
        rest.trim().clone_into(&mut self.rest);
        let mut shown = fuzzy::rank(name, self.rows.iter().map(|row| row.name.as_str()));
        // A name that begins so is meant before one that merely has these letters.
        shown.sort_by_key(|(at, _)| !self.rows[*at].name.starts_with(name));
        let sought = name.to_lowercase();
        let described = |at: &usize| self.rows[*at].description.to_lowercase().contains(&sought);
        let others = (0..self.rows.len()).filter(described);
        let others = others.filter(|at| shown.iter().all(|(known, _)| known != at));
        let others: Vec<_> = others.map(|at| (at, Vec::new())).collect();
        shown.extend(others);
        // Once something stands behind it, the name is what it is.
        if typed.contains(char::is_whitespace) {
            shown.retain(|(at, _)| self.rows[*at].name == name);
        }
        if shown != self.shown {
            self.shown = shown;
            self.list.restart(self.shown.len());
        }
    }

    /// Tells whether nothing matches: there is nothing to show then.
    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    fn selected(&self) -> Option<&CommandRow> {
        self.rows.get(self.shown.get(self.list.selected()?)?.0)
    }

    pub(super) fn height(&self) -> u16 {
        u16::try_from(self.shown.len()).unwrap_or(ROWS).min(ROWS) + 2
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> Answer {
        let modified = key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
        match key.code {
            KeyCode::Esc => Answer::Close,
            KeyCode::Tab => self.selected().map_or(Answer::Stay, |row| {
                Answer::Do(Action::Put(format!("/{} {}", row.name, self.rest)))
            }),
            KeyCode::Enter if key.modifiers.is_empty() => self.run(),
            KeyCode::Home | KeyCode::End => Answer::Pass,
            KeyCode::Char('n' | 'p') if modified => self.moved(key),
            KeyCode::Up | KeyCode::Down | KeyCode::PageUp | KeyCode::PageDown if !modified => {
                self.moved(key)
            }
            _ => Answer::Pass,
        }
    }

    fn moved(&mut self, key: KeyEvent) -> Answer {
        match self.list.key(key) {
            Moved::Yes | Moved::Clicked => Answer::Stay,
            Moved::No => Answer::Pass,
        }
    }

    /// Runs what is selected; without a match, the composer's own Enter says that there is none.
    fn run(&self) -> Answer {
        self.selected().map_or(Answer::Pass, |row| {
            Answer::Do(Action::Slash { name: row.name.clone(), rest: self.rest.clone() })
        })
    }

    pub(super) fn mouse(&mut self, mouse: MouseEvent) -> Answer {
        let before = self.list.selected();
        match self.list.mouse(mouse) {
            Moved::Clicked if self.list.selected() == before => self.run(),
            Moved::Clicked | Moved::Yes => Answer::Stay,
            Moved::No => Answer::Pass,
        }
    }

    pub(super) fn draw(&mut self, area: Rect, buf: &mut Buffer, theme: &Theme) -> Option<Position> {
        let hints = [("↑↓", "choose"), ("enter", "run"), ("tab", "complete"), ("esc", "close")];
        let inner = frame::frame(area, buf, theme, "Commands", &hints);
        let shown: Vec<&CommandRow> = self.shown.iter().map(|(at, _)| &self.rows[*at]).collect();
        let heads: Vec<String> = shown
            .iter()
            .map(|row| frame::said(format!("/{} {}", row.name, row.arguments).trim_end()))
            .collect();
        let widest = heads.iter().map(|head| columns(head)).max().unwrap_or(0);
        let column = widest.min(usize::from(inner.width) / 2);
        for (at, y) in self.list.window(inner).zip(inner.y..) {
            let row = Rect { y, height: 1, ..inner };
            let chosen = self.list.selected() == Some(at);
            let plain = |style| if chosen { theme.selected } else { style };
            if chosen {
                buf.set_style(row, theme.selected);
            }
            let head = frame::padded_to(&heads[at], column);
            let (name, arguments) =
                head.split_at_checked(shown[at].name.len() + 1).unwrap_or((&head, ""));
            let mut spans =
                vec![Span::styled(if chosen { "› " } else { "  " }, plain(theme.accent))];
            for (byte, letter) in name.char_indices() {
                let hit = byte > 0 && self.shown[at].1.contains(&(byte - 1));
                let style = if hit { theme.accent } else { theme.strong };
                spans.push(Span::styled(letter.to_string(), plain(style)));
            }
            let description = frame::said(&shown[at].description);
            spans.push(Span::styled(arguments.to_owned(), plain(theme.dim)));
            spans.push(Span::styled(format!("  {description}"), plain(theme.text)));
            let line = Line::from(spans);
            frame::put(row, buf, &frame::cut(line, row.width));
        }
        None
    }
}
