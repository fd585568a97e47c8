//! Whole loads, from a folder and a command line to a [`Config`].

use std::fs;
use std::time::Duration;

use codex_event::FULL_AUTO;
use tempfile::TempDir;

use super::*;
use crate::{KeySource, WireApi};

/// A home, a working directory, an environment and a command line.
struct Given {
    home: TempDir,
    env: Vec<(&'static str, &'static str)>,
    overrides: Vec<&'static str>,
    flags: Flags,
}

impl Given {
    fn nothing() -> Given {
        let home = tempfile::tempdir().expect("a temporary folder");
        let env = vec![("HOME", "/home/ada")];
        Given { home, env, overrides: Vec::new(), flags: Flags::default() }
    }

    fn file(text: &str) -> Given {
        let given = Given::nothing();
        fs::write(given.home.path().join("config.toml"), text).expect("writes the file");
        given
    }

    fn env(mut self, name: &'static str, value: &'static str) -> Given {
        self.env.push((name, value));
        self
    }

    fn over(mut self, text: &'static str) -> Given {
        self.overrides.push(text);
        self
    }

    fn flags(mut self, flags: Flags) -> Given {
        self.flags = flags;
        self
    }

    fn look(&self, name: &str) -> Option<String> {
        self.env.iter().rfind(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    fn try_load(&self) -> Result<Config, ConfigError> {
        Config::load(Inputs {
            home: self.home.path().to_owned(),
            env: &|name| self.look(name),
            cwd: PathBuf::from("/work tree"),
            overrides: self.overrides.iter().map(|text| (*text).to_owned()).collect(),
            flags: self.flags.clone(),
        })
    }

    fn load(&self) -> Config {
        self.try_load().unwrap_or_else(|error| panic!("{error}"))
    }

    /// The error's text, with the home's path as `~`.
    fn complaint(&self) -> String {
        let error = self.try_load().expect_err("a load that fails").to_string();
        error.replace(self.home.path().to_str().expect("text"), "~")
    }

    fn warnings(&self) -> Vec<String> {
        let home = self.home.path().to_str().expect("text");
        self.load().warnings.iter().map(|it| it.to_string().replace(home, "~")).collect()
    }
}

fn words(permissions: &[Permission]) -> Vec<String> {
    permissions.iter().map(Permission::to_string).collect()
}

#[test]
fn without_a_file_the_documented_defaults_hold() {
    let config = Given::nothing().load();
    assert_eq!(config.model, "o4-mini");
    assert_eq!(config.approval_policy, ApprovalPolicy::UnlessAllowListed);
    assert_eq!(words(&config.permissions), ["disk-full-read-access"]);
    assert_eq!(config.sandbox_level, SandboxLevel::Auto);
    assert!(!config.disable_response_storage);
    assert_eq!(config.notify, None);
    assert_eq!(config.instructions, None);
    assert!(config.warnings.is_empty() && config.origins.is_empty());
    assert_eq!(config.provider.id, "openai");
    assert_eq!(config.provider.base_url, "https://api.openai.com/v1");
    assert_eq!(config.provider.request_max_retries, 4);
    assert_eq!(config.provider.stream_max_retries, 5);
    assert_eq!(config.provider.stream_idle_timeout, Duration::from_secs(300));
    assert!(config.keeps_responses());
}

#[test]
fn every_key_of_the_first_release_reads_as_documented() {
    let config = Given::file(
        r#"
        model = "o3"
        approval_policy = "on-failure"
        sandbox_permissions = [
            "disk-full-read-access",
            "disk-write-platform-user-temp-folder",
            "disk-write-platform-global-temp-folder",
            "disk-write-cwd",
        ]
        disable_response_storage = true
        notify = ["python3", "/home/ada/.codex/notify.py"]
        "#,
    )
    .load();
    assert_eq!(config.model, "o3");
    assert_eq!(config.approval_policy, ApprovalPolicy::OnFailure);
    assert_eq!(
        config.permissions,
        Permission::expand("workspace-write").expect("a mode"),
        "the documented equal of --full-auto plus the shared temporary folder"
    );
    assert!(config.disable_response_storage && !config.keeps_responses());
    let argv = config.notify.expect("a notifier");
    assert_eq!(argv, ["python3", "/home/ada/.codex/notify.py"]);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn approval_policies_and_their_later_names() {
    use ApprovalPolicy::{Never, OnFailure, UnlessAllowListed};
    for (written, expected, warnings) in [
        (r#""unless-allow-listed""#, UnlessAllowListed, 0),
        (r#""untrusted""#, UnlessAllowListed, 0),
        (r#""on-failure""#, OnFailure, 0),
        (r#""never""#, Never, 0),
        (r#""on-request""#, UnlessAllowListed, 1),
        ("{ granular = { rules = true } }", UnlessAllowListed, 1),
    ] {
        let config = Given::file(&format!("approval_policy = {written}")).load();
        assert_eq!(config.approval_policy, expected, "{written}");
        assert_eq!(config.warnings.len(), warnings, "{written}: {:?}", config.warnings);
    }
}

#[test]
fn permissions_out_of_file_override_and_flags() {
    let folder = |path: &str| Permission::DiskWriteFolder(path.to_owned());
    let flags = |permissions: &[Permission]| Flags {
        permissions: Some(permissions.to_vec()),
        ..Flags::default()
    };
    let home = |given: &Given, below: &str| given.home.path().join(below).display().to_string();

    let given = Given::file("sandbox_permissions = []");
    assert!(given.load().permissions.is_empty(), "an empty list grants nothing");

    let given = Given::file(
        r#"sandbox_permissions = ["disk-write-folder=out", "disk-write-folder=~/x", "disk-write-folder=/srv"]"#,
    );
    let expected = [&*home(&given, "out"), "/home/ada/x", "/srv"].map(folder);
    assert_eq!(given.load().permissions, expected);

    let given = Given::nothing().over(r#"sandbox_permissions=["disk-write-folder=out"]"#);
    assert_eq!(given.load().permissions, [folder("/work tree/out")]);

    let given = Given::file(r#"sandbox_permissions = ["network-full-access"]"#)
        .flags(flags(&[folder("out"), folder("~")]));
    assert_eq!(given.load().permissions, [folder("/work tree/out"), folder("/home/ada")]);
    assert_eq!(given.load().origins["sandbox_permissions"], Origin::Flag("-s"));

    let full_auto = Flags { full_auto: true, ..Flags::default() };
    let config = Given::nothing().flags(full_auto.clone()).load();
    assert_eq!(config.permissions, FULL_AUTO);
    assert_eq!(config.approval_policy, ApprovalPolicy::OnFailure);

    let headless = Flags { approval: Some(ApprovalPolicy::Never), ..full_auto };
    assert_eq!(Given::nothing().flags(headless).load().approval_policy, ApprovalPolicy::Never);

    let both = Flags { full_auto: true, ..flags(&[folder("/srv"), FULL_AUTO[2].clone()]) };
    let expected = [FULL_AUTO.to_vec(), vec![folder("/srv")]].concat();
    assert_eq!(Given::nothing().flags(both).load().permissions, expected);
}

#[test]
fn a_sandbox_mode_counts_only_above_the_permissions() {
    const READ: &str = r#"sandbox_permissions = ["disk-full-read-access"]"#;
    const WRITE: &str = r#"sandbox_mode = "workspace-write""#;
    let write = Permission::expand("workspace-write").expect("a mode");
    let read = vec![Permission::DiskFullReadAccess];
    let same = Given::file(&format!("{READ}\n{WRITE}"));
    for (given, expected) in [
        (Given::file(WRITE), write.clone()),
        (same, read.clone()),
        (Given::file(READ).over("sandbox_mode=workspace-write"), write),
        (Given::file(WRITE).over(r#"sandbox_permissions=["disk-full-read-access"]"#), read),
    ] {
        assert_eq!(given.load().permissions, expected);
    }
    let warnings = Given::file(&format!("{READ}\n{WRITE}")).warnings();
    let expected =
        "~/config.toml:2:16: `sandbox_mode` has no effect because `sandbox_permissions` is set";
    assert_eq!(warnings, [expected]);
}

#[test]
fn a_provider_can_be_given_on_the_command_line() {
    let given = Given::nothing()
        .over("model_provider=mock")
        .over(concat!(
            r#"model_providers.mock={name="mock",base_url="http://127.0.0.1:8123/v1","#,
            r#"wire_api="responses",env_key="MOCK_KEY"}"#
        ))
        .over("analytics.enabled=false")
        .env("MOCK_KEY", "k");
    let config = given.load();
    assert_eq!(config.provider.id, "mock");
    assert_eq!(config.provider.base_url, "http://127.0.0.1:8123/v1");
    assert_eq!(config.provider.wire_api, WireApi::Responses);
    assert_eq!(config.provider.key_source, KeySource::Env(vec!["MOCK_KEY".to_owned()]));
    let key = config.provider.key(&|name| given.look(name)).expect("a key").expect("a key");
    assert_eq!(key.reveal(), "k");
    assert!(config.provider.response_storage);
    assert_eq!(given.warnings(), ["-c analytics.enabled: no effect in this program: analytics"]);
}

#[test]
fn later_layers_win_and_are_named() {
    let file = "model = \"file\"\n[model_providers.x]\nbase_url = \"http://x/v1/\"\n";
    let flags = Flags { model: Some("flag".to_owned()), ..Flags::default() };
    let env = |given: Given| given.env("OPENAI_DEFAULT_MODEL", "env");
    for (given, model, origin) in [
        (env(Given::nothing()), "env", "$OPENAI_DEFAULT_MODEL"),
        (env(Given::file(file)), "file", "~/config.toml:1:1"),
        (Given::file(file).over("model=a").over("model=b"), "b", "-c model"),
        (Given::file(file).over("model=a").flags(flags), "flag", "--model"),
    ] {
        let config = given.load();
        assert_eq!(config.model, model);
        let home = given.home.path().to_str().expect("text");
        assert_eq!(config.origins["model"].to_string().replace(home, "~"), origin);
    }
    let config = Given::file(file)
        .over("model_provider=x")
        .over("model_providers.x.request_max_retries=7")
        .load();
    assert_eq!(config.provider.base_url, "http://x/v1", "tables of two layers are merged");
    assert_eq!(config.provider.request_max_retries, 7);
}

#[test]
fn the_address_of_openai() {
    const FILE: &str = "openai_base_url = \"https://file/v1\"";
    for (given, expected) in [
        (Given::nothing().env("OPENAI_BASE_URL", "https://a/v1/"), "https://a/v1"),
        (Given::nothing().env("OPENAI_API_BASE", "https://a"), "https://a/v1"),
        (Given::nothing().env("OPENAI_API_BASE", "https://a/v1"), "https://a/v1"),
        (Given::nothing().env("OPENAI_BASE_URL", " "), "https://api.openai.com/v1"),
        (Given::file(FILE).env("OPENAI_BASE_URL", "https://a/v1"), "https://file/v1"),
        (Given::file(FILE).over("model_providers.openai.base_url=http://o"), "http://o"),
        (Given::file(FILE).over("model_provider=ollama"), "http://localhost:11434/v1"),
        (Given::nothing().over("model_provider=lmstudio"), "http://localhost:1234/v1"),
    ] {
        let config = given.load();
        assert_eq!(config.provider.base_url, expected);
        let local = config.provider.id != "openai";
        assert_eq!(config.keeps_responses(), !local, "local servers keep nothing");
        assert_eq!(config.provider.key_source == KeySource::None, local);
    }
}

#[test]
fn retries_come_from_table_or_environment_and_are_capped() {
    let given = Given::file("[model_providers.openai]\nstream_max_retries = 1000\n")
        .env("OPENAI_REQUEST_MAX_RETRIES", "9")
        .env("OPENAI_STREAM_MAX_RETRIES", "2")
        .env("OPENAI_STREAM_IDLE_TIMEOUT_MS", "1500");
    let provider = given.load().provider;
    assert_eq!((provider.request_max_retries, provider.stream_max_retries), (9, 100));
    assert_eq!(provider.stream_idle_timeout, Duration::from_millis(1500));
    let expected =
        "~/config.toml:2:22: `model_providers.openai.stream_max_retries` is capped at 100";
    assert_eq!(given.warnings(), [expected]);
    let origin = &given.load().origins["model_providers.openai.request_max_retries"];
    assert_eq!(*origin, Origin::Environment("OPENAI_REQUEST_MAX_RETRIES"));
}

#[test]
fn keys_are_looked_up_late_and_never_shown() {
    let given = Given::nothing();
    let provider = given.load().provider;
    let missing = provider.key(&|name| given.look(name)).expect_err("no key");
    assert_eq!(missing.to_string(), "Missing environment variable: `OPENAI_API_KEY`.");
    assert!(missing.hint().is_some_and(|hint| hint.contains("platform.openai.com")));

    let given = given.env("OPENAI_API_KEY", "second").env("CODEX_API_KEY", "first\n");
    let key = provider.key(&|name| given.look(name)).expect("a key").expect("a key");
    assert_eq!(key.reveal(), "first");
    assert_eq!(format!("{key:?}"), "…");

    let given = Given::file(
        r#"
        model_provider = "x"
        [model_providers.x]
        base_url = "https://x/v1"
        experimental_bearer_token = "hush-1"
        query_params = { key = "hush-2" }
        http_headers = { A = "hush-3" }
        env_http_headers = { B = "B_VALUE", C = "C_VALUE" }
        "#,
    )
    .env("B_VALUE", "b");
    let config = given.load();
    assert_eq!(config.provider.key_source, KeySource::Inline);
    let key = config.provider.key(&|_| None).expect("a key").expect("a key");
    assert_eq!(key.reveal(), "hush-1");
    let headers = config.provider.headers(&|name| given.look(name));
    let headers: Vec<_> = headers.iter().map(|(k, v)| (k.as_str(), v.reveal())).collect();
    assert_eq!(headers, [("A", "hush-3"), ("B", "b")]);
    assert!(!format!("{config:?}").contains("hush"));
}

#[test]
fn errors_name_file_line_column_and_key() {
    for (text, expected, hint) in [
        ("model = \"o3\nx = 1", "~/config.toml:1:", "quotes"),
        ("\nmodel = o3", "~/config.toml:2:9: ", "quotes"),
        (
            "model = 4",
            "~/config.toml:1:9: `model` takes a string that is not empty, not an integer",
            "",
        ),
        ("model = \"\"", "not an empty string", ""),
        (
            "# é\nnotify = [\"é\", 7]",
            "~/config.toml:2:16: `notify` takes an array of strings, not an integer",
            "",
        ),
        ("notify = \"say\"", "not a string", ""),
        ("notify = [\"\"]", "a program", ""),
        ("disable_response_storage = \"yes\"", "takes true or false, not a string", ""),
        (
            "sandbox_permissions = [\n  \"disk-write-cwd\",\n  \"disk-write-home\",\n]",
            "~/config.toml:3:3: `sandbox_permissions`: `disk-write-home` is not a recognised permission.",
            "disk-write-folder=<PATH>",
        ),
        (
            "sandbox_permissions = [\"workspace-write\"]",
            "`workspace-write` is not a recognised permission.",
            "sandbox_mode = \"workspace-write\"",
        ),
        ("sandbox_permissions = [\"disk-write-folder=\"]", "needs a folder", "disk-write-cwd"),
        ("approval_policy = \"sometimes\"", "can't be `sometimes`", "unless-allow-listed"),
        ("sandbox_level = \"none\"", "can't be `none`", "auto, full, landlock"),
        ("sandbox_mode = \"yolo\"", "can't be `yolo`", "read-only"),
        ("model_provider = \"olama\"", "~/config.toml:1:18: there is no", "did you mean `ollama`?"),
        (
            "model_provider = \"x\"\n[model_providers.x]\nname = \"X\"",
            "~/config.toml:2:18: the model provider `x` has no `base_url`",
            "[model_providers.x]",
        ),
        ("openai_base_url = \"localhost\"", "is not an http or https address", "scheme"),
        ("[model_providers]\nx = 1", "~/config.toml:2:5: `model_providers.x` takes a table", ""),
        (
            "[model_providers.openai]\nrequest_max_retries = -1",
            "takes an integer of 0 or more, not a negative integer",
            "",
        ),
        ("[model_providers.openai]\nstream_idle_timeout_ms = 0", "1 or more, not 0", ""),
        (
            "[model_providers.\"my x\"]\nhttp_headers = { a = 1 }",
            "`model_providers.\"my x\".http_headers.a` takes a string, not an integer",
            "",
        ),
        (
            "[projects.\"/a b\"]\ntrust_level = \"some\"",
            "`projects.\"/a b\".trust_level`",
            "untrusted",
        ),
        ("model_instructions_file = \"none.md\"", "~/none.md: can't be read", "readable"),
    ] {
        let given = Given::file(text);
        let complaint = given.complaint();
        assert!(complaint.contains(expected), "{text}\n{complaint}");
        let found = given.try_load().expect_err("fails").hint().unwrap_or_default();
        assert!(found.contains(hint), "{text}\n{found}");
        assert!(!found.is_empty(), "{text} has no hint");
    }
}

#[test]
fn errors_outside_the_file_name_the_flag_or_the_variable() {
    for (given, expected) in [
        (Given::nothing().over("model"), "-c model: there is no `=`"),
        (Given::nothing().over("model.x=1"), "-c model.x: `model` takes a string"),
        (
            Given::nothing().over("model_providers.x={name="),
            "-c model_providers.x: `model_providers.x` takes a table, not a string",
        ),
        (
            Given::nothing().over("model_provider=x"),
            "-c model_provider: there is no model provider `x`",
        ),
        (Given::nothing().env("OPENAI_STREAM_MAX_RETRIES", "many"), "$OPENAI_STREAM_MAX_RETRIES"),
        (Given::nothing().env("OPENAI_BASE_URL", "here"), "$OPENAI_BASE_URL: `OPENAI_BASE_URL`"),
        (
            Given::nothing().flags(Flags { model: Some(String::new()), ..Flags::default() }),
            "--model",
        ),
        (
            Given::nothing()
                .env("HOME", "")
                .over(r#"sandbox_permissions=["disk-write-folder=~/a"]"#),
            "-c sandbox_permissions: `sandbox_permissions`: `~` means nothing here: HOME is not set",
        ),
    ] {
        let complaint = given.complaint();
        assert!(complaint.starts_with(expected), "{complaint}");
    }
}

#[test]
fn a_provider_that_speaks_chat_stops_only_those_who_choose_it() {
    let file = "[model_providers.old]\nbase_url = \"http://o/v1\"\nwire_api = \"chat\"\n";
    assert_eq!(Given::file(file).load().provider.id, "openai");
    let given = Given::file(file).over("model_provider=old");
    assert!(given.complaint().starts_with("~/config.toml:3:12: "), "{}", given.complaint());
    let hint = given.try_load().expect_err("fails").hint().expect("a hint");
    assert!(hint.contains("responses"), "{hint}");
}

#[test]
fn keys_without_effect_are_told_once() {
    let text = "tui.theme = \"dark\"\naproval_policy = \"never\"\nzebra = 1\n\
                [history]\npersistence = \"none\"\n[projects.\"/a\"]\ntrust_levle = \"trusted\"\n\
                [model_providers.x]\nsupports_websockets = true\nbase_ulr = \"\"\n";
    assert_eq!(
        Given::file(text).warnings(),
        [
            "~/config.toml:2:1: unknown key `aproval_policy`; did you mean `approval_policy`?",
            "~/config.toml:3:1: unknown key `zebra`",
            "~/config.toml:10:1: unknown key `model_providers.x.base_ulr`; \
             did you mean `model_providers.x.base_url`?",
            "~/config.toml:7:1: unknown key `projects.\"/a\".trust_levle`; \
             did you mean `projects.\"/a\".trust_level`?",
            "~/config.toml:1:1: no effect in this program: \
             history, model_providers.x.supports_websockets, tui",
        ]
    );
}

#[test]
fn instructions_come_from_the_first_of_three_places() {
    let given = Given::file("instructions = \"inline\"");
    let home = given.home.path().to_owned();
    assert_eq!(given.load().instructions.as_deref(), Some("inline"));
    fs::write(home.join("instructions.md"), "  \n").expect("writes");
    assert_eq!(given.load().instructions.as_deref(), Some("inline"), "a blank file says nothing");
    fs::write(home.join("instructions.md"), "beside").expect("writes");
    assert_eq!(given.load().instructions.as_deref(), Some("beside"));
    fs::write(home.join("mine.md"), "mine").expect("writes");
    fs::write(home.join("config.toml"), "model_instructions_file = \"mine.md\"").expect("writes");
    assert_eq!(given.load().instructions.as_deref(), Some("mine"));
}

#[test]
fn trust_is_kept_by_path() {
    let config = Given::file(
        "[projects.\"/srv/a\"]\ntrust_level = \"trusted\"\n[projects.\"~/b\"]\ntrust_level = \"untrusted\"\n",
    )
    .load();
    assert_eq!(config.trust(Path::new("/srv/a")), Some(Trust::Trusted));
    assert_eq!(config.trust(Path::new("/home/ada/b")), Some(Trust::Untrusted));
    assert_eq!(config.trust(Path::new("/srv")), None);
}

#[test]
fn the_home_is_found_without_looking_at_the_disk() {
    type Case<'a> = (&'a [(&'a str, &'a str)], Option<&'a str>);
    let table: [Case<'_>; 5] = [
        (&[("CODEX_HOME", "/c"), ("HOME", "/h")], Some("/c")),
        (&[("CODEX_HOME", ""), ("HOME", "/h")], Some("/h/.codex")),
        (&[("CODEX_HOME", "here")], Some("/cwd/here")),
        (&[("HOME", "/h")], Some("/h/.codex")),
        (&[], None),
    ];
    for (env, expected) in table {
        let look = |name: &str| {
            env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        let found = crate::find_home(&look, Path::new("/cwd"));
        assert_eq!(found.ok().as_deref(), expected.map(Path::new), "{env:?}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_and_not_a_default() {
    let given = Given::nothing();
    fs::create_dir(given.home.path().join("config.toml")).expect("a folder in its place");
    assert!(given.complaint().starts_with("~/config.toml: can't be read"));
    let given = Given::nothing();
    fs::write(given.home.path().join("config.toml"), b"model = \"\xff\"").expect("writes");
    assert!(given.complaint().starts_with("~/config.toml: can't be read"));
}
