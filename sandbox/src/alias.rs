//! Other names of a place: a file system may be mounted more than once, and parts of it elsewhere.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// The mounts of this process, as the kernel lists them: `proc_pid_mountinfo(5)`.
#[derive(Debug)]
pub(crate) struct Mounts(Vec<Mount>);

#[derive(Debug, PartialEq, Eq)]
struct Mount {
    /// Numbers of the device, which all mounts of one file system share.
    device: Vec<u8>,
    /// What of the file system is mounted.
    root: PathBuf,
    point: PathBuf,
}

impl Mounts {
    pub(crate) fn of_this_process() -> io::Result<Mounts> {
        // Such a file has no size that would say how much room to make.
        let mut list = Vec::with_capacity(16 * 1024);
        File::open("/proc/self/mountinfo")?.read_to_end(&mut list)?;
        Ok(Mounts::parse(&list))
    }

    fn parse(list: &[u8]) -> Mounts {
        let mounts = list.split(|byte| *byte == b'\n').filter_map(|line| {
            let mut fields = line.split(|byte| *byte == b' ').skip(2);
            let device = fields.next()?.to_vec();
            let root = unescape(fields.next()?);
            let point = unescape(fields.next()?);
            Some(Mount { device, root, point })
        });
        Mounts(mounts.collect())
    }

    /// Lists where else a canonical path may be found.
    ///
    /// A later mount may cover what is listed: it is the same place only if its identity says so.
    pub(crate) fn aliases(&self, path: &Path) -> Vec<PathBuf> {
        let above = self.0.iter().filter(|mount| path.starts_with(&mount.point));
        // Of several on one point the last covers the others.
        let Some(own) = above.max_by_key(|mount| mount.point.as_os_str().len()) else {
            return vec![];
        };
        let Ok(below) = path.strip_prefix(&own.point) else { return vec![] };
        let place = join(&own.root, below);
        let same = self.0.iter().filter(|mount| mount.device == own.device);
        let mut found: Vec<PathBuf> = same
            .filter_map(|mount| Some(join(&mount.point, place.strip_prefix(&mount.root).ok()?)))
            .filter(|alias| alias != path)
            .collect();
        found.sort();
        found.dedup();
        found
    }
}

/// Joins without a slash at the end, which would ask for a folder.
fn join(folder: &Path, below: &Path) -> PathBuf {
    if below.as_os_str().is_empty() { folder.to_owned() } else { folder.join(below) }
}

/// Takes back what the kernel does to blanks, tabs, newlines and backslashes: three octal digits.
fn unescape(field: &[u8]) -> PathBuf {
    let mut plain = vec![];
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match escaped.filter(|_| *first == b'\\') {
            Some(byte) => {
                plain.push(byte);
                rest = &after[3..];
            }
            None => {
                plain.push(*first);
                rest = after;
            }
        }
    }
    OsString::from_vec(plain).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_under_all_its_names() {
        let mounts = Mounts::parse(
            b"27 1 254:0 / / rw,relatime - ext4 /dev/root rw\n\
              30 27 254:1 / /var rw - btrfs /dev/vdb rw\n\
              31 27 254:1 /home /home rw - btrfs /dev/vdb rw\n\
              32 27 254:1 /home/ann /mnt/with\\040blank rw - btrfs /dev/vdb rw\n\
              33 27 254:2 / /media rw - ext4 /dev/vdc rw\n\
              34 27 254:2 / /media rw - ext4 /dev/vdc rw\n\
              broken\n",
        );
        let aliases = |path: &str| mounts.aliases(Path::new(path));
        assert_eq!(
            aliases("/home/ann/.codex"),
            ["/mnt/with blank/.codex", "/var/home/ann/.codex"].map(PathBuf::from)
        );
        assert_eq!(aliases("/home/ann"), ["/mnt/with blank", "/var/home/ann"].map(PathBuf::from));
        assert_eq!(aliases("/var/home/bob"), [PathBuf::from("/home/bob")]);
        assert_eq!(aliases("/root/.codex"), [""; 0].map(PathBuf::from));
        assert_eq!(aliases("/media/x"), [""; 0].map(PathBuf::from));
    }
}
