//! The resolved settings, and how they come about.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use codex_event::{ApprovalPolicy, GitWrites, Permission, SandboxLevel};

use crate::places::{Places, filled};
use crate::section::Section;
use crate::tree::{Node, Table, Value, dotted};
use crate::{
    ConfigError, Env, EnvironmentPolicy, Origin, Provider, Warning, environment, files, keys,
    overrides, permissions, provider, tree, tui,
};

/// The model when nobody chose one.
const DEFAULT_MODEL: &str = "o4-mini";

/// All settings of one run, resolved.
///
/// It holds no key: a key is looked up in the environment when a request needs it. What may still
/// be secret (headers, an inline token) never shows in `Debug`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The agent's home, absolute.
    pub home: PathBuf,
    /// Model to ask.
    pub model: String,
    /// How hard the model should think, in the server's words; its own default when none.
    pub reasoning_effort: Option<String>,
    /// How much of its thinking the model should tell, in the server's words.
    pub reasoning_summary: Option<String>,
    /// Text that replaces the built-in instructions.
    pub instructions: Option<String>,
    /// When a person is asked.
    pub approval_policy: ApprovalPolicy,
    /// What commands may do. Folders are absolute, and were there when the settings were read.
    pub permissions: Vec<Permission>,
    /// How much confinement the host must give.
    pub sandbox_level: SandboxLevel,
    /// How much of a repository commands may change.
    pub git_writes: GitWrites,
    /// What a command may use up.
    pub resources: Resources,
    /// What commands see of the environment.
    pub environment: EnvironmentPolicy,
    /// Server to ask.
    pub provider: Provider,
    /// Whether the user wants no response kept by the server (zero data retention). See
    /// [`Config::keeps_responses`] for what follows.
    pub disable_response_storage: bool,
    /// Program and leading arguments to run with a notice; `None` when there is none to run.
    pub notify: Option<Vec<String>>,
    /// How the terminal interface is to be.
    pub tui: tui::Tui,
    /// What the user said about folders, by absolute path.
    pub projects: BTreeMap<PathBuf, Trust>,
    /// What the user should see once.
    pub warnings: Vec<Warning>,
    /// Who set each key, by full dotted key. Keys at their default are not in it.
    pub origins: BTreeMap<String, Origin>,
}

/// What a command may use up (`[sandbox_resources]`); 0 in the settings means no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resources {
    /// Most processes and threads.
    pub processes: Limit,
    /// Most bytes in one file.
    pub file_bytes: Limit,
    /// Most bytes of memory.
    pub memory_bytes: Limit,
    /// Bytes that stay free on the disks of the writable folders.
    pub disk_free_bytes: Limit,
}

/// One limit, as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Not written: what the sandbox thinks fit.
    Default,
    /// None.
    Unlimited,
    /// This much.
    AtMost(u64),
}

impl Limit {
    fn read(table: &Section<'_>, key: &str) -> Result<Limit, ConfigError> {
        Ok(match table.count(key)?.map(|found| found.value) {
            None => Limit::Default,
            Some(0) => Limit::Unlimited,
            Some(limit) => Limit::AtMost(limit),
        })
    }

    /// Gives the limit, if there is one; `default` stands for one that was not written.
    pub fn or(self, default: Option<u64>) -> Option<u64> {
        match self {
            Limit::Default => default,
            Limit::Unlimited => None,
            Limit::AtMost(limit) => Some(limit),
        }
    }
}

/// What the user said about a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Its own settings and instructions may be used.
    Trusted,
    /// They may not.
    Untrusted,
}

/// Everything that settings are made from.
pub struct Inputs<'a> {
    /// The agent's home, as [`crate::find_home`] gives it.
    pub home: PathBuf,
    /// Looks up environment variables.
    pub env: &'a Env<'a>,
    /// Working directory; relative paths on the command line start here.
    pub cwd: PathBuf,
    /// The `key=value` of each `-c`, in order: the last one wins.
    pub overrides: Vec<String>,
    /// The flags with a name of their own.
    pub flags: Flags,
}

/// Flags that stand for settings. The default sets nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--model`.
    pub model: Option<String>,
    /// `--ask-for-approval`, or the policy that a headless run insists on.
    pub approval: Option<ApprovalPolicy>,
    /// The words of all `-s`, permissions or modes, as they were written.
    pub sandbox: Vec<String>,
    /// The folder of each `--add-dir`.
    pub add_dir: Vec<PathBuf>,
    /// `--disable-response-storage`.
    pub disable_response_storage: bool,
    /// `--full-auto`: policy `on-failure` unless `approval` says otherwise, and the permissions of
    /// [`codex_event::FULL_AUTO`] besides those of `sandbox`.
    pub full_auto: bool,
    /// `--strict-config`: a key that nobody knows is an error and not a warning.
    pub strict_config: bool,
}

impl Config {
    /// Reads `config.toml` in the home, lays the layers over each other and resolves them.
    ///
    /// A missing file means defaults. A file that can't be read or is not TOML is an error, and so
    /// is every value that a run could misunderstand; keys without effect are only warnings.
    pub fn load(inputs: Inputs<'_>) -> Result<Config, ConfigError> {
        let Inputs { home, env, cwd, overrides, flags } = inputs;
        let user = filled(env, "HOME").map(PathBuf::from);
        let places = Places { home: cwd.join(home), cwd, user };

        let path = places.home.join("config.toml");
        let mut merged = match files::read(&path)? {
            Some(text) => tree::parse_file(&text, &path)?,
            None => Table::new(),
        };
        for text in &overrides {
            tree::merge(&mut merged, overrides::parse(text)?);
        }
        let root = Section::root(&merged);
        let mut warnings = Vec::new();
        let mut origins = BTreeMap::new();
        record_origins(&merged, &mut Vec::new(), &mut origins);
        let found = keys::check(&root)?;
        if flags.strict_config {
            found.refuse()?;
        }
        warnings.extend(found.warnings());

        let (model, set_by) = model(&root, &flags, env)?;
        origins.extend(set_by.map(|origin| ("model".to_owned(), origin)));
        let approval_policy = approval_policy(&root, &flags, &mut warnings)?;
        let permissions = permissions::resolve(&root, &flags, &places, &mut warnings)?;
        let provider = provider::resolve(&root, env, &mut warnings, &mut origins)?;
        let storage = root.boolean("disable_response_storage")?.is_some_and(|found| found.value);
        let environment = environment::resolve(&root, &mut warnings)?;
        let level = root.choice(
            "sandbox_level",
            &[
                ("auto", SandboxLevel::Auto),
                ("full", SandboxLevel::Full),
                ("landlock", SandboxLevel::Landlock),
            ],
        )?;
        let writes = [("none", GitWrites::None), ("metadata", GitWrites::Metadata)];
        let git_writes = root.choice("git_writes", &writes)?;
        record_flags(&flags, &mut origins);

        Ok(Config {
            model,
            reasoning_effort: text(&root, "model_reasoning_effort")?,
            reasoning_summary: text(&root, "model_reasoning_summary")?,
            instructions: instructions(&root, &places, &mut warnings)?,
            approval_policy,
            permissions,
            sandbox_level: level.map_or(SandboxLevel::Auto, |found| found.value),
            git_writes: git_writes.map_or(GitWrites::None, |found| found.value),
            resources: resources(&root)?,
            environment,
            provider,
            disable_response_storage: storage || flags.disable_response_storage,
            notify: notify(&root)?,
            tui: tui::resolve(&root, &mut warnings)?,
            projects: projects(&root, &places)?,
            home: places.home,
            warnings,
            origins,
        })
    }

    /// Tells whether the server keeps responses: the provider does, and the user allows it.
    pub fn keeps_responses(&self) -> bool {
        self.provider.response_storage && !self.disable_response_storage
    }

    /// Tells what the user said about exactly this folder.
    pub fn trust(&self, project: &Path) -> Option<Trust> {
        self.projects.get(project).copied()
    }
}

fn record_origins<'a>(
    table: &'a Table,
    path: &mut Vec<&'a str>,
    origins: &mut BTreeMap<String, Origin>,
) {
    for (key, Node { value, key_origin, .. }) in table {
        path.push(key);
        match value {
            Value::Table(inner) => record_origins(inner, path, origins),
            Value::String(_)
            | Value::Integer(_)
            | Value::Boolean(_)
            | Value::Array(_)
            | Value::Other(_) => {
                origins.insert(dotted(path.iter().copied()), key_origin.clone());
            }
        }
        path.pop();
    }
}

fn record_flags(flags: &Flags, origins: &mut BTreeMap<String, Origin>) {
    let mut set = |key: &str, flag| origins.insert(key.to_owned(), Origin::Flag(flag));
    if flags.full_auto {
        set("approval_policy", "--full-auto");
        set("sandbox_permissions", "--full-auto");
    }
    if flags.approval.is_some() {
        set("approval_policy", "--ask-for-approval");
    }
    if !flags.sandbox.is_empty() {
        set("sandbox_permissions", "-s");
    }
    if flags.disable_response_storage {
        set("disable_response_storage", "--disable-response-storage");
    }
}

fn text(root: &Section<'_>, key: &str) -> Result<Option<String>, ConfigError> {
    Ok(root.filled(key)?.map(|found| found.value.to_owned()))
}

fn model(
    root: &Section<'_>,
    flags: &Flags,
    env: &Env<'_>,
) -> Result<(String, Option<Origin>), ConfigError> {
    let written = text(root, "model")?;
    if let Some(model) = &flags.model {
        let origin = Origin::Flag("--model");
        if model.trim().is_empty() {
            return Err(ConfigError::WrongType {
                key: "model".to_owned(),
                origin,
                expected: "a string that is not empty",
                found: "an empty string",
            });
        }
        return Ok((model.clone(), Some(origin)));
    }
    if let Some(model) = written {
        return Ok((model, None));
    }
    Ok(match filled(env, "OPENAI_DEFAULT_MODEL") {
        Some(model) => (model.trim().to_owned(), Some(Origin::Environment("OPENAI_DEFAULT_MODEL"))),
        None => (DEFAULT_MODEL.to_owned(), None),
    })
}

/// Resolves the policy. What Codex has and we have not becomes the policy that asks most often,
/// never one that asks less.
fn approval_policy(
    root: &Section<'_>,
    flags: &Flags,
    warnings: &mut Vec<Warning>,
) -> Result<ApprovalPolicy, ConfigError> {
    const KEY: &str = "approval_policy";
    let overruled = flags.approval.is_some() || flags.full_auto;
    let stricter = |value: &str, origin: &Origin, warnings: &mut Vec<Warning>| {
        let (value, origin) = (value.to_owned(), origin.clone());
        if !overruled {
            warnings.push(Warning::PolicyNotSupported { value, origin });
        }
        ApprovalPolicy::UnlessAllowListed
    };
    let written = match root.node(KEY) {
        Some(Node { value: Value::Table(table), origin, .. }) if table.contains_key("granular") => {
            stricter("granular", origin, warnings)
        }
        _ => {
            let choices = [
                ("unless-allow-listed", ApprovalPolicy::UnlessAllowListed),
                ("untrusted", ApprovalPolicy::UnlessAllowListed),
                ("on-failure", ApprovalPolicy::OnFailure),
                ("on-request", ApprovalPolicy::OnRequest),
                ("never", ApprovalPolicy::Never),
            ];
            let found = root.choice(KEY, &choices)?;
            found.map_or(ApprovalPolicy::UnlessAllowListed, |found| found.value)
        }
    };
    Ok(match flags.approval {
        Some(policy) => policy,
        None if flags.full_auto => ApprovalPolicy::OnFailure,
        None => written,
    })
}

/// Finds the text that replaces the built-in instructions: `model_instructions_file`, else
/// `instructions.md` in the home if it can be read, else `instructions`.
fn instructions(
    root: &Section<'_>,
    places: &Places,
    warnings: &mut Vec<Warning>,
) -> Result<Option<String>, ConfigError> {
    const KEY: &str = "model_instructions_file";
    let inline = text(root, "instructions")?;
    if let Some(found) = root.filled(KEY)? {
        let path = places.absolute(found.value, KEY, found.origin)?;
        return match files::read(&path)? {
            Some(text) => Ok(Some(text)),
            None => {
                let (key, origin) = (KEY.to_owned(), found.origin.clone());
                Err(ConfigError::NoFile { key, origin, path })
            }
        };
    }
    let beside = files::read(&places.home.join("instructions.md")).unwrap_or_else(|error| {
        warnings.push(Warning::InstructionsIgnored { problem: error.to_string() });
        None
    });
    Ok(beside.filter(|text| !text.trim().is_empty()).or(inline))
}

fn resources(root: &Section<'_>) -> Result<Resources, ConfigError> {
    let table = root.section("sandbox_resources")?;
    Ok(Resources {
        processes: Limit::read(&table, "processes")?,
        file_bytes: Limit::read(&table, "file_bytes")?,
        memory_bytes: Limit::read(&table, "memory_bytes")?,
        disk_free_bytes: Limit::read(&table, "disk_free_bytes")?,
    })
}

fn notify(root: &Section<'_>) -> Result<Option<Vec<String>>, ConfigError> {
    let Some(words) = root.strings("notify")? else { return Ok(None) };
    let argv: Vec<String> = words.iter().map(|word| word.value.to_owned()).collect();
    match words.first() {
        None => Ok(None),
        Some(program) if program.value.trim().is_empty() => Err(ConfigError::WrongType {
            key: "notify".to_owned(),
            origin: program.origin.clone(),
            expected: "a program as its first string",
            found: "an empty string",
        }),
        Some(_) => Ok(Some(argv)),
    }
}

fn projects(root: &Section<'_>, places: &Places) -> Result<BTreeMap<PathBuf, Trust>, ConfigError> {
    let section = root.section("projects")?;
    let mut projects = BTreeMap::new();
    for (path, node) in section.entries() {
        let levels = [("trusted", Trust::Trusted), ("untrusted", Trust::Untrusted)];
        if let Some(found) = section.section(path)?.choice("trust_level", &levels)? {
            let path = places.absolute(path, &section.path_of(path), &node.key_origin)?;
            projects.insert(path, found.value);
        }
    }
    Ok(projects)
}

#[cfg(test)]
mod tests;
