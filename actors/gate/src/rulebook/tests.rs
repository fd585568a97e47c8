use std::fs;

use super::*;

/// A home and a project, with these rules in the one and those in the other.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new(rules: &str) -> World {
        let folder = tempfile::tempdir().expect("a folder");
        let world = World { folder };
        for folder in ["home/rules", "project/.git", "project/.codex/rules", "project/src", "else"]
        {
            fs::create_dir_all(world.path(folder)).expect("a folder");
        }
        world.put("home/rules/mine.rules", rules);
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        fs::canonicalize(self.folder.path()).expect("a folder").join(name)
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("written");
    }

    fn load(&self) -> Rulebook {
        Rulebook::load(&self.path("home"), None).expect("rules")
    }
}

fn words(line: &str) -> Vec<String> {
    shlex::split(line).expect("words")
}

fn safe(argv: &[String]) -> bool {
    argv[0] == "ls" || argv[0] == "cd"
}

/// What is decided about plain commands, and the last part of its source.
fn said(book: &Rulebook, folder: &Path, commands: &[&str]) -> Option<(RuleDecision, String)> {
    let commands: Vec<Vec<String>> = commands.iter().map(|line| words(line)).collect();
    let argv = commands[0].clone();
    let proposal = Proposal { argv: &argv, commands: Some(&commands), folder: Some(folder) };
    short(book.rule(&proposal, &safe))
}

/// The same for a script that can't be taken apart.
fn opaque(book: &Rulebook, script: &str) -> Option<(RuleDecision, String)> {
    let argv = ["/bin/bash", "-lc", script].map(str::to_owned);
    let proposal = Proposal { argv: &argv, commands: None, folder: Some(Path::new("/")) };
    short(book.rule(&proposal, &safe))
}

fn short(ruling: Option<Ruling>) -> Option<(RuleDecision, String)> {
    let last = |source: &str| source.rsplit('/').next().unwrap_or_default().to_owned();
    ruling.map(|ruling| (ruling.decision, last(&ruling.source)))
}

fn is(decision: RuleDecision, source: &str) -> Option<(RuleDecision, String)> {
    Some((decision, source.to_owned()))
}

use RuleDecision::{Allow, Forbidden, Prompt};

#[test]
fn the_strictest_of_all_rules_and_all_commands_decides() {
    let world = World::new(
        "prefix_rule([\"cargo\", [\"test\", \"check\"]])\n\
         prefix_rule([\"cargo\", \"test\", \"--release\"], \"prompt\")\n\
         prefix_rule([\"rm\"], decision = \"forbidden\", justification = \"use trash\")\n\
         prefix_rule([\"make\"], decision = \"allow\")\n\
         prefix_rule([\"ls\", \"/secret\"], decision = \"prompt\")\n",
    );
    let book = world.load();
    let said = |commands: &[&str]| said(&book, Path::new("/"), commands);
    assert_eq!(said(&["cargo test -q"]), is(Allow, "mine.rules:1"));
    assert_eq!(said(&["cargo check"]), is(Allow, "mine.rules:1"));
    assert_eq!(said(&["cargo build"]), None);
    assert_eq!(said(&["cargo"]), None);
    assert_eq!(said(&["cargo test --release"]), is(Prompt, "mine.rules:2"));
    assert_eq!(said(&["rm x"]), is(Forbidden, "mine.rules:3"));
    // Every member has to be allowed or known to be safe, and one has to be allowed.
    assert_eq!(said(&["cargo test", "ls"]), is(Allow, "mine.rules:1"));
    assert_eq!(said(&["cargo test", "touch x"]), None);
    assert_eq!(said(&["ls", "ls"]), None);
    assert_eq!(said(&["ls", "rm x", "cargo test --release"]), is(Forbidden, "mine.rules:3"));
    assert_eq!(said(&["ls /secret"]), is(Prompt, "mine.rules:5"));
    let both = said(&["cargo test", "make"]).expect("allowed");
    assert_eq!(both, (Allow, "mine.rules:4".to_owned()));
}

#[test]
fn what_forbids_is_not_got_round_by_another_spelling() {
    let world = World::new(
        "prefix_rule([\"git\", \"push\"], \"forbidden\")\n\
         prefix_rule([\"git\", \"status\"], \"allow\")\n\
         host_executable(name = \"git\", paths = [\"/usr/bin/git\"])\n",
    );
    let book = world.load();
    let said = |command: &str| said(&book, Path::new("/"), &[command]);
    for command in [
        "git push",
        "/usr/bin/git push origin",
        "/opt/git push",
        "./git push",
        "env -i GIT_DIR=x git push",
        "sudo -n /usr/bin/git push",
        "timeout 5 nice git push -f",
    ] {
        assert_eq!(said(command), is(Forbidden, "mine.rules:1"), "{command}");
    }
    assert_eq!(said("git status"), is(Allow, "mine.rules:2"));
    assert_eq!(said("/usr/bin/git status"), is(Allow, "mine.rules:2"));
    for command in ["/opt/git status", "./git status", "env git status", "echo git push"] {
        assert_eq!(said(command), None, "{command}");
    }
}

#[test]
fn a_script_that_is_more_than_commands_is_asked_about_when_it_has_a_rules_words() {
    let world = World::new(
        "prefix_rule([\"git\", [\"push\", \"fetch\"]], \"forbidden\", justification = \"offline\")\n\
         prefix_rule([\"cargo\"], \"allow\")\n",
    );
    let book = world.load();
    for script in [
        "if true; then git push; fi",
        "(cd x; git -C y fetch)",
        "g\"i\"t pu\\sh $X",
        "$(/usr/bin/git push)",
    ] {
        assert_eq!(opaque(&book, script), is(Prompt, "mine.rules:1"), "{script}");
    }
    for script in ["for x in *; do cargo $x; done", "push $x git", "echo digit push $x"] {
        assert_eq!(opaque(&book, script), None, "{script}");
    }
    let argv = words("bash -c 'bash -c \"git push\"'");
    let commands = [words("bash -c 'git push'")];
    let proposal =
        Proposal { argv: &argv, commands: Some(&commands), folder: Some(Path::new("/")) };
    let ruling = book.rule(&proposal, &safe).expect("a ruling");
    assert_eq!(ruling.decision, Prompt);
    assert!(ruling.justification.is_some_and(|why| why.ends_with("of this rule: offline")));
}

#[test]
fn a_project_may_only_make_things_stricter() {
    let world = World::new("prefix_rule([\"make\"], \"allow\")\n");
    world.put(
        "project/.codex/rules/team.rules",
        "prefix_rule([\"rm\"])\n\
         host_executable(name = \"make\", paths = [\"/evil/make\"])\n\
         prefix_rule([\"make\", \"deploy\"], \"forbidden\")\n",
    );
    let project = world.path("project");
    let book = Rulebook::load(&world.path("home"), Some(&project)).expect("rules");
    assert_eq!(said(&book, &project, &["rm x"]), None);
    assert_eq!(said(&book, &project, &["/evil/make"]), None);
    assert_eq!(said(&book, &project, &["make"]), is(Allow, "mine.rules:1"));
    assert_eq!(said(&book, &project, &["make deploy"]), is(Forbidden, "team.rules:3"));
    let lines: Vec<usize> = book.notes().iter().map(|note| note.line).collect();
    assert_eq!(lines, [1, 2]);
    // One that nobody trusts is not even read.
    world.put("project/.codex/rules/team.rules", "not rules (");
    assert_eq!(said(&world.load(), &project, &["make deploy"]), is(Allow, "mine.rules:1"));
    assert!(Rulebook::load(&world.path("home"), Some(&project)).is_err());
}

fn grant(world: &World, prefix: &str, seq: u64) -> Grant {
    let session = SessionId::from_bytes([7; 16]);
    let project = world.path("project").to_str().expect("text").to_owned();
    Grant::new(project, words(prefix), session, Seq(seq), Timestamp(1_795_000_000_123))
}

use codex_event::{Seq, SessionId, Timestamp};

#[test]
fn a_grant_holds_in_its_project_and_for_plain_commands_alone() {
    let world = World::new("prefix_rule([\"cargo\", \"test\", \"--force\"], \"prompt\")\n");
    let book = world.load();
    let (project, deeper) = (world.path("project"), world.path("project/src"));
    assert_eq!(book.keep(&grant(&world, "cargo test", 9)).expect("kept"), Added::Written);
    let granted = is(Allow, "grants.rules:3");
    assert_eq!(said(&book, &project, &["cargo test -q"]), granted);
    assert_eq!(said(&book, &deeper, &["cargo test", "ls"]), granted);
    assert_eq!(said(&book, &project, &["cd src", "cargo test"]), granted);
    assert_eq!(said(&book, &project, &["cargo test", "touch x"]), None);
    assert_eq!(said(&book, &project, &["cargo build"]), None);
    assert_eq!(said(&book, &project, &["cargo test --force"]), is(Prompt, "mine.rules:1"));
    assert_eq!(said(&book, &world.path("else"), &["cargo test"]), None);
    for leaving in ["cd ../else", "cd -", "cd", "cd ~", "cd nowhere", "pushd src"] {
        assert_eq!(said(&book, &project, &[leaving, "cargo test"]), None, "{leaving}");
    }
    assert_eq!(said(&book, &project, &["cd src", "cd src", "cargo test"]), None);
    // Another repository within the project is another project.
    fs::create_dir_all(world.path("project/src/.git")).expect("a folder");
    assert_eq!(said(&book, &project, &["cd src", "cargo test"]), None);
    assert_eq!(opaque(&book, "cargo test; (true)"), None);
}

#[test]
fn a_grant_of_all_words_does_not_stand_for_more_of_them() {
    let world = World::new("");
    let (book, project) = (world.load(), world.path("project"));
    let grants = ["rm -rf target", "make check", "npm run build", "cargo test", "make"];
    for (seq, prefix) in (1..).zip(grants) {
        book.keep(&grant(&world, prefix, seq)).expect("kept");
    }
    for line in
        ["rm -rf target", "make check", "make", "npm run build -- --prod", "cargo test --workspace"]
    {
        assert!(said(&book, &project, &[line]).is_some(), "{line}");
    }
    for line in
        ["rm -rf target src", "make check deploy", "make deploy", "make -f x", "npm run deploy"]
    {
        assert_eq!(said(&book, &project, &[line]), None, "{line}");
    }
}

#[test]
fn what_a_wrapper_hands_to_a_shell_is_looked_at() {
    let world = World::new("prefix_rule([\"rm\"], \"forbidden\")\n");
    let (book, project) = (world.load(), world.path("project"));
    let rule = |decision| is(decision, "mine.rules:1");
    assert_eq!(said(&book, &project, &["timeout 5 rm x"]), rule(Forbidden));
    for line in [
        "timeout 5 bash -c 'cd x; rm $y'",
        "xargs sh -c 'rm x'",
        "env -S 'rm x'",
        "env '-Srm x'",
        "script -c 'rm x'",
        "flock f -c 'rm x'",
        "watch 'rm x'",
    ] {
        assert_eq!(said(&book, &project, &[line]), rule(Prompt), "{line}");
    }
    for line in ["ssh-agent rm x", "noglob rm x", "chronic rm x", "rlwrap rm x"] {
        assert_eq!(said(&book, &project, &[line]), rule(Forbidden), "{line}");
    }
    assert_eq!(said(&book, &project, &["timeout 5 grep x rm"]), rule(Forbidden));
    assert_eq!(said(&book, &project, &["timeout 5 grep arm x"]), None);
}

#[test]
fn what_another_process_grants_or_revokes_counts_from_the_next_look_on() {
    let world = World::new("");
    let (book, other) = (world.load(), world.load());
    let project = world.path("project");
    assert_eq!(said(&book, &project, &["make"]), None);
    other.keep(&grant(&world, "make", 1)).expect("kept");
    assert!(said(&book, &project, &["make"]).is_some());
    let grants = Grants::of(&world.path("home"));
    let revoked = grants.revoke(&|_| true, Timestamp(1)).expect("revoked");
    assert_eq!(revoked.len(), 1);
    assert_eq!(said(&book, &project, &["make"]), None);
    assert_eq!(book.keep(&grant(&world, "make", 1)).expect("known"), Added::Revoked);
    assert_eq!(said(&book, &project, &["make"]), None);
    // A file that can't be read grants nothing, and says so.
    other.keep(&grant(&world, "make", 2)).expect("kept");
    assert!(said(&book, &project, &["make"]).is_some());
    let path = world.path("home/grants.rules");
    let good = fs::read_to_string(&path).expect("text");
    fs::write(&path, format!("{good}grant(")).expect("written");
    assert_eq!(said(&book, &project, &["make"]), None);
    assert!(book.trouble().is_some_and(|it| it.contains("grants.rules:5:6: the bracket")));
    fs::write(&path, good).expect("written");
    assert!(said(&book, &project, &["make"]).is_some());
    assert_eq!(book.trouble(), None);
}

#[test]
fn a_mistake_is_told_with_its_place_and_nothing_is_loaded() {
    for (rules, told) in [
        (
            "# mine\nprefix_rule(pattern = [\"a\", 4])\n",
            "2:29: a string is wanted, not a number\n  \
             2 | prefix_rule(pattern = [\"a\", 4])\n      \
             \u{20}                           ^",
        ),
        ("prefix_rule(pattern = [])", "1:23: the pattern is empty\n"),
        ("prefix_rule(pattern = [[]])", "1:24: there is nothing to choose from\n"),
        ("prefix_rule(decision = \"allow\")", "1:1: prefix_rule needs `pattern`\n"),
        ("prefix_rule([\"a\"], \"ask\")", "1:20: `ask` is no decision\n"),
        ("prefix_rule([\"a\"], justification = \" \")", "1:36: the justification is empty\n"),
        ("prefix_rule([\"a\"], colour = 1)", "1:20: prefix_rule does not take `colour`\n"),
        (
            "prefix_rule([\"a\"], pattern = [])",
            "1:30: `pattern` stands twice in prefix_rule(...)\n",
        ),
        ("prefix_rules([\"a\"])", "1:1: `prefix_rules` is not a function of rule files\n"),
        ("grant(project = \"/p\")", "1:1: `grant` is no rule\n"),
        (
            "prefix_rule([\"a\", \"b\"], match = [\"a b c\", \"a c\"])",
            "1:43: the rule does not take its example `a c`\n",
        ),
        (
            "prefix_rule([\"a\"], not_match = [[\"b\"], [\"a\", \"c\"]])",
            "1:40: the rule takes `a c`, which it must not\n",
        ),
        (
            "prefix_rule([\"a\"], match = [\"a 'b\"])",
            "1:29: a quote in the example is never closed\n",
        ),
        ("prefix_rule([\"a\"], match = [\"\"])", "1:29: the example is empty\n"),
        (
            "host_executable(name = \"a\", paths = [\"/x/b\"])",
            "1:38: `/x/b` is not an absolute path of a `a`\n",
        ),
        ("host_executable(name = \"/a\", paths = [])", "1:24: `/a` is not the name of a program\n"),
    ] {
        let world = World::new(rules);
        let error = Rulebook::load(&world.path("home"), None).expect_err(rules);
        let path = world.path("home/rules/mine.rules").display().to_string();
        let text = error.to_string().replace(&path, "").split_off(1);
        assert!(text.starts_with(told), "{rules}: {text}");
        assert!(!error.hint().is_empty());
    }
}

#[test]
fn what_stands_in_the_way_of_rules_is_told() {
    let world = World::new("");
    let path = world.path("home/rules/more.rules");
    let told = || {
        let error = Rulebook::load(&world.path("home"), None).expect_err("refused");
        assert!(!error.hint().is_empty());
        error.to_string().replace(&path.display().to_string(), "FILE")
    };
    fs::create_dir(&path).expect("a folder");
    assert_eq!(told(), "FILE is a folder, and no file of rules");
    fs::remove_dir(&path).expect("removed");
    std::os::unix::fs::symlink("nowhere", &path).expect("a link");
    assert_eq!(told(), "FILE is a link to nothing, and no file of rules");
    fs::remove_file(&path).expect("removed");
    fs::write(&path, b"# \xff\n").expect("written");
    assert!(told().starts_with("FILE:1:3: this is not valid UTF-8"));
    fs::write(&path, "#".repeat((1 << 20) + 1)).expect("written");
    assert_eq!(told(), "FILE is a file of more than 1 MiB, and no file of rules");
    fs::remove_dir_all(world.path("home/rules")).expect("removed");
    assert_eq!(world.load().notes(), []);
}

#[test]
fn the_check_reads_programs_as_they_are_written_unless_told_to_resolve_them() {
    let mut set = RuleSet::default();
    let rules = "prefix_rule([\"git\", [\"status\", \"log\"]])\n\
                 prefix_rule([[\"make\", \"ninja\"]], \"prompt\")\n\
                 host_executable(name = \"git\", paths = [\"/usr/bin/git\", \"/usr/bin/git\"])\n";
    set.add(Path::new("x.rules"), rules, Owner::User, None).expect("rules");
    use rules::Programs::{AsWritten, Resolved};
    let matches = |line: &str, programs| -> Vec<(String, Option<String>)> {
        let argv = words(line);
        let found = set.matches(&argv, programs);
        found.into_iter().map(|it| (it.prefix.join(" "), it.resolved)).collect()
    };
    assert_eq!(matches("git log -p", AsWritten), [("git log".to_owned(), None)]);
    assert_eq!(matches("/usr/bin/git log", AsWritten), []);
    let path = Some("/usr/bin/git".to_owned());
    assert_eq!(matches("/usr/bin/git log", Resolved), [("git log".to_owned(), path)]);
    assert_eq!(matches("/opt/git log", Resolved), []);
    let path = Some("/opt/ninja".to_owned());
    assert_eq!(matches("/opt/ninja -v", Resolved), [("ninja".to_owned(), path)]);
    assert_eq!(matches("bin/ninja -v", Resolved), []);
}
