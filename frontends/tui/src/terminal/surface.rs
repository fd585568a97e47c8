//! Where the interface draws: the whole of another screen, or the end of the normal one.

use std::io;

use crate::app::App;
use crate::options::Screen;

use super::{Full, Inline};

/// Where the interface draws.
#[derive(Debug)]
pub(crate) enum Surface {
    /// On the terminal's other screen.
    Full(Full),
    /// At the end of the normal one; on the other for as long as something needs all of it.
    Inline {
        live: Inline,
        other: Option<Full>,
        /// Columns and rows.
        size: (u16, u16),
    },
}

impl Surface {
    /// A terminal of that size, of which nothing is known.
    pub(crate) fn new(screen: Screen, size: (u16, u16)) -> Surface {
        match screen {
            Screen::Full => Surface::Full(Full::new(size)),
            Screen::Inline => Surface::Inline { live: Inline::new(size.0), other: None, size },
        }
    }

    /// The terminal has another size.
    pub(crate) fn resize(&mut self, new: (u16, u16)) -> io::Result<()> {
        match self {
            Surface::Full(full) => full.resize(new),
            Surface::Inline { live, other, size } => {
                *size = new;
                match other {
                    Some(full) => full.resize(new),
                    None => live.resize(new.0)?,
                }
            }
        }
        Ok(())
    }

    /// The screen may show something else: the next frame is drawn whole.
    pub(crate) fn forget(&mut self) -> io::Result<()> {
        match self {
            Surface::Full(full) => full.forget(),
            Surface::Inline { other: Some(full), .. } => full.forget(),
            Surface::Inline { live, size, .. } => live.resize(size.0)?,
        }
        Ok(())
    }

    /// Takes away what must not stay when others write to the terminal.
    pub(crate) fn release(&mut self) -> io::Result<()> {
        match self {
            // It goes with its screen.
            Surface::Full(_) => Ok(()),
            Surface::Inline { live, other, .. } => {
                if other.take().is_some() {
                    super::leave_other()?;
                }
                live.release()
            }
        }
    }

    /// Draws what changed.
    pub(crate) fn draw(&mut self, app: &mut App) -> io::Result<()> {
        let (live, other, (columns, rows)) = match self {
            Surface::Full(full) => return full.draw(|area, buffer| app.draw(area, buffer)),
            Surface::Inline { live, other, size } => (live, other, *size),
        };
        if app.is_full_screen() {
            if other.is_none() {
                super::enter_other()?;
            }
            let full = other.get_or_insert_with(|| Full::new((columns, rows)));
            return full.draw(|area, buffer| app.draw(area, buffer));
        }
        if other.take().is_some() {
            super::leave_other()?;
            // The terminal may have been resized meanwhile.
            live.resize(columns)?;
        }
        let finished = app.finished(columns);
        let most = rows.saturating_sub(1).max(1);
        let height = app.live_height(columns, most).clamp(1, most);
        live.draw(&finished, height, |area, buffer| app.draw(area, buffer))
    }
}
