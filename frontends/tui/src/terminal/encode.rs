//! Styled lines and changed cells as bytes for a terminal.

use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Widget;
use unicode_width::UnicodeWidthStr;

/// Encodes the cells that differ between two buffers of the same area.
pub(super) fn changes(before: &Buffer, after: &Buffer, out: &mut Vec<u8>) {
    let mut changed = before.diff_iter(after).peekable();
    // The backend sets styles back even where nothing was drawn.
    if changed.peek().is_none() {
        return;
    }
    let mut backend = CrosstermBackend::new(out);
    // Writing to memory can't fail.
    let _ = backend.draw(changed);
}

/// Encodes lines for a terminal that goes on below them, each ended by a line break.
///
/// A line wider than `width` is cut: whoever made it wrapped it.
pub(crate) fn lines(lines: &[Line<'_>], width: u16) -> Vec<u8> {
    let mut out = Vec::new();
    let area = Rect::new(0, 0, width, 1);
    for line in lines {
        let mut buffer = Buffer::empty(area);
        line.render(area, &mut buffer);
        row(&buffer, 0, width, &mut out);
        out.extend_from_slice(b"\x1b[0m\r\n");
    }
    out
}

/// Encodes one row, without blanks at its end and without moving the cursor.
pub(super) fn row(buffer: &Buffer, y: u16, width: u16, out: &mut Vec<u8>) {
    let start = usize::from(y) * usize::from(width);
    let cells = &buffer.content[start..start + usize::from(width)];
    let plain = ratatui::buffer::Cell::default();
    let used = cells.iter().rposition(|cell| *cell != plain).map_or(0, |last| last + 1);
    if used == 0 {
        return;
    }
    let mut encoded = Vec::new();
    let mut backend = CrosstermBackend::new(&mut encoded);
    let mut skip = 0_usize;
    let content = cells.iter().take(used).enumerate().filter_map(|(x, cell)| {
        if skip > 0 {
            skip -= 1;
            return None;
        }
        skip = UnicodeWidthStr::width(cell.symbol()).saturating_sub(1);
        Some((u16::try_from(x).unwrap_or(u16::MAX), 0, cell))
    });
    let _ = backend.draw(content);
    // The first move goes to the top left corner, and each behind a wide character is redundant.
    out.extend(without_moves(&encoded));
}

/// Leaves cursor positions (`CSI row ; column H`) out.
fn without_moves(bytes: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(2).position(|pair| pair == b"\x1b[") {
        let tail = &rest[at + 2..];
        let end = tail.iter().position(|byte| (0x40..=0x7e).contains(byte));
        let Some(end) = end else { break };
        kept.extend_from_slice(&rest[..at]);
        if tail[end] != b'H' {
            kept.extend_from_slice(&rest[at..at + 2 + end + 1]);
        }
        rest = &tail[end + 1..];
    }
    kept.extend_from_slice(rest);
    kept
}

#[cfg(test)]
mod tests {
    use ratatui::style::Stylize;
    use ratatui::text::{Line, Span};

    use super::lines;

    #[test]
    fn lines_end_where_their_text_does_and_move_no_cursor() {
        let line = Line::from(vec![Span::raw("宽 a "), "b".bold(), Span::raw("   ")]);
        let told = String::from_utf8(lines(&[line, Line::default()], 20)).expect("text");
        let (first, rest) = told.split_once("\r\n").expect("two lines");
        assert!(first.starts_with("宽 a "), "{first:?}");
        assert!(first.contains("\x1b[1mb"), "{first:?}");
        assert!(!first.contains('H') && !first.contains("b "), "{first:?}");
        assert!(!rest.contains(' '), "{rest:?}");
    }

    #[test]
    fn what_does_not_fit_is_cut() {
        let told = String::from_utf8(lines(&[Line::from("abcdef")], 3)).expect("text");
        assert!(told.starts_with("abc\x1b["), "{told:?}");
    }
}
