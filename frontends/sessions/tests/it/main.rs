//! Sessions on disk: listed, searched, told, and swept.

mod fixture;
mod index;
mod inputs;
mod list;
mod search;
mod sweep;
