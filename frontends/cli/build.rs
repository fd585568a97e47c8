//! Tells the linker how this program is to be linked.

use std::process::Command;

/// The first glibc whose loader, also the one inside a static program, knows packed relocations.
const PACKED: (u32, u32) = (2, 36);

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|it| it == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo:rustc-link-lib=static:-bundle=gcc_eh");
        // Every start reads the list of relocations: 11 KiB instead of 550.
        if own_glibc().is_some_and(|version| version >= PACKED) {
            println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
        }
    }
}

/// Tells the version of this machine's glibc, where it is the one that is linked with.
fn own_glibc() -> Option<(u32, u32)> {
    if std::env::var_os("HOST") != std::env::var_os("TARGET") {
        return None;
    }
    let told = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let told = String::from_utf8(told.stdout).ok()?;
    let (major, minor) = told.trim().strip_prefix("glibc ")?.split_once('.')?;
    let minor = minor.split('.').next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
