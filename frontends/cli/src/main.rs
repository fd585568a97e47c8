//! `codex`: a coding agent for the terminal, whose every act is an event in a journal.

mod apply_patch;
mod approvals;
mod args;
mod attach;
mod audit;
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
    let Args { run: before, subcommand } = Args::parse();
    let runs = matches!(
        subcommand,
        Subcommand::Exec(_) | Subcommand::Resume(_) | Subcommand::Fork(_) | Subcommand::Proto(_)
    );
    if !runs && before != RunFlags::default() {
        return args::misplaced().report();
    }
    let done = match subcommand {
        Subcommand::Exec(exec) => exec::run(before, *exec),
        Subcommand::Resume(args) => line::run(before, *args),
        Subcommand::Proto(args) => proto::run(before, *args),
        Subcommand::Fork(args) => fork::interactive(before, *args),
        Subcommand::Replay(replay) => replay::run(replay),
        Subcommand::Attach(attach) => attach::run(attach),
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
    done.unwrap_or_else(|failure| failure.report())
}
