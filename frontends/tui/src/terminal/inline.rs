//! Below what the terminal shows: finished lines go into its scrollback, once, and only a small live
//! part at the end is drawn again.
//!
//! Nothing here knows on which row of the screen it is. Between frames the terminal's own cursor rests,
//! hidden, on the first cell of the live part, and every move is relative to it. However a terminal wraps,
//! cuts or scrolls its lines when it is resized, that cell stays where its line begins, so everything from
//! there on can be erased and drawn again, and nothing before it is touched. The cursor that people see is
//! a reversed cell.
//!
//! A terminal tells of its new size late, and frames for the old one come in between. So a row of the live
//! part is cut where the screen ends instead of wrapped, and the way down scrolls instead of stopping at
//! the last row: as many rows up from there is the first cell again, as long as the screen has room for them.

use std::io;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Modifier;
use ratatui::text::Line;

use super::{encode, paint, write};

/// Begins a synchronized update (DEC private mode 2026) without a cursor; ends it in the first column.
const BEGIN: &[u8] = b"\x1b[?2026h\x1b[?25l";
const END: &[u8] = b"\r\x1b[?2026l";
/// What is behind the cursor is erased to the end of the screen, or of the row; then in the first column.
///
/// Never the screen from its very beginning: tmux takes that for the end of a page, and puts it into its
/// scrollback.
pub(super) const ERASE_BELOW: &str = "\r\x1b[0m\x1b[K\x1b[C\x1b[J\r";
const ERASE_RIGHT: &[u8] = b"\x1b[0m\x1b[K";
/// Rows are cut where the screen ends, or wrapped again: DECAWM, private mode 7.
const CUT: &[u8] = b"\x1b[?7l";
pub(super) const WRAP: &str = "\x1b[?7h";

/// The live part at the end of what the terminal shows.
#[derive(Debug)]
pub(crate) struct Inline {
    columns: u16,
    rows: Vec<Row>,
    /// Row of the live part where the cursor is; the first one between frames.
    at: usize,
    next: Buffer,
}

/// One row as it was written.
type Row = Vec<u8>;

impl Inline {
    /// A live part without rows, in the row where the cursor is.
    pub(crate) fn new(columns: u16) -> Inline {
        Inline { columns, rows: Vec::new(), at: 0, next: Buffer::empty(Rect::default()) }
    }

    /// The terminal has another width now; gives what erases the live part, to be drawn again.
    pub(crate) fn resize(&mut self, columns: u16) -> io::Result<()> {
        let erase = self.resized(columns);
        paint(&erase)
    }

    /// Erases the live part, so that others can write where it was.
    pub(crate) fn release(&mut self) -> io::Result<()> {
        let erase = self.erased();
        write(&erase)
    }

    /// Hands finished lines to the scrollback and draws the live part, `height` rows high.
    pub(crate) fn draw(
        &mut self,
        finished: &[Line<'_>],
        height: u16,
        draw: impl FnOnce(Rect, &mut Buffer) -> Option<Position>,
    ) -> io::Result<()> {
        let area = Rect::new(0, 0, self.columns, height);
        self.next.resize(area);
        self.next.reset();
        let mut next = std::mem::take(&mut self.next);
        if let Some(cell) = draw(area, &mut next).and_then(|at| next.cell_mut(at)) {
            cell.modifier.toggle(Modifier::REVERSED);
        }
        let frame = self.frame(finished, &next);
        self.next = next;
        match frame.is_empty() {
            true => Ok(()),
            false => paint(&frame),
        }
    }

    fn resized(&mut self, columns: u16) -> Vec<u8> {
        self.columns = columns;
        self.erased()
    }

    fn erased(&mut self) -> Vec<u8> {
        self.rows.clear();
        ERASE_BELOW.as_bytes().to_vec()
    }

    /// Gives the bytes that bring the terminal up to date; none when nothing changed.
    fn frame(&mut self, finished: &[Line<'_>], next: &Buffer) -> Vec<u8> {
        let rows = rows(next);
        let mut above = Vec::new();
        if !finished.is_empty() {
            above = self.erased();
            above.extend(encode::lines(finished, self.columns));
        }
        let mut live = Vec::new();
        self.rewrite(rows, &mut live);
        if above.is_empty() && live.is_empty() {
            return Vec::new();
        }
        self.go(0, &mut live);
        [BEGIN, &above, CUT, &live, WRAP.as_bytes(), END].concat()
    }

    /// Writes the rows that differ, those that are new, and erases those that are gone.
    fn rewrite(&mut self, rows: Vec<Row>, out: &mut Vec<u8>) {
        let kept = self.rows.len().min(rows.len());
        for (index, row) in rows.iter().enumerate() {
            if index < kept {
                if self.rows[index] == *row {
                    continue;
                }
                self.go(index, out);
                out.push(b'\r');
            } else if index > 0 {
                // Scrolls where the screen ends, which moves no row against another.
                self.go(index - 1, out);
                out.extend_from_slice(b"\r\n");
            }
            // Not behind the row: where it fills its line and is not wrapped, the cursor is on its end.
            out.extend_from_slice(ERASE_RIGHT);
            out.extend_from_slice(row);
            self.at = index;
        }
        if self.rows.len() > rows.len() {
            self.go(rows.len(), out);
            out.extend_from_slice(ERASE_BELOW.as_bytes());
        }
        self.rows = rows;
    }

    /// Moves the cursor to a row of the live part.
    fn go(&mut self, row: usize, out: &mut Vec<u8>) {
        match self.at.checked_sub(row) {
            Some(0) => {}
            Some(rows) => out.extend_from_slice(format!("\x1b[{rows}A").as_bytes()),
            None => out.resize(out.len() + row - self.at, b'\n'),
        }
        self.at = row;
    }
}

fn rows(buffer: &Buffer) -> Vec<Row> {
    let Rect { width, height, .. } = buffer.area;
    let row = |y| {
        let mut bytes = Vec::new();
        encode::row(buffer, y, width, &mut bytes);
        bytes
    };
    (0..height).map(row).collect()
}

#[cfg(test)]
mod tests;
