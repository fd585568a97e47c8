//! `codex`: the terminal interface, on a real terminal that an emulator stands behind.

mod aside;
mod command_line;
pub(crate) mod screen;
mod sessions;
mod signals;
mod story;
mod surroundings;
