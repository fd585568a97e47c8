//! What holds, in words: of the session that is shown, else of the one that would be begun.

use codex_event::{ApprovalPolicy, Permission};
use codex_view::{access, sanitize};

use super::App;
use crate::host::Access;

impl App {
    /// Gives the model and the effort that is asked of it.
    pub(crate) fn current_model(&self) -> (String, Option<String>) {
        if let Some(settings) = self.view.as_ref().and_then(|view| view.status.settings.as_ref()) {
            return (settings.model.clone(), settings.reasoning_effort.clone());
        }
        let facts = &self.options.facts;
        let model = self.changes.model.as_ref().unwrap_or(&facts.model);
        let effort = self.changes.effort.as_ref().or(facts.effort.as_ref());
        (model.clone(), effort.cloned())
    }

    /// Says when a person is asked.
    pub(crate) fn policy(&self) -> ApprovalPolicy {
        let settings = self.view.as_ref().and_then(|view| view.status.settings.as_ref());
        match settings {
            Some(settings) => settings.approval_policy,
            None => self.changes.approval.unwrap_or(self.options.facts.approval),
        }
    }

    /// Says what commands may do, as one of the three modes; none when it is none of them.
    pub(crate) fn access(&self) -> Option<Access> {
        let Some(settings) = self.view.as_ref().and_then(|view| view.status.settings.as_ref())
        else {
            return self.changes.access.or_else(|| {
                let words = &self.options.facts.access;
                ACCESS.iter().find(|(_, mode)| words_of(mode) == *words).map(|(it, _)| *it)
            });
        };
        let same = |mode: &str| {
            let Ok(mut mode) = Permission::expand(mode) else { return false };
            let mut has = settings.permissions.clone();
            mode.sort();
            has.sort();
            mode == has
        };
        ACCESS.iter().find(|(_, mode)| same(mode)).map(|(it, _)| *it)
    }

    /// Says in few words what commands may do.
    pub(crate) fn access_words(&self) -> String {
        if let Some(view) = self.view.as_ref().filter(|view| view.status.settings.is_some()) {
            return view.status.access();
        }
        match self.changes.access {
            Some(chosen) => {
                let mode = ACCESS.iter().find(|(it, _)| *it == chosen);
                mode.map(|(_, mode)| words_of(mode)).unwrap_or_default()
            }
            None => self.options.facts.access.clone(),
        }
    }

    /// Gives the working folder, shortened by the user's home.
    pub(crate) fn folder(&self) -> String {
        let cwd = match &self.view {
            Some(view) if !view.status.cwd.is_empty() => view.status.cwd.clone(),
            Some(_) | None => self.options.facts.cwd.display().to_string(),
        };
        let cwd = sanitize::visible(&cwd);
        match self.home() {
            Some(home) if cwd == home => "~".to_owned(),
            Some(home) => match cwd.strip_prefix(&format!("{home}/")) {
                Some(rest) => format!("~/{rest}"),
                None => cwd,
            },
            None => cwd,
        }
    }

    /// Gives the working folder with its branch, where that is known.
    pub(crate) fn place(&self) -> String {
        match self.branch() {
            Some(branch) => format!("{} ({branch})", self.folder()),
            None => self.folder(),
        }
    }

    /// Gives the branch of the working folder, where that is known.
    pub(crate) fn branch(&self) -> Option<&str> {
        let facts = &self.options.facts;
        let here = self.view.as_ref().is_none_or(|view| {
            view.status.cwd.is_empty() || facts.cwd.as_os_str() == view.status.cwd.as_str()
        });
        facts.branch.as_deref().filter(|_| here)
    }

    pub(crate) fn home(&self) -> Option<String> {
        self.options.facts.home.as_ref().map(|home| home.display().to_string())
    }

    /// Gives what the terminal's title says.
    pub(super) fn title_words(&self) -> String {
        let folder = self.folder();
        let place = folder.rsplit('/').next().unwrap_or_default();
        let name = self.view.as_ref().and_then(|view| view.status.name.as_deref());
        let what = sanitize::visible(name.unwrap_or(place));
        let state = match &self.view {
            Some(view) if view.waiting().is_some() => "? ",
            Some(view) if view.is_running() && view.takes_commands() => "● ",
            Some(_) | None => "",
        };
        format!("{state}codex · {what}")
    }
}

const ACCESS: [(Access, &str); 3] = [
    (Access::ReadOnly, "read-only"),
    (Access::WorkspaceWrite, "workspace-write"),
    (Access::Full, "danger-full-access"),
];

fn words_of(mode: &str) -> String {
    Permission::expand(mode).map(|set| access(&set)).unwrap_or_default()
}
