//! What differs from the last commit, as git tells it.
//!
//! A repository's own settings and attributes can name programs that git runs: to convert, to show, to
//! watch files, to fetch what is missing. So git is shown a repository that has the other one's objects
//! and index, and settings of ours alone: what nobody reads names nothing.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use tempfile::TempDir;

use super::refused;
use crate::failure::{Failure, USAGE};
use crate::git::{self, Repository};

/// Most bytes that are shown of a diff.
const DIFF: u64 = 1 << 20;
/// Most bytes that are shown of a file that git does not know.
const NEW_FILE: u64 = 64 << 10;
/// Most files that git does not know that are shown.
const NEW_FILES: usize = 200;
/// The tree of a repository without a commit.
const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
/// Digits of a commit where objects are named by SHA-256.
const SHA256: usize = 64;
/// Most bytes of a list of what is ignored.
const EXCLUDES: u64 = 1 << 20;

/// Gives what differs from the last commit below a folder, with the files that git does not know.
///
/// Nothing that a repository names is run: no programs for showing, converting or watching files, no
/// hooks, no pager, no transport for objects that are missing.
///
/// What git reads in place of the repository's settings lies in this program's home, which no sandbox
/// lets a command write to: whoever could write there would name the programs again.
pub(super) fn diff(cwd: &Path, home: &Path) -> Result<String, Failure> {
    if !cwd.is_dir() {
        let message = format!("the session's folder, {}, is not there", cwd.display());
        return Err(Failure::new(USAGE, message).hint(
            "it was removed, or the session is from another machine: nothing can be compared",
        ));
    }
    let Some(repository) = git::find(cwd) else {
        let message = format!("{} is in no git repository", cwd.display());
        return Err(Failure::new(USAGE, message).hint("`git init` begins one"));
    };
    let apart =
        Apart::of(repository, home).map_err(|error| refused("git can't be asked", &error))?;
    let from = apart.repository.head.commit.as_deref().unwrap_or(EMPTY_TREE);
    let how = ["--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=dirty"];
    let what = ["--relative", from, "--", "."];
    let mut told = apart.git(cwd, &[&["diff"], &how[..], &what[..]].concat())?;
    let new = apart.git(cwd, &["ls-files", "--others", "--exclude-standard", "-z", "--", "."])?;
    let files: Vec<&str> = new.split('\0').filter(|file| !file.is_empty()).collect();
    for file in files.iter().take(NEW_FILES) {
        if told.len() as u64 >= DIFF {
            break;
        }
        told.push_str(&added(cwd, file));
    }
    if files.len() > NEW_FILES {
        told.push_str(&format!("[{} new files more]\n", files.len() - NEW_FILES));
    }
    Ok(told)
}

/// A repository with the settings taken out; it is gone when this is dropped.
struct Apart {
    repository: Repository,
    dir: TempDir,
    /// Where the user says what is ignored everywhere.
    excludes: Option<String>,
}

impl Apart {
    fn of(repository: Repository, home: &Path) -> io::Result<Apart> {
        let dir = {
            fs::create_dir_all(home)?;
            TempDir::with_prefix_in("diff-", home)?
        };
        let at = |name: &str| dir.path().join(name);
        for name in ["refs", "objects", "info"] {
            fs::create_dir(at(name))?;
        }
        let commit = repository.head.commit.as_deref();
        let (version, extension) = match commit.map(str::len) {
            Some(SHA256) => (1, "[extensions]\n\tobjectFormat = sha256\n"),
            Some(_) | None => (0, ""),
        };
        fs::write(at("HEAD"), format!("{}\n", commit.unwrap_or("ref: refs/heads/none")))?;
        let core = format!("[core]\n\trepositoryFormatVersion = {version}\n\tbare = false\n");
        fs::write(at("config"), core + extension)?;
        // A list of patterns, no more; what is no file may keep whoever reads it waiting for ever.
        let ignored = repository.common.join("info/exclude");
        if ignored.is_file() {
            let mut file = fs::File::open(ignored)?.take(EXCLUDES);
            io::copy(&mut file, &mut fs::File::create(at("info/exclude"))?)?;
        }
        // An index may say no more than how it differs from another one beside it.
        for entry in fs::read_dir(&repository.dir)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with("sharedindex.") {
                symlink(entry.path(), dir.path().join(entry.file_name()))?;
            }
        }
        let mut apart = Apart { repository, dir, excludes: None };
        apart.excludes = apart.asked_of_the_user("core.excludesFile");
        Ok(apart)
    }

    /// Gives a path from the user's own settings.
    fn asked_of_the_user(&self, key: &str) -> Option<String> {
        let mut command = Command::new("git");
        forget_surroundings(&mut command);
        command.args(["config", "--global", "--type=path", "--get", key]);
        command.current_dir(self.dir.path()).stdin(Stdio::null()).stderr(Stdio::null());
        let output = command.output().ok().filter(|output| output.status.success())?;
        let text = String::from_utf8(output.stdout).ok()?;
        Some(text.trim_end_matches('\n').to_owned()).filter(|path| !path.is_empty())
    }

    fn git(&self, cwd: &Path, arguments: &[&str]) -> Result<String, Failure> {
        let failed = |error: io::Error| {
            Failure::new(USAGE, format!("git can't be run: {error}")).hint("is it installed?")
        };
        let mut command = Command::new("git");
        forget_surroundings(&mut command);
        command
            .args(["--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"])
            .args(["-c", "core.quotePath=false"]);
        if let Some(file) = &self.excludes {
            command.arg("-c").arg(format!("core.excludesFile={file}"));
        }
        let mut child = command
            .args(arguments)
            .current_dir(cwd)
            .env("GIT_DIR", self.dir.path())
            .env("GIT_WORK_TREE", &self.repository.root)
            .env("GIT_INDEX_FILE", self.repository.dir.join("index"))
            .env("GIT_OBJECT_DIRECTORY", self.repository.common.join("objects"))
            // The user's own programs are no answer to what a repository says of its files either.
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_TERMINAL_PROMPT", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let mut words = child.stderr.take();
        let complaint = thread::spawn(move || {
            let mut text = Vec::new();
            let _ = words.as_mut().map(|words| words.take(DIFF).read_to_end(&mut text));
            String::from_utf8_lossy(&text).into_owned()
        });
        let mut output = Vec::new();
        if let Some(pipe) = child.stdout.take() {
            pipe.take(DIFF).read_to_end(&mut output).map_err(failed)?;
        }
        let whole = (output.len() as u64) < DIFF;
        if !whole {
            let _ = child.kill();
        }
        let status = child.wait().map_err(failed)?;
        let complaint = complaint.join().unwrap_or_default();
        if whole && !status.success() {
            let complaint = complaint.lines().next().unwrap_or("it says nothing").to_owned();
            return Err(Failure::new(USAGE, format!("git failed: {complaint}"))
                .hint("`git status` in the same folder tells more"));
        }
        let mut text = String::from_utf8_lossy(&output).into_owned();
        if !whole {
            text.push_str("\n[what follows is left out]\n");
        }
        Ok(text)
    }
}

/// Takes out what the environment tells git.
fn forget_surroundings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GIT_") {
            command.env_remove(name);
        }
    }
}

/// Tells of a file that git does not know, as git tells of one that was added.
fn added(cwd: &Path, file: &str) -> String {
    let path: PathBuf = cwd.join(file);
    let head = format!("diff --git a/{file} b/{file}\nnew file\n--- /dev/null\n+++ b/{file}\n");
    let regular = fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file());
    if !regular {
        return head;
    }
    let mut bytes = Vec::new();
    let read = fs::File::open(&path).and_then(|it| it.take(NEW_FILE).read_to_end(&mut bytes));
    let text = match (read, std::str::from_utf8(&bytes)) {
        (Err(error), _) => return format!("{head}[it can't be read: {error}]\n"),
        (Ok(_), Ok(text)) if !text.contains('\0') => text,
        // Its last character may be cut.
        (Ok(_), Err(error)) if error.error_len().is_none() && error.valid_up_to() > 0 => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        }
        (Ok(_), _) => return format!("{head}Binary files /dev/null and b/{file} differ\n"),
    };
    let count = text.lines().count();
    let lines: String = text.lines().map(|line| format!("+{line}\n")).collect();
    let rest = if bytes.len() as u64 == NEW_FILE { "[what follows is left out]\n" } else { "" };
    match count {
        0 => head,
        count => format!("{head}@@ -0,0 +1,{count} @@\n{lines}{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(cwd: &Path, arguments: &[&str]) {
        let fixed = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"];
        let done = Command::new("git").args(fixed).args(arguments).current_dir(cwd).output();
        assert!(done.is_ok_and(|done| done.status.success()), "{arguments:?}");
    }

    #[test]
    fn what_git_reads_of_settings_lies_where_no_command_writes() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = tempfile::tempdir().expect("a folder");
        git(folder.path(), &["init", "-q"]);
        let repository = git::find(folder.path()).expect("a repository");
        let apart = Apart::of(repository, home.path()).expect("made");
        assert!(apart.dir.path().starts_with(home.path()), "{:?}", apart.dir);
    }

    #[test]
    fn a_diff_has_what_changed_and_what_is_new_and_runs_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let home = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        let failure = diff(root, home.path()).expect_err("no repository");
        assert!(failure.message.contains("no git repository"), "{}", failure.message);
        git(root, &["init", "-q"]);
        let write = |name: &str, text: &[u8]| fs::write(root.join(name), text).expect("written");
        write("known", b"one\n");
        let told = diff(root, home.path()).expect("told");
        assert!(told.contains("+++ b/known\n@@ -0,0 +1,1 @@\n+one\n"), "{told}");
        git(root, &["add", "-A"]);
        git(root, &["commit", "-q", "-m", "x"]);
        assert_eq!(diff(root, home.path()).expect("told"), "");
        write("known", b"two\n");
        write("néw file", "é\n".as_bytes());
        write("ignored", b"x");
        write(".gitignore", b"ignored\n");
        write("binary", b"\0\x01");
        // What a repository may name to be run.
        let trap = root.join(".git/trap");
        fs::write(&trap, format!("#!/bin/sh\ntouch {}/sprung\n", root.join(".git").display()))
            .expect("written");
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&trap, fs::Permissions::from_mode(0o755)).expect("set");
        let trap = trap.display().to_string();
        for key in [
            "diff.external",
            "core.fsmonitor",
            "core.pager",
            "diff.x.textconv",
            "diff.x.command",
            "filter.x.clean",
            "filter.x.smudge",
            "filter.x.process",
        ] {
            git(root, &["config", key, &trap]);
        }
        write(".gitattributes", b"known diff=x filter=x\n");
        let told = diff(root, home.path()).expect("told");
        assert!(told.contains("-one\n+two\n"), "{told}");
        assert!(told.contains("+++ b/néw file\n@@ -0,0 +1,1 @@\n+é\n"), "{told}");
        assert!(told.contains("b/binary differ") && !told.contains("b/ignored"), "{told}");
        let sprung = root.join(".git/sprung");
        assert!(!sprung.exists(), "a program of the repository was run");
        // Git by itself does run them.
        let _ = Command::new("git").arg("diff").current_dir(root).output();
        assert!(sprung.exists(), "no trap");
        let failure = diff(&root.join("gone"), home.path()).expect_err("no folder");
        assert!(failure.message.contains("is not there"), "{}", failure.message);
    }
}
