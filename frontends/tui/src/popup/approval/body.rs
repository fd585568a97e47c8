//! What a person should know to answer: what is asked for, why, and what would hold it.

use codex_event::{
    Arguments, Assessment, ChangeKind, Escalation, Invocation, Question, RuleDecision, Ruling,
    Safety, Scope, Timestamp,
};
use codex_view::sanitize;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{Asked, choice, parts};
use crate::popup::frame;
use crate::render::{self, Fold, Look};
use crate::theme::Theme;
use crate::wrap::{Break, Hang};

/// Rows of a command that the dialog shows; all of it is one key away.
const COMMAND_ROWS: usize = 12;
/// Lines of a patch that the dialog shows.
const PATCH_LINES: usize = 80;
/// Bytes of a patch that the dialog looks at.
const PATCH_BYTES: usize = 32 * 1024;
/// Lines of a patch, and bytes of one, that the drawing of changes shows in full.
const PATCH_ROWS: usize = 2_000;
const LONGEST_LINE: usize = 1_000;
/// Bytes of a command that the dialog looks at.
const COMMAND_BYTES: usize = 8 * 1024;
/// Parts of a script that the dialog shows.
const PARTS: usize = 12;
/// Columns of the names of facts.
const NAMES: usize = 9;

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// What helps to decide; long things are cut, and that is said.
    Brief,
    /// All of it.
    Whole,
}

/// Puts a question into lines.
pub(super) fn body(asked: &Asked, extent: Extent, theme: &Theme, width: u16) -> Vec<Line<'static>> {
    let mut body = Body { theme, width, lines: Vec::new() };
    match &asked.invocation {
        Invocation::Command { argv, workdir, timeout_ms, safety, escalation, assessment } => {
            match argv.inline() {
                Some(argv) => body.command(argv, extent),
                None => body.say("the command is not at hand, so it can't be allowed", theme.bad),
            }
            body.lines.push(Line::default());
            body.unheld(&asked.question);
            let argv = argv.inline().map_or(&[][..], Vec::as_slice);
            body.assessed(argv, assessment.as_deref(), *safety, asked);
            body.fact("in", &place(asked, workdir.as_deref()), theme.text);
            body.why(asked, escalation.as_ref());
            if let Some(limit) = timeout_ms {
                body.fact("time", &format!("ended after {} s", limit.div_ceil(1_000)), theme.text);
            }
            if extent == Extent::Whole {
                body.arguments(argv);
            }
        }
        Invocation::Patch { workdir, .. } => {
            body.outside(asked);
            body.fact("in", &place(asked, workdir.as_deref()), theme.text);
            body.why(asked, None);
            body.lines.push(Line::default());
            body.patch(asked, extent);
        }
        Invocation::Invalid { message } => {
            let message = message.inline().map_or("the call is at fault", String::as_str);
            body.say(&sanitize::revealed(message), theme.text);
            body.why(asked, None);
        }
    }
    body.lines
}

/// Gives the text of a command as it is shown and edited: the script where a shell is given one.
pub(super) fn command_text(argv: &[String]) -> String {
    match parts::script(argv) {
        Some(script) => script.to_owned(),
        None => codex_view::command_line(argv),
    }
}

/// Says in which folder a call works.
fn place(asked: &Asked, workdir: Option<&str>) -> String {
    let home = asked.home.as_deref();
    match workdir {
        None | Some("" | ".") => frame::path(&asked.cwd, home),
        Some(own) if own.starts_with('/') => frame::path(own, home),
        Some(own) => frame::path(&format!("{}/{own}", asked.cwd.trim_end_matches('/')), home),
    }
}

struct Body<'a> {
    theme: &'a Theme,
    width: u16,
    lines: Vec<Line<'static>>,
}

impl Body<'_> {
    fn say(&mut self, text: &str, style: Style) {
        for line in text.lines() {
            self.put(Line::from(Span::styled(line.to_owned(), style)), &[], &[], Break::Words);
        }
    }

    fn put(
        &mut self,
        line: Line<'static>,
        first: &[Span<'static>],
        rest: &[Span<'static>],
        at: Break,
    ) {
        Hang { first, rest, at }.put(line, self.width, &mut self.lines);
    }

    /// A name and what is to be said of it. Hidden characters are shown: much of it is the model's.
    fn fact(&mut self, name: &str, text: &str, style: Style) {
        let first = [Span::styled(format!("{name:NAMES$}"), self.theme.dim)];
        let rest = [Span::raw(" ".repeat(NAMES))];
        let text = sanitize::revealed(text);
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        let head = lines.next().unwrap_or("—").to_owned();
        self.put(Line::from(Span::styled(head, style)), &first, &rest, Break::Words);
        for line in lines {
            let line = Line::from(Span::styled(line.to_owned(), style));
            self.put(line, &rest, &rest, Break::Words);
        }
    }

    fn command(&mut self, argv: &[String], extent: Extent) {
        let text = command_text(argv);
        let cut = match extent {
            Extent::Brief => head(&text, COMMAND_BYTES),
            Extent::Whole => &text,
        };
        let prompt = [Span::styled("$ ", self.theme.dim)];
        let below = [Span::raw("  ")];
        let begun = self.lines.len();
        let lines = match cut.len() < text.len() {
            true => self.plain(cut, self.theme.code),
            false => render::command_lines(argv, self.theme),
        };
        for (at, line) in lines.into_iter().enumerate() {
            let first = if at == 0 { &prompt } else { &below };
            self.put(line, first, &below, Break::Anywhere);
        }
        let rows = self.lines.len() - begun;
        if extent == Extent::Brief && (rows > COMMAND_ROWS || cut.len() < text.len()) {
            self.lines.truncate(begun + COMMAND_ROWS.min(rows));
            let more = format!(
                "… the command goes on: {} characters, {} lines in all; v shows all of it",
                text.chars().count(),
                text.lines().count()
            );
            self.say(&more, self.theme.warning);
        }
        if let Some(shell) = parts::script(argv).and(argv.first()) {
            let how = format!("{shell} {}", argv[1]);
            self.fact("shell", &sanitize::visible(&how), self.theme.dim);
        }
    }

    /// The argument list as the program gets it, one a line.
    fn arguments(&mut self, argv: &[String]) {
        self.lines.push(Line::default());
        self.say("Arguments, as the program gets them:", self.theme.dim);
        for (at, argument) in argv.iter().enumerate() {
            let first = [Span::styled(format!("{at:3}  "), self.theme.dim)];
            let rest = [Span::raw("     ")];
            let line = Line::from(Span::styled(sanitize::visible(argument), self.theme.code));
            self.put(line, &first, &rest, Break::Anywhere);
        }
    }

    /// What the gate found, at the part of the script that it is about.
    fn assessed(
        &mut self,
        argv: &[String],
        assessment: Option<&Assessment>,
        safety: Safety,
        asked: &Asked,
    ) {
        let found = assessment.map(|it| it.reason.as_str()).filter(|it| !it.is_empty());
        let mut placed = false;
        let script = parts::script(argv).filter(|script| script.len() <= COMMAND_BYTES);
        let parts = script.and_then(parts::parts).unwrap_or_default();
        if parts.len() > 1 {
            // Where several begin with the same word, which one it is about is not known.
            let about = |part: &&&str| found.is_some_and(|it| parts::is_about(it, part));
            let alone = parts.iter().filter(about).count() == 1;
            for (at, part) in parts.iter().take(PARTS).enumerate() {
                let name = if at == 0 { "parts" } else { "" };
                self.fact(name, part, self.theme.code);
                let about = found.filter(|it| alone && parts::is_about(it, part));
                if let (Some(reason), Safety::Unknown) = (about, safety) {
                    placed = true;
                    self.fact("", &format!("↳ {reason}"), self.theme.warning);
                }
            }
            if parts.len() > PARTS {
                self.fact("", &format!("… and {} more", parts.len() - PARTS), self.theme.dim);
            }
        }
        if let Some(found) = found.filter(|it| !placed && *it != asked.reason) {
            let style = match safety {
                Safety::KnownSafe => self.theme.text,
                Safety::Unknown => self.theme.warning,
            };
            self.fact("found", found, style);
        }
        if let Some(ruling) = assessment.and_then(|it| it.ruling.as_ref()) {
            self.ruling(ruling, asked);
        }
    }

    fn ruling(&mut self, ruling: &Ruling, asked: &Asked) {
        let decides = match ruling.decision {
            RuleDecision::Allow => "allows it in the sandbox",
            RuleDecision::Prompt => "asks each time",
            RuleDecision::Forbidden => "forbids it",
        };
        let words = ruling.justification.as_deref().filter(|it| *it != asked.reason);
        let words = words.map(|it| format!(": {it}")).unwrap_or_default();
        self.fact("rule", &format!("{} {decides}{words}", ruling.source), self.theme.text);
    }

    /// What it means to run outside of the sandbox; before all else, so that small screens show it.
    fn unheld(&mut self, question: &Question) {
        match question {
            Question::RunUnconfined | Question::RetryUnconfined => self.fact(
                "outside",
                "nothing holds it: it may read and change all that you may, and use the network",
                self.theme.warning,
            ),
            Question::Run | Question::WriteOutside { .. } => {}
        }
    }

    /// Why it is asked, and what an answer means.
    fn why(&mut self, asked: &Asked, wish: Option<&Escalation>) {
        let theme = self.theme;
        let wished = wish.map(|it| it.justification.as_str()).filter(|it| !it.trim().is_empty());
        if wished != Some(asked.reason.as_str()) && !asked.reason.trim().is_empty() {
            self.fact("why", &asked.reason, theme.text);
        }
        if let Some(words) = wished {
            self.fact("model", &format!("“{words}”"), theme.text);
        }
        if let Some(denial) = &asked.denial {
            let denied = denial.denied.as_deref().unwrap_or(&denial.evidence);
            self.fact("denied", denied, theme.text);
            if let Some(permission) = &denial.permission {
                let words = format!("{permission} would allow it in the sandbox");
                self.fact("", &words, theme.text);
            }
        }
        if let (Question::Run, Invocation::Command { .. }) = (&asked.question, &asked.invocation) {
            self.fact("sandbox", &asked.sandbox, theme.text);
        }
        if asked.arguments == Arguments::Concealed {
            let words = "it holds a secret that is not recorded: a marker stands in its place";
            self.fact("secret", words, theme.warning);
        }
        if let Some(prefix) =
            choice::prefix(asked).filter(|_| asked.too_wide(Scope::Project).is_none())
        {
            let words = format!("p keeps: commands that begin with `{prefix}`");
            self.fact("always", &words, theme.dim);
        }
        let scopes = [Scope::Session, Scope::Project];
        let bound = scopes.iter().find_map(|scope| asked.too_wide(*scope));
        if let Some(words) = bound {
            self.fact("reach", words, theme.dim);
        }
    }

    /// The paths that a patch would write to outside of where it may.
    fn outside(&mut self, asked: &Asked) {
        let Question::WriteOutside { paths } = &asked.question else { return };
        self.say(
            "It would write outside of the folders that may be written to:",
            self.theme.warning,
        );
        for path in paths {
            let first = [Span::raw("  ")];
            let shown = frame::path(path, asked.home.as_deref());
            let line = Line::from(Span::styled(shown, self.theme.strong));
            self.put(line, &first, &first, Break::Anywhere);
        }
        self.lines.push(Line::default());
    }

    fn patch(&mut self, asked: &Asked, extent: Extent) {
        for change in &asked.changes {
            let what = match change.kind {
                ChangeKind::Add => "new",
                ChangeKind::Delete => "removed",
                ChangeKind::Update => "changed",
            };
            let home = asked.home.as_deref();
            let moved = change.move_to.as_deref().map(|to| frame::path(to, home));
            let moved = moved.map(|to| format!(" → {to}")).unwrap_or_default();
            let words = format!("{}{moved}", frame::path(&change.path, home));
            self.fact(what, &words, self.theme.text);
        }
        if asked.patch.is_empty() {
            self.say("the patch is not at hand, so it can't be allowed", self.theme.bad);
            return;
        }
        let total = asked.patch.lines().count();
        let cut: Vec<&str> = match extent {
            Extent::Brief => head(&asked.patch, PATCH_BYTES).lines().take(PATCH_LINES).collect(),
            Extent::Whole => asked.patch.lines().collect(),
        };
        let shown = cut.len();
        // Nothing is left in it that a drawing would drop.
        let text = sanitize::revealed(&cut.join("\n"));
        let is_long = |line: &str| line.len() > LONGEST_LINE;
        if extent == Extent::Whole && (shown > PATCH_ROWS || text.lines().any(is_long)) {
            // A drawing of the changes would leave something out.
            for line in text.lines() {
                let style = match line.as_bytes().first() {
                    Some(b'+') => self.theme.added,
                    Some(b'-') => self.theme.removed,
                    Some(_) | None => self.theme.text,
                };
                let line = Line::from(Span::styled(line.to_owned(), style));
                self.put(line, &[], &[], Break::Anywhere);
            }
            return;
        }
        let look = Look {
            theme: self.theme,
            fold: Fold::Unfolded,
            now: Timestamp(0),
            cwd: &asked.cwd,
            home: asked.home.as_deref(),
            unfold: "",
        };
        self.lines.extend(render::patch(&text, &look, self.width));
        if shown < total || text.lines().any(is_long) {
            let more = format!("… {total} lines in all: v shows all of it");
            self.say(&more, self.theme.warning);
        }
    }

    fn plain(&self, text: &str, style: Style) -> Vec<Line<'static>> {
        let text = sanitize::revealed(text);
        text.lines().map(|line| Line::from(Span::styled(line.to_owned(), style))).collect()
    }
}

/// The beginning of a text, at most so many bytes.
fn head(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
