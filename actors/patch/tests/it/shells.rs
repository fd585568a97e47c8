//! What is intercepted is what a real shell would have handed over, to the byte.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use codex_patch::intercept_script;
use proptest::prelude::*;

use crate::scratch;

/// Plays `apply_patch`: keeps what it is given, and where.
const STAND_IN: &str = "#!/bin/sh
pwd > \"$OUT/folder\"
echo $# >> \"$OUT/calls\"
if [ $# -gt 0 ]; then printf %s \"$1\" > \"$OUT/patch\"; else cat > \"$OUT/patch\"; fi
";

/// Runs a script, and tells what the stand-in was given and in which folder; none when it did not
/// run exactly once.
fn by_shell(shell: &str, script: &str, base: &Path) -> Option<(String, PathBuf)> {
    let [programs, out, start] = ["programs", "out", "start"].map(|name| base.join(name));
    let _ = fs::remove_dir_all(base);
    for folder in [&programs, &out, &start.join("sub dir")] {
        fs::create_dir_all(folder).expect("made");
    }
    for name in ["apply_patch", "applypatch"] {
        fs::write(programs.join(name), STAND_IN).expect("written");
        let permissions = fs::Permissions::from_mode(0o755);
        fs::set_permissions(programs.join(name), permissions).expect("set");
    }
    let path = std::env::var("PATH").unwrap_or_default();
    let status = Command::new(shell)
        .args(["-c", script])
        .current_dir(&start)
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("OUT", &out)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("there is a shell");
    let told = |name: &str| fs::read_to_string(out.join(name)).unwrap_or_default();
    if !status.success() || told("calls").lines().count() != 1 {
        return None;
    }
    Some((told("patch"), PathBuf::from(told("folder").trim_end())))
}

fn check(script: &str) -> Result<(), TestCaseError> {
    let Some(found) = intercept_script(script) else { return Ok(()) };
    let folder = scratch();
    for shell in ["bash", "dash"] {
        if shell == "dash" && !Path::new("/bin/dash").exists() {
            continue;
        }
        let base = folder.path().join("base");
        let told = by_shell(shell, script, &base);
        let workdir = base.join("start").join(found.workdir.as_deref().unwrap_or_default());
        match workdir.canonicalize() {
            Ok(workdir) => {
                let wanted = Some((found.patch.clone(), workdir));
                prop_assert_eq!(told, wanted, "{} -c {:?}", shell, script);
            }
            // No shell gets there, and whoever carries the patch out must not either.
            Err(_) => prop_assert_eq!(told, None, "{} -c {:?}", shell, script),
        }
    }
    Ok(())
}

#[test]
fn each_form_means_what_the_shells_mean() {
    let body = "*** Begin Patch\n*** Add File: a\n+it's \"x\" $5 `` \\d \\\n*** End Patch";
    let tabbed = body.replace('\n', "\n\t");
    let plain = "*** Begin Patch\n+a $ b \\d 'q' \"r\" !x ~ * #\n\n*** End Patch";
    for script in [
        format!("apply_patch <<'EOF'\n{body}\nEOF\n"),
        format!("apply_patch<<\"E F\"\n{body}\nE F"),
        format!("applypatch << \\EOF\n{body}\nEOF\n\n"),
        format!("apply_patch <<-'EOF'\n\t{tabbed}\n\tEOF\n"),
        format!("apply_patch <<EOF\n{plain}\nEOF\n"),
        format!("cd 'sub dir' && apply_patch <<'EOF'\n{body}\nEOF\n"),
        format!("# first\n\ncd sub\\ dir &&\napply_patch <<'EOF'\n{body}\nEOF\n"),
        format!("apply_patch \"$(cat <<'EOF'\n{body}\n\n\nEOF\n)\""),
        format!("apply_patch \"$(cat <<EOF\n{plain}\nEOF\n)\"\n"),
        format!("cat <<'EOF' | apply_patch\n{body}\nEOF\n"),
        format!("cat <<EOF|apply_patch\n{plain}\nEOF"),
        "apply_patch 'a\nb'\\''c'\"d\\\"e\\$f\\`g\\h $ \"i\\ j".to_owned(),
        "apply_patch \"a\\\nb\"\n\n".to_owned(),
        "apply_patch ''".to_owned(),
    ] {
        assert!(intercept_script(&script).is_some(), "{script:?} is not taken");
        check(&script).expect("the same");
    }
}

/// Pieces of scripts that nothing but the stand-in, `cat` and `cd` could come out of.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "apply_patch",
        "applypatch",
        "cat",
        "cd ",
        "sub\\ dir",
        "'sub dir'",
        ".",
        " && ",
        " | ",
        " ",
        "\n",
        "\t",
        "<<",
        "<<-",
        "EOF",
        "'EOF'",
        "\"EOF\"",
        "\\EOF",
        "\nEOF\n",
        "\n\tEOF\n",
        "'a b'",
        "\"a b\"",
        "\"$(cat <<'EOF'\n",
        "\"$(",
        ")\"",
        "x",
        "\\",
        "\\\n",
        "$",
        "$5",
        "$(",
        ")",
        "`",
        "'",
        "\"",
        "#",
        "*",
        "~",
        "!",
        "{a,b}",
        "=",
        "\\$",
        "\\\"",
        ";",
        "&",
        "+",
    ])
}

fn frame() -> impl Strategy<Value = (&'static str, &'static str)> {
    prop::sample::select(vec![
        ("", ""),
        ("apply_patch ", ""),
        ("apply_patch '", "'"),
        ("apply_patch \"", "\""),
        ("apply_patch <<'EOF'\n", "\nEOF\n"),
        ("apply_patch <<EOF\n", "\nEOF\n"),
        ("apply_patch <<-EOF\n", "\n\tEOF\n"),
        ("cat <<EOF | apply_patch\n", "\nEOF\n"),
        ("apply_patch \"$(cat <<EOF\n", "\nEOF\n)\""),
        ("apply_patch \"$(cat <<'EOF'\n", "\nEOF\n)\""),
        ("cd 'sub dir' && apply_patch ", ""),
        ("cd ", " && apply_patch x"),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn what_is_taken_from_random_scripts_is_what_the_shells_mean(
        (before, after) in frame(),
        pieces in prop::collection::vec(piece(), 0..6),
    ) {
        check(&format!("{before}{}{after}", pieces.concat()))?;
    }
}
