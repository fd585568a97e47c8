//! Rollouts of real sessions, and of releases that are gone.

mod convert;
