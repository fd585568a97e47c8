//! Finding what must stay as it is below the writable roots, anew for each command.
//!
//! A repository names programs that run outside of the sandbox later: hooks, filters, pagers. The
//! supervisor looks for repositories before each command, since they come and go, and again after
//! it, since no mount can stand in the way of one that is made anew.

mod git;
#[cfg(test)]
mod tests;
mod walk;
mod watch;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use crate::placeholder::is_one as is_placeholder;
use crate::{Confinement, GitWrites, How, Plan, Protected, WritePlan};
use walk::{Bounds, Walk};

pub(crate) use watch::RepositoryWatch;

/// What a look at the disk found.
#[derive(Debug)]
pub(crate) struct Found {
    /// What to bind, outer paths before inner ones; it holds all of [`Plan::protected`], each in the
    /// way that suits what is there now.
    pub(crate) protected: Vec<Protected>,
    /// Whether a bound was hit, so that deeper repositories may have been missed.
    pub(crate) partial: bool,
}

/// Why a command may not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProtectError {
    /// A link can't be kept where it is: a mount would land on what it points to.
    #[error(
        "{} is a symbolic link in a writable folder, so it can't be protected: put the folder \
         itself there, or take the link away",
        path.display()
    )]
    Link { path: PathBuf },
    /// A `.git` file makes a repository of what must be written.
    #[error(
        "{} names {} as its repository, which is a writable folder itself and can't be protected",
        file.display(),
        target.display()
    )]
    Root { file: PathBuf, target: PathBuf },
    /// What is there could not be told.
    #[error("{}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
}

/// Looks below each writable root of a plan, and remembers what could run programs there.
///
/// It costs a few system calls for each folder, within bounds; files cost nothing.
///
/// # Errors
///
/// When something that would have to be protected can't be. The command must not run then.
pub(crate) fn scan(plan: &Plan) -> Result<(Found, RepositoryWatch), ProtectError> {
    let roots: &[PathBuf] = match (&plan.files.write, plan.confinement) {
        (WritePlan::Everything, _) | (WritePlan::Roots(_), Confinement::None) => &[],
        (WritePlan::Roots(roots), Confinement::Landlock | Confinement::Full) => roots,
    };
    let since = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    let mut walks = vec![];
    for root in roots {
        let walk = Walk::begin(root, Bounds::of(root)).map_err(|error| {
            ProtectError::Unreadable { path: root.clone(), source: error.into() }
        })?;
        walks.push(walk);
    }
    let protected = match plan.confinement {
        Confinement::None | Confinement::Landlock => vec![],
        Confinement::Full => Keeper { roots, git_writes: plan.git_writes, kept: vec![] }
            .keep_all(&plan.protected, &walks)?,
    };
    let partial = walks.iter().any(|walk| walk.partial);
    Ok((Found { protected, partial }, RepositoryWatch::begin(walks, since)))
}

struct Keeper<'a> {
    roots: &'a [PathBuf],
    git_writes: GitWrites,
    kept: Vec<Protected>,
}

impl Keeper<'_> {
    fn keep_all(
        mut self,
        known: &[Protected],
        walks: &[Walk],
    ) -> Result<Vec<Protected>, ProtectError> {
        for Protected { path, how } in known {
            match (kind_of(path)?, how) {
                (None, _) => self.keep(path, how.clone()),
                // A stranger's link, which no command could take away.
                (Some(FileType::Symlink), _) => {}
                // Found by the walk, too, which knows what it is.
                (Some(kind), _) if path.ends_with(".git") => self.repository(path, kind)?,
                (Some(_), How::InPlace) => self.keep(path, How::InPlace),
                (Some(_), How::ReadOnly | How::Placeholder | How::PlaceholderFile(_)) => {
                    self.keep(path, How::ReadOnly);
                }
            }
        }
        for root in self.roots {
            if let Some(refs) = refs_to_keep(root)? {
                self.keep(&refs, How::Placeholder);
            }
            if is_bare(root) {
                let identity = git::identity(root)?;
                self.kept.extend(identity.into_iter().filter(|kept| kept.path != *root));
                self.kept.extend(match self.git_writes {
                    GitWrites::None => git::content(root)?,
                    GitWrites::Metadata => vec![],
                });
            }
        }
        for walk in walks {
            for (below, kind) in &walk.found {
                let path = walk.root.join(below);
                self.repository(&path, *kind)?;
                self.way_to(&path, &walk.root);
            }
        }
        Ok(outermost(self.kept))
    }

    fn keep(&mut self, path: &Path, how: How) {
        self.kept.push(Protected { path: path.to_owned(), how });
    }

    fn repository(&mut self, path: &Path, kind: FileType) -> Result<(), ProtectError> {
        match kind {
            FileType::Symlink => return kind_of(path).map(drop),
            // It holds the place of a repository, where none may be made.
            FileType::Directory if is_placeholder(path) => self.keep(path, How::ReadOnly),
            FileType::Directory => match self.git_writes {
                GitWrites::None => self.keep(path, How::ReadOnly),
                GitWrites::Metadata => self.kept.extend(git::identity(path)?),
            },
            FileType::RegularFile => {
                self.keep(path, How::ReadOnly);
                if let Some(target) = git::gitdir(path) {
                    self.target(path, &target)?;
                    if let Some(common) = git::commondir(&target) {
                        self.target(path, &common)?;
                    }
                }
                return Ok(());
            }
            FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => self.keep(path, How::ReadOnly),
        }
        match git::commondir(path) {
            Some(common) => self.target(path, &common),
            None => Ok(()),
        }
    }

    /// Keeps a folder that a repository says is its own; one outside of the roots can't be written
    /// anyway, and one that is missing is told about once it is there.
    fn target(&mut self, from: &Path, target: &Path) -> Result<(), ProtectError> {
        let Ok(real) = fs::canonicalize(target) else { return Ok(()) };
        if real != target {
            // A link below a root could be pointed elsewhere by the command.
            let mut steps: Vec<&Path> = target.ancestors().collect();
            steps.reverse();
            for step in steps {
                if self.root_above(step).is_some_and(|root| root != step) {
                    kind_of(step)?;
                }
            }
        }
        let Some(root) = self.root_above(&real) else { return Ok(()) };
        if real == root {
            return Err(ProtectError::Root { file: from.to_owned(), target: real });
        }
        self.keep(&real, How::ReadOnly);
        self.way_to(&real, &root);
        Ok(())
    }

    /// Keeps the folders between where they are: were one of them renamed, another could take its
    /// place, with a prepared repository in it.
    fn way_to(&mut self, path: &Path, root: &Path) {
        for step in path.ancestors().skip(1).take_while(|step| *step != root) {
            self.keep(step, How::InPlace);
        }
    }

    fn root_above(&self, path: &Path) -> Option<PathBuf> {
        self.roots.iter().find(|root| path.starts_with(root)).cloned()
    }
}

/// Names what keeps a root that is no repository from becoming one by itself.
///
/// Where no `.git` is in the way, git takes a folder with a `HEAD`, `objects` and `refs` for a
/// repository and runs what its `config` names. The last of the three is the name that fewest others
/// want.
pub(crate) fn refs_to_keep(root: &Path) -> Result<Option<PathBuf>, ProtectError> {
    let (git, refs) = (root.join(".git"), root.join("refs"));
    // Another command's place goes when that command does.
    let is_free = |path: &Path| fs::symlink_metadata(path).is_err() || is_placeholder(path);
    let is_repository = kind_of(&git)?.is_some() && !is_placeholder(&git);
    Ok((!is_repository && is_free(&refs)).then_some(refs))
}

/// Names what a bare repository at a root is kept as, whatever may be written of it.
pub(crate) fn bare_identity(root: &Path) -> Vec<PathBuf> {
    let identity = if is_bare(root) { git::identity(root).unwrap_or_default() } else { vec![] };
    identity.into_iter().map(|kept| kept.path).filter(|path| path != root).collect()
}

/// Tells whether git takes a folder for a repository because there is no `.git` in it.
fn is_bare(root: &Path) -> bool {
    !is_there(&root.join(".git")) && has_parts(root)
}

/// Tells whether a folder has what makes one a repository where no valid `.git` is in the way.
fn has_parts(root: &Path) -> bool {
    ["HEAD", "objects", "refs"].into_iter().all(|name| is_there(&root.join(name)))
}

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok() && !is_placeholder(path)
}

/// Sorts outer paths before inner ones, and drops what lies below a path that is read-only.
///
/// Where one path is to be kept in two ways, the stricter one stays: [`How`] begins with it.
fn outermost(mut kept: Vec<Protected>) -> Vec<Protected> {
    kept.sort();
    let mut outer: Vec<Protected> = vec![];
    for one in kept {
        let is_covered = outer.iter().rev().any(|other| match other.how {
            How::ReadOnly | How::Placeholder | How::PlaceholderFile(_) => {
                one.path.starts_with(&other.path)
            }
            How::InPlace => one.path == other.path,
        });
        if !is_covered {
            outer.push(one);
        }
    }
    outer
}

/// Tells whether only somebody else may remove it: the folder is one of somebody else's where
/// everybody minds their own (the sticky bit).
fn is_a_strangers(path: &Path, meta: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    const STICKY: u32 = 0o1000;
    let me = rustix::process::geteuid().as_raw();
    let folder = path.parent().and_then(|above| fs::metadata(above).ok());
    meta.uid() != me
        && folder.is_some_and(|folder| folder.mode() & STICKY != 0 && folder.uid() != me)
}

/// Tells what stands at a path; nothing is none. A link is an error, but for one that a command
/// could neither remove nor replace: in a folder that everybody shares it would else be up to
/// anybody whether others can work.
fn kind_of(path: &Path) -> Result<Option<FileType>, ProtectError> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_symlink() && !is_a_strangers(path, &meta) => {
            Err(ProtectError::Link { path: path.to_owned() })
        }
        Ok(meta) => {
            use std::os::unix::fs::MetadataExt;
            Ok(Some(FileType::from_raw_mode(meta.mode())))
        }
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Ok(None)
        }
        Err(source) => Err(ProtectError::Unreadable { path: path.to_owned(), source }),
    }
}
