//! A model server on loopback that plays a script over real HTTP/1.1 and server-sent events.
//!
//! Tests, the demo and the benchmarks talk to it as they would to the model API: `POST
//! /v1/responses` streams the next step of a [`Script`], `GET /v1/models` lists one model,
//! everything else is 404. A step may also misbehave on purpose (refuse, stall, break off, talk
//! nonsense), so that every way a model can fail has a cheap and repeatable stand-in. The script
//! format is described in this crate's `README.md`.
//!
//! - [`script`]: the script format, parsed and checked before anything is served
//! - [`server`]: [`Server`], the listener inside a tokio runtime
//! - [`blocking`]: [`BlockingServer`], the same on a thread of its own
//! - [`record`]: [`Request`], what clients asked for
//! - [`demo`]: the scratch projects and scripts behind `codex demo`

pub mod blocking;
pub mod demo;
mod http;
mod pace;
mod player;
pub mod record;
mod render;
pub mod script;
pub mod server;
mod tap;

pub use blocking::BlockingServer;
pub use demo::{Demo, DemoFile};
pub use record::Request;
pub use script::{Script, ScriptError};
pub use server::Server;
