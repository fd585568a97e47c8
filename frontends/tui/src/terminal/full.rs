//! The whole screen: what changed since the last frame, in one write.

use std::io;

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::terminal::{Clear, ClearType};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::{command, encode, paint};

/// Begins and ends a synchronized update: DEC private mode 2026.
const BEGIN_SYNC: &[u8] = b"\x1b[?2026h";
const END_SYNC: &[u8] = b"\x1b[?2026l";
/// Rows that have to move together before moving them is worth its escape sequences.
const WORTH_MOVING: usize = 4;

/// A screen that this program has for itself.
#[derive(Debug)]
pub(crate) struct Full {
    shown: Buffer,
    next: Buffer,
    cursor: Option<Position>,
    /// Whether what the terminal shows is known.
    known: bool,
}

impl Full {
    /// A screen of that size, of which nothing is known.
    pub(crate) fn new((columns, rows): (u16, u16)) -> Full {
        let area = Rect::new(0, 0, columns, rows);
        let (shown, next) = (Buffer::empty(area), Buffer::empty(area));
        Full { shown, next, cursor: None, known: false }
    }

    /// The screen has another size.
    pub(crate) fn resize(&mut self, size: (u16, u16)) {
        *self = Full::new(size);
    }

    /// Whatever the terminal shows, the next frame is drawn whole.
    pub(crate) fn forget(&mut self) {
        self.known = false;
    }

    /// Draws a frame, which says where the cursor is; none hides it.
    pub(crate) fn draw(
        &mut self,
        draw: impl FnOnce(Rect, &mut Buffer) -> Option<Position>,
    ) -> io::Result<()> {
        self.next.reset();
        let area = self.next.area;
        let cursor = draw(area, &mut self.next);
        let frame = self.frame(cursor);
        match frame.is_empty() {
            true => Ok(()),
            false => paint(&frame),
        }
    }

    /// Gives the bytes that turn what is shown into what was drawn; none when nothing changed.
    fn frame(&mut self, cursor: Option<Position>) -> Vec<u8> {
        let mut body = Vec::new();
        if !std::mem::replace(&mut self.known, true) {
            let mut clear = String::new();
            command(&mut clear, Clear(ClearType::All));
            body.extend_from_slice(clear.as_bytes());
            self.shown.reset();
            self.cursor = None;
        } else if let Some(moved) = Moved::find(&self.shown, &self.next) {
            moved.tell(&mut body);
            moved.carry_out(&mut self.shown);
        }
        encode::changes(&self.shown, &self.next, &mut body);
        std::mem::swap(&mut self.shown, &mut self.next);
        let drawn = !body.is_empty();
        if !drawn && cursor == self.cursor {
            return Vec::new();
        }
        let mut frame = Vec::with_capacity(body.len() + 64);
        frame.extend_from_slice(BEGIN_SYNC);
        let mut words = String::new();
        if drawn {
            command(&mut words, Hide);
            frame.extend_from_slice(words.as_bytes());
            frame.extend_from_slice(&body);
            words.clear();
        }
        match cursor {
            Some(Position { x, y }) => {
                command(&mut words, MoveTo(x, y));
                command(&mut words, Show);
            }
            None => command(&mut words, Hide),
        }
        frame.extend_from_slice(words.as_bytes());
        frame.extend_from_slice(END_SYNC);
        self.cursor = cursor;
        frame
    }
}

/// Rows that moved up together: a conversation that grows at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moved {
    /// First row of the region.
    top: usize,
    /// Row behind its last.
    bottom: usize,
    /// Rows by which it moves up.
    by: usize,
}

impl Moved {
    fn find(before: &Buffer, after: &Buffer) -> Option<Moved> {
        let width = usize::from(before.area.width);
        if width == 0 {
            return None;
        }
        let old: Vec<_> = before.content.chunks(width).collect();
        let new: Vec<_> = after.content.chunks(width).collect();
        let top = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
        let same = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new);
        let bottom = old.len() - same.count().min(old.len() - top);
        let (best, by) = (1..bottom.saturating_sub(top))
            .map(|by| (run(&old[top + by..bottom], &new[top..bottom - by]), by))
            .max_by_key(|(rows, by)| (*rows, usize::MAX - by))?;
        let stays = (top..bottom).filter(|row| old[*row] == new[*row]).count();
        (best >= WORTH_MOVING && best > stays).then(|| Moved { top, bottom: top + best + by, by })
    }

    fn tell(self, out: &mut Vec<u8>) {
        let Moved { top, bottom, by } = self;
        // Scroll region, scroll up, region back to the whole screen: DECSTBM, SU (ECMA-48).
        out.extend_from_slice(format!("\x1b[{};{bottom}r\x1b[{by}S\x1b[r", top + 1).as_bytes());
    }

    fn carry_out(self, shown: &mut Buffer) {
        let width = usize::from(shown.area.width);
        let Moved { top, bottom, by } = self;
        shown.content[top * width..bottom * width].rotate_left(by * width);
        for cell in &mut shown.content[(bottom - by) * width..bottom * width] {
            cell.reset();
        }
    }
}

/// Rows with something on them that agree from the first on.
fn run(old: &[&[ratatui::buffer::Cell]], new: &[&[ratatui::buffer::Cell]]) -> usize {
    let agree = old.iter().zip(new).take_while(|(old, new)| old == new);
    let (mut rows, mut used) = (0, 0);
    for (row, _) in agree {
        rows += 1;
        if row.iter().any(|cell| cell.symbol() != " ") {
            used = rows;
        }
    }
    used
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::Buffer;
    use ratatui::layout::{Position, Rect};
    use ratatui::style::Style;

    use super::{BEGIN_SYNC, Full};

    fn show(screen: &mut Full, rows: &[&str], cursor: Option<Position>) -> String {
        screen.next.reset();
        for (y, row) in rows.iter().enumerate() {
            let y = u16::try_from(y).expect("few rows");
            screen.next.set_string(0, y, row, Style::default());
        }
        String::from_utf8(screen.frame(cursor)).expect("text")
    }

    #[test]
    fn the_same_frame_again_writes_nothing() {
        let mut screen = Full::new((20, 3));
        let at = Some(Position::new(1, 1));
        let first = show(&mut screen, &["one", "two"], at);
        assert!(first.as_bytes().starts_with(BEGIN_SYNC), "{first:?}");
        assert!(first.contains("\x1b[2J") && first.contains("one"), "{first:?}");
        assert_eq!(show(&mut screen, &["one", "two"], at), "");
        let moved = show(&mut screen, &["one", "two"], Some(Position::new(2, 1)));
        assert!(!moved.contains("one") && moved.contains("\x1b[2;3H"), "{moved:?}");
    }

    #[test]
    fn rows_that_move_up_are_moved_and_not_written_again() {
        let mut screen = Full::new((20, 8));
        let before = ["top", "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "foot"];
        show(&mut screen, &before, None);
        let after = ["top", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "foot"];
        let told = show(&mut screen, &after, None);
        assert!(told.contains("\x1b[2;7r\x1b[1S\x1b[r"), "{told:?}");
        assert!(told.contains("eta") && !told.contains("gamma"), "{told:?}");
        let mut whole = Buffer::empty(Rect::new(0, 0, 20, 8));
        for (y, row) in after.iter().enumerate() {
            whole.set_string(0, u16::try_from(y).expect("few rows"), row, Style::default());
        }
        assert_eq!(screen.shown, whole);
    }

    #[test]
    fn a_screen_without_columns_or_rows_is_drawn_on_as_well() {
        for size in [(0, 0), (0, 5), (5, 0), (1, 1)] {
            let mut screen = Full::new(size);
            screen.next.reset();
            screen.frame(None);
            screen.next.reset();
            assert_eq!(screen.frame(None), b"");
        }
    }
}
