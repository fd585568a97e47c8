//! Objects of the kernel that no path leads to; namespaces, mounts and privileges.

use codex_payload::Kind;
use rustix::process::{Resource, getrlimit};

use crate::escapes::case::{Case, Unable, attack, works};
use crate::escapes::run::judge;
use crate::escapes::world::{Ran, World};

/// How a plan without namespaces says that it shares these.
const SAID: &str = "System V";

#[test]
fn the_kernel_gives_no_way_out() {
    judge("kernel", CASES);
}

fn changed(world: &mut World, _: &Ran) -> bool {
    world.is_holding_changed()
}

fn read(world: &mut World, ran: &Ran) -> bool {
    ran.said(&world.secret("held"))
}

fn shared_memory(world: &mut World) -> Result<(), Unable> {
    world.put(Kind::SharedMemory)
}

fn messages(world: &mut World) -> Result<(), Unable> {
    world.put(Kind::Messages)
}

fn seen(_: &mut World, ran: &Ran) -> bool {
    ran.observed == "seen"
}

/// Tells whether a process of the script has a capability, which it can only have in a new user
/// namespace.
fn watch_capable(world: &mut World, script: &str) -> Ran {
    world.watch(script, |process| {
        let held = process.status("CapEff");
        !held.is_empty() && held.bytes().any(|it| it != b'0')
    })
}

fn mounted(world: &mut World, _: &Ran) -> bool {
    let place = world.text("outside/place");
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let is_mounted = mounts.contains(&format!(" {place} "));
    if is_mounted {
        let _ = world.outside(&world.path("."), &["umount", "-l", &place]);
    }
    is_mounted
}

fn place(world: &mut World) -> Result<(), Unable> {
    std::fs::create_dir(world.path("outside/place")).map_err(|error| error.to_string())
}

/// A field of what was seen of the command's process.
fn field<'a>(ran: &'a Ran, name: &str) -> &'a str {
    let line = ran.observed.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_default().trim_start_matches(':').trim()
}

const SLEEPS: &str = "exec sleep 60.$MARK";

const CASES: &[Case] = &[
    attack("shared_memory_written", "payload write-shared-memory $ID", changed)
        .after(shared_memory)
        .with_namespaces(SAID),
    attack("shared_memory_read", "payload read-shared-memory $ID", read)
        .after(shared_memory)
        .with_namespaces(SAID),
    attack("shared_memory_removed", "payload remove-shared-memory $ID", changed)
        .after(shared_memory)
        .with_namespaces(SAID),
    attack("message_taken", "payload take-message $ID", read).after(messages).with_namespaces(SAID),
    attack("message_added", "payload add-message $ID", changed)
        .after(messages)
        .with_namespaces(SAID),
    attack("semaphore_set", "payload set-semaphore $ID", changed)
        .after(|world| world.put(Kind::Semaphore))
        .with_namespaces(SAID),
    attack("message_posted", "payload post canary-held-$MARK", changed)
        .after(|world| world.put(Kind::Post))
        .with_namespaces(SAID),
    attack("key_read", "payload read-key canary-held-$MARK $ID", read)
        .after(|world| world.put(Kind::Key)),
    attack("named_shared_memory_written", "echo escaped > /dev/shm/escape-$MARK", |world, _| {
        std::fs::read_to_string(format!("/dev/shm/escape-{}", world.mark)).unwrap_or_default()
            == "escaped\n"
    })
    .after(|world| {
        std::fs::write(format!("/dev/shm/escape-{}", world.mark), "kept\n")
            .map_err(|error| error.to_string())
    }),
    attack("user_namespace_by_unshare", "payload new-user-namespace unshare", seen)
        .acting(watch_capable),
    attack("user_namespace_by_clone", "payload new-user-namespace clone", seen)
        .acting(watch_capable),
    attack("user_namespace_by_clone3", "payload new-user-namespace clone3", seen)
        .acting(watch_capable),
    attack("user_namespace_by_a_tool", "unshare -Ur sleep 60.$MARK", seen).acting(watch_capable),
    attack("mount", "payload mount \"$OUT/place\"", mounted).after(place),
    attack("mount_by_the_new_calls", "payload mount-new \"$OUT/place\"", mounted).after(place),
    attack("mount_by_binding", "payload mount-bind \"$WORK\" \"$OUT/place\"", mounted).after(place),
    attack("namespace_of_another", "payload join-namespace $PID mnt", seen)
        .after(|world| world.put(Kind::Process))
        .acting(|world, script| {
            world.watch(script, |it| it.status("Name") == codex_payload::JOINED)
        }),
    attack("ring", "payload keep-ring", seen)
        .acting(|world, script| world.watch(script, |it| it.holds("anon_inode:[io_uring]"))),
    attack("program_map", "payload keep-program-map", seen)
        .acting(|world, script| world.watch(script, |it| it.holds("anon_inode:bpf-map"))),
    attack("counter", "payload keep-counter", seen)
        .acting(|world, script| world.watch(script, |it| it.holds("anon_inode:[perf_event]"))),
    attack("fault_handler", "payload keep-fault-handler", seen)
        .acting(|world, script| world.watch(script, |it| it.holds("anon_inode:[userfaultfd]"))),
    attack("watch_of_all_files", "payload keep-watch", seen)
        .acting(|world, script| world.watch(script, |it| it.holds("anon_inode:[fanotify]"))),
    attack("capabilities", SLEEPS, |_, ran| {
        ["CapEff", "CapPrm", "CapInh", "CapAmb"].iter().any(|it| !is_zero(field(ran, it)))
    })
    .acting(World::inspect),
    attack("capabilities_to_come", SLEEPS, |_, ran| !is_zero(field(ran, "CapBnd")))
        .acting(World::inspect)
        // Without capabilities a plain user can't give up what it may never have.
        .after(|_| match rustix::process::getuid().is_root() {
            true => Ok(()),
            false => Err("a plain user has none to give up".to_owned()),
        }),
    attack("new_privileges", SLEEPS, |_, ran| field(ran, "NoNewPrivs") != "1")
        .acting(World::inspect),
    attack("unfiltered", SLEEPS, |_, ran| field(ran, "Seccomp") != "2").acting(World::inspect),
    attack("core_dumps", SLEEPS, |_, ran| {
        let limit = field(ran, "Max core file size");
        // At 0 the kernel would still start a program of the host's with the dump.
        limit.split_whitespace().next() != Some("1")
    })
    .after(|_| match getrlimit(Resource::Core).maximum {
        Some(0) if !rustix::process::getuid().is_root() => Err("it may have none here".to_owned()),
        Some(_) | None => Ok(()),
    })
    .acting(|world, script| {
        world.starter = Some("ulimit -c unlimited; exec \"$@\"");
        world.inspect(script)
    }),
    attack("same_ipc_namespace", SLEEPS, |world, ran| shares(world, ran, "ipc"))
        .acting(World::inspect)
        .with_namespaces(SAID),
    attack("same_process_namespace", SLEEPS, |world, ran| shares(world, ran, "pid"))
        .acting(World::inspect)
        .with_namespaces("other processes"),
    attack("priority_of_real_time", "chrt -f 10 sleep 60.$MARK", seen)
        .acting(|world, script| world.watch(script, |it| it.is_sleep() && it.policy() == "1")),
    works("program_in_memory", "payload memory-program", |_, ran| ran.said("in memory: true")),
];

fn is_zero(number: &str) -> bool {
    !number.is_empty() && number.bytes().all(|it| it == b'0')
}

fn shares(_: &mut World, ran: &Ran, kind: &str) -> bool {
    let ours = std::fs::read_link(format!("/proc/self/ns/{kind}")).unwrap_or_default();
    ran.observed.contains(&format!("{kind} {}\n", ours.display()))
}
