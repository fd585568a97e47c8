//! Where a repository keeps what it is: `gitrepository-layout(5)`.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use super::ProtectError;
use crate::{How, Protected};

/// Longest file that names another folder, in bytes; git itself writes a path and a newline.
const LONGEST_POINTER: u64 = 8 * 1024;

const EMPTY: &str = How::TEXTS[0];
const ITSELF: &str = How::TEXTS[1];

/// What is in a repository's folder that must stay as it is although commits can be made, and how
/// where it is missing. What is left out is data to git: objects, references, logs, the index.
const IDENTITY: [(&str, Missing); 12] = [
    // Names programs: filters, pagers, editors, hooks, remote helpers.
    ("config", Missing::File(EMPTY)),
    ("config.worktree", Missing::File(EMPTY)),
    // Programs.
    ("hooks", Missing::Folder),
    // Attributes, which choose filters; and grafts.
    ("info", Missing::Folder),
    // The repositories of submodules, with a configuration and hooks each.
    ("modules", Missing::Folder),
    ("worktrees", Missing::Folder),
    // The old form of remotes: addresses.
    ("branches", Missing::Folder),
    ("remotes", Missing::Folder),
    // Leads to another configuration and other hooks.
    ("commondir", Missing::File(ITSELF)),
    // Lists of things to do, programs among them. Their being there means that such work goes on,
    // so none is made; that one appeared is told after the command.
    ("rebase-apply", Missing::Left),
    ("rebase-merge", Missing::Left),
    ("sequencer", Missing::Left),
];

/// What else is in a repository's folder: data, which no program is made of.
const CONTENT: [&str; 7] = ["HEAD", "index", "logs", "objects", "packed-refs", "refs", "shallow"];

/// What takes the place of something that is not there.
enum Missing {
    Folder,
    File(&'static str),
    Left,
}

/// Lists what to keep of a repository in which commits can be made.
pub(super) fn identity(git: &Path) -> Result<Vec<Protected>, ProtectError> {
    let mut kept = vec![Protected { path: git.to_owned(), how: How::InPlace }];
    for (name, missing) in IDENTITY {
        let path = git.join(name);
        let how = match (super::kind_of(&path)?, missing) {
            (Some(_), _) => How::ReadOnly,
            (None, Missing::Folder) => How::Placeholder,
            (None, Missing::File(text)) => How::PlaceholderFile(text.to_owned()),
            (None, Missing::Left) => continue,
        };
        kept.push(Protected { path, how });
    }
    Ok(kept)
}

/// Lists the data of a repository whose folder has to stay open for other things.
pub(super) fn content(git: &Path) -> Result<Vec<Protected>, ProtectError> {
    let mut kept = vec![];
    for name in CONTENT {
        let path = git.join(name);
        if super::kind_of(&path)?.is_some() {
            kept.push(Protected { path, how: How::ReadOnly });
        }
    }
    Ok(kept)
}

/// Reads the folder that a `.git` file names, as it is written: relative to where the file lies.
pub(super) fn gitdir(file: &Path) -> Option<PathBuf> {
    let text = read_pointer(file).ok()?;
    let named = text.strip_prefix("gitdir:")?.trim();
    (!named.is_empty()).then(|| plain(&file.parent().unwrap_or(file).join(named)))
}

/// Reads the folder that a repository shares with others, if it does.
pub(super) fn commondir(git: &Path) -> Option<PathBuf> {
    let text = read_pointer(&git.join("commondir")).ok()?;
    let named = text.trim();
    (!named.is_empty() && named != ".").then(|| plain(&git.join(named)))
}

pub(super) fn read_pointer(path: &Path) -> io::Result<String> {
    let file = open_plainly(path)?;
    let mut text = String::new();
    file.take(LONGEST_POINTER).read_to_string(&mut text)?;
    Ok(text)
}

/// Opens a regular file without following a link or waiting for a pipe.
fn open_plainly(path: &Path) -> io::Result<File> {
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(file)
}

/// Takes `.` and `..` out of a path without a look at the file system.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, part| {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => plain.push(part),
        }
        plain
    })
}

/// Longest configuration that is read, in bytes.
const LONGEST_CONFIG: u64 = 1 << 20;

/// Reads a configuration, as far as it is a regular file.
pub(super) fn read_config(path: &Path) -> Option<Vec<u8>> {
    let file = open_plainly(path).ok()?;
    let mut bytes = vec![];
    file.take(LONGEST_CONFIG).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Finds `core.hooksPath` in a configuration (`git-config(1)`, "Syntax"): names of sections and
/// keys are in any case, and the last one counts.
pub(super) fn hooks_path(config: &[u8]) -> Option<PathBuf> {
    let text = String::from_utf8_lossy(config);
    let mut in_core = false;
    let mut found = None;
    for line in text.lines().map(str::trim) {
        let mut line = line;
        if let Some((section, rest)) = line.strip_prefix('[').and_then(|it| it.split_once(']')) {
            in_core = section.trim().eq_ignore_ascii_case("core");
            line = rest.trim();
        }
        if let Some((key, value)) = line.split_once('=')
            && in_core
            && key.trim().eq_ignore_ascii_case("hookspath")
        {
            found = Some(PathBuf::from(value.trim().trim_matches('"')));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_hooks_is_found_as_git_finds_it() {
        for (config, expected) in [
            ("[core]\n\thooksPath = .husky/_\n", Some(".husky/_")),
            ("[CORE] HooksPath=a\n[core]\n hookspath = \"b c\"\n", Some("b c")),
            ("[user]\n\thooksPath = x\n", None),
            ("[core]\n\tbare = false\n", None),
        ] {
            assert_eq!(hooks_path(config.as_bytes()), expected.map(PathBuf::from), "{config}");
        }
    }
}
