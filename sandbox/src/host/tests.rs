use super::*;
use crate::Level;

#[test]
fn the_probe_is_stable_and_survives_a_round_trip() {
    let host = ask_everything();
    assert_eq!(ask_everything(), host);
    assert_eq!(probe(), host);
    let json = serde_json::to_string(&host).expect("encodes");
    assert_eq!(serde_json::from_str::<Host>(&json).expect("decodes"), host);
}

#[test]
fn a_host_can_only_be_lowered() {
    let host = probe();
    assert_eq!(host.clone().lowered(None, Availability::AsFound), host);
    assert_eq!(host.clone().lowered(Some(u8::MAX), Availability::AsFound), host);
    let bare = host.lowered(Some(0), Availability::Absent);
    assert_eq!((bare.landlock_abi, bare.namespaces), (0, Namespaces::ABSENT));
    assert!(!bare.namespaces.are_complete());
}

fn complete() -> Host {
    Host {
        landlock_abi: 7,
        seccomp: true,
        namespaces: Namespaces::COMPLETE,
        close_range: true,
        root: false,
        cgroup: true,
        apparmor_restricted: false,
        user_namespaces_off: false,
        container: false,
        arch: Arch::X86_64,
        kernel: "6.18".into(),
    }
}

#[test]
fn a_complete_host_lacks_nothing() {
    for level in [Level::Auto, Level::Full, Level::Landlock] {
        assert_eq!(complete().missing(level), [""; 0]);
    }
    assert!(complete().layers().iter().all(|layer| layer.complaint().is_none()));
}

#[test]
fn what_is_missing_comes_with_its_remedy() {
    let bare = Host { namespaces: Namespaces::ABSENT, ..complete() };
    let masked = Namespaces { proc_mount: false, ..Namespaces::COMPLETE };
    let no_network = Namespaces { net: false, proc_mount: false, ..Namespaces::COMPLETE };
    for (host, words) in [
        (
            Host { apparmor_restricted: true, ..bare.clone() },
            "kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        (Host { user_namespaces_off: true, ..bare.clone() }, "user.max_user_namespaces"),
        (Host { container: true, ..bare.clone() }, "seccomp=unconfined"),
        (bare.clone(), "namespaces (refused)"),
        (Host { namespaces: masked, ..complete() }, "systempaths=unconfined"),
        (Host { namespaces: no_network, ..complete() }, "namespaces (refused: network)"),
        (Host { landlock_abi: 0, ..complete() }, "`lsm=`"),
        (Host { landlock_abi: 2, ..complete() }, "kernel of 6.2"),
        (Host { landlock_abi: 4, ..bare.clone() }, "ioctls, signals reach"),
        (Host { seccomp: false, ..complete() }, "CONFIG_SECCOMP_FILTER"),
    ] {
        let missing = host.missing(Level::Auto);
        assert!(missing.iter().any(|it| it.contains(words)), "{words}: {missing:?}");
        assert!(missing.iter().all(|line| !line.contains('\n')), "{missing:?}");
    }
    assert_eq!(bare.missing(Level::Landlock), [""; 0], "nobody asked for namespaces");
    assert_eq!(Host { cgroup: false, ..complete() }.missing(Level::Auto), [""; 0]);
}

/// `cargo test -p codex-sandbox -- --ignored --nocapture what_a_probe_costs`
#[test]
#[ignore = "a measurement"]
#[allow(clippy::print_stderr)]
fn what_a_probe_costs() {
    let mut costs: Vec<_> = (0..50)
        .map(|_| {
            let began = std::time::Instant::now();
            let _ = ask_everything();
            began.elapsed()
        })
        .collect();
    costs.sort();
    eprintln!("least {:?}, median {:?}", costs[0], costs[25]);
}

#[test]
fn root_is_told_of_root_alone() {
    // A delegated control group makes no difference, since no command gets one.
    for (root, cgroup) in [(true, false), (true, true), (false, false), (false, true)] {
        let host = Host { root, cgroup, ..complete() };
        let told: Vec<String> = host.layers().iter().filter_map(Layer::complaint).collect();
        assert_eq!(told.iter().any(|it| it.contains("root's processes")), root, "{told:?}");
    }
}
