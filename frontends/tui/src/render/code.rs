//! Code with its parts told apart.
//!
//! The grammars are loaded when the first code is drawn, or by [`warm`] before that.

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use ratatui::style::Style;
use ratatui::text::Span;
use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxReference, SyntaxSet};

use crate::theme::Theme;

/// Lines of a block that are told apart; the rest of it is plain.
const MOST_LINES: usize = 500;
/// Bytes of a block that are told apart.
const MOST_BYTES: usize = 64 * 1024;
/// A longer line is plain, and so is all that follows in its block.
const LONGEST_LINE: usize = 4 * 1024;

static GRAMMARS: LazyLock<SyntaxSet> = LazyLock::new(SyntaxSet::load_defaults_newlines);
static PARTS: LazyLock<Vec<(Scope, Part)>> = LazyLock::new(|| {
    let scope = |(name, part): &(&str, Part)| Some((Scope::new(name).ok()?, *part));
    SCOPES.iter().filter_map(scope).collect()
});

/// Scopes and what they are; the first that fits counts, asked from the innermost scope outwards.
const SCOPES: [(&str, Part); 26] = [
    ("comment", Part::Comment),
    ("constant", Part::Constant),
    ("string", Part::String),
    ("keyword.operator.word", Part::Keyword),
    ("keyword.operator", Part::Operator),
    ("keyword", Part::Keyword),
    ("storage.type.function", Part::Keyword),
    ("storage", Part::Keyword),
    ("entity.name.function", Part::Function),
    ("entity.name.tag", Part::Kind),
    ("entity.name.section", Part::Kind),
    ("entity.name", Part::Kind),
    ("entity.other.inherited-class", Part::Kind),
    ("entity.other.attribute-name", Part::Variable),
    ("support.function", Part::Function),
    ("support.macro", Part::Function),
    ("support.type.property-name", Part::Variable),
    ("support.type", Part::Kind),
    ("support.class", Part::Kind),
    ("support.constant", Part::Constant),
    ("variable.function", Part::Function),
    ("variable.language", Part::Keyword),
    ("variable.parameter", Part::Variable),
    ("markup.inserted", Part::String),
    ("markup.deleted", Part::Constant),
    // What stands in a text between braces is code again.
    ("meta.interpolation", Part::Plain),
];

/// What a piece of code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Plain,
    Keyword,
    String,
    Constant,
    Comment,
    Function,
    Kind,
    Variable,
    Operator,
}

impl Part {
    fn of(stack: &ScopeStack) -> Part {
        let found = |scope: &Scope| PARTS.iter().find(|(outer, _)| outer.is_prefix_of(*scope));
        stack.scopes.iter().rev().find_map(found).map_or(Part::Plain, |(_, part)| *part)
    }

    fn style(self, theme: &Theme) -> Style {
        let syntax = &theme.syntax;
        match self {
            Part::Plain => theme.text,
            Part::Keyword => syntax.keyword,
            Part::String => syntax.string,
            Part::Constant => syntax.constant,
            Part::Comment => syntax.comment,
            Part::Function => syntax.function,
            Part::Kind => syntax.kind,
            Part::Variable => syntax.variable,
            Part::Operator => syntax.operator,
        }
    }
}

/// Loads the grammars, so that drawing the first code need not. Takes some milliseconds; meant for a
/// thread that nobody waits for.
pub fn warm() {
    LazyLock::force(&GRAMMARS);
    LazyLock::force(&PARTS);
}

/// Tells the parts of a block of code apart, line by line.
#[derive(Clone, Debug)]
pub(super) struct Highlighter {
    /// None where the language is not known, or the block too long.
    state: Option<(ParseState, ScopeStack)>,
    lines: usize,
    bytes: usize,
}

impl Highlighter {
    /// For a language, as the first word behind a fence names it.
    pub(super) fn language(name: &str) -> Highlighter {
        let name = name.trim_start_matches('.').to_ascii_lowercase();
        // The grammars that are there know these by other names.
        let name = match &*name {
            "" | "text" | "txt" | "plain" | "plaintext" => return Highlighter::of(None),
            "ts" | "typescript" | "tsx" | "jsx" | "mjs" | "cjs" | "mts" | "node" => "js",
            "shell" | "console" | "zsh" | "shellsession" | "shell-session" | "sh-session" => "bash",
            "jsonc" | "json5" | "jsonl" | "ndjson" => "json",
            "golang" => "go",
            "c++" | "cxx" | "hpp" | "cuda" => "cpp",
            "c#" | "csharp" => "cs",
            "py3" | "python3" | "pyi" | "starlark" | "bzl" => "python",
            "yml" => "yaml",
            "toml" | "ini" | "conf" | "cfg" | "env" | "dotenv" => "properties",
            "make" | "mk" => "makefile",
            "vue" | "svelte" | "xhtml" => "html",
            "svg" | "plist" => "xml",
            "scss" | "less" => "css",
            "rb" | "rake" => "ruby",
            "rs" => "rust",
            "patch" => "diff",
            other => other,
        };
        Highlighter::of(GRAMMARS.find_syntax_by_token(name))
    }

    /// For a file, as its name tells.
    pub(super) fn file(path: &str) -> Highlighter {
        let name = path.rsplit('/').next().unwrap_or(path);
        let ending = name.rsplit_once('.').map_or(name, |(_, ending)| ending);
        Highlighter::language(ending)
    }

    fn of(grammar: Option<&SyntaxReference>) -> Highlighter {
        let state = grammar.map(|grammar| (ParseState::new(grammar), ScopeStack::new()));
        Highlighter { state, lines: 0, bytes: 0 }
    }

    /// Tells whether it does anything.
    pub(super) fn is_plain(&self) -> bool {
        self.state.is_none()
    }

    /// Gives the next line, which has no line break and is safe, in styled pieces.
    pub(super) fn line(&mut self, line: &str, theme: &Theme) -> Vec<Span<'static>> {
        self.lines += 1;
        self.bytes += line.len() + 1;
        let too_much =
            self.lines > MOST_LINES || self.bytes > MOST_BYTES || line.len() > LONGEST_LINE;
        if too_much {
            self.state = None;
        }
        match self.parsed(line, theme) {
            Some(spans) => spans,
            None => {
                self.state = None;
                vec![Span::styled(line.to_owned(), theme.text)]
            }
        }
    }

    fn parsed(&mut self, line: &str, theme: &Theme) -> Option<Vec<Span<'static>>> {
        let (state, stack) = self.state.as_mut()?;
        let whole = format!("{line}\n");
        let ops = state.parse_line(&whole, &GRAMMARS).ok()?;
        let mut spans: Vec<Span<'static>> = Vec::new();
        let mut begin = 0;
        let mut put = |begin: usize, end: usize, stack: &ScopeStack| {
            let Some(text) = line.get(begin..end.min(line.len())).filter(|text| !text.is_empty())
            else {
                return;
            };
            let style = Part::of(stack).style(theme);
            match spans.last_mut() {
                Some(last) if last.style == style => last.content.to_mut().push_str(text),
                _ => spans.push(Span::styled(text.to_owned(), style)),
            }
        };
        for (at, op) in ops {
            put(begin, at, stack);
            begin = begin.max(at);
            stack.apply(&op).ok()?;
        }
        put(begin, line.len(), stack);
        Some(spans)
    }
}
