//! What one worker counts, and what all of them come to.
//!
//! Everything here is a sum, a maximum, or a sketch that is one of them, so that it does not matter who counted what in
//! which order. Small things are kept by each worker and added up when somebody asks ([`Tally::merge`]); the values of
//! fields go to the tables of the run ([`super::table`]).

use tamis_engine::sketch::{HyperLogLog, Sketch};

use super::event::{Event, Text, path_of};
use super::level::Level;
use super::table::{self, Local, Table};
use super::timeline::Timeline;

/// Bits of a duration's mantissa that are kept: a quantile is off by 0.4 % at most.
pub(super) const LATENCY_BITS: u32 = 7;

/// Of the memory of a run, the part that the exact values of a field may take: there are up to five such tables. A table takes
/// about a third more than its values while it grows, and the sketch and the sample that follow it less.
const TABLE_SHARE: u64 = 16;

/// The fields whose values are always counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dimension {
    Path,
    Client,
    Host,
    App,
}

impl Dimension {
    pub(super) const ALL: [Dimension; 4] = [
        Dimension::Path,
        Dimension::Client,
        Dimension::Host,
        Dimension::App,
    ];

    fn of<'l>(self, event: &Event<'l>) -> Option<Text<'l>> {
        match self {
            Dimension::Path => event.path,
            Dimension::Client => event.client,
            Dimension::Host => event.host,
            Dimension::App => event.app,
        }
    }
}

/// The tables of a run, which all workers add to.
#[derive(Debug)]
pub(super) struct Tables {
    dimensions: [Table; Dimension::ALL.len()],
    pub(super) by: Table,
}

impl Tables {
    pub(super) fn new(memory_bytes: u64) -> Tables {
        let table_bytes = memory_bytes / TABLE_SHARE;
        Tables {
            dimensions: Dimension::ALL.map(|_| Table::new(table_bytes, false)),
            by: Table::new(table_bytes, true),
        }
    }

    pub(super) fn of(&self, dimension: Dimension) -> &Table {
        &self.dimensions[dimension as usize]
    }
}

/// What is asked of every event.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) keeps_query: bool,
    pub(super) by: bool,
    /// Values of the field to group by are paths.
    pub(super) by_is_path: bool,
}

/// Durations, added up.
#[derive(Clone, Debug)]
pub(super) struct Latencies {
    pub(super) sketch: Sketch,
    pub(super) count: u64,
    pub(super) sum_ns: u128,
    pub(super) min_ns: u64,
    pub(super) max_ns: u64,
}

/// Plain counts.
#[derive(Clone, Debug)]
pub(super) struct Sums {
    pub(super) events: u64,
    pub(super) errors: u64,
    /// Bytes of the records that are events, with the lines that go on with them.
    pub(super) log_bytes: u64,
    /// Bytes of responses, and how many events had some.
    pub(super) bytes: u64,
    pub(super) with_bytes: u64,
    pub(super) with_status: u64,
    pub(super) with_level: u64,
    /// Events that have a status or a level: they could be errors.
    pub(super) with_outcome: u64,
    pub(super) without_time: u64,
    pub(super) without_by: u64,
    pub(super) first_us: i64,
    pub(super) last_us: i64,
    pub(super) statuses: Box<[u64; 1000]>,
    pub(super) levels: [u64; Level::ALL.len()],
}

/// What one worker has counted, or several together.
#[derive(Debug)]
pub(super) struct Tally {
    wanted: Wanted,
    pub(super) sums: Sums,
    pub(super) latencies: Latencies,
    pub(super) timeline: Timeline,
    locals: [Option<Box<Local>>; Dimension::ALL.len()],
    by: Option<Box<Local>>,
    /// The different values of each field, as seen by workers that were merged.
    pub(super) distinct: [HyperLogLog; Dimension::ALL.len()],
    pub(super) distinct_by: HyperLogLog,
    scratch: Vec<u8>,
}

impl Tally {
    /// Nothing yet; `offset_seconds` is how far the clock of the log is ahead of UTC.
    pub(super) fn new(wanted: Wanted, offset_seconds: i32) -> Tally {
        let distinct = || HyperLogLog::new(table::DISTINCT_PRECISION);
        Tally {
            wanted,
            sums: Sums::new(),
            latencies: Latencies::new(),
            timeline: Timeline::new(offset_seconds),
            locals: [const { None }; Dimension::ALL.len()],
            by: None,
            distinct: Dimension::ALL.map(|_| distinct()),
            distinct_by: distinct(),
            scratch: Vec::new(),
        }
    }

    /// Counts an event whose record takes `log_bytes` and drew `draw`. If events are grouped, the number of its group, which
    /// lasts until something is absorbed.
    #[inline]
    pub(super) fn add(
        &mut self,
        event: &Event<'_>,
        log_bytes: u64,
        draw: u64,
        tables: &Tables,
    ) -> Option<u32> {
        let is_error = event.is_error();
        self.sums.add(event, is_error, log_bytes);
        match event.time_us {
            Some(time_us) => self.timeline.add(time_us, is_error),
            None => self.sums.without_time += 1,
        }
        if let Some(ns) = event.latency_ns {
            self.latencies.add(ns);
        }
        let counts = table::Counts {
            events: 1,
            errors: u64::from(is_error),
            bytes: event.bytes.unwrap_or(0),
            log_bytes,
        };
        for dimension in Dimension::ALL {
            let Some(value) = dimension.of(event) else {
                continue;
            };
            let mut value = value.decode(&mut self.scratch);
            if dimension == Dimension::Path {
                value = path_of(value, self.wanted.keeps_query);
            }
            let table = tables.of(dimension);
            let local =
                self.locals[dimension as usize].get_or_insert_with(|| Box::new(Local::new(false)));
            local.add(value, counts, None, draw, table.sample_below());
            if local.is_full() {
                table.absorb(local);
            }
        }
        if !self.wanted.by {
            return None;
        }
        let Some(value) = event.by else {
            self.sums.without_by += 1;
            return None;
        };
        let mut value = value.decode(&mut self.scratch);
        if self.wanted.by_is_path {
            value = path_of(value, self.wanted.keeps_query);
        }
        let local = self.by.get_or_insert_with(|| Box::new(Local::new(true)));
        if local.is_full() {
            tables.by.absorb(local);
        }
        let below = tables.by.sample_below();
        Some(local.add(value, counts, event.latency_ns, draw, below))
    }

    /// Counts bytes of lines that go on with an event, whose group has this number.
    pub(super) fn extend(&mut self, group: Option<u32>, log_bytes: u64) {
        self.sums.log_bytes += log_bytes;
        if let (Some(local), Some(group)) = (&mut self.by, group) {
            let counts = table::Counts {
                log_bytes,
                ..table::Counts::default()
            };
            local.add_to(group, counts);
        }
    }

    /// The same where the group is known by its value, since it was counted by somebody else.
    pub(super) fn extend_value(&mut self, group: Option<&[u8]>, log_bytes: u64, tables: &Tables) {
        let number = group.map(|value| {
            let local = self.by.get_or_insert_with(|| Box::new(Local::new(true)));
            if local.is_full() {
                tables.by.absorb(local);
            }
            local.entry(value)
        });
        self.extend(number, log_bytes);
    }

    /// The value of the group of that number.
    pub(super) fn group(&self, number: u32) -> Option<&[u8]> {
        self.by.as_ref().map(|local| local.key(number))
    }

    /// Gives the tables what is not in them yet.
    pub(super) fn hand_over(&mut self, tables: &Tables) {
        for dimension in Dimension::ALL {
            if let Some(local) = self.locals[dimension as usize]
                .as_mut()
                .filter(|it| !it.is_empty())
            {
                tables.of(dimension).absorb(local);
            }
        }
        if let Some(local) = self.by.as_mut().filter(|it| !it.is_empty()) {
            tables.by.absorb(local);
        }
    }

    /// Adds what another one has counted, except for what it has yet to hand over.
    pub(super) fn merge(&mut self, other: &Tally) {
        self.sums.merge(&other.sums);
        self.latencies.merge(&other.latencies);
        self.timeline.merge(&other.timeline);
        let others = other.locals.iter().zip(&other.distinct);
        for (known, (local, merged)) in self.distinct.iter_mut().zip(others) {
            known.merge(merged);
            local.iter().for_each(|local| known.merge(local.distinct()));
        }
        self.distinct_by.merge(&other.distinct_by);
        other
            .by
            .iter()
            .for_each(|local| self.distinct_by.merge(local.distinct()));
    }
}

impl Sums {
    fn new() -> Sums {
        Sums {
            events: 0,
            errors: 0,
            log_bytes: 0,
            bytes: 0,
            with_bytes: 0,
            with_status: 0,
            with_level: 0,
            with_outcome: 0,
            without_time: 0,
            without_by: 0,
            first_us: i64::MAX,
            last_us: i64::MIN,
            statuses: Box::new([0; 1000]),
            levels: [0; Level::ALL.len()],
        }
    }

    #[inline(always)]
    fn add(&mut self, event: &Event<'_>, is_error: bool, log_bytes: u64) {
        self.events += 1;
        self.errors += u64::from(is_error);
        self.log_bytes += log_bytes;
        self.with_outcome += u64::from(event.status.is_some() || event.level.is_some());
        if let Some(bytes) = event.bytes {
            self.bytes = self.bytes.saturating_add(bytes);
            self.with_bytes += 1;
        }
        if let Some(status) = event.status {
            self.statuses[usize::from(status) % 1000] += 1;
            self.with_status += 1;
        }
        if let Some(level) = event.level {
            self.levels[level as usize] += 1;
            self.with_level += 1;
        }
        if let Some(time_us) = event.time_us {
            self.first_us = self.first_us.min(time_us);
            self.last_us = self.last_us.max(time_us);
        }
    }

    fn merge(&mut self, other: &Sums) {
        self.events += other.events;
        self.errors += other.errors;
        self.log_bytes += other.log_bytes;
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.with_bytes += other.with_bytes;
        self.with_status += other.with_status;
        self.with_level += other.with_level;
        self.with_outcome += other.with_outcome;
        self.without_time += other.without_time;
        self.without_by += other.without_by;
        self.first_us = self.first_us.min(other.first_us);
        self.last_us = self.last_us.max(other.last_us);
        for (sum, more) in self.statuses.iter_mut().zip(other.statuses.iter()) {
            *sum += more;
        }
        for (sum, more) in self.levels.iter_mut().zip(other.levels) {
            *sum += more;
        }
    }
}

impl Latencies {
    fn new() -> Latencies {
        Latencies {
            sketch: Sketch::new(LATENCY_BITS),
            count: 0,
            sum_ns: 0,
            min_ns: u64::MAX,
            max_ns: 0,
        }
    }

    #[inline(always)]
    fn add(&mut self, ns: u64) {
        self.sketch.add(ns as f64, 1);
        self.count += 1;
        self.sum_ns += u128::from(ns);
        self.min_ns = self.min_ns.min(ns);
        self.max_ns = self.max_ns.max(ns);
    }

    fn merge(&mut self, other: &Latencies) {
        self.sketch.merge(&other.sketch);
        self.count += other.count;
        self.sum_ns += other.sum_ns;
        self.min_ns = self.min_ns.min(other.min_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
    }
}
