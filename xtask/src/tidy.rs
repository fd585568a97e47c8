//! Rules of the house that no compiler knows.

mod bans;
mod edges;
mod layout;
mod scrub;
mod tree;
mod words;

use std::fmt;
use std::path::Path;

use tree::Tree;

/// One place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    /// Path from the root of the repository.
    path: String,
    /// Line, counted from 1.
    line: usize,
    /// What is wrong, and what would be right.
    message: String,
}

impl Violation {
    fn new(path: impl Into<String>, line: usize, message: impl Into<String>) -> Violation {
        Violation { path: path.into(), line, message: message.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// Checks the tree, prints every violation, and fails if there is any.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let tree = Tree::read(root).map_err(|error| format!("tidy: {error}"))?;
    let packages = edges::packages(root).map_err(|error| format!("tidy: {error}"))?;
    let violations = check(&tree, &packages);
    for violation in &violations {
        println!("{violation}");
    }
    match violations.len() {
        0 => {
            println!("tidy: {} files, no violation", tree.files.len());
            Ok(())
        }
        count => Err(format!("tidy: {} files, {count} violations", tree.files.len())),
    }
}

fn check(tree: &Tree, packages: &[edges::Package]) -> Vec<Violation> {
    let mut all = edges::check(packages, tree);
    all.extend(layout::sizes(tree));
    all.extend(layout::root_entries(tree));
    all.extend(layout::readmes(tree));
    all.extend(layout::test_programs(tree, packages));
    all.extend(bans::check(tree));
    all.extend(words::check(tree));
    all.sort();
    all
}
