//! Times in the forms that ZIP has for them. It must not know headers.

use jiff::Timestamp;
use jiff::tz::Offset;

/// The extended timestamp that Info-ZIP defined, id 0x5455: flags that say that only the time of last
/// writing is there, and that time in seconds since 1970, UTC. `None` where 32 bits do not hold it.
pub(super) fn extended(modified: i64) -> Option<[u8; 9]> {
    let seconds = i32::try_from(modified).ok()?;
    let mut field = [0x55, 0x54, 5, 0, 1, 0, 0, 0, 0];
    field[5..].copy_from_slice(&seconds.to_le_bytes());
    Some(field)
}

/// Time and date as MS-DOS has them, section 4.4.6: steps of two seconds from 1980 to 2107, the nearest
/// of them for what is outside. They are meant as local time; UTC is the one zone that is the same on
/// every machine.
pub(super) fn dos(modified: i64) -> (u16, u16) {
    const FIRST: i64 = 315_532_800; // 1980-01-01T00:00:00Z
    const LAST: i64 = 4_354_819_198; // 2107-12-31T23:59:58Z
    let timestamp = Timestamp::constant(modified.clamp(FIRST, LAST), 0);
    let at = Offset::UTC.to_datetime(timestamp);
    let bits = |number: i8| u16::from(number.unsigned_abs());
    let time = (bits(at.hour()) << 11) | (bits(at.minute()) << 5) | (bits(at.second()) / 2);
    let date = ((at.year().unsigned_abs() - 1980) << 9) | (bits(at.month()) << 5) | bits(at.day());
    (time, date)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read((time, date): (u16, u16)) -> String {
        format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
            1980 + (date >> 9),
            date >> 5 & 15,
            date & 31,
            time >> 11,
            time >> 5 & 63,
            (time & 31) * 2
        )
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (1_772_366_401, "2026-03-01 12:00:00"),
            (951_782_400, "2000-02-29 00:00:00"),
            (978_307_199, "2000-12-31 23:59:58"),
            (0, "1980-01-01 00:00:00"),
            (i64::MAX, "2107-12-31 23:59:58"),
        ] {
            assert_eq!(read(dos(seconds)), expected);
        }
    }

    #[test]
    fn an_exact_time_is_kept_where_it_fits() {
        assert_eq!(
            extended(1_772_366_401),
            Some([0x55, 0x54, 5, 0, 1, 0x41, 0x2a, 0xa4, 0x69])
        );
        assert_eq!(extended(1 << 31), None);
    }
}
