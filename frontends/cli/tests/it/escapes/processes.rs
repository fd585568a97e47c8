//! Other processes: their memory, their descriptors, their lives, their terminals.

use codex_payload::Kind;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::escapes::case::{Case, Grants, Unable, attack};
use crate::escapes::run::judge;
use crate::escapes::world::{Ran, World};

/// How a plan without namespaces says that processes share the machine.
const SAID: &str = "processors";

#[test]
fn processes_outside_are_out_of_reach() {
    judge("processes", CASES);
}

fn bystander(world: &mut World) -> Result<(), Unable> {
    world.put(Kind::Process)
}

fn ended(world: &mut World, _: &Ran) -> bool {
    world.is_bystander_gone()
}

fn poked(world: &mut World, _: &Ran) -> bool {
    world.is_holding_changed()
}

fn victim(world: &mut World, _: &Ran) -> bool {
    world.is_victim_changed()
}

/// Reads a file that the machine shows of the bystander.
fn shown(world: &World, name: &str) -> String {
    let pid = world.variables.iter().find(|(name, _)| name == "PID").map(|(_, pid)| pid.clone());
    std::fs::read_to_string(format!("/proc/{}/{name}", pid.unwrap_or_default())).unwrap_or_default()
}

/// Where `proc_pid_stat(5)` has the niceness and the policy of scheduling, counted from one.
const NICE: usize = 19;
const POLICY: usize = 41;

/// A field of what `/proc` says of a process in one line; one that comes after the name.
fn field(stat: &str, number: usize) -> &str {
    // The name is the second one, and may hold blanks.
    let rest = stat.rsplit(')').next().unwrap_or_default();
    rest.split_whitespace().nth(number - 3).unwrap_or_default()
}

const CASES: &[Case] = &[
    attack("signal", "kill -9 $PID", ended).after(bystander),
    attack("signal_by_call", "payload end $PID", ended).after(bystander),
    attack("signal_to_its_group", "payload end-group $PID", ended).after(bystander),
    attack("signal_to_its_thread", "payload end-thread $PID", ended).after(bystander),
    attack("signal_queued", "payload end-queued $PID", ended).after(bystander),
    attack("signal_by_descriptor", "payload end-by-descriptor $PID", ended).after(bystander),
    attack("signal_by_the_kernel", "payload end-by-pipe $PID", ended).after(bystander),
    attack("signal_with_network", "kill -9 $PID", ended).after(bystander).with(Grants::Network),
    attack("trace", "payload trace $PID", ended).after(bystander),
    attack("trace_with_network", "payload trace $PID", ended)
        .after(bystander)
        .with(Grants::Network),
    attack("memory_written", "payload write-memory $PID $PLACE", poked).after(bystander),
    attack("memory_written_by_file", "payload write-memory-file $PID $PLACE", poked)
        .after(bystander),
    attack("memory_read", "payload read-memory $PID $PLACE", |world, ran| {
        ran.said(&world.secret("held"))
    })
    .after(bystander),
    attack("descriptor_taken", "payload take-descriptor $PID $FD", victim).after(bystander),
    attack("descriptor_by_proc", "echo escaped > /proc/$PID/fd/$FD", victim).after(bystander),
    attack("root_by_proc", "echo escaped > \"/proc/$PID/root$VICTIM\"", victim).after(bystander),
    attack("folder_by_proc", "echo escaped > \"/proc/$PID/cwd$VICTIM\"", victim).after(bystander),
    attack("preferred_victim", "echo 999 > /proc/$PID/oom_score_adj", |world, _| {
        shown(world, "oom_score_adj").trim() == "999"
    })
    .after(bystander),
    attack("limits", "payload limit $PID", |world, _| {
        shown(world, "limits").lines().any(|it| it.starts_with("Max open files            17 "))
    })
    .after(bystander),
    attack("priority", "payload lower $PID", |world, _| field(&shown(world, "stat"), NICE) == "17")
        .after(bystander),
    attack("processors", "payload pin $PID", |world, _| {
        let mine = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let list = |text: &str| {
            text.lines().find(|it| it.starts_with("Cpus_allowed_list")).map(str::to_owned)
        };
        list(&shown(world, "status")) != list(&mine)
    })
    .after(bystander)
    .with_namespaces(SAID),
    attack("scheduling", "payload idle $PID", |world, _| {
        // Idle.
        field(&shown(world, "stat"), POLICY) == "5"
    })
    .after(bystander),
    attack("limits_by_a_tool", "prlimit --nofile=17:17 --pid $PID", |world, _| {
        shown(world, "limits").lines().any(|it| it.starts_with("Max open files            17 "))
    })
    .after(bystander),
    attack("priority_by_a_tool", "renice -n 17 -p $PID", |world, _| {
        field(&shown(world, "stat"), NICE) == "17"
    })
    .after(bystander),
    attack("own_group", "payload end-own-group", |world, _| {
        // What the agent started beside the command, in the same group.
        world.sleepers() == 0
    })
    .after(|world| {
        world.starter = Some("sleep 60.$MARK > /dev/null 2>&1 & exec \"$@\"");
        Ok(())
    })
    .acting(beside),
    attack("supervisor", "kill -9 $PPID; sleep 60.$MARK", |world, ran| {
        ran.observed == "seen" && world.is_confined()
    })
    .without_control()
    .acting(|world, script| {
        // The command may not end what watches it: it would go on without anyone.
        let mut running = world.start(script);
        let began = running.until(|| world.sleepers() > 0);
        let ended = running.child.try_wait().expect("a child").is_some();
        let observed = if began && !ended { "" } else { "seen" };
        running.kill().noting(observed)
    }),
    attack("typed_ahead", "payload type-ahead typed-$MARK", typed)
        .after(terminal)
        .acting(at_terminal),
    attack("typed_ahead_with_high_bits", "payload type-ahead-high typed-$MARK", typed)
        .after(terminal)
        .acting(at_terminal),
    attack("typed_at_another_terminal", "head -n 1 \"$TERMINAL\"", |world, ran| {
        ran.said(&world.secret("typed"))
    })
    .after(another_terminal),
    attack("typed_at_another_terminal_with_network", "head -n 1 \"$TERMINAL\"", |world, ran| {
        ran.said(&world.secret("typed"))
    })
    .after(another_terminal)
    .with(Grants::Network),
];

/// A terminal at which the user has typed a line that nobody has read yet.
fn another_terminal(world: &mut World) -> Result<(), Unable> {
    terminal(world)?;
    let control = world.control.as_ref().expect("a terminal");
    let name = ptsname(control, Vec::new()).map_err(|error| error.to_string())?;
    let line = format!("{}\n", world.secret("typed"));
    rustix::io::write(control, line.as_bytes()).map_err(|error| error.to_string())?;
    world.set("TERMINAL", name.to_string_lossy());
    world.open.extend(world.input.take());
    Ok(())
}

/// Runs a script next to a sleeper of the same group, and leaves that one to be looked at.
fn beside(world: &mut World, script: &str) -> Ran {
    let mut running = world.start(script);
    running.until(|| false);
    running.gather()
}

fn terminal(world: &mut World) -> Result<(), Unable> {
    let unable = |error: rustix::io::Errno| format!("no terminals here: {error}");
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let control = openpt(flags).map_err(unable)?;
    grantpt(&control).and_then(|()| unlockpt(&control)).map_err(unable)?;
    let name = ptsname(&control, Vec::new()).map_err(unable)?;
    let path = name.to_str().map_err(|error| error.to_string())?;
    let user = std::fs::File::options().read(true).write(true).open(path);
    world.input = Some(user.map_err(|error| error.to_string())?.into());
    // It has to stay open as long as the terminal.
    world.control = Some(control);
    Ok(())
}

/// Runs the script at the terminal, then reads what waits there for the next reader.
fn at_terminal(world: &mut World, script: &str) -> Ran {
    let ran = world.sh(script);
    let user = world.input.as_ref().expect("a terminal");
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK;
    rustix::fs::fcntl_setfl(user, flags).expect("set");
    let mut bytes = [0; 256];
    let length = rustix::io::read(user, &mut bytes[..]).unwrap_or_default();
    ran.noting(&String::from_utf8_lossy(&bytes[..length]))
}

fn typed(world: &mut World, ran: &Ran) -> bool {
    ran.observed.contains(&format!("typed-{}", world.mark))
}
