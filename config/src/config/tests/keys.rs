//! Keys without effect: misspelt, retired, or another program's.

use super::*;

/// A file with every key of Codex.
const UPSTREAM: &str = include_str!("upstream.toml");

fn strict() -> Flags {
    Flags { strict_config: true, ..Flags::default() }
}

#[test]
fn keys_without_effect_are_told_in_the_order_of_the_file() {
    let text = "tui.animations = true\naproval_policy = \"never\"\nzebra = 1\n\
                [history]\npersistence = \"none\"\n[projects.\"/a\"]\ntrust_levle = \"trusted\"\n\
                [model_providers.x]\nsupports_websockets = true\nbase_ulr = \"\"\n\
                [sandbox_workspace_write]\nnetwork_acess = true\n";
    assert_eq!(
        Given::file(text).warnings(),
        [
            "~/config.toml:2:1: unknown key `aproval_policy`; did you mean `approval_policy`?",
            "~/config.toml:3:1: unknown key `zebra`",
            "~/config.toml:7:1: unknown key `projects.\"/a\".trust_levle`; \
             did you mean `projects.\"/a\".trust_level`?",
            "~/config.toml:10:1: unknown key `model_providers.x.base_ulr`; \
             did you mean `model_providers.x.base_url`?",
            "~/config.toml:12:1: unknown key `sandbox_workspace_write.network_acess`; \
             did you mean `sandbox_workspace_write.network_access`?",
            "~/config.toml:1:5: no effect in this program: \
             history, model_providers.x.supports_websockets, tui.animations",
        ]
    );
}

#[test]
fn the_environment_of_commands_is_read_with_its_origins() {
    let text = "[shell_environment_policy]\ninherit = \"core\"\nexclude = [\"AWS_*\"]\n\
                include_only = [\"*\"]\nset = { GREETING = \"hello\", MY_TOKEN = \"hunter2\" }\n";
    let config = Given::file(text).load();
    let environment = &config.environment;
    assert_eq!(environment.inherit, crate::Inherit::Core);
    assert_eq!(
        (&environment.exclude[..], &environment.include_only[..]),
        (&["AWS_*".to_owned()][..], &["*".to_owned()][..])
    );
    assert_eq!(environment.set["GREETING"], "hello");
    assert!(!format!("{config:?}").contains("hunter2"));
    assert!(config.origins.contains_key("shell_environment_policy.set.MY_TOKEN"));
    assert_eq!(Given::file("").load().environment, EnvironmentPolicy::default());

    let warnings = |text: &str| Given::file(text).warnings();
    let lifted = "[shell_environment_policy]\nignore_default_excludes = true\n";
    assert_eq!(
        warnings(lifted),
        [
            "~/config.toml:2:27: `shell_environment_policy.ignore_default_excludes`: commands, and so the \
          model, see the environment's keys, tokens and passwords"
        ]
    );
    assert!(warnings(&format!("{lifted}inherit = \"none\"\n")).is_empty());
    assert_eq!(
        warnings("[shell_environment_policy]\nexclud = []\n"),
        ["~/config.toml:2:1: unknown key `shell_environment_policy.exclud`; \
          did you mean `shell_environment_policy.exclude`?"]
    );
    for (line, problem) in [
        ("inherit = \"some\"", "`shell_environment_policy.inherit` can't be `some`"),
        ("exclude = \"AWS\"", "`shell_environment_policy.exclude` takes an array of strings, not"),
        ("exclude = [\"\"]", "`shell_environment_policy.exclude` takes patterns of names"),
        ("set = { A = 1 }", "`shell_environment_policy.set.A` takes a string, not"),
        (
            "set = { \"A=B\" = \"x\" }",
            "takes the name of a variable, not a name that none can have",
        ),
        ("set = { A = \"x\\u0000\" }", "takes a text without NUL, not a text with one"),
        ("ignore_default_excludes = 1", "takes true or false, not"),
    ] {
        let error = Given::file(format!("[shell_environment_policy]\n{line}\n")).try_load();
        let error = error.expect_err(line).to_string();
        assert!(error.contains(problem) && error.contains("config.toml:2:"), "{error}");
    }
}

#[test]
fn every_key_of_codex_is_known_and_told_in_one_line() {
    for flags in [Flags::default(), strict()] {
        let warnings = Given::file(UPSTREAM).flags(flags).warnings();
        let [line] = &warnings[..] else { panic!("{warnings:#?}") };
        assert!(
            line.starts_with("~/config.toml:3:1: no effect in this program: agents, "),
            "{line}"
        );
        for key in [
            "mcp_servers",
            "model_providers.mine.supports_websockets",
            "tui.status_line",
            "windows",
        ] {
            assert!(line.contains(key), "{line}");
        }
        for ours in ["sandbox_workspace_write", "requires_openai_auth", "sandbox_mode", "notify"] {
            assert!(!line.contains(ours), "{line}");
        }
    }
}

#[test]
fn the_same_keys_are_known_however_they_are_spelled() {
    for spelled in [
        "[history]\npersistence = \"none\"\n[mcp_servers.a]\ncommand = \"a\"\n",
        "history.persistence = \"none\"\nmcp_servers.a.command = \"a\"\n",
        "history = { persistence = \"none\" }\nmcp_servers = { a = { command = \"a\" } }\n",
        "\"history\".'persistence' = \"none\"\n[mcp_servers]\n\"a\".command = \"a\"\n",
    ] {
        let warnings = Given::file(spelled).flags(strict()).warnings();
        assert_eq!(
            warnings,
            ["~/config.toml:1:1: no effect in this program: history, mcp_servers"].map(|line| {
                // A table stands where its name does.
                if spelled.starts_with('[') { line.replace("1:1", "1:2") } else { line.to_owned() }
            })
        );
    }
}

#[test]
fn a_strict_reading_refuses_the_first_key_that_nobody_knows() {
    let flags = strict();
    for (text, complaint, hint) in [
        (
            "zebra = 1\nmodle = \"o3\"\n",
            "~/config.toml:1:1: unknown key `zebra`",
            "remove it; without --strict-config it is only a warning",
        ),
        (
            "model = \"o3\"\n[model_providers.x]\nbase_ulr = \"https://x\"\n",
            "~/config.toml:3:1: unknown key `model_providers.x.base_ulr`",
            "did you mean `model_providers.x.base_url`? without --strict-config it is only a warning",
        ),
        (
            "profile = \"work\"\nzebra = 1\n",
            "~/config.toml:1:1: `profile` is not a setting any more",
            "move what you use to the top of the file, or into a home of its own (CODEX_HOME); \
             without --strict-config it is only a warning",
        ),
    ] {
        let given = Given::file(text).flags(flags.clone());
        assert_eq!((given.complaint().as_str(), given.hint().as_str()), (complaint, hint));
    }
    let given = Given::nothing().over("modle=o3").flags(flags);
    assert_eq!(given.complaint(), "-c modle: unknown key `modle`");
}

#[test]
fn a_key_of_earlier_releases_gets_a_word_of_its_own() {
    let text = "profile = \"work\"\ninclude_plan_tool = true\n\
                experimental_instructions_file = \"a.md\"\n[tools]\nview_image = true\n";
    assert_eq!(
        Given::file(text).warnings(),
        [
            "~/config.toml:1:1: `profile` is not a setting any more: move what you use to the top \
             of the file, or into a home of its own (CODEX_HOME)",
            "~/config.toml:2:1: `include_plan_tool` is not a setting any more: remove it",
            "~/config.toml:3:1: `experimental_instructions_file` is not a setting any more: \
             its name is model_instructions_file now",
            "~/config.toml:5:1: `tools.view_image` is not a setting any more: remove it",
            "~/config.toml:4:2: no effect in this program: tools",
        ]
    );
    // The first release had these two, and they still count.
    let ours = "sandbox_permissions = []\ndisable_response_storage = true\n";
    let config = Given::file(ours).flags(strict()).load();
    assert!(config.disable_response_storage && config.permissions.is_empty());
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn a_file_full_of_unknown_keys_is_summed_up() {
    let keys = |count: usize| (0..count).map(|at| format!("k{at} = 1\n")).collect::<String>();
    assert_eq!(Given::file(keys(20)).warnings().len(), 20);
    assert_eq!(Given::file(keys(21)).warnings()[20..], ["one more unknown key"]);
    assert_eq!(Given::file(keys(500)).warnings()[20..], ["480 more unknown keys"]);
}
