use super::civil::rfc3339;
use super::*;

/// 2026-11-20T15:00:00Z.
const NOW_US: i64 = 1_795_186_800 * SECOND_US;

fn clock() -> Clock {
    Clock::new(Zone::UTC, NOW_US)
}

fn whole(text: &str) -> Option<String> {
    let read = clock().whole(text.as_bytes())?;
    Some(rfc3339(read.time_us, read.offset_seconds))
}

#[test]
fn times_of_all_ways_are_read() {
    for (written, meant) in [
        // The example of the Apache documentation.
        ("10/Oct/2000:13:55:36 -0700", "2000-10-10T13:55:36-07:00"),
        // RFC 3339 section 5.8 and RFC 5424 section 6.2.3.1.
        ("1985-04-12T23:20:50.52Z", "1985-04-12T23:20:50.520Z"),
        ("1996-12-19T16:39:57-08:00", "1996-12-19T16:39:57-08:00"),
        ("1990-12-31T23:59:60Z", "1991-01-01T00:00:00Z"),
        ("2003-10-11T22:14:15.003Z", "2003-10-11T22:14:15.003Z"),
        (
            "2003-08-24T05:14:15.000003-07:00",
            "2003-08-24T05:14:15.000003-07:00",
        ),
        ("2026-11-20 14:30:05,123", "2026-11-20T14:30:05.123Z"),
        ("2026/11/20 14:30:05", "2026-11-20T14:30:05Z"),
        ("2026-11-20 14:30:05 +0100", "2026-11-20T14:30:05+01:00"),
        ("2026-11-20 14:30:05.5 UTC", "2026-11-20T14:30:05.500Z"),
        ("2026-11-20T14:30:05+01", "2026-11-20T14:30:05+01:00"),
        // RFC 9557 section 1.
        (
            "2022-07-08T00:14:07+01:00[Europe/Paris]",
            "2022-07-08T00:14:07+01:00",
        ),
        // RFC 3164 section 5.4, in the last year that has it behind it.
        ("Oct 11 22:14:15", "2026-10-11T22:14:15Z"),
        ("Nov 21 14:59:59", "2026-11-21T14:59:59Z"),
        ("Nov 22 14:59:59", "2025-11-22T14:59:59Z"),
        ("Feb 29 00:00:00", "2024-02-29T00:00:00Z"),
        ("Oct  1 22:14:15.250", "2026-10-01T22:14:15.250Z"),
        ("Oct 11 2003 22:14:15", "2003-10-11T22:14:15Z"),
        // The example of Apache's ErrorLogFormat.
        (
            "Fri Sep 09 10:42:29.902022 2011",
            "2011-09-09T10:42:29.902022Z",
        ),
        ("Tue, 15 Nov 1994 08:12:31 GMT", "1994-11-15T08:12:31Z"),
        ("1795186800", "2026-11-20T15:00:00Z"),
        ("1795186800.25", "2026-11-20T15:00:00.250Z"),
        ("1795186800123", "2026-11-20T15:00:00.123Z"),
        ("1795186800123456", "2026-11-20T15:00:00.123456Z"),
        ("1795186800123456789", "2026-11-20T15:00:00.123456Z"),
    ] {
        assert_eq!(whole(written).as_deref(), Some(meant), "{written}");
    }
}

#[test]
fn what_is_no_time_is_none() {
    for text in [
        "",
        "2026-11-20",
        "2026-13-20T00:00:00Z",
        "2026-11-31T00:00:00Z",
        "2026-11-20T24:00:00Z",
        "2026-11-20T14:30:05Z and more",
        "2026-11/20 14:30:05",
        "10/Oct/2000:13:55:36 -07a0",
        "32/Oct/2000:13:55:36 -0700",
        "Okt 11 22:14:15",
        "Feb 30 22:14:15",
        "123456789",
        "179518680012345678901",
        "1795186800123.5",
        "\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}",
    ] {
        assert_eq!(whole(text), None, "{text}");
    }
}

#[test]
fn times_have_years_of_four_digits() {
    for (written, meant) in [
        ("0000-01-01T00:00:00+23:59", None),
        ("0000-12-31T23:59:59Z", None),
        ("0001-01-01T00:00:00+00:01", None),
        ("0001-01-01T00:00:00Z", Some("0001-01-01T00:00:00Z")),
        ("9999-12-31T23:59:59Z", Some("9999-12-31T23:59:59Z")),
        ("9999-12-31T23:59:59-00:01", None),
        ("31/Dec/9999:23:59:59 -0001", None),
        ("Dec 31 0000 22:14:15", None),
    ] {
        assert_eq!(whole(written).as_deref(), meant, "{written}");
    }
    let ends = range(Some("999999w ago"), Some("9999-12-31T23:59:59-12:00"), 0);
    let ends = ends.map(Option::unwrap);
    assert_eq!(
        ends,
        ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"]
    );
}

#[test]
fn what_is_checked_is_a_copy() {
    let mut copy = [0; COPY_BYTES];
    let long = "x".repeat(COPY_BYTES + 1);
    assert_eq!(copied(b"UTC", &mut copy), Some("UTC"));
    assert_eq!(copied(b"\xff", &mut copy), None);
    assert_eq!(copied(long.as_bytes(), &mut copy), None);
    assert_eq!(copied(&long.as_bytes()[1..], &mut copy), Some(&long[1..]));
}

#[test]
fn what_follows_a_time_is_left_alone() {
    let prefix = |text: &str| clock().prefix(text.as_bytes()).map(|(_, len)| len);
    assert_eq!(prefix("2026-11-20 14:30:05,123 ERROR x"), Some(23));
    assert_eq!(prefix("2026-11-20 14:30:05 - name"), Some(19));
    assert_eq!(prefix("2026-11-20 14:30:05 GET"), Some(19));
    assert_eq!(prefix("Oct 11 22:14:15 2003 x"), Some(20));
    assert_eq!(prefix("Oct 11 22:14:15 mymachine su"), Some(15));
    assert_eq!(
        clock().glog(b"1120 14:30:05.123456    12 x").map(|it| it.1),
        Some(20)
    );
}

#[test]
fn remembered_seconds_do_not_leak_into_others() {
    let mut clock = clock();
    let first = clock.iso(b"2026-11-20T14:30:05.25Z").expect("a time").0;
    let second = clock.iso(b"2026-11-20T14:30:05.5+01:00").expect("a time").0;
    assert_eq!(first.time_us - second.time_us, 3_599_750_000);
    assert_eq!(clock.iso(b"2026-11-20T14:61:05Z"), None);
    assert_eq!(clock.iso(b"2026-11-20T14:61:05Z"), None);
    let clf = b"10/Oct/2000:13:55:36 -0700";
    assert_eq!(clock.clf(clf), clock.clf(clf));
    assert_eq!(clock.clf(b"10/Oct/2000:13:55:36 -0799"), None);
}

#[test]
fn zones_have_summer_and_winter() {
    let berlin = Zone::named("Europe/Berlin").expect("the zone is known");
    let mut clock = Clock::new(berlin, NOW_US);
    for (written, meant) in [
        ("2026-07-01 12:00:00", "2026-07-01T12:00:00+02:00"),
        ("2026-12-01 12:00:00", "2026-12-01T12:00:00+01:00"),
        // The hour that is not there, and the first of the two that are.
        ("2026-03-29 02:30:00", "2026-03-29T03:30:00+02:00"),
        ("2026-10-25 02:30:00", "2026-10-25T02:30:00+02:00"),
    ] {
        let read = clock.whole(written.as_bytes()).expect("a time");
        let offset = Zone::named("Europe/Berlin")
            .expect("the zone is known")
            .offset_at(read.time_us);
        assert_eq!(rfc3339(read.time_us, offset), meant, "{written}");
    }
    assert!(Zone::named("Mars/Olympus").is_err() && Zone::named("+1:00").is_err());
}

fn range(since: Option<&str>, until: Option<&str>, offset: i32) -> [Option<String>; 2] {
    let bound = |text: &str| Bound::parse(text).expect("a bound");
    let (since, until) = (since.map(bound), until.map(bound));
    let zone = Zone::fixed(offset);
    let range = Range::resolve(since.as_ref(), until.as_ref(), NOW_US, &zone);
    [range.since_us, range.until_us].map(|end| end.map(|time_us| rfc3339(time_us, offset)))
}

#[test]
fn bounds_are_read_as_people_mean_them() {
    for (text, meant) in [
        ("2026-11-20T14:30:00+02:00", "2026-11-20T13:30:00+01:00"),
        ("2026-11-20 14:30", "2026-11-20T14:30:00+01:00"),
        ("2026-11-20T14:30Z", "2026-11-20T15:30:00+01:00"),
        ("2026-11-20", "2026-11-20T00:00:00+01:00"),
        ("20/Nov/2026:14:30:05 +0000", "2026-11-20T15:30:05+01:00"),
        // It is 16:00 there.
        ("14:30", "2026-11-20T14:30:00+01:00"),
        ("16:30:05", "2026-11-19T16:30:05+01:00"),
        ("2h ago", "2026-11-20T14:00:00+01:00"),
        ("-2h", "2026-11-20T14:00:00+01:00"),
        ("90 minutes ago", "2026-11-20T14:30:00+01:00"),
        ("1d12h ago", "2026-11-19T04:00:00+01:00"),
        ("now", "2026-11-20T16:00:00+01:00"),
        ("Today", "2026-11-20T00:00:00+01:00"),
        ("yesterday", "2026-11-19T00:00:00+01:00"),
        ("1795186800", "2026-11-20T16:00:00+01:00"),
    ] {
        assert_eq!(range(Some(text), None, 3600)[0].as_deref(), Some(meant));
    }
    for text in [
        "",
        "soon",
        "2h",
        "-",
        "ago",
        "25:00",
        "2026-02-30",
        "2x ago",
    ] {
        assert!(Bound::parse(text).is_err(), "{text}");
    }
}

#[test]
fn an_end_by_the_clock_follows_its_beginning() {
    let ends = |since, until| range(Some(since), Some(until), 0).map(Option::unwrap);
    assert_eq!(
        ends("23:30", "00:15"),
        ["2026-11-19T23:30:00Z", "2026-11-20T00:15:00Z"]
    );
    assert_eq!(
        ends("2026-11-01", "14:30"),
        ["2026-11-01T00:00:00Z", "2026-11-01T14:30:00Z"]
    );
    assert_eq!(
        range(None, Some("14:30"), 0)[1].as_deref(),
        Some("2026-11-20T14:30:00Z")
    );
}
