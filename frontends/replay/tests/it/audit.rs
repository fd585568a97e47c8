//! The trail of journals made by hand, and checkpoints byte by byte.

use codex_event::{
    ApprovalPolicy, Author, Backend, CloseReason, Digest, Event, Permission, Seq, SessionId,
    Settings, Shelf, Timestamp,
};
use codex_replay::audit::{
    AuditKey, Checkpoint, CheckpointFile, Claims, Entry, Filter, Form, Kind, LineError, Trail,
    Unsigned, show, take, verify,
};
use codex_view::Paint;
use codex_view::testing::{self, Story};

use crate::fixture::{Home, home, id, long_message};

const NOW: Timestamp = Timestamp(1_795_000_100_000);

fn table(story: &Story, filter: &Filter) -> String {
    let home = home();
    home.tell(story);
    printed(&home, filter)
}

fn printed(home: &Home, filter: &Filter) -> String {
    let mut out = Vec::new();
    show(&home.layout, id(), filter, Form::Table(Paint::Plain), &mut out).expect("readable");
    let text = String::from_utf8(out).expect("text");
    // The first two lines and the times are the same in all of them.
    text.lines().skip(2).map(|line| format!("{}{}\n", &line[..8], &line[27..])).collect()
}

fn entries(story: &Story) -> Vec<Entry> {
    let mut trail = Trail::new(id());
    story.envelopes().iter().for_each(|envelope| trail.apply(envelope));
    trail.end(None)
}

#[test]
fn every_kind_of_act_is_told() {
    let told = table(&testing::every_kind(), &Filter::default());
    // What comes when the turn is done has a story of its own below.
    let (told, _) = told.split_once("    35  ").expect("there is more");
    insta::assert_snapshot!(told, @r#"
         1       -  user:exec                     session    opened in /ws/dir by program 0.1.0
         1       -  user:exec                     settings   model o4-mini at https://api.openai.com/v1, which keeps responses; approval policy never; permissions: disk-full-read-access, disk-write-cwd; sandbox landlock
         1       -  user:exec                     network    commands may not use the network: no permission allows it
         4       1  user:exec                     turns      asked: do the task
         6       1  supervisor                    notes      the sandbox is weaker here than asked
        11       1  policy:approval_policy=never  approvals  allowed: touch '/etc/\x1b[2Jmotd'
        12       1  supervisor                    commands   touch '/etc/\x1b[2Jmotd' in /ws/dir: exited 1 in 1204 ms; planned: sandbox; enforced: landlock 4
        15       1  supervisor                    denials    stopped by the sandbox: touch '/etc/\x1b[2Jmotd' (Permission denied)
        16       1  supervisor                    approvals  may this run again without a sandbox? touch '/etc/\x1b[2Jmotd' (the sandbox stopped it)
        17       1  user:tui                      approvals  allowed without a sandbox: touch '/etc/\x1b[2Jmotd'
        18       1  supervisor                    commands   touch '/etc/\x1b[2Jmotd' in /ws/dir: ended by signal 9 in 12 ms; planned: none; enforced: landlock 4
        22       1  policy:approval_policy=never  approvals  allowed: sleep 1000
        23       1  supervisor                    commands   sleep 1000 in /ws/dir: ended: its time was up in 75300 ms; planned: sandbox; enforced: landlock 4
        26       1  user:exec                     turns      added: and hurry
        28       1  supervisor                    retries    request 2, attempt 1 failed: no such response; tried again in 200 ms, retry 1 of 1
        29       1  supervisor                    settings   backend: which keeps responses -> which is sent the whole transcript
        31       1  supervisor                    foreign    an event of another release: moon_landed
        34       1  supervisor                    turns      the turn is done
    "#);
}

#[test]
fn the_life_of_a_session_is_told() {
    let mut story = Story::new();
    let person = || Author::User("exec".to_owned());
    story.open();
    story.push(person(), Event::SessionNamed { name: Some("moon\u{1b}[2J".to_owned()) });
    story.push(person(), Event::SessionShelved { shelf: Shelf::Archived });
    story.close(CloseReason::HandedOver);
    story.resume(Vec::new());
    story.push(Author::Supervisor, Event::Repaired { missing: vec![(Seq(7), Seq(9))] });
    let (program, payload) = (vec!["notify-send".to_owned()].into(), "{}".into());
    let error = Some("No such file or directory (os error 2)".to_owned());
    story.push(Author::Supervisor, Event::NotificationSent { program, payload, error });
    let (parent, at, head) = (id(), Seq(3), Digest::of(b"the parent's record"));
    story.push(person(), Event::SessionForked { parent, at, head });
    story.close(CloseReason::Interrupted);
    insta::assert_snapshot!(table(&story, &Filter::default()), @r#"
         1       -  user:exec   session    opened in /ws/dir by program 0.1.0
         1       -  user:exec   settings   model o4-mini at https://api.openai.com/v1, which keeps responses; approval policy never; permissions: disk-full-read-access, disk-write-cwd; sandbox landlock
         1       -  user:exec   network    commands may not use the network: no permission allows it
         4       -  user:exec   session    named moon\x1b[2J
         5       -  user:exec   session    put into the archive
         6       -  supervisor  session    handed over to the process that asked for it
         7       -  user:exec   resumes    taken up again by program 0.1.0
         8       -  supervisor  repairs    rebuilt from what could be read: records 7 to 9 are missing
         9       -  supervisor  commands   notify-send could not be started: No such file or directory (os error 2)
        10       -  user:exec   session    goes on by itself from record 3 (de77cb22ef5f8d879fca22dd5ee2fb9d78b1e450ea67490b7d4307b27bc19fca) of 01900000-0000-7000-8000-000000000000
        11       -  supervisor  session    closed by a signal or a key
    "#);
}

#[test]
fn refusals_and_patches_are_told_file_by_file() {
    let filter =
        Filter { kinds: vec![Kind::Refusals, Kind::Files, Kind::Commands], ..Filter::default() };
    insta::assert_snapshot!(table(&testing::declined(), &filter), @r#"
        12       1  policy:approval_policy=never  approvals  denied: rm -rf 'build dir' (writing is not allowed here)
        13       1  supervisor                    refusals   rm -rf 'build dir' in /ws/dir: refused: nothing ran
        15       1  policy:approval_policy=never  approvals  denied: the patch of call 2 (writing is not allowed here)
        16       1  supervisor                    refusals   the patch of call 2: refused: nothing ran
        18       1  supervisor                    commands   unsupported call: does_not_exist: at fault: nothing ran
        21       1  supervisor                    commands   /no/such/program in /ws/dir: could not be started: No such file or directory (os error 2) in 12 ms; planned: none; enforced: not recorded
    "#);
    insta::assert_snapshot!(table(&testing::patches(), &filter), @r#"
        10       1  supervisor  files      add /ws/dir/hello.txt: applied in 12 ms
        17       1  supervisor  files      update /ws/dir/hello.txt -> /ws/dir/bye.txt: applied in 12 ms
        17       1  supervisor  files      delete /ws/dir/src/lib.rs: applied in 12 ms
        24       1  supervisor  files      add /ws/dir/full.txt: not applied: no file changed in 12 ms
        30       1  supervisor  files      the patch of call 4: not applied: no file changed
    "#);
    insta::assert_snapshot!(table(&testing::resumed_after_loss(), &filter), @r#"
        11       1  supervisor  commands   make all in /ws/dir: abandoned: its effects are not known; planned: sandbox; enforced: landlock 4
    "#);
}

#[test]
fn an_answer_names_its_person_and_a_rule_its_name() {
    let told = entries(&testing::every_kind());
    let settled: Vec<_> = told.iter().filter(|entry| entry.verdict.is_some()).collect();
    assert_eq!(settled[0].rule.as_deref(), Some("approval_policy=never"));
    let person = settled.iter().find(|entry| entry.by == "person").expect("a person answered");
    assert_eq!(
        (person.frontend.as_deref(), person.question),
        (Some("tui"), Some("retry unconfined"))
    );
    assert!(person.is(Kind::Approvals) && person.is(Kind::Network));
    let run = told.iter().find(|entry| entry.planned == Some("none") && entry.attempt == Some(2));
    let run = run.expect("it ran again");
    assert_eq!((run.network, run.exit), (Some("open"), Some(137)));
    assert!(told.iter().any(|entry| entry.kind == Kind::Denials && entry.call == run.call));
}

#[test]
fn a_setting_is_wider_when_more_may_be_done_than_before() {
    let with = |change: &dyn Fn(&mut Settings)| -> Vec<(&'static str, bool)> {
        let mut story = Story::new();
        story.open();
        let Some(Event::SessionOpened { settings, .. }) = story.envelopes()[0].event() else {
            panic!("it is opened")
        };
        let mut settings = settings.clone();
        change(&mut settings);
        let (backend, reason) = (Backend::Responses, "a flag".to_owned());
        let settings = Some(settings);
        let event = Event::SettingsChanged { backend, reason, settings };
        story.push(Author::User("exec".to_owned()), event);
        let told = entries(&story);
        told.iter().filter_map(|entry| Some((entry.setting?, entry.widened?))).collect()
    };
    let permit = |permission: Permission| {
        with(&move |settings: &mut Settings| settings.permissions.push(permission.clone()))
    };
    assert_eq!(permit(Permission::NetworkFullAccess), [("permissions", true)]);
    assert_eq!(permit(Permission::DiskWriteFolder("/srv".to_owned())), [("permissions", true)]);
    assert_eq!(permit(Permission::DiskWriteCwd), [("permissions", false)]);
    assert_eq!(with(&|settings| settings.permissions.clear()), [("permissions", false)]);
    let policy = |policy| with(&move |settings| settings.approval_policy = policy);
    assert_eq!(policy(ApprovalPolicy::UnlessAllowListed), [("approval policy", false)]);
    assert_eq!(with(&|settings| settings.model = "other".to_owned()), [("model", false)]);
    assert_eq!(with(&|settings| settings.notify = vec!["say".to_owned()]), [("notify", true)]);
    assert_eq!(with(&|_| {}), []);
}

#[test]
fn what_is_missing_is_an_entry_in_the_middle_and_at_the_end() {
    let home = home();
    let story = testing::shell();
    home.tell(&story);
    let last = story.envelopes().len() as u64;
    home.damage(&story, 9);
    home.damage(&story, 10);
    home.damage(&story, last);
    let filter = Filter { kinds: vec![Kind::Damage], ..Filter::default() };
    let told = printed(&home, &filter);
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 2, "{told}");
    assert!(lines[0].ends_with("records 9 to 10 are missing"), "{told}");
    assert!(lines[1].ends_with(&format!("record {last} is missing")), "{told}");
}

#[test]
fn a_trail_is_named_by_its_folder_whatever_its_records_say() {
    let folder: SessionId = "01a20616-6896-7577-b949-eebfebfb6ddf".parse().expect("an id");
    let mut trail = Trail::new(folder);
    testing::shell().envelopes().iter().for_each(|envelope| trail.apply(envelope));
    assert!(trail.end(Some(Seq(3))).iter().all(|entry| entry.session == folder));
}

fn signed(home: &Home) -> Checkpoint {
    let folder = home.layout.path().parent().expect("a home");
    let key = AuditKey::open_or_create(&folder.join("audit.key")).expect("a key");
    take(&home.layout, id(), &key, NOW).expect("a whole journal")
}

#[test]
fn no_byte_of_a_checkpoint_can_be_changed_unnoticed() {
    let home = home();
    home.tell(&testing::shell());
    let checkpoint = signed(&home);
    let line = checkpoint.to_line();
    assert_eq!(Checkpoint::from_line(&line).expect("it is one"), checkpoint);
    let mut refused = 0;
    for at in 0..line.len() {
        for bit in 0..8 {
            let mut bad = line.clone().into_bytes();
            bad[at] ^= 1 << bit;
            // Digits of a key or signature in capitals are the same ones.
            match Checkpoint::from_line(&String::from_utf8_lossy(&bad)) {
                Ok(read) => assert_eq!(read, checkpoint, "bit {bit} of byte {at}"),
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > line.len() * 6, "{refused} of {}", line.len() * 8);
    let more = line.replace('}', ",\"note\":\"trust me\"}");
    assert!(matches!(Checkpoint::from_line(&more), Err(LineError::Json(_))));
    let twice = line.replace("\"seq\":", "\"seq\":1,\"seq\":");
    assert!(matches!(Checkpoint::from_line(&twice), Err(LineError::Json(_))));
}

#[test]
fn only_a_whole_journal_is_signed_and_only_what_was_acknowledged() {
    let home = home();
    let (story, _) = long_message();
    home.tell(&story);
    let checkpoint = signed(&home);
    assert_eq!(checkpoint.seq, Seq(story.envelopes().len() as u64));
    home.damage(&story, 4);
    let folder = home.layout.path().parent().expect("a home");
    let key = AuditKey::open(&folder.join("audit.key")).expect("readable").expect("made");
    let refused = take(&home.layout, id(), &key, NOW);
    assert!(matches!(refused, Err(Unsigned::Damaged { .. })), "{refused:?}");

    // What is behind the head may be lost with the power.
    home.tell_behind(&story, 2);
    let checkpoint = take(&home.layout, id(), &key, NOW).expect("whole");
    assert_eq!(checkpoint.seq, Seq(story.envelopes().len() as u64 - 2));
    let file = CheckpointFile::parse("notes", &checkpoint.to_line());
    let claims = Claims { checkpoints: Some(file), ..Claims::default() };
    let proof = verify(&home.layout, id(), &claims).expect("readable");
    // The story is not one that the core would tell; nothing else is wrong.
    let about = |finding: &&String| !finding.contains(": ");
    assert_eq!(proof.findings.iter().filter(about).count(), 0, "{:?}", proof.findings);
}

#[test]
fn a_hole_below_a_checkpoint_is_found_by_the_checkpoint_too() {
    let home = home();
    let story = testing::shell();
    home.tell(&story);
    let checkpoint = signed(&home);
    let last = checkpoint.seq;
    let held = |home: &Home| {
        let file = CheckpointFile::parse("notes", &checkpoint.to_line());
        let heads = vec![format!("{last}:{}", checkpoint.hash).parse().expect("a head")];
        let claims = Claims { checkpoints: Some(file), heads, ..Claims::default() };
        verify(&home.layout, id(), &claims).expect("readable").findings
    };
    let by_claims = |findings: &[String]| {
        let about =
            |finding: &&String| finding.contains("signed") || finding.contains("--head names");
        findings.iter().filter(about).cloned().collect::<Vec<String>>()
    };
    assert_eq!(by_claims(&held(&home)), [""; 0]);
    home.damage(&story, 9);
    let found = by_claims(&held(&home));
    let expected = [
        format!("record 10 does not follow from those before it, and record {last} --head names"),
        format!(
            "line 1 of notes: up to record {last} there are {}, and {last} were signed",
            last.0 - 1
        ),
    ];
    assert_eq!(found, expected);
}
