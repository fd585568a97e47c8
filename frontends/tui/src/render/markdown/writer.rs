//! The events of a block, put into lines.

use codex_view::sanitize;
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Tag, TagEnd};
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use super::super::code::Highlighter;
use super::inline::Inline;
use super::table::Table;
use crate::theme::Theme;
use crate::wrap::{Break, Hang, columns, span_columns};

/// Containers that are seen; what is nested deeper stands where the last of them stands.
const DEEPEST: usize = 12;
/// Columns that a line between blocks takes at most.
const RULE: usize = 40;

/// Puts the events of one top block into lines.
pub(super) struct Writer<'t> {
    theme: &'t Theme,
    codes: &'t mut Codes,
    width: u16,
    lines: Vec<Line<'static>>,
    containers: Vec<Container>,
    /// The number of the next item of each open list; none for those with bullets.
    lists: Vec<Option<u64>>,
    inline: Inline<'t>,
    /// Whether a block ended, and the next one stands apart from it.
    gap: bool,
    code: Option<Code>,
    html: Option<String>,
    table: Option<Table>,
}

/// What stands at the left of lines.
struct Container {
    /// Of its first line; none once that was put.
    first: Option<Vec<Span<'static>>>,
    /// Of the other lines.
    rest: Vec<Span<'static>>,
}

/// How an item of a list leaves the lines to the next one.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    /// Whether a block ended, and the next one stands apart from it.
    pub(super) gap: bool,
    /// The number of the next item; none in a list with bullets.
    pub(super) number: Option<u64>,
}

/// A block of code that is coming in.
struct Code {
    language: String,
    text: String,
}

/// The blocks of code of a source, as they were told apart when it was put into lines last: of a source
/// that grew, only what is new is told apart.
#[derive(Debug, Default)]
pub(in super::super) struct Codes {
    known: Vec<Known>,
    next: usize,
}

#[derive(Debug)]
struct Known {
    language: String,
    text: String,
    after: Highlighter,
    lines: Vec<Vec<Span<'static>>>,
}

impl Codes {
    /// Begins a source anew.
    fn rewind(&mut self) {
        self.next = 0;
    }

    /// Gives the lines of the next block.
    fn lines(&mut self, code: &Code, theme: &Theme) -> Vec<Vec<Span<'static>>> {
        let at = self.next;
        self.next += 1;
        let fits =
            |known: &Known| known.language == code.language && code.text.starts_with(&known.text);
        if !self.known.get(at).is_some_and(fits) {
            self.known.truncate(at);
            self.known.push(Known {
                language: code.language.clone(),
                text: String::new(),
                after: Highlighter::language(&code.language),
                lines: Vec::new(),
            });
        }
        let known = &mut self.known[at];
        let (whole, last) = code.text.split_at(code.text.rfind('\n').map_or(0, |at| at + 1));
        for line in whole[known.text.len()..].lines() {
            known.lines.push(known.after.line(line, theme));
        }
        known.text.push_str(&whole[known.text.len()..]);
        let mut lines = known.lines.clone();
        if !last.is_empty() {
            lines.push(known.after.clone().line(last, theme));
        }
        lines
    }
}

/// Gives the language that stands behind a fence.
pub(in super::super) fn language(info: &str) -> &str {
    info.trim_start().split([' ', ',', '{', '\t']).next().unwrap_or_default()
}

/// Puts a line of code as the writer does.
pub(in super::super) fn put_code(
    spans: Vec<Span<'static>>,
    width: u16,
    lines: &mut Vec<Line<'static>>,
) {
    let indent = [Span::raw("  ")];
    let hang = Hang { first: &indent, rest: &indent, at: Break::Anywhere };
    hang.put(Line::from(spans), width, lines);
}

impl<'t> Writer<'t> {
    pub(super) fn new(theme: &'t Theme, codes: &'t mut Codes, width: u16) -> Writer<'t> {
        codes.rewind();
        Writer {
            theme,
            codes,
            width,
            lines: Vec::new(),
            containers: Vec::new(),
            lists: Vec::new(),
            inline: Inline::new(theme),
            gap: false,
            code: None,
            html: None,
            table: None,
        }
    }

    pub(super) fn finish(mut self) -> Vec<Line<'static>> {
        self.flush();
        self.lines
    }

    /// Tells whether it stands between two items of a list at the top.
    pub(super) fn is_between_items(&self) -> bool {
        self.lists.len() == 1 && self.containers.is_empty()
    }

    /// Gives what the next item of the list depends on.
    pub(super) fn state(&self) -> State {
        State { gap: self.gap, number: self.lists.last().copied().flatten() }
    }

    /// Goes on as behind another item, whose lines are elsewhere: an empty one stands for them.
    pub(super) fn resume(&mut self, state: State, lines: usize) {
        self.lines = vec![Line::default(); lines];
        self.gap = state.gap;
        if let Some(number) = self.lists.last_mut() {
            *number = state.number;
        }
    }

    pub(super) fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => match &mut self.code {
                Some(code) => code.text.push_str(&text),
                None => self.inline.text(&text),
            },
            Event::Code(text) => self.inline.code(&text),
            Event::InlineMath(text) | Event::DisplayMath(text) => self.inline.text(&text),
            Event::Html(text) => match &mut self.html {
                Some(html) => html.push_str(&text),
                None => self.inline.dim(&text),
            },
            Event::InlineHtml(text) => {
                let tag = text.trim_matches(['<', '>', '/', ' ']);
                if tag.eq_ignore_ascii_case("br") {
                    self.inline.line_break();
                } else {
                    self.inline.dim(&text);
                }
            }
            Event::FootnoteReference(name) => self.inline.dim(&format!("[{name}]")),
            Event::SoftBreak if self.table.is_some() => self.inline.text(" "),
            Event::SoftBreak | Event::HardBreak => self.inline.line_break(),
            Event::Rule => {
                self.begin_block();
                let room = usize::from(self.width).saturating_sub(self.indent());
                let rule = "─".repeat(room.clamp(1, RULE));
                self.put(vec![Span::styled(rule, self.theme.border)], Break::Anywhere);
                self.gap = true;
            }
            Event::TaskListMarker(done) => self.inline.text(if done { "[x] " } else { "[ ] " }),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph => self.begin_block(),
            Tag::Heading { level, .. } => {
                self.begin_block();
                self.inline.push_style(self.theme.strong);
                if level == HeadingLevel::H1 {
                    self.inline.add(Modifier::UNDERLINED);
                } else {
                    self.inline.add(Modifier::empty());
                }
            }
            Tag::BlockQuote(_) => {
                self.begin_block();
                let bar = vec![Span::styled("│ ", self.theme.border)];
                self.containers.push(Container { first: None, rest: bar });
            }
            Tag::CodeBlock(kind) => {
                self.begin_block();
                let language = match &kind {
                    CodeBlockKind::Indented => "",
                    CodeBlockKind::Fenced(info) => language(info),
                };
                self.code = Some(Code { language: language.to_owned(), text: String::new() });
            }
            Tag::HtmlBlock => {
                self.begin_block();
                self.html = Some(String::new());
            }
            Tag::List(first) => {
                self.begin_block();
                self.lists.push(first);
            }
            Tag::Item => self.begin_item(),
            Tag::FootnoteDefinition(name) => {
                self.begin_block();
                let name = format!("[{}] ", sanitize::visible(&name));
                let rest = vec![Span::raw(" ".repeat(columns(&name).min(8)))];
                let first = Some(vec![Span::styled(name, self.theme.dim)]);
                self.containers.push(Container { first, rest });
            }
            Tag::Table(alignments) => {
                self.begin_block();
                self.table = Some(Table::new(alignments));
            }
            Tag::TableHead | Tag::TableRow => {
                if let Some(table) = &mut self.table {
                    table.begin_row();
                }
            }
            Tag::TableCell => {}
            Tag::Emphasis => self.inline.add(Modifier::ITALIC),
            Tag::Strong => self.inline.add(Modifier::BOLD),
            Tag::Strikethrough => self.inline.add(Modifier::CROSSED_OUT),
            Tag::Link { link_type, dest_url, .. } => self.inline.begin_link(link_type, dest_url),
            Tag::Image { dest_url, .. } => self.inline.begin_image(dest_url),
            Tag::DefinitionList
            | Tag::DefinitionListTitle
            | Tag::DefinitionListDefinition
            | Tag::Superscript
            | Tag::Subscript
            | Tag::MetadataBlock(_) => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph => self.end_block(),
            TagEnd::Heading(_) => {
                self.end_block();
                self.inline.pop_style();
                self.inline.pop_style();
            }
            TagEnd::BlockQuote(_) | TagEnd::FootnoteDefinition => {
                self.end_block();
                self.end_container();
            }
            TagEnd::CodeBlock => {
                if let Some(code) = self.code.take() {
                    self.put_code(&code);
                }
                self.gap = true;
            }
            TagEnd::HtmlBlock => {
                for line in self.html.take().unwrap_or_default().lines() {
                    let line = sanitize::text(line);
                    self.put(vec![Span::styled(line, self.theme.dim)], Break::Words);
                }
                self.gap = true;
            }
            TagEnd::List(_) => {
                self.flush();
                self.lists.pop();
                self.gap = true;
            }
            TagEnd::Item => {
                self.flush();
                self.end_container();
            }
            TagEnd::Table => {
                if let Some(table) = self.table.take() {
                    let room = usize::from(self.width).saturating_sub(self.indent());
                    for line in table.lines(self.theme, room) {
                        self.put(line, Break::Anywhere);
                    }
                }
                self.gap = true;
            }
            TagEnd::TableCell => {
                let cell = self.inline.take();
                if let Some(table) = &mut self.table {
                    table.cell(cell);
                }
            }
            TagEnd::TableHead | TagEnd::TableRow => {}
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough => self.inline.pop_style(),
            TagEnd::Link => self.inline.end_link(),
            TagEnd::Image => self.inline.end_image(),
            TagEnd::DefinitionList
            | TagEnd::DefinitionListTitle
            | TagEnd::DefinitionListDefinition
            | TagEnd::Superscript
            | TagEnd::Subscript
            | TagEnd::MetadataBlock(_) => {}
        }
    }

    fn begin_item(&mut self) {
        self.flush();
        let depth = self.lists.len();
        let (marker, style) = match self.lists.last_mut() {
            Some(Some(number)) => {
                let marker = format!("{number}. ");
                *number = number.saturating_add(1);
                (marker, self.theme.text)
            }
            Some(None) | None => {
                let bullet = ["• ", "◦ ", "▪ "][depth.saturating_sub(1) % 3];
                (bullet.to_owned(), self.theme.text)
            }
        };
        let rest = vec![Span::raw(" ".repeat(columns(&marker).min(8)))];
        let first = Some(vec![Span::styled(marker, style)]);
        self.containers.push(Container { first, rest });
    }

    fn end_container(&mut self) {
        // An item without anything in it is an item still.
        if self.containers.last().is_some_and(|it| it.first.is_some()) {
            self.put(Vec::new(), Break::Words);
        }
        self.containers.pop();
    }

    /// Ends what stands before without a paragraph of its own, and keeps a block apart from another.
    fn begin_block(&mut self) {
        self.flush();
        if self.gap && !self.lines.is_empty() {
            let shown = self.containers.iter().take(DEEPEST).take_while(|it| it.first.is_none());
            let spans: Vec<_> = shown.flat_map(|it| it.rest.iter().cloned()).collect();
            let blank = spans.iter().all(|span| span.content.trim().is_empty());
            self.lines.push(if blank { Line::default() } else { Line::from(spans) });
        }
        self.gap = false;
    }

    fn end_block(&mut self) {
        self.flush();
        self.gap = true;
    }

    /// Puts what was gathered within a line.
    fn flush(&mut self) {
        let lines = self.inline.take();
        if lines.iter().all(Vec::is_empty) {
            return;
        }
        for line in lines {
            self.put(line, Break::Words);
        }
        self.gap = false;
    }

    fn put_code(&mut self, code: &Code) {
        let lines = self.codes.lines(code, self.theme);
        self.containers.push(Container { first: None, rest: vec![Span::raw("  ")] });
        for line in lines {
            self.put(line, Break::Anywhere);
        }
        self.containers.pop();
    }

    fn indent(&self) -> usize {
        let of = |it: &Container| {
            it.first.as_ref().map_or(0, |it| span_columns(it)).max(span_columns(&it.rest))
        };
        self.containers.iter().take(DEEPEST).map(of).sum()
    }

    fn put(&mut self, spans: Vec<Span<'static>>, at: Break) {
        let mut first = Vec::new();
        let mut rest = Vec::new();
        for container in self.containers.iter_mut().take(DEEPEST) {
            first.extend(container.first.take().unwrap_or_else(|| container.rest.clone()));
            rest.extend(container.rest.iter().cloned());
        }
        // Deeper ones are not seen, but are begun all the same.
        self.containers.iter_mut().skip(DEEPEST).for_each(|it| it.first = None);
        let hang = Hang { first: &first, rest: &rest, at };
        hang.put(Line::from(spans), self.width, &mut self.lines);
    }
}
