//! Which commands are known to only look.

use codex_event::Safety;

use crate::Lookup;
use crate::places::Places;
use crate::programs::{self, Call};
use crate::script::{self, Shell, Word};

/// What the gate knows of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it only looks.
    pub safety: Safety,
    /// Why, in words for a person.
    pub reason: String,
    /// The plain commands that it consists of, unquoted as the shell would; none when it is more
    /// than plain commands. An unquoted glob stands as its pattern.
    pub commands: Option<Vec<Vec<String>>>,
    /// Whether each of these commands only looks where it stands: behind a `cd`, and with its globs.
    pub each: Vec<Safety>,
    /// Why each of them does not; none where it does.
    pub why: Vec<Option<String>>,
}

impl Verdict {
    /// Whether a command only looks, wherever it stands among those of this verdict.
    ///
    /// Not the same as classifying it alone: `rg x *` alone has a pattern, in a script it has whatever
    /// files there are.
    pub fn is_safe(&self, command: &[String]) -> bool {
        let commands = self.commands.iter().flatten();
        let mut same = commands.zip(&self.each).filter(|(it, _)| *it == command).peekable();
        same.peek().is_some() && same.all(|(_, safety)| *safety == Safety::KnownSafe)
    }

    fn unknown(reason: impl Into<String>) -> Verdict {
        let (safety, reason) = (Safety::Unknown, reason.into());
        Verdict { safety, reason, commands: None, each: Vec::new(), why: Vec::new() }
    }
}

/// How long the arguments of a command may be altogether, in bytes.
const LONGEST: usize = 16 * 1024;

/// Says whether a command is known to change nothing, and why.
///
/// Takes an argument list as it would be executed: a program with its arguments, or exactly a shell,
/// `-c` or `-lc`, and a script. Whatever is not understood is [`Safety::Unknown`].
pub fn classify(argv: &[String], lookup: &Lookup) -> Verdict {
    let Some((program, arguments)) = argv.split_first() else {
        return Verdict::unknown("there is no command");
    };
    if argv.iter().map(String::len).sum::<usize>() > LONGEST {
        return Verdict::unknown(format!("the command is longer than {} KiB", LONGEST / 1024));
    }
    if let Some(odd) =
        argv.iter().flat_map(|argument| argument.chars()).find(|it| script::is_odd(*it))
    {
        return Verdict::unknown(format!(
            "the command has the control character U+{:04X}",
            u32::from(odd)
        ));
    }
    let shell = shell_of(program);
    let (commands, shell) = match (shell, arguments) {
        (Some(shell), [flag, script]) if flag == "-c" || flag == "-lc" => {
            if let Err(distrust) = lookup.starts_only_systems(program) {
                return Verdict::unknown(format!("`{program}` {distrust}"));
            }
            match script::read(script, shell) {
                Ok(commands) => (commands, Some(shell)),
                Err(why) => return Verdict::unknown(format!("the script {why}")),
            }
        }
        (Some(_), _) => {
            return Verdict::unknown("a shell is understood only with `-c` or `-lc` and a script");
        }
        (None, _) => (vec![argv.iter().map(|text| Word::literal(text)).collect()], None),
    };
    let judged = judge(&commands, shell, lookup);
    let texts = commands.into_iter().map(|words| words.into_iter().map(|it| it.text).collect());
    let commands: Vec<Vec<String>> = texts.collect();
    let each = judged.iter().map(|it| match it {
        Ok(()) => Safety::KnownSafe,
        Err(_) => Safety::Unknown,
    });
    let each = each.collect();
    let why: Vec<Option<String>> = judged.into_iter().map(Result::err).collect();
    let (safety, reason) = match why.iter().flatten().next() {
        None => (Safety::KnownSafe, praise(&commands)),
        Some(why) => (Safety::Unknown, why.clone()),
    };
    Verdict { safety, reason, commands: Some(commands), each, why }
}

/// The shell that a program name stands for.
pub(crate) fn shell_of(program: &str) -> Option<Shell> {
    match program.rsplit('/').next()? {
        "bash" => Some(Shell::Bash),
        "sh" => Some(Shell::Posix),
        "zsh" => Some(Shell::Zsh),
        _ => None,
    }
}

fn judge(commands: &[Vec<Word>], shell: Option<Shell>, lookup: &Lookup) -> Vec<Result<(), String>> {
    let mut places = Ok(Places::of(lookup.cwd()));
    let judged = commands.iter().map(|words| {
        let at = places.as_mut().map_err(|why: &mut String| why.clone())?;
        let name = words[0].text.as_str();
        judge_one(name, words, shell, at, lookup).map_err(|why| format!("`{name}`: {why}"))?;
        if let [name, folder] = &words[..]
            && name.text == "cd"
            && let Err(why) = at.enter(&folder.text)
        {
            places = Err(why);
        }
        Ok(())
    });
    judged.collect()
}

fn praise(commands: &[Vec<String>]) -> String {
    let mut names: Vec<String> = Vec::new();
    for command in commands {
        let name = format!("`{}`", command[0]);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let verb = if names.len() == 1 { "only looks" } else { "only look" };
    format!("{} {verb}", names.join(", "))
}

fn judge_one(
    name: &str,
    words: &[Word],
    shell: Option<Shell>,
    places: &Places,
    lookup: &Lookup,
) -> Result<(), String> {
    if words[0].glob.is_some() {
        return Err("a glob may stand for any program".to_owned());
    }
    let base = name.rsplit('/').next().unwrap_or(name);
    let builtin = shell.is_some_and(|shell| programs::is_builtin(name, shell));
    if !builtin && name.contains('/') {
        // Who it is comes before what it is told.
        lookup.starts_only_systems(name).map_err(|distrust| format!("it {distrust}"))?;
    }
    if let Some(why) = programs::why_never(base) {
        return Err(format!("it {why}"));
    }
    let rule = programs::rule(base).ok_or("it is not known to only look")?;
    if !builtin {
        lookup.starts_only_systems(name).map_err(|distrust| format!("it {distrust}"))?;
    }
    programs::check(&rule, &Call { arguments: &words[1..], shell, places })
}
