//! Every text in an event or a command, so that one look sees them all.
//!
//! Each type is taken apart by name: a field that is added has to be told apart here, or this does
//! not compile.

use crate::{
    AssessedPart, Assessment, Command, Confinement, Denial, Escalation, Event, Fault, FileChange,
    FoundPatch, GitHead, Invocation, ItemKind, Opening, Outcome, PatchState, Permission,
    ProcessMark, ProviderSettings, Question, Resumption, Ruling, SandboxReport, Settings, Stored,
    StreamMark, Surroundings, Verdict,
};

/// A text, by its form.
#[derive(Debug)]
pub enum Text<'a> {
    /// A whole text.
    Plain(&'a mut String),
    /// The provider's JSON.
    Json(&'a mut String),
    /// A piece of a text that is streamed, and the times of its parts, which count its bytes.
    Streamed(&'a mut String, &'a mut Vec<StreamMark>),
    /// A piece of what a command printed.
    Printed(&'a mut Vec<u8>),
}

/// What holds texts that came from outside. A value that is held in a blob is not looked into: it
/// was looked at before it was moved there.
pub trait Texts {
    /// Shows every text to `see`, in a fixed order.
    fn texts(&mut self, see: &mut dyn FnMut(Text<'_>));
}

impl Texts for String {
    fn texts(&mut self, see: &mut dyn FnMut(Text<'_>)) {
        see(Text::Plain(self));
    }
}

impl<T: Texts> Texts for Option<T> {
    fn texts(&mut self, see: &mut dyn FnMut(Text<'_>)) {
        self.iter_mut().for_each(|it| it.texts(see));
    }
}

impl<T: Texts> Texts for Vec<T> {
    fn texts(&mut self, see: &mut dyn FnMut(Text<'_>)) {
        self.iter_mut().for_each(|it| it.texts(see));
    }
}

impl<T: Texts> Texts for Box<T> {
    fn texts(&mut self, see: &mut dyn FnMut(Text<'_>)) {
        (**self).texts(see);
    }
}

impl<T: Texts> Texts for Stored<T> {
    fn texts(&mut self, see: &mut dyn FnMut(Text<'_>)) {
        match self {
            Stored::Inline(it) => it.texts(see),
            Stored::Blob { .. } => {}
        }
    }
}

impl Texts for GitHead {
    fn texts(&mut self, see: &mut dyn FnMut(Text<'_>)) {
        let GitHead { commit, branch } = self;
        commit.texts(see);
        branch.texts(see);
    }
}

impl Texts for Settings {
    fn texts(&mut self, see: &mut dyn FnMut(Text<'_>)) {
        let Settings {
            model,
            provider,
            approval_policy: _,
            permissions,
            reasoning_effort,
            reasoning_summary,
            notify,
            sandbox_level: _,
            git_writes: _,
            resources: _,
        } = self;
        let ProviderSettings {
            id,
            base_url,
            backend: _,
            request_max_retries: _,
            stream_max_retries: _,
            stream_idle_timeout_ms: _,
        } = provider;
        [model, id, base_url].into_iter().for_each(|it| it.texts(see));
        permissions.texts(see);
        reasoning_effort.texts(see);
        reasoning_summary.texts(see);
        notify.texts(see);
    }
}

impl Texts for Permission {
    fn texts(&mut self, see: &mut dyn FnMut(Text<'_>)) {
        match self {
            Permission::DiskWriteFolder(folder) => folder.texts(see),
            Permission::DiskFullReadAccess
            | Permission::DiskWritePlatformUserTempFolder
            | Permission::DiskWritePlatformGlobalTempFolder
            | Permission::DiskWriteCwd
            | Permission::DiskFullWriteAccess
            | Permission::NetworkFullAccess => {}
        }
    }
}

impl Texts for SandboxReport {
    fn texts(&mut self, see: &mut dyn FnMut(Text<'_>)) {
        let SandboxReport {
            level,
            landlock_abi: _,
            plan: _,
            writable_roots,
            limits,
            narrow: _,
            missing,
        } = self;
        level.texts(see);
        writable_roots.texts(see);
        limits.texts(see);
        missing.texts(see);
    }
}

impl Texts for Surroundings {
    fn texts(&mut self, see: &mut dyn FnMut(Text<'_>)) {
        let Surroundings { cwd, sandbox, tools: _ } = self;
        cwd.texts(see);
        sandbox.texts(see);
    }
}

impl Texts for FoundPatch {
    fn texts(&mut self, see: &mut dyn FnMut(Text<'_>)) {
        let FoundPatch { call: _, state } = self;
        match state {
            PatchState::Mixed { told } => told.texts(see),
            PatchState::Before | PatchState::After => {}
        }
    }
}

impl Texts for Invocation {
    fn texts(&mut self, see: &mut dyn FnMut(Text<'_>)) {
        match self {
            Invocation::Command {
                argv,
                workdir,
                timeout_ms: _,
                safety: _,
                escalation,
                assessment,
            } => {
                argv.texts(see);
                workdir.texts(see);
                escalation.texts(see);
                assessment.texts(see);
            }
            Invocation::Patch { workdir, text: _ } => workdir.texts(see),
            Invocation::Invalid { message } => message.texts(see),
        }
    }
}

impl Texts for Escalation {
    fn texts(&mut self, see: &mut dyn FnMut(Text<'_>)) {
        let Escalation { justification, prefix } = self;
        justification.texts(see);
        prefix.texts(see);
    }
}

impl Texts for Assessment {
    fn texts(&mut self, see: &mut dyn FnMut(Text<'_>)) {
        let Assessment { reason, ruling, prefix, parts } = self;
        reason.texts(see);
        if let Some(Ruling { decision: _, source, justification }) = ruling {
            source.texts(see);
            justification.texts(see);
        }
        prefix.texts(see);
        for AssessedPart { program, reason } in parts {
            program.texts(see);
            reason.texts(see);
        }
    }
}

impl Texts for Question {
    fn texts(&mut self, see: &mut dyn FnMut(Text<'_>)) {
        match self {
            Question::WriteOutside { paths } => paths.texts(see),
            Question::Run | Question::RetryUnconfined | Question::RunUnconfined => {}
        }
    }
}

impl Texts for Verdict {
    fn texts(&mut self, see: &mut dyn FnMut(Text<'_>)) {
        match self {
            Verdict::Denied { reason } => reason.texts(see),
            Verdict::Allowed | Verdict::Aborted => {}
        }
    }
}

impl Texts for FileChange {
    fn texts(&mut self, see: &mut dyn FnMut(Text<'_>)) {
        let FileChange { path, kind: _, move_to, before: _, after: _, hunks: _ } = self;
        path.texts(see);
        move_to.texts(see);
    }
}

impl Texts for Confinement {
    fn texts(&mut self, see: &mut dyn FnMut(Text<'_>)) {
        match self {
            Confinement::WritableRoots { changes, outside } => {
                changes.texts(see);
                outside.texts(see);
            }
            Confinement::Sandbox { .. } | Confinement::None => {}
        }
    }
}

impl Texts for Outcome {
    fn texts(&mut self, see: &mut dyn FnMut(Text<'_>)) {
        match self {
            Outcome::Patched { changes } => changes.texts(see),
            Outcome::NotStarted { reason } => reason.texts(see),
            Outcome::DiskFull { folder, free_bytes: _ } => folder.texts(see),
            Outcome::Exited { .. }
            | Outcome::Signalled { .. }
            | Outcome::TimedOut
            | Outcome::Interrupted
            | Outcome::Refused
            | Outcome::Invalid
            | Outcome::PatchFailed => {}
        }
    }
}

impl Texts for Denial {
    fn texts(&mut self, see: &mut dyn FnMut(Text<'_>)) {
        let Denial { grade: _, evidence, denied, permission } = self;
        evidence.texts(see);
        denied.texts(see);
        permission.texts(see);
    }
}

impl Texts for Fault {
    fn texts(&mut self, see: &mut dyn FnMut(Text<'_>)) {
        let Fault { kind: _, message, retry_after_ms: _ } = self;
        message.texts(see);
    }
}

impl Texts for ProcessMark {
    fn texts(&mut self, see: &mut dyn FnMut(Text<'_>)) {
        let ProcessMark { pid: _, start_time: _, boot_id } = self;
        boot_id.texts(see);
    }
}

impl Texts for ItemKind {
    fn texts(&mut self, see: &mut dyn FnMut(Text<'_>)) {
        match self {
            ItemKind::FunctionCall { call_id, name } | ItemKind::CustomCall { call_id, name } => {
                call_id.texts(see);
                name.texts(see);
            }
            ItemKind::Other { name } => name.texts(see),
            ItemKind::Message | ItemKind::Reasoning => {}
        }
    }
}

impl Texts for Opening {
    fn texts(&mut self, see: &mut dyn FnMut(Text<'_>)) {
        let Opening { cwd, git, settings, sandbox, program, tools: _, context, notes } = self;
        cwd.texts(see);
        git.texts(see);
        settings.texts(see);
        sandbox.texts(see);
        program.texts(see);
        context.iter_mut().for_each(|(_, text)| text.texts(see));
        notes.texts(see);
    }
}

impl Texts for Resumption {
    fn texts(&mut self, see: &mut dyn FnMut(Text<'_>)) {
        let Resumption { program, patches, surroundings, settings, environment, input } = self;
        program.texts(see);
        patches.texts(see);
        surroundings.texts(see);
        settings.texts(see);
        environment.texts(see);
        input.texts(see);
    }
}

impl Texts for Command {
    fn texts(&mut self, see: &mut dyn FnMut(Text<'_>)) {
        match self {
            Command::Open(opening) => opening.texts(see),
            Command::Resume(resumption) => resumption.texts(see),
            Command::Submit { input } => input.texts(see),
            Command::SettleReview { call: _, verdict, scope: _ } => verdict.texts(see),
            Command::Name { name } => name.texts(see),
            Command::StartOwnCommand { line, cwd } => {
                line.texts(see);
                cwd.texts(see);
            }
            Command::EndOwnCommand { line, exit: _, duration_ms: _, output } => {
                line.texts(see);
                output.texts(see);
            }
            Command::Interrupt { reason: _ }
            | Command::Shelve { shelf: _ }
            | Command::Close { reason: _ } => {}
        }
    }
}

impl Texts for Event {
    fn texts(&mut self, see: &mut dyn FnMut(Text<'_>)) {
        match self {
            Event::SessionOpened { cwd, git, settings, sandbox, program, tools: _ } => {
                cwd.texts(see);
                git.texts(see);
                settings.texts(see);
                sandbox.texts(see);
                program.texts(see);
            }
            Event::SessionResumed { program, lost: _, patches, surroundings } => {
                program.texts(see);
                patches.texts(see);
                surroundings.texts(see);
            }
            Event::SettingsChanged { backend: _, reason, settings } => {
                reason.texts(see);
                settings.texts(see);
            }
            Event::SessionNamed { name } => name.texts(see),
            Event::ContextAdded { source: _, text } | Event::Noted { text } => text.texts(see),
            Event::InputQueued { input } | Event::TurnStarted { input } => input.texts(see),
            Event::TurnFailed { kind: _, message } => message.texts(see),
            Event::ModelRequested { request: _, attempt: _, backend: _, previous, input: _ } => {
                previous.texts(see);
            }
            Event::ModelStreamed { request: _, attempt: _, item: _, part: _, text, marks } => {
                see(Text::Streamed(text, marks));
            }
            Event::ModelItemCompleted { request: _, attempt: _, item: _, kind, raw } => {
                kind.texts(see);
                match raw {
                    Stored::Inline(raw) => see(Text::Json(raw)),
                    Stored::Blob { .. } => {}
                }
            }
            Event::ModelResponded { request: _, attempt: _, response, usage: _ } => {
                response.texts(see);
            }
            Event::ModelAttemptFailed { request: _, attempt: _, fault, retry: _ } => {
                fault.texts(see);
            }
            Event::ToolCalled { call: _, request: _, item: _, invocation, arguments: _ } => {
                invocation.texts(see);
            }
            Event::ReviewAsked { call: _, question, reason } => {
                question.texts(see);
                reason.texts(see);
            }
            Event::ReviewSettled { call: _, verdict, scope: _ } => verdict.texts(see),
            Event::GrantKept { call: _, prefix, project, error } => {
                prefix.texts(see);
                project.texts(see);
                error.texts(see);
            }
            Event::ToolIntended { call: _, attempt: _, confinement } => confinement.texts(see),
            Event::ToolSpawned { call: _, attempt: _, process, enforced } => {
                process.texts(see);
                enforced.texts(see);
            }
            Event::ToolOutput { call: _, attempt: _, stream: _, skipped: _, bytes } => {
                see(Text::Printed(&mut bytes.0));
            }
            Event::ToolFinished {
                call: _,
                attempt: _,
                outcome,
                duration_ms: _,
                output,
                denial,
            } => {
                outcome.texts(see);
                output.texts(see);
                denial.texts(see);
            }
            Event::ToolAbandoned { call: _, output } => output.texts(see),
            Event::RepositoryChanged { call: _, changes } => changes.texts(see),
            Event::OwnCommandStarted { line, cwd } => {
                line.texts(see);
                cwd.texts(see);
            }
            Event::OwnCommandEnded { started: _, exit: _, duration_ms: _, output } => {
                output.texts(see);
            }
            Event::NotificationSent { program, payload, error } => {
                program.texts(see);
                payload.texts(see);
                error.texts(see);
            }
            Event::SessionForked { parent: _, at: _, head: _ }
            | Event::SessionShelved { shelf: _ }
            | Event::Repaired { missing: _ }
            | Event::SessionClosed { reason: _ }
            | Event::TurnInterruptRequested { reason: _ }
            | Event::TurnInterrupted { reason: _ }
            | Event::TurnCompleted { usage: _ } => {}
        }
    }
}
