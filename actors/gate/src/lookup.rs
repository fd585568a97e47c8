//! How a program name resolves in the surroundings of a command.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

/// Folders that only the system's administrator fills.
///
/// A name that is found anywhere else (a workspace, a shim in a home) is not what it says.
const SYSTEM: &[&str] = &[
    "/bin",
    "/sbin",
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/run/current-system/sw/bin",
];

/// Where the file behind a link in one of `SYSTEM` may be.
const BEHIND: &[&str] = &["/bin", "/sbin", "/lib", "/usr", "/nix/store"];

/// How the names of programs resolve for a command: its `PATH` and the folder that it runs in.
///
/// Injected, so that what is decided with it is a pure function in tests.
#[derive(Clone, Debug)]
pub struct Lookup {
    path: Vec<PathBuf>,
    cwd: PathBuf,
    files: Files,
}

#[derive(Clone, Debug)]
enum Files {
    Host,
    /// Exactly these, all of them the system's.
    Listed(BTreeSet<PathBuf>),
}

/// Why a program is not known to be the system's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// It is named by a path that is not that of a system folder.
    Path,
    /// No folder of the `PATH` has it.
    Missing,
    /// The first folder of the `PATH` that has it is this file's, or may be this one.
    Elsewhere(PathBuf),
    /// Somebody but the administrator can change this file or its folder.
    Writable(PathBuf),
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Distrust::Path => write!(f, "is named by a path outside of the system's folders"),
            Distrust::Missing => write!(f, "is in no folder of the command's PATH"),
            Distrust::Elsewhere(file) => {
                write!(f, "may be {}, which is outside of the system's folders", file.display())
            }
            Distrust::Writable(file) => {
                write!(f, "is {}, which others than root can change", file.display())
            }
        }
    }
}

impl Lookup {
    /// Looks on this machine, for a command with this `PATH` that runs in this absolute folder.
    pub fn host(path: &OsStr, cwd: &Path) -> Lookup {
        let path = std::env::split_paths(path).collect();
        Lookup { path, cwd: cwd.to_owned(), files: Files::Host }
    }

    /// Knows exactly these absolute files, each of them the system's: a machine for tests.
    pub fn listed<'a>(path: &str, cwd: &str, files: impl IntoIterator<Item = &'a str>) -> Lookup {
        let files = files.into_iter().map(PathBuf::from).collect();
        let path = std::env::split_paths(path).collect();
        Lookup { path, cwd: cwd.into(), files: Files::Listed(files) }
    }

    /// The folder that the command runs in.
    pub fn cwd(&self) -> &Path {
        &self.cwd
    }

    /// Finds the file that a program name stands for, whoever it belongs to.
    ///
    /// As `execvp` does: a name with a slash is a path, any other is looked for in each folder of
    /// the `PATH`. Relative folders of the `PATH` are meant from the command's own.
    pub fn find(&self, program: &str) -> Option<PathBuf> {
        if program.contains('/') {
            let file = self.cwd.join(program);
            return self.runs(&file).then_some(file);
        }
        if program.is_empty() || program.contains('\0') {
            return None;
        }
        let mut files = self.path.iter().map(|folder| self.cwd.join(folder).join(program));
        files.find(|file| self.runs(file))
    }

    /// Finds the system's program of this name.
    ///
    /// # Errors
    /// Why the program is not known to be the system's.
    pub fn system(&self, program: &str) -> Result<PathBuf, Distrust> {
        let file = if program.contains('/') {
            let file = PathBuf::from(program);
            // Compared by its letters: `PathBuf` leaves out `.` and doubled slashes.
            let folder = program.rsplit_once('/').map_or("", |(folder, _)| folder);
            if !SYSTEM.contains(&folder) {
                return Err(Distrust::Path);
            }
            if !self.runs(&file) {
                return Err(Distrust::Missing);
            }
            file
        } else {
            // A relative or empty folder is one that the model can write to, now or later.
            let relative = self.path.iter().position(|folder| !folder.is_absolute());
            let before = &self.path[..relative.unwrap_or(self.path.len())];
            let mut files = before.iter().map(|folder| folder.join(program));
            match (files.find(|file| self.runs(file)), relative) {
                _ if program.is_empty() => return Err(Distrust::Missing),
                (Some(file), _) => file,
                (None, Some(at)) => {
                    let folder = self.cwd.join(&self.path[at]);
                    return Err(Distrust::Elsewhere(folder.join(program)));
                }
                (None, None) => return Err(Distrust::Missing),
            }
        };
        if !in_system(&file) {
            return Err(Distrust::Elsewhere(file));
        }
        match &self.files {
            Files::Listed(_) => Ok(file),
            Files::Host => unchangeable(&file).map(|()| file),
        }
    }

    /// Checks that a name can start no program but the system's.
    ///
    /// A name that no folder has starts nothing: its command ends with 127 wherever it stands.
    ///
    /// # Errors
    /// Why it may start another one.
    pub fn starts_only_systems(&self, program: &str) -> Result<(), Distrust> {
        match self.system(program) {
            Ok(_) | Err(Distrust::Missing) => Ok(()),
            Err(why @ (Distrust::Path | Distrust::Elsewhere(_) | Distrust::Writable(_))) => {
                Err(why)
            }
        }
    }

    fn runs(&self, file: &Path) -> bool {
        match &self.files {
            Files::Listed(files) => files.contains(file),
            Files::Host => fs::metadata(file)
                .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0),
        }
    }
}

fn in_system(file: &Path) -> bool {
    let plain = file.components().all(|part| !matches!(part, Component::ParentDir));
    plain && file.parent().is_some_and(|folder| SYSTEM.iter().any(|it| folder == Path::new(it)))
}

/// Checks that only root can change what stands under a path: the file, and every folder above it.
fn unchangeable(file: &Path) -> Result<(), Distrust> {
    let real = fs::canonicalize(file).map_err(|_| Distrust::Missing)?;
    if !BEHIND.iter().any(|folder| real.starts_with(folder)) {
        return Err(Distrust::Elsewhere(real));
    }
    for place in real.ancestors() {
        let guarded =
            fs::metadata(place).is_ok_and(|found| found.uid() == 0 && found.mode() & 0o022 == 0);
        if !guarded {
            return Err(Distrust::Writable(place.to_owned()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [&str; 3] = ["/usr/bin/ls", "/w/ls", "/home/u/bin/rg"];

    fn system(path: &str, program: &str) -> Result<PathBuf, Distrust> {
        Lookup::listed(path, "/w", FILES).system(program)
    }

    #[test]
    fn a_name_is_what_the_path_makes_of_it() {
        assert_eq!(system("/usr/bin", "ls"), Ok("/usr/bin/ls".into()));
        assert_eq!(system("/nowhere:/usr/bin:.", "ls"), Ok("/usr/bin/ls".into()));
        assert_eq!(system("/w:/usr/bin", "ls"), Err(Distrust::Elsewhere("/w/ls".into())));
        // What a relative folder holds can change before the command runs.
        for path in [".:/usr/bin", ":/usr/bin", "bin:/usr/bin"] {
            assert!(matches!(system(path, "ls"), Err(Distrust::Elsewhere(_))), "{path}");
        }
        assert_eq!(system("/home/u/bin", "rg"), Err(Distrust::Elsewhere("/home/u/bin/rg".into())));
        assert_eq!(system("/usr/bin", ""), Err(Distrust::Missing));
        assert!(system("", "ls").is_err());
    }

    #[test]
    fn a_name_that_nothing_has_starts_nothing() {
        let lookup = Lookup::listed("/usr/bin:/home/u/bin", "/w", FILES);
        for program in ["ls", "tree", "/usr/bin/tree"] {
            assert_eq!(lookup.starts_only_systems(program), Ok(()), "{program}");
        }
        for program in ["rg", "./tree", "/w/ls"] {
            assert!(lookup.starts_only_systems(program).is_err(), "{program}");
        }
        // What a relative folder holds can change before the command runs.
        let lookup = Lookup::listed("/usr/bin:bin", "/w", FILES);
        assert!(lookup.starts_only_systems("tree").is_err());
    }

    #[test]
    fn a_path_is_that_of_a_system_folder_to_the_letter() {
        assert_eq!(system("", "/usr/bin/ls"), Ok("/usr/bin/ls".into()));
        for path in
            ["./ls", "ls/", "/w/ls", "/usr//bin/ls", "/usr/bin/./ls", "/usr/bin/../bin/ls", "/ls"]
        {
            assert_eq!(system("/usr/bin", path), Err(Distrust::Path), "{path}");
        }
        assert_eq!(system("", "/usr/bin/cat"), Err(Distrust::Missing));
    }

    #[test]
    fn the_host_has_a_shell_that_only_root_can_change() {
        let lookup = Lookup::host("/usr/bin:/bin".as_ref(), Path::new("/"));
        let shell = lookup.system("sh");
        let owned = fs::metadata("/bin/sh").is_ok_and(|it| it.uid() == 0);
        if owned {
            assert!(shell.is_ok(), "{shell:?}");
        } else {
            println!("skipped: /bin/sh is not root's here");
        }
    }

    #[test]
    fn a_file_of_the_user_is_not_the_systems() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("ls");
        fs::write(&file, "").expect("a file");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("it can be run");
        let path = format!("{}:/usr/bin", folder.path().display());
        let lookup = Lookup::host(path.as_ref(), Path::new("/"));
        assert_eq!(lookup.find("ls"), Some(file.clone()));
        assert_eq!(lookup.system("ls"), Err(Distrust::Elsewhere(file.clone())));
        assert_eq!(unchangeable(&file), Err(Distrust::Elsewhere(file)));
    }
}
