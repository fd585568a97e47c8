//! Replays of journals on disk.

mod audit;
mod fixture;
mod golden;
mod live;
mod replay;
mod verify;
