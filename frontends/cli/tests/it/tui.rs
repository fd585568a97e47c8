//! `codex`: the terminal interface, on a real terminal that an emulator stands behind.

mod command_line;
mod screen;
mod story;
mod surroundings;
