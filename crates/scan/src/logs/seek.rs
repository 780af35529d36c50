//! Which bytes of a file hold a range of time, without reading the file.
//!
//! Logs are written in the order of time, so that a binary search over byte offsets finds where a range begins and ends: a
//! *probe* goes to an offset, takes the first record that begins behind it, and reads its time. A file of a
//! terabyte takes about fifty probes of some KiB.
//!
//! Order is not exact: requests are logged when they end, threads overtake each other. So the search is for times
//! [`MARGIN_US`] outside of the range, and whoever reads what was found looks at the time of each record. Whether the file is
//! sorted at all is asked of every two probes; and afterwards of all records that were read. If not, the rest is read as well.
//!
//! That is no proof. A stretch out of order that no probe meets and that lies outside of what is read stays unseen, and only
//! reading everything would tell. So the report says how many bytes were left out, and [`LogOptions::seeks`] turns
//! the search off.
//!
//! [`LogOptions::seeks`]: super::LogOptions::seeks

use std::ops::Range as Bytes;

use memchr::memchr;
use tamis_engine::source::RandomAccess;

use super::format::Parser;
use super::time::Range;

/// Records may come so much later than their time says, and be found nevertheless.
pub(super) const MARGIN_US: i64 = 120_000_000;

/// Bytes that a probe reads at first, and at most.
const PROBE_BYTES: u64 = 4 << 10;
const PROBE_BYTES_MAX: u64 = 1 << 20;

/// A stretch this short is read rather than searched.
const FOUND_BYTES: u64 = 64 << 10;

/// Probes that are spread over the file before the search, to see whether it is sorted.
const SPREAD: u64 = 16;

/// A file this short is read from start to end.
const SOUGHT_BYTES_MIN: u64 = SPREAD * 4 * PROBE_BYTES;

/// Where a range of time is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// In these bytes, which begin and end where a record does.
    Bytes(Bytes<u64>),
    /// Perhaps everywhere: the file is not sorted by time.
    Unsorted,
    /// Perhaps everywhere: there is no record with a time for long stretches.
    Timeless,
}

/// What a search found, and what it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sought {
    pub(super) found: Found,
    pub(super) probes: u64,
    /// Bytes that were read by probes.
    pub(super) probed_bytes: u64,
    /// The times of the first and the last record that were probed.
    pub(super) seen: Option<(i64, i64)>,
}

/// A record that was found by a probe.
#[derive(Clone, Copy, Debug)]
struct Record {
    byte_offset: u64,
    time_us: i64,
}

/// What a probe came to.
#[derive(Clone, Copy, Debug)]
enum Probed {
    Record(Record),
    /// No record begins before the limit.
    Nothing,
    /// None that is close enough to be looked for.
    Lost,
}

struct Search<'a> {
    access: &'a dyn RandomAccess,
    parser: &'a mut Parser,
    /// In the order of their places.
    known: Vec<Record>,
    probes: u64,
    probed_bytes: u64,
}

/// Searches `access` for `range`.
///
/// # Errors
/// What reading answers.
pub(super) fn seek(
    access: &dyn RandomAccess,
    parser: &mut Parser,
    range: Range,
) -> tamis_engine::Result<Sought> {
    let len = access.len_bytes();
    let mut search = Search {
        access,
        parser,
        known: Vec::new(),
        probes: 0,
        probed_bytes: 0,
    };
    let found = search.find(range, len)?;
    let times = || search.known.iter().map(|record| record.time_us);
    Ok(Sought {
        found,
        probes: search.probes,
        probed_bytes: search.probed_bytes,
        seen: times().min().zip(times().max()),
    })
}

impl Search<'_> {
    fn find(&mut self, range: Range, len: u64) -> tamis_engine::Result<Found> {
        if len < SOUGHT_BYTES_MIN {
            return Ok(Found::Bytes(0..len));
        }
        for part in 0..SPREAD {
            self.probe(len / SPREAD * part, len)?;
        }
        self.probe_end(len)?;
        let mut ends = [Some(0), Some(len)];
        if let Some(since_us) = range.since_us {
            ends[0] = self.border(since_us.saturating_sub(MARGIN_US), len, |low, _| low)?;
        }
        if let Some(until_us) = range.until_us {
            ends[1] = self.border(until_us.saturating_add(MARGIN_US), len, |_, len| len)?;
        }
        Ok(match ends {
            _ if !self.is_sorted() => Found::Unsorted,
            [Some(start), Some(end)] => Found::Bytes(start..end.max(start)),
            _ => Found::Timeless,
        })
    }

    /// Where the first record begins that is not earlier than `time_us`. When it cannot be told exactly, `otherwise`, of where
    /// an earlier one begins and of the end of the file. `None`: when there are too few records to search among.
    fn border(
        &mut self,
        time_us: i64,
        len: u64,
        otherwise: impl Fn(u64, u64) -> u64,
    ) -> tamis_engine::Result<Option<u64>> {
        let earlier = self.known.iter().rfind(|record| record.time_us < time_us);
        let Some(&Record {
            byte_offset: mut low,
            ..
        }) = earlier
        else {
            // Not even the first one is.
            return Ok((!self.known.is_empty()).then_some(0));
        };
        // The record at `low` is earlier; no record that begins between `high` and the next one known is.
        let later = self.known.iter().find(|record| record.byte_offset > low);
        let mut high = later.map_or(len, |record| record.byte_offset);
        while high - low > FOUND_BYTES {
            let middle = low + (high - low) / 2;
            match self.probe(middle, high)? {
                Probed::Record(record) if record.byte_offset < high && record.time_us < time_us => {
                    low = record.byte_offset;
                }
                Probed::Record(_) | Probed::Nothing => high = middle,
                Probed::Lost => return Ok(None),
            }
        }
        // The last stretch is read line by line, and what follows it, should its last record be long.
        for more in [PROBE_BYTES, PROBE_BYTES_MAX] {
            let stop = high.saturating_add(more).min(len);
            if let Some(found) = self.first_from(time_us, low..stop)? {
                return Ok(Some(found));
            }
            if stop == len {
                return Ok(Some(len));
            }
        }
        Ok(Some(otherwise(low, len)))
    }

    /// Where the first complete record of `bytes` begins that is not earlier than `time_us`.
    fn first_from(&mut self, time_us: i64, bytes: Bytes<u64>) -> tamis_engine::Result<Option<u64>> {
        let mut found = None;
        let parser = &mut *self.parser;
        let wanted = |it: i64| it >= time_us;
        self.access.with_range(bytes.clone(), &mut |text| {
            found = first_record(parser, text, true, wanted);
        })?;
        self.probes += 1;
        self.probed_bytes += bytes.end - bytes.start;
        Ok(found.map(|(at, _)| bytes.start + at as u64))
    }

    /// The first record with a time that begins at `from` or behind, and if possible before `to`.
    fn probe(&mut self, from: u64, to: u64) -> tamis_engine::Result<Probed> {
        let mut want = PROBE_BYTES;
        self.probes += 1;
        // A line that begins at `from` is known by the byte before it.
        let start = from.saturating_sub(1);
        loop {
            let end = start.saturating_add(want).min(self.access.len_bytes());
            let mut found = None;
            let parser = &mut *self.parser;
            self.access.with_range(start..end, &mut |text| {
                found = first_record(parser, text, from == 0, |_| true);
            })?;
            self.probed_bytes += end - start;
            if let Some((at, time_us)) = found {
                let record = Record {
                    byte_offset: start + at as u64,
                    time_us,
                };
                self.remember(record);
                return Ok(Probed::Record(record));
            }
            if end >= to {
                return Ok(Probed::Nothing);
            }
            if want >= PROBE_BYTES_MAX {
                return Ok(Probed::Lost);
            }
            want *= 4;
        }
    }

    /// The last record with a time, if it is not far from the end.
    fn probe_end(&mut self, len: u64) -> tamis_engine::Result<()> {
        let mut want = PROBE_BYTES;
        self.probes += 1;
        loop {
            let start = len.saturating_sub(want);
            let mut last = None;
            let parser = &mut *self.parser;
            self.access.with_range(start..len, &mut |text| {
                let mut at = 0;
                let mut begins_line = start == 0;
                while let Some((found, time_us)) =
                    first_record(parser, &text[at..], begins_line, |_| true)
                {
                    last = Some(Record {
                        byte_offset: start + (at + found) as u64,
                        time_us,
                    });
                    // Behind the first byte of the record, so that the next one is the next line.
                    at += found + 1;
                    begins_line = false;
                }
            })?;
            self.probed_bytes += len - start;
            if let Some(last) = last {
                self.remember(last);
                return Ok(());
            }
            if start == 0 || want >= PROBE_BYTES_MAX {
                return Ok(());
            }
            want *= 4;
        }
    }

    fn remember(&mut self, record: Record) {
        let place = self
            .known
            .partition_point(|known| known.byte_offset < record.byte_offset);
        self.known.insert(place, record);
    }

    /// Whether no record that was probed is much earlier than one before it.
    fn is_sorted(&self) -> bool {
        let mut latest_us = i64::MIN;
        self.known.iter().all(|record| {
            let is_late = record.time_us < latest_us.saturating_sub(MARGIN_US);
            latest_us = latest_us.max(record.time_us);
            !is_late
        })
    }
}

/// The first complete line with a time that is wanted: where it begins and when it was. The line that `text` begins in is
/// left out, unless it begins there.
fn first_record(
    parser: &mut Parser,
    text: &[u8],
    begins_line: bool,
    is_wanted: impl Fn(i64) -> bool,
) -> Option<(usize, i64)> {
    let mut at = match begins_line {
        true => 0,
        false => memchr(b'\n', text)? + 1,
    };
    loop {
        let end = at + memchr(b'\n', text.get(at..)?)?;
        let line = &text[at..end];
        let event = parser.parse(line.strip_suffix(b"\r").unwrap_or(line));
        if let Some(time_us) = event.and_then(|event| event.time_us)
            && is_wanted(time_us)
        {
            return Some((at, time_us));
        }
        at = end + 1;
    }
}
