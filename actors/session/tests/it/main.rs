//! The core's rules, its laws, and a seeded simulation of the world around it.

mod laws;
mod rules;
mod sim;
mod world;
