//! The core's rules, its laws, and a seeded simulation of the world around it.

mod circles;
mod concealed;
mod fork;
mod gate;
mod laws;
mod own;
mod resume;
mod rules;
mod sim;
mod storm;
mod world;
