//! What a session may do, and what becomes more or less of it.

use codex_event::{ApprovalPolicy, Backend, Digest, Permission, SandboxReport, Settings};

/// The settings that hold.
#[derive(Debug, Default)]
pub(super) struct Held {
    cwd: String,
    settings: Option<Settings>,
    level: String,
    abi: Option<u32>,
    roots: Vec<String>,
    plan: Option<Digest>,
    narrow: Option<Digest>,
}

/// One setting that is another than before.
pub(super) struct Change {
    pub(super) setting: &'static str,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) widened: bool,
}

impl Held {
    pub(super) fn open(&mut self, cwd: &str, settings: &Settings, sandbox: &SandboxReport) {
        self.settings = Some(settings.clone());
        // Nothing was there that it could differ from.
        let _ = self.move_to(cwd, sandbox);
    }

    pub(super) fn cwd(&self) -> &str {
        &self.cwd
    }

    /// Says whether commands in the sandbox may use the network.
    pub(super) fn network(&self) -> &'static str {
        let permissions = self.settings.iter().flat_map(|settings| &settings.permissions);
        match permissions.into_iter().any(|one| *one == Permission::NetworkFullAccess) {
            true => "open",
            false => "blocked",
        }
    }

    /// Tells whether a plan is the one of commands that only look.
    pub(super) fn is_narrow(&self, plan: Digest) -> bool {
        self.narrow == Some(plan) && self.plan != Some(plan)
    }

    pub(super) fn permissions(&self) -> Vec<String> {
        let permissions = self.settings.iter().flat_map(|settings| &settings.permissions);
        permissions.map(ToString::to_string).collect()
    }

    pub(super) fn told(&self) -> String {
        let Some(settings) = &self.settings else { return String::new() };
        let (model, url) = (&settings.model, &settings.provider.base_url);
        let policy = settings.approval_policy.as_str();
        let mut told = format!(
            "model {model} at {url}, {}; approval policy {policy}; permissions: {}",
            backend(settings.provider.backend),
            any(&self.permissions())
        );
        if !settings.notify.is_empty() {
            told.push_str(&format!("; tells {}", codex_view::command_line(&settings.notify)));
        }
        told
    }

    /// Takes the surroundings of another process, and gives what differs.
    pub(super) fn move_to(&mut self, cwd: &str, sandbox: &SandboxReport) -> Vec<Change> {
        let mut changes = Changes::default();
        changes.note("folder", &self.cwd, cwd, false);
        let weaker = rank(&sandbox.level) < rank(&self.level);
        changes.note("sandbox level", &self.level, &sandbox.level, weaker);
        let abi = |abi: Option<u32>| abi.map_or_else(|| "none".to_owned(), |abi| abi.to_string());
        let weaker = sandbox.landlock_abi < self.abi;
        changes.note("landlock abi", &abi(self.abi), &abi(sandbox.landlock_abi), weaker);
        let known = |root: &String| {
            self.roots.iter().any(|known| std::path::Path::new(root).starts_with(known))
        };
        let wider = !sandbox.writable_roots.iter().all(known);
        changes.note("writable folders", &any(&self.roots), &any(&sandbox.writable_roots), wider);
        cwd.clone_into(&mut self.cwd);
        self.level.clone_from(&sandbox.level);
        self.abi = sandbox.landlock_abi;
        self.roots.clone_from(&sandbox.writable_roots);
        (self.plan, self.narrow) = (Some(sandbox.plan), sandbox.narrow);
        changes.0
    }

    /// Takes changed settings, and gives what differs.
    pub(super) fn change(&mut self, asked: Backend, settings: Option<&Settings>) -> Vec<Change> {
        let mut changes = Changes::default();
        let Some(before) = self.settings.take() else {
            // What held before is in a hole.
            self.settings = settings.cloned();
            let now = if settings.is_some() { self.told() } else { backend(asked).to_owned() };
            changes.note("settings", "not known", &now, false);
            return changes.0;
        };
        let mut now = settings.cloned().unwrap_or_else(|| before.clone());
        now.provider.backend = asked;
        changes.note("model", &before.model, &now.model, false);
        let (old, new) = (&before.provider, &now.provider);
        changes.note("provider", &old.id, &new.id, false);
        changes.note("address", &old.base_url, &new.base_url, false);
        changes.note("backend", backend(old.backend), backend(new.backend), false);
        let (old, new) = (before.approval_policy, now.approval_policy);
        changes.note("approval policy", old.as_str(), new.as_str(), asks_less(old, new));
        let allowed = |one: &Permission| covers(&before.permissions, one);
        let wider = !now.permissions.iter().all(allowed);
        let list = |list: &[Permission]| {
            any(&list.iter().map(ToString::to_string).collect::<Vec<String>>())
        };
        changes.note("permissions", &list(&before.permissions), &list(&now.permissions), wider);
        let (old, new) = (&before.notify, &now.notify);
        let told = |argv: &[String]| any(&[codex_view::command_line(argv)]);
        // It runs without a sandbox.
        changes.note("notify", &told(old), &told(new), !new.is_empty());
        let effort = |effort: &Option<String>| effort.clone().unwrap_or_else(|| "none".to_owned());
        let (old, new) = (effort(&before.reasoning_effort), effort(&now.reasoning_effort));
        changes.note("reasoning effort", &old, &new, false);
        let (old, new) = (effort(&before.reasoning_summary), effort(&now.reasoning_summary));
        changes.note("reasoning summary", &old, &new, false);
        let retries = |settings: &Settings| {
            let provider = &settings.provider;
            format!(
                "{} requests, {} streams, silence {} ms",
                provider.request_max_retries,
                provider.stream_max_retries,
                provider.stream_idle_timeout_ms
            )
        };
        changes.note("retries", &retries(&before), &retries(&now), false);
        self.settings = Some(now);
        changes.0
    }
}

#[derive(Default)]
struct Changes(Vec<Change>);

impl Changes {
    fn note(&mut self, setting: &'static str, from: &str, to: &str, widened: bool) {
        if from != to {
            let (from, to) = (from.to_owned(), to.to_owned());
            self.0.push(Change { setting, from, to, widened });
        }
    }
}

fn backend(backend: Backend) -> &'static str {
    match backend {
        Backend::Responses => "which keeps responses",
        Backend::Stateless => "which is sent the whole transcript",
    }
}

fn any(list: &[String]) -> String {
    match list.join(", ") {
        none if none.is_empty() => "none".to_owned(),
        some => some,
    }
}

// A level that this release does not know is taken for the strictest, so that any other is weaker.
fn rank(level: &str) -> u32 {
    match level {
        "" | "none" => 0,
        "landlock" => 1,
        _ => 2,
    }
}

// On-failure and on-request may still ask to leave the sandbox, never may not leave it: neither is wider than the
// other. Both do without the question before each act.
fn asks_less(before: ApprovalPolicy, now: ApprovalPolicy) -> bool {
    let first = |policy: ApprovalPolicy| match policy {
        ApprovalPolicy::UnlessAllowListed => true,
        ApprovalPolicy::OnFailure | ApprovalPolicy::OnRequest | ApprovalPolicy::Never => false,
    };
    first(before) && !first(now)
}

fn covers(held: &[Permission], wanted: &Permission) -> bool {
    held.contains(wanted)
        || match wanted {
            Permission::DiskWritePlatformUserTempFolder
            | Permission::DiskWritePlatformGlobalTempFolder
            | Permission::DiskWriteCwd => held.contains(&Permission::DiskFullWriteAccess),
            Permission::DiskWriteFolder(folder) => held.iter().any(|one| match one {
                Permission::DiskFullWriteAccess => true,
                Permission::DiskWriteFolder(outer) => {
                    std::path::Path::new(folder).starts_with(outer)
                }
                Permission::DiskFullReadAccess
                | Permission::DiskWritePlatformUserTempFolder
                | Permission::DiskWritePlatformGlobalTempFolder
                | Permission::DiskWriteCwd
                | Permission::NetworkFullAccess => false,
            }),
            Permission::DiskFullReadAccess
            | Permission::DiskFullWriteAccess
            | Permission::NetworkFullAccess => false,
        }
}
