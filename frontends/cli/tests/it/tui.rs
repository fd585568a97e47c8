//! `codex`: the terminal interface, on a real terminal that an emulator stands behind.

mod aside;
mod broken;
mod command_line;
mod flags;
mod hostile;
mod live;
pub(crate) mod screen;
mod sessions;
mod signals;
mod story;
mod surroundings;
mod tmux;
