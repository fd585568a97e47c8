//! The gate: who is asked, how far an answer reaches, and what is owed for it.

use std::collections::BTreeSet;

use codex_event::*;
use codex_session::{Effect, PatchPlan, Report, Session, redecide};

use crate::rules::{asked, command, done, ended, function, item, kinds};
use crate::sim::{Blow, run};
use crate::world::World;

const CALL: CallId = CallId(1);

fn make(escalation: Option<&str>, assessment: Option<Assessment>) -> Invocation {
    let Invocation::Command { argv, workdir, timeout_ms, safety, .. } =
        command("make", Safety::Unknown)
    else {
        panic!()
    };
    let escalation = escalation.map(|why| Escalation { justification: why.into(), prefix: None });
    let assessment = assessment.map(Box::new);
    Invocation::Command { argv, workdir, timeout_ms, safety, escalation, assessment }
}

fn assessed(prefix: bool, ruling: Option<(RuleDecision, Option<&str>)>) -> Assessment {
    Assessment {
        reason: "not on the list".into(),
        ruling: ruling.map(|(decision, words)| Ruling {
            decision,
            source: "default.rules:3".into(),
            justification: words.map(str::to_owned),
        }),
        prefix: prefix.then(|| vec!["make".into()]),
        parts: Vec::new(),
    }
}

/// A turn whose first response calls this.
fn calling(policy: ApprovalPolicy, invocation: Invocation) -> (World, Vec<Envelope>) {
    let mut world = asked(policy, Backend::Responses);
    let batch = calls(&mut world, invocation);
    (world, batch)
}

fn calls(world: &mut World, invocation: Invocation) -> Vec<Envelope> {
    item(world, 0, function("c"));
    done(world, vec![(0, invocation)])
}

fn answer(verdict: Verdict, scope: Scope) -> Command {
    Command::SettleReview { call: CALL, verdict, scope }
}

fn question(batch: &[Envelope]) -> (&Question, &str) {
    match batch.last().and_then(Envelope::event) {
        Some(Event::ReviewAsked { question, reason, .. }) => (question, reason),
        other => panic!("{other:?}"),
    }
}

fn told(batch: &[Envelope]) -> &str {
    let told = batch.iter().find_map(|it| match it.event() {
        Some(Event::ToolFinished { output, .. }) => output.inline(),
        _ => None,
    });
    told.expect("the call has ended")
}

fn confinement(batch: &[Envelope]) -> &Confinement {
    match batch.last().and_then(Envelope::event) {
        Some(Event::ToolIntended { confinement, .. }) => confinement,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_command_that_wants_out_is_asked_about_with_the_models_reason() {
    let (mut world, batch) =
        calling(ApprovalPolicy::OnRequest, make(Some("it needs the network"), None));
    assert_eq!(question(&batch), (&Question::RunUnconfined, "it needs the network"));
    let batch = world.tell(answer(Verdict::Allowed, Scope::Once)).expect("asked");
    assert_eq!(confinement(&batch), &Confinement::None);

    let wide = calling(ApprovalPolicy::OnRequest, make(None, None)).1;
    assert_eq!(confinement(&wide), &Confinement::Sandbox { plan: Digest::of(b"plan") });
}

#[test]
fn never_refuses_a_command_that_wants_out_in_the_words_that_models_know() {
    let (_, batch) = calling(ApprovalPolicy::Never, make(Some("it needs the network"), None));
    assert_eq!(kinds(&batch)[2], "review_settled by policy:never");
    assert_eq!(
        told(&batch),
        "approval policy is Never; reject command — you cannot ask for escalated permissions if \
         the approval policy is Never"
    );
}

#[test]
fn what_is_known_to_be_safe_is_held_by_the_narrow_plan_where_it_spares_a_question() {
    let safe = || command("ls", Safety::KnownSafe);
    let narrow = Confinement::Sandbox { plan: Digest::of(b"narrow") };
    let whole = Confinement::Sandbox { plan: Digest::of(b"plan") };
    let (_, batch) = calling(ApprovalPolicy::UnlessAllowListed, safe());
    assert_eq!(confinement(&batch), &narrow);
    for policy in [ApprovalPolicy::OnFailure, ApprovalPolicy::OnRequest, ApprovalPolicy::Never] {
        assert_eq!(confinement(&calling(policy, safe()).1), &whole, "{policy:?}");
    }
}

#[test]
fn a_rule_that_forbids_or_asks_is_named_and_its_words_are_told() {
    let forbidden = assessed(true, Some((RuleDecision::Forbidden, Some("use ninja"))));
    let (_, batch) = calling(ApprovalPolicy::Never, make(None, Some(forbidden)));
    assert_eq!(kinds(&batch)[2], "review_settled by policy:rule default.rules:3");
    assert_eq!(told(&batch), "`make` rejected: use ninja");

    let prompt = || assessed(true, Some((RuleDecision::Prompt, Some("it is slow"))));
    let (_, batch) = calling(ApprovalPolicy::OnFailure, make(None, Some(prompt())));
    assert_eq!(question(&batch), (&Question::Run, "it is slow"));
    let (_, batch) = calling(ApprovalPolicy::Never, make(None, Some(prompt())));
    let unasked = "approval required by policy, but AskForApproval is set to Never";
    assert_eq!(told(&batch), format!("{unasked}: it is slow"));
    let wordless = assessed(true, Some((RuleDecision::Prompt, None)));
    let (_, batch) = calling(ApprovalPolicy::Never, make(None, Some(wordless)));
    assert_eq!(told(&batch), unasked);

    let allow = assessed(true, Some((RuleDecision::Allow, None)));
    let (_, batch) = calling(ApprovalPolicy::UnlessAllowListed, make(None, Some(allow)));
    assert_eq!(kinds(&batch)[2], "review_settled by policy:rule default.rules:3");
    assert_eq!(confinement(&batch), &Confinement::Sandbox { plan: Digest::of(b"plan") });
}

#[test]
fn an_answer_that_reaches_too_far_is_refused_and_the_question_stays() {
    let opaque = || make(Some("why not"), Some(assessed(false, None)));
    let (mut world, _) = calling(ApprovalPolicy::OnRequest, opaque());
    for scope in [Scope::Session, Scope::Project] {
        let refused = world.tell(answer(Verdict::Allowed, scope));
        assert!(matches!(refused, Err(Rejection::TooWide(_))), "{refused:?}");
    }
    world.tell(answer(Verdict::Allowed, Scope::Once)).expect("still asked");
}

#[test]
fn an_answer_for_the_session_covers_the_same_command_where_it_was_given() {
    let escalated = || make(Some("it needs the network"), Some(assessed(true, None)));
    let (mut world, _) = calling(ApprovalPolicy::OnRequest, escalated());
    world.tell(answer(Verdict::Allowed, Scope::Session)).expect("asked");
    ended(&mut world, 1, None);
    let batch = calls(&mut world, escalated());
    assert_eq!(kinds(&batch)[2], "review_settled by policy:granted-for-session");
    assert_eq!(confinement(&batch), &Confinement::None);

    // In another folder, or with another plan, it is another command.
    world.crash_and(|resumption| Resumption {
        surroundings: Some(Surroundings {
            cwd: "/elsewhere".into(),
            sandbox: SandboxReport {
                level: "landlock".into(),
                landlock_abi: Some(7),
                plan: Digest::of(b"plan"),
                writable_roots: vec![],
                limits: vec![],
                narrow: None,
                missing: vec![],
            },
            tools: Digest::of(b"tools"),
        }),
        ..resumption
    });
    let batch = calls(&mut world, escalated());
    assert_eq!(question(&batch).0, &Question::RunUnconfined);
}

#[test]
fn inside_and_outside_of_the_sandbox_are_granted_apart() {
    let plain = || make(None, Some(assessed(true, None)));
    let (mut world, _) = calling(ApprovalPolicy::UnlessAllowListed, plain());
    world.tell(answer(Verdict::Allowed, Scope::Project)).expect("asked");
    ended(&mut world, 1, None);
    let escalated = make(Some("why not"), Some(assessed(true, None)));
    let batch = calls(&mut world, escalated);
    assert_eq!(question(&batch).0, &Question::RunUnconfined);
}

#[test]
fn a_grant_for_the_project_is_owed_until_it_is_written() {
    let plain = || make(None, Some(assessed(true, None)));
    let (mut world, _) = calling(ApprovalPolicy::UnlessAllowListed, plain());
    let batch = world.tell(answer(Verdict::Allowed, Scope::Project)).expect("asked");
    let (settled, prefix) = (batch[0].seq, vec!["make".to_owned()]);
    let owed = Effect::KeepGrant { call: CALL, settled, prefix, workdir: None };
    assert!(world.owed.contains(&owed), "{:?}", world.owed);

    // The process ends before it is written: the next one owes the same.
    world.crash();
    assert!(world.owed.contains(&owed), "{:?}", world.owed);
    let report = Report::GrantKept { call: CALL, project: "/work".into(), error: None };
    let batch = world.tell(report.clone()).expect("owed");
    assert_eq!(
        (kinds(&batch), batch[0].cause),
        (vec!["grant_kept by supervisor".into()], Some(settled))
    );
    assert_eq!(world.tell(report), Err(Rejection::Stale), "it is owed once");
    assert!(!Session::fold(&world.log).outstanding().contains(&owed));

    // From here on the rules say whether it stands: where they don't, it has been revoked.
    let batch = calls(&mut world, plain());
    assert_eq!(question(&batch).0, &Question::Run);
    assert_eq!(redecide(&world.log), Ok(()));
}

#[test]
fn a_grant_for_the_project_holds_before_it_is_written() {
    let plain = || make(None, Some(assessed(true, None)));
    let (mut world, _) = calling(ApprovalPolicy::UnlessAllowListed, plain());
    world.tell(answer(Verdict::Allowed, Scope::Project)).expect("asked");
    ended(&mut world, 1, None);
    let batch = calls(&mut world, plain());
    let rule = "review_settled by policy:granted-for-project".to_owned();
    assert!(kinds(&batch).contains(&rule), "{:?}", kinds(&batch));
    assert_eq!(redecide(&world.log), Ok(()));
}

#[test]
fn a_fork_writes_none_of_its_parents_grants() {
    let plain = make(None, Some(assessed(true, None)));
    let (mut world, _) = calling(ApprovalPolicy::UnlessAllowListed, plain);
    world.tell(answer(Verdict::Allowed, Scope::Project)).expect("asked");
    world.branch(world.log.len());
    let grants = world.session.outstanding();
    assert!(!grants.iter().any(|it| matches!(it, Effect::KeepGrant { .. })), "{grants:?}");
}

fn patching(policy: ApprovalPolicy, plan: PatchPlan) -> (World, Vec<Envelope>) {
    let mut world = asked(policy, Backend::Responses);
    let kind = ItemKind::CustomCall { call_id: "c".into(), name: "apply_patch".into() };
    item(&mut world, 0, kind);
    done(&mut world, vec![(0, Invocation::Patch { workdir: None, text: None })]);
    world.owed.clear();
    let batch = world.tell(Report::PatchPlanned { call: CALL, plan }).expect("due");
    (world, batch)
}

fn outside() -> PatchPlan {
    let message = "it leads to /etc/hosts".to_owned();
    PatchPlan::Outside { paths: vec!["/etc/hosts".into()], message }
}

#[test]
fn a_patch_that_leaves_the_roots_is_asked_about_and_planned_with_what_was_allowed() {
    for policy in
        [ApprovalPolicy::UnlessAllowListed, ApprovalPolicy::OnFailure, ApprovalPolicy::OnRequest]
    {
        let (mut world, batch) = patching(policy, outside());
        let paths = vec!["/etc/hosts".to_owned()];
        let asks = Question::WriteOutside { paths: paths.clone() };
        assert_eq!(question(&batch), (&asks, "it leads to /etc/hosts"), "{policy:?}");
        world.owed.clear();
        world.tell(answer(Verdict::Allowed, Scope::Once)).expect("asked");
        assert_eq!(world.owed, [Effect::PlanPatch { call: CALL, outside: paths.clone() }]);
        let plan = PatchPlan::Ready { changes: vec![], outside: paths.clone() };
        let batch = world.tell(Report::PatchPlanned { call: CALL, plan }).expect("due");
        let changes = Vec::new().into();
        assert_eq!(confinement(&batch), &Confinement::WritableRoots { changes, outside: paths });
        assert_eq!(redecide(&world.log), Ok(()));
    }
    let (_, batch) = patching(ApprovalPolicy::Never, outside());
    assert_eq!(kinds(&batch)[0], "review_settled by policy:writable-roots");
    assert_eq!(
        told(&batch),
        "patch rejected: it leads to /etc/hosts; writing there is not allowed"
    );
}

#[test]
fn what_was_allowed_outside_and_leads_elsewhere_by_then_is_not_written() {
    let stray = PatchPlan::Ready { changes: vec![], outside: vec!["/etc/shadow".into()] };
    // Before anybody was asked, and after another path was allowed.
    let (_, batch) = patching(ApprovalPolicy::OnFailure, stray.clone());
    assert_eq!(told(&batch), "patch rejected: writing to /etc/shadow was not allowed");
    let elsewhere = PatchPlan::Outside { paths: vec!["/etc/shadow".into()], message: "no".into() };
    for plan in [stray, elsewhere] {
        let (mut world, _) = patching(ApprovalPolicy::OnFailure, outside());
        world.tell(answer(Verdict::Allowed, Scope::Once)).expect("asked");
        let batch = world.tell(Report::PatchPlanned { call: CALL, plan }).expect("due");
        assert_eq!(kinds(&batch)[0], "review_settled by policy:writable-roots");
        assert_eq!(redecide(&world.log), Ok(()));
    }
}

fn denial() -> Option<Denial> {
    Some(Denial {
        grade: DenialGrade::Certain,
        evidence: "EROFS".into(),
        denied: Some("writing /etc/hosts".into()),
        permission: None,
    })
}

#[test]
fn only_on_failure_offers_a_retry_and_the_question_says_what_was_denied() {
    let plain = || make(None, Some(assessed(true, None)));
    let (mut world, _) = calling(ApprovalPolicy::OnFailure, plain());
    let batch = ended(&mut world, 1, denial());
    let reason = "the sandbox denied writing /etc/hosts: EROFS";
    assert_eq!(question(&batch), (&Question::RetryUnconfined, reason));
    // What somebody says to it reaches the model behind what the first attempt came to.
    let verdict = Verdict::Denied { reason: "use /tmp".into() };
    let batch = world.tell(answer(verdict, Scope::Once)).expect("asked");
    assert_eq!(
        kinds(&batch),
        [
            "review_settled by user:exec",
            "input_queued by user:exec",
            "model_requested by supervisor"
        ]
    );
    for policy in [ApprovalPolicy::OnRequest, ApprovalPolicy::Never] {
        let (mut world, _) = calling(policy, plain());
        let batch = ended(&mut world, 1, denial());
        assert_eq!(kinds(&batch)[1], "model_requested by supervisor", "{policy:?}");
    }
}

#[test]
fn a_retry_that_was_allowed_for_the_session_is_not_asked_about_again() {
    let plain = || make(None, Some(assessed(true, None)));
    let (mut world, _) = calling(ApprovalPolicy::OnFailure, plain());
    ended(&mut world, 1, denial());
    world.tell(answer(Verdict::Allowed, Scope::Session)).expect("asked");
    ended(&mut world, 2, None);
    calls(&mut world, plain());
    let report = Report::ToolEnded {
        call: CallId(2),
        attempt: 1,
        outcome: Outcome::Exited { code: 1 },
        duration_ms: 5,
        output: "it failed".into(),
        denial: denial(),
    };
    world.owed.clear();
    let batch = world.tell(report).expect("under way");
    assert_eq!(
        kinds(&batch),
        [
            "tool_finished by supervisor",
            "review_asked by supervisor",
            "review_settled by policy:granted-for-session",
            "tool_intended by supervisor"
        ]
    );
    assert_eq!(confinement(&batch), &Confinement::None);
    assert!(matches!(world.owed[..], [Effect::RunTool { attempt: 2, .. }]), "{:?}", world.owed);
    assert_eq!(redecide(&world.log), Ok(()));
}

#[test]
fn an_escalation_that_was_allowed_and_did_not_run_is_asked_about_again() {
    let escalated = make(Some("it needs the network"), None);
    let (mut world, _) = calling(ApprovalPolicy::OnRequest, escalated);
    world.tell_torn(answer(Verdict::Allowed, Scope::Once), 1).expect("asked");
    world.crash();
    assert_eq!(world.owed, [Effect::AskReview { call: CALL }]);
    let last = world.log.last().and_then(Envelope::event);
    assert!(
        matches!(last, Some(Event::ReviewAsked { question: Question::RunUnconfined, .. })),
        "{last:?}"
    );
}

/// The simulation is only worth something where it gets to.
#[test]
fn the_simulation_reaches_every_corner_of_the_gate() {
    let mut seen = BTreeSet::new();
    for seed in 1..=200 {
        let world = run(seed, Blow::None);
        for envelope in &world.log {
            match envelope.event() {
                Some(Event::ReviewAsked { question, .. }) => {
                    seen.insert(match question {
                        Question::Run => "asks to run",
                        Question::RetryUnconfined => "asks to retry",
                        Question::RunUnconfined => "asks to leave",
                        Question::WriteOutside { .. } => "asks to write outside",
                    });
                }
                Some(Event::ReviewSettled { scope, verdict: Verdict::Allowed, .. }) => {
                    seen.insert(match (&envelope.author, scope) {
                        (Author::User(_), Scope::Once) => "answers once",
                        (Author::User(_), Scope::Session) => "answers for the session",
                        (Author::User(_), Scope::Project) => "answers for the project",
                        (Author::Policy(rule), _) if rule.starts_with("granted") => "grants",
                        (Author::Policy(_) | Author::Model | Author::Supervisor, _) => "allows",
                    });
                }
                Some(Event::GrantKept { .. }) => drop(seen.insert("keeps a grant")),
                Some(Event::RepositoryChanged { .. }) => drop(seen.insert("a repository changes")),
                Some(Event::ToolIntended { confinement, .. }) => match confinement {
                    Confinement::None => drop(seen.insert("runs outside")),
                    Confinement::WritableRoots { outside, .. } if !outside.is_empty() => {
                        seen.insert("writes outside");
                    }
                    Confinement::Sandbox { plan } if *plan == Digest::of(b"narrow") => {
                        seen.insert("runs narrow");
                    }
                    Confinement::Sandbox { .. } | Confinement::WritableRoots { .. } => {}
                },
                Some(_) | None => {}
            }
        }
    }
    assert_eq!(seen.len(), 14, "{seen:?}");
}
