//! Times as an audit writes and reads them: UTC, to the millisecond.

pub use codex_event::utc;

use codex_event::Timestamp;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
// Days from March 1 of the year 0 to the Unix epoch.
const DAYS_BEFORE_EPOCH: u64 = 719_468;

/// Reads a moment that a person typed: by RFC 3339, a day (its beginning, in UTC), or how long ago it
/// was, as in `90s`, `30m`, `2h`, `3d`, `1w`.
pub fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    let text = text.trim();
    if let Some(length) = length(text) {
        return Some(Timestamp(now.0.saturating_sub(length)));
    }
    let (date, rest) = text.split_at_checked(10)?;
    let day = days(date)?.checked_mul(DAY)?;
    match rest.strip_prefix(['T', 't', ' ']) {
        None if rest.is_empty() => Some(Timestamp(day)),
        None => None,
        Some(clock) => of_day(day, clock).map(Timestamp),
    }
}

/// Says how long ago something was, for people.
pub(super) fn ago(then: Timestamp, now: Timestamp) -> String {
    let Some(since) = now.0.checked_sub(then.0) else {
        return "in the future by this clock".to_owned();
    };
    match since {
        0..MINUTE => format!("{} s ago", since / SECOND),
        MINUTE..HOUR => format!("{} min ago", since / MINUTE),
        HOUR..DAY => format!("{} h ago", since / HOUR),
        _ => format!("{} d ago", since / DAY),
    }
}

fn length(text: &str) -> Option<u64> {
    let unit = match text.chars().last()? {
        's' => SECOND,
        'm' => MINUTE,
        'h' => HOUR,
        'd' => DAY,
        'w' => 7 * DAY,
        _ => return None,
    };
    digits(&text[..text.len() - 1])?.checked_mul(unit)
}

// The moment of a day whose begin is given: `HH:MM[:SS[.fraction]]` and `Z` or an offset.
fn of_day(day: u64, clock: &str) -> Option<u64> {
    let zone = clock.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = clock.split_at(zone);
    let mut parts = clock.split(':');
    let hour = digits(parts.next()?).filter(|hour| *hour < 24)?;
    let minute = digits(parts.next()?).filter(|minute| *minute < 60)?;
    let seconds = parts.next().unwrap_or("00");
    let (second, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let second = digits(second).filter(|second| *second < 60)?;
    digits(fraction)?;
    let milli = digits(&format!("{fraction:0<3}")[..3])?;
    if parts.next().is_some() {
        return None;
    }
    let local = day + hour * HOUR + minute * MINUTE + second * SECOND + milli;
    if zone.eq_ignore_ascii_case("z") {
        return Some(local);
    }
    let (sign, offset) = zone.split_at_checked(1)?;
    let (hours, minutes) = offset.split_once(':')?;
    let hours = digits(hours).filter(|hours| *hours < 24)?;
    let minutes = digits(minutes).filter(|minutes| *minutes < 60)?;
    let offset = hours * HOUR + minutes * MINUTE;
    if sign == "+" { local.checked_sub(offset) } else { local.checked_add(offset) }
}

fn days(date: &str) -> Option<u64> {
    let mut parts = date.split('-');
    let (year, month, day) =
        (digits(parts.next()?)?, digits(parts.next()?)?, digits(parts.next()?)?);
    if year < 1970 || !(1..=12).contains(&month) || parts.next().is_some() {
        return None;
    }
    // Counted from March, so that the leap day is the last of its year.
    let from_march = (month + 9) % 12;
    let year_from_march = year - u64::from(month < 3);
    let (era, year_of_era) = (year_from_march / 400, year_from_march % 400);
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100
        + (153 * from_march + 2) / 5
        + day.checked_sub(1)?;
    let days = (era * 146_097 + day_of_era).checked_sub(DAYS_BEFORE_EPOCH)?;
    // A day that the month does not have is another one when it is read back.
    let same = days.checked_mul(DAY).is_some_and(|at| utc(Timestamp(at)).starts_with(date));
    same.then_some(days)
}

fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_calendar_has_them_and_read_back() {
        // Seconds as `date -u -d DAY +%s` gives them.
        let cases = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_795_000_000_123, "2026-11-18T11:06:40.123Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ];
        for (at, written) in cases {
            assert_eq!(utc(Timestamp(at)), written);
            assert_eq!(moment(written, Timestamp(0)), Some(Timestamp(at)), "{written}");
        }
        assert_eq!(utc(Timestamp(u64::MAX)), utc(Timestamp(253_402_300_799_999)));
    }

    #[test]
    fn a_moment_may_be_a_day_a_time_with_an_offset_or_how_long_ago_it_was() {
        let now = Timestamp(1_795_000_000_000);
        let read = |text: &str| moment(text, now).map(|at| at.0);
        assert_eq!(read("2026-11-18"), Some(1_794_960_000_000));
        assert_eq!(read("2026-11-18 12:06:40+01:00"), Some(now.0));
        assert_eq!(read("2026-11-18T05:36:40.5-05:30"), Some(now.0 + 500));
        assert_eq!(read("2026-11-18T11:06Z"), Some(now.0 - 40_000));
        assert_eq!(read("90s"), Some(now.0 - 90_000));
        assert_eq!(read("1w"), Some(now.0 - 7 * DAY));
        for wrong in [
            "",
            "x",
            "d",
            "-1d",
            "2026-02-30",
            "2026-13-01",
            "2026-11-18T25:00Z",
            "2026-11-18T11:06",
            "2026-11-18x",
            "2026-11-18T11:06:40.Z",
            "1969-12-31",
            "2026-11-1é",
            "99999999999999999w",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(ago(now, Timestamp(now.0 + 3 * HOUR)), "3 h ago");
        assert_eq!(ago(Timestamp(now.0 + 1), now), "in the future by this clock");
    }
}
