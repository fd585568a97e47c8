//! Times for people.

use codex_event::Timestamp;

pub(crate) const MINUTE: u64 = 60_000;
pub(crate) const HOUR: u64 = 60 * MINUTE;
pub(crate) const DAY: u64 = 24 * HOUR;

/// Days from the first of March of the year 0 to 1970.
const DAYS_BEFORE_EPOCH: u64 = 719_468;

/// Says how long ago something was, or on which day (UTC) when that is more than a week.
pub fn when(then: Timestamp, now: Timestamp) -> String {
    let since = now.0.saturating_sub(then.0);
    match since {
        _ if then.0 > now.0.saturating_add(MINUTE) => date(then),
        0..MINUTE => "just now".to_owned(),
        MINUTE..HOUR => format!("{} min ago", since / MINUTE),
        HOUR..DAY => format!("{} h ago", since / HOUR),
        _ if since < 2 * DAY => "yesterday".to_owned(),
        _ if since < 7 * DAY => format!("{} days ago", since / DAY),
        _ => date(then),
    }
}

/// Gives the day of a time as `YYYY-MM-DD`, in UTC.
///
/// Counts years from March, so that the leap day is the last of its year, in eras of 400 years
/// (146,097 days), after which the Gregorian calendar repeats.
pub(crate) fn date(at: Timestamp) -> String {
    let days = at.0 / DAY + DAYS_BEFORE_EPOCH;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Gives the days from 1970 to a day of the calendar; the reverse of [`date`].
pub(crate) fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = year - u64::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - DAYS_BEFORE_EPOCH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_from_near_to_far() {
        let now = Timestamp(1_795_000_000_000);
        let cases = [
            (0, "just now"),
            (59_999, "just now"),
            (MINUTE, "1 min ago"),
            (HOUR - 1, "59 min ago"),
            (HOUR, "1 h ago"),
            (DAY - 1, "23 h ago"),
            (DAY, "yesterday"),
            (3 * DAY, "3 days ago"),
            (7 * DAY, "2026-11-11"),
        ];
        for (since, told) in cases {
            assert_eq!(when(Timestamp(now.0 - since), now), told);
        }
        assert_eq!(when(Timestamp(now.0 + 10 * DAY), now), "2026-11-28");
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        // Seconds as `date -u -d DAY +%s` gives them.
        let cases = [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_709_164_800, "2024-02-29"),
            (1_735_689_599, "2024-12-31"),
            (1_735_689_600, "2025-01-01"),
            (4_107_542_400, "2100-03-01"),
        ];
        for (seconds, day) in cases {
            assert_eq!(date(Timestamp(seconds * 1000)), day);
        }
    }
}
