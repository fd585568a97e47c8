//! The program as its users meet it: real processes, real HTTP, a real sandbox, a real journal.

mod apply_patch;
mod bad_input;
mod bad_server;
mod circles;
mod confinement;
mod crash;
mod damage;
mod demo;
mod endings;
mod exec;
mod faults;
mod lean;
mod line;
mod odd;
mod people;
mod proto;
mod replay;
mod resume;
mod schema;
mod settings;
mod socket;
mod support;
mod wire;
