//! The interface as a state machine: what happens in, what is to be done out.

use codex_event::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::Line;

use crate::options::Options;
use crate::update::{Input, Intent, Moment};

/// All that the interface knows: a session folded from its events, and what the user does with it.
///
/// No thread, no clock, no I/O: time arrives with each input, and what is to be done is handed out.
pub struct App {
    options: Options,
    dirty: bool,
}

impl App {
    /// Begins with what is known so far.
    pub fn new(options: Options) -> App {
        App { options, dirty: true }
    }

    /// Says what the clock on the wall shows at a moment: people are told durations by it.
    pub fn set_clock(&mut self, _now: Moment, _wall: Timestamp) {}

    /// Gives what is to be done at first.
    pub fn start(&mut self, _now: Moment) -> Vec<Intent> {
        let _ = &self.options;
        Vec::new()
    }

    /// Takes what happened, and gives what is to be done.
    pub fn update(&mut self, _now: Moment, _input: Input) -> Vec<Intent> {
        self.dirty = true;
        Vec::new()
    }

    /// Gives the moment at which a `Tick` is wanted; none while nothing changes by itself.
    pub fn deadline(&self) -> Option<Moment> {
        None
    }

    /// Tells whether a drawing would show something else than the last one did.
    pub fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Draws everything, and gives the place of the cursor; it is hidden when none.
    pub fn draw(&mut self, _area: Rect, _buf: &mut Buffer) -> Option<Position> {
        self.dirty = false;
        None
    }

    /// Hands out, once, the lines of what is as it will be: they go into the terminal's own scrollback.
    pub fn finished(&mut self, _width: u16) -> Vec<Line<'static>> {
        Vec::new()
    }

    /// Gives the rows that the live part needs, at most `rows`.
    pub fn live_height(&self, _width: u16, rows: u16) -> u16 {
        rows
    }

    /// Tells whether the other screen is needed: in inline mode, for as long as a pager is open.
    pub fn is_full_screen(&self) -> bool {
        true
    }

    /// Gives the last part of the conversation, which stays on the normal screen.
    pub fn farewell(&mut self, _width: u16) -> Vec<Line<'static>> {
        Vec::new()
    }
}
