//! Words about a disk that a command filled.

use crate::sanitize;

/// Says why a command was ended that went on filling a disk.
pub fn disk_full(folder: &str, free_bytes: u64) -> String {
    let folder = sanitize::visible(folder);
    match free_bytes >> 20 {
        0 => format!("the disk of {folder} is nearly full, {} KiB are free", free_bytes >> 10),
        mebibytes => format!("the disk of {folder} is nearly full, {mebibytes} MiB are free"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_free_is_told_in_a_unit_that_fits() {
        assert_eq!(disk_full("/w", 5 << 20), "the disk of /w is nearly full, 5 MiB are free");
        assert_eq!(disk_full("/w\u{1b}[1m", 3 << 10).matches("3 KiB").count(), 1);
        assert!(!disk_full("/w\u{1b}[1m", 0).contains('\u{1b}'));
    }
}
