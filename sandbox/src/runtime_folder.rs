//! A session's own folder, beside everything that its commands may change.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::temp::is_private_to_us;

/// Names of runtime folders start with this, then comes the id of the process that made them.
const PREFIX: &str = "codex-run-";

/// Names that are tried in one place.
const ATTEMPTS: u32 = 1000;

/// Places where a runtime folder may be made, the preferred one first.
const BASES: [&str; 2] = ["/tmp", "/var/tmp"];

/// The last resort: memory.
const SHARED_MEMORY: &str = "/dev/shm";

/// A folder of mode 0700 that lives as long as this does.
///
/// It holds what a session brings along for its commands: programs ([`Toolbox`]) and, where the
/// user has none, a temporary folder. It lies outside the given roots where any place does, so that
/// commands can't change the programs; a plan makes only the temporary folder writable. While its
/// owner lives the folder is locked; what a killed owner left is removed by the next one.
#[derive(Debug)]
pub struct RuntimeFolder {
    path: PathBuf,
    /// Held, not read: the system lets go of it however the process ends.
    _lock: File,
}

/// Programs that a session adds to the `PATH` of its commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolbox {
    root: PathBuf,
}

/// Lists the places for runtime folders on this machine, canonical.
///
/// `runtime_dir` is the value of `$XDG_RUNTIME_DIR`; it counts when it is private to the user.
pub fn runtime_bases(runtime_dir: Option<&OsStr>) -> Vec<PathBuf> {
    let private = runtime_dir.map(Path::new).filter(|path| path.is_absolute());
    let private = private.filter(|path| is_private_to_us(path));
    let all = BASES.iter().map(Path::new).chain(private).chain([Path::new(SHARED_MEMORY)]);
    // A colon would end the name on a `PATH`.
    let is_usable = |path: &PathBuf| path.to_str().is_some_and(|path| !path.contains(':'));
    all.filter_map(|path| fs::canonicalize(path).ok()).filter(is_usable).collect()
}

/// Puts memory first among the bases: a few links are made and removed there in a fifth of the time.
///
/// Not for a temporary folder, which is to hold large files, nor for commands that have a `/dev` of
/// their own.
pub fn memory_first(mut bases: Vec<PathBuf>) -> Vec<PathBuf> {
    bases.sort_by_key(|base| base != Path::new(SHARED_MEMORY));
    bases
}

impl RuntimeFolder {
    /// Makes a folder in the first of the bases that lies outside all `roots`.
    ///
    /// Where every base lies inside a root, as with full write access, commands can change the
    /// folder as they can change everything.
    ///
    /// # Errors
    ///
    /// When no base takes a folder.
    pub fn make(bases: &[PathBuf], roots: &[PathBuf]) -> io::Result<RuntimeFolder> {
        let is_outside = |base: &&PathBuf| !roots.iter().any(|root| base.starts_with(root));
        let (outside, inside): (Vec<_>, Vec<_>) = bases.iter().partition(is_outside);
        let mut failed = io::Error::from(io::ErrorKind::NotFound);
        for base in outside.into_iter().chain(inside) {
            match RuntimeFolder::make_in(base) {
                Ok(folder) => return Ok(folder),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    fn make_in(base: &Path) -> io::Result<RuntimeFolder> {
        for attempt in 0..ATTEMPTS {
            let path = base.join(format!("{PREFIX}{}-{attempt}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error),
            }
            // Another process may have taken it for one that was left: then it gets it.
            if let Some(lock) = take(&path)? {
                return Ok(RuntimeFolder { path, _lock: lock });
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Removes the folders that killed owners left in any of the bases.
    ///
    /// It reads all names there, which takes longer than making a folder: whoever is in a hurry does
    /// it later.
    pub fn sweep(bases: &[PathBuf]) {
        bases.iter().for_each(|base| sweep(base));
    }

    /// The place that it was made in.
    pub fn base(&self) -> Option<&Path> {
        self.path.parent()
    }

    /// Makes the temporary folder, of mode 0700.
    ///
    /// # Errors
    ///
    /// When it can't be made.
    pub fn temp(&self) -> io::Result<PathBuf> {
        let path = self.path.join("tmp");
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(path)
    }

    /// Makes links with these names to a program.
    ///
    /// They stand in the folder itself: each further one would cost as much as all of them.
    ///
    /// # Errors
    ///
    /// When they can't be made.
    pub fn link(&self, names: &[&str], program: &Path) -> io::Result<Toolbox> {
        let tools = Toolbox { root: self.path.clone() };
        for name in names {
            symlink(program, tools.root.join(name))?;
        }
        let folder = tools.root.display().to_string().replace('\'', r"'\''");
        let text = format!(
            "case :${{PATH-}}: in *:'{folder}':*) ;; \
             *) export PATH='{folder}'\"${{PATH:+:$PATH}}\" ;; esac\n"
        );
        fs::write(tools.bash_startup(), text)?;
        Ok(tools)
    }
}

impl Drop for RuntimeFolder {
    fn drop(&mut self) {
        // What can't be removed is no reason to fail; the next session tries again.
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl Toolbox {
    /// The folder that holds all of it, for the read view of a plan and for the `PATH`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A file that bash reads when it starts, for `BASH_ENV`.
    ///
    /// It puts the programs on the `PATH` once more: the system's file for login shells, which bash
    /// reads before, sets the variable anew.
    pub fn bash_startup(&self) -> PathBuf {
        self.root.join("startup.bash")
    }
}

/// Removes the folders of dead owners. A failure leaves one for the next time.
fn sweep(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX))
            && entry.metadata().is_ok_and(|meta| {
                meta.is_dir() && meta.uid() == rustix::process::geteuid().as_raw()
            });
        if is_ours && let Ok(Some(_lock)) = take(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Locks a folder; none when somebody else holds it, or it is another one or none by now.
fn take(path: &Path) -> io::Result<Option<File>> {
    let flags = libc::O_DIRECTORY | libc::O_NOFOLLOW;
    let folder = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(folder) => folder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match folder.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let locked = folder.metadata()?;
    let is_still_there = fs::symlink_metadata(path)
        .is_ok_and(|found| (found.dev(), found.ino()) == (locked.dev(), locked.ino()));
    Ok(is_still_there.then_some(folder))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use super::*;

    fn bases() -> (tempfile::TempDir, Vec<PathBuf>) {
        let world = tempfile::tempdir().expect("a folder");
        let path = fs::canonicalize(world.path()).expect("canonical");
        let bases: Vec<_> = ["a", "b"].map(|name| path.join(name)).to_vec();
        bases.iter().for_each(|base| fs::create_dir(base).expect("made"));
        (world, bases)
    }

    #[test]
    fn it_lies_outside_of_the_roots_where_anything_does() {
        let (world, bases) = bases();
        let place = |roots: &[PathBuf]| {
            let folder = RuntimeFolder::make(&bases, roots).expect("made");
            folder.path.parent().expect("a base").to_owned()
        };
        let folder = RuntimeFolder::make(&bases, &[]).expect("made");
        assert_eq!(folder.base(), Some(&*bases[0]));
        assert_eq!(place(&[]), bases[0]);
        assert_eq!(place(&bases[..1]), bases[1]);
        assert_eq!(place(&[bases[0].join("sub")]), bases[0]);
        assert_eq!(place(&["/".into()]), bases[0]);
        assert_eq!(place(&bases), bases[0]);
        let first_is_gone = [world.path().join("nowhere"), bases[1].clone()];
        let folder = RuntimeFolder::make(&first_is_gone, &[]).expect("made");
        assert!(folder.path.starts_with(&bases[1]));
        RuntimeFolder::make(&first_is_gone[..1], &[]).expect_err("there is no place");
    }

    #[test]
    fn memory_comes_first_where_it_is_wanted() {
        let bases = ["/tmp", "/var/tmp", "/run/user/7", SHARED_MEMORY].map(PathBuf::from).to_vec();
        let order = [SHARED_MEMORY, "/tmp", "/var/tmp", "/run/user/7"].map(PathBuf::from);
        assert_eq!(memory_first(bases), order);
        assert_eq!(memory_first(vec!["/tmp".into()]), [PathBuf::from("/tmp")]);
    }

    #[test]
    fn it_is_private_and_goes_with_its_owner() {
        let (_world, bases) = bases();
        let folder = RuntimeFolder::make(&bases, &[]).expect("made");
        let temp = folder.temp().expect("made");
        let mode = |path: &Path| fs::metadata(path).expect("exists").mode() & 0o777;
        assert_eq!((mode(&folder.path), mode(&temp)), (0o700, 0o700));
        fs::write(temp.join("file"), "x").expect("written");
        drop(folder);
        assert_eq!(fs::read_dir(&bases[0]).expect("exists").count(), 0);
    }

    #[test]
    fn what_a_dead_owner_left_is_removed_and_nothing_else() {
        let (_world, bases) = bases();
        let living = RuntimeFolder::make(&bases, &[]).expect("made");
        let left = bases[1].join(format!("{PREFIX}1-0"));
        fs::create_dir_all(left.join("tmp/deep")).expect("made");
        let other = bases[1].join("codex-else");
        fs::create_dir(&other).expect("made");
        let file = bases[1].join(format!("{PREFIX}file"));
        fs::write(&file, "").expect("written");
        let link = bases[1].join(format!("{PREFIX}link"));
        symlink(&other, &link).expect("linked");

        let second = RuntimeFolder::make(&bases, &[]).expect("made");
        assert!(left.exists());
        RuntimeFolder::sweep(&bases);
        assert!(!left.exists());
        assert!(living.path.is_dir() && second.path.is_dir() && living.path != second.path);
        assert!(other.is_dir() && file.is_file() && link.is_symlink());
    }

    #[test]
    fn only_one_can_have_a_folder() {
        let (_world, bases) = bases();
        let path = bases[0].join("x");
        assert!(take(&path).expect("no error").is_none(), "there is none");
        fs::create_dir(&path).expect("made");
        let lock = take(&path).expect("no error");
        assert!(lock.is_some() && take(&path).expect("no error").is_none());
        drop(lock);
        assert!(take(&path).expect("no error").is_some());
    }

    #[test]
    fn links_are_found_also_below_a_login_shell() {
        let (_world, bases) = bases();
        let odd = bases[0].join("it's");
        fs::create_dir(&odd).expect("made");
        let folder = RuntimeFolder::make(&[odd], &[]).expect("made");
        let program = bases[1].join("program");
        fs::write(&program, "#!/bin/sh\necho \"called as ${0##*/}\"\n").expect("written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("set");
        let tools = folder.link(&["one", "two"], &program).expect("linked");
        let mut environment = crate::Environment::scrubbed(
            [("PATH".into(), "/usr/bin:/bin".into())],
            crate::Network::Off,
        );
        environment.offer(&tools);
        for (shell, flags, script) in [
            ("sh", "-c", "one"),
            ("bash", "-c", "two | cat"),
            ("bash", "-lc", "one"),
            ("bash", "-lc", "PATH=/usr/bin:/bin; export PATH; bash -c 'echo x | xargs two'"),
            ("bash", "-uc", "unset PATH; export PATH; /bin/bash -uc one"),
        ] {
            let output = Command::new(shell)
                .args([flags, script])
                .env_clear()
                .envs(environment.variables().iter().map(|(name, value)| (name, value)))
                .env("HOME", &bases[1])
                .output()
                .expect("it runs");
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(said.starts_with("called as "), "{shell} {flags} {script}: {output:?}");
        }
    }
}
