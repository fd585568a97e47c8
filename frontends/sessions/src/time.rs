//! Lengths of time and days, as people write them.

use codex_event::Timestamp;

use crate::when;

/// The words name no time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a length of time such as 30d, 12h or 90m nor a day such as 2026-11-24")]
pub struct TimeError(pub String);

/// Reads how long ago something is, or on which day (UTC) it begins, and gives that moment.
pub fn past(words: &str, now: Timestamp) -> Result<Timestamp, TimeError> {
    let wrong = || TimeError(words.to_owned());
    let words_ = words.trim();
    if let Some(day) = day(words_) {
        return Ok(day);
    }
    let split = words_.len() - words_.chars().next_back().map_or(0, char::len_utf8);
    let (number, unit) = words_.split_at(split);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let unit = match unit {
        "s" => 1_000,
        "m" => when::MINUTE,
        "h" => when::HOUR,
        "d" => when::DAY,
        "w" => 7 * when::DAY,
        _ => return Err(wrong()),
    };
    Ok(Timestamp(now.0.saturating_sub(number.saturating_mul(unit))))
}

fn day(words: &str) -> Option<Timestamp> {
    let mut parts = words.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || (year.len(), month.len(), day.len()) != (4, 2, 2) {
        return None;
    }
    let (year, month, day): (u64, u64, u64) =
        (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let at = Timestamp(when::days(year, month, day) * when::DAY);
    // A day that its month does not have comes out as another one.
    (when::date(at) == words).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let now = Timestamp(1_795_000_000_000);
        let ago = |length: u64| Ok(Timestamp(now.0 - length));
        assert_eq!(past("30d", now), ago(30 * when::DAY));
        assert_eq!(past(" 2w ", now), ago(14 * when::DAY));
        assert_eq!(past("12h", now), ago(12 * when::HOUR));
        assert_eq!(past("90m", now), ago(90 * when::MINUTE));
        assert_eq!(past("0s", now), ago(0));
        assert_eq!(past("99999999999999999w", now), Ok(Timestamp(0)));
        assert_eq!(past("2026-11-24", now), Ok(Timestamp(1_795_478_400_000)));
        assert_eq!(past("2024-02-29", now), Ok(Timestamp(1_709_164_800_000)));
        for wrong in ["", "d", "30", "30x", "-1d", "2026-02-29", "2026-13-01", "26-1-1", "é"] {
            assert_eq!(past(wrong, now), Err(TimeError(wrong.to_owned())), "{wrong}");
        }
    }
}
