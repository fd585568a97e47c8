//! Times as people and other programs read them: UTC, to the millisecond.

use crate::Timestamp;

/// Milliseconds of a day.
const DAY: u64 = 24 * 60 * 60 * 1_000;
// Days from March 1 of the year 0 to the Unix epoch.
const DAYS_BEFORE_EPOCH: u64 = 719_468;
// 9999-12-31T23:59:59.999Z: the last moment that RFC 3339 can write.
const LAST: u64 = 253_402_300_799_999;

/// Writes a time by RFC 3339, in UTC, to the millisecond; one after the year 9999 as its last moment.
pub fn utc(at: Timestamp) -> String {
    let at = at.0.min(LAST);
    let (year, month, day) = civil(at / DAY);
    let (hour, minute) = (at % DAY / 3_600_000, at % 3_600_000 / 60_000);
    let (second, milli) = (at % 60_000 / 1_000, at % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// Gives year, month and day of a day since the Unix epoch, by the calendar of Gregory.
fn civil(days: u64) -> (u64, u64, u64) {
    // Counted from March, so that the leap day is the last of its year.
    let days = days + DAYS_BEFORE_EPOCH;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}
