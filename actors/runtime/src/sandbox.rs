//! The sandbox supervisor: owns every process tree, and sees to it that none outlives its call.

use std::collections::HashMap;

use actix::{Actor, AsyncContext, Context, Handler, ResponseFuture};
use codex_event::CallId;
use codex_sandbox::{Cause, Lifeline, Spawner};

use crate::messages::{End, Forget, Keep, Spawn, Tree};

/// Keeps the lifelines. Dropping the actor, or the process dying, breaks them all, and every tree
/// ends with its line.
pub(crate) struct SandboxActor {
    spawner: Spawner,
    lines: HashMap<CallId, Lifeline>,
}

impl SandboxActor {
    pub(crate) fn new(spawner: Spawner) -> SandboxActor {
        SandboxActor { spawner, lines: HashMap::new() }
    }
}

impl Actor for SandboxActor {
    type Context = Context<Self>;
}

impl Handler<Spawn> for SandboxActor {
    type Result = ResponseFuture<Result<Tree, String>>;

    fn handle(&mut self, spawn: Spawn, context: &mut Self::Context) -> Self::Result {
        let (spawner, keeper, call) = (self.spawner.clone(), context.address(), spawn.call);
        Box::pin(async move {
            // Starting a supervisor takes about a millisecond, too long for the actors' thread.
            let started = tokio::task::spawn_blocking(move || spawner.spawn(*spawn.launch));
            let parts = match started.await {
                Ok(Ok(running)) => running.into_parts(),
                Ok(Err(error)) => return Err(error.to_string()),
                Err(error) => return Err(error.to_string()),
            };
            let (Some(stdout), Some(stderr)) = (parts.stdout, parts.stderr) else {
                return Err("the command's output is not captured".into());
            };
            keeper
                .send(Keep { call, lifeline: parts.lifeline })
                .await
                .map_err(|_| "the program is ending".to_owned())?;
            Ok(Tree { process: parts.process, stdout, stderr, status: parts.status })
        })
    }
}

impl Handler<Keep> for SandboxActor {
    type Result = ();

    fn handle(&mut self, keep: Keep, _: &mut Self::Context) {
        self.lines.insert(keep.call, keep.lifeline);
    }
}

impl Handler<End> for SandboxActor {
    type Result = ();

    fn handle(&mut self, end: End, _: &mut Self::Context) {
        match end.cause {
            Cause::Interrupt => {
                if let Some(line) = self.lines.get(&end.call) {
                    line.end(Cause::Interrupt);
                }
            }
            Cause::Abandon => drop(self.lines.remove(&end.call)),
        }
    }
}

impl Handler<Forget> for SandboxActor {
    type Result = ();

    fn handle(&mut self, forget: Forget, _: &mut Self::Context) {
        self.lines.remove(&forget.call);
    }
}
