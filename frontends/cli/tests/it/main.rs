//! The program as its users meet it: real processes, real HTTP, a real sandbox, a real journal.

mod bad_input;
mod confinement;
mod crash;
mod demo;
mod endings;
mod exec;
mod lean;
mod odd;
mod people;
mod replay;
mod support;
mod wire;
