//! What the machine gives to a sandbox: shown by the doctor, told by a session, refused below the
//! floor.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Turn, World, run, runs, says};

fn doctor(world: &World, arguments: &[&str]) -> Turn {
    run(world.program(&[&["doctor"], arguments].concat()))
}

fn report(world: &World, arguments: &[&str]) -> (i32, Value) {
    let turn = doctor(world, &[&["--json"], arguments].concat());
    let report = serde_json::from_str(&turn.stdout).expect("one JSON object");
    (turn.code, report)
}

/// Names of findings in a state.
fn names(report: &Value, list: &str, state: &str) -> Vec<String> {
    let all = report[list].as_array().expect("a list").iter();
    let found = all.filter(|finding| finding["state"] == state);
    found.map(|finding| finding["name"].as_str().expect("a name").to_owned()).collect()
}

/// The same command where nobody may have a namespace; none where this machine lets nobody make
/// such a place.
fn without_namespaces(command: &Command) -> Option<Command> {
    let mut inside = Command::new("unshare");
    let script = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\"";
    inside.args(["--user", "--map-root-user", "sh", "-c", script, "sh"]);
    let test = Command::new("unshare")
        .args([
            "--user",
            "--map-root-user",
            "sh",
            "-c",
            "echo 0 > /proc/sys/user/max_user_namespaces",
        ])
        .output();
    if !test.is_ok_and(|output| output.status.success()) {
        return None;
    }
    inside.arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        inside.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => inside.env(name, value),
            None => inside.env_remove(name),
        };
    }
    inside.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Some(inside)
}

#[test]
fn it_shows_each_layer_and_never_a_key() {
    let world = World::silent();
    let mut command = world.program(&["doctor"]);
    command.env("CODEX_API_KEY", "canary-key").env("OPENAI_API_KEY", "canary-key");
    let shown = run(command);
    assert_eq!(shown.code, 0, "{}{}", shown.stdout, shown.stderr);
    for name in
        ["seccomp", "close_range", "landlock", "namespaces", "home", "settings", "key", "git"]
    {
        assert!(shown.stdout.contains(name), "{name}: {}", shown.stdout);
    }
    assert!(!shown.stdout.contains("canary") && !shown.stdout.contains('\x1b'));
    let (code, report) = report(&world, &[]);
    assert_eq!((code, &report["exit"], &report["asked"]), (0, &json!(0), &json!("auto")));
    assert!(["full", "landlock"].contains(&report["level"].as_str().expect("a level")));
    assert!(names(&report, "layers", "bad").is_empty(), "{report}");
    let painted = doctor(&world, &["--color", "always"]);
    assert!(painted.stdout.contains("\x1b[32mok"), "{}", painted.stdout);
    let mut plain = world.program(&["doctor", "--color", "auto"]);
    plain.env("NO_COLOR", "1");
    assert!(!run(plain).stdout.contains('\x1b'));
}

#[test]
fn by_itself_it_is_a_line_for_each_thing_and_what_to_do() {
    let world = World::silent();
    for flags in
        [&[][..], &["--without-namespaces"], &["--without-namespaces", "--landlock-abi", "2"]]
    {
        let (code, report) = report(&world, flags);
        let short = doctor(&world, flags);
        assert_eq!(short.code, code, "{}", short.stderr);
        let all = ["layers", "checks"].map(|list| report[list].as_array().expect("a list"));
        let all: Vec<&Value> = all.into_iter().flatten().collect();
        // A headline and what more there is, with an empty line around each part.
        let remedies = all.iter().filter(|finding| finding["remedy"].is_string()).count();
        assert_eq!(short.stdout.lines().count(), all.len() + remedies + 5, "{}", short.stdout);
        for finding in &all {
            let mark = match (finding["state"].as_str(), finding["gives"].is_string()) {
                (Some("good"), _) => "ok      ",
                (Some("weak"), true) => "degraded",
                (Some("weak"), false) => "warning ",
                (Some("bad"), true) => "missing ",
                (Some("bad"), false) => "broken  ",
                other => panic!("{other:?}"),
            };
            let name = finding["name"].as_str().expect("a name");
            let line = format!("  {mark}  {name}");
            assert!(
                short.stdout.lines().any(|it| it.starts_with(&line)),
                "{line}: {}",
                short.stdout
            );
            for (part, shown) in [("remedy", true), ("gives", false), ("lost", false)] {
                let Some(words) = finding[part].as_str() else { continue };
                assert_eq!(short.stdout.contains(words), shown, "{words}: {}", short.stdout);
            }
        }
        for word in ["--verbose", "--all"] {
            let long = doctor(&world, &[&[word], flags].concat()).stdout;
            let told = all.iter().flat_map(|it| [&it["gives"], &it["lost"], &it["remedy"]]);
            let limits = report["limits"].as_array().expect("a list");
            for words in told.chain(limits).filter_map(Value::as_str) {
                assert!(long.contains(words), "{words}: {long}");
            }
        }
    }
}

#[test]
fn a_lesser_machine_can_be_pretended_down_to_none() {
    let world = World::silent();
    let (_, found) = report(&world, &[]);
    for abi in 0..=10 {
        let abi = abi.to_string();
        let flags = ["--without-namespaces", "--landlock-abi", abi.as_str()];
        let (code, report) = report(&world, &flags);
        let marker = world.work().join("ran");
        let wrapped =
            [&["debug", "landlock"], &flags[..], &["-s", "workspace-write", "--"]].concat();
        let ran = run(world.program(&[&wrapped[..], &["touch", "ran"]].concat()));
        if abi.parse::<u8>().expect("a number") < 3 {
            assert_eq!((code, &report["level"]), (6, &Value::Null), "ABI {abi}");
            assert!(!names(&report, "layers", "bad").is_empty());
            assert_eq!(ran.code, 125, "{}", ran.stderr);
            assert!(ran.stderr.contains("hint: `codex doctor`"), "{}", ran.stderr);
            assert!(!marker.exists(), "nothing was run");
        } else {
            assert_eq!((code, &report["level"]), (0, &json!("landlock")), "ABI {abi}");
            assert!(names(&report, "layers", "weak").contains(&"namespaces".to_owned()));
            assert!(report["limits"].to_string().contains("`.git`"), "{report}");
            assert_eq!(ran.code, 0, "{}", ran.stderr);
            std::fs::remove_file(marker).expect("it ran");
        }
    }
    if found["level"] == "full" {
        let (code, report) = report(&world, &["--landlock-abi", "0"]);
        assert_eq!((code, &report["level"]), (0, &json!("full")), "namespaces alone carry it");
        assert!(names(&report, "layers", "weak").contains(&"landlock".to_owned()));
    }
}

#[test]
fn settings_that_cannot_be_read_are_named() {
    let world = World::silent();
    std::fs::write(world.home().join("config.toml"), "model = [\n").expect("written");
    let (code, report) = report(&world, &[]);
    assert_eq!((code, &report["exit"]), (2, &json!(2)));
    assert_eq!(names(&report, "checks", "bad"), ["settings"]);
    assert!(doctor(&world, &[]).stdout.contains("config.toml"));
}

#[test]
fn the_mark_below_a_wrong_rule_stays_below_it() {
    let world = World::silent();
    std::fs::create_dir_all(world.home().join("rules")).expect("made");
    std::fs::write(world.home().join("rules/x.rules"), "prefix_rule([\"a\"\n").expect("written");
    let turn = doctor(&world, &[]);
    let column = |part: &str| {
        turn.stdout.lines().find_map(|line| line.find(part)).expect("a line that holds it")
    };
    let at = column("  1 | prefix_rule");
    assert_eq!((turn.code, at), (2, column("do: put `]`")), "{}", turn.stdout);
}

#[test]
fn a_session_says_once_what_the_machine_does_not_give() {
    let world = World::playing(json!([runs("true"), says("done"), says("again")]));
    let Some(command) = without_namespaces(&world.exec(&["--full-auto", "do it"])) else {
        eprintln!("skipped: this machine lets nobody have a user namespace");
        return;
    };
    let turn = run(command);
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    let told: Vec<&str> =
        turn.stderr.lines().filter(|line| line.contains("the level landlock only")).collect();
    assert_eq!(told.len(), 1, "{}", turn.stderr);
    assert!(told[0].contains("user.max_user_namespaces"), "{}", told[0]);
    let raw = run(world.program(&["replay", "--last", "--raw"])).stdout;
    let opened: Value =
        raw.lines().next().and_then(|line| serde_json::from_str(line).ok()).expect("an event");
    let missing = &opened["body"]["sandbox"]["missing"];
    assert!(missing.to_string().contains("namespaces (refused)"), "{opened}");

    let full = world.exec(&["-c", "sandbox_level=full", "--full-auto", "do it"]);
    let refused = run(without_namespaces(&full).expect("as before"));
    assert_eq!(refused.code, 6, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("`full` is not available here: namespaces"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_home_in_the_project_is_covered_or_refused() {
    let world = World::playing(json!([
        runs(
            "cat .agent/auth.json; echo evil > .agent/config.toml; mv .agent away; ls .agent; echo ran"
        ),
        says("done")
    ]));
    let inside = world.work().join(".agent");
    std::fs::rename(world.home(), &inside).expect("moved");
    std::fs::write(inside.join("auth.json"), "canary").expect("written");
    let settings = std::fs::read(inside.join("config.toml")).ok();
    let is_full = report(&world, &[]).1["level"] == "full";
    let mut command = world.exec(&["--json", "-s", "workspace-write", "do it"]);
    command.env("CODEX_HOME", &inside);
    let turn = run(command);
    assert_eq!(std::fs::read(inside.join("config.toml")).ok(), settings);
    if is_full {
        assert_eq!(turn.code, 0, "{}", turn.stderr);
        let output = &turn.outputs()[0];
        assert!(output.contains("ran") && !output.contains("canary"), "{output}");
    } else {
        assert_eq!(turn.code, 2, "{}", turn.stderr);
        assert!(turn.stderr.contains("contains the agent's own home"), "{}", turn.stderr);
    }
}

#[test]
fn roots_are_what_they_really_are() {
    let world = World::silent();
    let outside = world.path("outside");
    std::fs::create_dir(&outside).expect("made");
    std::os::unix::fs::symlink(&outside, world.path("link")).expect("linked");
    std::fs::write(world.path("file"), "").expect("written");
    let writing = |folder: &str| {
        let permission = format!("disk-write-folder={}", world.path(folder).display());
        let line = format!("echo x > {}/made", world.path("outside").display());
        let flags = ["sandbox", "-s", "disk-full-read-access", "-s", &permission];
        run(world.program(&[&flags[..], &["--", "sh", "-c", &line]].concat()))
    };
    assert_eq!(writing("link").code, 0, "a link means what it points to");
    assert!(outside.join("made").exists());
    for (folder, words) in
        [("nowhere", "is not a usable folder"), ("file", "is not a usable folder")]
    {
        let refused = writing(folder);
        assert_eq!(refused.code, 125, "{folder}: {}", refused.stderr);
        assert!(
            refused.stderr.contains(words) && refused.stderr.contains("hint:"),
            "{}",
            refused.stderr
        );
    }
    let unknown = run(world.program(&["sandbox", "-s", "disk-write-everything", "--", "true"]));
    assert_eq!(unknown.code, 2, "{}", unknown.stderr);
    assert!(unknown.stderr.contains("not a recognised permission"), "{}", unknown.stderr);
}

#[test]
fn a_wrapper_explains_its_plan_and_runs_nothing() {
    let world = World::silent();
    let explained = |flags: &[&str]| {
        let words = [&["sandbox", "--full-auto", "--explain"], flags].concat();
        let turn = run(world.program(&[&words[..], &["--", "touch", "ran"]].concat()));
        assert_eq!((turn.code, turn.stderr.as_str()), (0, ""));
        assert!(!world.work().join("ran").exists(), "nothing was run");
        turn.stdout
    };
    let best = explained(&[]);
    for words in ["\nwrite    ", "\nnetwork  no", "does not hold:", "new repositories"] {
        assert!(best.contains(words), "{words}: {best}");
    }
    let less = explained(&["--without-namespaces", "--landlock-abi", "4"]);
    assert!(less.starts_with("level    landlock (landlock ABI 4)\n"), "{less}");
    for words in ["`.git` and project settings", "This machine lacks:", "namespaces (refused)"] {
        assert!(less.contains(words), "{words}: {less}");
    }
    let alone = run(world.program(&["sandbox", "--explain"]));
    assert_eq!(alone.code, 0, "no command is needed: {}", alone.stderr);
    assert!(alone.stdout.contains("\nwrite    nothing\n"), "{}", alone.stdout);
    assert_eq!(run(world.program(&["sandbox"])).code, 2, "else it is");
    assert!(run(world.program(&["sandbox", "--help"])).stdout.contains("--explain"));
}

#[test]
fn every_place_tells_the_same_version_of_landlock() {
    let world = World::playing(json!([runs("true"), says("done")]));
    let (_, report) = report(&world, &[]);
    let layers = report["layers"].as_array().expect("a list");
    let found = layers.iter().find(|it| it["name"] == "landlock").expect("a layer")["found"]
        .as_str()
        .expect("words")
        .to_owned();
    let Some(abi) = found.strip_prefix("ABI ").and_then(|it| it.split(' ').next()) else {
        eprintln!("skipped: no landlock here");
        return;
    };
    let explained = run(world.program(&["sandbox", "--explain"])).stdout;
    assert!(explained.contains(&format!("landlock ABI {abi}")), "{explained}");
    assert_eq!(run(world.exec(&["do it"])).code, 0);
    let raw = run(world.program(&["replay", "--last", "--raw"])).stdout;
    let opened: Value =
        raw.lines().next().and_then(|line| serde_json::from_str(line).ok()).expect("an event");
    assert_eq!(opened["body"]["sandbox"]["landlock_abi"].to_string(), abi);
}
