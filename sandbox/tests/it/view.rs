//! What a command sees at the level `full`, and what it can't do there.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use codex_sandbox::{Availability, Confinement, Plan, Policy, probe};

use crate::world::{
    FULL_AUTO, READ_ONLY, World, alive, capture, eventually, marker, set_level, start,
};
use crate::{Case, Verdict};

pub(crate) const CASES: &[Case] = &[
    ("repositories_stay_as_they_are", repositories_stay_as_they_are),
    ("a_project_inside_a_root_is_kept_like_a_root", a_project_inside_a_root_is_kept_like_a_root),
    ("repositories_may_come_and_go_meanwhile", repositories_may_come_and_go_meanwhile),
    ("missing_names_cannot_be_made", missing_names_cannot_be_made),
    ("metadata_outside_stays", metadata_outside_stays),
    ("the_agents_home_looks_empty", the_agents_home_looks_empty),
    ("devices_are_few_and_private", devices_are_few_and_private),
    ("terminals_can_be_made", terminals_can_be_made),
    ("processes_outside_are_not_seen", processes_outside_are_not_seen),
    ("the_kernels_settings_cannot_be_written", the_kernels_settings_cannot_be_written),
    ("every_namespace_is_new", every_namespace_is_new),
    ("servers_can_be_tested", servers_can_be_tested),
    ("the_strict_view_is_all_there_is", the_strict_view_is_all_there_is),
    ("a_program_inside_a_withheld_folder_runs", a_program_inside_a_withheld_folder_runs),
    ("limits_are_in_force", limits_are_in_force),
    ("process_1_cannot_be_ended_from_inside", process_1_cannot_be_ended_from_inside),
    ("modes_are_the_users_own", modes_are_the_users_own),
    ("the_report_is_of_this_level", the_report_is_of_this_level),
    ("without_landlock_the_mounts_hold", without_landlock_the_mounts_hold),
    ("python_works", python_works),
    ("many_at_once_leave_nothing", many_at_once_leave_nothing),
    ("placeholders_go_whoever_ends_first", placeholders_go_whoever_ends_first),
];

fn repositories_stay_as_they_are() -> Verdict {
    let world = World::new();
    for repository in ["project/.git", "project/vendor/sub/.git"] {
        fs::create_dir_all(world.at(repository).join("hooks")).expect("made");
        fs::write(world.at(repository).join("config"), "[core]\n").expect("written");
    }
    let ran = world.sh(
        FULL_AUTO,
        "for git in .git vendor/sub/.git; do echo x >> $git/config; echo x > $git/hooks/pre-commit; \
         mv $git $git-old; rm -rf $git; echo x > $git/commondir; chmod 777 $git/config; done; \
         umount .git; ls -a; cat .git/config; exit 0",
    );
    assert_eq!(ran.code(), 0, "{}", ran.stderr);
    assert!(ran.stdout.ends_with("[core]\n"), "{}", ran.stdout);
    for repository in ["project/.git", "project/vendor/sub/.git"] {
        assert_eq!(world.read(&format!("{repository}/config")), "[core]\n");
        assert_eq!(fs::read_dir(world.at(repository).join("hooks")).expect("there").count(), 0);
        assert!(!world.at(repository).join("commondir").exists());
    }
    Verdict::Held
}

fn a_project_inside_a_root_is_kept_like_a_root() -> Verdict {
    let world = World::new();
    let around = world.at("around");
    fs::create_dir_all(around.join("a/project/.codex")).expect("made");
    fs::write(around.join("a/project/.codex/config.toml"), "mine").expect("written");
    let grant = format!("disk-write-folder={}", around.display());
    let policy = Policy {
        cwd: around.join("a/project"),
        ..world.policy(&["disk-full-read-access", &grant])
    };
    let mut launch = world.launch(
        READ_ONLY,
        &[
            "/bin/sh",
            "-c",
            "echo x > .codex/config.toml; mkdir .agents ../.git; cd ../..; \
             mv a moved; echo ok > a/project/new; echo ok > new",
        ],
    );
    (launch.plan, launch.cwd) = (Plan::on_disk(&policy, &probe()).expect("a plan"), policy.cwd);
    let ran = capture(launch);
    assert_eq!(ran.code(), 0, "{} {:?}", ran.stderr, ran.outcome);
    assert_eq!(world.read("around/a/project/.codex/config.toml"), "mine");
    let gone = ["around/moved", "around/a/project/.agents", "around/a/.git"];
    assert!(gone.iter().all(|name| !world.at(name).exists()), "{}", ran.stderr);
    assert_eq!(world.read("around/a/project/new") + &world.read("around/new"), "ok\nok\n");
    Verdict::Held
}

fn repositories_may_come_and_go_meanwhile() -> Verdict {
    let world = World::new();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for number in 0..2 {
            let (folder, stop) = (world.at("project").join(number.to_string()), &stop);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    fs::create_dir_all(folder.join(".git")).expect("made");
                    fs::remove_dir_all(&folder).expect("nothing is put back into it");
                }
            });
        }
        let codes: Vec<i32> = (0..100).map(|_| world.sh(FULL_AUTO, "true").code()).collect();
        stop.store(true, Ordering::Relaxed);
        assert_eq!(codes, [0; 100]);
    });
    Verdict::Held
}

fn missing_names_cannot_be_made() -> Verdict {
    let world = World::new();
    let ran = world.sh(
        FULL_AUTO,
        "mkdir -p .git/hooks; echo x > .git/HEAD; rmdir .git; mv .git g; echo x > .codex/config.toml; \
         ln -sfn /etc .agents; mkdir objects refs; echo x > refs/x; rm -r objects; echo ok",
    );
    assert_eq!(ran.stdout, "ok\n");
    let left = fs::read_dir(world.at("project")).expect("there").flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
    assert_eq!(left, [""; 0], "nothing is left of the places that were made");
    assert_eq!(ran.outcome.ended.expect("ended").changes, [""; 0]);

    // A repository that is made deeper down is told of.
    let ran = world.sh(FULL_AUTO, "mkdir -p deep/.git");
    let changes = ran.outcome.ended.expect("ended").changes;
    assert!(changes.len() == 1 && changes[0].contains("deep/.git"), "{changes:?}");
    Verdict::Held
}

fn metadata_outside_stays() -> Verdict {
    let world = World::new();
    let before = fs::metadata(world.at("outside/victim")).expect("there");
    let ran = world.sh(
        FULL_AUTO,
        "chmod 777 ../outside/victim; touch -d 2001-01-01 ../outside/victim; \
         chown $(id -u) ../outside/victim; chmod 700 kept 2>&1; echo x > kept; chmod 700 kept",
    );
    assert_eq!(ran.code(), 0, "{}", ran.stderr);
    let after = fs::metadata(world.at("outside/victim")).expect("there");
    assert_eq!(
        (before.mode(), before.mtime(), before.ctime()),
        (after.mode(), after.mtime(), after.ctime())
    );
    assert_eq!(fs::metadata(world.at("project/kept")).expect("there").mode() & 0o777, 0o700);
    Verdict::Held
}

fn the_agents_home_looks_empty() -> Verdict {
    let world = World::new();
    let everything = [READ_ONLY, &["disk-full-write-access"]].concat();
    for permissions in [FULL_AUTO, READ_ONLY, &everything] {
        let ran = world.sh(
            permissions,
            "ls -A $HOME/.codex | wc -l; echo x > $HOME/.codex/config.toml; cat $HOME/notes",
        );
        assert_eq!(ran.stdout, "0\nplain notes", "{permissions:?}: {}", ran.stderr);
        assert!(!world.at("home/.codex/config.toml").exists());
    }
    Verdict::Held
}

fn devices_are_few_and_private() -> Verdict {
    let world = World::new();
    let name = format!("codex-sandbox-it-{}", std::process::id());
    let ran = world.sh(
        FULL_AUTO,
        &format!(
            "ls /dev | tr '\\n' ' '; echo in > /dev/shm/{name} && cat /dev/shm/{name}; \
             echo x > /dev/new || echo closed; head -c 3 /dev/zero | wc -c; echo x > /dev/null"
        ),
    );
    let listed = "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero ";
    let expected = format!("{listed}in\nclosed\n3\n");
    assert_eq!(ran.stdout, expected, "{}", ran.stderr);
    assert!(!std::path::Path::new("/dev/shm").join(name).exists());
    Verdict::Held
}

fn terminals_can_be_made() -> Verdict {
    let world = World::new();
    assert_eq!(world.probe(FULL_AUTO, &["terminal"]), "done");
    Verdict::Held
}

fn processes_outside_are_not_seen() -> Verdict {
    let world = World::new();
    let ran = world.sh(
        FULL_AUTO,
        "for p in /proc/[0-9]*; do echo ${p#/proc/}; done | sort -n | head -1; \
         cat /proc/1/environ /proc/1/mem /proc/1/maps 2>/dev/null | wc -c; ls /proc/1/fd 2>&1 | wc -l; \
         tr '\\0' ' ' < /proc/1/cmdline",
    );
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines[..2], ["1", "0"], "{} {}", ran.stdout, ran.stderr);
    assert!(lines[3].starts_with("codex-sandbox-helper"), "{lines:?}");
    let me = std::process::id();
    let ran = world.sh(FULL_AUTO, &format!("test -e /proc/{me} && cat /proc/{me}/cmdline"));
    let own = std::env::args().next().expect("a name");
    assert!(!ran.stdout.contains(&own), "{}", ran.stdout);
    Verdict::Held
}

fn the_kernels_settings_cannot_be_written() -> Verdict {
    let world = World::new();
    let everything = [READ_ONLY, &["disk-full-write-access"]].concat();
    for permissions in [FULL_AUTO, &everything] {
        let ran = world.sh(
            permissions,
            "for f in /proc/sys/kernel/core_pattern /sys/kernel/mm/ksm/run /proc/self/oom_score_adj; \
             do { cat $f > $f; } 2>/dev/null && echo wrote $f; done; echo over",
        );
        assert_eq!(ran.stdout, "over\n", "{permissions:?}");
    }
    Verdict::Held
}

fn every_namespace_is_new() -> Verdict {
    let world = World::new();
    let networked = [FULL_AUTO, &["network-full-access"]].concat();
    for (permissions, shared) in [(FULL_AUTO, None), (&networked[..], Some("net"))] {
        for name in ["user", "mnt", "pid", "ipc", "uts", "net"] {
            let link = format!("/proc/self/ns/{name}");
            let ran = world.sh(permissions, &format!("readlink {link}"));
            let own = fs::read_link(&link).expect("there").display().to_string();
            assert_eq!(ran.stdout.trim() == own, shared == Some(name), "{name} {}", ran.stdout);
        }
    }
    Verdict::Held
}

fn servers_can_be_tested() -> Verdict {
    let world = World::new();
    for kind in ["loopback", "loopback-6"] {
        let said = world.probe(FULL_AUTO, &[kind]);
        assert!(said == "done" || kind == "loopback-6", "{kind}: {said}");
    }
    Verdict::Held
}

fn the_strict_view_is_all_there_is() -> Verdict {
    let world = World::new();
    // The folders on the way to a root are there, and hold that way alone.
    let elsewhere = ["/root", "/home", "/var", "/srv", "/sys"]
        .into_iter()
        .filter(|folder| !world.at("project").starts_with(folder));
    let ran = world.sh(
        &["disk-write-cwd"],
        &format!(
            "ls {} 2>/dev/null | wc -l; ls -A $HOME 2>/dev/null | wc -l; \
         test -e ../outside || echo gone; test -s /etc/shadow || echo hidden; mkdir /new || echo closed; \
         /bin/sh -c 'echo shell'; ls / > /dev/null && echo listed; touch f && echo kept",
            elsewhere.collect::<Vec<_>>().join(" ")
        ),
    );
    let expected = "0\n0\ngone\nhidden\nclosed\nshell\nlisted\nkept\n";
    assert_eq!(ran.stdout, expected, "{}", ran.stderr);
    assert!(world.at("project/f").exists());
    Verdict::Held
}

fn a_program_inside_a_withheld_folder_runs() -> Verdict {
    let world = World::new();
    let program = world.at("home/.codex/bin/tool");
    fs::create_dir_all(world.at("home/.codex/bin")).expect("made");
    fs::write(&program, "#!/bin/sh\necho as a tool\n").expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("set");
    for permissions in [FULL_AUTO, &["disk-write-cwd"]] {
        let mut launch = world
            .launch(permissions, &["/bin/sh", "-c", "$HOME/.codex/bin/tool; ls -A $HOME/.codex"]);
        launch.plan.files.programs = vec![program.clone()];
        let ran = capture(launch);
        assert_eq!(ran.stdout, "as a tool\nbin\n", "{permissions:?}: {}", ran.stderr);
    }
    Verdict::Held
}

fn limits_are_in_force() -> Verdict {
    let world = World::new();
    let mut launch = world.launch(FULL_AUTO, &[
        "/bin/sh",
        "-c",
        "ulimit -c; grep -E '^Max (processes|file size)' /proc/self/limits | tr -s ' ' | cut -d' ' -f3,4; \
         head -c 3000000 /dev/zero > big; wc -c < big",
    ]);
    launch.plan.resources.processes = Some(77);
    launch.plan.resources.file_bytes = Some(1 << 20);
    let ran = capture(launch);
    assert_eq!(
        ran.stdout,
        "0\n77 77\nsize 1048576\n1048576\n".replace("77 77\nsize 1048576", "size 1048576\n77 77"),
        "{}",
        ran.stderr
    );
    Verdict::Held
}

fn process_1_cannot_be_ended_from_inside() -> Verdict {
    let world = World::new();
    let marker = marker();
    let script =
        format!("kill -9 1; kill -STOP 1; kill -TERM 1; sleep {marker} & echo alive; exit 4");
    let ran = world.sh(FULL_AUTO, &script);
    assert_eq!((ran.code(), ran.stdout.as_str()), (4, "alive\n"));
    assert_eq!(alive(&marker), 0);
    Verdict::Held
}

fn modes_are_the_users_own() -> Verdict {
    let world = World::new();
    let own = Command::new("sh").args(["-c", "umask"]).output().expect("it runs").stdout;
    let ran = world.sh(FULL_AUTO, "umask; id -u; touch f");
    let id = rustix::process::geteuid().as_raw();
    let expected = format!("{}{id}\n", String::from_utf8_lossy(&own));
    assert_eq!(ran.stdout, expected);
    assert_eq!(fs::metadata(world.at("project/f")).expect("made").uid(), id);
    Verdict::Held
}

fn the_report_is_of_this_level() -> Verdict {
    let world = World::new();
    let confined = world.sh(FULL_AUTO, "true").outcome.confined.expect("announced");
    assert_eq!(confined.confinement, Confinement::Full);
    // Four names in each of two roots; these and the roots and the agent's home are mounted.
    assert_eq!((confined.protected, confined.mounts), (8, 11));
    assert!(!confined.partial);
    Verdict::Held
}

fn without_landlock_the_mounts_hold() -> Verdict {
    let world = World::new();
    let bare = probe().lowered(Some(0), Availability::AsFound);
    let plan = Plan::on_disk(&world.policy(FULL_AUTO), &bare).expect("a plan");
    let script = "echo x > ../outside/victim; chmod 777 ../outside/victim; echo ok > f; cat f";
    let mut launch = world.launch(FULL_AUTO, &["/bin/sh", "-c", script]);
    launch.plan = plan;
    let ran = capture(launch);
    assert_eq!(ran.stdout, "ok\n", "{}", ran.stderr);
    let confined = ran.outcome.confined.expect("announced");
    assert_eq!((confined.landlock_abi, confined.file_rules), (0, 0));
    assert_eq!(confined.confinement, Confinement::Full);
    assert_eq!(world.read("outside/victim"), "original");
    Verdict::Held
}

fn python_works() -> Verdict {
    const SCRIPT: &str = "
import multiprocessing, os, pty, socket, subprocess, tempfile, threading
def square(x): return x * x
if __name__ == '__main__':
    with multiprocessing.get_context('fork').Pool(2) as pool: print(sum(pool.map(square, range(10))))
    print(subprocess.run(['echo', 'sub'], capture_output=True, text=True).stdout.strip())
    leader, follower = pty.openpty(); os.write(follower, b'pty'); print(os.read(leader, 3).decode())
    tempfile.TemporaryFile().write(b'x'); print(os.path.exists(os.ttyname(follower)))
";
    if Command::new("python3").arg("--version").output().is_err() {
        return Verdict::Skipped("there is no python3");
    }
    let world = World::new();
    fs::write(world.at("project/script.py"), SCRIPT).expect("written");
    let ran = world.sh(FULL_AUTO, "PATH=/usr/bin:/bin:$PATH python3 script.py");
    assert_eq!(ran.stdout, "285\nsub\npty\nTrue\n", "{}", ran.stderr);
    Verdict::Held
}

/// Plays an agent with many commands: says where, and waits to be killed.
pub(crate) fn play_crowded_agent(words: &[String]) -> ! {
    set_level(codex_sandbox::Level::Full);
    let marker = words.first().expect("a marker").clone();
    let count: usize = words[1].parse().expect("a number");
    let world = World::new();
    let script = format!("(setsid sleep {marker} &) ; trap '' TERM; sleep {marker}");
    let running: Vec<_> =
        (0..count).map(|_| start(world.launch(FULL_AUTO, &["/bin/sh", "-c", &script]))).collect();
    let sleepers = format!("sleep\0{marker}");
    eventually("all run", Duration::from_secs(120), || alive(&sleepers) == 2 * count);
    println!("{}", world.folder.path().display());
    loop {
        std::thread::park();
        assert!(!running.is_empty());
    }
}

fn many_at_once_leave_nothing() -> Verdict {
    let count =
        std::env::var("CODEX_SANDBOX_CROWD").ok().and_then(|it| it.parse().ok()).unwrap_or(20);
    let marker = marker();
    let mut agent = Command::new(std::env::current_exe().expect("known"))
        .args(["--crowded", &marker, &count.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("an agent");
    let mut folder = String::new();
    BufReader::new(agent.stdout.take().expect("piped")).read_line(&mut folder).expect("a line");
    let sleepers = format!("sleep\0{marker}");
    assert_eq!(alive(&sleepers), 2 * count);
    agent.kill().expect("killed");
    let begun = std::time::Instant::now();
    eventually("all are gone", Duration::from_secs(1), || alive(&sleepers) == 0);
    println!("  {count} commands were gone {:?} after their agent", begun.elapsed());
    agent.wait().expect("collected");
    eventually("the supervisors are gone", Duration::from_secs(60), || alive(&marker) == 0);

    // Where one was killed before it could, the next command in the same place takes them away.
    let work = std::path::Path::new(folder.trim()).join("project");
    let names = [".git", ".codex", ".agents"].map(|name| work.join(name));
    let world = World::new();
    let mut launch = world.launch(FULL_AUTO, &["true"]);
    launch.plan.files.write =
        codex_sandbox::WritePlan::Roots(vec![work.canonicalize().expect("there")]);
    launch.plan.protected.iter_mut().zip(&names).for_each(|(place, name)| {
        place.path = name.canonicalize().unwrap_or_else(|_| name.clone());
    });
    launch.plan.protected.truncate(names.len());
    launch.cwd = work.clone();
    let ran = capture(launch);
    assert_eq!(ran.code(), 0, "{:?}", ran.outcome);
    assert!(names.iter().all(|name| !name.exists()), "{names:?}");
    fs::remove_dir_all(folder.trim()).expect("removed");
    Verdict::Held
}

/// What stands in for `.git` and the like in a project without them is there as long as its command.
fn placeholders_go_whoever_ends_first() -> Verdict {
    const PATIENCE: Duration = Duration::from_secs(20);
    let world = World::new();
    let names = || {
        let entries = fs::read_dir(world.at("project")).expect("there").flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    let begin = || {
        let marker = marker();
        let running = start(world.launch(FULL_AUTO, &["sleep", &marker]));
        eventually("it runs", PATIENCE, || alive(&format!("sleep\0{marker}")) == 1);
        assert!(names().contains(&".git".into()), "{:?}", names());
        (running, marker)
    };
    let kill = |pid: i32, signal| {
        kill_process(Pid::from_raw(pid).expect("a process"), signal).expect("signalled");
    };

    // Of those that tell of the end, each has cleared up before.
    for end in [
        |supervisor| (child_of(child_of(supervisor)), Signal::KILL),
        |supervisor| (child_of(supervisor), Signal::KILL),
        |supervisor| (supervisor, Signal::TERM),
    ] {
        let (mut running, _) = begin();
        let (pid, signal) = end(running.process().pid);
        kill(pid, signal);
        assert!(running.wait().ended.is_some());
        assert_eq!(names(), before);
    }
    let (running, marker) = begin();
    drop(running);
    eventually("it ended", PATIENCE, || alive(&marker) == 0);
    eventually("its supervisor has cleared up", PATIENCE, || names() == before);

    // Who is killed can't; the next command does.
    let (mut running, marker) = begin();
    kill(running.process().pid, Signal::KILL);
    assert_eq!(running.wait().ended, None);
    eventually("it ended", PATIENCE, || alive(&marker) == 0);
    assert_ne!(names(), before);
    assert_eq!(world.sh(FULL_AUTO, "true").code(), 0);
    assert_eq!(names(), before);
    Verdict::Held
}

/// Finds the only child of a process.
fn child_of(parent: i32) -> i32 {
    let list = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    list.expect("readable").trim().parse().expect("one child")
}
