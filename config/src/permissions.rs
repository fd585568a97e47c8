//! What commands may do, out of two settings and two flags.

use codex_event::{FULL_AUTO, Permission};

use crate::config::Flags;
use crate::places::Places;
use crate::section::Section;
use crate::{ConfigError, Origin, Warning};

/// The later names of whole sets of permissions.
const MODES: [(&str, &str); 3] = [
    ("read-only", "read-only"),
    ("workspace-write", "workspace-write"),
    ("danger-full-access", "danger-full-access"),
];

/// Resolves the permissions and tells who set them.
///
/// `sandbox_permissions` wins over `sandbox_mode` in the same or a weaker layer, since it says
/// exactly what is meant. A flag wins over both. `--full-auto` and `-s` together mean the union.
pub(crate) fn resolve(
    root: &Section<'_>,
    flags: &Flags,
    places: &Places,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Permission>, ConfigError> {
    let list = listed(root, places)?;
    let mode = root.choice("sandbox_mode", &MODES)?;
    if flags.full_auto || flags.permissions.is_some() {
        return flagged(flags, places);
    }
    match (list, mode) {
        (Some((list, by)), Some(mode)) if by.layer() >= mode.origin.layer() => {
            warnings.push(Warning::Shadowed {
                key: "sandbox_mode".to_owned(),
                origin: mode.origin.clone(),
                by: "sandbox_permissions".to_owned(),
            });
            Ok(list)
        }
        (_, Some(mode)) => Ok(Permission::expand(mode.value).expect("MODES are known words")),
        (Some((list, _)), None) => Ok(list),
        (None, None) => Ok(vec![Permission::DiskFullReadAccess]),
    }
}

fn listed<'a>(
    root: &Section<'a>,
    places: &Places,
) -> Result<Option<(Vec<Permission>, &'a Origin)>, ConfigError> {
    const KEY: &str = "sandbox_permissions";
    let (Some(words), Some(node)) = (root.strings(KEY)?, root.node(KEY)) else { return Ok(None) };
    let parsed = words.into_iter().map(|word| {
        let permission = word.value.parse::<Permission>().map_err(|source| {
            let (key, origin) = (KEY.to_owned(), word.origin.clone());
            ConfigError::Permission { key, origin, source }
        })?;
        rooted(permission, places, KEY, word.origin)
    });
    Ok(Some((parsed.collect::<Result<_, _>>()?, &node.origin)))
}

fn flagged(flags: &Flags, places: &Places) -> Result<Vec<Permission>, ConfigError> {
    let mut all = if flags.full_auto { FULL_AUTO.to_vec() } else { Vec::new() };
    for permission in flags.permissions.iter().flatten() {
        let permission = rooted(permission.clone(), places, "-s", &Origin::Flag("-s"))?;
        if !all.contains(&permission) {
            all.push(permission);
        }
    }
    Ok(all)
}

/// Makes the folder of a permission absolute.
fn rooted(
    permission: Permission,
    places: &Places,
    key: &str,
    origin: &Origin,
) -> Result<Permission, ConfigError> {
    let Permission::DiskWriteFolder(folder) = permission else { return Ok(permission) };
    let folder = places.absolute(&folder, key, origin)?;
    match folder.into_os_string().into_string() {
        Ok(folder) => Ok(Permission::DiskWriteFolder(folder)),
        Err(folder) => Err(ConfigError::NotText {
            key: key.to_owned(),
            origin: origin.clone(),
            path: folder.into(),
        }),
    }
}
