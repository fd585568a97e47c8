//! What commands may do, out of three settings and three flags.

use std::path::Path;

use codex_event::{FULL_AUTO, Permission};

use crate::config::Flags;
use crate::places::Places;
use crate::section::Section;
use crate::{ConfigError, Origin, Warning};

const READ_ONLY: &str = "read-only";
const WORKSPACE_WRITE: &str = "workspace-write";

/// The later names of whole sets of permissions.
const MODES: [(&str, &str); 3] = [
    (READ_ONLY, READ_ONLY),
    (WORKSPACE_WRITE, WORKSPACE_WRITE),
    ("danger-full-access", "danger-full-access"),
];

/// One permission, and who asked for it.
#[derive(Clone)]
struct Grant {
    permission: Permission,
    key: &'static str,
    origin: Origin,
}

/// What was asked for, before `--add-dir`.
struct Chosen {
    grants: Vec<Grant>,
    /// Who asked for `read-only` by name, and for nothing else.
    read_only: Option<Origin>,
}

/// Resolves the permissions. Every folder among them is there.
///
/// `sandbox_permissions` wins over `sandbox_mode` in the same or a weaker layer, since it says
/// exactly what is meant. A flag wins over both. `--full-auto` and `-s` together mean the union, and
/// `--add-dir` adds to whatever came out, but for a `read-only` that somebody asked for by name.
pub(crate) fn resolve(
    root: &Section<'_>,
    flags: &Flags,
    places: &Places,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Permission>, ConfigError> {
    // What a flag overrules is read all the same: a mistake in the file is told at once.
    let workspace = Workspace::read(root, places)?;
    let written = written(root, &workspace, places)?;
    let chosen = if flags.full_auto || !flags.sandbox.is_empty() {
        flagged(flags, &workspace, places)?
    } else {
        warnings.extend(written.shadowed);
        written.chosen
    };

    let mut grants = chosen.grants;
    for folder in &flags.add_dir {
        let origin = Origin::Flag("--add-dir");
        match &chosen.read_only {
            Some(by) => {
                let (folder, by) = (folder.clone(), by.clone());
                warnings.push(Warning::StaysReadOnly { folder, by });
            }
            None => grants.push(folder_grant(folder, "--add-dir", &origin, places)?),
        }
    }
    let mut permissions = Vec::new();
    for grant in grants {
        grant.check()?;
        if !permissions.contains(&grant.permission) {
            permissions.push(grant.permission);
        }
    }
    Ok(permissions)
}

/// What the settings say, without the flags.
struct Written {
    chosen: Chosen,
    shadowed: Option<Warning>,
}

fn written(
    root: &Section<'_>,
    workspace: &Workspace,
    places: &Places,
) -> Result<Written, ConfigError> {
    let list = listed(root, places)?;
    let mode = root.choice("sandbox_mode", &MODES)?;
    let of_mode = |mode: &str, by: &Origin| Chosen {
        grants: workspace.expand(mode, "sandbox_mode", by),
        read_only: (mode == READ_ONLY).then(|| by.clone()),
    };
    Ok(match (list, mode) {
        (Some((grants, by)), Some(mode)) if by.layer() >= mode.origin.layer() => Written {
            chosen: Chosen { grants, read_only: None },
            shadowed: Some(Warning::Shadowed {
                key: "sandbox_mode".to_owned(),
                origin: mode.origin.clone(),
                by: "sandbox_permissions".to_owned(),
            }),
        },
        (_, Some(mode)) => Written { chosen: of_mode(mode.value, mode.origin), shadowed: None },
        (Some((grants, _)), None) => {
            Written { chosen: Chosen { grants, read_only: None }, shadowed: None }
        }
        (None, None) => {
            // Nobody asked for it by name, so `--add-dir` may add to it.
            let grants = workspace.expand(READ_ONLY, "sandbox_mode", &Origin::Flag("-s"));
            Written { chosen: Chosen { grants, read_only: None }, shadowed: None }
        }
    })
}

fn listed<'a>(
    root: &Section<'a>,
    places: &Places,
) -> Result<Option<(Vec<Grant>, &'a Origin)>, ConfigError> {
    const KEY: &str = "sandbox_permissions";
    let (Some(words), Some(node)) = (root.strings(KEY)?, root.node(KEY)) else { return Ok(None) };
    let parsed = words.into_iter().map(|word| {
        let permission = word.value.parse::<Permission>().map_err(|source| {
            let (key, origin) = (KEY.to_owned(), word.origin.clone());
            ConfigError::Permission { key, origin, source }
        })?;
        grant(permission, KEY, word.origin, places)
    });
    Ok(Some((parsed.collect::<Result<_, _>>()?, &node.origin)))
}

fn flagged(flags: &Flags, workspace: &Workspace, places: &Places) -> Result<Chosen, ConfigError> {
    const KEY: &str = "-s";
    let origin = Origin::Flag(KEY);
    let mut grants = Vec::new();
    if flags.full_auto {
        let origin = Origin::Flag("--full-auto");
        grants.extend(FULL_AUTO.map(|permission| Grant {
            permission,
            key: "--full-auto",
            origin: origin.clone(),
        }));
    }
    for word in &flags.sandbox {
        if MODES.iter().any(|(mode, _)| mode == word) {
            grants.extend(workspace.expand(word, KEY, &origin));
        } else {
            let permission = word.parse::<Permission>().map_err(|source| {
                ConfigError::Permission { key: KEY.to_owned(), origin: origin.clone(), source }
            })?;
            grants.push(grant(permission, KEY, &origin, places)?);
        }
    }
    let read_only = !flags.full_auto && flags.sandbox.iter().all(|word| word == READ_ONLY);
    Ok(Chosen { grants, read_only: read_only.then_some(origin) })
}

/// `[sandbox_workspace_write]`: what the mode `workspace-write` means beyond its name.
struct Workspace {
    roots: Vec<Grant>,
    network: Option<Origin>,
    without_user_temp: bool,
    without_global_temp: bool,
}

impl Workspace {
    fn read(root: &Section<'_>, places: &Places) -> Result<Workspace, ConfigError> {
        const ROOTS: &str = "sandbox_workspace_write.writable_roots";
        let table = root.section("sandbox_workspace_write")?;
        let roots = table.strings("writable_roots")?.unwrap_or_default();
        let roots = roots
            .into_iter()
            .map(|root| folder_grant(Path::new(root.value), ROOTS, root.origin, places));
        let set = |key| Ok(table.boolean(key)?.filter(|found| found.value));
        Ok(Workspace {
            roots: roots.collect::<Result<_, _>>()?,
            network: set("network_access")?.map(|found| found.origin.clone()),
            without_user_temp: set("exclude_tmpdir_env_var")?.is_some(),
            without_global_temp: set("exclude_slash_tmp")?.is_some(),
        })
    }

    /// Gives the permissions that one of [`MODES`] stands for.
    fn expand(&self, mode: &str, key: &'static str, by: &Origin) -> Vec<Grant> {
        let words = Permission::expand(mode).expect("MODES are known words");
        let mut grants: Vec<Grant> = words
            .into_iter()
            .map(|permission| Grant { permission, key, origin: by.clone() })
            .collect();
        if mode == WORKSPACE_WRITE {
            grants.retain(|grant| match grant.permission {
                Permission::DiskWritePlatformUserTempFolder => !self.without_user_temp,
                Permission::DiskWritePlatformGlobalTempFolder => !self.without_global_temp,
                Permission::DiskFullReadAccess
                | Permission::DiskWriteCwd
                | Permission::DiskWriteFolder(_)
                | Permission::DiskFullWriteAccess
                | Permission::NetworkFullAccess => true,
            });
            grants.extend(self.roots.iter().cloned());
            grants.extend(self.network.iter().map(|origin| Grant {
                permission: Permission::NetworkFullAccess,
                key: "sandbox_workspace_write.network_access",
                origin: origin.clone(),
            }));
        }
        grants
    }
}

impl Grant {
    /// Refuses a folder that is not there, while it is known who named it.
    fn check(&self) -> Result<(), ConfigError> {
        let Permission::DiskWriteFolder(folder) = &self.permission else { return Ok(()) };
        let looked_at = std::fs::metadata(folder).and_then(|meta| match meta.is_dir() {
            true => Ok(()),
            false => Err(std::io::ErrorKind::NotADirectory.into()),
        });
        looked_at.map_err(|source| ConfigError::NoFolder {
            key: self.key.to_owned(),
            origin: self.origin.clone(),
            path: folder.into(),
            source,
        })
    }
}

fn grant(
    permission: Permission,
    key: &'static str,
    origin: &Origin,
    places: &Places,
) -> Result<Grant, ConfigError> {
    match permission {
        Permission::DiskWriteFolder(folder) => {
            folder_grant(Path::new(&folder), key, origin, places)
        }
        Permission::DiskFullReadAccess
        | Permission::DiskWritePlatformUserTempFolder
        | Permission::DiskWritePlatformGlobalTempFolder
        | Permission::DiskWriteCwd
        | Permission::DiskFullWriteAccess
        | Permission::NetworkFullAccess => Ok(Grant { permission, key, origin: origin.clone() }),
    }
}

/// Grants writing to a folder, made absolute.
fn folder_grant(
    folder: &Path,
    key: &'static str,
    origin: &Origin,
    places: &Places,
) -> Result<Grant, ConfigError> {
    let not_text = |path: &Path| ConfigError::NotText {
        key: key.to_owned(),
        origin: origin.clone(),
        path: path.to_owned(),
    };
    let text = folder.to_str().ok_or_else(|| not_text(folder))?;
    let folder = places.absolute(text, key, origin)?;
    let text = folder.to_str().ok_or_else(|| not_text(&folder))?;
    let permission = Permission::DiskWriteFolder(text.to_owned());
    Ok(Grant { permission, key, origin: origin.clone() })
}
