//! A call and what came of it, as events.

use codex_event::{
    Arguments, Author, CallId, Confinement, Event, FileChange, Invocation, Outcome, OutputBytes,
    OutputStream, ProcessMark, Scope, Seq, Stored, Verdict,
};

use crate::convert::{Conversion, Fault, RULE};
use crate::outcome::{self, Done, End};
use crate::reply::{Output, Said};

/// What the model is told of a call whose end nobody recorded.
const DANGLING: &str = "The recording of this session has no output of this call. Whether it ran, \
                        and what it changed, is not known.";
/// Bytes of one event of output.
const CHUNK: usize = 4096;

impl Conversion<'_> {
    /// Tells what came of a call that was announced before.
    pub(crate) fn carried_out(
        &mut self,
        (call, called): (CallId, Seq),
        invocation: &Invocation,
        said: Said,
    ) -> Result<(), Fault> {
        let done = said.call_id().and_then(|id| self.done.remove(id)).unwrap_or_default();
        if let Some(output) = &said.output {
            self.at = output.at;
        }
        let Some(Output { text, .. }) = said.output else {
            self.dangling = true;
            self.counts.abandoned += 1;
            let told = DANGLING.to_owned();
            if let Invocation::Invalid { .. } = invocation {
                return self.never((call, called), Outcome::Invalid, told);
            }
            let intended = self.intend((call, called), invocation, Vec::new())?;
            return self.abandon(call, intended, told);
        };
        let told = outcome::told(&text);
        match (invocation, told.end) {
            (Invocation::Invalid { .. }, _) => self.never((call, called), Outcome::Invalid, text),
            (_, End::Refused) => self.never((call, called), Outcome::Refused, text),
            (Invocation::Command { .. }, end) => {
                self.command((call, called), invocation, end, done, text)
            }
            (Invocation::Patch { .. }, end) => {
                self.patch((call, called), invocation, end, done, text)
            }
        }
    }

    fn command(
        &mut self,
        (call, called): (CallId, Seq),
        invocation: &Invocation,
        end: End,
        done: Done,
        text: String,
    ) -> Result<(), Fault> {
        let told = outcome::told(&text);
        let duration_ms = done.duration_ms.unwrap_or(told.duration_ms);
        let printed = match done.printed {
            Some(printed) => printed,
            None => outcome::printed_in_json(&text).unwrap_or_else(|| told.printed.to_owned()),
        };
        let intended = self.intend((call, called), invocation, Vec::new())?;
        let outcome = match (done.exit_code, end) {
            (_, End::Interrupted) => Outcome::Interrupted,
            (Some(code), _) | (None, End::Exited(code)) => Outcome::Exited { code },
            (None, End::Applied | End::Unfit | End::Refused | End::Unknown) => {
                return self.abandon(call, intended, text);
            }
        };
        self.print(call, intended, &printed)?;
        self.finished((call, intended), 1, outcome, duration_ms, text)
    }

    fn patch(
        &mut self,
        (call, called): (CallId, Seq),
        invocation: &Invocation,
        end: End,
        done: Done,
        text: String,
    ) -> Result<(), Fault> {
        let changes = done.changes.unwrap_or_else(|| outcome::listed(&text, self.cwd()));
        let applied = match end {
            End::Applied | End::Exited(0) => true,
            End::Unfit => return self.never((call, called), Outcome::PatchFailed, text),
            End::Exited(_) | End::Interrupted | End::Refused | End::Unknown => false,
        };
        let intended = self.intend((call, called), invocation, changes.clone())?;
        let outcome = match (applied, end) {
            (true, _) => Outcome::Patched { changes: changes.into() },
            (false, End::Interrupted) => Outcome::Interrupted,
            (false, End::Exited(_)) => Outcome::PatchFailed,
            (false, End::Applied | End::Unfit | End::Refused | End::Unknown) => {
                return self.abandon(call, intended, text);
            }
        };
        self.finished((call, intended), 1, outcome, 0, text)
    }

    /// Says that the call was let through, by the one rule that holds here: it was, then and there.
    fn intend(
        &mut self,
        (call, called): (CallId, Seq),
        invocation: &Invocation,
        changes: Vec<FileChange>,
    ) -> Result<Seq, Fault> {
        let rule = Author::Policy(RULE.to_owned());
        let verdict = Event::ReviewSettled { call, verdict: Verdict::Allowed, scope: Scope::Once };
        let settled = self.emit(rule, Some(called), verdict)?;
        let confinement = match invocation {
            Invocation::Patch { .. } => {
                Confinement::WritableRoots { changes: changes.into(), outside: Vec::new() }
            }
            Invocation::Command { .. } | Invocation::Invalid { .. } => self.confinement(),
        };
        let event = Event::ToolIntended { call, attempt: 1, confinement };
        self.emit(Author::Supervisor, Some(settled), event)
    }

    fn print(&mut self, call: CallId, intended: Seq, printed: &str) -> Result<(), Fault> {
        let printed = self.clean(printed);
        if printed.is_empty() {
            return Ok(());
        }
        // No process of this machine: nobody looks for it.
        let process = ProcessMark { pid: 0, start_time: 0, boot_id: RULE.to_owned() };
        let enforced = "not recorded".to_owned();
        let event = Event::ToolSpawned { call, attempt: 1, process, enforced };
        let spawned = self.emit(Author::Supervisor, Some(intended), event)?;
        for part in printed.as_bytes().chunks(CHUNK) {
            let event = Event::ToolOutput {
                call,
                attempt: 1,
                stream: OutputStream::Stdout,
                skipped: 0,
                bytes: OutputBytes(part.to_vec()),
            };
            self.emit(Author::Supervisor, Some(spawned), event)?;
        }
        Ok(())
    }

    fn never(
        &mut self,
        (call, called): (CallId, Seq),
        outcome: Outcome,
        text: String,
    ) -> Result<(), Fault> {
        self.finished((call, called), 0, outcome, 0, text)
    }

    fn finished(
        &mut self,
        (call, cause): (CallId, Seq),
        attempt: u32,
        outcome: Outcome,
        duration_ms: u64,
        text: String,
    ) -> Result<(), Fault> {
        let output = Stored::Inline(text);
        let event =
            Event::ToolFinished { call, attempt, outcome, duration_ms, output, denial: None };
        self.emit(Author::Supervisor, Some(cause), event).map(drop)
    }

    fn abandon(&mut self, call: CallId, intended: Seq, text: String) -> Result<(), Fault> {
        let event = Event::ToolAbandoned { call, output: text.into() };
        self.emit(Author::Supervisor, Some(intended), event).map(drop)
    }

    /// Gives what is kept of a call's arguments once its secrets are out of them.
    pub(crate) fn arguments(before: &str, after: &str) -> Arguments {
        match before == after {
            true => Arguments::Recorded,
            false => Arguments::Concealed,
        }
    }
}
