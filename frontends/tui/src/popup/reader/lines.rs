//! Where the lines of a page come from.

use ratatui::text::Line;

use super::search;
use crate::theme::Theme;
use crate::wrap::wrap;

/// Lines that a search looks at in one go.
const CHUNK: usize = 256;

/// Which way a search goes; none of them looks at the line it begins at but `Here`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the end, and the line itself counts.
    Here,
    /// To the end.
    On,
    /// To the beginning.
    Back,
}

/// Lines that are made when they are looked at.
pub trait Lines: Send {
    /// Gives how many lines there are at a width.
    fn count(&mut self, width: u16, theme: &Theme) -> usize;

    /// Gives the lines from one on, at most so many, safe for a terminal, none wider than the width.
    fn lines(&mut self, width: u16, theme: &Theme, from: usize, most: usize) -> Vec<Line<'static>>;

    /// Gives the line where what stands in a line at one width is at another.
    fn moved(&mut self, line: usize, _from: u16, _to: u16, _theme: &Theme) -> usize {
        line
    }

    /// Finds the next line that has a text, whatever its case.
    fn find(
        &mut self,
        needle: &str,
        at: usize,
        way: Way,
        width: u16,
        theme: &Theme,
    ) -> Option<usize> {
        let count = self.count(width, theme);
        let mut range = match way {
            Way::Here => at..count,
            Way::On => at.saturating_add(1)..count,
            Way::Back => 0..at.min(count),
        };
        while !range.is_empty() {
            let size = range.len().min(CHUNK);
            let from = match way {
                Way::Here | Way::On => range.start,
                Way::Back => range.end - size,
            };
            let lines = self.lines(width, theme, from, size);
            let mut hits = lines.iter().enumerate().filter(|(_, line)| search::has(line, needle));
            let hit = match way {
                Way::Here | Way::On => hits.next(),
                Way::Back => hits.next_back(),
            };
            if let Some((offset, _)) = hit {
                return Some(from + offset);
            }
            match way {
                Way::Here | Way::On => range.start += size,
                Way::Back => range.end -= size,
            }
        }
        None
    }
}

/// Lines that are there, broken at the width.
pub(in crate::popup) struct Fixed {
    given: Vec<Line<'static>>,
    width: u16,
    /// Each with the number of the line that it is of.
    broken: Vec<(usize, Line<'static>)>,
}

impl Fixed {
    pub(in crate::popup) fn new(given: Vec<Line<'static>>) -> Fixed {
        Fixed { given, width: 0, broken: Vec::new() }
    }

    fn at(&mut self, width: u16) -> &[(usize, Line<'static>)] {
        if self.width != width || self.broken.is_empty() {
            self.width = width;
            let lines = self.given.iter().enumerate();
            self.broken = lines
                .flat_map(|(of, line)| {
                    wrap(line.clone(), width).into_iter().map(move |it| (of, it))
                })
                .collect();
        }
        &self.broken
    }
}

impl Lines for Fixed {
    fn count(&mut self, width: u16, _: &Theme) -> usize {
        self.at(width).len()
    }

    fn lines(&mut self, width: u16, _: &Theme, from: usize, most: usize) -> Vec<Line<'static>> {
        self.at(width).iter().skip(from).take(most).map(|(_, line)| line.clone()).collect()
    }

    fn moved(&mut self, line: usize, from: u16, to: u16, _: &Theme) -> usize {
        let of = self.at(from).get(line).map_or(0, |(of, _)| *of);
        self.at(to).partition_point(|(it, _)| *it < of)
    }
}

/// Gives lines for a width and a theme.
type Make = dyn FnMut(u16, &Theme) -> Vec<Line<'static>> + Send;

/// Lines that something gives, kept until width or theme is another one.
pub(in crate::popup) struct Made {
    make: Box<Make>,
    made: Option<(u16, Theme, Vec<Line<'static>>)>,
}

impl Made {
    pub(in crate::popup) fn new(
        make: impl FnMut(u16, &Theme) -> Vec<Line<'static>> + Send + 'static,
    ) -> Made {
        Made { make: Box::new(make), made: None }
    }

    fn at(&mut self, width: u16, theme: &Theme) -> &[Line<'static>] {
        let fits = |(at, with, _): &(u16, Theme, _)| *at == width && with == theme;
        let made = match self.made.take().filter(fits) {
            Some(made) => made,
            None => (width, theme.clone(), (self.make)(width, theme)),
        };
        &self.made.insert(made).2
    }
}

impl Lines for Made {
    fn count(&mut self, width: u16, theme: &Theme) -> usize {
        self.at(width, theme).len()
    }

    fn lines(&mut self, width: u16, theme: &Theme, from: usize, most: usize) -> Vec<Line<'static>> {
        self.at(width, theme).iter().skip(from).take(most).cloned().collect()
    }
}
