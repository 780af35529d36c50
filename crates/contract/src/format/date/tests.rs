//! What date formats accept, and where their errors lie.

use super::*;

fn parse(pattern: &str, text: &str) -> Option<String> {
    let format = DateFormat::compile(pattern).expect(pattern);
    format
        .parse(text.as_bytes())
        .map(|instant| to_iso(instant, false))
}

#[test]
fn patterns_of_the_jdk_read_their_dates() {
    for (pattern, text, moment) in [
        ("yyyy-MM-dd", "2024-02-29", "2024-02-29T00:00:00"),
        ("uuuuMMdd", "19691231", "1969-12-31T00:00:00"),
        ("d.M.yy", "1.2.03", "2003-02-01T00:00:00"),
        ("yyyy-DDD", "2024-366", "2024-12-31T00:00:00"),
        ("dd MMM yyyy", "03 sep 2021", "2021-09-03T00:00:00"),
        (
            "EEEE, MMMM d, yyyy",
            "Friday, September 3, 2021",
            "2021-09-03T00:00:00",
        ),
        (
            "yyyy-MM-dd'T'HH:mm:ss.SSS",
            "2024-01-02T03:04:05.670",
            "2024-01-02T03:04:05.67",
        ),
        (
            "yyyy-MM-ddTHH:mm:ssZ",
            "2024-01-01T00:30:00+01:00",
            "2023-12-31T23:30:00",
        ),
        (
            "yyyy-MM-ddTHH:mm:ssZ",
            "2024-01-01T00:30:00Z",
            "2024-01-01T00:30:00",
        ),
        (
            "yyyy-MM-dd HH:mmX",
            "2024-01-01 00:30-02",
            "2024-01-01T02:30:00",
        ),
        (
            "yyyy-MM-dd HH:mmx",
            "2024-01-01 00:30+0030",
            "2024-01-01T00:00:00",
        ),
        (
            "MM/dd/yyyy hh:mm a",
            "01/02/2024 12:05 am",
            "2024-01-02T00:05:00",
        ),
        (
            "MM/dd/yyyy hh:mm a",
            "01/02/2024 12:05 PM",
            "2024-01-02T12:05:00",
        ),
        (
            "yyyy-MM-dd[ HH:mm[:ss]]",
            "2024-01-02 10:20",
            "2024-01-02T10:20:00",
        ),
        ("yyyy 'o''clock'", "2024 o'clock", "2024-01-01T00:00:00"),
    ] {
        assert_eq!(
            parse(pattern, text).as_deref(),
            Some(moment),
            "{pattern} on {text}"
        );
    }
}

#[test]
fn what_is_not_written_so_or_does_not_exist_is_refused() {
    for (pattern, text) in [
        ("yyyy-MM-dd", "2023-02-29"),
        ("yyyy-MM-dd", "2023-13-01"),
        ("yyyy-MM-dd", "2023-00-01"),
        ("yyyy-MM-dd", "2023-1-01"),
        ("yyyy-MM-dd", "2023-01-01 "),
        ("yyyy-MM-dd", "23-01-01"),
        ("yyyy-MM-dd", ""),
        ("yyyy-DDD", "2023-366"),
        ("HH:mm", "24:00"),
        ("HH:mm", "23:60"),
        ("hh:mm a", "13:00 PM"),
        ("EEE yyyy-MM-dd", "Mon 2021-09-03"),
        ("HH:mmXXX", "10:00+0100"),
        ("HH:mmXXX", "10:00+19:00"),
        ("HH:mmxxx", "10:00Z"),
        ("ss.SSS", "00.12"),
    ] {
        assert_eq!(parse(pattern, text), None, "{pattern} on {text}");
    }
}

#[test]
fn errors_point_into_the_pattern() {
    for (pattern, at) in [
        ("yyyy-MM-dd VV", "VV"),
        ("yyyyy", "yyyyy"),
        ("YYYY-MM-dd", "YYYY"),
        ("HHH", "HHH"),
        ("SSSSSSSSSS", "SSSSSSSSSS"),
        ("yyyy'T", "'T"),
        ("yyyy[MM", "["),
        ("yyyy]", "]"),
        ("yyyy{", "{"),
        ("", ""),
    ] {
        let error = DateFormat::compile(pattern).expect_err(pattern);
        assert_eq!(&pattern[error.span], at, "{pattern}");
    }
    assert!(DateFormat::compile(&"[".repeat(100_000)).is_err());
}

#[test]
fn iso_times_are_read_without_a_pattern() {
    let timestamp = DateFormat::iso_timestamp();
    for text in [
        "2024-01-02",
        "2024-01-02T03:04",
        "2024-01-02 03:04:05.123456789",
        "2024-01-02T03:04:05+01",
        "2024-01-02T03:04:05Z",
    ] {
        assert!(timestamp.parse(text.as_bytes()).is_some(), "{text}");
    }
    for text in [
        "2024-01-02T",
        "2024-01-02T03",
        "2024-01-02T03:04:05.",
        "2024-01-02T03:04:05+1",
        "20240102",
    ] {
        assert!(timestamp.parse(text.as_bytes()).is_none(), "{text}");
    }
    assert_eq!(
        DateFormat::iso_time().parse(b"00:00:01.5"),
        Some(Moment {
            seconds: 1,
            nanos: 500_000_000
        })
    );
}

#[test]
fn days_and_dates_are_inverses() {
    for days in (-800_000..3_000_000).step_by(97) {
        let (year, month, day) = calendar::civil(days);
        if let (Ok(year), true) = (u32::try_from(year), year <= 9999) {
            let text = format!("{year:04}-{month:02}-{day:02}");
            let instant = DateFormat::iso_timestamp()
                .parse(text.as_bytes())
                .expect("a day that exists");
            assert_eq!(instant.seconds, days * 86_400, "{text}");
        }
    }
}

#[test]
fn iso_shapes_accept_exactly_the_values_of_their_format() {
    use tamis_engine::kernel::parse_date_time;
    let values = [
        "2024-02-29",
        "2023-02-29",
        "2024-02-29T10:20:30",
        "2024-02-29 10:20:30",
        "2024-02-29T10:20:30.5",
        "2024-02-29T10:20:30.500",
        "2024-02-29T10:20:30Z",
        "2024-02-29T24:20:30Z",
        "2024-02-29T10:20:30+01:00",
        "10:20:30",
        "10:20:30.5",
    ];
    for (pattern, has_shape) in [
        ("yyyy-MM-dd", true),
        ("uuuu-MM-dd'T'HH:mm:ss", true),
        ("yyyy-MM-dd HH:mm:ss", true),
        ("yyyy-MM-ddTHH:mm:ss.SSS", true),
        ("yyyy-MM-dd'T'HH:mm:ss'Z'", true),
        ("HH:mm:ss", true),
        ("yyyy-MM-dd'T'HH:mm:ssXXX", false),
        ("yyyy-MM-dd'T'HH:mm", false),
        ("dd-MM-yyyy", false),
    ] {
        let format = DateFormat::compile(pattern).expect(pattern);
        let iso = format.iso_shape();
        assert_eq!(iso.is_some(), has_shape, "{pattern}");
        let Some(IsoShape { shape, layout }) = iso else {
            continue;
        };
        for value in values {
            let fits = layout.as_ref().is_none_or(|layout| {
                layout.len() == value.len()
                    && layout
                        .iter()
                        .zip(value.bytes())
                        .all(|(position, byte)| position.contains(byte))
            });
            let moment = parse_date_time(value.as_bytes(), shape).filter(|_| fits);
            assert_eq!(
                moment,
                format.parse(value.as_bytes()),
                "{pattern} on {value}"
            );
        }
    }
}
