//! What stands within a line: emphasis, code, addresses.

use codex_view::sanitize;
use pulldown_cmark::{CowStr, LinkType};
use ratatui::style::{Modifier, Style};
use ratatui::text::Span;

use crate::theme::Theme;

/// Gathers the pieces of a paragraph, line by line.
#[derive(Debug)]
pub(super) struct Inline<'t> {
    theme: &'t Theme,
    styles: Vec<Style>,
    /// Where each open link began, and where it leads.
    links: Vec<(usize, String, LinkType)>,
    /// Text of the images that are open, and where they are.
    images: Vec<(usize, String)>,
    lines: Vec<Vec<Span<'static>>>,
}

impl<'t> Inline<'t> {
    pub(super) fn new(theme: &'t Theme) -> Inline<'t> {
        Inline {
            theme,
            styles: vec![theme.text],
            links: Vec::new(),
            images: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// Gives the lines that were gathered, and begins anew.
    pub(super) fn take(&mut self) -> Vec<Vec<Span<'static>>> {
        self.links.clear();
        self.images.clear();
        std::mem::take(&mut self.lines)
    }

    pub(super) fn push_style(&mut self, style: Style) {
        let style = self.style().patch(style);
        self.styles.push(style);
    }

    pub(super) fn pop_style(&mut self) {
        if self.styles.len() > 1 {
            self.styles.pop();
        }
    }

    pub(super) fn add(&mut self, modifier: Modifier) {
        self.push_style(Style::new().add_modifier(modifier));
    }

    fn style(&self) -> Style {
        self.styles.last().copied().unwrap_or(self.theme.text)
    }

    pub(super) fn text(&mut self, text: &str) {
        self.put(text, self.style());
    }

    pub(super) fn code(&mut self, text: &str) {
        self.put(text, self.style().patch(self.theme.code));
    }

    pub(super) fn dim(&mut self, text: &str) {
        self.put(text, self.theme.dim);
    }

    pub(super) fn line_break(&mut self) {
        if self.lines.is_empty() {
            self.lines.push(Vec::new());
        }
        self.lines.push(Vec::new());
    }

    /// Adds text; an entity may stand for a character that the source did not show.
    fn put(&mut self, text: &str, style: Style) {
        let clean;
        let text = if text.contains(|c| c == '\t' || sanitize::is_forbidden(c)) {
            clean = sanitize::text(text).replace('\t', "    ");
            &clean
        } else {
            text
        };
        if text.is_empty() {
            return;
        }
        if self.lines.is_empty() {
            self.lines.push(Vec::new());
        }
        let Some(line) = self.lines.last_mut() else { return };
        match line.last_mut() {
            Some(last) if last.style == style => last.content.to_mut().push_str(text),
            _ => line.push(Span::styled(text.to_owned(), style)),
        }
    }

    fn length(&self) -> usize {
        self.lines.iter().flatten().map(|span| span.content.len()).sum()
    }

    fn since(&self, begin: usize) -> String {
        let all: String = self.lines.iter().flatten().map(|span| &*span.content).collect();
        all.get(begin..).unwrap_or_default().to_owned()
    }

    pub(super) fn begin_link(&mut self, kind: LinkType, address: CowStr<'_>) {
        self.links.push((self.length(), sanitize::visible(&address), kind));
        self.push_style(self.theme.link);
    }

    /// Ends a link, and says where it leads where its text does not.
    pub(super) fn end_link(&mut self) {
        self.pop_style();
        let Some((begin, address, kind)) = self.links.pop() else { return };
        let shown = self.since(begin);
        let known = match kind {
            LinkType::Autolink | LinkType::Email => true,
            LinkType::Inline
            | LinkType::Reference
            | LinkType::ReferenceUnknown
            | LinkType::Collapsed
            | LinkType::CollapsedUnknown
            | LinkType::Shortcut
            | LinkType::ShortcutUnknown
            | LinkType::WikiLink { .. } => {
                shown == address || address.strip_prefix("mailto:") == Some(&shown)
            }
        };
        if !known && !address.is_empty() {
            self.dim(&format!(" ({address})"));
        }
    }

    pub(super) fn begin_image(&mut self, address: CowStr<'_>) {
        self.images.push((self.length(), codex_view::image::described(&address)));
        self.push_style(self.theme.dim);
        self.dim("[image: ");
    }

    pub(super) fn end_image(&mut self) {
        self.pop_style();
        let Some((begin, address)) = self.images.pop() else { return };
        let named = self.since(begin) != "[image: ";
        let between = if named && !address.is_empty() { ", " } else { "" };
        self.dim(&format!("{between}{address}]"));
    }
}
