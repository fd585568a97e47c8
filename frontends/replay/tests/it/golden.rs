//! Journals of every released schema, read by this one.

use std::fs;
use std::path::{Path, PathBuf};

use codex_journal::Layout;
use codex_replay::Mode;

fn corpus() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../journal/corpus");
    let entries = fs::read_dir(folder).expect("the corpus is there").flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

fn printed(home: &Path, mode: Mode) -> (String, u64) {
    let layout = Layout::new(home);
    let ids = layout.sessions().expect("readable");
    let [id] = ids[..] else { panic!("one session in {}", home.display()) };
    let mut out = Vec::new();
    let replayed = codex_replay::run(&layout, id, mode, &mut out).expect("readable");
    assert!(replayed.warnings.is_empty(), "{:?}", replayed.warnings);
    (String::from_utf8(out).expect("text"), replayed.problems)
}

#[test]
fn every_golden_journal_verifies_and_tells_the_same_story() {
    let homes = corpus();
    assert!(!homes.is_empty());
    for home in homes {
        let (report, problems) = printed(&home, Mode::Verify);
        assert_eq!(problems, 0, "{}: {report}", home.display());
        let (lines, _) = printed(&home, Mode::Json);
        let golden = fs::read_to_string(home.join("lines.jsonl")).expect("readable");
        assert_eq!(lines, golden, "{}", home.display());
    }
}
