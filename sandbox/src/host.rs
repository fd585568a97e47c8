//! What the kernel of this machine offers to a sandbox.

use std::fs;

use serde::{Deserialize, Serialize};

/// The lowest landlock ABI that a plan may rest on.
///
/// ABI 3 (Linux 6.2) is the first that covers `truncate(2)`; below it any readable file could be
/// emptied.
pub const MIN_LANDLOCK_ABI: u8 = 3;

/// The result of a probe of the running kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Landlock ABI that the kernel speaks; 0 when landlock is absent or switched off.
    pub landlock_abi: u8,
    /// Whether seccomp filters that answer with an error number can be installed.
    pub seccomp: bool,
    /// The machine's architecture, as far as the filters know it.
    pub arch: Arch,
    /// The kernel's release, for people.
    pub kernel: String,
}

/// The architectures that the system call filters are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arch {
    /// 64-bit x86.
    #[serde(rename = "x86_64")]
    X86_64,
    /// 64-bit ARM.
    Aarch64,
    /// Anything else: nothing can be confined there.
    Other,
}

impl Arch {
    /// Names the architecture that this program was compiled for.
    pub const fn native() -> Arch {
        if cfg!(target_arch = "x86_64") {
            Arch::X86_64
        } else if cfg!(target_arch = "aarch64") {
            Arch::Aarch64
        } else {
            Arch::Other
        }
    }
}

/// Asks the running kernel what it offers.
///
/// It asks by doing (the version query of landlock, the action query of seccomp), never by
/// comparing release numbers: distributions switch features off.
pub fn probe() -> Host {
    Host {
        landlock_abi: landlock_abi(),
        seccomp: seccomp_errno_available(),
        arch: Arch::native(),
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
            .map(|text| text.trim().to_owned())
            .unwrap_or_default(),
    }
}

#[allow(unsafe_code)]
fn landlock_abi() -> u8 {
    /// `LANDLOCK_CREATE_RULESET_VERSION` of the kernel's `linux/landlock.h`.
    const VERSION_QUERY: libc::c_uint = 1;
    // SAFETY: with the version flag the kernel takes a null attribute and a zero size, reads no
    // memory of ours, and returns a number.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<libc::c_void>(),
            0_usize,
            VERSION_QUERY,
        )
    };
    u8::try_from(answer.max(0)).unwrap_or(u8::MAX)
}

#[allow(unsafe_code)]
fn seccomp_errno_available() -> bool {
    let action: u32 = libc::SECCOMP_RET_ERRNO;
    // SAFETY: the query reads one 32-bit number behind the pointer, which outlives the call.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_GET_ACTION_AVAIL,
            0 as libc::c_uint,
            &raw const action,
        )
    };
    answer == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probe_is_stable_and_survives_a_round_trip() {
        let host = probe();
        assert_eq!(probe(), host);
        let json = serde_json::to_string(&host).expect("encodes");
        assert_eq!(serde_json::from_str::<Host>(&json).expect("decodes"), host);
    }
}
