use std::fs;
use std::sync::mpsc::{Receiver, sync_channel};

use tempfile::TempDir;

use super::*;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

struct Tree {
    folder: TempDir,
    finder: Finder,
    found: Receiver<FileMatches>,
}

impl Tree {
    fn of(files: &[(&str, &str)]) -> Tree {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            write(folder.path(), path, text);
        }
        let (sender, found) = sync_channel(1_024);
        let sink = move |matches| drop(sender.send(matches));
        let finder = Finder::new(folder.path().to_owned(), sink);
        Tree { folder, finder, found }
    }

    /// Gives what is found in the end.
    fn find(&self, query: &str) -> Vec<String> {
        self.finder.find(query.to_owned());
        loop {
            let found = self.found.recv_timeout(PATIENCE).unwrap();
            if found.query == query && found.progress == Progress::Done {
                return found.paths;
            }
        }
    }
}

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn files_are_found_by_their_paths_the_best_first() {
    let tree = Tree::of(&[("src/main.rs", ""), ("src/domain.rs", ""), ("doc/notes.md", "")]);
    assert_eq!(tree.find("main"), ["src/main.rs", "src/domain.rs"]);
    assert_eq!(tree.find("docno"), ["doc/notes.md"]);
    assert_eq!(tree.find("nothing like it"), [""; 0]);
}

#[test]
fn without_a_query_what_is_near_comes_first() {
    let tree = Tree::of(&[("a/b/c.rs", ""), ("z.rs", ""), ("a/y.rs", ""), ("b.rs", "")]);
    assert_eq!(tree.find(""), ["b.rs", "z.rs", "a/y.rs", "a/b/c.rs"]);
}

#[test]
fn what_is_ignored_is_never_found() {
    let tree = Tree::of(&[
        (".gitignore", "target/\n*.log\n"),
        (".ignore", "secret.txt\n"),
        ("target/main.rs", ""),
        ("main.log", ""),
        ("secret.txt", ""),
        ("sub/.gitignore", "/main.c\n"),
        ("sub/main.c", ""),
        ("sub/main.h", ""),
    ]);
    assert_eq!(tree.find("main"), ["sub/main.h"]);
    assert_eq!(tree.find("secret"), [""; 0]);
}

#[test]
fn hidden_files_are_found_by_a_dot() {
    let tree = Tree::of(&[(".env", ""), ("envoy.rs", ""), (".ci/env.yml", ""), (".git/env", "")]);
    assert_eq!(tree.find("env"), ["envoy.rs"]);
    assert_eq!(tree.find(".env"), [".env", ".ci/env.yml"]);
    assert_eq!(tree.find(".ci/"), [".ci/env.yml"]);
    assert_eq!(tree.find("./env"), ["envoy.rs"]);
}

#[test]
fn a_folder_that_is_not_there_has_no_files() {
    let (sender, found) = sync_channel(8);
    let sink = move |matches| drop(sender.send(matches));
    let finder = Finder::new(PathBuf::from("/nowhere/at/all"), sink);
    finder.find("a".to_owned());
    let expected =
        FileMatches { query: "a".to_owned(), paths: vec![], seen: 0, progress: Progress::Done };
    assert_eq!(found.recv_timeout(PATIENCE).unwrap(), expected);
}

#[test]
fn names_that_no_text_can_hold_are_left_out() {
    let tree = Tree::of(&[("new\nline.rs", ""), ("escape\u{1b}[2J.rs", ""), ("plain 語.rs", "")]);
    use std::os::unix::ffi::OsStrExt;
    let name = std::ffi::OsStr::from_bytes(b"broken\xff.rs");
    // Some file systems take no such name.
    let _ = fs::write(tree.folder.path().join(name), "");
    assert_eq!(tree.find("rs"), ["plain 語.rs"]);
}

#[test]
fn links_are_not_followed() {
    let tree = Tree::of(&[("a/b.rs", "")]);
    std::os::unix::fs::symlink(tree.folder.path(), tree.folder.path().join("a/round")).unwrap();
    assert_eq!(tree.find("b.rs"), ["a/b.rs"]);
    assert_eq!(tree.find("round"), ["a/round"]);
}

#[test]
fn a_large_folder_gives_its_best_and_no_more() {
    let tree = Tree::of(&[]);
    for folder in 0..20 {
        let path = tree.folder.path().join(format!("folder{folder}"));
        fs::create_dir(&path).unwrap();
        for file in 0..100 {
            fs::write(path.join(format!("file{file}.txt")), "").unwrap();
        }
    }
    let found = tree.find("file");
    assert_eq!(found.len(), MOST);
    assert_eq!(tree.find("folder19/file99"), ["folder19/file99.txt"]);
}

#[test]
fn a_new_query_takes_the_place_of_the_last_one() {
    // The first search stands in its sink until all others were asked for.
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.rs", "");
    let (sender, found) = sync_channel(0);
    let sink = move |matches: FileMatches| drop(sender.send(matches.query));
    let finder = Finder::new(folder.path().to_owned(), sink);
    finder.find("a".to_owned());
    while !matches!(*finder.desk.lock(), Next::Nothing) {
        thread::yield_now();
    }
    for number in 0..100 {
        finder.find(format!("a{number}"));
    }
    finder.find("rs".to_owned());
    let mut queries = Vec::new();
    while queries.last().is_none_or(|last| last != "rs") {
        queries.push(found.recv_timeout(PATIENCE).unwrap());
    }
    assert!(queries.len() <= 3, "{queries:?}");
}

#[test]
fn the_thread_ends_with_the_search() {
    let tree = Tree::of(&[("a.rs", "")]);
    assert_eq!(tree.find("a"), ["a.rs"]);
    let desk = Arc::downgrade(&tree.finder.desk);
    drop(tree);
    let begun = Instant::now();
    while desk.strong_count() > 0 {
        assert!(begun.elapsed() < PATIENCE, "it goes on");
        thread::yield_now();
    }
}

#[test]
fn what_is_found_is_a_function_of_the_files_alone() {
    let files: Vec<_> = (0..300).map(|number| format!("dir{}/x{number}.rs", number % 7)).collect();
    let files: Vec<_> = files.iter().map(|path| (path.as_str(), "")).collect();
    let backward: Vec<_> = files.iter().rev().copied().collect();
    let (one, other) = (Tree::of(&files), Tree::of(&backward));
    for query in ["", "x", "dir3", "x29"] {
        assert_eq!(one.find(query), other.find(query), "{query}");
    }
}
