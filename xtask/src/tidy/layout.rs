//! Which files there are, and how long they get.

use super::Violation;
use super::edges::Package;
use super::tree::Tree;

/// The longest a Rust file may be, in lines, tests included.
const LONGEST: usize = 600;

/// Files that may be longer.
const LONGER: &[&str] = &[];

/// Everything that may stand at the root.
const ROOT: &[&str] = &[
    ".cargo",
    ".ci",
    ".gitignore",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "actors",
    "clippy.toml",
    "config",
    "frontends",
    "journal",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "sandbox",
    "xtask",
];

/// Folders that explain themselves.
const EXPLAINED: &[&str] = &["actors", "config", "frontends", "journal", "sandbox", "xtask"];

/// Finds Rust files that are too long.
pub(crate) fn sizes(tree: &Tree) -> Vec<Violation> {
    let rust = tree.files.iter().filter(|file| file.is_rust());
    let long = rust.filter_map(|file| {
        let lines = file.text.lines().count();
        let allowed = lines <= LONGEST || LONGER.contains(&&*file.path);
        let message = || format!("{lines} lines: split it, {LONGEST} are enough for one concept");
        (!allowed).then(|| Violation::new(&file.path, LONGEST + 1, message()))
    });
    long.collect()
}

/// Finds what does not belong at the root.
pub(crate) fn root_entries(tree: &Tree) -> Vec<Violation> {
    let strangers = tree.root.iter().filter(|name| !ROOT.contains(&&***name));
    let message = "does not belong at the root: find its folder, or change the layout on purpose";
    strangers.map(|name| Violation::new(name, 1, message)).collect()
}

/// Finds folders without an explanation.
pub(crate) fn readmes(tree: &Tree) -> Vec<Violation> {
    let paths = EXPLAINED.iter().map(|folder| format!("{folder}/README.md"));
    let missing = paths.filter(|path| tree.text(path).is_none_or(|text| text.trim().is_empty()));
    let message = "missing or empty: write purpose, map, invariants, and what to touch to add one";
    missing.map(|path| Violation::new(path, 1, message)).collect()
}

/// Finds integration tests outside of the one program that a package may have for them, since
/// each program is linked on its own.
pub(crate) fn test_programs(tree: &Tree, packages: &[Package]) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in &tree.files {
        let inside = packages
            .iter()
            .find_map(|package| file.path.strip_prefix(&format!("{}/tests/", package.folder)));
        if inside.is_some_and(|path| !path.starts_with("it/")) {
            found.push(Violation::new(&file.path, 1, "tests/ holds one program: tests/it/main.rs"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rust_file_of_601_lines_is_too_long() {
        let (long, short) = ("\n".repeat(601), "\n".repeat(600));
        let tree =
            Tree::of(&[("a/b.rs", long.as_str()), ("a/c.rs", short.as_str()), ("a/d.md", &long)]);
        let found: Vec<_> = sizes(&tree).iter().map(|it| (it.path.clone(), it.line)).collect();
        assert_eq!(found, [("a/b.rs".to_owned(), 601)]);
    }

    #[test]
    fn strangers_at_the_root_are_named() {
        let tree = Tree::of(&[("Cargo.toml", ""), ("docs/a.md", ""), ("xtask/a.rs", "")]);
        let found: Vec<_> = root_entries(&tree).into_iter().map(|it| it.path).collect();
        assert_eq!(found, ["docs"]);
    }

    #[test]
    fn a_folder_without_a_text_that_explains_it_is_named() {
        let readmes_of = |last: &str| {
            let mut files: Vec<_> =
                EXPLAINED.iter().map(|folder| (format!("{folder}/README.md"), "text")).collect();
            files[5].1 = last;
            let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
            readmes(&Tree::of(&files)).into_iter().map(|it| it.path).collect::<Vec<_>>()
        };
        assert_eq!(readmes_of("text"), [""; 0]);
        assert_eq!(readmes_of(" \n"), ["xtask/README.md"]);
        assert_eq!(readmes(&Tree::default()).len(), EXPLAINED.len());
    }

    #[test]
    fn a_second_test_program_is_named() {
        let packages =
            [Package { folder: "a/b".to_owned(), name: "b".to_owned(), edges: Vec::new() }];
        let tree = Tree::of(&[
            ("a/b/src/tests/x.rs", ""),
            ("a/b/tests/it/main.rs", ""),
            ("a/b/tests/more.rs", ""),
            ("a/c/tests/data.txt", ""),
        ]);
        let found: Vec<_> = test_programs(&tree, &packages).into_iter().map(|it| it.path).collect();
        assert_eq!(found, ["a/b/tests/more.rs"]);
    }
}
