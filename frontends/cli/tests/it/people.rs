//! What people see: the answer on stdout, everything else on stderr, colours on terminals.

use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::json;

use crate::support::{World, run, runs, says};

/// Runs a program whose stderr is a terminal, and gives what the terminal got.
fn on_a_terminal(mut command: Command) -> String {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("unlocked");
    let name = ptsname(&ours, Vec::new()).expect("a name").into_string().expect("text");
    let theirs = File::options().read(true).write(true).open(name).expect("opened");
    command.stderr(Stdio::from(theirs));
    let child = command.spawn().expect("starts");
    // The command holds the other end too, which must not keep the terminal open.
    drop(command);
    let mut shown = Vec::new();
    let mut terminal = File::from(ours);
    let mut part = [0; 4096];
    // The end of a terminal is an error: the last one who had it open is gone.
    while let Ok(length @ 1..) = terminal.read(&mut part) {
        shown.extend(&part[..length]);
    }
    let turn = crate::support::finish(child);
    assert_eq!((turn.code, turn.stdout.as_str()), (0, "All done.\n"));
    String::from_utf8(shown).expect("text")
}

#[test]
fn the_answer_alone_is_printed_to_stdout() {
    let world = World::playing(json!([runs("echo working"), says("All done.")]));
    let turn = run(world.exec(&["do it"]));
    assert_eq!((turn.code, turn.stdout.as_str()), (0, "All done.\n"));
    assert!(turn.stderr.contains("exec /bin/bash -c 'echo working'"), "{}", turn.stderr);
    assert!(!turn.stderr.contains('\u{1b}') && !turn.stdout.contains('\u{1b}'));
    for wanted in [&[][..], &[("NO_COLOR", "1")]] {
        let mut command = world.exec(&["--color", "always", "do it"]);
        command.envs(wanted.iter().copied());
        let coloured = run(command);
        assert!(coloured.stderr.contains('\u{1b}') && !coloured.stdout.contains('\u{1b}'));
    }
}

#[test]
fn a_terminal_gets_colours_unless_they_are_not_wanted() {
    let colours = |arguments: &[&str], no_color: Option<&str>| {
        let world = World::playing(json!([runs("echo working"), says("All done.")]));
        let mut command = world.exec(&[arguments, &["do it"]].concat());
        command.env("TERM", "xterm").envs(no_color.map(|value| ("NO_COLOR", value)));
        let shown = on_a_terminal(command);
        assert!(shown.contains("echo working"), "{shown}");
        shown.contains('\u{1b}')
    };
    assert!(colours(&[], None));
    assert!(colours(&[], Some("")), "an empty NO_COLOR says nothing");
    assert!(!colours(&[], Some("1")));
    assert!(!colours(&["--color", "never"], None));
}

#[test]
fn a_turn_that_failed_prints_no_answer() {
    let world = World::playing(json!([
        [{"type": "text", "text": "half an answer"}, runs("true")[0]],
        {"fault": {"kind": "status", "code": 401, "body": {"error": {"message": "bad key"}}}}
    ]));
    let turn = run(world.exec(&["do it"]));
    assert_eq!((turn.code, turn.stdout.as_str()), (1, ""), "{}", turn.stderr);
    assert!(turn.stderr.contains("bad key") && turn.stderr.contains("hint: "), "{}", turn.stderr);
    assert!(turn.stderr.contains("half an answer"), "{}", turn.stderr);
}

#[test]
fn a_help_lists_no_flag_that_its_command_refuses() {
    let world = World::silent();
    let cases: [(&[&str], &[&str], &[&str]); 5] = [
        (&["resume"], &["--json", "--output-last-message", "--ephemeral"], &["--full-auto"]),
        (&["proto"], &["--json", "--output-last-message"], &["--ephemeral"]),
        (&["fork"], &["--ephemeral"], &["--json"]),
        (&["exec", "resume"], &["--ephemeral"], &["--json", "--output-last-message"]),
        (&["exec", "fork"], &["--ephemeral"], &["--json", "--output-last-message"]),
    ];
    for (command, refused, taken) in cases {
        let help = run(world.program(&[command, &["--help"]].concat())).stdout;
        let lists = |flag: &str| {
            help.split_whitespace().any(|word| word.trim_end_matches([',', ':']) == flag)
        };
        for flag in refused {
            assert!(!lists(flag), "{command:?} lists {flag}");
        }
        for flag in taken {
            assert!(lists(flag), "{command:?} hides {flag}");
        }
    }
    let told = run(world.program(&["proto", "--json"]));
    assert!(told.code == 2 && told.stderr.contains("--json belongs to codex exec"), "{told:?}");
}
