//! Laws over random files, edits and texts.

use std::fs;

use codex_patch::{Recovery, Roots, apply, compare, parse, plan, run_cli};
use proptest::prelude::*;

use crate::{scratch, tree};

/// What becomes of one line of the old file: it stays, goes, or stays behind some new ones.
#[derive(Clone, Debug)]
enum Fate {
    Keep,
    Remove,
    Insert(Vec<String>),
}

fn line() -> impl Strategy<Value = String> {
    // Few letters make many equal lines; the rest makes lines that look like signs and markers.
    prop_oneof![
        "[ab]{0,2}",
        "[ -+@*]{0,4}[a-z \u{e9}\u{2014}]{0,6}",
        Just("*** End Patch".to_owned()),
        Just("@@".to_owned()),
    ]
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Keep),
        1 => Just(Fate::Remove),
        1 => proptest::collection::vec(line(), 1..3).prop_map(Fate::Insert),
    ]
}

/// Renders an edit with the whole file as context, so its meaning is never in doubt.
fn render(lines: &[(String, Fate)]) -> (String, Vec<String>) {
    let mut patch = String::from("*** Begin Patch\n*** Update File: f\n@@\n");
    let mut after = Vec::new();
    for (line, fate) in lines {
        let mut keep = |line: &String| {
            patch.push_str(&format!(" {line}\n"));
            after.push(line.clone());
        };
        match fate {
            Fate::Keep => keep(line),
            Fate::Remove => patch.push_str(&format!("-{line}\n")),
            Fate::Insert(new) => {
                keep(line);
                for line in new {
                    patch.push_str(&format!("+{line}\n"));
                    after.push(line.clone());
                }
            }
        }
    }
    patch.push_str("*** End Patch\n");
    (patch, after)
}

fn joined(lines: &[String], end: &str) -> String {
    lines.iter().map(|line| format!("{line}{end}")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_rendered_edit_gives_the_edited_file(
        lines in proptest::collection::vec((line(), fate()), 1..40),
        end in prop_oneof![Just("\n"), Just("\r\n")],
        bom in prop_oneof![Just(""), Just("\u{FEFF}")],
    ) {
        let old: Vec<String> = lines.iter().map(|(line, _)| line.clone()).collect();
        let (patch, new) = render(&lines);
        let folder = scratch();
        let file = folder.path().join("f");
        fs::write(&file, format!("{bom}{}", joined(&old, end))).expect("a file");
        let outcome = run_cli(patch.as_bytes(), folder.path());
        prop_assert_eq!(&outcome.stderr, "");
        let found = fs::read_to_string(&file).expect("the file");
        prop_assert_eq!(found, format!("{bom}{}", joined(&new, end)));
        prop_assert_eq!(tree(folder.path()).len(), 1);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "(\\PC|\n|\0){0,200}") {
        let _ = parse(&text);
    }

    #[test]
    fn pieces_of_patches_never_panic_and_a_refusal_leaves_the_tree(
        pieces in proptest::collection::vec(prop_oneof![
            Just("*** Update File: f"), Just("*** Add File: d/n"), Just("*** Delete File: g"),
            Just("*** Move to: g"), Just("*** Move to: d/f"), Just("*** End of File"),
            Just("*** End Patch"), Just("@@"), Just("@@ a"), Just("-a"), Just("+b"), Just(" c"),
            Just(""), Just(" "), Just("-"), Just("*** Update File: g"),
        ], 0..12),
    ) {
        let folder = scratch();
        fs::write(folder.path().join("f"), "a\nc\n\na\n").expect("a file");
        fs::write(folder.path().join("g"), "a").expect("a file");
        let before = tree(folder.path());
        let text = format!("*** Begin Patch\n{}\n*** End Patch", pieces.join("\n"));
        let Ok(patch) = parse(&text) else { return Ok(()) };
        let roots = Roots::new([folder.path()]).expect("it exists");
        let planned = plan(&patch, &roots, folder.path());
        prop_assert_eq!(&tree(folder.path()), &before, "planning writes nothing");
        let Ok(planned) = planned else { return Ok(()) };
        let changes = planned.changes();
        let is_changed = planned.files().any(|file| file.before != file.after);
        if is_changed && changes.iter().all(|change| change.before != change.after) {
            prop_assert_eq!(compare(&changes), Recovery::AllBefore);
        }
        let applied = apply(planned).expect("what can be planned can be carried out");
        prop_assert_eq!(compare(&applied.changes), Recovery::AllAfter);
    }
}
