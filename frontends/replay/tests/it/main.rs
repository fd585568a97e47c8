//! Replays of journals on disk.

mod fixture;
mod list;
mod live;
mod replay;
mod verify;
