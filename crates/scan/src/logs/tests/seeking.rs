//! Goal: a range of time of a file is what filtering line by line finds, and little else of the file is read.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use tamis_engine::source::{MemorySource, Opened, RandomAccess, Source};

use super::cases;
use super::data::{access_log, next, second_of_line};
use crate::logs::report::Report;
use crate::logs::time::civil::rfc3339;
use crate::logs::time::{Bound, Zone};
use crate::logs::{Input, LogOptions, logs};

/// Memory that counts what is read of it.
#[derive(Debug)]
struct Counted {
    text: MemorySource,
    read_bytes: Arc<AtomicU64>,
}

impl Counted {
    fn new(text: &str) -> Counted {
        Counted {
            text: MemorySource::new("access.log", text.as_bytes().to_vec()),
            read_bytes: Arc::default(),
        }
    }
}

impl Source for Counted {
    fn name(&self) -> &str {
        self.text.name()
    }

    fn open(&self) -> tamis_engine::Result<Opened> {
        let Opened::Random(access) = self.text.open()? else {
            unreachable!("memory is random access");
        };
        let read_bytes = Arc::clone(&self.read_bytes);
        Ok(Opened::Random(Box::new(CountedAccess {
            access,
            read_bytes,
        })))
    }

    fn is_repeatable(&self) -> bool {
        true
    }
}

#[derive(Debug)]
struct CountedAccess {
    access: Box<dyn RandomAccess>,
    read_bytes: Arc<AtomicU64>,
}

impl RandomAccess for CountedAccess {
    fn name(&self) -> &str {
        self.access.name()
    }

    fn len_bytes(&self) -> u64 {
        self.access.len_bytes()
    }

    fn backend(&self) -> &'static str {
        self.access.backend()
    }

    fn with_range(
        &self,
        range: Range<u64>,
        visit: &mut dyn FnMut(&[u8]),
    ) -> tamis_engine::Result<()> {
        let bytes = range.end.min(self.len_bytes()) - range.start;
        self.read_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.access.with_range(range, visit)
    }

    fn release(&self, range: Range<u64>) {
        self.access.release(range);
    }

    fn verify(&self) -> tamis_engine::Result<()> {
        self.access.verify()
    }
}

fn between(since: Option<i64>, until: Option<i64>) -> LogOptions {
    let bound = |second: i64| Bound::parse(&rfc3339(second * 1_000_000, 0)).expect("a bound");
    LogOptions {
        since: since.map(bound),
        until: until.map(bound),
        zone: Some(Zone::UTC),
        ..LogOptions::default()
    }
}

fn report(source: &dyn Source, options: &LogOptions) -> Report {
    logs(&[Input::named(source)], options).expect("logs").0
}

/// All that does not tell how it was read.
fn essence(mut report: Report) -> Report {
    report.inputs.clear();
    report.range.records_outside = 0;
    report.lines = Default::default();
    report
}

/// What a search says and reading everything does not.
fn is_about_skipped(note: &str) -> bool {
    note.contains("left out, taken to be sorted by time")
}

#[test]
fn little_is_read_beyond_the_range() {
    const LINES: u64 = 400_000;
    let log = access_log(LINES, 1000);
    let source = Counted::new(&log);
    let middle = second_of_line(LINES / 2);
    let report = report(&source, &between(Some(middle), Some(middle + 600)));
    // Every third second has a line.
    assert!((190..=210).contains(&report.events), "{}", report.events);
    let read = source.read_bytes.load(Ordering::Relaxed);
    // Some seventy bytes a line; the range, its margins, the head, and twice log2 of the file in probes.
    let range_bytes = (600 + 2 * 120 + 40) / 3 * 90;
    let beyond = read - range_bytes;
    assert!(log.len() > 30_000_000);
    assert!(beyond < 600_000, "{beyond} bytes of {}", log.len());
    let input = &report.inputs[0];
    assert!(input.probes < 60, "{}", input.probes);
    assert!(input.bytes_read < 500_000 && input.bytes == log.len() as u64);
}

#[test]
fn probes_grow_with_the_logarithm() {
    let probes = |lines: u64| {
        let log = access_log(lines, 1000);
        let source = Counted::new(&log);
        let middle = second_of_line(lines / 3);
        let report = report(&source, &between(Some(middle), Some(middle + 60)));
        report.inputs[0].probes
    };
    let (small, large) = (probes(12_500), probes(200_000));
    // Sixteen times as much: four more steps for each of two ends.
    assert!(large <= small + 8 + 2, "{small} {large}");
}

#[test]
fn what_lies_outside_of_the_file_is_found_to_be_nothing() {
    let log = access_log(20_000, 100);
    let source = Counted::new(&log);
    let (first, last) = (second_of_line(0), second_of_line(20_000));
    for (since, until, events) in [
        (Some(last + 1000), None, 0),
        (None, Some(first - 1000), 0),
        (Some(first - 1000), Some(last + 1000), 20_000),
        (Some(last), Some(first), 0),
    ] {
        let report = report(&source, &between(since, until));
        assert_eq!(report.events, events);
        let about_nothing = report
            .notes
            .iter()
            .filter(|it| it.contains("nothing happened"));
        assert_eq!(about_nothing.count(), usize::from(events == 0));
        let is_skipped = report.inputs[0].bytes_skipped > 0;
        assert_eq!(is_skipped, events == 0);
        let about_skipped = report.notes.iter().filter(|it| is_about_skipped(it));
        assert_eq!(about_skipped.count(), usize::from(is_skipped));
    }
}

#[test]
fn a_file_that_is_not_sorted_is_read_whole() {
    let sorted = access_log(60_000, 100);
    // The second half first: the probe at the start of the file is later than the one at its end.
    let half = sorted[..sorted.len() / 2].rfind('\n').expect("lines") + 1;
    let swapped = format!("{}{}", &sorted[half..], &sorted[..half]);
    // A piece that is far too early, where no probe looks.
    let quarter = sorted[..sorted.len() / 4].rfind('\n').expect("lines") + 1;
    let line_end = sorted[..700].rfind('\n').expect("lines") + 1;
    let odd = format!(
        "{}{}{}",
        &sorted[..quarter],
        &sorted[..line_end],
        &sorted[quarter..]
    );
    let at = second_of_line(15_000);
    for (log, options) in [
        (swapped, between(Some(at), Some(at + 90))),
        (odd, between(Some(at - 3000), Some(at + 6000))),
    ] {
        let found = report(&Counted::new(&log), &options);
        let stream = MemorySource::new("access.log", log.clone().into_bytes()).as_stream(1 << 20);
        let filtered = report(&stream, &options);
        assert_eq!(
            found.notes,
            ["`access.log` was read from start to end: its times are not in order"]
        );
        assert_eq!(found.inputs[0].lines, filtered.inputs[0].lines);
        assert_eq!(
            essence(Report {
                notes: Vec::new(),
                ..found
            }),
            essence(filtered)
        );
    }
}

/// A stretch that belongs to the range lies where neither a probe nor the reading comes by: that cannot be noticed, so it is said.
#[test]
fn what_is_left_out_is_told_of() {
    let sorted = access_log(60_000, 100);
    let line_end = |at: usize| sorted[..at].rfind('\n').expect("lines") + 1;
    let (from, to) = (
        line_end(sorted.len() / 4),
        line_end(sorted.len() / 4 + 4000),
    );
    let odd_place = line_end(sorted.len() / 32 * 27);
    let (stretch, rest) = (&sorted[from..to], &sorted[odd_place..]);
    let log = format!("{}{stretch}{rest}", &sorted[..odd_place]);
    let at = second_of_line(15_000);
    let mut options = between(Some(at - 600), Some(at + 900));
    let sought = report(&Counted::new(&log), &options);
    options.seeks = false;
    let read = report(&Counted::new(&log), &options);
    let lines = stretch.lines().count() as u64;
    assert_eq!(read.events, sought.events + lines);
    assert_eq!((read.inputs[0].bytes_skipped, read.notes.len()), (0, 0));
    assert!(read.inputs[0].out_of_order_seconds > Some(100_000.0));
    let input = &sought.inputs[0];
    assert_eq!(input.out_of_order_seconds, None);
    assert!(input.skipped_share > 0.9 && input.bytes_skipped < input.bytes);
    let note = &sought.notes[0];
    assert!(
        note.starts_with("`access.log`: 5.") && note.ends_with("`--no-seek` reads everything"),
        "{note}"
    );
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn seeking_is_filtering(seed in any::<u64>(), lines in 1..12_000_u64, from in 0..12_000_u64, seconds in 0..8000_i64, ends in 0..4_u8) {
        let mut log = access_log(lines, 50);
        // Lines that are none, here and there.
        let mut state = seed;
        for _ in 0..next(&mut state) % 4 {
            let at = next(&mut state) as usize % log.len();
            let line_end = log[..at].rfind('\n').map_or(0, |newline| newline + 1);
            log.insert_str(line_end, "rubbish\n");
        }
        let since = second_of_line(from);
        let options = between((ends & 1 == 0).then_some(since), (ends & 2 == 0).then_some(since + seconds));
        let found = report(&Counted::new(&log), &options);
        let stream = MemorySource::new("access.log", log.into_bytes()).as_stream(1 << 16);
        let filtered = report(&stream, &options);
        let (mut found, mut filtered) = (essence(found), essence(filtered));
        // Those outside of the range are not looked for, and times that were probed say less than all of them.
        found.unparsed.clear();
        filtered.unparsed.clear();
        found.notes.retain(|note| !is_about_skipped(note));
        prop_assert_eq!(found.notes.len(), filtered.notes.len());
        filtered.notes.clear();
        found.notes.clear();
        prop_assert_eq!(found, filtered);
    }
}
