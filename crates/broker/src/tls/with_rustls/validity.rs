//! From when to when a certificate is valid.
//!
//! rustls looks at that of others alone, so it is read here, from the DER of X.509 (RFC 5280 §4.1):
//!
//! ```text
//! Certificate     SEQUENCE { TBSCertificate, ... }
//! TBSCertificate  SEQUENCE { [0] version, INTEGER serial, SEQUENCE signature, SEQUENCE issuer, SEQUENCE validity, ... }
//! Validity        SEQUENCE { Time, Time }
//! Time            UTCTime "YYMMDDHHMMSSZ", or GeneralizedTime "YYYYMMDDHHMMSSZ"
//! ```

/// Tags of DER (X.690 §8).
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// Seconds since 1970, both within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) from: i64,
    pub(super) until: i64,
}

impl Validity {
    /// Reads it; `None`: what was given is no certificate, or is written in another way.
    pub(super) fn of(certificate: &[u8]) -> Option<Validity> {
        let mut certificate = take(&mut { certificate }, SEQUENCE)?;
        let mut signed = take(&mut certificate, SEQUENCE)?;
        if signed.first() == Some(&VERSION) {
            take(&mut signed, VERSION)?;
        }
        take(&mut signed, INTEGER)?;
        take(&mut signed, SEQUENCE)?;
        take(&mut signed, SEQUENCE)?;
        let mut validity = take(&mut signed, SEQUENCE)?;
        Some(Validity {
            from: take_time(&mut validity)?,
            until: take_time(&mut validity)?,
        })
    }
}

/// What the next element holds, which must have this tag.
fn take<'b>(bytes: &mut &'b [u8], tag: u8) -> Option<&'b [u8]> {
    let (first, rest) = bytes.split_first()?;
    let (length, rest) = take_length(rest)?;
    if *first != tag || length > rest.len() {
        return None;
    }
    let (content, rest) = rest.split_at(length);
    *bytes = rest;
    Some(content)
}

/// A length: one byte below 128, or a byte that says how many there are, and those.
fn take_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    match *first {
        short @ 0..=0x7f => Some((usize::from(short), rest)),
        long @ 0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            let join = |sum: usize, byte: &u8| (sum << 8) | usize::from(*byte);
            Some((length.iter().fold(0, join), rest))
        }
        _ => None,
    }
}

fn take_time(bytes: &mut &[u8]) -> Option<i64> {
    let tag = *bytes.first()?;
    let text = take(bytes, tag)?.strip_suffix(b"Z")?;
    if !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |text: &[u8]| {
        let digits = text.iter().map(|it| i64::from(it - b'0'));
        digits.fold(0, |sum, it| sum * 10 + it)
    };
    let (year, rest) = match tag {
        // Of two digits those from 50 on are of the last century.
        UTC_TIME if text.len() == 12 => match number(&text[..2]) {
            year @ 50.. => (1900 + year, &text[2..]),
            year => (2000 + year, &text[2..]),
        },
        GENERALIZED_TIME if text.len() == 14 => (number(&text[..4]), &text[4..]),
        _ => return None,
    };
    let at = |index: usize| number(&rest[2 * index..2 * index + 2]);
    if !(1..=12).contains(&at(0)) {
        return None;
    }
    let days = days_since_1970(year, at(0), at(1));
    Some(((days * 24 + at(2)) * 60 + at(3)) * 60 + at(4))
}

/// Days from 1970 to a day of the Gregorian calendar: years begin in March here, so that the day that comes every four years is their
/// last (H. Hinnant, "chrono-compatible low-level date algorithms", `days_from_civil`).
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    const DAYS_OF_400_YEARS: i64 = 146_097;
    const DAYS_TO_1970: i64 = 719_468;
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month_since_march = (month + 9) % 12;
    let day_of_year = (153 * month_since_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * DAYS_OF_400_YEARS + day_of_era - DAYS_TO_1970
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn of(from: (i32, u8, u8), until: (i32, u8, u8)) -> Option<Validity> {
        let names = vec!["localhost".to_owned()];
        let mut parameters = CertificateParams::new(names).expect("a name");
        parameters.not_before = date_time_ymd(from.0, from.1, from.2);
        parameters.not_after = date_time_ymd(until.0, until.1, until.2);
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters.self_signed(&key).expect("a certificate");
        Validity::of(certificate.der())
    }

    /// The seconds are those that `date -u -d 2026-11-23 +%s` tells.
    #[test]
    fn times_are_what_the_certificate_says() {
        let days = |days: i64| days * 86_400;
        let expected = Validity {
            from: 1_795_392_000,
            until: 1_795_392_000 + days(365),
        };
        assert_eq!(of((2026, 11, 23), (2027, 11, 23)), Some(expected));
        let expected = Validity {
            from: 0,
            until: 951_782_400,
        };
        assert_eq!(of((1970, 1, 1), (2000, 2, 29)), Some(expected));
        // From 2050 on they are written with four digits.
        let expected = Validity {
            from: -1_577_923_200,
            until: 253_402_214_400,
        };
        assert_eq!(of((1920, 1, 1), (9999, 12, 31)), Some(expected));
    }

    #[test]
    fn what_is_cut_off_is_no_certificate() {
        let key = KeyPair::generate().expect("a key");
        let parameters = CertificateParams::new(Vec::new()).expect("no names");
        let whole = parameters.self_signed(&key).expect("a certificate");
        let whole = whole.der();
        assert!(Validity::of(whole).is_some());
        for end in 0..whole.len() {
            assert_eq!(Validity::of(&whole[..end]), None);
        }
    }

    proptest! {
        #![proptest_config(crate::testing::cases(500))]

        #[test]
        fn whatever_is_written_is_read_or_not(bytes in proptest::collection::vec(any::<u8>(), 0..60), lead in 0..4_usize) {
            // Headers of elements that hold the rest, so that something is read.
            let mut element = bytes;
            for _ in 0..lead {
                element.splice(0..0, [SEQUENCE, element.len() as u8]);
            }
            if let Some(found) = Validity::of(&element) {
                prop_assert!(found.from.abs() < 1 << 40);
            }
        }
    }
}
