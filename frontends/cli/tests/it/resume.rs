//! Taking a session up again: after its end, after a crash, with its own settings.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{
    Moments, Running, Turn, World, eventually, patches, piped, processes, provider, run, runs, says,
};

/// Trials of the tests that kill; `RESUME_TRIALS` sets another number.
fn trials(usual: u64) -> u64 {
    let set = std::env::var("RESUME_TRIALS").ok().and_then(|text| text.parse().ok());
    set.unwrap_or(usual)
}

/// `codex exec resume` with these words, as JSON.
fn resume(world: &World, words: &[&str]) -> Turn {
    run(world.exec(&[&["resume", "--json"], words].concat()))
}

fn thread(turn: &Turn) -> String {
    turn.lines()[0]["thread_id"].as_str().expect("an id").to_owned()
}

/// Whole lines alone: a kill can cut the last one.
fn whole(printed: &str) -> &str {
    printed.rfind('\n').map_or("", |end| &printed[..=end])
}

/// All that the processes of a session printed is what its replay prints. Of what a killed process
/// had in its journal, the last lines may not have been printed any more.
fn check_joined(world: &World, killed: &str, printed: &[&str]) {
    let replayed = run(world.program(&["replay", "--last", "--json"]));
    let rest = replayed.stdout.strip_prefix(killed).expect("what was printed is in the journal");
    let unprinted = rest.strip_suffix(&printed.concat()).expect("so is what followed");
    assert!(!unprinted.contains("thread.started"), "{unprinted}");
    world.check_journal();
}

/// Starts a turn, and kills it while its first command runs.
fn killed_in_a_command(world: &World, mark: &str) -> String {
    let mut running = Running::start(world.exec(&["--json", "--full-auto", "go"]));
    running.until("item.started");
    eventually("the command runs", || counted(world) == 1);
    running.signal(Signal::KILL);
    let killed = running.end();
    assert_eq!(killed.code, 137);
    eventually("the command ended with it", || processes(mark) == 0);
    whole(&killed.stdout).to_owned()
}

fn outputs(body: &Value) -> Vec<&str> {
    let items = body["input"].as_array().expect("items");
    let outputs = items.iter().filter(|item| item["type"] == "function_call_output");
    outputs.map(|item| item["output"].as_str().expect("text")).collect()
}

fn counted(world: &World) -> usize {
    world.read("counter").unwrap_or_default().lines().count()
}

#[test]
fn a_killed_call_is_never_run_again_and_the_model_is_told() {
    for trial in 0..trials(4) {
        let mark = format!("77{trial}.{}", std::process::id());
        let line = format!("echo run >> counter; sleep {mark}");
        let world = World::playing(json!([runs(&line), says("I will look first.")]));
        let first = killed_in_a_command(&world, &mark);

        let again = resume(&world, &["--last", "go on"]);
        assert_eq!(again.code, 0, "{}{}", again.stdout, again.stderr);
        assert_eq!(
            again.shape(),
            [
                "thread.started",
                "item.completed command_execution failed",
                "item.completed agent_message",
                "turn.completed"
            ]
        );
        assert_eq!(again.items("agent_message")[0]["text"], "I will look first.");
        let bodies = world.bodies();
        assert_eq!(bodies.len(), 2);
        let told = outputs(&bodies[1]);
        assert!(told.len() == 1 && told[0].contains("not known"), "{told:?}");
        assert!(bodies[1].to_string().contains("go on"), "{}", bodies[1]);
        assert_eq!(counted(&world), 1, "the command ran again");
        assert_eq!(processes(&mark), 0);
        check_joined(&world, &first, &[&again.stdout]);
    }
}

#[test]
fn without_a_prompt_a_call_of_unknown_effects_ends_the_turn() {
    let mark = format!("761.{}", std::process::id());
    let line = format!("echo run >> counter; sleep {mark}");
    let world = World::playing(json!([runs(&line), says("Looked.")]));
    let first = killed_in_a_command(&world, &mark);
    let elsewhere = world.path("elsewhere");
    fs::create_dir(&elsewhere).expect("made");
    let moved =
        resume(&world, &["--last", "--all", "-C", elsewhere.to_str().expect("text"), "go on"]);
    assert_eq!((moved.code, moved.stdout.as_str()), (2, ""), "{}", moved.stderr);
    assert!(moved.stderr.contains("another folder"), "{}", moved.stderr);

    let stopped = resume(&world, &["--last"]);
    assert_eq!(stopped.code, 5, "{}{}", stopped.stdout, stopped.stderr);
    assert_eq!(stopped.last()["type"], "turn.failed");
    assert!(stopped.last()["error"]["message"].as_str().expect("text").contains("counter"));
    assert!(stopped.stderr.contains("hint: "), "{}", stopped.stderr);
    assert_eq!(world.bodies().len(), 1, "nobody was asked");

    // Nothing is left to go on with, until somebody says what.
    let idle = resume(&world, &["--last"]);
    assert_eq!((idle.code, idle.stdout.as_str()), (2, ""), "{}", idle.stderr);
    assert!(idle.stderr.contains("hint: "), "{}", idle.stderr);
    let told = resume(&world, &["--last", "look, then go on"]);
    assert_eq!(told.code, 0, "{}{}", told.stdout, told.stderr);
    assert!(outputs(&world.bodies()[1])[0].contains("not known"));
    assert_eq!(counted(&world), 1);
    check_joined(&world, &first, &[&stopped.stdout, &told.stdout]);
}

#[test]
fn a_request_without_an_answer_is_asked_again() {
    let world = World::playing(json!([
        {"items": [{"type": "text", "n": 400, "chars": 40}], "delay_ms": 20},
        says("The whole answer.")
    ]));
    let mut running = Running::start(world.exec(&["--json", "go"]));
    running.until("turn.started");
    eventually("the model was asked", || !world.bodies().is_empty());
    running.signal(Signal::KILL);
    let first = running.end();
    assert_eq!(first.code, 137);

    let again = resume(&world, &["--last"]);
    assert_eq!(again.code, 0, "{}{}", again.stdout, again.stderr);
    let items = again.items("agent_message");
    assert_eq!(items.len(), 1);
    assert_eq!(items[0]["text"], "The whole answer.");
    let bodies = world.bodies();
    assert_eq!(bodies[0]["input"], bodies[1]["input"], "the same question");
    check_joined(&world, whole(&first.stdout), &[&again.stdout]);
}

#[test]
fn a_patch_is_applied_once_wherever_the_kill_came() {
    let patch = "*** Begin Patch\n*** Update File: list.txt\n@@\n one\n+two\n*** End Patch\n";
    for trial in 0..trials(8) {
        let world = World::playing(json!([patches(patch), says("Done.")]));
        fs::write(world.work().join("list.txt"), "one\n").expect("written");
        let mut running = Running::start(world.exec(&["--json", "--full-auto", "go"]));
        // From right after the turn began to right after the patch did.
        running.until(if trial % 2 == 0 { "turn.started" } else { "file_change" });
        std::thread::sleep(std::time::Duration::from_micros(trial * 700));
        running.signal(Signal::KILL);
        let first = running.end();
        if first.code != 137 {
            continue;
        }
        let again = resume(&world, &["--last", "go on"]);
        assert_eq!(again.code, 0, "{}{}", again.stdout, again.stderr);
        // An answer that was lost on its way asked for nothing; the script does not repeat it.
        let called = world.kinds().contains(&"tool_called".to_owned());
        let wanted = if called { "one\ntwo\n" } else { "one\n" };
        let printed = [first.stdout.as_str(), &again.stdout].concat();
        assert_eq!(world.read("list.txt").as_deref(), Some(wanted), "{trial}: {printed}");
        check_joined(&world, whole(&first.stdout), &[&again.stdout]);
    }
}

#[test]
fn a_patch_that_was_killed_while_it_was_written_leaves_no_file_of_its_own() {
    const FILES: usize = 2000;
    let adds = (0..FILES).map(|file| format!("*** Add File: d/{file}\n+{file}\n"));
    let patch = format!("*** Begin Patch\n{}*** End Patch\n", adds.collect::<String>());
    let temporary = |world: &World| {
        let names = fs::read_dir(world.work()).expect("readable").flatten();
        names.filter(|it| it.file_name().to_string_lossy().starts_with(".codex-patch-")).count()
    };
    let caught = (0..20).any(|_| {
        let world = World::playing(json!([patches(&patch), says("Done.")]));
        let mut running = Running::start(world.exec(&["--json", "--full-auto", "go"]));
        running.until("item.started");
        eventually("it is written", || temporary(&world) > 0 || world.work().join("d").exists());
        running.signal(Signal::KILL);
        running.end();
        // Later than that, the patch is done or half done.
        if temporary(&world) == 0 || world.work().join("d").exists() {
            return false;
        }
        let again = resume(&world, &["--last"]);
        assert_eq!(again.code, 0, "{}{}", again.stdout, again.stderr);
        assert_eq!(temporary(&world), 0);
        assert_eq!(fs::read_dir(world.work().join("d")).expect("made").count(), FILES);
        true
    });
    assert!(caught, "the kill never came while new files were written");
}

#[test]
fn a_finished_session_goes_on_with_what_it_knows() {
    let world = World::playing(json!([says("First."), says("Second."), says("Third.")]));
    let first = world.turn(&[]);
    let id = thread(&first);
    let second = resume(&world, &[&id, "and now?"]);
    assert_eq!(second.code, 0, "{}{}", second.stdout, second.stderr);
    assert_eq!(thread(&second), id);
    assert_eq!(second.items("agent_message")[0]["text"], "Second.");
    assert_eq!(second.items("agent_message")[0]["id"], "item_0");
    let usage = |turn: &Turn, key: &str| turn.last()[key]["input_tokens"].as_u64().expect("tokens");
    assert_eq!(usage(&second, "usage"), usage(&first, "usage") + usage(&second, "turn_usage"));
    let bodies = world.bodies();
    assert!(bodies[1]["previous_response_id"].is_string(), "{}", bodies[1]);
    assert_eq!(bodies[1]["input"].as_array().expect("items").len(), 1, "only what is new");

    // Beginnings of ids, and prompts on standard input, as wrappers hand them over.
    let mut command = world.exec(&["--json", "resume", &id[..30], "-"]);
    command.env("TERM", "dumb");
    let third = piped(command, b"the prompt");
    assert_eq!(third.code, 0, "{}{}", third.stdout, third.stderr);
    assert!(world.bodies()[2].to_string().contains("the prompt"));
    check_joined(&world, &first.stdout, &[&second.stdout, &third.stdout]);
}

#[test]
fn permissions_are_the_sessions_own_and_a_flag_that_widens_is_recorded() {
    let world = World::playing(json!([
        says("First."),
        runs("echo x > made.txt; echo tried"),
        says("Second."),
        runs("echo x > made.txt; echo tried"),
        says("Third.")
    ]));
    let id = thread(&world.turn(&[]));
    // The file of today allows more than the session of yesterday had.
    fs::write(
        world.home().join("config.toml"),
        "sandbox_mode = \"workspace-write\"\nmodel = \"x\"\n",
    )
    .expect("written");
    let kept = resume(&world, &[&id, "write"]);
    assert_eq!(kept.code, 0, "{}", kept.stderr);
    assert_eq!(world.read("made.txt"), None, "{}", kept.stdout);
    assert!(!world.kinds().contains(&"settings_changed".to_owned()));
    assert_eq!(world.bodies()[1]["model"], "o4-mini");

    let widened = resume(&world, &[&id, "-s", "workspace-write", "-m", "o3", "write"]);
    assert_eq!(widened.code, 0, "{}", widened.stderr);
    assert_eq!(world.read("made.txt").as_deref(), Some("x\n"), "{}", widened.stdout);
    assert!(world.kinds().contains(&"settings_changed".to_owned()));
    assert_eq!(world.bodies()[3]["model"], "o3");
    let told = run(world.program(&["replay", "--last"]));
    assert!(told.stdout.contains("settings: model o3"), "{}", told.stdout);
    world.check_journal();
}

#[test]
fn a_server_that_moved_is_found_by_flag_or_variable() {
    let old = World::playing(json!([says("First.")]));
    let id = thread(&old.turn(&[]));
    let new = World::playing(json!([says("Second.")]));
    let table = format!("model_providers.mock={}", provider(&new.base_url()));
    let moved = run(old.program(&[
        "exec",
        "resume",
        "--json",
        &id,
        "--skip-git-repo-check",
        "-c",
        &table,
        "go on",
    ]));
    assert_eq!(moved.code, 0, "{}{}", moved.stdout, moved.stderr);
    assert_eq!(new.bodies().len(), 1);

    // Without any word on it, the session asks where it always did, though the settings of today
    // know no such provider.
    let gone = run(old.program(&["exec", "resume", &id, "and now?"]));
    assert_eq!(new.bodies().len(), 2, "{}", gone.stderr);
}

#[test]
fn a_key_goes_to_no_other_server_than_it_is_meant_for() {
    let old = World::playing(json!([says("First."), says("Second."), says("Third.")]));
    let new = World::playing(json!([says("Moved."), says("Again.")]));
    let id = thread(&old.turn(&[]));
    // By now the same name stands for another server, which takes a key.
    let table = format!(
        "[model_providers.mock]\nname = \"mock\"\nbase_url = \"{}\"\nenv_key = \"MOCK_KEY\"\n",
        new.base_url()
    );
    fs::write(old.home().join("config.toml"), table).expect("written");
    let resume = |words: &[&str]| {
        let mut command = old.program(&[&["exec", "resume", &id], words].concat());
        command.env("MOCK_KEY", "secret");
        run(command)
    };
    let refused = resume(&["go on"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (2, ""), "{}", refused.stderr);
    assert!(refused.stderr.contains(&old.base_url()), "{}", refused.stderr);
    let hint = format!("-c model_providers.mock.base_url={}", new.base_url());
    assert!(refused.stderr.contains(&hint), "{}", refused.stderr);
    assert_eq!(old.bodies().len(), 1, "nothing was sent");

    let stays = resume(&["-c", &format!("model_providers.mock.base_url={}", old.base_url()), "on"]);
    assert_eq!(stays.code, 0, "{}", stays.stderr);
    assert_eq!(old.headers("authorization").len(), 1);
    assert!(!old.kinds().contains(&"settings_changed".to_owned()), "nothing was changed");
    let moves = resume(&["-c", &format!("model_providers.mock.base_url={}", new.base_url()), "on"]);
    assert_eq!(moves.code, 0, "{}", moves.stderr);
    assert_eq!(new.headers("authorization").len(), 1);
    assert!(old.kinds().contains(&"settings_changed".to_owned()), "the move is recorded");
    // From now on the settings and the session agree.
    assert_eq!(resume(&["go on"]).code, 0);
}

#[test]
fn a_link_in_place_of_a_folder_widens_nothing() {
    let touch = runs("echo x > here.txt; echo x > ../more/there.txt");
    let world = World::playing(json!([says("First."), touch, says("Second.")]));
    let more = world.path("more");
    fs::create_dir(&more).expect("made");
    let more_text = more.to_str().expect("text");
    let id = thread(&world.turn(&["-s", "workspace-write", "--add-dir", more_text]));
    let precious = world.path("user").join("precious");
    fs::create_dir(&precious).expect("made");
    let swap = |folder: &std::path::Path| {
        let aside = folder.with_extension("aside");
        fs::rename(folder, &aside).expect("moved");
        std::os::unix::fs::symlink(&precious, folder).expect("linked");
        aside
    };
    let resume = |flags: &[&str]| {
        let mut command = world.exec(&[&["resume"], flags, &[id.as_str(), "go on"]].concat());
        command.current_dir(world.path("temp"));
        run(command)
    };
    for folder in [world.work(), more.clone()] {
        let aside = swap(&folder);
        let refused = resume(&[]);
        assert_eq!((refused.code, refused.stdout.as_str()), (2, ""), "{}", refused.stderr);
        assert!(refused.stderr.contains(precious.to_str().expect("text")), "{}", refused.stderr);
        assert!(refused.stderr.contains("hint: "), "{}", refused.stderr);
        assert_eq!(world.bodies().len(), 1, "nobody was asked");
        fs::remove_file(&folder).expect("removed");
        fs::rename(aside, &folder).expect("back");
    }
    // What is asked for on the command line is another thing, and recorded.
    let aside = swap(&more);
    let asked = resume(&["--add-dir", more_text]);
    assert_eq!(asked.code, 0, "{}", asked.stderr);
    assert_eq!(world.read("here.txt").as_deref(), Some("x\n"));
    assert!(precious.join("there.txt").is_file() && !aside.join("there.txt").exists());
    world.check_journal();

    fs::rename(world.work(), world.path("moved")).expect("moved");
    fs::write(world.work(), "a file").expect("written");
    let refused = resume(&[]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("-C DIR"), "{}", refused.stderr);
    fs::remove_file(world.work()).expect("removed");
    fs::rename(world.path("moved"), world.work()).expect("back");
}

#[test]
fn flags_may_stand_on_either_side_of_the_word_resume() {
    let world = World::playing(json!([says("First."), says("Second."), says("Third.")]));
    let id = thread(&world.turn(&[]));
    let work = world.work();
    let table = format!("model_providers.mock={}", provider(&world.base_url()));
    let mut command = world.program(&[
        "exec",
        "--experimental-json",
        "--config",
        "model_provider=\"mock\"",
        "--config",
        &table,
        "--model",
        "o4-mini",
        "--sandbox",
        "read-only",
        "--cd",
        work.to_str().expect("text"),
        "--skip-git-repo-check",
        "--config",
        "approval_policy=\"never\"",
        "resume",
        &id,
    ]);
    command.current_dir("/");
    let second = piped(command, b"from a program");
    assert_eq!(second.code, 0, "{}{}", second.stdout, second.stderr);
    assert_eq!(thread(&second), id);
    assert!(!world.kinds().contains(&"settings_changed".to_owned()), "nothing was changed");
    let third = run(world.exec(&["resume", "--last", "--json", "-o", "last.txt", "more"]));
    assert_eq!(third.code, 0, "{}", third.stderr);
    assert_eq!(world.read("last.txt").as_deref(), Some("Third."));
}

#[test]
fn a_policy_that_a_program_sends_along_each_time_changes_nothing() {
    let world = World::playing(json!([says("First."), says("Second."), says("Third.")]));
    let id = thread(&world.turn(&["-c", "approval_policy=on-request"]));
    for policy in ["on-request", "untrusted"] {
        let turn = resume(&world, &["-c", &format!("approval_policy={policy}"), &id, "go"]);
        assert_eq!(turn.code, 0, "{policy}: {}", turn.stderr);
    }
    assert!(!world.kinds().contains(&"settings_changed".to_owned()), "nobody can be asked still");
}

#[test]
fn what_can_not_be_resumed_is_refused_with_a_hint() {
    let world = World::playing(json!([says("First.")]));
    let id = thread(&world.turn(&[]));
    let elsewhere = world.path("elsewhere");
    fs::create_dir(&elsewhere).expect("made");
    let refused = |words: &[&str], says: &str| {
        let turn = resume(&world, words);
        assert_eq!((turn.code, turn.stdout.as_str()), (2, ""), "{words:?}: {}", turn.stderr);
        assert!(turn.stderr.contains(says), "{words:?}: {}", turn.stderr);
        assert!(turn.stderr.contains("hint: "), "{words:?}: {}", turn.stderr);
    };
    refused(&[], "no session was named");
    refused(&["01900000-0000-7000-8000-000000000000", "go"], "no session");
    refused(&["no-such-name", "go"], "no session");
    refused(&["short", "go"], "no session");
    refused(&["0190", "go"], "too short");
    refused(&[&id], "nothing left to do");
    refused(&[&id, ""], "empty");
    refused(&["--last", &id, "go"], "exclude each other");
    refused(&["-C", "/nonexistent", &id, "go"], "/nonexistent");

    let mut command = world.exec(&["resume", "--last", "go"]);
    command.current_dir(&elsewhere);
    let none_here = run(command);
    assert_eq!(none_here.code, 2);
    assert!(none_here.stderr.contains("--all"), "{}", none_here.stderr);
    let empty = World::silent();
    assert_eq!(run(empty.program(&["exec", "resume", "--last", "--all", "go"])).code, 2);

    fs::rename(world.work(), world.path("moved")).expect("renamed");
    fs::create_dir(world.work()).expect("made");
    fs::remove_dir(world.work()).expect("removed");
    let mut command = world.exec(&["resume", &id, "go"]);
    command.current_dir(&elsewhere);
    let gone = run(command);
    assert_eq!(gone.code, 2, "{}", gone.stderr);
    assert!(gone.stderr.contains("-C DIR"), "{}", gone.stderr);
    assert_eq!(world.bodies().len(), 1, "nothing was asked");
}

#[test]
fn a_session_that_runs_is_not_taken_away() {
    let mark = format!("751.{}", std::process::id());
    let world = World::playing(json!([runs(&format!("sleep {mark}")), says("never")]));
    let mut running = Running::start(world.exec(&["--json", "--full-auto", "go"]));
    running.until("item.started");
    let taken = resume(&world, &["--last", "mine"]);
    assert_eq!((taken.code, taken.stdout.as_str()), (2, ""), "{}", taken.stderr);
    assert!(taken.stderr.contains("in use") && taken.stderr.contains("hint: "), "{}", taken.stderr);
    running.signal(Signal::INT);
    assert_eq!(running.end().code, 130);
    world.check_journal();
}

#[test]
fn a_stopped_supervisor_of_a_killed_agent_is_ended_first() {
    let mark = format!("741.{}", std::process::id());
    let line = format!("echo run >> counter; sleep {mark}");
    let world = World::playing(json!([runs(&line), says("Went on.")]));
    let mut running = Running::start(world.exec(&["--json", "--full-auto", "go"]));
    running.until("item.started");
    eventually("the command runs", || processes(&mark) >= 1);
    // The supervisor's mark is durable with the next barrier or after a moment.
    let mark_is_there = || {
        let raw = run(world.program(&["replay", "--last", "--raw"]));
        raw.stdout
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
            .find_map(|event| event["body"]["process"]["pid"].as_i64())
    };
    eventually("the mark is durable", || mark_is_there().is_some());
    let pid = mark_is_there().and_then(|pid| i32::try_from(pid).ok()).expect("a pid");
    let supervisor = rustix::process::Pid::from_raw(pid).expect("a pid");
    rustix::process::kill_process(supervisor, Signal::STOP).expect("stopped");
    running.signal(Signal::KILL);
    running.end();
    assert!(processes(&mark) >= 1, "the stopped supervisor keeps its command alive");
    let again = resume(&world, &["--last", "go on"]);
    assert_eq!(again.code, 0, "{}{}", again.stdout, again.stderr);
    assert_eq!(processes(&mark), 0, "the command of the old process was ended");
    assert_eq!(counted(&world), 1);
    world.check_journal();
}

#[test]
fn however_often_it_is_killed_no_command_runs_twice() {
    let mut moments = Moments(7);
    let script = || {
        let steps = (0..60).map(|step| match step % 3 {
            2 => says(&format!("message {step}")),
            _ => runs(&format!("echo {step} >> counter; seq 1 200")),
        });
        World::playing(Value::Array(steps.collect()))
    };
    let began = std::time::Instant::now();
    assert_eq!(script().turn(&["--full-auto"]).code, 0);
    let length = began.elapsed();
    let mut killed = 0;
    for trial in 0..trials(4) {
        let world = script();
        let mut printed = String::new();
        for process in 0..12 {
            let arguments: &[&str] = match process {
                0 => &["--json", "--full-auto", "go"],
                _ => &["resume", "--json", "--last", "go on"],
            };
            let mut running = Running::start(world.exec(arguments));
            if process == 0 {
                running.until("thread.started");
            }
            std::thread::sleep(moments.within(length));
            running.signal(Signal::KILL);
            let turn = running.end();
            killed += u64::from(turn.code == 137);
            printed.push_str(whole(&turn.stdout));
        }
        let last = resume(&world, &["--last", "go on"]);
        assert_eq!(last.code, 0, "{trial}: {}{}", last.stdout, last.stderr);
        let counter = world.read("counter").unwrap_or_default();
        let mut lines: Vec<&str> = counter.lines().collect();
        let all = lines.len();
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), all, "{trial}: a command ran twice:\n{counter}");
        let replayed = run(world.program(&["replay", "--last", "--json"])).stdout;
        for line in printed.lines() {
            assert!(replayed.contains(line), "{trial}: printed and not in the journal: {line}");
        }
        world.check_journal();
    }
    assert!(killed >= 3 * trials(4), "{killed} processes were killed in time");
}

#[test]
fn keeping_nothing_holds_for_sessions_that_began_before_it_was_asked_for() {
    let world = World::playing(json!([says("First."), says("Second.")]));
    world.turn(&[]);
    fs::write(world.home().join("config.toml"), "disable_response_storage = true\n")
        .expect("written");
    let second = resume(&world, &["--last", "and now?"]);
    assert_eq!(second.code, 0, "{}", second.stderr);
    let body = &world.bodies()[1];
    assert_eq!((&body["store"], &body["previous_response_id"]), (&json!(false), &Value::Null));
    assert!(world.kinds().contains(&"settings_changed".to_owned()));
    world.check_journal();
}
