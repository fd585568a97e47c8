use codex_event::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::render::testing::{dark, drawable, foreign, plain, styled};

pub(super) const PATCH: &str = "\
*** Begin Patch
*** Update File: /ws/src/store.rs
@@ impl Store
@@     pub fn open(path: &Path) -> Store {
     let file = File::open(path);
-    let lock = wait(file, 10);
-    lock
+    let lock = wait(file, 20);
+    lock.held()
 }
@@
-use std::fs;
*** Add File: notes/new.md
+# Notes
+
+\tnothing\x1b[31m yet
*** Delete File: old.txt
*** Update File: a.rs
*** Move to: b.rs
*** End Patch
";

const UNIFIED: &str = "\
diff --git a/src/a.rs b/src/a.rs
index 0123..4567 100644
--- a/src/a.rs
+++ b/src/a.rs
@@ -8,4 +8,4 @@ fn main() {
     one();
-    two(1);
+    two(2);
+    three();
 
--- a comment that is removed
@@ -99 +100 @@
-last
\\ No newline at end of file
+last
diff --git a/new file b/new file
new file mode 100644
--- /dev/null
+++ b/new file
@@ -0,0 +1 @@
+text
diff --git a/gone b/gone
deleted file mode 100644
--- a/gone
+++ /dev/null
@@ -1 +0,0 @@
-text
diff --git a/one b/two
similarity index 100%
rename from one
rename to two
diff --git a/x.png b/x.png
Binary files a/x.png and b/x.png differ
";

fn look(theme: &Theme, fold: Fold) -> Look<'_> {
    Look { theme, fold, now: Timestamp(0), cwd: "/ws", home: None, unfold: "Ctrl-O" }
}

fn told(files: &[FileDiff], fold: Fold, width: u16) -> Vec<Line<'static>> {
    lines(files, Names::Shown, &[Span::raw("  ")], &look(&dark(), fold), width)
}

#[test]
fn a_patch_with_its_styles() {
    insta::assert_snapshot!(styled(&told(&patch(PATCH), Fold::Unfolded, 80), &dark()));
}

#[test]
fn a_patch_at_thirty_columns() {
    insta::assert_snapshot!(plain(&told(&patch(PATCH), Fold::Unfolded, 30)));
}

#[test]
fn a_unified_diff() {
    insta::assert_snapshot!(plain(&told(&unified(UNIFIED), Fold::Unfolded, 80)));
}

#[test]
fn a_long_diff_is_folded_and_counted() {
    let text: String = (1..=100).map(|at| format!("+line {at}\n")).collect();
    let text = format!("*** Add File: a\n{text}*** Delete File: b\n");
    let told = plain(&told(&patch(&text), Fold::Folded, 80));
    let shown: Vec<&str> = told.lines().collect();
    assert_eq!(shown.len(), 19, "{told}");
    assert_eq!(shown[0], "  a new +100");
    assert_eq!(shown[16], "   16 + line 16");
    assert_eq!(shown[17..], ["  b deleted", "  … 84 more lines (Ctrl-O)"]);
}

#[test]
fn lines_that_have_little_in_common_are_not_compared() {
    let lines = [(Sign::Removed, "alpha beta".to_owned()), (Sign::Added, "gamma delta".to_owned())];
    assert!(marks::of(&lines).iter().all(Vec::is_empty));
    let lines = [(Sign::Removed, "let a = 1;".to_owned()), (Sign::Added, "let a = 22;".to_owned())];
    let found = marks::of(&lines).concat();
    assert_eq!(found, [8..9, 8..10]);
}

#[test]
fn a_patch_that_still_comes_in_is_shown_as_far_as_it_is() {
    for end in 0..PATCH.len() {
        let files = patch(&PATCH[..end]);
        assert!(files.len() <= 4);
    }
    assert_eq!(patch("no patch at all\n+ nothing"), []);
    assert_eq!(unified("no diff\n+ nothing"), []);
}

#[test]
fn hunks_are_numbered_where_their_places_are_known() {
    let mut files = patch(PATCH);
    number(&mut files, &[("/ws/src/store.rs", &[12, 40]), ("/ws/notes/new.md", &[])]);
    let at = |file: &FileDiff| file.hunks.iter().map(|hunk| hunk.at).collect::<Vec<_>>();
    assert_eq!(at(&files[0]), [Some((12, 12)), Some((40, 40))]);
    assert_eq!(at(&files[1]), [Some((0, 1))]);
    let text = "*** Update File: b/a.rs\n@@\n+x\n+y\n@@\n-z\n";
    let mut files = patch(text);
    number(&mut files, &[("/ws/ab/a.rs", &[3, 9])]);
    assert_eq!(at(&files[0]), [None, None], "another file");
    number(&mut files, &[("/ws/b/a.rs", &[3])]);
    assert_eq!(at(&files[0]), [None, None], "another number of hunks");
    number(&mut files, &[("/ws/b/a.rs", &[3, 9])]);
    assert_eq!(at(&files[0]), [Some((3, 3)), Some((9, 11))]);
    let shown = "  b/a.rs +2 −1\n   3 + x\n   4 + y\n    ⋮\n   9 - z";
    assert_eq!(plain(&told(&files, Fold::Folded, 40)), shown);
}

proptest! {
    #[test]
    fn any_diff_can_be_drawn(text in foreign(), head in prop::sample::select(vec![
        "*** Update File: a\n", "diff --git a/b b/b\n@@ -1,9 +1,9 @@ x\n",
    ]), width in prop_oneof![1..5_u16, 1..100_u16]) {
        let text = format!("{head}{text}");
        for files in [patch(&text), unified(&text)] {
            drawable(&told(&files, Fold::Folded, width), width)?;
            drawable(&told(&files, Fold::Unfolded, width), width)?;
        }
    }
}
