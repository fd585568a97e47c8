use proptest::prelude::*;
use ratatui::text::Line;

use super::*;
use crate::render::testing::{dark, foreign, styled};

fn argv(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn told(words: &[&str]) -> String {
    let theme = dark();
    let lines: Vec<Line<'_>> = lines(&argv(words), &theme).into_iter().map(Line::from).collect();
    // Programs and links share a colour, and so do code and variables.
    styled(&lines, &theme).replace("‹link:", "‹program:").replace("‹code:", "‹variable:")
}

#[test]
fn the_parts_of_a_command_are_told_apart() {
    insta::assert_snapshot!(told(&["cargo", "test", "-p", "a b", "--", "x"]), @"‹program:cargo› test ‹variable:-p› ‹string:'a b'› ‹variable:--› x");
}

#[test]
fn the_parts_of_a_script_are_told_apart() {
    let script = r#"if [ -n "$HOME" ]; then
  A=1 ls -la ${DIR}/src | grep -v 'a
b' > out.txt && echo $(date) # all of it
fi
cat <<'END' > file
if this is text
END
touch \$x"#;
    insta::assert_snapshot!(told(&["bash", "-lc", script]));
}

#[test]
fn only_a_shell_of_the_system_stands_for_its_script() {
    assert_eq!(script(&argv(&["/bin/bash", "-lc", "ls"])), Some("ls"));
    assert_eq!(script(&argv(&["sh", "-c", "ls"])), Some("ls"));
    assert_eq!(script(&argv(&["/tmp/bash", "-lc", "ls"])), None);
    assert_eq!(script(&argv(&["bash", "-lc", "ls", "x"])), None);
    assert_eq!(script(&argv(&["bash", "-x", "ls"])), None);
    assert_eq!(script(&argv(&["python", "-c", "ls"])), None);
}

#[test]
fn nothing_in_a_command_is_hidden() {
    let told = told(&["echo", "a\x1b[2Kb\u{202e}c\rd"]);
    assert!(told.contains("a\\x1b[2Kb\\u{202e}c\\rd"), "{told}");
}

proptest! {
    #[test]
    fn every_character_of_a_script_is_shown(text in foreign()) {
        let script = argv(&["bash", "-lc", &text]);
        let shown: Vec<String> =
            lines(&script, &dark()).into_iter().map(|line| Line::from(line).to_string()).collect();
        prop_assert_eq!(shown.join("\n"), sanitize::revealed(text.trim_end()).replace('\t', TAB));
    }
}
