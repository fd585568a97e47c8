//! Settings that explain themselves: what is said of each mistake, and what a shared home keeps.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;

use crate::support::{Turn, World, patches, piped, run, runs, says, tells_of_a_refusal};

const EXEC: [&str; 2] = ["exec", "--skip-git-repo-check"];

/// Every key of Codex 0.169.
const UPSTREAM: &str = include_str!("../../../../config/src/config/tests/upstream.toml");

/// What was said on stderr, with `~` for the home and `HERE` for the working folder.
fn told(world: &World, turn: &Turn) -> String {
    let text = |path: PathBuf| path.display().to_string();
    turn.stderr.replace(&text(world.home()), "~").replace(&text(world.work()), "HERE")
}

fn configured(world: &World, text: impl AsRef<[u8]>) {
    fs::write(world.home().join("config.toml"), text).expect("written");
}

/// Expects that nothing is run, and exactly these lines.
fn refused(world: &World, arguments: &[&str], lines: &[&str]) {
    let turn = run(world.program(&[&EXEC, arguments, &["go"]].concat()));
    assert_eq!((turn.code, turn.stdout.as_str()), (2, ""), "{}", turn.stderr);
    assert_eq!(told(world, &turn).lines().collect::<Vec<_>>(), lines, "{arguments:?}");
    assert!(!world.home().join("journals").exists(), "{arguments:?} left a session");
}

#[test]
fn a_mistake_in_the_file_is_told_with_its_place_and_a_remedy() {
    let world = World::silent();
    for (text, lines) in [
        (
            "# mine\nmodel = 4\n",
            [
                "error: ~/config.toml:2:9: `model` takes a string that is not empty, not an integer",
                "hint: give `model` text in quotes, as in \"text\"",
            ],
        ),
        (
            "model = o3\n",
            [
                "error: ~/config.toml:1:9: string values must be quoted, expected literal string",
                "hint: a line is key = value or [table], and text stands in quotes: \
                 model = \"o4-mini\"",
            ],
        ),
        (
            "model = \"o3\"\nnotify = [\"say\"\n",
            [
                "error: ~/config.toml:2:16: unclosed array, expected `]`",
                "hint: close what was opened there: [ with ], { with }, a quote with the same \
                 quote",
            ],
        ),
        (
            "model = \"o3\"\nmodel = \"o4\"\n",
            [
                "error: ~/config.toml:2:1: duplicate key `model`",
                "hint: a key or a table may stand once: keep one, and put what belongs together \
                 into it",
            ],
        ),
        (
            "sandbox_permissions = [\"disk-full-read-access\", \"disk-write-cvd\"]\n",
            [
                "error: ~/config.toml:1:49: `sandbox_permissions`: `disk-write-cvd` is not a \
                 recognised permission.",
                "hint: did you mean `disk-write-cwd`? permissions are disk-full-read-access, \
                 disk-write-platform-user-temp-folder, disk-write-platform-global-temp-folder, \
                 disk-write-cwd, disk-write-folder=<PATH>, disk-full-write-access, \
                 network-full-access",
            ],
        ),
        (
            "sandbox_permissions = [\"disk-write-folder=out\"]\n",
            [
                "error: ~/config.toml:1:24: `sandbox_permissions`: ~/out is not a usable folder: \
                 No such file or directory (os error 2)",
                "hint: create it with `mkdir -p ~/out`, or name another folder",
            ],
        ),
        (
            "sandbox_mode = \"workspace-write\"\n[sandbox_workspace_write]\n\
             writable_roots = [\"/nonexistent\"]\n",
            [
                "error: ~/config.toml:3:19: `sandbox_workspace_write.writable_roots`: \
                 /nonexistent is not a usable folder: No such file or directory (os error 2)",
                "hint: create it with `mkdir -p /nonexistent`, or name another folder",
            ],
        ),
        (
            "approval_policy = \"sometimes\"\n",
            [
                "error: ~/config.toml:1:19: `approval_policy` can't be `sometimes`",
                "hint: it takes one of: unless-allow-listed, untrusted, on-failure, \
                 on-request, never",
            ],
        ),
        (
            "model_provider = \"olama\"\n[model_providers.mine]\nbase_url = \"http://x\"\n",
            [
                "error: ~/config.toml:1:18: there is no model provider `olama`",
                "hint: did you mean `ollama`? the providers are: lmstudio, mine, ollama, openai; \
                 a new one is a table [model_providers.ID]",
            ],
        ),
    ] {
        configured(&world, text);
        refused(&world, &[], &lines);
    }
}

#[test]
fn a_mistake_on_the_command_line_names_its_flag() {
    let world = World::silent();
    let override_hint =
        "hint: write -c key=value, as in -c model=o4-mini or -c 'model_providers.x.name=\"x\"'";
    for (arguments, lines) in [
        (&["-c", "model"][..], ["error: -c model: there is no `=`", override_hint]),
        (&["-c", "=o3"], ["error: -c =…: a part of its key is empty", override_hint]),
        (
            &["-c", "model=\"o3"],
            ["error: -c model: a quote in its value is never closed", override_hint],
        ),
        (
            &["--config", "model.name=\"o3\""],
            [
                "error: -c model.name: `model` takes a string that is not empty, not a table",
                "hint: give `model` text in quotes, as in \"text\"",
            ],
        ),
        (
            &["-c", "notify=[say]"],
            [
                "error: -c notify: `notify` takes an array of strings, not a string",
                "hint: a value that is not valid TOML is taken as a string: check its quotes and \
                 brackets",
            ],
        ),
        (
            &["-s", "workspace_write"],
            [
                "error: -s: `workspace_write` is not a recognised permission.",
                "hint: did you mean `workspace-write`? permissions are disk-full-read-access, \
                 disk-write-platform-user-temp-folder, disk-write-platform-global-temp-folder, \
                 disk-write-cwd, disk-write-folder=<PATH>, disk-full-write-access, \
                 network-full-access; or read-only, workspace-write, danger-full-access",
            ],
        ),
        (
            &["-s", "disk-write-folder=/nonexistent"],
            [
                "error: -s: /nonexistent is not a usable folder: \
                 No such file or directory (os error 2)",
                "hint: create it with `mkdir -p /nonexistent`, or name another folder",
            ],
        ),
        (
            &["--add-dir", "more"],
            [
                "error: --add-dir: HERE/more is not a usable folder: \
                 No such file or directory (os error 2)",
                "hint: create it with `mkdir -p HERE/more`, or name another folder",
            ],
        ),
        (
            &["-C", "/nonexistent"],
            [
                "error: -C: /nonexistent is not a usable folder: \
                 No such file or directory (os error 2)",
                "hint: -C takes a folder that exists and that you may enter",
            ],
        ),
        (
            &["--cd", "/dev/null"],
            [
                "error: -C: /dev/null is not a usable folder: not a directory",
                "hint: -C takes a folder that exists and that you may enter",
            ],
        ),
    ] {
        refused(&world, arguments, &lines);
    }
    // What stands behind the `=` may be a secret.
    let turn = run(world.program(&["exec", "-c", "\"a=hunter2", "go"]));
    assert!(turn.code == 2 && !turn.stderr.contains("hunter2"), "{}", turn.stderr);
}

#[test]
fn a_key_that_nobody_knows_is_a_warning_or_with_strictness_an_error() {
    let world = World::playing(json!([says("done")]));
    configured(&world, "model = \"o3\"\n\n[sandbox_workspace_write]\nnetwork_acess = true\n");
    let turn = run(world.exec(&["go"]));
    assert_eq!((turn.code, turn.stdout.as_str()), (0, "done\n"), "{}", turn.stderr);
    let warning = "warning: ~/config.toml:4:1: unknown key \
                   `sandbox_workspace_write.network_acess`; \
                   did you mean `sandbox_workspace_write.network_access`?";
    assert_eq!(told(&world, &turn).lines().next(), Some(warning));

    let world = World::silent();
    configured(&world, "model = \"o3\"\nmodle = \"o4\"\n");
    refused(
        &world,
        &["--strict-config"],
        &[
            "error: ~/config.toml:2:1: unknown key `modle`",
            "hint: did you mean `model`? without --strict-config it is only a warning",
        ],
    );
    configured(&world, "profile = \"work\"\n");
    refused(
        &world,
        &["--strict-config"],
        &[
            "error: ~/config.toml:1:1: `profile` is not a setting any more",
            "hint: move what you use to the top of the file, or into a home of its own \
             (CODEX_HOME); without --strict-config it is only a warning",
        ],
    );
}

#[test]
fn an_odd_file_is_read_or_refused_and_never_waited_for() {
    let world = World::silent();
    let config = world.home().join("config.toml");
    let replace = "hint: put a text file there, or move it away to run with the defaults";

    fs::create_dir(&config).expect("a folder");
    let error = "error: ~/config.toml: is a folder, where a small text file belongs";
    refused(&world, &[], &[error, replace]);
    fs::remove_dir(&config).expect("removed");

    symlink("elsewhere.toml", &config).expect("a link");
    let error = "error: ~/config.toml: is a link to nothing, where a small text file belongs";
    refused(&world, &[], &[error, replace]);
    fs::remove_file(&config).expect("removed");

    let made = std::process::Command::new("mkfifo").arg(&config).status().expect("mkfifo");
    assert!(made.success());
    let error = "error: ~/config.toml: is a pipe or a device, where a small text file belongs";
    refused(&world, &[], &[error, replace]);
    fs::remove_file(&config).expect("removed");

    configured(&world, b"model = \"o3\"\n# caf\xe9\n");
    let error = "error: ~/config.toml:2:6: not valid UTF-8 from here on";
    refused(&world, &[], &[error, "hint: save the file as UTF-8"]);

    // The last key of each is read, as the complaint about it shows.
    let megabyte = "[projects.\"/srv/é\"]\ntrust_level = \"trusted\"\n";
    let megabyte: String = (0..30_000).map(|at| megabyte.replace('é', &format!("é{at}"))).collect();
    for (text, place) in [
        ("\u{feff}sandbox_level = \"x\"".to_owned(), "1:17"),
        ("model = \"o3\"\r\n\r\nsandbox_level = \"x\"\r\n".to_owned(), "3:17"),
        (format!("{megabyte}[model_providers.x]\nname = 1\n"), "60002:8"),
    ] {
        configured(&world, &text);
        let turn = run(world.program(&[&EXEC[..], &["go"]].concat()));
        let expected = format!("error: ~/config.toml:{place}: ");
        assert!(told(&world, &turn).starts_with(&expected), "{}", turn.stderr);
        assert_eq!(turn.code, 2);
    }
}

#[test]
fn an_added_folder_can_be_written_to_unless_read_only_was_asked_for() {
    for (flags, written, warned) in [
        (&["-s", "workspace-write"][..], true, false),
        (&["--full-auto"], true, false),
        (&[], true, false),
        (&["-s", "read-only"], false, true),
    ] {
        let world = World::playing(json!([runs("touch ../more/a ../other/b; true"), says("ok")]));
        for folder in ["more", "other"] {
            fs::create_dir(world.path(folder)).expect("a folder");
        }
        let turn = world.turn(&[flags, &["--add-dir", "../more"]].concat());
        assert_eq!(turn.code, 0, "{}", turn.stderr);
        assert_eq!(world.path("more/a").exists(), written, "{flags:?}: {:?}", turn.outputs());
        assert!(!world.path("other/b").exists(), "{flags:?}");
        let warning = "warning: --add-dir ../more: stays read-only, as -s asks; \
                       -s workspace-write lets commands write there\n";
        assert_eq!(turn.stderr.contains(warning), warned, "{flags:?}: {}", turn.stderr);
        world.check_replay(&turn);
    }
}

#[test]
fn the_command_line_of_the_typescript_kit_is_understood() {
    let world =
        World::playing(json!([runs("env; touch ../more/a; touch made-here"), says("done")]));
    fs::create_dir(world.path("more")).expect("a folder");
    fs::create_dir(world.path("start")).expect("a folder");
    let base_url = format!("openai_base_url=\"{}\"", world.base_url());
    let (work, more) = (world.work(), world.path("more"));
    let [work, more] = [&work, &more].map(|path| path.to_str().expect("text"));
    let mut command = world.program(&[
        "exec",
        "--experimental-json",
        "--config",
        "mcp_servers={}",
        "--config",
        "tools.web_search=false",
        "--config",
        "project_doc_fallback_filenames=[\"A.md\", \"B \\\"c\\\".md\"]",
        "--config",
        "instructions=\"Say \\\"done\\\".\\nThen stop.\"",
        "--config",
        &base_url,
        "--model",
        "scripted",
        "--thread-source",
        "sdk",
        "--sandbox",
        "workspace-write",
        "--cd",
        work,
        "--add-dir",
        more,
        "--skip-git-repo-check",
        "--config",
        "model_reasoning_effort=\"high\"",
        "--config",
        "sandbox_workspace_write.network_access=false",
        "--config",
        "web_search=\"disabled\"",
        "--config",
        "approval_policy=\"on-request\"",
    ]);
    command
        .current_dir(world.path("start"))
        .env("CODEX_API_KEY", "the-key-of-the-kit")
        .env("OPENAI_API_KEY", "another-key-of-mine")
        .env("CODEX_INTERNAL_ORIGINATOR_OVERRIDE", "codex_sdk_ts");
    let turn = piped(command, b"Do the task.");
    assert_eq!(turn.code, 0, "{}", turn.stderr);
    assert!(turn.lines().iter().all(serde_json::Value::is_object));
    assert!(world.read("made-here").is_some() && world.path("more/a").exists());
    assert_eq!(
        turn.stderr.lines().nth(1),
        Some(
            "warning: -c mcp_servers: no effect in this program: mcp_servers, \
             project_doc_fallback_filenames, tools, web_search"
        )
    );

    let body = &world.bodies()[0];
    assert_eq!(body["model"], "scripted");
    assert_eq!(body["reasoning"]["effort"], "high");
    assert!(body["instructions"].as_str().expect("text").ends_with("Say \"done\".\nThen stop."));
    assert_eq!(world.headers("authorization"), ["Bearer the-key-of-the-kit"; 2]);
    // Neither key reaches a command, nor the journal.
    let [output] = &turn.outputs()[..] else { panic!("{:?}", turn.outputs()) };
    assert!(output.contains("CODEX_INTERNAL_ORIGINATOR_OVERRIDE=codex_sdk_ts"), "{output}");
    assert!(!output.contains("-key-of-"), "{output}");
    let raw = run(world.program(&["replay", "--last", "--raw"]));
    assert!(!raw.stdout.contains("-key-of-"));
    world.check_replay(&turn);
}

/// What is in a home: bytes, mode and time of each file and folder.
type Files = BTreeMap<PathBuf, (Vec<u8>, u32, SystemTime)>;

fn files(folder: &Path, found: &mut Files) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        let meta = fs::symlink_metadata(&path).expect("there");
        let bytes = if meta.is_file() { fs::read(&path).expect("readable") } else { Vec::new() };
        let modified = meta.modified().expect("a time");
        found.insert(path.clone(), (bytes, meta.permissions().mode(), modified));
        if meta.is_dir() {
            files(&path, found);
        }
    }
}

#[test]
fn nothing_that_codex_keeps_in_a_shared_home_is_ever_changed() {
    let world = World::playing(json!([
        runs("echo x >> $CODEX_HOME/auth.json; echo y > $CODEX_HOME/rules/new.rules; true"),
        patches("*** Begin Patch\n*** Add File: a.txt\n+x\n*** End Patch\n"),
        says("done"),
        {"fault": {"kind": "status", "code": 400, "body": {"error": {"message": "no"}}}}
    ]));
    let rollout = "sessions/2026/11/20/rollout-2026-11-20T10-00-00-\
                   01a20616-6896-7577-b949-eebfebfb6ddf.jsonl";
    for (name, text) in [
        ("config.toml", UPSTREAM),
        ("auth.json", "{\"OPENAI_API_KEY\": \"sk-mine\"}"),
        ("history.jsonl", "{\"session_id\":\"x\",\"ts\":1,\"text\":\"hi\"}\n"),
        ("version.json", "{}"),
        ("AGENTS.md", "# mine\n"),
        ("state_5.sqlite", "SQLite format 3\0"),
        ("state_5.sqlite-wal", "wal"),
        ("logs_2.sqlite", "SQLite format 3\0"),
        ("rules/default.rules", "prefix_rule(pattern=[\"ls\"])\n"),
        ("log/codex-tui.log", "log\n"),
        ("skills/a/SKILL.md", "---\nname: a\n---\n"),
        ("archived_sessions/old.jsonl", "{}\n"),
        (rollout, "{\"timestamp\":\"2026-11-20T10:00:00.000Z\",\"type\":\"session_meta\"}\n"),
    ] {
        let path = world.home().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, text).expect("written");
    }
    let then = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let mut before = Files::new();
    files(&world.home(), &mut before);
    for path in before.keys() {
        fs::File::open(path).and_then(|file| file.set_modified(then)).expect("aged");
    }
    before.clear();
    files(&world.home(), &mut before);

    let done = run(world.exec(&["--strict-config", "--full-auto", "go"]));
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(world.read("a.txt").as_deref(), Some("x\n"));
    assert_eq!(run(world.exec(&["go"])).code, 1);
    assert_eq!(run(world.exec(&["-c", "model=1", "go"])).code, 2);
    for (arguments, code) in [
        (&["replay", "--last"][..], 0),
        (&["replay", "--last", "--json"], 0),
        (&["replay", "--last", "--verify"], 0),
        (&["replay", "01a20616"], 2),
        (&["sessions"], 0),
        (&["sandbox", "--", "sh", "-c", "echo x >> $CODEX_HOME/auth.json || exit 1"], 1),
        (&["apply-patch", "*** Begin Patch\n*** Delete File: a.txt\n*** End Patch\n"], 0),
        (&["demo", "--program", "shell"], 0),
        (&["completion", "bash"], 0),
    ] {
        let turn = run(world.program(arguments));
        assert_eq!(turn.code, code, "{arguments:?}: {}", turn.stderr);
    }

    let mut after = Files::new();
    files(&world.home(), &mut after);
    after.retain(|path, _| !path.starts_with(world.home().join("journals")));
    for (path, was) in &before {
        let path_text = path.display();
        assert!(after.get(path) == Some(was), "{path_text} was changed");
    }
    assert!(after.len() == before.len(), "new: {:?}", after.keys().collect::<Vec<_>>());
}

#[test]
fn options_of_exec_may_stand_before_the_word() {
    let line = "echo x > ../outside && echo out";
    let world = World::playing(json!([
        runs(line),
        says("one"),
        runs(line),
        says("two"),
        runs(line),
        says("three"),
    ]));
    let base_url = format!("openai_base_url=\"{}\"", world.base_url());
    let wrapper = |before: &[&str], after: &[&str]| {
        let fixed =
            ["exec", "--json", "--color", "never", "--skip-git-repo-check", "-c", &base_url];
        let mut command = world.program(&[before, &fixed, after].concat());
        command.env("OPENAI_API_KEY", "a-key");
        piped(command, b"Do the task.")
    };
    let first = wrapper(&["--dangerously-bypass-approvals-and-sandbox"], &["--model", "m", "-"]);
    assert_eq!((first.code, first.outputs()), (0, vec!["out\n".to_owned()]), "{}", first.stderr);
    let id = first.lines()[0]["thread_id"].as_str().expect("an id").to_owned();
    let second = wrapper(&["--yolo"], &["resume", &id, "-"]);
    assert_eq!((second.code, second.outputs()), (0, vec!["out\n".to_owned()]), "{}", second.stderr);
    let careful = wrapper(&["--ask-for-approval", "never", "-m", "n"], &["-"]);
    assert_eq!(careful.code, 0, "{}", careful.stderr);
    assert!(tells_of_a_refusal(&careful.outputs()[0]), "{:?}", careful.outputs());
    let models: Vec<_> = world.bodies().iter().map(|body| body["model"].clone()).collect();
    assert_eq!(models, ["m", "m", "m", "m", "n", "n"]);

    for (before, after, says) in [
        (&["--yolo"][..], &["--full-auto"][..], "exclude each other"),
        (&["-a", "sometimes"], &[], "can't be `sometimes`"),
    ] {
        let refused = wrapper(before, &[after, &["-"]].concat());
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        assert!(refused.stderr.contains(says), "{}", refused.stderr);
    }
    let misplaced = run(world.program(&["--yolo", "sandbox", "--", "true"]));
    assert_eq!(misplaced.code, 2);
    assert!(misplaced.stderr.contains("belong to exec"), "{}", misplaced.stderr);
}
