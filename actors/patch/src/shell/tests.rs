use super::*;

const PATCH: &str = "*** Begin Patch\n*** Delete File: f\n*** End Patch\n";

fn found(script: &str) -> Option<(String, Option<String>)> {
    intercept_script(script).map(|found| (found.patch, found.workdir))
}

#[test]
fn direct_calls_and_shells() {
    let argv = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let script = format!("apply_patch <<'EOF'\n{PATCH}EOF\n");
    let wanted = Some(Intercepted { patch: PATCH.to_owned(), workdir: None });
    for words in [
        argv(&["apply_patch", PATCH]),
        argv(&["applypatch", PATCH]),
        argv(&["bash", "-lc", &script]),
        argv(&["/usr/bin/zsh", "-c", &script]),
        argv(&["sh", "-c", &script]),
        argv(&["bash", "-l", "-c", &script]),
    ] {
        assert_eq!(intercept(&words), wanted, "{words:?}");
    }
    for words in [
        argv(&[]),
        argv(&["apply_patch"]),
        argv(&["apply_patch", PATCH, "more"]),
        argv(&["/tmp/apply_patch", PATCH]),
        argv(&["bin/bash", "-c", &script]),
        argv(&["fish", "-c", &script]),
        argv(&["bash", "-x", &script]),
        argv(&["bash", "-c", &script, "name"]),
        argv(&["bash", &script]),
        argv(&["bash", "-c", "-l", &script]),
        argv(&["echo", "apply_patch", PATCH]),
    ] {
        assert_eq!(intercept(&words), None, "{words:?}");
    }
}

#[test]
fn here_documents() {
    for script in [
        format!("apply_patch <<'EOF'\n{PATCH}EOF"),
        format!("  apply_patch<<\"E O F\"\n{PATCH}E O F\n\n"),
        format!("applypatch << \\EOF\n{PATCH}EOF\n"),
        format!("apply_patch <<EOF\n{PATCH}EOF\n"),
        format!("apply_patch <<-'EOF'\n\t{PATCH}\tEOF\n"),
        format!("\napply_patch <<'EOF' \n{PATCH}EOF\n"),
    ] {
        assert_eq!(found(&script), Some((PATCH.to_owned(), None)), "{script:?}");
    }
    let literal = "$HOME `id` \\$ ${x}\n";
    let script = format!("apply_patch <<'EOF'\n{literal}EOF");
    assert_eq!(found(&script), Some((literal.to_owned(), None)));
    for body in ["$HOME", "`id`", "$(id)", "${x}", "a\\$b", "a\\\\b", "a\\\nb", "$1", "$?"] {
        assert_eq!(found(&format!("apply_patch <<EOF\n{body}\nEOF\n")), None, "{body:?}");
    }
    for body in ["a $ b", "5$", "\\d", "'\"!~*"] {
        let script = format!("apply_patch <<EOF\n{body}\nEOF\n");
        assert_eq!(found(&script), Some((format!("{body}\n"), None)), "{body:?}");
    }
}

#[test]
fn one_word() {
    let quoted = format!("apply_patch '{PATCH}'");
    assert_eq!(found(&quoted), Some((PATCH.to_owned(), None)));
    let double = "apply_patch \"a \\\"b\\\" \\$c \\d $ \\\\\"\n";
    assert_eq!(found(double), Some(("a \"b\" $c \\d $ \\".to_owned(), None)));
    assert_eq!(found("apply_patch 'it'\\''s'"), Some(("it's".to_owned(), None)));
    for script in [
        "apply_patch \"$x\"",
        "apply_patch \"$(cat p)\"",
        "apply_patch \"`cat p`\"",
        "apply_patch 'open",
        "apply_patch \"open",
        "apply_patch *.patch",
        "apply_patch ~/p",
        "apply_patch",
        "apply_patch ",
        "apply_patch < p",
        "apply_patch <<<'p'",
    ] {
        assert_eq!(found(script), None, "{script:?}");
    }
}

#[test]
fn a_name_on_the_line_that_goes_on_is_replaced() {
    assert_eq!(found("apply_patch \"$\\\nEOF\""), None);
    assert_eq!(found("apply_patch <<EOF\n$\\\nHOME\nEOF\n"), None);
    assert_eq!(found("apply_patch \"$\\x\""), Some(("$\\x".to_owned(), None)));
}

#[test]
fn a_change_of_folder_first() {
    let call = format!("apply_patch <<'EOF'\n{PATCH}EOF\n");
    for (folder, wanted) in
        [("src", "src"), ("'a b'", "a b"), ("\"/x y\"", "/x y"), ("a\\ b", "a b")]
    {
        let script = format!("cd {folder} && {call}");
        assert_eq!(found(&script), Some((PATCH.to_owned(), Some(wanted.to_owned()))));
    }
    for start in [
        "cd &&",
        "cd a b &&",
        "cd a ;",
        "cd a ||",
        "cd a &",
        "cd $X &&",
        "cd ~ &&",
        "cd - &&",
        "cd -P &&",
        "cd +1 &&",
        "cd '' &&",
        "cd a && cd b &&",
        "pushd a &&",
        "X=1",
    ] {
        assert_eq!(found(&format!("{start} {call}")), None, "{start}");
    }
}

#[test]
fn whatever_does_more_is_left_to_the_shell() {
    for script in [
        format!("apply_patch <<'EOF' && echo done\n{PATCH}EOF\n"),
        format!("apply_patch <<'EOF' > log\n{PATCH}EOF\n"),
        format!("apply_patch <<'EOF'\n{PATCH}EOF\necho done\n"),
        format!("echo hi; apply_patch <<'EOF'\n{PATCH}EOF\n"),
        format!("cat <<'EOF' | apply_patch | cat\n{PATCH}EOF\n"),
        format!("cat <<'EOF' | tee log\n{PATCH}EOF\n"),
        format!("cat p <<'EOF' | apply_patch\n{PATCH}EOF\n"),
        format!("cat <<'EOF'\n{PATCH}EOF\n"),
        format!("echo '{PATCH}' | apply_patch"),
        format!("apply_patch <<'EOF'\n{PATCH}"),
        format!("apply_patch x <<'EOF'\n{PATCH}EOF\n"),
        format!("apply_patch '{PATCH}' &"),
        format!("apply_patch '{PATCH}' '{PATCH}'"),
        format!("! apply_patch '{PATCH}'"),
        format!("(apply_patch '{PATCH}')"),
        "ls".to_owned(),
        String::new(),
    ] {
        assert_eq!(found(&script), None, "{script:?}");
    }
}

#[test]
fn a_here_document_by_way_of_cat() {
    let stripped = PATCH.trim_end();
    for script in [
        format!("apply_patch \"$(cat <<'EOF'\n{PATCH}EOF\n)\""),
        format!("apply_patch \"$(cat << EOF\n{PATCH}\n\nEOF\n)\"\n"),
        format!("applypatch \"$( cat <<-\"EOF\"\n\t{PATCH}\tEOF\n  )\"  "),
    ] {
        assert_eq!(found(&script), Some((stripped.to_owned(), None)), "{script:?}");
    }
    for script in [
        format!("cat <<'EOF' | apply_patch\n{PATCH}EOF\n"),
        format!("cat <<EOF|apply_patch \n{PATCH}EOF"),
    ] {
        assert_eq!(found(&script), Some((PATCH.to_owned(), None)), "{script:?}");
    }
    for script in [
        format!("apply_patch $(cat <<'EOF'\n{PATCH}EOF\n)"),
        "apply_patch \"$(cat <<EOF\n$HOME\nEOF\n)\"".to_owned(),
        format!("apply_patch \"$(cat <<'EOF'\n{PATCH}EOF\n)x\""),
        format!("apply_patch \"$(cat <<'EOF'\nEOF)\n{PATCH}EOF\n)\""),
        format!("apply_patch \"$(cat <<'EOF' | sed s/a/b/\n{PATCH}EOF\n)\""),
        format!("apply_patch \"$(cat <<'EOF'\n{PATCH}EOF\necho x)\""),
        format!("apply_patch \"$(cat <<'EOF'\n{PATCH}EOF\n"),
        "cat <<EOF | apply_patch\n$(id)\nEOF\n".to_owned(),
    ] {
        assert_eq!(found(&script), None, "{script:?}");
    }
}

#[test]
fn comments_above_the_call_are_skipped() {
    let script = format!("# Fix it\n\n# now\ncd a &&\napply_patch <<'EOF'\n{PATCH}EOF\n");
    assert_eq!(found(&script), Some((PATCH.to_owned(), Some("a".to_owned()))));
    assert_eq!(found("# apply_patch 'x'"), None);
}
