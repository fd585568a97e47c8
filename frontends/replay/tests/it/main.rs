//! Replays of journals on disk.

mod audit;
mod fixture;
mod golden;
mod list;
mod live;
mod replay;
mod verify;
