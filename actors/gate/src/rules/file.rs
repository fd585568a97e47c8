//! What the calls of a rule file mean.

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use codex_event::RuleDecision as Decision;

use super::error::{RuleError, place};
use super::matching::Programs;
use super::syntax::{self, Call, Node, Value, Wrong};

/// One position of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// This word.
    Exactly(String),
    /// One of these words.
    OneOf(Vec<String>),
}

impl Word {
    pub(crate) fn takes(&self, word: &str) -> bool {
        match self {
            Word::Exactly(wanted) => wanted == word,
            Word::OneOf(wanted) => wanted.iter().any(|wanted| wanted == word),
        }
    }
}

/// Decides about every command that begins with the words of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixRule {
    /// The words, the program first. Never empty.
    pub pattern: Vec<Word>,
    /// What it decides.
    pub decision: Decision,
    /// Why, in the words of whoever wrote it.
    pub justification: Option<String>,
    /// The file that it stands in.
    pub file: Arc<Path>,
    /// The line that it begins at, from 1.
    pub line: usize,
}

/// The absolute paths under which a program named in rules may be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) paths: Vec<String>,
}

/// Something in a rule file that has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The file.
    pub file: Arc<Path>,
    /// The line, from 1.
    pub line: usize,
    /// What has no effect, and why.
    pub message: String,
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.message)
    }
}

/// Whose file it is; that decides what it may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The user's own: it may say anything.
    User,
    /// A project's, written by whoever wrote the project: it may make things stricter, and what it
    /// allows has no effect.
    Project,
}

/// The rules of any number of files, in the order in which they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleSet {
    pub(crate) rules: Vec<PrefixRule>,
    pub(crate) hosts: Vec<Host>,
    notes: Vec<Note>,
}

impl RuleSet {
    /// Adds the rules of a file's text. `user` is the folder that `~` stands for.
    ///
    /// # Errors
    ///
    /// [`RuleError::Wrong`] at the first mistake, which can also be an example that the rule does not
    /// take as it says; the set is as it was, then.
    pub fn add(
        &mut self,
        path: &Path,
        text: &str,
        owner: Owner,
        user: Option<&Path>,
    ) -> Result<(), RuleError> {
        let at_fault = |wrong| RuleError::wrong(path, text, wrong);
        let calls = syntax::parse(text).map_err(at_fault)?;
        let mut reader = Reader {
            text,
            owner,
            user,
            file: path.into(),
            found: RuleSet::default(),
            examples: Vec::new(),
        };
        for call in &calls {
            reader.call(call).map_err(at_fault)?;
        }
        reader.check_examples(&self.hosts).map_err(at_fault)?;
        let RuleSet { rules, hosts, notes } = reader.found;
        self.rules.extend(rules);
        // The last list of a program's paths is the one that counts.
        self.hosts.retain(|host| hosts.iter().all(|it| it.name != host.name));
        self.hosts.extend(hosts);
        self.notes.extend(notes);
        Ok(())
    }

    /// Gives what has no effect, for the user to know.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Gives the rules, in the order in which they were read.
    pub fn rules(&self) -> &[PrefixRule] {
        &self.rules
    }
}

struct Reader<'a> {
    text: &'a str,
    owner: Owner,
    user: Option<&'a Path>,
    file: Arc<Path>,
    found: RuleSet,
    examples: Vec<Example>,
}

/// A command that its rule must, or must not, take.
struct Example {
    rule: PrefixRule,
    argv: Vec<String>,
    at: usize,
    expected: Expected,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    Match,
    NoMatch,
}

const FUNCTIONS: &str = "a rule file knows prefix_rule(pattern, decision, justification, match, \
                         not_match) and host_executable(name, paths)";
const PATTERN: &str = "a pattern is a list of words, and of lists of words to choose from, as in \
                       [\"cargo\", [\"test\", \"check\"]]";
const EXAMPLES: &str = "examples are a list of commands, each a string or a list of words, as in \
                        [\"cargo test\", [\"cargo\", \"test\", \"-q\"]]";

impl Reader<'_> {
    fn call(&mut self, call: &Call) -> Result<(), Wrong> {
        match call.name.as_str() {
            "prefix_rule" => self.prefix_rule(call),
            "host_executable" => self.host_executable(call),
            "network_rule" => {
                let names = ["host", "protocol", "decision", "justification"];
                Arguments::of(call, &names)?;
                self.note(call.span.start, "network_rule has no effect: the network is on or off");
                Ok(())
            }
            "grant" | "revoked" => Err(Wrong::new(
                call.span.start,
                format!("`{}` is no rule", call.name),
                "grants live in grants.rules of the home, and only answers to questions make them",
            )),
            other => {
                let message = format!("`{other}` is not a function of rule files");
                Err(Wrong::new(call.span.start, message, FUNCTIONS))
            }
        }
    }

    fn note(&mut self, at: usize, message: &str) {
        let line = place(self.text, at).0;
        let message = message.to_owned();
        self.found.notes.push(Note { file: Arc::clone(&self.file), line, message });
    }

    fn prefix_rule(&mut self, call: &Call) -> Result<(), Wrong> {
        // `reviewer` names who answers; here that is always the user.
        let names = ["pattern", "decision", "match", "not_match", "justification", "reviewer"];
        let mut arguments = Arguments::of(call, &names)?;
        let pattern = pattern(arguments.required("pattern", PATTERN)?)?;
        let decision = arguments.take("decision").map(decision).transpose()?;
        let decision = decision.unwrap_or(Decision::Allow);
        let justification = arguments.take("justification").map(justification).transpose()?;
        let line = place(self.text, call.span.start).0;
        let file = Arc::clone(&self.file);
        let rule = PrefixRule { pattern, decision, justification, file, line };
        for (name, expected) in [("match", Expected::Match), ("not_match", Expected::NoMatch)] {
            let Some(node) = arguments.take(name) else { continue };
            for example in list(node, EXAMPLES)? {
                let (rule, at) = (rule.clone(), example.at);
                self.examples.push(Example { rule, argv: self::example(example)?, at, expected });
            }
        }
        match (self.owner, decision) {
            (Owner::Project, Decision::Allow) => {
                self.note(
                    call.span.start,
                    "a project's rule that allows has no effect: put it into rules/ of your home",
                );
            }
            (Owner::User, Decision::Allow) | (_, Decision::Prompt | Decision::Forbidden) => {
                self.found.rules.push(rule);
            }
        }
        Ok(())
    }

    fn host_executable(&mut self, call: &Call) -> Result<(), Wrong> {
        const PATHS: &str = "paths are a list of absolute paths, as in [\"/usr/bin/git\"]";
        let mut arguments = Arguments::of(call, &["name", "paths"])?;
        let node = arguments.required("name", "a name is a program without its folder")?;
        let name = string(node, "a name is a program without its folder")?;
        if name.is_empty() || name.contains('/') || name == "." || name == ".." {
            let hint = "give the bare name, as in \"git\", and its paths in `paths`";
            return Err(Wrong::new(
                node.at,
                format!("`{name}` is not the name of a program"),
                hint,
            ));
        }
        let mut paths = Vec::new();
        for node in list(arguments.required("paths", PATHS)?, PATHS)? {
            let written = string(node, PATHS)?;
            let path = match (written.strip_prefix("~/"), self.user) {
                (Some(rest), Some(user)) => user.join(rest),
                (Some(_), None) => {
                    let hint = "set HOME, or write the path out";
                    return Err(Wrong::new(node.at, "nobody knows what ~ stands for", hint));
                }
                (None, _) => PathBuf::from(written),
            };
            if !path.is_absolute() || path.file_name().is_none_or(|last| last != name) {
                let message = format!("`{written}` is not an absolute path of a `{name}`");
                return Err(Wrong::new(node.at, message, PATHS));
            }
            let path = path.to_string_lossy().into_owned();
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        match self.owner {
            Owner::User => {
                self.found.hosts.retain(|host| host.name != name);
                self.found.hosts.push(Host { name: name.to_owned(), paths });
            }
            Owner::Project => {
                self.note(call.span.start, "a project's host_executable has no effect");
            }
        }
        Ok(())
    }

    /// Holds each rule against its examples, once all is read that says how programs are named.
    fn check_examples(&self, before: &[Host]) -> Result<(), Wrong> {
        let hosts: Vec<Host> = self.found.hosts.iter().chain(before).cloned().collect();
        for Example { rule, argv, at, expected } in &self.examples {
            let alone =
                RuleSet { rules: vec![rule.clone()], hosts: hosts.clone(), notes: Vec::new() };
            let matches = !alone.matches(argv, Programs::Resolved).is_empty();
            let command = argv.join(" ");
            match (expected, matches) {
                (Expected::Match, true) | (Expected::NoMatch, false) => {}
                (Expected::Match, false) => {
                    let message = format!("the rule does not take its example `{command}`");
                    let hint = "correct the pattern, or put the example into not_match";
                    return Err(Wrong::new(*at, message, hint));
                }
                (Expected::NoMatch, true) => {
                    let message = format!("the rule takes `{command}`, which it must not");
                    let hint = "make the pattern longer, or put the example into match";
                    return Err(Wrong::new(*at, message, hint));
                }
            }
        }
        Ok(())
    }
}

/// The arguments of a call by their names.
pub(crate) struct Arguments<'a> {
    call: &'a Call,
    named: Vec<(&'static str, &'a Node)>,
}

impl<'a> Arguments<'a> {
    /// Gives each argument its name; those without one are taken in this order. `None` stands for
    /// an argument that is left out.
    pub(crate) fn of(call: &'a Call, names: &[&'static str]) -> Result<Arguments<'a>, Wrong> {
        let mut named = Vec::new();
        for (position, argument) in call.arguments.iter().enumerate() {
            let known = match &argument.name {
                Some((name, _)) => names.iter().find(|known| *known == name),
                None => names.get(position),
            };
            let Some(known) = known else {
                let (name, at) = match &argument.name {
                    Some((name, at)) => (format!("`{name}`"), *at),
                    None => ("that many arguments".to_owned(), argument.value.at),
                };
                let message = format!("{} does not take {name}", call.name);
                return Err(Wrong::new(at, message, format!("it takes {}", names.join(", "))));
            };
            if named.iter().any(|(name, _)| name == known) {
                let message = format!("`{known}` stands twice in {}(...)", call.name);
                return Err(Wrong::new(argument.value.at, message, "keep one of them"));
            }
            if argument.value.value != Value::None {
                named.push((*known, &argument.value));
            }
        }
        Ok(Arguments { call, named })
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<&'a Node> {
        let at = self.named.iter().position(|(named, _)| *named == name)?;
        Some(self.named.swap_remove(at).1)
    }

    pub(crate) fn required(&mut self, name: &str, hint: &str) -> Result<&'a Node, Wrong> {
        self.take(name).ok_or_else(|| {
            let message = format!("{} needs `{name}`", self.call.name);
            Wrong::new(self.call.span.start, message, hint)
        })
    }
}

fn pattern(node: &Node) -> Result<Vec<Word>, Wrong> {
    let empty = |at, message: &str| Err(Wrong::new(at, message, PATTERN));
    let mut words = Vec::new();
    for node in list(node, PATTERN)? {
        words.push(match &node.value {
            Value::List(choice) if choice.is_empty() => {
                return empty(node.at, "there is nothing to choose from");
            }
            Value::List(choice) => Word::OneOf(words_of(choice, PATTERN)?),
            Value::Text(_) | Value::Number(_) | Value::Truth(_) | Value::None => {
                Word::Exactly(string(node, PATTERN)?.to_owned())
            }
        });
    }
    if words.is_empty() { empty(node.at, "the pattern is empty") } else { Ok(words) }
}

fn decision(node: &Node) -> Result<Decision, Wrong> {
    const HINT: &str = "a decision is \"allow\", \"prompt\" or \"forbidden\"";
    match string(node, HINT)? {
        "allow" => Ok(Decision::Allow),
        "prompt" => Ok(Decision::Prompt),
        "forbidden" => Ok(Decision::Forbidden),
        other => Err(Wrong::new(node.at, format!("`{other}` is no decision"), HINT)),
    }
}

fn justification(node: &Node) -> Result<String, Wrong> {
    const HINT: &str = "say why in a string that is not empty, or leave justification out";
    let text = string(node, HINT)?;
    if text.trim().is_empty() {
        return Err(Wrong::new(node.at, "the justification is empty", HINT));
    }
    Ok(text.to_owned())
}

/// Reads one example: a list of words, or a string that is split as a shell would.
fn example(node: &Node) -> Result<Vec<String>, Wrong> {
    let words = match &node.value {
        Value::List(words) => words_of(words, EXAMPLES)?,
        Value::Text(_) | Value::Number(_) | Value::Truth(_) | Value::None => {
            shlex::split(string(node, EXAMPLES)?).ok_or_else(|| {
                Wrong::new(node.at, "a quote in the example is never closed", EXAMPLES)
            })?
        }
    };
    if words.is_empty() {
        return Err(Wrong::new(node.at, "the example is empty", EXAMPLES));
    }
    Ok(words)
}

pub(crate) fn string<'a>(node: &'a Node, hint: &str) -> Result<&'a str, Wrong> {
    match &node.value {
        Value::Text(text) => Ok(text),
        other @ (Value::Number(_) | Value::List(_) | Value::Truth(_) | Value::None) => {
            Err(Wrong::new(node.at, format!("a string is wanted, not {}", other.kind()), hint))
        }
    }
}

pub(crate) fn list<'a>(node: &'a Node, hint: &str) -> Result<&'a [Node], Wrong> {
    match &node.value {
        Value::List(nodes) => Ok(nodes),
        other @ (Value::Text(_) | Value::Number(_) | Value::Truth(_) | Value::None) => {
            Err(Wrong::new(node.at, format!("a list is wanted, not {}", other.kind()), hint))
        }
    }
}

pub(crate) fn words_of(nodes: &[Node], hint: &str) -> Result<Vec<String>, Wrong> {
    nodes.iter().map(|node| string(node, hint).map(str::to_owned)).collect()
}
