//! Runs the table in `cases.txt`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use codex_patch::run_cli;

use crate::{Leaf, scratch, tree};

#[derive(Default)]
struct Case<'t> {
    name: &'t str,
    before: Shape<'t>,
    patch: Vec<u8>,
    outcome: Option<Outcome<'t>>,
    after: Shape<'t>,
}

#[derive(Default)]
struct Shape<'t> {
    files: BTreeMap<&'t str, Vec<u8>>,
    modes: BTreeMap<&'t str, u32>,
    links: BTreeMap<&'t str, &'t str>,
}

enum Outcome<'t> {
    Works(&'t str),
    Fails(Vec<u8>),
}

fn read(table: &str) -> Vec<Case<'_>> {
    let mut cases: Vec<Case<'_>> = Vec::new();
    for line in table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix("== ") {
            cases.push(Case { name, ..Case::default() });
            continue;
        }
        let case = cases.last_mut().expect("a case starts with its name");
        let shape = match case.outcome {
            None => &mut case.before,
            Some(_) => &mut case.after,
        };
        let (word, rest) = line.split_once([' ', ':']).unwrap_or((line, ""));
        match word {
            "|" => {
                case.patch.extend(bytes(rest));
                case.patch.push(b'\n');
            }
            "file" => {
                let (path, text) = rest.split_once(" =").expect("file PATH = TEXT");
                shape.files.insert(path, bytes(text.strip_prefix(' ').unwrap_or(text)));
            }
            "mode" => {
                let (path, mode) = rest.split_once(" = ").expect("mode PATH = OCTAL");
                shape.modes.insert(path, u32::from_str_radix(mode, 8).expect("octal"));
            }
            "link" => {
                let (path, target) = rest.split_once(" -> ").expect("link PATH -> TEXT");
                shape.links.insert(path, target);
            }
            "works" => case.outcome = Some(Outcome::Works(rest.trim())),
            "fails" => case.outcome = Some(Outcome::Fails(bytes(rest.trim()))),
            other => panic!("{}: {other:?} is no word of this table", case.name),
        }
    }
    cases
}

fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        bytes.extend(plain.as_bytes());
        let (byte, length) = match escaped.as_bytes()[0] {
            b'n' => (b'\n', 1),
            b'r' => (b'\r', 1),
            b't' => (b'\t', 1),
            b'\\' => (b'\\', 1),
            b'x' => (u8::from_str_radix(&escaped[1..3], 16).expect("two digits"), 3),
            other => panic!("no escape: {other}"),
        };
        bytes.push(byte);
        rest = &escaped[length..];
    }
    bytes.extend(rest.as_bytes());
    bytes
}

fn fill(text: &str, cwd: &Path) -> String {
    let parent = cwd.parent().expect("the folder is in a temporary one");
    text.replace("{CWD}", &cwd.display().to_string())
        .replace("{PARENT}", &parent.display().to_string())
}

/// Runs one case and says in words what is not as it should be.
fn run(case: &Case<'_>) -> Result<(), String> {
    let parent = scratch();
    let cwd = parent.path().canonicalize().expect("it exists").join("here");
    fs::create_dir(&cwd).expect("a folder");
    for (path, text) in &case.before.files {
        let path = cwd.join(path);
        fs::create_dir_all(path.parent().expect("below cwd")).expect("folders");
        fs::write(path, text).expect("a file");
    }
    for (path, target) in &case.before.links {
        symlink(fill(target, &cwd), cwd.join(path)).expect("a link");
    }
    for (path, mode) in &case.before.modes {
        let permissions = fs::Permissions::from_mode(*mode);
        fs::set_permissions(cwd.join(path), permissions).expect("permissions");
    }
    let before = tree(parent.path());
    let patch = String::from_utf8(case.patch.clone()).expect("the table is UTF-8");
    let outcome = run_cli(fill(&patch, &cwd).as_bytes(), &cwd);
    let mut after = tree(parent.path());

    match case.outcome.as_ref().expect("a case says how it ends") {
        Outcome::Fails(text) => {
            let text = String::from_utf8_lossy(text);
            if outcome.code != 1 || !outcome.stdout.is_empty() || !outcome.stderr.contains(&*text) {
                return Err(format!("{outcome:?} lacks {text:?}"));
            }
            if before != after {
                return Err(format!("the tree became {after:?}"));
            }
        }
        Outcome::Works(text) => {
            if outcome.code != 0 || !outcome.stderr.is_empty() {
                return Err(format!("{outcome:?}"));
            }
            if !text.is_empty() && !outcome.stdout.lines().any(|line| line == *text) {
                return Err(format!("{:?} has no line {text:?}", outcome.stdout));
            }
            for (path, mode) in &case.after.modes {
                match after.get(&format!("here/{path}")) {
                    Some(Leaf::File { mode: found, .. }) if found == mode => {}
                    other => return Err(format!("{path} should have mode {mode:o}: {other:?}")),
                }
            }
            after.retain(|_, leaf| *leaf != Leaf::Folder);
            let mut wanted = BTreeMap::new();
            for (path, text) in &case.after.files {
                let path = format!("here/{path}");
                let mode = match after.get(&path) {
                    Some(Leaf::File { mode, .. }) => *mode,
                    Some(Leaf::Link(_) | Leaf::Folder) | None => 0,
                };
                wanted.insert(path, Leaf::File { bytes: text.clone(), mode });
            }
            for (path, target) in &case.after.links {
                let target = fill(target, &cwd).into_bytes();
                wanted.insert(format!("here/{path}"), Leaf::Link(target));
            }
            if after != wanted {
                return Err(format!("the tree became {after:?}, not {wanted:?}"));
            }
        }
    }
    Ok(())
}

#[test]
fn every_case_of_the_table_holds() {
    let cases = read(include_str!("cases.txt"));
    assert!(cases.len() > 100, "only {} cases were read", cases.len());
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| Some(format!("{}: {}", case.name, run(case).err()?)))
        .collect();
    assert!(failures.is_empty(), "{} fall short:\n{}", failures.len(), failures.join("\n"));
}
