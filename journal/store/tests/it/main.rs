//! The laws of the journal, on real files and real processes.

mod child;
mod conformance;
mod cuts;
mod damage;
mod faults;
mod feed;
mod find;
mod kill;
mod lease;
mod pages;
mod raw;
mod salvage;
mod scribe;
mod support;
