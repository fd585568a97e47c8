//! What commands see of the environment.

use serde_json::json;

use crate::support::{World, bytes, run, runs, says};

fn settings(world: &World, text: &str) {
    std::fs::write(world.home().join("config.toml"), text).expect("written");
}

/// The environment that a command of a session sees, by lines.
fn seen(world: &World, settings_text: &str) -> Vec<String> {
    settings(world, settings_text);
    let mut command = world.exec(&["--json", "--full-auto", "go"]);
    command.env("MY_TOKEN", "t0ken-of-mine").env("AWS_REGION", "here").env("KEPT", "yes");
    command.env("LD_PRELOAD", "");
    let turn = run(command);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    turn.outputs()[0].lines().map(str::to_owned).collect()
}

fn world() -> World {
    World::playing(json!([runs("exec env"), says("looked")]))
}

#[test]
fn settings_choose_what_commands_inherit() {
    let has = |lines: &[String], line: &str| lines.iter().any(|it| it.starts_with(line));
    let lines = seen(&world(), "");
    assert!(has(&lines, "KEPT=yes") && has(&lines, "AWS_REGION=here"), "{lines:?}");
    assert!(!has(&lines, "MY_TOKEN=") && !has(&lines, "LD_PRELOAD="), "{lines:?}");
    for name in ["CODEX_SESSION_ID=", "CODEX_THREAD_ID=", "CODEX_TOOL_CALL_ID=1", "CODEX_CI=1"] {
        assert!(has(&lines, name), "{name}: {lines:?}");
    }

    let lines = seen(
        &world(),
        "[shell_environment_policy]\nexclude = [\"aws_*\"]\nset = { GREETING = \"hello\" }\n",
    );
    assert!(has(&lines, "KEPT=yes") && has(&lines, "GREETING=hello"), "{lines:?}");
    assert!(!has(&lines, "AWS_REGION="), "{lines:?}");

    let lines = seen(&world(), "[shell_environment_policy]\ninherit = \"core\"\n");
    assert!(has(&lines, "HOME=") && has(&lines, "PATH=") && !has(&lines, "KEPT="), "{lines:?}");

    let lines =
        seen(&world(), "[shell_environment_policy]\ninclude_only = [\"PATH\", \"AWS_*\"]\n");
    assert!(
        has(&lines, "PATH=") && has(&lines, "AWS_REGION=") && !has(&lines, "HOME="),
        "{lines:?}"
    );
    assert!(has(&lines, "TERM=dumb") && has(&lines, "CODEX_SESSION_ID="), "{lines:?}");
}

#[test]
fn lifting_the_default_is_said_and_what_is_always_removed_stays_so() {
    let world = world();
    settings(&world, "[shell_environment_policy]\nignore_default_excludes = true\n");
    let mut command = world.exec(&["--json", "--full-auto", "go"]);
    command.env("MY_TOKEN", "t0ken-of-mine").env("GIT_DIR", "/nowhere");
    let turn = run(command);
    assert!(
        turn.stderr.contains("config.toml:2:") && turn.stderr.contains("tokens"),
        "{}",
        turn.stderr
    );
    let output = &turn.outputs()[0];
    // The command has it; the journal and the model have its name.
    assert!(output.contains("MY_TOKEN=[redacted:MY_TOKEN:"), "{output}");
    assert!(!output.contains("GIT_DIR"), "{output}");
}

#[test]
fn what_settings_set_under_the_name_of_a_secret_is_one() {
    let world = World::playing(json!([
        runs("echo $MY_API_KEY $GREETING; test ${#MY_API_KEY} = 21 && echo whole"),
        says("looked")
    ]));
    settings(
        &world,
        "[shell_environment_policy.set]\nMY_API_KEY = \"s3t-for-commands-only\"\n\
         GREETING = \"hello-to-commands\"\n",
    );
    let turn = world.turn(&["--full-auto"]);
    let output = &turn.outputs()[0];
    assert!(output.contains("[redacted:MY_API_KEY:"), "{output}");
    assert!(output.contains("hello-to-commands\nwhole\n"), "{output}");
    let stored = bytes(world.home().join("journals"));
    let holds = |text: &[u8], word: &str| text.windows(word.len()).any(|it| it == word.as_bytes());
    assert!(stored.iter().all(|(_, text)| !holds(text, "s3t-for-commands-only")));
}

#[test]
fn the_wrapper_obeys_the_settings_too() {
    let world = World::silent();
    settings(
        &world,
        "[shell_environment_policy]\nset = { GREETING = \"hello\" }\nexclude = [\"KEPT\"]\n",
    );
    let mut command = world.program(&["sandbox", "--", "env"]);
    command.env("KEPT", "yes").env("MY_TOKEN", "x");
    let turn = run(command);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    assert!(turn.stdout.contains("GREETING=hello"), "{}", turn.stdout);
    assert!(
        !turn.stdout.contains("KEPT=") && !turn.stdout.contains("MY_TOKEN="),
        "{}",
        turn.stdout
    );

    settings(&world, "[shell_environment_policy]\ninherit = \"some\"\n");
    let turn = run(world.program(&["sandbox", "--", "env"]));
    assert_eq!(turn.code, 125, "a broken setting is not passed over");
    assert!(
        turn.stderr.contains("config.toml:2:") && turn.stderr.contains("hint: "),
        "{}",
        turn.stderr
    );
}
