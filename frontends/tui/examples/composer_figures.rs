//! Prints how long a key takes, drawn, in texts of a million characters.

use std::io::{self, Write};
use std::time::Instant;

use codex_tui::composer::Composer;
use codex_tui::options::{Keys, Palette};
use codex_tui::theme::Theme;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

fn main() -> io::Result<()> {
    let theme = Theme::of(Palette::Dark);
    let area = Rect::new(0, 0, 120, 12);
    let mut screen = Buffer::empty(area);
    let mut out = io::stdout().lock();
    writeln!(out, "text                    put ms   paste ms   key ms (mean of 50, drawn)")?;
    let texts = [
        ("one line", "x".repeat(1_000_000)),
        ("200,000 lines", "word\n".repeat(200_000)),
        ("one line of wide ones", "日本 ".repeat(333_333)),
    ];
    for (name, text) in texts {
        let mut composer = Composer::new(Keys::Emacs);
        let begun = Instant::now();
        composer.put(&text);
        composer.draw(area, &mut screen, &theme);
        let put = begun.elapsed().as_secs_f64() * 1e3;
        let begun = Instant::now();
        for number in 0..50 {
            let code = match number % 5 {
                0 => KeyCode::Up,
                1 | 2 => KeyCode::Char('a'),
                3 => KeyCode::Backspace,
                _ => KeyCode::Left,
            };
            composer.key(KeyEvent::new(code, KeyModifiers::NONE));
            composer.height(area.width, area.height);
            composer.draw(area, &mut screen, &theme);
        }
        let key = begun.elapsed().as_secs_f64() * 1e3 / 50.0;
        let begun = Instant::now();
        composer.paste(text);
        composer.draw(area, &mut screen, &theme);
        let paste = begun.elapsed().as_secs_f64() * 1e3;
        writeln!(out, "{name:<22} {put:>7.1} {paste:>10.1} {key:>8.2}")?;
    }
    Ok(())
}
