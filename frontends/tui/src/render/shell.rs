//! Commands with their parts told apart.
//!
//! For looking at alone: nothing is decided by it. It goes through the text once and never fails, so
//! that it can be used each time something is drawn.

#[cfg(test)]
mod tests;

use codex_view::{command_line, sanitize};
use ratatui::style::Style;
use ratatui::text::Span;

use crate::theme::Theme;

/// Words that begin or part commands, and behind which another command stands.
const RESERVED: [&str; 20] = [
    "if", "then", "elif", "else", "fi", "for", "while", "until", "do", "done", "case", "esac",
    "in", "function", "select", "time", "{", "}", "!", "[[",
];

/// Shells whose scripts are shown in place of the whole command.
const SHELLS: [&str; 4] = ["bash", "sh", "zsh", "dash"];

/// Stands for a tab.
const TAB: &str = "    ";

/// Gives the script that a shell of the system is given, and nothing else.
pub(super) fn script(argv: &[String]) -> Option<&str> {
    let [shell, flag, script] = argv else { return None };
    let name = ["/bin/", "/usr/bin/"].iter().find_map(|folder| shell.strip_prefix(folder));
    let known = SHELLS.contains(&name.unwrap_or(shell));
    (known && matches!(&**flag, "-c" | "-lc")).then_some(script)
}

/// Gives the lines of a command; characters that a terminal would act on are shown as escapes.
pub(super) fn lines(argv: &[String], theme: &Theme) -> Vec<Vec<Span<'static>>> {
    let typed = match script(argv) {
        Some(script) => sanitize::revealed(script.trim_end()),
        None => sanitize::revealed(&command_line(argv)),
    };
    let typed = typed.replace('\t', TAB);
    let mut state = State::default();
    typed.split('\n').map(|it| line(it, &mut state, theme)).collect()
}

/// Gives the next line of a script.
pub(super) fn line(line: &str, state: &mut State, theme: &Theme) -> Vec<Span<'static>> {
    let mut lexer = Lexer { theme, state: std::mem::take(state), expects: Expects::Command };
    let pieces = lexer.line(line);
    *state = lexer.state;
    pieces
}

/// What of a script goes on into its next line.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    within: Within,
    /// Words that end the texts which begin with the next line.
    ends: Vec<String>,
}

/// Tells the parts of a shell's language apart.
struct Lexer<'t> {
    theme: &'t Theme,
    state: State,
    expects: Expects,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Within {
    #[default]
    Plain,
    /// Within a text that this quote ends.
    Quoted(char),
    /// Within a text that a line of its own ends.
    Document(String),
}

/// What the next word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expects {
    Command,
    Argument,
}

impl Lexer<'_> {
    fn line(&mut self, line: &str) -> Vec<Span<'static>> {
        let mut pieces = Pieces(Vec::new());
        let syntax = &self.theme.syntax;
        if let Within::Document(end) = &self.state.within {
            let ended = line.trim_start_matches(TAB) == end;
            pieces.add(line, if ended { syntax.keyword } else { syntax.string });
            if ended {
                self.next_document();
            }
            return pieces.0;
        }
        if self.state.within == Within::Plain {
            self.expects = Expects::Command;
        }
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            let (length, style) = self.piece(first, rest);
            let (piece, after) = rest.split_at(length.clamp(first.len_utf8(), rest.len()));
            pieces.add(piece, style);
            rest = after;
        }
        if self.state.within == Within::Plain && !self.state.ends.is_empty() {
            self.next_document();
        }
        pieces.0
    }

    fn next_document(&mut self) {
        self.state.within = if self.state.ends.is_empty() {
            Within::Plain
        } else {
            Within::Document(self.state.ends.remove(0))
        };
    }

    /// Gives how long the next piece is, and what it looks like.
    fn piece(&mut self, first: char, rest: &str) -> (usize, Style) {
        let theme = self.theme;
        let syntax = &theme.syntax;
        if let Within::Quoted(quote) = self.state.within {
            return (self.quoted(quote, rest), syntax.string);
        }
        match first {
            ' ' => (rest.len() - rest.trim_start_matches(' ').len(), theme.text),
            '#' => (rest.len(), syntax.comment),
            '\'' | '"' => {
                self.expects = Expects::Argument;
                self.state.within = Within::Quoted(first);
                (1 + self.quoted(first, &rest[1..]), syntax.string)
            }
            '<' if rest.starts_with("<<") && !rest.starts_with("<<<") => {
                (self.document(rest), syntax.keyword)
            }
            '|' | '&' | ';' | '(' | ')' | '<' | '>' => {
                let length = rest.len() - rest.trim_start_matches(first).len();
                // What stands behind these is no command but a file.
                if !matches!(first, '<' | '>') && !rest.starts_with("&>") {
                    self.expects = Expects::Command;
                }
                (length, syntax.keyword)
            }
            '$' => {
                let name = |c: char| c.is_alphanumeric() || c == '_';
                let length = match rest[1..].chars().next() {
                    Some('{') => rest.find('}').map_or(rest.len(), |at| at + 1),
                    Some('(') => {
                        self.expects = Expects::Command;
                        return (2, syntax.keyword);
                    }
                    Some(c) if name(c) => {
                        1 + rest[1..].find(|c| !name(c)).unwrap_or(rest.len() - 1)
                    }
                    Some('?' | '!' | '#' | '*' | '@' | '$' | '-') => 2,
                    Some(_) | None => 1,
                };
                (length, syntax.variable)
            }
            '\\' => (1 + rest[1..].chars().next().map_or(0, char::len_utf8), theme.text),
            _ => self.word(rest),
        }
    }

    /// Gives how much of a text is within a quote that is open, the end included.
    fn quoted(&mut self, quote: char, rest: &str) -> usize {
        let mut escaped = false;
        for (at, c) in rest.char_indices() {
            if c == quote && !escaped {
                self.state.within = Within::Plain;
                return at + c.len_utf8();
            }
            escaped = quote == '"' && c == '\\' && !escaped;
        }
        rest.len()
    }

    /// Reads `<<'END'` or `<<-END`, whose text begins with the next line.
    fn document(&mut self, rest: &str) -> usize {
        let word = rest[2..].trim_start_matches('-').trim_start_matches(' ');
        let quote = |c| c == '\'' || c == '"';
        let plain = word.trim_start_matches(quote);
        let end = plain.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(plain.len());
        let name = &plain[..end];
        if name.is_empty() {
            return 2;
        }
        self.state.ends.push(name.to_owned());
        let after = plain[end..].trim_start_matches(quote);
        rest.len() - after.len()
    }

    fn word(&mut self, rest: &str) -> (usize, Style) {
        let syntax = &self.theme.syntax;
        let ends = |c: char| c.is_whitespace() || "|&;()<>'\"$\\".contains(c);
        let word = &rest[..rest.find(ends).unwrap_or(rest.len())];
        let style = match self.expects {
            Expects::Command if RESERVED.contains(&word) => syntax.keyword,
            Expects::Command if is_assignment(word) => syntax.variable,
            Expects::Command => {
                self.expects = Expects::Argument;
                syntax.function
            }
            Expects::Argument if word.starts_with('-') => syntax.variable,
            Expects::Argument => self.theme.text,
        };
        (word.len(), style)
    }
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

/// Pieces of a line; neighbours that look the same are one.
struct Pieces(Vec<Span<'static>>);

impl Pieces {
    fn add(&mut self, text: &str, style: Style) {
        match self.0.last_mut() {
            Some(last) if last.style == style => last.content.to_mut().push_str(text),
            _ => self.0.push(Span::styled(text.to_owned(), style)),
        }
    }
}
