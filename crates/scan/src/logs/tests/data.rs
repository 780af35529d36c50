//! Logs to test with.

use std::fmt::Write;

use crate::logs::time::civil::date_and_time;

/// Five requests and a line that is none.
pub(super) const ACCESS: &str = r#"10.0.0.1 - - [20/Nov/2026:14:30:00 +0000] "GET /a HTTP/1.1" 200 10 "-" "curl" 0.100
10.0.0.2 - - [20/Nov/2026:14:30:10 +0000] "GET /a?x=1 HTTP/1.1" 200 10 "-" "curl" 0.200
rubbish
10.0.0.1 - - [20/Nov/2026:14:30:20 +0000] "GET /b HTTP/1.1" 404 10 "-" "curl" 0.300
10.0.0.1 - - [20/Nov/2026:14:30:30 +0000] "GET /c HTTP/1.1" 200 20 "-" "curl" 0.400
10.0.0.1 - - [20/Nov/2026:14:31:00 +0000] "GET /a HTTP/1.1" 500 10 "-" "curl" 0.500
"#;

/// Records of a program that was in trouble before it began.
pub(super) const TRACES: &str = "\
    Picked up JAVA_TOOL_OPTIONS
2026-11-20 14:30:00,000 INFO  [main] started
2026-11-20 14:30:01,000 ERROR [main] failed
java.lang.IllegalStateException: no
\tat com.example.A.b(A.java:1)
Caused by: java.io.IOException: disk

2026-11-20 14:30:02,000 WARN  [main] stopping
{
";

/// A number that follows another one, unlike it.
pub(super) fn next(state: &mut u64) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *state >> 29
}

/// When line `number` of [`access_log`] was, in seconds since 1970: every line some seconds after the one before.
pub(super) fn second_of_line(number: u64) -> i64 {
    1_795_000_000 + 3 * number as i64
}

/// An access log of so many lines, in the order of time but for some seconds, with one of `paths` paths in each.
pub(super) fn access_log(lines: u64, paths: u64) -> String {
    let (mut log, mut state) = (String::new(), 1);
    for number in 0..lines {
        let back = next(&mut state) % 20;
        let (date, time) = date_and_time((second_of_line(number) - back as i64) * 1_000_000, 0);
        let [year, month, day] = [&date[..4], &date[5..7], &date[8..]];
        let month = if month == "11" { "Nov" } else { "Dec" };
        let common = next(&mut state).is_multiple_of(2);
        let path = match common {
            true => next(&mut state) % 20,
            false => next(&mut state) % paths,
        };
        let status = [200, 200, 200, 304, 404, 500][next(&mut state) as usize % 6];
        writeln!(
            log,
            "10.0.{}.{} - - [{day}/{month}/{year}:{time} +0000] \"GET /{path} HTTP/1.1\" {status} {} \"-\" \"curl\" 0.{:03}",
            next(&mut state) % 4,
            next(&mut state) % 250,
            next(&mut state) % 10_000,
            next(&mut state) % 1000,
        )
        .expect("a string takes everything");
    }
    log
}
