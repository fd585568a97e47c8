//! What the doctor found, for people.

#[cfg(test)]
mod tests;

use codex_view::{Paint, sanitize};

use super::{Finding, Report, State};

/// How much is told of what is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// One line of each thing, and what to do where it is not.
    Marks,
    /// Also what each layer gives, and what the level does not hold.
    All,
}

/// Where what was found begins.
const COLUMN: usize = 27;

impl Report {
    pub(super) fn text(&self, detail: Detail, paint: Paint) -> String {
        let headline = match self.level {
            Some(level) => format!("Commands run in a sandbox of the level {level}."),
            None => "No command can run in a sandbox here: nothing is run, unless \
                     danger-full-access allows it without one."
                .to_owned(),
        };
        let mut lines = vec![headline, String::new()];
        let layer_words = ["ok", "degraded", "missing"];
        let layers = self.layers.iter().flat_map(|it| it.lines(layer_words, detail, paint));
        let check_words = ["ok", "warning", "broken"];
        let checks = self.checks.iter().flat_map(|it| it.lines(check_words, detail, paint));
        match detail {
            Detail::Marks => {
                lines.extend(layers);
                lines.push(String::new());
                lines.extend(checks);
                lines.extend([String::new(), self.rest()]);
            }
            Detail::All => {
                lines.push(format!("Layers (kernel {}):", clean(&self.kernel)));
                lines.extend(layers);
                if !self.limits.is_empty() {
                    lines.extend([String::new(), "This level does not hold:".to_owned()]);
                    lines.extend(self.limits.iter().map(|limit| format!("  - {}", clean(limit))));
                }
                lines.extend([String::new(), "The agent:".to_owned()]);
                lines.extend(checks);
            }
        }
        lines.join("\n") + "\n"
    }

    /// Says what is not told with marks alone.
    fn rest(&self) -> String {
        const MORE: &str = "`codex doctor --verbose` says what each layer gives";
        match self.limits.len() {
            0 => format!("{MORE}."),
            1 => format!("{MORE}, and the 1 thing that this level does not hold."),
            count => format!("{MORE}, and the {count} things that this level does not hold."),
        }
    }
}

impl Finding {
    fn lines(&self, words: [&str; 3], detail: Detail, paint: Paint) -> Vec<String> {
        let [good, weak, bad] = words;
        let (word, color) = match self.state {
            State::Good => (good, "32"),
            State::Weak => (weak, "33"),
            State::Bad => (bad, "31"),
        };
        let word = match paint {
            Paint::Plain => format!("{word:<8}"),
            Paint::Color => format!("\x1b[{color}m{word:<8}\x1b[0m"),
        };
        // What was found may show a line of a file and a mark below it: both start where it does.
        let found = clean(&self.found).replace('\n', &format!("\n{:<COLUMN$}", ""));
        let first = format!("  {word}  {:<14} {found}", self.name);
        let all = match detail {
            Detail::Marks => [None, None],
            Detail::All => [self.gives.map(|it| ("gives", it.to_owned())), self.lost()],
        };
        let remedy = self.remedy.clone().map(|it| ("do", it));
        let more = all.into_iter().chain([remedy]).flatten();
        let more = more.map(|(what, text)| format!("{:<COLUMN$}{what}: {}", "", clean(&text)));
        std::iter::once(first).chain(more).collect()
    }

    fn lost(&self) -> Option<(&'static str, String)> {
        self.lost.clone().map(|it| ("without", it))
    }
}

fn clean(text: &str) -> String {
    sanitize::text(text).to_string()
}
