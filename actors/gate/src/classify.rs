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
}

impl Verdict {
    fn unknown(reason: impl Into<String>) -> Verdict {
        Verdict { safety: Safety::Unknown, reason: reason.into(), commands: None }
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
            if let Err(distrust) = lookup.system(program) {
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
    let (safety, reason) = match judged {
        Ok(reason) => (Safety::KnownSafe, reason),
        Err(reason) => (Safety::Unknown, reason),
    };
    let texts = commands.into_iter().map(|words| words.into_iter().map(|it| it.text).collect());
    Verdict { safety, reason, commands: Some(texts.collect()) }
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

fn judge(commands: &[Vec<Word>], shell: Option<Shell>, lookup: &Lookup) -> Result<String, String> {
    let mut places = Places::of(lookup.cwd());
    let mut names: Vec<String> = Vec::new();
    for words in commands {
        let (name, arguments) = words.split_first().ok_or("there is no command")?;
        let name = name.text.as_str();
        judge_one(name, words, shell, &places, lookup).map_err(|why| format!("`{name}`: {why}"))?;
        if let ("cd", [folder]) = (name, arguments) {
            places.enter(&folder.text)?;
        }
        let quoted = format!("`{name}`");
        if !names.contains(&quoted) {
            names.push(quoted);
        }
    }
    let verb = if names.len() == 1 { "only looks" } else { "only look" };
    Ok(format!("{} {verb}", names.join(", ")))
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
        lookup.system(name).map_err(|distrust| format!("it {distrust}"))?;
    }
    if let Some(why) = programs::why_never(base) {
        return Err(format!("it {why}"));
    }
    let rule = programs::rule(base).ok_or("it is not known to only look")?;
    if !builtin {
        lookup.system(name).map_err(|distrust| format!("it {distrust}"))?;
    }
    programs::check(&rule, &Call { arguments: &words[1..], shell, places })
}
