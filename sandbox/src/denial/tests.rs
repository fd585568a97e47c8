use super::*;
use crate::{FilePlan, GitWrites, How, Protected, ReadPlan, Resources, Scopes, WritePlan};

fn plan(network: Network) -> Plan {
    Plan {
        confinement: Confinement::Landlock,
        files: FilePlan {
            read: ReadPlan::Everything,
            write: WritePlan::Roots(vec!["/w/project".into(), "/run/tmp".into()]),
            programs: vec![],
            devices: vec!["/dev/null".into()],
            withheld: vec![],
        },
        protected: vec![Protected { path: "/w/project/.git".into(), how: How::ReadOnly }],
        git_writes: GitWrites::None,
        resources: Resources::default(),
        network,
        scopes: Scopes { signals: true, abstract_sockets: true, tcp: true },
        landlock_abi: 6,
        limits: vec![],
    }
}

fn graded(program: &str, code: i32, output: &str, network: Network) -> Option<Grade> {
    let argv = [program.to_owned()];
    let seen = Observation {
        end: Some(End::Code(code)),
        timed_out: false,
        argv: &argv,
        cwd: Path::new("/w/project/sub"),
        output,
    };
    grade(&seen, &plan(network)).map(|denial| denial.grade)
}

#[test]
fn messages_are_graded_by_where_their_path_lies() {
    use Grade::{Certain, Likely, Unlikely};
    for (output, expected) in [
        ("/bin/sh: 1: cannot create /etc/x: Permission denied", Certain),
        ("bash: line 1: /outside/f: Permission denied", Certain),
        ("touch: cannot touch '/outside/f': Permission denied", Certain),
        ("mkdir: cannot create directory \u{2018}/outside/d\u{2019}: Permission denied", Certain),
        ("mv: cannot move 'a' to '/outside/b': Permission denied", Certain),
        ("cp: cannot create regular file '../../x/f': Permission denied", Certain),
        ("PermissionError: [Errno 13] Permission denied: '/outside/f'", Certain),
        ("Error: EACCES: permission denied, open '/outside/f'", Certain),
        ("error: could not write /w/project/.git/index.lock: Read-only file system", Certain),
        ("fatal: Unable to create '/w/project/.git/index.lock': Permission denied", Certain),
        ("cat: ../secret/f: Permission denied", Unlikely),
        ("bash: ./run.sh: Permission denied", Unlikely),
        ("error: Permission denied (os error 13)", Likely),
        ("PermissionError: [Errno 1] Operation not permitted", Likely),
        ("curl: (6) Could not resolve host: example.org", Likely),
        ("curl: (7) Failed to connect to 127.0.0.1 port 80", Likely),
        ("ping: example.org: Temporary failure in name resolution", Likely),
        ("error[E0308]: mismatched types", Unlikely),
        ("test result: FAILED. 1 passed; 1 failed", Unlikely),
    ] {
        assert_eq!(graded("sh", 1, output, Network::Off), Some(expected), "{output}");
    }
}

#[test]
fn the_end_alone_can_decide() {
    let denied = "touch: /outside/f: Permission denied";
    assert_eq!(graded("sh", 0, denied, Network::Off), None);
    assert_eq!(graded("sh", 127, denied, Network::Off), Some(Grade::Unlikely));
    assert_eq!(graded("sh", 126, denied, Network::Off), Some(Grade::Unlikely));
    assert_eq!(graded("sh", 159, "", Network::Off), Some(Grade::Certain));
    assert_eq!(
        graded("tool", 2, "usage: tool FILE\nPermission denied", Network::Off),
        Some(Grade::Unlikely)
    );
    assert_eq!(graded("getent", 2, "", Network::Off), Some(Grade::Likely));
}

#[test]
fn a_granted_network_is_not_blamed() {
    let output = "curl: (6) Could not resolve host: example.org";
    assert_eq!(graded("curl", 6, output, Network::Full), Some(Grade::Unlikely));
}

#[test]
fn set_up_failures_signals_and_timeouts() {
    let seen =
        Observation { end: None, timed_out: false, argv: &[], cwd: Path::new("/w"), output: "" };
    let of = |seen: &Observation<'_>| grade(seen, &plan(Network::Off)).map(|it| it.grade);
    assert_eq!(of(&seen), Some(Grade::Certain));
    let killed = Observation { end: Some(End::Signal(libc::SIGSYS)), ..seen };
    assert_eq!(of(&killed), Some(Grade::Certain));
    let late = Observation {
        end: Some(End::Signal(15)),
        timed_out: true,
        output: "/outside: Permission denied",
        ..seen
    };
    assert_eq!(of(&late), Some(Grade::Unlikely));
    assert_eq!(grade(&late, &Plan::unconfined()), None);
}

#[test]
fn only_the_end_of_a_long_output_counts() {
    let output = "touch: /outside/f: Permission denied\n".to_owned() + &"\u{e9}".repeat(TAIL);
    assert_eq!(graded("sh", 1, &output, Network::Off), Some(Grade::Unlikely));
}
