//! Nothing goes on after the command has ended, was ended, or has lost its agent.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::escapes::case::{Case, Grants, attack, works};
use crate::escapes::run::judge;
use crate::escapes::world::{Ran, World};
use crate::support::Moments;

#[test]
fn nothing_outlives_its_command() {
    judge("lifetime", CASES);
}

fn left(world: &mut World, ran: &Ran) -> bool {
    ran.observed == "lost" || world.are_sleepers_left()
}

/// Runs until the sleepers sleep, then ends the whole group, as a harness does.
fn group_killed(world: &mut World, script: &str) -> Ran {
    let mut running = world.start(script);
    let slept = running.until(|| world.sleepers() > 0);
    note(slept, running.kill())
}

/// The same, but only the agent is killed.
fn agent_killed(world: &mut World, script: &str) -> Ran {
    agent_ended_by(world, script, Signal::KILL)
}

fn agent_terminated(world: &mut World, script: &str) -> Ran {
    agent_ended_by(world, script, Signal::TERM)
}

fn agent_hung_up(world: &mut World, script: &str) -> Ran {
    agent_ended_by(world, script, Signal::HUP)
}

fn agent_ended_by(world: &mut World, script: &str, signal: Signal) -> Ran {
    let mut running = world.start(script);
    let slept = running.until(|| world.sleepers() > 0);
    running.signal(signal);
    note(slept, running.gather())
}

/// Waits for the command itself.
fn ended(world: &mut World, script: &str) -> Ran {
    let mut running = world.start(script);
    running.until(|| false);
    running.gather()
}

/// A marker that was never seen proves nothing.
fn note(slept: bool, ran: Ran) -> Ran {
    ran.noting(if slept { "" } else { "lost" })
}

/// Kills the agent at moments spread over the start of a command, again and again.
fn agent_killed_at_any_moment(world: &mut World, script: &str) -> Ran {
    let mut moments = Moments(7);
    for _ in 0..12 {
        let mut running = world.start(script);
        std::thread::sleep(moments.within(Duration::from_millis(120)));
        running.signal(Signal::KILL);
        running.gather();
    }
    let left = world.are_sleepers_left();
    // What a start leaves behind is taken away by the next one at the latest.
    world.sh("true").noting(if left { "lost" } else { "" })
}

/// Tells whether somebody still writes, and so lives, though no process is there for long; after as
/// long as an orderly end may take.
fn beats(world: &mut World, ran: &Ran) -> bool {
    // It writes several times in a millisecond.
    const QUIET: Duration = Duration::from_millis(100);
    let patience = Duration::from_secs(if world.is_confined() { 4 } else { 0 });
    let began = Instant::now();
    let (mut length, mut since) = (0, began);
    loop {
        let now = world.read("work/beats").len();
        if now > length {
            (length, since) = (now, Instant::now());
        } else if since.elapsed() > QUIET {
            break;
        }
        if began.elapsed() > patience + QUIET {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    // One that was never there proves nothing.
    world.is_confined() && (length == 0 || ran.observed == "lost")
}

const DAEMON: &str = "(setsid sh -c 'sleep 90.$MARK > /dev/null 2>&1 < /dev/null & exec true' &)";

const CASES: &[Case] = &[
    attack("background_after_a_kill", "sleep 90.$MARK & wait", left)
        .acting(group_killed)
        .without_control(),
    attack("deaf_to_signals", "trap '' TERM INT HUP QUIT; (trap '' TERM INT HUP; sleep 90.$MARK) & wait", left)
        .acting(group_killed)
        .without_control(),
    attack("own_session", "setsid sleep 90.$MARK & sleep 91", left).acting(group_killed),
    attack("forked_twice", "(nohup setsid sleep 90.$MARK > /dev/null 2>&1 &); sleep 91", left)
        .acting(group_killed),
    attack("stopped", "setsid sh -c 'sleep 90.$MARK & until grep -q sleep /proc/$!/comm; do :; done; kill -STOP $! $$' sh.$MARK & sleep 91", left)
        .acting(group_killed),
    attack("many_at_once", "for it in 1 2 3 4 5 6 7 8; do setsid sleep 90.$MARK & done; sleep 91", left)
        .acting(group_killed),
    attack("daemon_after_the_end", "(setsid sleep 90.$MARK > /dev/null 2>&1 &); exit 0", left)
        .acting(ended),
    attack("job_after_the_end", "sleep 90.$MARK > /dev/null 2>&1 & exit 0", left).acting(ended),
    attack("daemon_of_a_daemon_after_the_end", DAEMON, left).acting(ended),
    attack("stopped_after_the_end", "setsid sleep 90.$MARK > /dev/null 2>&1 & until grep -q sleep /proc/$!/comm; do :; done; kill -STOP $!; exit 0", left)
        .acting(ended),
    attack("deaf_after_the_end", "(trap '' TERM INT HUP; setsid sleep 90.$MARK > /dev/null 2>&1 &); exit 3", left)
        .acting(ended),
    attack("failed_command", "setsid sleep 90.$MARK > /dev/null 2>&1 & false", left).acting(ended),
    attack("command_killed_by_itself", "setsid sleep 90.$MARK > /dev/null 2>&1 & kill -9 $$", left)
        .acting(ended),
    attack("child_after_the_agent", "sleep 90.$MARK", left).acting(agent_killed),
    attack("session_after_the_agent", "setsid sleep 90.$MARK & sleep 91", left)
        .acting(agent_killed),
    attack("daemon_after_the_agent", "(nohup setsid sleep 90.$MARK > /dev/null 2>&1 &); sleep 91", left)
        .acting(agent_killed),
    attack("child_after_a_request_to_end", "setsid sh -c \"trap '' TERM; sleep 90.$MARK\" & wait", left)
        .acting(agent_terminated),
    attack("child_after_a_hangup", "setsid sh -c \"trap '' HUP; sleep 90.$MARK\" & wait", left)
        .acting(agent_hung_up),
    attack("child_after_the_agent_with_network", "setsid sleep 90.$MARK & sleep 91", left)
        .acting(agent_killed)
        .with(Grants::Network),
    attack("child_after_the_agent_in_danger", "setsid sleep 90.$MARK & sleep 91", left)
        .acting(agent_killed)
        .with(Grants::Danger),
    attack("daemon_after_the_end_in_danger", "(setsid sleep 90.$MARK > /dev/null 2>&1 &); exit 0", left)
        .acting(ended)
        .with(Grants::Danger),
    attack("child_after_the_agent_read_only", "setsid sleep 90.$MARK & sleep 91", left)
        .acting(agent_killed)
        .with(Grants::ReadOnly),
    attack("agent_killed_at_any_moment", "sleep 90.$MARK & setsid sleep 90.$MARK & wait", |world, ran| {
        world.names("work") != ["hello"] || left(world, ran)
    })
    .acting(agent_killed_at_any_moment)
    .without_control(),
    attack("ever_another_process_after_the_end", "payload hop beats; until test -s beats; do :; done; exit 0", beats)
        .acting(ended),
    attack("ever_another_process_after_the_agent", "payload hop beats; sleep 91.$MARK", beats)
        .acting(agent_killed),
    attack("supervisor_stopped", "kill -STOP $PPID; sleep 90.$MARK", left)
        .acting(agent_killed)
        .without_control(),
    attack("supervisor_stopped_by_a_daemon", "p=$PPID; (setsid sh -c \"kill -STOP $p; sleep 90.$MARK\" > /dev/null 2>&1 &); sleep 91", left)
        .acting(agent_killed)
        .without_control(),
    // A job that holds the output open must not keep the call waiting.
    works("output_held_open", "sleep 90.$MARK & echo done", |world, ran| {
        ran.said("done") && world.sleepers() == 0
    })
    .acting(|world, script| {
        let mut running = world.start(script);
        running.until(|| false);
        running.gather()
    }),
];
