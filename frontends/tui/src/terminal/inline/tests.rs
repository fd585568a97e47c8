//! The live part on an emulated terminal: what is finished stands in it once, whatever happens.

use alacritty_terminal::event::VoidListener;
use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Column, Line as Row};
use alacritty_terminal::term::{Config, Term};
use alacritty_terminal::vte::ansi::Processor;
use proptest::prelude::*;
use ratatui::style::Style;
use ratatui::text::Line;

use super::Inline;

/// A terminal that wraps lines anew when it is resized, as most do.
struct Emulator {
    term: Term<VoidListener>,
    parser: Processor,
}

#[derive(Clone, Copy)]
struct Size {
    columns: usize,
    rows: usize,
}

impl Dimensions for Size {
    fn total_lines(&self) -> usize {
        self.rows
    }

    fn screen_lines(&self) -> usize {
        self.rows
    }

    fn columns(&self) -> usize {
        self.columns
    }
}

impl Emulator {
    fn new(columns: u16, rows: u16) -> Emulator {
        let size = size(columns, rows);
        let config = Config { scrolling_history: 10_000, ..Config::default() };
        Emulator { term: Term::new(config, &size, VoidListener), parser: Processor::new() }
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.parser.advance(&mut self.term, bytes);
    }

    fn resize(&mut self, columns: u16, rows: u16) {
        self.term.resize(size(columns, rows));
    }

    /// All lines, those of the scrollback first; wrapped ones are joined.
    fn lines(&self) -> Vec<String> {
        let grid = self.term.grid();
        let mut lines = vec![String::new()];
        for row in -i32::try_from(grid.history_size()).expect("few lines")
            ..i32::try_from(grid.screen_lines()).expect("few lines")
        {
            let last = lines.last_mut().expect("a line");
            let mut wrapped = false;
            for column in 0..grid.columns() {
                let cell = &grid[Row(row)][Column(column)];
                last.push(cell.c);
                wrapped = cell.flags.contains(alacritty_terminal::term::cell::Flags::WRAPLINE);
            }
            if !wrapped {
                lines.push(String::new());
            }
        }
        lines.into_iter().map(|line| line.trim_end().to_owned()).collect()
    }
}

fn size(columns: u16, rows: u16) -> Size {
    Size { columns: columns.into(), rows: rows.into() }
}

struct World {
    emulator: Emulator,
    inline: Inline,
    columns: u16,
    rows: u16,
    finished: usize,
}

#[derive(Clone, Debug)]
enum Act {
    Draw {
        finished: usize,
        height: u16,
        wide: bool,
    },
    Resize {
        columns: u16,
        rows: u16,
    },
    /// The terminal has its new size; the program hears of it with the next [`Act::Resize`].
    Slip {
        columns: u16,
        rows: u16,
    },
}

impl World {
    fn new() -> World {
        let (columns, rows) = (40, 12);
        World {
            emulator: Emulator::new(columns, rows),
            inline: Inline::new(columns),
            columns,
            rows,
            finished: 0,
        }
    }

    fn act(&mut self, act: &Act) {
        match *act {
            Act::Draw { finished, height, wide } => {
                // A line fits the width that it was made for.
                let lines: Vec<Line> =
                    (0..finished).map(|index| mark(self.finished + index).into()).collect();
                self.finished += finished;
                let height = height.clamp(1, self.rows - 1);
                let mut buffer = ratatui::buffer::Buffer::empty(ratatui::layout::Rect::new(
                    0,
                    0,
                    self.columns,
                    height,
                ));
                for y in 0..height {
                    let text = if wide { "live ".repeat(40) } else { format!("live {y}") };
                    buffer.set_stringn(0, y, text, self.columns.into(), Style::default());
                }
                let frame = self.inline.frame(&lines, &buffer);
                self.emulator.feed(&frame);
            }
            Act::Resize { columns, rows } => {
                (self.columns, self.rows) = (columns, rows);
                self.emulator.resize(columns, rows);
                let erase = self.inline.resized(columns);
                self.emulator.feed(&erase);
            }
            Act::Slip { columns, rows } => self.emulator.resize(columns, rows),
        }
    }
}

fn mark(index: usize) -> String {
    format!("#{index:04}")
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let draw = (0_usize..8, 1_u16..6, any::<bool>())
        .prop_map(|(finished, height, wide)| Act::Draw { finished, height, wide });
    let size = (8_u16..60, 6_u16..20);
    let resize = size.clone().prop_map(|(columns, rows)| Act::Resize { columns, rows });
    let slip = size.prop_map(|(columns, rows)| Act::Slip { columns, rows });
    prop::collection::vec(prop_oneof![3 => draw, 1 => resize, 1 => slip], 1..30)
}

/// Frames for a size that the terminal has no longer, on a screen that has room for all of them.
fn late_acts() -> impl Strategy<Value = Vec<Act>> {
    let draw = (0_usize..3, 1_u16..5, any::<bool>())
        .prop_map(|(finished, height, wide)| Act::Draw { finished, height, wide });
    let size = (20_u16..60, 20_u16..30);
    let resize = size.clone().prop_map(|(columns, rows)| Act::Resize { columns, rows });
    let slip = size.prop_map(|(columns, rows)| Act::Slip { columns, rows });
    prop::collection::vec(prop_oneof![3 => draw, 1 => resize, 1 => slip], 1..30)
}

proptest! {
    #[test]
    fn every_finished_line_stands_there_once_and_in_order(acts in acts()) {
        let mut world = World::new();
        acts.iter().for_each(|act| world.act(act));
        let lines = world.emulator.lines();
        // Where the live part grew beyond the screen by being wrapped, the line behind the rest of it
        // continues its row.
        let text = lines.join("\n");
        let marks: Vec<&str> = text.match_indices('#').map(|(at, _)| &text[at..at + 5]).collect();
        let expected: Vec<String> = (0..world.finished).map(mark).collect();
        prop_assert_eq!(marks, expected, "{:#?}", lines);
    }
}

proptest! {
    #[test]
    fn frames_of_a_size_that_is_over_leave_nothing_behind(acts in late_acts()) {
        let mut world = World::new();
        // As it is after the first answers; a screen that was never full moves what is on it.
        world.act(&Act::Resize { columns: 40, rows: 24 });
        world.act(&Act::Draw { finished: 60, height: 3, wide: true });
        acts.iter().for_each(|act| world.act(act));
        world.act(&Act::Resize { columns: 50, rows: 24 });
        world.act(&Act::Draw { finished: 0, height: 4, wide: false });
        let lines = world.emulator.lines();
        let live: Vec<_> = lines.iter().filter(|line| line.contains("live")).collect();
        prop_assert_eq!(live, ["live 0", "live 1", "live 2", "live 3"], "{:#?}", lines);
    }
}

#[test]
fn the_live_part_is_drawn_again_and_leaves_nothing_behind() {
    let mut world = World::new();
    for round in 0..40 {
        world.act(&Act::Draw { finished: round % 3, height: 1 + (round as u16 % 5), wide: false });
    }
    let lines = world.emulator.lines();
    let live: Vec<&String> = lines.iter().filter(|line| line.starts_with("live")).collect();
    assert_eq!(live, ["live 0", "live 1", "live 2", "live 3", "live 4"]);
}

#[test]
fn narrow_and_wide_again_leaves_nothing_of_the_live_part() {
    let mut world = World::new();
    // The screen is full, as it is after the first answers.
    world.act(&Act::Draw { finished: 30, height: 3, wide: true });
    for columns in [20, 15, 33, 40] {
        world.act(&Act::Resize { columns, rows: 12 });
        world.act(&Act::Draw { finished: 1, height: 3, wide: true });
    }
    let lines = world.emulator.lines();
    let live = lines.iter().filter(|line| line.starts_with("live")).count();
    assert_eq!(live, 3, "{lines:#?}");
}

#[test]
fn the_same_frame_again_writes_nothing() {
    let mut inline = Inline::new(20);
    let mut buffer = ratatui::buffer::Buffer::empty(ratatui::layout::Rect::new(0, 0, 20, 2));
    buffer.set_string(0, 0, "one", Style::default());
    assert!(!inline.frame(&[], &buffer).is_empty());
    assert!(inline.frame(&[], &buffer).is_empty());
}
