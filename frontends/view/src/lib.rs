//! The projections that every frontend shares: pure functions of the feed. No I/O, no clock.
//!
//! [`Steps`] gathers from many events what the model said and did; [`Jsonl`] and [`Text`] put it
//! into words for programs and for people; [`Finale`] tells how the last turn ended. Fed with the
//! same events they give the same words, so a live run and its replay can't differ. [`sanitize`]
//! stands between everything that a model or a command wrote and a terminal.
//!
//! All of them take hydrated events in order of their positions and skip kinds that they don't
//! know. None of them fails: a hole in the journal costs what stood in the hole.

mod answers;
mod cell;
mod cells;
mod command_line;
mod disk;
mod finale;
mod hint;
pub mod image;
mod jsonl;
mod markdown;
mod paint;
#[cfg(test)]
mod past;
mod patch_text;
pub mod sanitize;
mod status;
mod steps;
mod stored;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod text;

pub use answers::BROKEN;
pub use cell::{
    CallCell, CallState, Cell, CellBody, Notice, OwnCommand, OwnState, Prompt, Review, Standing,
    Taken, TurnEnd, TurnEnding,
};
pub use cells::{CellChange, Cells};
pub use command_line::command_line;
pub use disk::disk_full;
pub use finale::{Ending, Finale, interruption};
pub use hint::hint;
pub use jsonl::Jsonl;
pub use markdown::markdown;
pub use paint::Paint;
pub use patch_text::patch_text;
pub use status::{Running, Status, Waiting, access};
pub use steps::{End, Step, Steps, Work};
pub use stored::{list, words};
pub use text::{Channel, Line, Style, Text, Timing, grouped};
