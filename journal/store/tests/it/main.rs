//! The laws of the journal, on real files and real processes.

mod child;
mod conformance;
mod cuts;
mod damage;
mod export;
mod faults;
mod feed;
mod find;
mod fork;
mod kill;
mod lease;
mod pages;
mod raw;
mod salvage;
mod scribe;
mod socket;
mod support;
mod witness;
