//! The sessions of a home: what each of them is, and what can be done about many at once.
//!
//! A [`Catalog`] says what there is, from journals that the raw reader reads and from an index that
//! saves reading those that did not change. Nothing here trusts the index for more than a list, and
//! nothing but [`gc`] changes a session.

mod catalog;
mod entry;
pub mod gc;
mod index;
mod inputs;
mod line;
mod parallel;
pub mod search;
pub mod show;

mod table;
mod time;
mod when;

pub use catalog::{Catalog, Tick};
pub use entry::{Entry, Life, Parent, State, Told};
pub use inputs::inputs;
pub use line::{first_line, head};
pub use table::{Look, json, size, table};
pub use time::{TimeError, past};
pub use when::when;
