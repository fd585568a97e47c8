//! Sessions on disk: listed, searched, told, and swept.

mod fixture;
mod index;
mod list;
mod search;
mod sweep;
