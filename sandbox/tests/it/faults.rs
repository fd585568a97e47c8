//! Each step of the set-up is made to fail by the kernel itself: nothing may run then.
//!
//! An agent of its own (`--faulty`) forbids itself one system call before it starts a command. The
//! filter goes with the processes that it starts, so that the call fails where the set-up makes it.

use std::process::{Command, ExitCode};

use codex_sandbox::{Confinement, How, Launch, Level, Plan, Protected, Step, probe};
use seccompiler::{
    SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};

use crate::world::{FULL_AUTO, World, capture, level};
use crate::{Case, Verdict};

pub(crate) const CASES: &[Case] = &[
    ("a_refused_call_runs_nothing", a_refused_call_runs_nothing),
    ("a_spoiled_plan_runs_nothing", a_spoiled_plan_runs_nothing),
    ("without_user_namespaces_the_plan_is_lower", without_user_namespaces_the_plan_is_lower),
];

/// A system call that is refused; only where an argument has these bits, if one is named.
struct Refused {
    call: i64,
    bits: Option<(u8, u64)>,
    step: Step,
}

fn refusals() -> Vec<Refused> {
    let whole = |call, step| Refused { call, bits: None, step };
    let with =
        |call, argument, bits: u64, step| Refused { call, bits: Some((argument, bits)), step };
    let writing = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC;
    // Read-only, no privileged programs, no devices, no programs: only `/proc` is made like this.
    const NOTHING: u64 = 0xf;
    vec![
        whole(libc::SYS_setsid, Step::Supervisor),
        with(libc::SYS_prlimit64, 1, libc::RLIMIT_CORE.into(), Step::Supervisor),
        whole(libc::SYS_flock, Step::Scan),
        with(libc::SYS_clone, 0, libc::CLONE_NEWUSER as u64, Step::Namespaces),
        with(libc::SYS_clone, 0, libc::CLONE_NEWNET as u64, Step::Namespaces),
        with(libc::SYS_openat, 2, writing as u64, Step::Identity),
        with(libc::SYS_ioctl, 1, libc::SIOCSIFFLAGS, Step::Loopback),
        whole(libc::SYS_mount, Step::Mounts),
        whole(libc::SYS_open_tree, Step::Mounts),
        whole(libc::SYS_mount_setattr, Step::Mounts),
        whole(libc::SYS_move_mount, Step::Mounts),
        whole(libc::SYS_fsopen, Step::Withheld),
        whole(libc::SYS_symlinkat, Step::Devices),
        with(libc::SYS_fsmount, 2, NOTHING, Step::Proc),
        whole(libc::SYS_fchdir, Step::Root),
        whole(libc::SYS_pivot_root, Step::Root),
        whole(libc::SYS_umount2, Step::Root),
        with(libc::SYS_prlimit64, 1, libc::RLIMIT_NPROC.into(), Step::Limits),
        whole(libc::SYS_capset, Step::Capabilities),
        with(libc::SYS_prctl, 0, libc::PR_SET_NO_NEW_PRIVS as u64, Step::Capabilities),
        whole(libc::SYS_landlock_create_ruleset, Step::Landlock),
        whole(libc::SYS_landlock_add_rule, Step::Landlock),
        whole(libc::SYS_landlock_restrict_self, Step::Landlock),
        whole(libc::SYS_seccomp, Step::Seccomp),
        with(libc::SYS_close_range, 2, libc::CLOSE_RANGE_CLOEXEC.into(), Step::Descriptors),
    ]
}

fn script() -> [&'static str; 3] {
    ["/bin/sh", "-c", "echo ran > marker"]
}

/// Plays an agent that may not make one call: `--faulty INDEX`, or `--faulty lower` for one that may
/// not make user namespaces and has yet to plan.
pub(crate) fn play_agent(words: &[String]) -> ExitCode {
    let index = words.first().expect("which one");
    if index == "lower" {
        refuse(libc::SYS_clone, Some((0, libc::CLONE_NEWUSER as u64)));
        return plan_lower();
    }
    crate::world::set_level(Level::Full);
    let world = World::new();
    let launch = world.launch(FULL_AUTO, &script());
    let Refused { call, bits, step } =
        refusals().into_iter().nth(index.parse().expect("a number")).expect("in the table");
    refuse(call, bits);
    nothing_runs(&world, launch, step);
    ExitCode::SUCCESS
}

fn plan_lower() -> ExitCode {
    let world = World::new();
    assert!(!probe().namespaces.user);
    let mut policy = world.policy(FULL_AUTO);
    assert_eq!(
        Plan::on_disk(&policy, &probe()).expect("a plan").confinement,
        Confinement::Landlock
    );
    policy.level = Level::Full;
    Plan::on_disk(&policy, &probe()).expect_err("the level is out of reach");
    let ran = capture(world.launch(FULL_AUTO, &script()));
    assert_eq!(ran.code(), 0, "{:?}", ran.outcome);
    let confined = ran.outcome.confined.expect("announced");
    assert_eq!(confined.confinement, Confinement::Landlock);
    assert_eq!(world.read("project/marker"), "ran\n");
    ExitCode::SUCCESS
}

/// Forbids a call to this process and all that it starts.
pub(crate) fn refuse(call: i64, bits: Option<(u8, u64)>) {
    let rules = bits.map_or(vec![], |(argument, bits)| {
        // Numbers of resources and requests are whole, flags are bits among others.
        let op = match call {
            libc::SYS_prlimit64 | libc::SYS_prctl | libc::SYS_ioctl => SeccompCmpOp::Eq,
            _ => SeccompCmpOp::MaskedEq(bits),
        };
        let dword = SeccompCmpArgLen::Dword;
        let mut all = vec![SeccompCondition::new(argument, dword, op, bits).expect("valid")];
        if call == libc::SYS_prlimit64 {
            // Setting one; asking for one is the same call without a new value.
            let qword = SeccompCmpArgLen::Qword;
            all.push(SeccompCondition::new(2, qword, SeccompCmpOp::Ne, 0).expect("valid"));
        }
        vec![SeccompRule::new(all).expect("valid")]
    });
    let filter = SeccompFilter::new(
        [(call, rules)].into(),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EPERM as u32),
        std::env::consts::ARCH.try_into().expect("known"),
    );
    let program: seccompiler::BpfProgram = filter.expect("valid").try_into().expect("compiles");
    apply_filter(&program).expect("installed");
}

/// Has a call of this process, and of all that it starts, never return: somebody is to be asked about
/// it, and nobody answers.
#[allow(unsafe_code)]
pub(crate) fn hang(call: i64) {
    let step = |code: u32, jf, k| libc::sock_filter { code: code as u16, jt: 0, jf, k };
    let mut steps = [
        // The number is the first field of `struct seccomp_data`.
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, call as u32),
        step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_USER_NOTIF),
        step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_mut_ptr() };
    let (mode, listen) = (libc::SECCOMP_SET_MODE_FILTER, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER);
    // SAFETY: the program and its steps live until the calls are over; the descriptor that comes back
    // is meant to stay open for as long as the process lives.
    let listener = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::syscall(libc::SYS_seccomp, mode, listen, &raw const program)
    };
    assert!(listener >= 0, "{}", std::io::Error::last_os_error());
}

fn nothing_runs(world: &World, launch: Launch, step: Step) {
    let ran = capture(launch);
    let failed = ran.outcome.failed.as_ref().expect("a failure");
    assert_eq!((failed.step, failed.code, ran.code()), (step, 125, 125), "{failed:?}");
    assert!(ran.outcome.ended.is_none() && !world.at("project/marker").exists());
    for name in [".git", ".codex", ".agents"] {
        assert!(!world.at("project").join(name).exists(), "{name} is left after {step:?}");
    }
}

fn a_refused_call_runs_nothing() -> Verdict {
    let abi = probe().landlock_abi;
    for (index, refused) in refusals().iter().enumerate() {
        if abi == 0 && refused.step == Step::Landlock {
            continue;
        }
        let output = Command::new(std::env::current_exe().expect("known"))
            .args(["--faulty", &index.to_string()])
            .output()
            .expect("an agent");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "call {} at {:?}: {said}", refused.call, refused.step);
    }
    let world = World::new();
    assert_eq!(capture(world.launch(FULL_AUTO, &script())).code(), 0);
    assert_eq!(
        world.read("project/marker"),
        "ran\n",
        "the same command runs when nothing is refused"
    );
    Verdict::Held
}

fn a_spoiled_plan_runs_nothing() -> Verdict {
    let world = World::new();
    let spoiled = |spoil: fn(&World, &mut Plan), step| {
        let mut launch = world.launch(FULL_AUTO, &script());
        spoil(&world, &mut launch.plan);
        nothing_runs(&world, launch, step);
    };
    let in_place = |world: &World, plan: &mut Plan| {
        let path = world.at("project/nowhere");
        plan.protected.push(Protected { path, how: How::InPlace });
    };
    spoiled(in_place, Step::Protect);
    spoiled(|_, plan| plan.files.devices.clear(), Step::Stdin);
    spoiled(|_, plan| plan.files.devices = vec!["/etc/passwd".into()], Step::Devices);
    std::os::unix::fs::symlink(world.at("outside"), world.at("project/.git")).expect("linked");
    let launch = world.launch(FULL_AUTO, &script());
    let ran = capture(launch);
    assert_eq!(ran.outcome.failed.expect("a failure").step, Step::Scan);
    assert!(!world.at("project/marker").exists());
    Verdict::Held
}

fn without_user_namespaces_the_plan_is_lower() -> Verdict {
    assert_eq!(level(), Level::Full);
    let output = Command::new(std::env::current_exe().expect("known"))
        .args(["--faulty", "lower"])
        .output()
        .expect("an agent");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Verdict::Held
}
