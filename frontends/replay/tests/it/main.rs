//! Replays of journals on disk.

mod fixture;
mod golden;
mod live;
mod replay;
mod verify;
