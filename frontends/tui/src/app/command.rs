//! Slash commands carried out.

use codex_event::{ApprovalPolicy, Command, Seq, SessionId};

use super::App;
use super::local::{Body, Head, Local, Shell};
use super::popups::{Choice, With};
use super::session::{Next, Pending, What};
use super::view::{Feed, View};
use crate::host::{Access, Changes, Owner, Request, Role, Setting};
use crate::options::{Colours, Keys, Palette};
use crate::popup::{Card, KeyGroup, Popup, UsageRow};
use crate::slash::{self, Found, Slash};
use crate::update::Intent;

/// Efforts that a model can be asked for.
const EFFORTS: &[&str] = &["minimal", "low", "medium", "high", "xhigh"];

impl App {
    /// Carries a slash command out; what is none stays in the composer, and a path is said.
    pub(crate) fn command(&mut self, name: &str, rest: &str, written: Option<String>) {
        let written = written.unwrap_or_else(|| format!("/{name} {rest}").trim_end().to_owned());
        if !slash::is_command(name) {
            self.say(written);
            return;
        }
        match slash::find(name, self.role()) {
            Found::Command(command) => self.carry_out(command, rest.trim(), &written),
            Found::Absent(why) => {
                self.give_back(&written);
                self.toast(format!("/{name}: {why}"));
            }
            Found::Unknown(near) => {
                self.give_back(&written);
                self.palette = None;
                self.palette_closed = true;
                self.toast(match near {
                    Some(near) => format!("no command /{name}; did you mean /{near}?"),
                    None => format!("no command /{name}; /help lists what there is"),
                });
            }
        }
    }

    fn carry_out(&mut self, command: Slash, rest: &str, written: &str) {
        match command {
            Slash::Model => self.model(rest),
            Slash::Approvals => self.approvals(rest, written),
            Slash::Permissions => self.permissions(rest, written),
            Slash::Status => {
                let card = self.status_card();
                self.show(Popup::card(card));
            }
            Slash::Usage => self.usage(),
            Slash::Diff => self.out.push(Intent::Request(Request::Diff)),
            Slash::New => self.leave(Next::Fresh),
            Slash::Resume | Slash::Attach => self.choose(rest, With::TakeUp),
            Slash::Sessions => self.choose_session(),
            Slash::Replay => self.choose(rest, With::Watch),
            Slash::Fork => match (&self.view, rest) {
                (Some(view), "") => {
                    let session = view.session;
                    self.with_session(session, With::Fork);
                }
                (_, rest) => self.choose(rest, With::Fork),
            },
            Slash::TakeOver => {
                let shown = self.view.as_ref().map(|view| (view.session, view.role));
                if let Some((session, Role::Guest { pid })) = shown {
                    self.show(Popup::take_over(session, pid));
                }
            }
            Slash::Export => {
                if let Some(View { session, .. }) = self.view {
                    let file = (!rest.is_empty()).then(|| rest.into());
                    self.out.push(Intent::Request(Request::Export { session, file }));
                }
            }
            Slash::Name => {
                let name = (!rest.is_empty()).then(|| rest.to_owned());
                self.out.push(Intent::Ask(Command::Name { name }));
            }
            Slash::Copy => match self.view.as_ref().and_then(|view| view.answer.clone()) {
                Some(answer) => {
                    self.out.push(Intent::Copy(answer));
                    self.toast("the last answer is in the clipboard, if the terminal lets it be");
                }
                None => self.toast("there is no answer yet"),
            },
            Slash::Theme => self.colours(rest, written),
            Slash::Keymap => self.keymap(rest, written),
            Slash::Help => self.help(),
            Slash::Quit => self.leave(Next::Quit),
        }
    }

    fn model(&mut self, rest: &str) {
        let mut words = rest.split_whitespace();
        let Some(model) = words.next() else {
            let (current, effort) = self.current_model();
            let popup = Popup::models(&self.options.facts.models, &current, effort.as_deref());
            self.show(popup);
            return;
        };
        let changes = match words.next() {
            None if EFFORTS.contains(&model) => {
                Changes { effort: Some(model.to_owned()), ..Changes::default() }
            }
            effort => Changes {
                model: Some(model.to_owned()),
                effort: effort.map(str::to_owned),
                ..Changes::default()
            },
        };
        self.change(changes);
    }

    fn approvals(&mut self, rest: &str, written: &str) {
        let policy = match rest {
            "" => {
                let popup = Popup::approvals(self.policy());
                self.show(popup);
                return;
            }
            "unless-allow-listed" | "untrusted" => ApprovalPolicy::UnlessAllowListed,
            "on-failure" => ApprovalPolicy::OnFailure,
            "on-request" => ApprovalPolicy::OnRequest,
            "never" => ApprovalPolicy::Never,
            _ => {
                self.give_back(written);
                self.toast("one of: unless-allow-listed, on-failure, on-request, never");
                return;
            }
        };
        self.change(Changes { approval: Some(policy), ..Changes::default() });
    }

    fn permissions(&mut self, rest: &str, written: &str) {
        let access = match rest {
            "" => {
                let popup = Popup::access(self.access());
                self.show(popup);
                return;
            }
            "read-only" => Access::ReadOnly,
            "workspace-write" => Access::WorkspaceWrite,
            "danger-full-access" => Access::Full,
            _ => {
                self.give_back(written);
                self.toast("one of: read-only, workspace-write, danger-full-access");
                return;
            }
        };
        self.change(Changes { access: Some(access), ..Changes::default() });
    }

    /// Does something with the session of this name or id, or offers them all.
    fn choose(&mut self, rest: &str, with: With) {
        if rest.is_empty() {
            self.choose_session();
        } else if let Ok(session) = rest.parse::<SessionId>() {
            self.with_session(session, with);
        } else {
            self.choice = Some(Choice::Find(rest.to_owned(), with));
            self.out.push(Intent::Request(Request::Sessions));
        }
    }

    fn colours(&mut self, rest: &str, written: &str) {
        let colours = match rest {
            "" => {
                let popup = Popup::themes(self.colours);
                self.show(popup);
                return;
            }
            "auto" => Colours::Auto,
            "dark" => Colours::Always(Palette::Dark),
            "light" => Colours::Always(Palette::Light),
            "16" | "sixteen" => Colours::Always(Palette::Sixteen),
            "plain" | "none" => Colours::Always(Palette::Plain),
            _ => {
                self.give_back(written);
                self.toast("one of: auto, dark, light, 16, plain");
                return;
            }
        };
        self.act(crate::popup::Action::Theme(colours));
    }

    fn keymap(&mut self, rest: &str, written: &str) {
        let keys = match rest {
            "" => {
                self.help();
                return;
            }
            "emacs" => Keys::Emacs,
            "vim" | "vi" => Keys::Vim,
            _ => {
                self.give_back(written);
                self.toast("one of: emacs, vim");
                return;
            }
        };
        self.options.keys = keys;
        self.composer.set_keys(keys);
        self.out.push(Intent::Request(Request::Keep(Setting::Keys(keys))));
    }

    /// Shows keys and commands.
    pub(crate) fn help(&mut self) {
        let mut groups = self.options.keymap.groups();
        let commands = slash::palette(self.role()).into_iter();
        let keys = commands
            .map(|row| {
                (format!("/{} {}", row.name, row.arguments).trim_end().to_owned(), row.description)
            })
            .collect();
        groups.push(KeyGroup { title: "Commands".into(), keys });
        self.show(Popup::help(groups));
    }

    fn usage(&mut self) {
        let Some(view) = &self.view else { return };
        let rows = vec![
            UsageRow { label: "last turn".into(), usage: view.status.turn_usage },
            UsageRow { label: "session".into(), usage: view.status.usage },
        ];
        self.show(Popup::usage(rows));
    }

    fn status_card(&self) -> Card {
        let mut rows: Vec<(String, String)> = Vec::new();
        let mut row = |name: &str, value: String| {
            if !value.is_empty() {
                rows.push((name.to_owned(), value));
            }
        };
        let facts = &self.options.facts;
        let (model, effort) = self.current_model();
        row(
            "model",
            match effort {
                Some(effort) => format!("{model} ({effort})"),
                None => model,
            },
        );
        row("provider", facts.provider.clone());
        row("folder", self.folder());
        row("branch", self.branch().unwrap_or_default().to_owned());
        row("asks", self.policy().as_str().to_owned());
        row("access", self.access_words());
        if let Some(view) = &self.view {
            row("session", view.session.to_string());
            row("name", view.status.name.clone().unwrap_or_default());
            row("commands", view.status.permits());
            if let Some(sandbox) = &view.status.sandbox {
                row("sandbox", sandbox.level.clone());
                for limit in sandbox.limits.iter().chain(&sandbox.missing) {
                    row("", limit.clone());
                }
            }
            let usage = view.status.usage;
            row(
                "tokens",
                format!(
                    "{} in ({} cached), {} out",
                    usage.input_tokens, usage.cached_input_tokens, usage.output_tokens
                ),
            );
            let presence = match view.role {
                Role::Owner { .. } => "this process has the session".to_owned(),
                Role::Guest { pid } => format!("attached to process {pid}"),
                Role::Reader => "read only".to_owned(),
            };
            let others = crate::draw::others(view.others());
            row(
                "presence",
                others.map_or(presence.clone(), |others| format!("{presence}; {others}")),
            );
            row("events", view.last.to_string());
        }
        Card { title: format!("codex {}", facts.version), rows }
    }

    /// Runs a command of the user's own, outside of any sandbox.
    pub(crate) fn shell(&mut self, line: String) {
        if self.shell_runs() {
            self.give_back(&format!("!{line}"));
            self.toast("a command of yours is running: Esc ends it");
            return;
        }
        self.put_local(Body::Shell(Shell::new(line.clone())));
        if self.pending.is_some() || self.is_catching_up() {
            self.runs_next = Some(line);
            return;
        }
        let there = self.view.as_ref().map(|view| (view.session, view.role, view.feed));
        match there {
            // It is part of what is done here, so there has to be something that it is part of.
            None => {
                self.runs_next = Some(line);
                let changes = std::mem::take(&mut self.changes);
                self.begun_with = changes.clone();
                let pending = Pending { what: What::Begin, restore: None, draft: String::new() };
                self.open(Request::Begin { input: None, changes }, pending);
            }
            Some((session, Role::Owner { .. } | Role::Guest { .. }, Feed::Over)) => {
                self.runs_next = Some(line);
                self.take_up(session, Owner::Attach);
            }
            Some(
                (_, Role::Owner { .. } | Role::Guest { .. }, Feed::Open) | (_, Role::Reader, _),
            ) => {
                self.out.push(Intent::Request(Request::Shell { line }));
            }
        }
    }

    /// The own command that runs is recorded: from here on it stands below what is recorded of it.
    pub(crate) fn shell_recorded(&mut self, at: Seq, line: &str) {
        let own = self.locals.iter_mut().rev().find(|local| match &local.body {
            Body::Shell(shell) => shell.exit.is_none() && shell.line == line,
            Body::Remark { .. } => false,
        });
        let Some(Local { after, body: Body::Shell(shell) }) = own else { return };
        shell.head = Head::Recorded;
        let before = std::mem::replace(after, at);
        self.redraw_local(before);
        self.redraw_local(at);
    }

    /// All of the own command stands in the conversation, or nothing came of it.
    pub(crate) fn forget_shell(&mut self) {
        if let Some(at) = self.locals.iter().rposition(|local| !local.is_settled()) {
            let Local { after, .. } = self.locals.remove(at);
            self.redraw_local(after);
        }
    }

    /// Changes what is known of the own command that runs.
    pub(crate) fn shell_did(&mut self, change: impl FnOnce(&mut Shell)) {
        let running = self.locals.iter_mut().rev().find(|local| !local.is_settled());
        let Some(Local { after, body: Body::Shell(shell) }) = running else { return };
        change(shell);
        let after = *after;
        self.redraw_local(after);
    }

    /// Tells whether a command of the user's own runs.
    pub(crate) fn shell_runs(&self) -> bool {
        self.locals.iter().any(|local| !local.is_settled())
    }
}
