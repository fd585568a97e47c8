//! What a program needs of its host, read from its own header.

/// Marks a program that asks for a dynamic loader.
const INTERPRETER: u32 = 3;

/// Checks that a program for a 64-bit little-endian machine needs no dynamic loader.
pub(crate) fn check_static(program: &[u8]) -> Result<(), String> {
    let cut = || "its header is cut off".to_owned();
    if program.get(..6) != Some(b"\x7fELF\x02\x01") {
        return Err("it is no 64-bit little-endian ELF file".into());
    }
    let number = |at: usize, width: usize| -> Option<usize> {
        let bytes = program.get(at..at.checked_add(width)?)?;
        let number = bytes.iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        usize::try_from(number).ok()
    };
    let table = number(32, 8).ok_or_else(cut)?;
    let (size, count) = number(54, 2).zip(number(56, 2)).ok_or_else(cut)?;
    for index in 0..count {
        let entry = size.checked_mul(index).and_then(|offset| table.checked_add(offset));
        let kind = entry.and_then(|entry| number(entry, 4)).ok_or_else(cut)?;
        if kind == INTERPRETER as usize {
            return Err("it needs a dynamic loader".into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(kinds: &[u32]) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01".to_vec();
        bytes.resize(64, 0);
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = u8::try_from(kinds.len()).expect("few");
        for kind in kinds {
            bytes.extend(kind.to_le_bytes());
            bytes.resize(bytes.len() + 52, 0);
        }
        bytes
    }

    #[test]
    fn a_loader_is_found_wherever_it_is_asked_for() {
        assert_eq!(check_static(&program(&[6, 1, 1, 2])), Ok(()));
        for kinds in [&[3, 1][..], &[6, 1, 3]] {
            assert_eq!(check_static(&program(kinds)), Err("it needs a dynamic loader".into()));
        }
    }

    #[test]
    fn what_is_no_program_is_refused() {
        let whole = program(&[1, 1]);
        for length in [0, 5, 40, 57, whole.len() - 53] {
            assert!(check_static(&whole[..length]).is_err(), "{length}");
        }
        let mut other = whole;
        other[4] = 1;
        assert!(check_static(&other).is_err(), "a 32-bit program");
    }
}
