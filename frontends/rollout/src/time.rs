//! Moments as rollouts write them.

use codex_event::Timestamp;

/// Reads `2026-11-24T22:38:52.384Z`; the offset may be another one.
pub(crate) fn moment(text: &str) -> Option<Timestamp> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let rest = text.get(19..)?;
    let (millis, zone) = match rest.strip_prefix('.') {
        Some(rest) => {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let padded = format!("{:0<3}", &rest[..digits]);
            (padded.get(..3)?.parse::<i64>().ok()?, &rest[digits..])
        }
        None => (0, rest),
    };
    let offset = match zone {
        "" | "Z" | "z" => 0,
        zone => {
            let sign = if zone.starts_with('-') { -1 } else { 1 };
            let hours = zone.get(1..3)?.parse::<i64>().ok()?;
            let minutes = zone.get(4..6)?.parse::<i64>().ok()?;
            sign * (hours * 60 + minutes)
        }
    };
    // Days since 1970, by the calendar that has March for its first month.
    let year = if month <= 2 { year - 1 } else { year };
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = year.div_euclid(400) * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    let seconds = (((days - 719_468) * 24 + hour) * 60 + minute - offset) * 60 + second;
    u64::try_from(seconds * 1000 + millis).ok().map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_to_the_millisecond() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2026-11-24T22:38:52.384Z", Some(1_795_559_932_384)),
            ("2026-11-24T22:38:52.384123Z", Some(1_795_559_932_384)),
            ("2026-11-25T00:38:52.3+02:00", Some(1_795_559_932_300)),
            ("2024-02-29T00:00:00", Some(1_709_164_800_000)),
            ("yesterday", None),
            ("2026-13-24T22:38:52Z", None),
            ("", None),
        ] {
            assert_eq!(moment(text).map(|moment| moment.0), expected, "{text}");
        }
    }
}
