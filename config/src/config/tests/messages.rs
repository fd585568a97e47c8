//! What is said of each mistake: where it stands, what is wrong, what to do.

use super::*;

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
        ("[tui]\nkeymap = \"nano\"", "`tui.keymap` can't be `nano`", "emacs, vim"),
        ("[tui.keymap]\nmode = \"nano\"", "`tui.keymap.mode` can't be `nano`", "emacs, vim"),
        (
            "[tui.keymap]\ntop = [\"home\", 7]",
            "~/config.toml:2:16: `tui.keymap.top` takes an array of strings, not an integer",
            "",
        ),
        (
            "tui.mouse = 1",
            "~/config.toml:1:13: `tui.mouse` takes true or false, not an integer",
            "",
        ),
        ("tui.models = \"o3\"", "`tui.models` takes an array of strings, not a string", ""),
        ("git_writes = \"all\"", "can't be `all`", "none, metadata"),
        (
            "[sandbox_resources]\nprocesses = -1",
            "`sandbox_resources.processes` takes an integer of 0 or more",
            "",
        ),
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
        (
            "model = \"a\"\n[tui]\n[tui]\n",
            "~/config.toml:3:2: duplicate key `tui`",
            "may stand once",
        ),
        ("model = \"a\"\nmodel = \"b\"", "~/config.toml:2:1: duplicate key `model`", "once"),
        (
            "sandbox_permissions = [\"disk-write-cvd\"]",
            "is not a recognised",
            "did you mean `disk-write-cwd`? permissions are disk-full-read-access,",
        ),
        (
            "sandbox_permissions = [\n  \"disk-write-folder=/nonexistent\"]",
            "~/config.toml:2:3: `sandbox_permissions`: /nonexistent is not a usable folder: \
             No such file or directory",
            "create it with `mkdir -p /nonexistent`, or name another folder",
        ),
        (
            "sandbox_mode = \"workspace-write\"\n[sandbox_workspace_write]\n\
             writable_roots = [\"/tmp\", \"config.toml\"]",
            "~/config.toml:3:27: `sandbox_workspace_write.writable_roots`: \
             ~/config.toml is not a usable folder: not a directory",
            "name another folder",
        ),
        (
            "approval_policy = \"nevr\"",
            "can't be `nevr`",
            "did you mean `never`? it takes one of: ",
        ),
    ] {
        let given = Given::file(text);
        let complaint = given.complaint();
        assert!(complaint.contains(expected), "{text}\n{complaint}");
        let found = given.hint();
        assert!(found.contains(hint), "{text}\n{found}");
        assert!(!found.is_empty(), "{text} has no hint");
    }
}

#[test]
fn errors_outside_the_file_name_the_flag_or_the_variable() {
    for (given, expected) in [
        (Given::nothing().over("model"), "-c model: there is no `=`"),
        (Given::nothing().over("=x"), "-c =…: a part of its key is empty"),
        (Given::nothing().over("model=\"o3"), "-c model: a quote in its value is never closed"),
        (Given::nothing().over("\"model=x"), "-c \"model: a quote in its key is never closed"),
        (
            Given::file("notify = [\"say\"]").over("notify.a=1"),
            "-c notify.a: `notify` takes an array of strings, not a table",
        ),
        (
            Given::nothing().over("sandbox_permissions=[\"disk-write-home\"]"),
            "-c sandbox_permissions: `disk-write-home` is not a recognised permission.",
        ),
        (
            Given::nothing()
                .flags(Flags { sandbox: vec!["workspace_write".to_owned()], ..Flags::default() }),
            "-s: `workspace_write` is not a recognised permission.",
        ),
        (
            Given::nothing().flags(Flags { add_dir: vec!["none".into()], ..Flags::default() }),
            "--add-dir: /root/work tree/none is not a usable folder: No such file",
        ),
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
        assert!(!given.hint().is_empty(), "{complaint} has no hint");
    }
}
