//! The approval gate: questions on their way out, answers on their way in.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use actix::{Actor, Context, Handler, Recipient, ResponseFuture};
use codex_event::{Command, Rejection, Seq, SessionId};
use codex_gate::{Added, Grant, Rulebook, project_root};
use codex_session::Report;

use crate::clock::Clock;
use crate::messages::{Answer, AskReview, KeepGrant, Observe, Wish};
use crate::tools::folder;

/// Passes answers on to the session, whose rules let the first one win, and writes those down that
/// hold for the whole project.
///
/// It keeps no list of its own of what waits: a question reaches every frontend through the
/// journal, and an answer that is quicker than this actor's mailbox is as good as any.
pub(crate) struct ApprovalActor {
    session: Recipient<Wish>,
    observe: Recipient<Observe>,
    keeper: Arc<Keeper>,
}

/// Writes grants down.
pub(crate) struct Keeper {
    pub(crate) id: SessionId,
    pub(crate) cwd: PathBuf,
    pub(crate) rulebook: Arc<Rulebook>,
}

impl Keeper {
    /// Writes a grant, or finds that it was written before; blocks on the disk.
    fn keep(&self, grant: KeepGrant) -> Report {
        let KeepGrant { call, settled, prefix, workdir } = grant;
        let root = project_root(&folder(&self.cwd, workdir.as_deref()));
        let (project, error) = match self.write(&root, prefix, settled) {
            Ok(project) => (project, None),
            Err(error) => (root.display().to_string(), Some(error)),
        };
        Report::GrantKept { call, project, error }
    }

    fn write(&self, root: &Path, prefix: Vec<String>, settled: Seq) -> Result<String, String> {
        let project = root.to_str().ok_or("the name of the project is not valid UTF-8")?;
        let at = Clock::start().wall();
        let grant = Grant::new(project.to_owned(), prefix, self.id, settled, at);
        match self.rulebook.keep(&grant) {
            // One that was revoked since stays revoked: the answer was kept, and taken back.
            Ok(Added::Written | Added::AlreadyThere | Added::Revoked) => Ok(project.to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl ApprovalActor {
    pub(crate) fn new(
        session: Recipient<Wish>,
        observe: Recipient<Observe>,
        keeper: Keeper,
    ) -> ApprovalActor {
        ApprovalActor { session, observe, keeper: Arc::new(keeper) }
    }
}

impl Actor for ApprovalActor {
    type Context = Context<Self>;
}

impl Handler<AskReview> for ApprovalActor {
    type Result = ();

    fn handle(&mut self, AskReview { call }: AskReview, _: &mut Self::Context) {
        tracing::debug!(%call, "a question waits");
    }
}

impl Handler<KeepGrant> for ApprovalActor {
    type Result = ();

    fn handle(&mut self, grant: KeepGrant, _: &mut Self::Context) {
        let (observe, keeper) = (self.observe.clone(), Arc::clone(&self.keeper));
        let call = grant.call;
        let project = self.keeper.cwd.display().to_string();
        actix::spawn(async move {
            let kept = tokio::task::spawn_blocking(move || keeper.keep(grant)).await;
            let report = kept.unwrap_or_else(|panic| Report::GrantKept {
                call,
                project,
                error: Some(panic.to_string()),
            });
            let _ = observe.send(Observe(report)).await;
        });
    }
}

impl Handler<Answer> for ApprovalActor {
    type Result = ResponseFuture<Result<(), Rejection>>;

    fn handle(&mut self, answer: Answer, _: &mut Self::Context) -> Self::Result {
        let Answer { author, call, verdict, scope } = answer;
        let command = Command::SettleReview { call, verdict, scope };
        let settled = self.session.send(Wish { author, command });
        Box::pin(async { settled.await.unwrap_or(Err(Rejection::Closed)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix::System;
    use codex_event::{Author, CallId, Scope, Verdict};
    use std::sync::Mutex;

    struct Sink(Arc<Mutex<Vec<Wish>>>);

    impl Actor for Sink {
        type Context = Context<Self>;
    }

    impl Handler<Wish> for Sink {
        type Result = Result<(), Rejection>;

        fn handle(&mut self, wish: Wish, _: &mut Self::Context) -> Self::Result {
            let mut seen = self.0.lock().expect("one thread");
            seen.push(wish);
            // As the session's rules do.
            if seen.len() == 1 { Ok(()) } else { Err(Rejection::NoSuchReview(CallId(1))) }
        }
    }

    impl Handler<Observe> for Sink {
        type Result = ();

        fn handle(&mut self, _: Observe, _: &mut Self::Context) {}
    }

    fn session() -> SessionId {
        "01900000-0000-7000-8000-000000000001".parse().expect("an id")
    }

    #[test]
    fn a_grant_is_written_once_for_the_answer_and_names_the_project_of_the_call() {
        let home = tempfile::tempdir().expect("a folder");
        let project = home.path().join("project");
        std::fs::create_dir_all(project.join(".git")).expect("folders");
        std::fs::create_dir_all(project.join("inner")).expect("folders");
        let rulebook = Arc::new(Rulebook::load(home.path(), None).expect("no rules yet"));
        let keeper = Keeper { id: session(), cwd: project.clone(), rulebook };
        let grant = || KeepGrant {
            call: CallId(3),
            settled: Seq(7),
            prefix: vec!["make".into(), "check".into()],
            workdir: Some("inner".into()),
        };
        let root = project_root(&project).display().to_string();
        // Owed again after a crash, it is the same grant.
        for _ in 0..2 {
            let report = keeper.keep(grant());
            let expected =
                Report::GrantKept { call: CallId(3), project: root.clone(), error: None };
            assert_eq!(report, expected);
        }
        let kept = codex_gate::Grants::of(home.path()).list().expect("a file of grants");
        assert_eq!(kept.len(), 1);
        // What is never granted is reported and not written.
        let shell = KeepGrant { settled: Seq(9), prefix: vec!["bash".into()], ..grant() };
        assert!(matches!(keeper.keep(shell), Report::GrantKept { error: Some(_), .. }));
        assert_eq!(codex_gate::Grants::of(home.path()).list().expect("readable").len(), 1);
    }

    #[test]
    fn an_answer_that_comes_before_the_gate_knows_the_question_goes_in_too() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Sink(Arc::clone(&seen));
        System::new().block_on(async {
            let keeper = Keeper { id: session(), cwd: "/".into(), rulebook: Arc::default() };
            let sink = sink.start();
            let gate =
                ApprovalActor::new(sink.clone().recipient(), sink.recipient(), keeper).start();
            let answer = |verdict| Answer {
                author: Author::User("tui".into()),
                call: CallId(1),
                verdict,
                scope: Scope::Once,
            };
            assert_eq!(gate.send(answer(Verdict::Allowed)).await.expect("alive"), Ok(()));
            gate.send(AskReview { call: CallId(1) }).await.expect("alive");
            let late = gate.send(answer(Verdict::Aborted)).await.expect("alive");
            assert_eq!(late, Err(Rejection::NoSuchReview(CallId(1))));
        });
        let seen = seen.lock().expect("one thread");
        assert!(matches!(seen[0].command, Command::SettleReview { verdict: Verdict::Allowed, .. }));
    }
}
