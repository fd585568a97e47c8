//! What the words of the command line mean now that none are needed.

use serde_json::json;

use crate::line::Terminal;
use crate::support::{World, run, runs, says};

#[test]
fn off_a_terminal_the_way_without_one_is_named() {
    let world = World::silent();
    for words in [&[][..], &["fix the test"], &["--", "exec"]] {
        let turn = run(world.program(words));
        assert_eq!((turn.code, turn.stdout.as_str()), (2, ""), "{words:?}");
        assert!(turn.stderr.contains("codex exec") && turn.stderr.contains("hint: "));
    }
    assert_eq!(world.kinds_or_none(), [""; 0]);
    let help = run(world.program(&["--help"]));
    assert_eq!(help.code, 0, "{}", help.stderr);
    for words in ["codex [OPTIONS] [PROMPT]", "codex demo", "--no-alt-screen", "resume", "exec"] {
        assert!(help.stdout.contains(words), "{words}: {}", help.stdout);
    }
}

#[test]
fn a_session_that_is_kept_nowhere_is_not_begun_as_one_that_is_kept() {
    let world = World::silent();
    let terminal = Terminal::start(&world.interface(&["--ephemeral"]));
    let (code, screen) = terminal.end();
    assert_eq!(code, 2, "{screen}");
    assert!(screen.contains("codex exec --ephemeral"), "{screen}");
    assert_eq!(world.kinds_or_none(), [""; 0]);
}

#[test]
fn a_mistyped_command_is_no_prompt() {
    let world = World::silent();
    for (words, hint) in [
        (&["exce"][..], "did you mean `codex exec`?"),
        (&["doctr"], "did you mean `codex doctor`?"),
        (&["sesions"], "did you mean `codex sessions`?"),
        (&["help"], "codex --help"),
        (&["login"], "codex --help"),
        (&["-m", "o3", "resum"], "did you mean `codex resume`?"),
    ] {
        let turn = run(world.program(words));
        let word = words.last().expect("a word");
        assert_eq!((turn.code, turn.stdout.as_str()), (2, ""), "{words:?}");
        assert!(turn.stderr.contains(&format!("no command `{word}`")), "{}", turn.stderr);
        assert!(turn.stderr.contains(hint), "{}", turn.stderr);
        assert!(turn.stderr.contains(&format!("codex -- {word}")), "{}", turn.stderr);
    }
    let turn = run(world.program(&["fix", "sessions"]));
    assert_eq!(turn.code, 2);
    assert!(turn.stderr.contains("`fix` stands before a command"), "{}", turn.stderr);
    let turn = run(world.program(&["--plain", "sessions"]));
    assert_eq!(turn.code, 2);
    assert!(turn.stderr.contains("hint: "), "{}", turn.stderr);
}

#[test]
fn a_new_session_begins_line_by_line_on_a_terminal_that_is_dumb() {
    let world = World::playing(json!([runs("echo one > made"), says("Done."), says("Again.")]));
    let mut person = Terminal::start(&world.interface(&["do it"]));
    person.until("may this run?");
    person.until("y/s/n/a> ");
    assert_eq!(world.read("made"), None, "the settings ask, and nobody answered");
    person.types("n");
    person.until("Done.");
    person.until("> ");
    person.types("/quit");
    let (code, screen) = person.end();
    assert_eq!(code, 0, "{screen}");
    world.check_journal();

    let mut person = Terminal::start(&world.interface(&["--plain"]));
    person.until("> ");
    person.types("");
    person.until("> ");
    person.types("say it again");
    person.until("Again.");
    person.until("> ");
    person.types("/quit");
    assert_eq!(person.end().0, 0);
    let said = world.bodies().last().expect("asked").to_string();
    assert!(said.contains("say it again"), "{said}");
}
