//! Files that are odd, huge, or no files at all.

use std::fmt::Write;
use std::os::unix::fs::symlink;
use std::process::Command;

use super::*;

fn config(given: &Given) -> PathBuf {
    given.home().join("config.toml")
}

#[test]
fn text_is_text_however_it_was_saved() {
    for (text, place) in [
        ("\u{feff}model = \"o3\"\nzebra = 1\n", "2:1"),
        ("\u{feff}zebra = 1\nmodel = \"o3\"", "1:1"),
        ("model = \"o3\"\r\n\r\n  zebra = 1\r\n", "3:3"),
        ("# caffé\nmodel = \"o3\"\n\"zebra\" = 1", "3:1"),
    ] {
        let given = Given::file(text);
        assert_eq!(given.load().model, "o3", "{text:?}");
        let expected = format!("~/config.toml:{place}: unknown key `zebra`");
        assert_eq!(given.warnings(), [expected], "{text:?}");
    }
    for empty in ["", "\u{feff}", "\n", "\r\n", "# nothing\n"] {
        let config = Given::file(empty).load();
        assert!(config.origins.is_empty() && config.warnings.is_empty(), "{empty:?}");
    }
}

#[test]
fn what_is_no_text_file_is_an_error_and_not_a_default() {
    let told = |given: &Given| (given.complaint(), given.hint());
    let replace = "put a text file there, or move it away to run with the defaults";

    let given = Given::nothing();
    fs::create_dir(config(&given)).expect("a folder in its place");
    let (complaint, hint) = told(&given);
    assert_eq!(complaint, "~/config.toml: is a folder, where a small text file belongs");
    assert_eq!(hint, replace);

    let given = Given::nothing();
    symlink("gone.toml", config(&given)).expect("a link to nothing");
    assert_eq!(
        told(&given).0,
        "~/config.toml: is a link to nothing, where a small text file belongs"
    );

    let given = Given::nothing();
    symlink("config.toml", config(&given)).expect("a link to itself");
    assert!(told(&given).0.starts_with("~/config.toml: can't be read: "), "{}", told(&given).0);

    // Reading it would wait for somebody who writes.
    let given = Given::nothing();
    let made = Command::new("mkfifo").arg(config(&given)).status().expect("mkfifo");
    assert!(made.success());
    assert_eq!(
        told(&given).0,
        "~/config.toml: is a pipe or a device, where a small text file belongs"
    );

    let given = Given::nothing();
    symlink("/dev/zero", config(&given)).expect("a link to a device");
    assert_eq!(
        told(&given).0,
        "~/config.toml: is a pipe or a device, where a small text file belongs"
    );

    let given = Given::nothing();
    let file = fs::File::create(config(&given)).expect("a file");
    file.set_len((16 << 20) + 1).expect("a hole");
    assert_eq!(
        told(&given).0,
        "~/config.toml: is a file of more than 16 MiB, where a small text file belongs"
    );

    for (bytes, place) in [
        (&b"model = \"\xff\""[..], "1:10"),
        (b"# caff\xc3\xa9\nmodel = \"caf\xe9\"\n", "2:13"),
        (b"\xff\xfem\0o\0", "1:1"),
    ] {
        let given = Given::file(bytes);
        let (complaint, hint) = told(&given);
        assert_eq!(complaint, format!("~/config.toml:{place}: not valid UTF-8 from here on"));
        assert_eq!(hint, "save the file as UTF-8");
    }
}

#[test]
fn a_link_is_followed_and_a_missing_home_means_defaults() {
    let given = Given::nothing();
    fs::write(given.root.path().join("dotfiles.toml"), "model = \"o3\"").expect("writes");
    symlink("../dotfiles.toml", config(&given)).expect("a link");
    assert_eq!(given.load().model, "o3");

    let given = Given::nothing();
    fs::remove_dir(given.home()).expect("removed");
    assert_eq!(given.load().model, "o4-mini");
    fs::write(given.home(), "a file").expect("a file in its place");
    assert_eq!(given.load().model, "o4-mini");
}

#[test]
fn a_megabyte_is_read_right() {
    let mut lines = String::new();
    let mut at = 0;
    while lines.len() < 1 << 20 {
        writeln!(lines, "[projects.\"/srv/é{at}\"]\ntrust_level = \"trusted\"").expect("text");
        at += 1;
    }
    let config = Given::file(format!("{lines}[history]\nx = 1\n")).load();
    assert_eq!(config.projects.len(), at);
    let expected = format!("config.toml:{}:2: no effect in this program: history", 2 * at + 1);
    let warning = config.warnings[0].to_string();
    assert!(warning.ends_with(&expected), "{warning}");

    // The same on one long line.
    let words = "\"é\", ".repeat(1 << 17);
    let given = Given::file(format!("notify = [{words}7]"));
    let column = 11 + words.chars().count();
    let expected = format!("~/config.toml:1:{column}: `notify` takes an array of strings");
    assert!(given.complaint().starts_with(&expected));

    let names: String = (0..50_000).map(|at| format!("an_unknown_key_{at} = 1\n")).collect();
    assert_eq!(Given::file(names).warnings().len(), 21);
    let name = "x".repeat(1 << 20);
    assert_eq!(Given::file(format!("{name} = 1")).warnings().len(), 1);
}

#[test]
fn depth_does_not_end_the_program() {
    let deep = 20_000;
    for text in [
        format!("a = {}", "[".repeat(deep)),
        format!("a = {}1{}", "[".repeat(deep), "]".repeat(deep)),
        format!("a = {}", "{a=".repeat(deep)),
        format!("a{} = 1", ".a".repeat(deep)),
        format!("[a{}]", ".a".repeat(deep)),
    ] {
        let complaint = Given::file(text).complaint();
        assert!(complaint.starts_with("~/config.toml:1:"), "{complaint}");
    }
    let key: &'static str = Box::leak(format!("a{}=1", ".a".repeat(deep)).into_boxed_str());
    assert!(Given::nothing().over(key).complaint().ends_with("its key has too many parts"));
    // Deep, and still fine.
    let inline = format!("{}1{}", "{a=".repeat(60), "}".repeat(60));
    let text = format!("[a{0}]\na{0} = {inline}", ".a".repeat(60));
    assert_eq!(Given::file(text).warnings(), ["~/config.toml:1:2: unknown key `a`"]);
}

#[test]
fn instructions_that_can_not_be_read_are_not_passed_over_in_silence() {
    let given = Given::nothing();
    fs::write(given.home().join("instructions.md"), b"caf\xe9").expect("writes");
    assert_eq!(given.load().instructions, None);
    assert_eq!(
        given.warnings(),
        [
            "~/instructions.md:1:4: not valid UTF-8 from here on; the instructions in it are not used"
        ]
    );
    let given = Given::file("model_instructions_file = \"none.md\"");
    assert_eq!(
        given.complaint(),
        "~/config.toml:1:27: `model_instructions_file`: there is no file ~/none.md"
    );
    fs::create_dir(given.home().join("none.md")).expect("a folder");
    assert_eq!(given.complaint(), "~/none.md: is a folder, where a small text file belongs");
}
