//! Whole loads, from a folder and a command line to a [`Config`].

use std::fs;
use std::time::Duration;

use codex_event::FULL_AUTO;
use tempfile::TempDir;

use super::*;
use crate::{KeySource, WireApi};

mod files;
mod keys;
mod messages;

/// A home, a working directory beside it, an environment and a command line.
struct Given {
    root: TempDir,
    env: Vec<(&'static str, String)>,
    overrides: Vec<&'static str>,
    flags: Flags,
}

impl Given {
    fn nothing() -> Given {
        let root = tempfile::tempdir().expect("a temporary folder");
        for folder in ["home", "work tree", "ada"] {
            fs::create_dir(root.path().join(folder)).expect("a folder");
        }
        let env = vec![("HOME", root.path().join("ada").display().to_string())];
        Given { root, env, overrides: Vec::new(), flags: Flags::default() }
    }

    fn file(text: impl AsRef<[u8]>) -> Given {
        let given = Given::nothing();
        fs::write(given.home().join("config.toml"), text).expect("writes the file");
        given
    }

    fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// Makes a folder, and names it.
    fn folder(&self, below: &str) -> String {
        let path = self.root.path().join(below);
        fs::create_dir_all(&path).expect("a folder");
        path.display().to_string()
    }

    fn env(mut self, name: &'static str, value: &str) -> Given {
        self.env.push((name, value.to_owned()));
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
        self.env.iter().rfind(|(key, _)| *key == name).map(|(_, value)| value.clone())
    }

    fn try_load(&self) -> Result<Config, ConfigError> {
        Config::load(Inputs {
            home: self.home(),
            env: &|name| self.look(name),
            cwd: self.root.path().join("work tree"),
            overrides: self.overrides.iter().map(|text| (*text).to_owned()).collect(),
            flags: self.flags.clone(),
        })
    }

    fn load(&self) -> Config {
        self.try_load().unwrap_or_else(|error| panic!("{error}"))
    }

    /// The error, with the home's path as `~`.
    fn complaint(&self) -> String {
        self.hide(&self.try_load().expect_err("a load that fails").to_string())
    }

    fn hint(&self) -> String {
        self.hide(&self.try_load().expect_err("a load that fails").hint())
    }

    fn warnings(&self) -> Vec<String> {
        self.load().warnings.iter().map(|it| self.hide(&it.to_string())).collect()
    }

    /// Puts `~` for the home and `/root` for what is around it.
    fn hide(&self, text: &str) -> String {
        let path = |path: &Path| path.display().to_string();
        text.replace(&path(&self.home()), "~").replace(&path(self.root.path()), "/root")
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
    assert_eq!(config.git_writes, GitWrites::None);
    assert_eq!(config.resources.processes, Limit::Default);
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
    use ApprovalPolicy::{Never, OnFailure, OnRequest, UnlessAllowListed};
    for (written, expected, warnings) in [
        (r#""unless-allow-listed""#, UnlessAllowListed, 0),
        (r#""untrusted""#, UnlessAllowListed, 0),
        (r#""on-failure""#, OnFailure, 0),
        (r#""never""#, Never, 0),
        (r#""on-request""#, OnRequest, 0),
        ("{ granular = { rules = true } }", UnlessAllowListed, 1),
    ] {
        let given = Given::file(format!("approval_policy = {written}"));
        let config = given.load();
        assert_eq!(config.approval_policy, expected, "{written}");
        assert_eq!(config.warnings.len(), warnings, "{written}: {:?}", config.warnings);
        let never = Flags { approval: Some(Never), ..Flags::default() };
        let overruled = given.flags(never).load();
        assert_eq!(overruled.approval_policy, Never);
        assert!(overruled.warnings.is_empty(), "{written} decides nothing");
    }
}

#[test]
fn permissions_out_of_file_override_and_flags() {
    let folder = |path: &str| Permission::DiskWriteFolder(path.to_owned());
    let flags = |words: &[&str]| Flags {
        sandbox: words.iter().map(|word| (*word).to_owned()).collect(),
        ..Flags::default()
    };

    let given = Given::file("sandbox_permissions = []");
    assert!(given.load().permissions.is_empty(), "an empty list grants nothing");

    let given = Given::file(
        r#"sandbox_permissions = ["disk-write-folder=out", "disk-write-folder=~/x", "disk-write-folder=/usr"]"#,
    );
    let expected = [given.folder("home/out"), given.folder("ada/x"), "/usr".to_owned()];
    assert_eq!(given.load().permissions, expected.map(Permission::DiskWriteFolder));

    let given = Given::nothing().over(r#"sandbox_permissions=["disk-write-folder=out"]"#);
    let out = folder(&given.folder("work tree/out"));
    assert_eq!(given.load().permissions, [out]);

    let given = Given::file(r#"sandbox_permissions = ["network-full-access"]"#)
        .flags(flags(&["disk-write-folder=out", "disk-write-folder=~"]));
    let expected = [given.folder("work tree/out"), given.folder("ada")];
    assert_eq!(given.load().permissions, expected.map(Permission::DiskWriteFolder));
    assert_eq!(given.load().origins["sandbox_permissions"], Origin::Flag("-s"));

    let full_auto = Flags { full_auto: true, ..Flags::default() };
    let config = Given::nothing().flags(full_auto.clone()).load();
    assert_eq!(config.permissions, FULL_AUTO);
    assert_eq!(config.approval_policy, ApprovalPolicy::OnFailure);
    let never = Flags { approval: Some(ApprovalPolicy::Never), ..full_auto };
    assert_eq!(Given::nothing().flags(never).load().approval_policy, ApprovalPolicy::Never);
    let both = Flags { full_auto: true, ..flags(&["disk-write-folder=/usr", "disk-write-cwd"]) };
    let expected = [FULL_AUTO.to_vec(), vec![folder("/usr")]].concat();
    assert_eq!(Given::nothing().flags(both).load().permissions, expected);
}

#[test]
fn a_workspace_has_what_its_table_says_and_only_in_its_mode() {
    const TABLE: &str = "[sandbox_workspace_write]\nwritable_roots = [\"more\"]\n\
                         network_access = true\nexclude_slash_tmp = true\n";
    let mode = |word: &str| Flags { sandbox: vec![word.to_owned()], ..Flags::default() };
    let by_file = |mode: &str| Given::file(format!("sandbox_mode = \"{mode}\"\n{TABLE}"));
    let by_flag = |word: &str| Given::file(TABLE).flags(mode(word));
    for given in [by_file("workspace-write"), by_flag("workspace-write")] {
        let more = given.folder("home/more");
        let expected = [
            "disk-full-read-access",
            "disk-write-platform-user-temp-folder",
            "disk-write-cwd",
            &format!("disk-write-folder={more}"),
            "network-full-access",
        ];
        assert_eq!(words(&given.load().permissions), expected);
        assert!(given.warnings().is_empty(), "{:?}", given.warnings());
    }
    for given in [Given::file(TABLE), by_file("read-only"), by_flag("read-only")] {
        assert_eq!(words(&given.load().permissions), ["disk-full-read-access"]);
    }
    let given = Given::nothing()
        .over("sandbox_mode=\"workspace-write\"")
        .over("sandbox_workspace_write.exclude_tmpdir_env_var=true")
        .over("sandbox_workspace_write.network_access=false");
    let expected =
        ["disk-full-read-access", "disk-write-platform-global-temp-folder", "disk-write-cwd"];
    assert_eq!(words(&given.load().permissions), expected);
}

#[test]
fn a_folder_of_the_command_line_adds_to_all_but_a_chosen_read_only() {
    let flags = |words: &[&str]| Flags {
        sandbox: words.iter().map(|word| (*word).to_owned()).collect(),
        add_dir: vec!["more".into()],
        ..Flags::default()
    };
    for (given, last_but_added) in [
        (Given::nothing().flags(flags(&[])), "disk-full-read-access"),
        (Given::nothing().flags(flags(&["workspace-write"])), "disk-write-cwd"),
        (Given::nothing().flags(flags(&["danger-full-access"])), "network-full-access"),
        (Given::nothing().flags(flags(&["read-only", "disk-write-cwd"])), "disk-write-cwd"),
        (
            Given::file("sandbox_permissions = [\"disk-write-cwd\"]").flags(flags(&[])),
            "disk-write-cwd",
        ),
        (Given::file("sandbox_mode = \"workspace-write\"").flags(flags(&[])), "disk-write-cwd"),
    ] {
        let more = format!("disk-write-folder={}", given.folder("work tree/more"));
        let found = words(&given.load().permissions);
        assert_eq!(found[found.len() - 2..], [last_but_added.to_owned(), more]);
        assert!(given.warnings().is_empty(), "{:?}", given.warnings());
    }
    for (given, by) in [
        (Given::nothing().flags(flags(&["read-only"])), "-s"),
        (Given::file("sandbox_mode = \"read-only\"").flags(flags(&[])), "~/config.toml:1:16"),
    ] {
        assert_eq!(words(&given.load().permissions), ["disk-full-read-access"]);
        let expected = format!(
            "--add-dir more: stays read-only, as {by} asks; \
             -s workspace-write lets commands write there"
        );
        assert_eq!(given.warnings(), [expected]);
    }
}

#[test]
fn a_sandbox_mode_counts_only_above_the_permissions() {
    const READ: &str = r#"sandbox_permissions = ["disk-full-read-access"]"#;
    const WRITE: &str = r#"sandbox_mode = "workspace-write""#;
    let write = Permission::expand("workspace-write").expect("a mode");
    let read = vec![Permission::DiskFullReadAccess];
    let same = Given::file(format!("{READ}\n{WRITE}"));
    for (given, expected) in [
        (Given::file(WRITE), write.clone()),
        (same, read.clone()),
        (Given::file(READ).over("sandbox_mode=workspace-write"), write),
        (Given::file(WRITE).over(r#"sandbox_permissions=["disk-full-read-access"]"#), read),
    ] {
        assert_eq!(given.load().permissions, expected);
    }
    let warnings = Given::file(format!("{READ}\n{WRITE}")).warnings();
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
        assert_eq!(given.hide(&config.origins["model"].to_string()), origin);
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
    assert_eq!(
        missing.to_string(),
        "Missing environment variable: `OPENAI_API_KEY`. \
         Create a key at https://platform.openai.com/api-keys."
    );

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
fn a_key_for_openai_goes_to_no_other_server_unless_that_says_so() {
    let names =
        |names: &[&str]| KeySource::Env(names.iter().map(|name| (*name).to_owned()).collect());
    let openai = "[model_providers.openai]\nenv_key = \"MINE\"\n";
    let other = "model_provider = \"x\"\n[model_providers.x]\nbase_url = \"http://x\"\n";
    for (given, expected) in [
        (Given::nothing(), names(&["CODEX_API_KEY", "OPENAI_API_KEY"])),
        (Given::file(openai), names(&["CODEX_API_KEY", "MINE"])),
        (Given::file(other), KeySource::None),
        (Given::file(other).over("model_providers.x.env_key=X"), names(&["X"])),
        (
            Given::file(other).over("model_providers.x.requires_openai_auth=true"),
            names(&["CODEX_API_KEY", "OPENAI_API_KEY"]),
        ),
    ] {
        assert_eq!(given.load().provider.key_source, expected, "{:?}", given.overrides);
    }
}

#[test]
fn a_provider_that_speaks_chat_stops_only_those_who_choose_it() {
    let file = "[model_providers.old]\nbase_url = \"http://o/v1\"\nwire_api = \"chat\"\n";
    assert_eq!(Given::file(file).load().provider.id, "openai");
    let given = Given::file(file).over("model_provider=old");
    assert!(given.complaint().starts_with("~/config.toml:3:12: "), "{}", given.complaint());
    assert!(given.hint().contains("responses"), "{}", given.hint());
}

#[test]
fn instructions_come_from_the_first_of_three_places() {
    let given = Given::file("instructions = \"inline\"");
    let home = given.home();
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
    let given = Given::file(
        "[projects.\"/srv/a\"]\ntrust_level = \"trusted\"\n[projects.\"~/b\"]\ntrust_level = \"untrusted\"\n",
    );
    let config = given.load();
    assert_eq!(config.trust(Path::new("/srv/a")), Some(Trust::Trusted));
    assert_eq!(config.trust(&given.root.path().join("ada/b")), Some(Trust::Untrusted));
    assert_eq!(config.trust(Path::new("/srv")), None);
}

#[test]
fn the_interface_is_as_the_settings_say() {
    let config = Given::nothing().load();
    assert_eq!(config.tui, crate::Tui::default());
    let given = Given::file(
        "[tui]\nalternate_screen = \"never\"\ntheme = \"light\"\nkeymap = \"vim\"\nmouse = true\n\
         notification_method = \"osc777\"\nmodels = [\"o3\", \"o4-mini\"]\n",
    );
    let config = given.load();
    let told = crate::Tui {
        alternate_screen: crate::AlternateScreen::Never,
        theme: crate::Theme::Light,
        notifications: crate::Notifications::Osc777,
        keymap: crate::Keymap::Vim,
        keys: Vec::new(),
        mouse: true,
        models: vec!["o3".to_owned(), "o4-mini".to_owned()],
    };
    assert_eq!(config.tui, told);
    assert!(matches!(config.origins["tui.theme"], Origin::File { line: 3, .. }));
    let config = given.over("tui.notifications=false").load();
    assert_eq!(config.tui.notifications, crate::Notifications::Off);
    let occasions = |list: &str| Given::file(format!("tui.notifications = {list}")).load();
    assert_eq!(occasions("[]").tui.notifications, crate::Notifications::Off);
    let any = occasions("[\"agent-turn-complete\"]").tui.notifications;
    assert_eq!(any, crate::Notifications::Auto);
}

#[test]
fn keys_are_given_one_by_one_with_where_they_stand() {
    let given = Given::file(
        "[tui.keymap]\nmode = \"vim\"\ntranscript = \"f2\"\nunfold = [\"ctrl-u\", \"f3\"]\n\
         redraw = []\n[tui.keymap.vim_normal]\nredo = \"z r\"\n",
    );
    let tui = given.load().tui;
    assert_eq!(tui.keymap, crate::Keymap::Vim);
    let told: Vec<String> = tui
        .keys
        .iter()
        .map(|crate::Binding { action, origin, keys }| {
            let place = |origin: &Origin| match origin {
                Origin::File { line, column, .. } => format!("{line}:{column}"),
                other => format!("{other:?}"),
            };
            let keys: Vec<String> =
                keys.iter().map(|(key, at)| format!("{key} {}", place(at))).collect();
            format!("{action} {}: {}", place(origin), keys.join(", "))
        })
        .collect();
    assert_eq!(
        told,
        ["redraw 5:1: ", "transcript 3:1: f2 3:14", "unfold 4:1: ctrl-u 4:11, f3 4:21"]
    );
    let warnings = given.warnings();
    assert_eq!(warnings, ["~/config.toml:6:13: no effect in this program: tui.keymap.vim_normal"]);
    let over = Given::nothing().over("tui.keymap.leave=f10").load().tui.keys;
    assert_eq!((over[0].action.as_str(), over[0].keys[0].0.as_str()), ("leave", "f10"));
}

#[test]
fn a_theme_of_codex_stops_nobody() {
    let given = Given::file("[tui]\ntheme = \"monokai\"\n");
    assert_eq!(given.load().tui.theme, crate::Theme::Auto);
    assert_eq!(
        given.warnings(),
        ["~/config.toml:2:9: there is no theme `monokai` here; it is one of auto, dark, light, \
          sixteen, plain"]
    );
}

#[test]
fn a_key_that_was_entered_is_found_by_its_variable() {
    let given = Given::nothing();
    let home = given.home();
    let kept = |name: &str| crate::kept_key(&home, name).map(|key| key.reveal().to_owned());
    assert_eq!(kept("OPENAI_API_KEY"), None);
    let text = r#"{"OPENAI_API_KEY": " sk-mine\n", "BLANK": " ", "tokens": {"access_token": "t"}}"#;
    fs::write(crate::key_file(&home), text).expect("writes");
    assert_eq!(kept("OPENAI_API_KEY").as_deref(), Some("sk-mine"));
    assert_eq!([kept("BLANK"), kept("tokens"), kept("OTHER")], [None, None, None]);
    fs::write(crate::key_file(&home), "no JSON").expect("writes");
    assert_eq!(kept("OPENAI_API_KEY"), None);
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
fn limits_of_commands_are_read_and_0_lifts_one() {
    let config = Given::file(
        "git_writes = \"metadata\"\n[sandbox_resources]\nprocesses = 0\nfile_bytes = 5\n\
         disk_free_bytes = 9\n",
    )
    .load();
    assert_eq!(config.git_writes, GitWrites::Metadata);
    let Resources { processes, file_bytes, memory_bytes, disk_free_bytes } = config.resources;
    assert_eq!(disk_free_bytes, Limit::AtMost(9));
    let limits = [processes, file_bytes, memory_bytes].map(|limit| limit.or(Some(7)));
    assert_eq!(limits, [None, Some(5), Some(7)]);
    let config = Given::nothing().over("git_writes=metadata").load();
    assert_eq!(config.git_writes, GitWrites::Metadata);
}
