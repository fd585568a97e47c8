//! The interactive terminal interface: a function of the journal's feed.
//!
//! A session's events are folded into cells (`codex_view`); `app` is what the user does with them:
//! `update` takes what happened and gives what is to be done, `draw` is a function of the state. Threads
//! and the terminal are in `run` and `terminal` alone, so all else is tested without either.

pub mod app;
pub mod composer;
pub mod document;
mod draw;
pub mod files;
pub mod fuzzy;
pub mod host;
pub mod keymap;
pub mod options;
pub mod popup;
pub mod render;
pub mod run;
pub mod slash;
pub mod source;
mod terminal;
#[cfg(test)]
mod tests;
pub mod theme;
pub mod update;
pub mod wrap;

pub use terminal::restore;
