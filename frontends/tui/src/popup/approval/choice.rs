//! What can be answered.

use codex_event::{CallId, Invocation, Scope, Verdict};
use codex_view::{command_line, sanitize};
use ratatui::text::{Line, Span};

use super::{Asked, REFUSED};
use crate::popup::{Action, frame};
use crate::theme::Theme;

/// One answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// Yes, as far as this.
    Yes(Scope),
    /// No, with words or with another command.
    Words,
    /// No, and the turn goes on.
    No,
    /// No, and the turn ends.
    Stop,
}

/// Gives what a question lets a person answer, in the order of the keys.
pub(super) fn offered(asked: &Asked) -> Vec<Choice> {
    let is_shown = match &asked.invocation {
        Invocation::Command { argv, .. } => argv.inline().is_some(),
        Invocation::Patch { .. } => !asked.patch.is_empty(),
        Invocation::Invalid { .. } => true,
    };
    let scopes = asked.question.scopes(&asked.invocation, asked.arguments);
    let yes = scopes.into_iter().filter(|_| is_shown).map(Choice::Yes);
    yes.chain([Choice::Words, Choice::No, Choice::Stop]).collect()
}

/// Refuses a call in these words.
pub(super) fn refusal(call: CallId, reason: String) -> Action {
    Action::Settle { call, verdict: Verdict::Denied { reason }, scope: Scope::Once }
}

/// All of them in few rows, for small screens: with words where these fit into `most` rows, else the
/// keys alone, and the words of the one that is selected.
pub(super) fn in_few_rows(
    choices: &[Choice],
    selected: Option<Choice>,
    theme: &Theme,
    width: u16,
    most: u16,
) -> Vec<Line<'static>> {
    let styles = |choice: Choice| match selected == Some(choice) {
        true => [theme.selected, theme.selected],
        false => [theme.accent, theme.text],
    };
    let mut rows: Vec<Line<'static>> = vec![Line::default()];
    let mut used = 0;
    for choice in choices {
        let wide = choice.word().len() + 2;
        let mut between = if used == 0 { 0 } else { 2 };
        if used + between + wide > usize::from(width) {
            rows.push(Line::default());
            (used, between) = (0, 0);
        }
        used += between + wide;
        let [key, words] = styles(*choice);
        if let Some(row) = rows.last_mut() {
            row.push_span(Span::raw(" ".repeat(between)));
            row.push_span(Span::styled(choice.key().to_string(), key));
            row.push_span(Span::styled(format!(" {}", choice.word()), words));
        }
    }
    if rows.len() <= usize::from(most) {
        return rows;
    }
    let mut row = Line::default();
    for choice in choices {
        row.push_span(Span::styled(choice.key().to_string(), styles(*choice)[0]));
        row.push_span(Span::raw(" "));
    }
    let word = selected.map_or_else(String::new, |it| format!("· {}", it.word()));
    row.push_span(Span::styled(word, theme.text));
    vec![row]
}

impl Choice {
    /// The key that takes it at once.
    pub(super) fn key(self) -> char {
        match self {
            Choice::Yes(Scope::Once) => 'y',
            Choice::Yes(Scope::Session) => 'a',
            Choice::Yes(Scope::Project) => 'p',
            Choice::Words => 'e',
            Choice::No => 'n',
            Choice::Stop => 's',
        }
    }

    /// The answer; none for the one that has to be written first.
    pub(super) fn verdict(self) -> Option<(Verdict, Scope)> {
        match self {
            Choice::Yes(scope) => Some((Verdict::Allowed, scope)),
            Choice::Words => None,
            Choice::No => Some((Verdict::Denied { reason: REFUSED.to_owned() }, Scope::Once)),
            Choice::Stop => Some((Verdict::Aborted, Scope::Once)),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Choice::Yes(Scope::Once) => "yes",
            Choice::Yes(Scope::Session) => "session",
            Choice::Yes(Scope::Project) => "always",
            Choice::Words => "edit",
            Choice::No => "no",
            Choice::Stop => "stop",
        }
    }

    /// Its row.
    pub(super) fn line(
        self,
        asked: &Asked,
        theme: &Theme,
        width: u16,
        chosen: bool,
    ) -> Line<'static> {
        let plain = |style| if chosen { theme.selected } else { style };
        let mark = if chosen { "› " } else { "  " };
        let words = frame::clip(&self.words(asked), usize::from(width).saturating_sub(5));
        Line::from(vec![
            Span::styled(mark, plain(theme.accent)),
            Span::styled(self.key().to_string(), plain(theme.accent)),
            Span::styled(format!("  {words}"), plain(theme.text)),
        ])
    }

    fn words(self, asked: &Asked) -> String {
        match self {
            Choice::Yes(Scope::Once) => "yes, this once".to_owned(),
            Choice::Yes(Scope::Session) => "yes, and again in this session".to_owned(),
            Choice::Yes(Scope::Project) => {
                format!("always in this project: `{} …`", prefix(asked).unwrap_or_default())
            }
            Choice::Words => match asked.command() {
                Some(_) => "no: say why, or edit the command".to_owned(),
                None => "no: say why, or what instead".to_owned(),
            },
            Choice::No => "no, and go on".to_owned(),
            Choice::Stop => "no, and end the turn".to_owned(),
        }
    }
}

/// What "always" would remember, with its hidden characters shown.
pub(super) fn prefix(asked: &Asked) -> Option<String> {
    match &asked.invocation {
        Invocation::Command { assessment, .. } => {
            let prefix = assessment.as_ref()?.prefix.as_ref()?;
            Some(sanitize::visible(&command_line(prefix)))
        }
        Invocation::Patch { .. } | Invocation::Invalid { .. } => None,
    }
}
