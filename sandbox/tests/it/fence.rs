//! What the fence holds and what it lets through.

use std::fs::{self, File};
use std::net::{TcpListener, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use codex_sandbox::{Environment, How, Network, Protected, Step, WritePlan};

use crate::world::{DANGER, FULL_AUTO, READ_ONLY, World, capture, is_full};
use crate::{Case, Verdict};

pub(crate) const CASES: &[Case] = &[
    ("writes_hold_at_the_roots", writes_hold_at_the_roots),
    ("a_read_only_plan_writes_nothing", a_read_only_plan_writes_nothing),
    ("ordinary_tools_work", ordinary_tools_work),
    ("the_agents_home_cannot_be_read", the_agents_home_cannot_be_read),
    ("the_strict_view_hides_the_rest", the_strict_view_hides_the_rest),
    ("full_write_writes_everywhere", full_write_writes_everywhere),
    ("the_network_is_off", the_network_is_off),
    ("a_granted_network_opens_inet_only", a_granted_network_opens_inet_only),
    ("kernel_surfaces_are_refused", kernel_surfaces_are_refused),
    ("others_keep_their_limits_and_priority", others_keep_their_limits_and_priority),
    ("no_program_runs_as_its_owner", no_program_runs_as_its_owner),
    ("no_capability_is_left", no_capability_is_left),
    ("outside_processes_are_out_of_reach", outside_processes_are_out_of_reach),
    ("no_descriptor_leaks", no_descriptor_leaks),
    ("the_environment_is_scrubbed", the_environment_is_scrubbed),
    ("exit_codes_are_the_commands", exit_codes_are_the_commands),
    ("a_failing_step_runs_nothing", a_failing_step_runs_nothing),
    ("danger_means_no_fence", danger_means_no_fence),
    ("odd_arguments_arrive_whole", odd_arguments_arrive_whole),
];

fn writes_hold_at_the_roots() -> Verdict {
    let world = World::new();
    let victim = world.at("outside/victim");
    let victim = victim.display();
    let ran = world.sh(
        FULL_AUTO,
        &format!(
            "echo in > kept; echo tmp > $TMPDIR/kept; echo no > {victim}; true > {victim}; \
             rm -f {victim}; mv kept {victim}; ln -s /etc {victim}2; ln {victim} alias; \
             echo via > ../outside/new; mkdir ../outside/dir; exit 0"
        ),
    );
    assert_eq!(ran.code(), 0, "{}", ran.stderr);
    assert_eq!(world.read("project/kept"), "in\n");
    assert_eq!(world.read("tmp/kept"), "tmp\n");
    assert_eq!(world.read("outside/victim"), "original");
    assert_eq!(fs::read_dir(world.at("outside")).expect("listed").count(), 1);
    assert!(!world.at("project/alias").exists());
    let victim = world.at("outside/victim");
    let truncated = world.probe(FULL_AUTO, &["truncate", victim.to_str().expect("UTF-8")]);
    assert_eq!(truncated, if is_full() { "EROFS" } else { "EACCES" });
    assert_eq!(world.read("outside/victim"), "original");
    Verdict::Held
}

fn a_read_only_plan_writes_nothing() -> Verdict {
    let world = World::new();
    let ran = world.sh(READ_ONLY, "cat ../outside/victim; echo x > f; echo x > $TMPDIR/f; exit 0");
    assert_eq!(ran.stdout, "original");
    assert!(!world.at("project/f").exists() && !world.at("tmp/f").exists());
    Verdict::Held
}

fn ordinary_tools_work() -> Verdict {
    let world = World::new();
    let ran = world.sh(
        FULL_AUTO,
        "set -e; mkdir a b; echo q > a/x; mv a/x b/x; ln b/x a/h; rm -r a; cat b/x; \
         head -c 10 /dev/urandom > /dev/null; echo err > /dev/stderr; cat /proc/self/stat \
         > /dev/null; f=$(mktemp); echo t > $f; cat $f; (exit 3) || echo sub",
    );
    assert_eq!((ran.code(), ran.stdout.as_str()), (0, "q\nt\nsub\n"), "{}", ran.stderr);
    assert_eq!(ran.stderr, "err\n");
    Verdict::Held
}

fn the_agents_home_cannot_be_read() -> Verdict {
    let world = World::new();
    let ran = world.sh(
        FULL_AUTO,
        "cat $HOME/.codex/auth.json; cp -r $HOME/.codex .; cat .codex/auth.json; cat $HOME/notes",
    );
    assert_eq!(ran.stdout, "plain notes", "{}", ran.stderr);
    Verdict::Held
}

fn the_strict_view_hides_the_rest() -> Verdict {
    let world = World::new();
    let ran = world.sh(
        &["disk-write-cwd"],
        "echo ok > f; cat f; cat ../outside/victim; cat $HOME/notes; cat /etc/shadow; \
         head -c 1 /etc/passwd > /dev/null && ls /etc > /dev/null && echo system",
    );
    assert_eq!(ran.stdout, "ok\nsystem\n", "{}", ran.stderr);
    let ran = world.sh(&[], "echo x > f; cat ../outside/victim; echo ran");
    assert_eq!(ran.stdout, "ran\n");
    assert_eq!(world.read("project/f"), "ok\n");
    Verdict::Held
}

fn full_write_writes_everywhere() -> Verdict {
    let world = World::new();
    let ran = world.sh(
        &["disk-full-read-access", "disk-full-write-access"],
        "echo changed > ../outside/victim",
    );
    assert_eq!(ran.code(), 0, "{}", ran.stderr);
    assert_eq!(world.read("outside/victim"), "changed\n");
    Verdict::Held
}

fn the_network_is_off() -> Verdict {
    let world = World::new();
    let tcp = TcpListener::bind("127.0.0.1:0").expect("bound");
    let udp = UdpSocket::bind("127.0.0.1:0").expect("bound");
    let port = |address: std::io::Result<std::net::SocketAddr>| address.expect("bound").to_string();
    if is_full() {
        // There are sockets, and nobody to be reached by them.
        assert_eq!(world.probe(FULL_AUTO, &["listen"]), "done");
        let refused = world.probe(FULL_AUTO, &["tcp", &port(tcp.local_addr())]);
        assert!(refused.starts_with("Connection refused"), "{refused}");
        world.probe(FULL_AUTO, &["udp", &port(udp.local_addr())]);
        udp.set_nonblocking(true).expect("set");
        udp.recv(&mut [0; 1]).expect_err("nothing arrived");
        let far = world.probe(FULL_AUTO, &["tcp", "192.0.2.1:80"]);
        assert!(far.starts_with("Network is unreachable"), "{far}");
    } else {
        assert_eq!(world.probe(FULL_AUTO, &["tcp", &port(tcp.local_addr())]), "EPERM");
        assert_eq!(world.probe(FULL_AUTO, &["udp", &port(udp.local_addr())]), "EPERM");
        assert_eq!(world.probe(FULL_AUTO, &["listen"]), "EPERM");
    }
    for kind in ["raw", "netlink", "vsock", "pair-datagram"] {
        assert_eq!(world.probe(FULL_AUTO, &[kind]), "EPERM", "{kind}");
    }
    assert_eq!(world.probe(FULL_AUTO, &["pair-stream"]), "done");
    local_daemons_are_out_of_reach(&world, FULL_AUTO);
    Verdict::Held
}

fn local_daemons_are_out_of_reach(world: &World, permissions: &[&str]) {
    let path = std::env::temp_dir().join(format!("codex-sandbox-it-{}", std::process::id()));
    let _ = fs::remove_file(&path);
    let by_path = UnixListener::bind(&path).expect("bound");
    let name = format!("codex-sandbox-it-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    let by_name = UnixListener::bind_addr(&address).expect("bound");
    assert_eq!(world.probe(permissions, &["unix", path.to_str().expect("UTF-8")]), "EPERM");
    assert_eq!(world.probe(permissions, &["unix-abstract", &name]), "EPERM");
    drop((by_path, by_name));
    fs::remove_file(path).expect("removed");
}

fn a_granted_network_opens_inet_only() -> Verdict {
    let world = World::new();
    let granted = [FULL_AUTO, &["network-full-access"]].concat();
    let tcp = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = tcp.local_addr().expect("bound").to_string();
    assert_eq!(world.probe(&granted, &["tcp", &address]), "done");
    assert_eq!(world.probe(&granted, &["listen"]), "done");
    let udp = UdpSocket::bind("127.0.0.1:0").expect("bound");
    let address = udp.local_addr().expect("bound").to_string();
    assert_eq!(world.probe(&granted, &["udp", &address]), "done");
    for kind in ["raw", "netlink", "vsock", "pair-datagram"] {
        assert_eq!(world.probe(&granted, &[kind]), "EPERM", "{kind}");
    }
    local_daemons_are_out_of_reach(&world, &granted);
    Verdict::Held
}

/// Requests of `ioctl` that no command may make: keys of encrypted folders, copies of whole trees.
const REFUSED_REQUESTS: [&str; 5] = ["c0506617", "c0406618", "c0406619", "50009401", "50009417"];

/// Requests that change a file or make folders through a descriptor for reading: flags in both ways,
/// versions, verity, encryption, subvolumes.
const ATTRIBUTE_REQUESTS: [&str; 12] = [
    "40086602", "401c5820", "40087602", "40086604", "40806685", "800c6613", "5000940e", "5000940f",
    "50009418", "5000943f", "4008941a", "c0c89425",
];

fn kernel_surfaces_are_refused() -> Verdict {
    let world = World::new();
    for kind in ["io_uring", "ptrace", "keyctl", "userns", "tiocsti", "tiocsti-high"] {
        assert_eq!(world.probe(FULL_AUTO, &[kind]), "EPERM", "{kind}");
    }
    for request in REFUSED_REQUESTS {
        assert_eq!(world.probe(FULL_AUTO, &["request", request]), "EPERM", "{request}");
    }
    // Mounts hold what these do; in its own folders a command may do it.
    for probe in
        ATTRIBUTE_REQUESTS.map(|it| vec!["request", it]).into_iter().chain([vec!["file_setattr"]])
    {
        assert_eq!(world.probe(FULL_AUTO, &probe) == "EPERM", !is_full(), "{probe:?}");
    }
    for kind in ["clone3", "x32"] {
        assert_eq!(world.probe(FULL_AUTO, &[kind]), "ENOSYS", "{kind}");
    }
    Verdict::Held
}

fn others_keep_their_limits_and_priority() -> Verdict {
    let world = World::new();
    for kind in ["user-io-priority", "other-priority"] {
        let refused = world.probe(FULL_AUTO, &[kind]) == "EPERM";
        // Where no other process can be seen, a command's own may be changed by their numbers.
        assert_eq!(refused, !is_full(), "{kind}");
    }
    let own =
        world.sh(FULL_AUTO, "ulimit -n 100 && ulimit -n && echo $(($(nice -n 3 nice) - $(nice)))");
    assert_eq!((own.code(), own.stdout.as_str()), (0, "100\n3\n"), "{}", own.stderr);
    Verdict::Held
}

fn no_program_runs_as_its_owner() -> Verdict {
    let world = World::new();
    for how in ["chmod", "fchmod", "fchmodat", "fchmodat2", "mknodat", "openat"] {
        let answer = world.probe(FULL_AUTO, &["set-user-id", how]);
        // An older kernel may not know the newest of them.
        assert!(answer == "EPERM" || answer == "ENOSYS", "{how}: {answer}");
    }
    let ran = world.sh(
        FULL_AUTO,
        "cp /bin/true plain; cp /bin/true other; chmod 4755 other; chmod 755 plain; \
         mkdir shared; chmod 2770 shared; chmod 1777 shared",
    );
    assert_eq!(ran.code(), 0, "{}", ran.stderr);
    for file in fs::read_dir(world.at("project")).expect("listed").flatten() {
        assert_eq!(file.metadata().expect("there").mode() & 0o4000, 0, "{file:?}");
    }

    // Where the filter sees no mode the kernel takes the bit away with the first byte.
    assert_eq!(world.probe(FULL_AUTO, &["set-user-id", "openat2"]), "done");
    assert_eq!(world.read("project/made-2"), "#!/bin/sh\n");
    let mode = fs::metadata(world.at("project/made-2")).expect("there").mode();
    assert_eq!(mode & 0o4000, 0, "{mode:o}");
    Verdict::Held
}

fn no_capability_is_left() -> Verdict {
    let ran = World::new()
        .sh(FULL_AUTO, "grep -E '^(Cap(Eff|Prm|Inh|Amb)|NoNewPrivs)' /proc/self/status");
    for line in ran.stdout.lines() {
        let expected = if line.starts_with("NoNewPrivs") { "1" } else { "0000000000000000" };
        assert!(line.ends_with(expected), "{line}");
    }
    assert_eq!(ran.stdout.lines().count(), 5);
    Verdict::Held
}

fn outside_processes_are_out_of_reach() -> Verdict {
    let world = World::new();
    let me = std::process::id();
    if is_full() {
        let answer = world.probe(FULL_AUTO, &["kill", &me.to_string()]);
        assert!(answer.starts_with("No such process"), "{answer}");
        return Verdict::Held;
    }
    let ran = world.sh(FULL_AUTO, &format!("cat /proc/{me}/environ /proc/$PPID/environ | wc -c"));
    assert_eq!(ran.stdout.trim(), "0", "{}", ran.stderr);
    if !world.plan(FULL_AUTO).scopes.signals {
        return Verdict::Skipped("signals are fenced from landlock ABI 6 on");
    }
    assert_eq!(world.probe(FULL_AUTO, &["kill", &me.to_string()]), "EPERM");
    Verdict::Held
}

#[allow(unsafe_code)]
fn no_descriptor_leaks() -> Verdict {
    let world = World::new();
    let folder = File::open(world.at("outside")).expect("opened");
    let (socket, _other) = UnixStream::pair().expect("a pair");
    for fd in [folder.as_raw_fd(), socket.as_raw_fd()] {
        // SAFETY: changes a flag of a descriptor that is open.
        assert_eq!(unsafe { libc::fcntl(fd, libc::F_SETFD, 0) }, 0);
    }
    for permissions in [FULL_AUTO, DANGER] {
        assert_eq!(world.probe(permissions, &["fds"]), "0 1 2");
    }
    Verdict::Held
}

fn the_environment_is_scrubbed() -> Verdict {
    let world = World::new();
    let mut launch = world.launch(
        DANGER,
        &["/bin/sh", "-c", "env; echo ---; cat /proc/$PPID/environ | tr '\\0' '\\n'"],
    );
    let variables = [("OPENAI_API_KEY", "canary"), ("LD_PRELOAD", "canary"), ("KEPT", "yes")];
    let variables = variables.map(|(name, value)| (name.into(), value.into()));
    launch.env = Environment::scrubbed(
        variables.into_iter().chain([("PATH".into(), "/usr/bin:/bin".into())]),
        Network::Off,
    );
    let ran = capture(launch);
    let (command, supervisor) = ran.stdout.split_once("---\n").expect("both");
    assert!(command.contains("KEPT=yes") && command.contains("CODEX_SANDBOX_NETWORK_DISABLED=1"));
    assert!(!command.contains("canary"), "{command}");
    assert_eq!(supervisor, "", "the supervisor has no environment at all");
    Verdict::Held
}

fn exit_codes_are_the_commands() -> Verdict {
    let world = World::new();
    for (script, code) in [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137), ("kill -15 $$", 143)]
    {
        assert_eq!(world.sh(FULL_AUTO, script).code(), code, "{script}");
    }
    fs::write(world.at("project/data"), "#!").expect("written");
    for (program, code) in [("no-such-program-here", 127), ("./missing", 127), ("./data", 126)] {
        let ran = capture(world.launch(FULL_AUTO, &[program]));
        let failed = ran.outcome.failed.as_ref().expect("it did not run");
        assert_eq!((failed.code, failed.step), (code, Step::Exec), "{program}: {failed:?}");
        assert_eq!(ran.code(), code);
    }
    Verdict::Held
}

fn a_failing_step_runs_nothing() -> Verdict {
    let world = World::new();
    let marker = world.at("project/marker");
    let script = format!("echo ran > {}", marker.display());
    let argv = ["/bin/sh", "-c", script.as_str()];

    let mut missing_root = world.launch(FULL_AUTO, &argv);
    missing_root.plan.files.write =
        WritePlan::Roots(vec![world.at("project"), world.at("nowhere")]);
    let mut swapped_root = world.launch(FULL_AUTO, &argv);
    std::os::unix::fs::symlink(world.at("outside"), world.at("link")).expect("linked");
    swapped_root.plan.files.write = WritePlan::Roots(vec![world.at("project"), world.at("link")]);
    let mut no_cwd = world.launch(FULL_AUTO, &argv);
    no_cwd.cwd = world.at("nowhere");
    let mut unknown_layer = world.launch(FULL_AUTO, &argv);
    unknown_layer.plan.protected =
        vec![Protected { path: world.at("project"), how: How::ReadOnly }];
    let mut cases = vec![
        (missing_root, Step::Scan),
        (swapped_root, Step::Scan),
        (no_cwd, Step::WorkingDirectory),
    ];
    if !is_full() {
        cases.push((unknown_layer, Step::Landlock));
    }
    for (launch, step) in cases {
        let ran = capture(launch);
        let failed = ran.outcome.failed.as_ref().expect("a failure");
        assert_eq!((failed.step, failed.code, ran.code()), (step, 125, 125), "{failed:?}");
        assert!(ran.outcome.ended.is_none() && !marker.exists());
    }
    assert_eq!(capture(world.launch(FULL_AUTO, &argv)).code(), 0);
    assert!(marker.exists(), "the same command runs when nothing fails");
    Verdict::Held
}

fn danger_means_no_fence() -> Verdict {
    let world = World::new();
    let ran = world.sh(DANGER, "echo changed > ../outside/victim; grep Seccomp: /proc/self/status");
    let own = fs::read_to_string("/proc/self/status").expect("readable");
    let own = own.lines().find(|line| line.starts_with("Seccomp:")).expect("a line");
    assert_eq!(ran.stdout.trim(), own);
    assert_eq!(world.read("outside/victim"), "changed\n");
    let confined = ran.outcome.confined.expect("announced");
    assert_eq!((confined.landlock_abi, confined.file_rules), (0, 0));
    assert!(fs::metadata(world.at("outside/victim")).expect("exists").size() > 0);
    Verdict::Held
}

fn odd_arguments_arrive_whole() -> Verdict {
    use std::os::unix::ffi::OsStringExt;
    let world = World::new();
    let mut launch =
        world.launch(FULL_AUTO, &["printf", "%s|", "", "a b", "q'\"$`", "new\nline", "--"]);
    launch.argv.push(std::ffi::OsString::from_vec(vec![b'x', 0xff]));
    launch.argv.push("y".repeat(100_000).into());
    let ran = capture(launch);
    let expected = format!("|a b|q'\"$`|new\nline|--|x\u{fffd}|{}|", "y".repeat(100_000));
    assert!(ran.stdout == expected, "{:.80}", ran.stdout);
    Verdict::Held
}
