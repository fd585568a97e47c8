//! The values of each choice, and what they mean.

use codex_event::{ApprovalPolicy, Seq};
use codex_view::sanitize;

use super::{Chooser, Efforts, Value};
use crate::host::{Access, Changes};
use crate::options::{Colours, Palette};
use crate::popup::field::{Field, Kind};
use crate::popup::{Action, Popup, frame};

/// Efforts that are offered; a server may know others, which the settings can name.
const EFFORTS: [&str; 4] = ["minimal", "low", "medium", "high"];
/// Characters of a prompt that are looked at.
const PROMPT: usize = 600;

/// Something that was said earlier in this session, to go back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptRow {
    /// The last position before it: what a fork from here keeps. None for the whole session.
    pub before: Option<Seq>,
    /// The words.
    pub text: String,
}

impl Popup {
    /// Offers models and, with the arrows to the sides, how hard they should think.
    pub fn models(models: &[String], current: &str, effort: Option<&str>) -> Popup {
        let mut names: Vec<&str> = models.iter().map(String::as_str).collect();
        if !names.contains(&current) {
            names.insert(0, current);
        }
        let row = |name: &&str| {
            let changes = Changes { model: Some((*name).to_owned()), ..Changes::default() };
            value(name, "", *name == current, Action::Change(changes))
        };
        let mut chooser = Chooser::new("Model", names.iter().map(row).collect());
        let mut all: Vec<String> = EFFORTS.map(str::to_owned).to_vec();
        if let Some(effort) = effort.filter(|it| !EFFORTS.contains(it)) {
            all.push(frame::said(effort));
        }
        let at = effort.and_then(|it| all.iter().position(|known| *known == frame::said(it)));
        chooser.efforts = Some(Efforts { all, at });
        if names.len() > 8 {
            chooser.filter = Some(Field::new(Kind::Line, ""));
        }
        show(chooser)
    }

    /// Offers when a person is asked.
    pub fn approvals(current: ApprovalPolicy) -> Popup {
        let all = [
            ApprovalPolicy::UnlessAllowListed,
            ApprovalPolicy::OnRequest,
            ApprovalPolicy::OnFailure,
            ApprovalPolicy::Never,
        ];
        let row = |policy: ApprovalPolicy| {
            let changes = Changes { approval: Some(policy), ..Changes::default() };
            let meaning = match policy {
                ApprovalPolicy::UnlessAllowListed => {
                    "You are asked about every command that is not known to only look, and about \
                     every patch."
                }
                ApprovalPolicy::OnRequest => {
                    "Commands run in the sandbox without a question. You are asked when the model \
                     wants to leave it, and says why."
                }
                ApprovalPolicy::OnFailure => {
                    "Commands run in the sandbox without a question. You are asked when it stopped \
                     one, whether to run it again outside."
                }
                ApprovalPolicy::Never => {
                    "You are never asked: what the sandbox stops has failed, and the model is told."
                }
            };
            value(policy.as_str(), meaning, policy == current, Action::Change(changes))
        };
        show(Chooser::new("When you are asked", all.map(row).to_vec()))
    }

    /// Offers what commands may do; none where the settings are none of these three.
    pub fn access(current: Option<Access>) -> Popup {
        let row = |access: Access| {
            let changes = Changes { access: Some(access), ..Changes::default() };
            let (name, meaning) = match access {
                Access::ReadOnly => {
                    ("read-only", "Commands read everything, write nothing, and have no network.")
                }
                Access::WorkspaceWrite => (
                    "workspace-write",
                    "Commands read everything, write in the working folder and the temporary ones, \
                     and have no network.",
                ),
                Access::Full => (
                    "danger-full-access",
                    "No sandbox: commands may do all that you may, everywhere, with the network.",
                ),
            };
            let mut value = value(name, meaning, current == Some(access), Action::Change(changes));
            value.confirm = match access {
                Access::Full => Some("Nothing will hold commands any more. Enter again takes it."),
                Access::ReadOnly | Access::WorkspaceWrite => None,
            };
            value
        };
        let all = [Access::ReadOnly, Access::WorkspaceWrite, Access::Full];
        show(Chooser::new("What commands may do", all.map(row).to_vec()))
    }

    /// Offers colours; each is tried when it is selected ([`Answer::Try`]), and whoever closes it goes back.
    ///
    /// [`Answer::Try`]: crate::popup::Answer::Try
    pub fn themes(current: Colours) -> Popup {
        let row = |colours: Colours| {
            let (name, meaning) = match colours {
                Colours::Auto => {
                    ("auto", "Those that go with the terminal, dark where it says nothing.")
                }
                Colours::Always(Palette::Dark) => ("dark", "Colours for a dark background."),
                Colours::Always(Palette::Light) => ("light", "Colours for a light background."),
                Colours::Always(Palette::Sixteen) => {
                    ("sixteen", "The terminal's own sixteen colours.")
                }
                Colours::Always(Palette::Plain) => {
                    ("plain", "No colours: bold, dim, underlined, reversed.")
                }
            };
            let mut value = value(name, meaning, colours == current, Action::Theme(colours));
            value.trying = true;
            value
        };
        let all = [Palette::Dark, Palette::Light, Palette::Sixteen, Palette::Plain];
        let all = all.map(Colours::Always);
        let rows = std::iter::once(Colours::Auto).chain(all).map(row).collect();
        let mut chooser = Chooser::new("Colours", rows);
        chooser.verb = "keep";
        show(chooser)
    }

    /// Offers what was said earlier in this session, the last first, to fork from there.
    pub fn prompts(rows: Vec<PromptRow>) -> Popup {
        let row = |row: &PromptRow| {
            let draft = row.text.clone();
            said(&row.text, Action::Fork { session: None, at: row.before, draft })
        };
        let mut chooser = Chooser::new("Go back to", rows.iter().map(row).collect());
        chooser.filter = Some(Field::new(Kind::Line, ""));
        chooser.verb = "begin a fork there";
        chooser.nothing = "nothing was said in this session yet";
        show(chooser)
    }

    /// Offers what was said in earlier sessions, the last first, to put it into the composer.
    pub fn history(rows: Vec<String>) -> Popup {
        let row = |text: &String| said(text, Action::Put(text.clone()));
        let mut chooser = Chooser::new("Said earlier", rows.iter().map(row).collect());
        chooser.filter = Some(Field::new(Kind::Line, ""));
        chooser.nothing = "nothing was said in earlier sessions";
        show(chooser)
    }
}

fn show(chooser: Chooser) -> Popup {
    Popup::Chooser(Box::new(chooser))
}

fn value(name: &str, meaning: &str, current: bool, action: Action) -> Value {
    Value {
        name: frame::said(name),
        meaning: meaning.to_owned(),
        current,
        action,
        trying: false,
        confirm: None,
    }
}

/// A text that was said: its beginning as one line, and what it goes on with.
fn said(text: &str, action: Action) -> Value {
    let beginning: String = text.chars().take(PROMPT).collect();
    let line = frame::said(beginning.trim());
    let more = beginning.trim().contains('\n') || beginning.len() < text.len();
    let meaning = if more { sanitize::text(beginning.trim()) } else { String::new() };
    value(&line, &meaning, false, action)
}
