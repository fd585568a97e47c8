//! What a session may do: sandbox permissions and the approval policy.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One thing that commands of a session are allowed to do.
///
/// Permissions only ever add rights: a set means the union of its members, the empty set means
/// nothing at all. The seven spellings are the ones of the `sandbox_permissions` setting.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// Read and execute everywhere the user can.
    DiskFullReadAccess,
    /// Write to the user's own temporary folder.
    DiskWritePlatformUserTempFolder,
    /// Write to the temporary folder that all users share (`/tmp`).
    DiskWritePlatformGlobalTempFolder,
    /// Write below the session's working directory.
    DiskWriteCwd,
    /// Write below one folder.
    DiskWriteFolder(String),
    /// Write anywhere the user can.
    DiskFullWriteAccess,
    /// Use the network.
    NetworkFullAccess,
}

/// Why a permission string was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PermissionError {
    /// The word is none of the seven.
    #[error("`{0}` is not a recognised permission.")]
    Unknown(String),
    /// `disk-write-folder=` names no folder.
    #[error("`disk-write-folder=` needs a folder, as in `disk-write-folder=/srv/data`.")]
    MissingFolder,
}

/// The permissions of `--full-auto`: read everything, write to the project and the user's own
/// temporary folder, no network.
pub const FULL_AUTO: [Permission; 3] = [
    Permission::DiskFullReadAccess,
    Permission::DiskWritePlatformUserTempFolder,
    Permission::DiskWriteCwd,
];

impl Permission {
    /// Lists the spellings that a user may write, for messages and completions.
    pub const SPELLINGS: [&'static str; 7] = [
        "disk-full-read-access",
        "disk-write-platform-user-temp-folder",
        "disk-write-platform-global-temp-folder",
        "disk-write-cwd",
        "disk-write-folder=<PATH>",
        "disk-full-write-access",
        "network-full-access",
    ];

    /// Expands one word of `-s`: a permission, or one of the later mode names
    /// (`read-only`, `workspace-write`, `danger-full-access`) that stand for several.
    pub fn expand(word: &str) -> Result<Vec<Permission>, PermissionError> {
        match word {
            "read-only" => Ok(vec![Permission::DiskFullReadAccess]),
            "workspace-write" => Ok(vec![
                Permission::DiskFullReadAccess,
                Permission::DiskWritePlatformUserTempFolder,
                Permission::DiskWritePlatformGlobalTempFolder,
                Permission::DiskWriteCwd,
            ]),
            "danger-full-access" => Ok(vec![
                Permission::DiskFullReadAccess,
                Permission::DiskFullWriteAccess,
                Permission::NetworkFullAccess,
            ]),
            other => Ok(vec![other.parse()?]),
        }
    }

    /// Tells whether a set of permissions asks for no confinement at all.
    pub fn is_unconfined(set: &[Permission]) -> bool {
        set.contains(&Permission::DiskFullWriteAccess)
            && set.contains(&Permission::NetworkFullAccess)
            && set.contains(&Permission::DiskFullReadAccess)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Permission::DiskFullReadAccess => "disk-full-read-access",
            Permission::DiskWritePlatformUserTempFolder => "disk-write-platform-user-temp-folder",
            Permission::DiskWritePlatformGlobalTempFolder => {
                "disk-write-platform-global-temp-folder"
            }
            Permission::DiskWriteCwd => "disk-write-cwd",
            Permission::DiskWriteFolder(folder) => return write!(f, "disk-write-folder={folder}"),
            Permission::DiskFullWriteAccess => "disk-full-write-access",
            Permission::NetworkFullAccess => "network-full-access",
        })
    }
}

impl FromStr for Permission {
    type Err = PermissionError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "disk-full-read-access" => Ok(Permission::DiskFullReadAccess),
            "disk-write-platform-user-temp-folder" => {
                Ok(Permission::DiskWritePlatformUserTempFolder)
            }
            "disk-write-platform-global-temp-folder" => {
                Ok(Permission::DiskWritePlatformGlobalTempFolder)
            }
            "disk-write-cwd" => Ok(Permission::DiskWriteCwd),
            "disk-full-write-access" => Ok(Permission::DiskFullWriteAccess),
            "network-full-access" => Ok(Permission::NetworkFullAccess),
            other => match other.strip_prefix("disk-write-folder=") {
                Some("") => Err(PermissionError::MissingFolder),
                Some(folder) => Ok(Permission::DiskWriteFolder(folder.to_owned())),
                None if other == "disk-write-folder" => Err(PermissionError::MissingFolder),
                None => Err(PermissionError::Unknown(other.to_owned())),
            },
        }
    }
}

impl Serialize for Permission {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Permission {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// When a person is asked before something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum ApprovalPolicy {
    /// Ask for every command that is not known to be safe, and for every patch.
    #[serde(alias = "untrusted")]
    UnlessAllowListed,
    /// Run in the sandbox, and ask whether to retry outside of it after a denial.
    OnFailure,
    /// Run in the sandbox; the model may ask, with a reason, to run a command outside of it.
    OnRequest,
    /// Never ask; the model sees the refusal or the failure.
    Never,
}

impl ApprovalPolicy {
    /// Names the policy as the settings file does.
    pub fn as_str(self) -> &'static str {
        match self {
            ApprovalPolicy::UnlessAllowListed => "unless-allow-listed",
            ApprovalPolicy::OnFailure => "on-failure",
            ApprovalPolicy::OnRequest => "on-request",
            ApprovalPolicy::Never => "never",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_survives_a_round_trip() {
        for word in Permission::SPELLINGS {
            let word = word.replace("<PATH>", "/srv/data");
            let permission: Permission = word.parse().expect("a known spelling");
            assert_eq!(permission.to_string(), word);
            let json = serde_json::to_string(&permission).expect("encodes");
            assert_eq!(serde_json::from_str::<Permission>(&json).expect("decodes"), permission);
        }
    }

    #[test]
    fn an_unknown_word_is_named_in_the_error() {
        let error = "disk-write-home".parse::<Permission>().expect_err("not a permission");
        assert_eq!(error.to_string(), "`disk-write-home` is not a recognised permission.");
        assert_eq!("disk-write-folder=".parse::<Permission>(), Err(PermissionError::MissingFolder));
    }

    #[test]
    fn mode_names_stand_for_sets() {
        let danger = Permission::expand("danger-full-access").expect("a mode");
        assert!(Permission::is_unconfined(&danger));
        let workspace = Permission::expand("workspace-write").expect("a mode");
        assert!(!Permission::is_unconfined(&workspace));
        assert_eq!(workspace.len(), 4);
    }
}
