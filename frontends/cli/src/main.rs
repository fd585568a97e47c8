//! `codex`: a coding agent for the terminal, whose every act is an event in a journal.

mod apply_patch;
mod approvals;
mod args;
mod attach;
mod audit;
mod begin;
mod demo;
mod doctor;
mod exec;
mod execpolicy;
mod failure;
mod find;
mod fork;
mod git;
mod line;
mod lines;
mod opening;
mod panic;
mod proto;
mod replay;
mod resume;
mod rulebook;
mod say;
mod secrets;
mod sessions;
mod takeover;
mod trace;
mod tui;
mod workplace;
mod wrapper;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, RunFlags, Subcommand};

fn main() -> ExitCode {
    // First of all: the supervisor of a command is this program under another name, and it must
    // not have read a setting or started a thread.
    codex_sandbox::dispatch();
    panic::install();
    if let Some(code) = apply_patch::dispatch() {
        return code;
    }
    // Credentials are in its environment.
    codex_sandbox::keep_private();
    trace::install();
    if let Some(sandbox) = args::sandbox_alone(std::env::args_os().skip(1)) {
        return wrapper::sandbox(sandbox).unwrap_or_else(|failure| failure.report());
    }
    let Args { run: before, screen, prompt, subcommand } = Args::parse();
    let Some(subcommand) = subcommand else {
        let opened = args::no_command(prompt).and_then(|prompt| tui::run(before, &screen, prompt));
        return opened.unwrap_or_else(|failure| failure.report());
    };
    let runs = matches!(
        subcommand,
        Subcommand::Exec(_) | Subcommand::Resume(_) | Subcommand::Fork(_) | Subcommand::Proto(_)
    );
    if !runs && before != RunFlags::default() {
        return args::misplaced().report();
    }
    if let Some(failure) = args::only_of_the_interface(&screen, prompt.as_deref()) {
        return failure.report();
    }
    let done = match subcommand {
        Subcommand::Exec(exec) => exec::run(before, *exec),
        Subcommand::Resume(args) => tui::resume(before, *args),
        Subcommand::Proto(args) => proto::run(before, *args),
        Subcommand::Fork(args) => tui::fork(before, *args),
        Subcommand::Replay(replay) => replay::run(replay),
        Subcommand::Attach(attach) => tui::attach(attach),
        Subcommand::Sessions(sessions) => sessions::run(sessions),
        Subcommand::Audit(audit) => audit::run(audit),
        Subcommand::Approvals(approvals) => approvals::run(approvals),
        Subcommand::Execpolicy(args::Execpolicy::Check(check)) => execpolicy::check(&check),
        Subcommand::Demo(demo) => demo::run(&demo),
        Subcommand::Sandbox(sandbox) => wrapper::sandbox(sandbox),
        Subcommand::Doctor(doctor) => doctor::run(doctor),
        Subcommand::Debug { command: args::Debug::Landlock(sandbox) } => wrapper::sandbox(sandbox),
        Subcommand::ApplyPatch { patch } => apply_patch::run(patch),
        Subcommand::Completion { shell } => args::completion(shell),
    };
    let done = done.and_then(|code| match say::unwritten() {
        Some(error) if code == ExitCode::SUCCESS => Err(failure::output(&error)),
        Some(_) | None => Ok(code),
    });
    done.unwrap_or_else(|failure| failure.report())
}
