//! The core's rules, its laws, and a seeded simulation of the world around it.

mod circles;
mod laws;
mod rules;
mod sim;
mod world;
