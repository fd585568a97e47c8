use std::collections::BTreeMap;

use super::*;
use crate::{Arch, Level, Namespaces};

fn host() -> Host {
    Host {
        landlock_abi: 7,
        seccomp: true,
        namespaces: Namespaces::ABSENT,
        close_range: true,
        root: true,
        cgroup: false,
        apparmor_restricted: false,
        user_namespaces_off: false,
        container: false,
        arch: Arch::X86_64,
        kernel: "6.18".into(),
    }
}

fn policy(permissions: &[&str]) -> Policy {
    Policy {
        permissions: permissions.iter().map(|word| word.parse().expect("a permission")).collect(),
        cwd: "/home/ann/project".into(),
        home: Some("/home/ann".into()),
        agent_home: Some("/home/ann/.codex".into()),
        read_roots: vec![],
        path_entries: vec!["/usr/bin".into(), "/tools/bin".into(), "/home/ann/bin".into()],
        program: Some("/home/ann/bin/codex".into()),
        user_temp: Some("/run/ann/tmp".into()),
        level: Level::Auto,
        git_writes: GitWrites::None,
        resources: Resources::default(),
    }
}

/// A file system in which links lead where this table says.
fn plan(policy: &Policy) -> Result<Plan, PlanError> {
    plan_on(policy, &host())
}

fn plan_on(policy: &Policy, host: &Host) -> Result<Plan, PlanError> {
    let folders: BTreeMap<&str, &str> = [
        "/",
        "/usr",
        "/usr/bin",
        "/etc",
        "/proc",
        "/tmp",
        "/tools/bin",
        "/home",
        "/home/ann",
        "/home/ann/bin",
        "/home/ann/project",
        "/home/ann/project/sub",
        "/home/ann/project/a/sub",
        "/home/ann/project/a/b/agent",
        "/home/ann/.codex",
        "/home/ann/.codex/tmp",
        "/run/ann/tmp",
        "/srv/data",
        "/sys/kernel",
    ]
    .map(|folder| (folder, folder))
    .into_iter()
    .chain([("/bin", "/usr/bin"), ("/link", "/home/ann/.codex"), ("/up", "/home")])
    .collect();
    Plan::new(policy, host, &|path| {
        path.to_str()
            .and_then(|path| folders.get(path))
            .map(PathBuf::from)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    })
}

fn roots(permissions: &[&str]) -> Vec<String> {
    let plan = plan(&policy(permissions)).expect("a plan");
    plan.writable_roots().iter().map(|root| root.display().to_string()).collect()
}

#[test]
fn each_permission_grants_its_own_thing() {
    assert_eq!(roots(&[]), [""; 0]);
    assert_eq!(roots(&["disk-full-read-access"]), [""; 0]);
    assert_eq!(roots(&["disk-write-cwd"]), ["/home/ann/project"]);
    assert_eq!(roots(&["disk-write-platform-user-temp-folder"]), ["/run/ann/tmp"]);
    assert_eq!(roots(&["disk-write-platform-global-temp-folder"]), ["/tmp"]);
    assert_eq!(roots(&["disk-write-folder=/srv/data"]), ["/srv/data"]);
    assert_eq!(roots(&["disk-full-write-access"]), ["/"]);
    let networked = plan(&policy(&["network-full-access"])).expect("a plan");
    assert_eq!(networked.network, Network::Full);
    assert!(!networked.scopes.tcp);
    assert!(networked.scopes.abstract_sockets, "the network opens no way to local daemons");
}

#[test]
fn the_empty_list_is_the_strict_read_view() {
    let plan = plan(&policy(&[])).expect("a plan");
    assert_eq!(
        plan.files.read,
        ReadPlan::Roots(["/etc", "/proc", "/tools/bin", "/usr"].map(PathBuf::from).to_vec())
    );
    assert!(plan.files.withheld.contains(&"/etc/shadow*".into()));
    assert_eq!(plan.network, Network::Off);
}

#[test]
fn the_agents_home_is_left_out_of_a_full_read() {
    let plan = plan(&policy(&["disk-full-read-access"])).expect("a plan");
    assert_eq!(plan.files.read, ReadPlan::Everything);
    assert_eq!(plan.files.withheld, [PathBuf::from("/home/ann/.codex")]);
}

#[test]
fn the_agents_program_is_named_where_no_read_grant_covers_it() {
    let programs = |program: &str, permissions: &[&str]| {
        let policy = Policy { program: Some(program.into()), ..policy(permissions) };
        plan(&policy).expect("a plan").files.programs
    };
    let (far, inside) = ("/home/ann/bin/codex", "/home/ann/.codex/bin/codex");
    assert_eq!(programs(far, &[]), [PathBuf::from(far)]);
    assert!(programs(far, &["disk-full-read-access"]).is_empty());
    assert_eq!(programs(inside, &["disk-full-read-access"]), [PathBuf::from(inside)]);
    assert_eq!(programs(inside, &["disk-write-cwd"]), [PathBuf::from(inside)]);
}

#[test]
fn a_root_inside_another_keeps_its_own_names_and_its_place() {
    let inner = "disk-write-folder=/home/ann/project/a/sub";
    assert_eq!(
        roots(&["disk-write-cwd", inner, "disk-write-cwd"]),
        ["/home/ann/project", "/home/ann/project/a/sub"]
    );
    let host = Host { namespaces: Namespaces::COMPLETE, ..host() };
    let plan = plan_on(&policy(&["disk-write-cwd", inner]), &host).expect("a plan");
    let kept = |path: &str, how| plan.protected.contains(&Protected { path: path.into(), how });
    for folder in ["", "/a", "/a/sub"] {
        for name in [".agents", ".codex", ".git"] {
            let path = format!("/home/ann/project{folder}/{name}");
            assert!(kept(&path, How::Placeholder), "{path}");
        }
    }
    assert!(kept("/home/ann/project/a", How::InPlace));
}

#[test]
fn the_working_directory_inside_a_root_is_a_root_of_its_own() {
    let inside = Policy {
        cwd: "/home/ann/project/sub".into(),
        ..policy(&["disk-write-folder=/home/ann/project"])
    };
    let inside = plan(&inside).expect("a plan");
    assert_eq!(
        inside.writable_roots(),
        ["/home/ann/project", "/home/ann/project/sub"].map(PathBuf::from)
    );
    assert!(inside.reserved().contains(&"/home/ann/project/sub/.codex".into()));
    assert_eq!(roots(&["disk-write-folder=/srv/data"]), ["/srv/data"], "it lies elsewhere");
}

#[test]
fn what_could_be_written_can_be_read_when_nothing_can_be_written() {
    let narrow = plan(&policy(&["disk-write-cwd"])).expect("a plan").narrowed();
    let ReadPlan::Roots(read) = &narrow.files.read else { panic!("{:?}", narrow.files.read) };
    assert!(read.contains(&"/home/ann/project".into()), "{read:?}");
    assert!(narrow.writable_roots().is_empty());
}

#[test]
fn roots_that_open_too_much_are_refused() {
    for (folder, reason) in [
        ("/", "is the whole file system"),
        ("/home", "contains the agent's own home /home/ann/.codex"),
        ("/up", "contains the agent's own home"),
        ("/home/ann", "contains the agent's own home"),
        ("/home/ann/.codex", "is the agent's own home"),
        ("/link", "is the agent's own home"),
        ("/home/ann/.codex/tmp", "lies inside the agent's own home"),
        ("/sys/kernel", "belongs to the kernel"),
    ] {
        let by_folder = policy(&[&format!("disk-write-folder={folder}")]);
        let by_cwd = Policy { cwd: folder.into(), ..policy(&["disk-write-cwd"]) };
        let by_temp = Policy {
            user_temp: Some(folder.into()),
            ..policy(&["disk-write-platform-user-temp-folder"])
        };
        for policy in [by_folder, by_cwd, by_temp] {
            let error = plan(&policy).expect_err(folder);
            assert!(error.to_string().contains(reason), "{folder}: {error}");
            assert!(!error.hint().is_empty());
        }
    }
}

#[test]
fn a_shared_temporary_folder_that_opens_too_much_is_left_out() {
    let words = ["disk-write-cwd", "disk-write-platform-global-temp-folder"];
    let policy = Policy { agent_home: Some("/tmp/world/.codex".into()), ..policy(&words) };
    let plan = plan(&policy).expect("a plan");
    assert_eq!(plan.writable_roots(), [PathBuf::from("/home/ann/project")]);
    assert_eq!(
        plan.limits.first().expect("a limit"),
        "/tmp can't be written: it contains the agent's own home /tmp/world/.codex, which can't be \
         protected inside it"
    );
}

#[test]
fn the_user_home_is_refused_wherever_the_agent_lives() {
    let policy = Policy {
        agent_home: Some("/var/agent".into()),
        cwd: "/home/ann".into(),
        ..policy(&["disk-write-cwd"])
    };
    let error = plan(&policy).expect_err("the home directory");
    assert_eq!(
        error.to_string(),
        "disk-write-cwd: /home/ann may not be granted: it is the home directory"
    );
}

#[test]
fn an_agent_home_that_does_not_exist_yet_is_guarded() {
    let policy = Policy {
        agent_home: Some("/up/ann/project/later/.codex".into()),
        ..policy(&["disk-write-cwd"])
    };
    let error = plan(&policy).expect_err("contains it");
    assert!(matches!(error, PlanError::Refused { .. }), "{error}");
}

#[test]
fn the_agents_home_cannot_be_named_as_a_read_root() {
    for folder in ["/home/ann/.codex", "/link", "/home/ann/.codex/tmp"] {
        let policy = Policy { read_roots: vec![folder.into()], ..policy(&[]) };
        assert!(matches!(plan(&policy), Err(PlanError::Refused { .. })), "{folder}");
    }
}

#[test]
fn an_agent_home_that_cannot_be_named_is_an_error() {
    use std::os::unix::ffi::OsStringExt;
    let odd = std::ffi::OsString::from_vec(vec![b'/', 0xff]);
    let policy = Policy { agent_home: Some(odd.into()), ..policy(&[]) };
    assert!(matches!(plan(&policy), Err(PlanError::NotUtf8 { .. })));
}

#[test]
fn missing_and_relative_folders_are_named() {
    for folder in ["/nowhere", "relative/folder"] {
        let error = plan(&policy(&[&format!("disk-write-folder={folder}")])).expect_err(folder);
        assert!(error.to_string().contains(folder), "{error}");
    }
}

#[test]
fn below_the_floor_there_is_no_plan_but_an_unconfined_one() {
    let weak = Host { landlock_abi: 2, ..host() };
    let none: Resolve<'_> = &|_| Err(io::ErrorKind::NotFound.into());
    assert!(matches!(
        Plan::new(&policy(&["disk-full-read-access"]), &weak, none),
        Err(PlanError::BelowFloor { .. })
    ));
    let deaf = Host { seccomp: false, ..host() };
    assert!(Plan::new(&policy(&[]), &deaf, none).is_err());
    let danger =
        policy(&["disk-full-read-access", "disk-full-write-access", "network-full-access"]);
    let plan = Plan::new(&danger, &weak, none).expect("needs nothing");
    assert_eq!(plan.confinement, Confinement::None);
}

#[test]
fn the_full_level_is_refused_rather_than_lowered() {
    let policy = Policy { level: Level::Full, ..policy(&["disk-full-read-access"]) };
    assert!(matches!(plan(&policy), Err(PlanError::FullUnavailable { .. })));
}

#[test]
fn full_write_says_what_it_cannot_hold() {
    let plan = plan(&policy(&["disk-full-read-access", "disk-full-write-access"])).expect("a plan");
    assert!(plan.limits.iter().any(|limit| limit.contains("agent's home can be written")));
}

#[test]
fn the_digest_follows_the_content_and_a_plan_survives_a_round_trip() {
    let one = plan(&policy(&["disk-write-cwd"])).expect("a plan");
    let json = serde_json::to_string(&one).expect("encodes");
    let back: Plan = serde_json::from_str(&json).expect("decodes");
    assert_eq!(back, one);
    assert_eq!(back.digest(), one.digest());
    let other = plan(&policy(&["disk-write-cwd", "network-full-access"])).expect("a plan");
    assert_ne!(other.digest(), one.digest());
    assert_eq!(
        one.describe(),
        "landlock rules of ABI 6, read system folders and writable folders, write /home/ann/project, \
         no network"
    );
}

fn complete() -> Host {
    Host { namespaces: Namespaces::COMPLETE, root: false, ..host() }
}

/// Each version of landlock, with and without namespaces, gives the level it should or none; what
/// a level does not hold is told.
#[test]
fn the_best_level_is_taken_and_what_it_lacks_is_told() {
    let policy = policy(&["disk-full-read-access", "disk-write-cwd"]);
    let mut told = vec![];
    for abi in 0..=10 {
        let bare = Host { landlock_abi: abi, ..host() };
        let level = plan_on(&policy, &bare);
        if abi < 3 {
            assert!(matches!(level, Err(PlanError::BelowFloor { .. })), "ABI {abi}");
        } else {
            let plan = level.expect("at the floor");
            assert_eq!((plan.confinement, plan.landlock_abi), (Confinement::Landlock, abi.min(6)));
            assert!(plan.limits.iter().any(|limit| limit.contains("`.git`")));
            assert_eq!((plan.protected.len(), plan.resources.processes), (0, None));
            told.push(plan.limits.len());
        }
        let full = plan_on(&policy, &Host { landlock_abi: abi, ..complete() }).expect("a plan");
        assert_eq!(full.confinement, Confinement::Full);
        let second = full.limits.iter().filter(|limit| limit.contains("landlock")).count();
        assert_eq!((full.landlock_abi, second), if abi < 3 { (0, 1) } else { (abi.min(6), 0) });
    }
    let fewer: Vec<_> = told.windows(2).map(|pair| pair[0] - pair[1]).collect();
    assert_eq!(fewer, [0, 1, 1, 0, 0, 0, 0], "ABI 5 holds devices, ABI 6 signals");
}

#[test]
fn a_level_that_was_asked_for_is_kept_to() {
    let asked = |level| Policy { level, ..policy(&["disk-write-cwd"]) };
    let lower = plan_on(&asked(Level::Landlock), &complete()).expect("a plan");
    assert_eq!(lower.confinement, Confinement::Landlock);
    let no_landlock = Host { landlock_abi: 0, ..complete() };
    assert!(matches!(
        plan_on(&asked(Level::Landlock), &no_landlock),
        Err(PlanError::BelowFloor { .. })
    ));
    let error = plan_on(&asked(Level::Full), &host()).expect_err("no namespaces");
    assert!(error.to_string().contains("namespaces (refused)"), "{error}");
    for broken in [
        Host { seccomp: false, ..complete() },
        Host { close_range: false, ..complete() },
        Host { arch: Arch::Other, ..complete() },
    ] {
        for level in [Level::Auto, Level::Full, Level::Landlock] {
            plan_on(&asked(level), &broken).expect_err("below the floor");
        }
    }
}

#[test]
fn a_full_plan_names_what_stays_at_the_top_of_each_root() {
    let policy = policy(&["disk-write-cwd", "disk-write-folder=/srv/data"]);
    let plan = plan_on(&policy, &complete()).expect("a plan");
    let kept: Vec<String> = plan.protected.iter().map(|it| it.path.display().to_string()).collect();
    let expected = [
        "/home/ann/project/.agents",
        "/home/ann/project/.codex",
        "/home/ann/project/.git",
        "/srv/data/.agents",
        "/srv/data/.codex",
        "/srv/data/.git",
    ];
    assert_eq!(kept, expected);
    assert!(plan.protected.iter().all(|it| it.how == How::Placeholder));
    assert_eq!(plan.resources.processes, Some(4096));
    assert!(
        matches!(&plan.limits[..], [bare, named, new]
            if bare.contains("bare") && named.contains("core.hooksPath") && new.contains("new repositories")),
        "{:?}",
        plan.limits
    );
}

#[test]
fn a_root_may_hold_the_agents_home_where_mounts_can_cover_it() {
    let agent = |home: &str| Policy {
        agent_home: Some(home.into()),
        ..policy(&["disk-full-read-access", "disk-write-cwd"])
    };
    let inside = agent("/home/ann/project/a/b/agent");
    assert!(matches!(plan(&inside), Err(PlanError::Refused { .. })), "landlock can't take it out");
    let plan = plan_on(&inside, &complete()).expect("a plan");
    assert_eq!(plan.files.withheld, [PathBuf::from("/home/ann/project/a/b/agent")]);
    let in_place = plan.protected.iter().filter(|it| it.how == How::InPlace);
    let in_place: Vec<&Path> = in_place.map(|it| it.path.as_path()).collect();
    assert_eq!(in_place, ["/home/ann/project/a", "/home/ann/project/a/b"].map(Path::new));
    assert!(plan.reserved().contains(&"/home/ann/project/a/b/agent".into()), "a patch keeps out");

    for refused in ["/home/ann/project/later", "/home/ann/project"] {
        let error = plan_on(&agent(refused), &complete()).expect_err(refused);
        assert!(matches!(error, PlanError::Refused { .. }), "{error}");
    }
    let home = Policy { home: Some("/home/ann/project/sub".into()), ..inside };
    let error = plan_on(&home, &complete()).expect_err("the user's home");
    assert!(error.to_string().contains("contains the home directory"), "{error}");
}

#[test]
fn full_write_at_full_still_withholds_the_agents_home() {
    let all = policy(&["disk-full-read-access", "disk-full-write-access"]);
    let plan = plan_on(&all, &complete()).expect("a plan");
    assert_eq!(plan.files.withheld, [PathBuf::from("/home/ann/.codex")]);
    assert!(plan.protected.is_empty());
    assert!(plan.limits.iter().any(|limit| limit.contains("because everything can")));
}

#[test]
fn a_lesser_guarantee_is_told() {
    // A delegated control group changes nothing, since no command gets one.
    let limits = |words: &[&str], git_writes| {
        let policy = Policy { git_writes, ..policy(words) };
        let host = Host { root: true, ..complete() };
        plan_on(&policy, &host).expect("a plan").limits.join("\n")
    };
    let shared = ["disk-write-platform-global-temp-folder"];
    let limits = limits(&shared, GitWrites::Metadata);
    for words in ["below /tmp", "commits, branches and the index", "root's processes"] {
        assert!(limits.contains(words), "{limits}");
    }
}
