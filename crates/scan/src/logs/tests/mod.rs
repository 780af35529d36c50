//! Goal: the report is that of a plain reading line by line, however the logs are cut, read and sought in.

mod data;
mod seeking;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use proptest::prelude::*;
use tamis_engine::source::{MemorySource, Source};

use self::data::{ACCESS, TRACES, access_log};
use super::report::Report;
use super::*;

/// So many cases of a property; `TAMIS_SOAK=n` runs `n` times as many.
pub(in crate::logs) fn cases(count: u32) -> ProptestConfig {
    let factor = std::env::var("TAMIS_SOAK").ok();
    let factor: u32 = factor.map_or(1, |factor| factor.parse().expect("TAMIS_SOAK is a number"));
    ProptestConfig::with_cases(count * factor)
}

/// The report on some texts, each an input.
fn report_on(texts: &[&str], options: &LogOptions) -> Report {
    let sources: Vec<MemorySource> = texts
        .iter()
        .enumerate()
        .map(|(number, text)| MemorySource::new(format!("log.{number}"), text.as_bytes().to_vec()))
        .collect();
    let inputs: Vec<Input<'_>> = sources.iter().map(|source| Input::named(source)).collect();
    logs(&inputs, options).expect("logs").0
}

fn by(field: &str) -> LogOptions {
    LogOptions {
        by: By::new(Some(field)),
        zone: Some(Zone::UTC),
        ..LogOptions::default()
    }
}

#[test]
fn an_access_log_is_added_up() {
    let report = report_on(&[ACCESS], &by("status"));
    assert_eq!((report.events, report.errors), (5, 1));
    assert_eq!(report.error_rate, Some(0.2));
    assert_eq!(report.first.as_deref(), Some("2026-11-20T14:30:00Z"));
    assert_eq!(report.last.as_deref(), Some("2026-11-20T14:31:00Z"));
    assert_eq!(report.response_bytes, Some(60));
    assert_eq!(
        report.log_bytes,
        ACCESS
            .lines()
            .filter(|line| line.starts_with('1'))
            .map(|line| line.len() as u64 + 1)
            .sum::<u64>()
    );
    let statuses: Vec<(&str, u64)> = report
        .status
        .iter()
        .map(|it| (it.value.as_str(), it.events))
        .collect();
    assert_eq!(statuses, [("200", 3), ("404", 1), ("500", 1)]);
    let paths = report.paths.expect("there are paths");
    assert_eq!((paths.distinct, paths.approximate), (3, false));
    assert_eq!(
        (paths.values[0].value.as_str(), paths.values[0].events),
        ("/a", 3)
    );
    assert_eq!(paths.values[0].errors, 1);
    assert_eq!(report.clients.expect("there are clients").distinct, 2);
    let latency = report.latency.expect("requests took some time");
    assert_eq!((latency.count, latency.min, latency.max), (5, 0.1, 0.5));
    assert!((latency.p50 - 0.3).abs() < 0.003 && (latency.mean - 0.3).abs() < 1e-9);
    assert_eq!(report.lines.unparsed, 1);
    assert_eq!(report.unparsed[0].line, Some(3));
    assert_eq!(report.unparsed[0].text, "rubbish");
    let groups = report.by.expect("it was asked for");
    assert_eq!((groups.distinct, groups.groups.len()), (3, 3));
    let group = &groups.groups[0];
    assert_eq!(
        (group.value.as_str(), group.events, group.response_bytes),
        ("200", 3, 40)
    );
    assert!(group.p99.is_some_and(|p99| (p99 - 0.4).abs() < 0.01));
    assert_eq!(report.timeline.bucket_seconds, 5);
    assert_eq!(report.timeline.buckets.len(), 13);
}

#[test]
fn queries_count_only_when_asked_for() {
    let options = LogOptions {
        keeps_query: true,
        ..by("path")
    };
    let report = report_on(&[ACCESS], &options);
    let values: Vec<String> = report
        .by
        .expect("groups")
        .groups
        .into_iter()
        .map(|it| it.value)
        .collect();
    assert_eq!(values, ["/a", "/a?x=1", "/b", "/c"]);
}

#[test]
fn stack_traces_go_with_what_logged_them() {
    let report = report_on(&[TRACES], &by("level"));
    assert_eq!((report.events, report.errors), (3, 1));
    assert_eq!(
        (report.lines.continued, report.lines.continued_events),
        (4, 2)
    );
    assert_eq!((report.lines.unparsed, report.lines.blank), (1, 1));
    let groups = report.by.expect("groups").groups;
    let error = groups
        .iter()
        .find(|group| group.value == "error")
        .expect("an error");
    let lines = TRACES.lines().skip(2).take(4);
    assert_eq!(
        error.log_bytes,
        lines.map(|line| line.len() as u64 + 1).sum::<u64>()
    );
}

#[test]
fn several_inputs_make_one_report() {
    let json = "{\"time\":\"2026-11-20T14:30:59Z\",\"level\":\"error\",\"path\":\"/a\"}\n";
    let report = report_on(&[ACCESS, "", json], &LogOptions::default());
    assert_eq!((report.events, report.errors), (6, 2));
    let formats: Vec<&str> = report.inputs.iter().map(|it| it.format.as_str()).collect();
    assert_eq!(
        formats,
        ["combined with a request time", "empty", "JSON lines"]
    );
    assert_eq!(report.paths.expect("paths").values[0].events, 4);
    assert_eq!(report.levels[0].value, "error");
}

#[test]
fn what_is_no_log_is_an_error_if_it_was_named() {
    let text = MemorySource::new("notes.txt", "some text\nand more\n");
    let error = logs(&[Input::named(&text)], &LogOptions::default()).expect_err("no log");
    assert_eq!(
        error.to_string(),
        "`notes.txt`: no log format fits: none reads one of its first 2 lines"
    );
    let odd = Path::new(OsStr::from_bytes(b"notes\xff.txt"));
    for (path, shown) in [(None, "notes.txt"), (Some(odd), "notes\\xff.txt")] {
        let found = Input {
            source: &text,
            path,
            is_named: false,
        };
        let (report, _) = logs(&[found], &LogOptions::default()).expect("it is left out");
        let note = format!("`{shown}` was found in a folder and left out: it is no log");
        assert_eq!(report.notes, [note]);
    }
    let log = MemorySource::new("access.log", ACCESS);
    let error = logs(&[Input::named(&log)], &by("pth")).expect_err("no such field");
    assert!(
        error.to_string().ends_with("(did you mean `path`?)"),
        "{error}"
    );
}

/// A year that RFC 3339 cannot write must not get into the report: the event has no time.
#[test]
fn impossible_years_are_no_times() {
    let line = |time: &str| format!("{{\"time\":\"{time}\",\"level\":\"info\"}}\n");
    let sound = line("2026-11-20T14:30:00Z").repeat(3);
    let log = format!("{sound}{}", line("0000-01-01T00:00:00+23:59"));
    let report = report_on(&[&log], &LogOptions::default());
    assert_eq!((report.events, report.events_without_time), (4, 1));
    assert_eq!(report.first, report.last);
    // The widest buckets begin before the first year.
    let log = format!(
        "{}{}",
        line("0001-01-01T00:00:00Z"),
        line("9999-12-31T23:59:59Z")
    );
    let report = report_on(&[&log], &LogOptions::default());
    let starts = report.timeline.buckets.iter().map(|it| it.start.as_str());
    let is_rfc3339 = |start: &str| start.len() == 20 && start.as_bytes()[0].is_ascii_digit();
    assert!(
        starts.clone().all(is_rfc3339),
        "{:?}",
        starts.collect::<Vec<_>>()
    );
}

#[test]
fn a_byte_order_mark_and_carriage_returns_are_no_text() {
    let log = format!("\u{feff}{}", ACCESS.replace('\n', "\r\n"));
    let report = report_on(&[&log], &by("status"));
    assert_eq!((report.events, report.lines.unparsed), (5, 1));
    assert_eq!(report.unparsed[0].text, "rubbish");
}

#[test]
fn a_gone_reader_of_times_says_so() {
    let options = LogOptions {
        since: Some(Bound::parse("2030-01-01").expect("a bound")),
        ..LogOptions::default()
    };
    let report = report_on(&[ACCESS], &options);
    assert_eq!(report.events, 0);
    assert_eq!(
        report.notes,
        [
            "nothing happened in that time: records are of 2026-11-20T14:30:00Z to 2026-11-20T14:31:00Z"
        ]
    );
}

/// The report as JSON with some threads and chunks, as random access or as a stream.
fn json(
    text: &str,
    threads: usize,
    chunk_bytes: usize,
    read_bytes: Option<usize>,
    options: &LogOptions,
) -> String {
    let source = MemorySource::new("log", text.as_bytes().to_vec());
    let source: Box<dyn Source> = match read_bytes {
        Some(bytes) => Box::new(source.as_stream(bytes)),
        None => Box::new(source),
    };
    let options = LogOptions {
        threads,
        chunk_bytes,
        ..options.clone()
    };
    logs(&[Input::named(source.as_ref())], &options)
        .expect("logs")
        .0
        .to_json()
}

fn awkward_log() -> impl Strategy<Value = String> {
    let line = proptest::sample::select(vec![
        "2026-11-20 14:30:00 INFO started",
        "2026-11-20 14:30:07 ERROR failed",
        "2026-11-19 23:59:59 WARN late",
        "[2026-11-20 14:29:59] DEBUG [x] y",
        "\tat com.example.A.b(A.java:1)",
        "Caused by: java.io.IOException",
        "",
        "java.lang.IllegalStateException: no",
    ]);
    proptest::collection::vec(line, 0..60).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn cuts_and_threads_do_not_show(text in awkward_log(), since in any::<bool>(), final_newline in any::<bool>()) {
        let text = if final_newline { format!("{text}\n") } else { text };
        let options = LogOptions {
            format: FormatChoice::Format(Format::Text),
            since: since.then(|| Bound::parse("2026-11-20T14:30:00Z").expect("a bound")),
            ..by("level")
        };
        // Streams are not sought in, so that they read more of a range.
        let whole = json(&text, 1, 1 << 20, None, &options);
        let stream = json(&text, 1, 1 << 20, Some(1 << 20), &options);
        for threads in [1, 2, 3, 7] {
            for chunk_bytes in [1, 2, 7, 64, 1000] {
                prop_assert_eq!(&json(&text, threads, chunk_bytes, None, &options), &whole);
                prop_assert_eq!(&json(&text, threads, chunk_bytes, Some(11), &options), &stream);
            }
        }
    }
}

#[test]
fn a_larger_log_is_the_same_for_all_threads_and_chunks() {
    let log = access_log(20_000, 30_000);
    let whole = json(&log, 1, 1 << 22, None, &by("path"));
    assert!(whole.contains("\"approximate\": false"));
    for (threads, chunk_bytes) in [(1, 4096), (2, 100_000), (3, 65_536), (7, 8192)] {
        assert_eq!(json(&log, threads, chunk_bytes, None, &by("path")), whole);
        assert_eq!(
            json(&log, threads, chunk_bytes, Some(10_007), &by("path")),
            whole
        );
    }
}

#[test]
fn estimates_are_the_same_for_all_threads_and_chunks() {
    let log = access_log(60_000, 4_000_000_000);
    let options = LogOptions {
        memory_bytes: 3_000_000,
        ..by("path")
    };
    let whole = json(&log, 1, 1 << 22, None, &options);
    assert!(whole.contains("\"approximate\": true"));
    for (threads, chunk_bytes) in [(2, 100_000), (3, 65_536), (7, 300_000)] {
        assert_eq!(json(&log, threads, chunk_bytes, None, &options), whole);
    }
}
