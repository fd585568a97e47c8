//! A home on a disk that fills in the middle of a turn, breaks off, or can't be written at all.
//!
//! The disk is a small one in memory, mounted in a namespace of the test's own.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Turn, World, finish, run, runs, says};

/// Tells whether file systems can be mounted in a namespace here; says so when they can't.
fn can_mount() -> bool {
    let mut command = Command::new("unshare");
    command.args(["-Urm", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]).stderr(Stdio::null());
    let can = command.status().is_ok_and(|status| status.success());
    if !can {
        let _ = writeln!(std::io::stderr(), "skipped: no file system can be mounted here");
    }
    can
}

/// Runs a script in a namespace; `exec` is `codex exec` with its settings, `codex` the program.
fn inside(world: &World, script: &str) -> Turn {
    let exec = world.exec(&[]);
    let mut command = Command::new("unshare");
    let functions = "set -u; exec() { \"${argv[@]}\" \"$@\"; }; argv=(\"$@\"); codex=$1; ";
    command.args(["-Urm", "bash", "-c", &format!("{functions}{script}"), "bash"]);
    command.arg(exec.get_program()).args(exec.get_args()).env_clear().current_dir(world.work());
    command.envs(exec.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let turn = finish(command.spawn().expect("started"));
    assert!(!turn.stderr.contains("panicked"), "{turn:?}");
    turn
}

fn told(world: &World, name: &str) -> String {
    fs::read_to_string(world.path("temp").join(name)).unwrap_or_default()
}

#[test]
fn a_disk_that_fills_in_a_turn_loses_nothing_and_the_session_goes_on() {
    if !can_mount() {
        return;
    }
    let mut filled = 0;
    // How many KiB are free when the turn begins.
    for free in [560, 620, 700, 800, 1000, 1400, 2000, 4000] {
        let mut steps = vec![runs("seq 1 30000"), runs("seq 1 30000"), runs("seq 1 30000")];
        steps.extend((0..6).map(|_| says("done")));
        let world = World::playing(Value::from(steps));
        let filler = 8192 - free;
        let turn = inside(
            &world,
            &format!(
                "mount -t tmpfs -o size=8m tmpfs $CODEX_HOME || builtin exit 99
                 head -c {filler}k /dev/zero > $CODEX_HOME/filler
                 t=$TMPDIR
                 exec --json -s danger-full-access go >$t/out 2>$t/err; echo $? >$t/code
                 $codex replay --last --json >$t/replay 2>/dev/null
                 $codex replay --last >$t/text 2>/dev/null
                 $codex replay --last --verify >$t/verify 2>&1; echo $? >>$t/code
                 rm $CODEX_HOME/filler
                 exec resume --last --json 'go on' >$t/again 2>$t/again.err; echo $? >>$t/code
                 $codex replay --last --verify >$t/verify2 2>&1; echo $? >>$t/code
                 find $CODEX_HOME -name reserve >$t/reserve"
            ),
        );
        assert_eq!(turn.code, 0, "{turn:?}");
        let codes = told(&world, "code");
        let what =
            format!("{free} KiB: {codes:?} {} {}", told(&world, "err"), told(&world, "again.err"));
        let codes: Vec<i32> = codes.lines().map(|line| line.parse().expect("a code")).collect();
        let printed = told(&world, "out");
        let last = printed.lines().last().map(serde_json::from_str::<Value>);
        match codes[0] {
            0 => assert_eq!(codes, [0, 0, 0, 0], "{what}"),
            74 => {
                filled += 1;
                let last = last.expect("a line").expect("JSON");
                assert_eq!(last["type"], "turn.failed", "{what}");
                assert_eq!(last["journalled"], false, "{what}");
                assert!(told(&world, "err").contains("o space left on"), "{what}");
                assert!(told(&world, "err").contains("hint: "), "{what}");
                // Everything that was printed before is there, and nothing is wrong with it.
                let before = printed.lines().count() - 1;
                let replayed = told(&world, "replay");
                assert!(printed.lines().take(before).eq(replayed.lines().take(before)), "{what}");
                if before > 0 {
                    assert_eq!(codes[1..], [0, 0, 0], "{what}");
                    let noted =
                        told(&world, "text").contains("the journal ends here: no space left");
                    assert!(noted, "{what}: {}", told(&world, "text"));
                }
            }
            _ => panic!("{what}"),
        }
        assert_eq!(told(&world, "reserve"), "", "{what}: it is given back");
    }
    assert!((3..8).contains(&filled), "{filled}");
}

// The engine itself meets the end: no file may grow any more.
#[test]
fn a_session_whose_engine_could_not_write_goes_on_when_it_can() {
    let mut broken = 0;
    for blocks in [128, 200, 300] {
        let mut steps = vec![runs("seq 1 30000"), runs("seq 1 30000"), runs("seq 1 30000")];
        steps.extend((0..6).map(|_| says("done")));
        let world = World::playing(Value::from(steps));
        let turn = run(world.limited(blocks, &["--json", "--full-auto", "go"]));
        if turn.code != 74 {
            continue;
        }
        broken += 1;
        let printed = turn.stdout.lines().count() - 1;
        world.check_journal();
        let resumed = run(world.exec(&["resume", "--last", "--json", "go on"]));
        assert_eq!(resumed.code, 0, "{blocks}: {resumed:?}");
        world.check_journal();
        let replayed = run(world.program(&["replay", "--last", "--json"]));
        let kept: Vec<_> = replayed.stdout.lines().take(printed).collect();
        assert_eq!(turn.stdout.lines().take(printed).collect::<Vec<_>>(), kept, "{blocks}");
    }
    assert!(broken > 0);
}

#[test]
fn a_home_that_can_only_be_read_is_shown_and_not_written() {
    if !can_mount() {
        return;
    }
    let world = World::playing(json!([says("one"), says("never")]));
    let turn = world.turn(&[]);
    assert_eq!(turn.code, 0, "{turn:?}");
    let run = inside(
        &world,
        "mount --bind $CODEX_HOME $CODEX_HOME && mount -o remount,bind,ro $CODEX_HOME || builtin exit 99
         t=$TMPDIR
         exec --json go >$t/new 2>$t/new.err; echo $? >$t/code
         exec resume --last --json on >$t/again 2>$t/again.err; echo $? >>$t/code
         $codex replay --last --json >$t/replay; echo $? >>$t/code
         $codex replay --last --verify >$t/verify; echo $? >>$t/code
         $codex sessions >$t/sessions; echo $? >>$t/code",
    );
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(told(&world, "code"), "74\n74\n0\n0\n0\n");
    for name in ["new.err", "again.err"] {
        let said = told(&world, name);
        assert!(said.contains("ead-only file system") && said.contains("hint: "), "{name}: {said}");
    }
    assert_eq!(told(&world, "replay"), turn.stdout);
    assert_eq!(world.bodies().len(), 1, "nothing was asked");
}

#[test]
fn a_command_that_fills_a_disk_is_ended_and_one_that_frees_it_is_not() {
    if !can_mount() {
        return;
    }
    let fills = "for it in $(seq 60); do head -c 1048576 /dev/zero >> small/full; sleep 0.1; done; \
                 echo all of it";
    let frees = "cat small/full > /dev/null; sleep 2.2; rm small/full; echo freed";
    let world = World::playing(json!([runs(fills), runs(frees), says("done")]));
    let turn = inside(
        &world,
        "mkdir small; mount -t tmpfs -o size=64m tmpfs small || builtin exit 99
         exec --json -s disk-full-read-access -s disk-write-folder=$PWD/small \
             -c sandbox_resources.disk_free_bytes=66000000 go",
    );
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    let ended: Vec<Value> = turn.items("command_execution");
    let codes: Vec<Option<i64>> = ended.iter().map(|item| item["exit_code"].as_i64()).collect();
    assert_eq!(codes, [Some(137), Some(0)], "{ended:?}");
    let outputs = turn.outputs();
    assert!(!outputs[0].contains("all of it") && outputs[1].contains("freed"), "{outputs:?}");
    let told = Value::from(world.bodies()).to_string();
    let why = format!("ended because the disk of {}/small is nearly full", world.work().display());
    assert!(told.contains(&why), "{told}");
    world.check_replay(&turn);
}
