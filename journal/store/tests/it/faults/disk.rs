//! What a disk may hold after a crash: real files, as a power failure could leave them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::support::Dice;

/// What a disk writes at once.
const SECTOR: usize = 512;
/// What a system writes back at once, as a rule.
const PAGE: usize = 4096;

/// The files below a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Image(pub(crate) BTreeMap<PathBuf, Vec<u8>>);

impl Image {
    /// Takes what is there now: what a kill would leave.
    pub(crate) fn take(folder: &Path) -> Image {
        let mut image = Image::default();
        let mut folders = vec![PathBuf::new()];
        while let Some(below) = folders.pop() {
            for entry in std::fs::read_dir(folder.join(&below)).expect("a folder").flatten() {
                let name = below.join(entry.file_name());
                // The engine may be removing it.
                let Ok(meta) = entry.metadata() else { continue };
                if meta.is_dir() {
                    folders.push(name);
                } else if let Ok(content) = std::fs::read(entry.path()) {
                    image.0.insert(name, content);
                }
            }
        }
        image
    }

    /// Puts the files down in a folder of their own.
    pub(crate) fn lay(&self, folder: &Path) {
        for (name, content) in &self.0 {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, content).expect("written");
        }
        std::fs::create_dir_all(folder.join("db/blobs")).expect("made");
    }

    /// A power failure: of what was written since `synced`, any part may have got to the disk, in
    /// any order. Blobs and their names are synced before a record names them.
    pub(crate) fn power_failure(
        &self,
        synced: &Image,
        heads: &[Vec<u8>],
        dice: &mut Dice,
    ) -> Image {
        let names: BTreeSet<&PathBuf> = self.0.keys().chain(synced.0.keys()).collect();
        let mut left = Image::default();
        for name in names {
            let (old, new) = (synced.0.get(name), self.0.get(name));
            let content = match (old, new) {
                _ if !name.starts_with("db") && name != Path::new("head") => new.cloned(),
                _ if name == Path::new("head") => Some(torn_head(heads, dice)),
                (Some(old), Some(new)) => Some(torn(old, new, dice)),
                (None, Some(new)) => (dice.below(3) > 0).then(|| torn(&[], new, dice)),
                (Some(old), None) => (dice.below(2) > 0).then(|| old.clone()),
                (None, None) => None,
            };
            left.0.extend(content.map(|content| (name.clone(), content)));
        }
        left
    }
}

// The head file is written after each barrier and synced at the end of a turn: any of the versions
// since then, the last one torn.
fn torn_head(versions: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let at = dice.below(versions.len() as u64) as usize;
    let old = &versions[at.saturating_sub(1)];
    sectors(old, &versions[at], SECTOR, dice)
}

fn torn(old: &[u8], new: &[u8], dice: &mut Dice) -> Vec<u8> {
    match dice.below(4) {
        0 => old.to_vec(),
        1 => new.to_vec(),
        2 => sectors(old, new, PAGE, dice),
        _ => sectors(old, new, SECTOR, dice),
    }
}

// Old or new by chance, piece by piece; what the old one did not have yet is zeros, or not there.
fn sectors(old: &[u8], new: &[u8], piece: usize, dice: &mut Dice) -> Vec<u8> {
    let len = if dice.below(2) == 0 { old.len().min(new.len()) } else { new.len() };
    let odds = 1 + dice.below(9);
    let mut left = new[..len].to_vec();
    for (at, part) in left.chunks_mut(piece).enumerate() {
        let begin = at * piece;
        if dice.below(10) < odds {
            let kept = old.get(begin..old.len().min(begin + part.len())).unwrap_or_default();
            part[..kept.len()].copy_from_slice(kept);
            part[kept.len()..].fill(0);
        }
    }
    if left.len() < old.len() {
        left.extend_from_slice(&old[left.len()..]);
    }
    left
}
