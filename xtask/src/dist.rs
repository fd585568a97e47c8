//! The release: a static program with what goes with it, in one archive.

mod alone;
mod elf;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Shells that the archive holds a completion script for, and the names of the scripts.
const COMPLETIONS: &[(&str, &str)] =
    &[("bash", "codex.bash"), ("fish", "codex.fish"), ("zsh", "_codex")];

/// Builds the archive and its checksum in `target/dist`, and runs the program in an empty root.
///
/// Any target will do whose programs run here: the completion scripts come from the program.
pub(crate) fn run(root: &Path, target: Option<&str>) -> Result<(), String> {
    let target = target.map_or_else(host, |target| Ok(target.to_owned()))?;
    let program = build(root, &target)?;
    let bytes = fs::read(&program).map_err(|error| format!("{}: {error}", program.display()))?;
    elf::check_static(&bytes).map_err(|why| format!("{}: {why}", program.display()))?;
    let version = said(Command::new(&program).arg("--version"))?;
    let version = version.trim().strip_prefix("codex ").ok_or("the program names no version")?;

    let name = format!("codex-{version}-{target}");
    let folder = target_folder(root).join("dist");
    let staged = folder.join(&name);
    let at = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| format!("{path}: {error}")
    };
    if staged.exists() {
        fs::remove_dir_all(&staged).map_err(at(&staged))?;
    }
    fs::create_dir_all(staged.join("completions")).map_err(at(&staged))?;
    let copies = [(program, "codex"), (root.join("LICENSE"), "LICENSE")];
    for (from, to) in copies.into_iter().chain([(root.join("README.md"), "README.md")]) {
        fs::copy(&from, staged.join(to)).map_err(at(&from))?;
    }
    for (shell, file) in COMPLETIONS {
        let script = said(Command::new(staged.join("codex")).args(["completion", shell]))?;
        fs::write(staged.join("completions").join(file), script).map_err(at(&staged))?;
    }
    let archive = format!("{name}.tar.gz");
    pack(root, &folder, &name, &archive)?;
    let sum = said(Command::new("sha256sum").arg(&archive).current_dir(&folder))?;
    fs::write(folder.join(format!("{archive}.sha256")), sum).map_err(at(&folder))?;

    let packed = fs::metadata(folder.join(&archive)).map_err(at(&folder))?.len();
    let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let size = mebibytes(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    println!("dist: {} ({:.1} MiB)", folder.join(&archive).display(), mebibytes(packed));
    println!("dist: the program has {size:.1} MiB and needs no other file");
    alone::check(&staged.join("codex"), &folder.join("alone"))
}

/// Builds the program without a dynamic loader, and gives its path.
///
/// Its own target folder keeps it apart from `cargo build --release`, which other flags would
/// build anew each time.
pub(crate) fn build(root: &Path, target: &str) -> Result<PathBuf, String> {
    let sources = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let mut flags = vec![
        "-Ctarget-feature=+crt-static".to_owned(),
        // Without a loader it would not find the C library's function, and read /dev/urandom.
        "--cfg=getrandom_backend=\"linux_getrandom\"".to_owned(),
    ];
    // Messages of panics name source files: the same ones wherever it was built.
    if let Some(sources) = sources {
        flags.push(format!("--remap-path-prefix={}=cargo", sources.display()));
    }
    flags.push(format!("--remap-path-prefix={}=codex", root.display()));
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "--locked", "-p", "codex", "--target", target]);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f")).current_dir(root);
    let status = cargo.status().map_err(|error| format!("can't start cargo: {error}"))?;
    if !status.success() {
        return Err(format!(
            "{status}: cargo build --release -p codex --target {target}\n\
             hint: `rustup target add {target}` installs what a target needs"
        ));
    }
    Ok(target_folder(root).join(target).join("release/codex"))
}

/// Names the folder that cargo builds in.
pub(crate) fn target_folder(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |set| root.join(set))
}

/// Names the target that the compiler builds for by itself.
pub(crate) fn host() -> Result<String, String> {
    let told = said(Command::new("rustc").arg("-vV"))?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc names no host".to_owned())
}

/// Packs a folder so that the same files always give the same archive.
fn pack(root: &Path, folder: &Path, name: &str, archive: &str) -> Result<(), String> {
    let commit = || said(Command::new("git").args(["log", "-1", "--format=%ct"]).current_dir(root));
    // A source tree without its history has no time of its own.
    let time = std::env::var("SOURCE_DATE_EPOCH").or_else(|_| commit()).unwrap_or("0".into());
    let mut tar = Command::new("tar");
    tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mode=u+rw,go=u-w"]);
    tar.arg(format!("--mtime=@{}", time.trim())).args(["--use-compress-program=gzip -9n"]);
    said(tar.args(["-cf", archive, name]).current_dir(folder)).map(drop)
}

/// Runs a command that has to succeed, and gives what it printed.
fn said(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("can't start {name}: {error}"))?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: {command:?}\n{}", output.status, told.trim()));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("{name}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_folder_is_the_same_each_time() {
        let folder = std::env::temp_dir().join(format!("xtask-pack-{}", std::process::id()));
        let inner = folder.join("it");
        fs::create_dir_all(&inner).expect("a folder");
        for name in ["b", "a"] {
            fs::write(inner.join(name), name).expect("a file");
        }
        let pack = |archive: &str| {
            pack(Path::new("/"), &folder, "it", archive).expect("packs");
            fs::read(folder.join(archive)).expect("an archive")
        };
        let first = pack("1.tar.gz");
        fs::write(inner.join("a"), "a").expect("a file, written again");
        assert_eq!(pack("2.tar.gz"), first);
        fs::write(inner.join("a"), "c").expect("a file, with other content");
        assert_ne!(pack("3.tar.gz"), first);
        fs::remove_dir_all(&folder).expect("removable");
    }
}
