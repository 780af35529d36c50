//! A chunk of lines to counts, and to what only the lines around it can tell.
//!
//! Records may go on over several lines: a stack trace goes with the line that logged it. A chunk is cut at any line, so
//! one may begin with lines of a record that began before it. Whether these belong to an event, to a record outside of
//! the range that was asked for, or to nothing is known only to who has seen the chunks before: a [`Part`] hands them over as
//! [`Part::lead`], and says with [`Part::last`] what its own last record was. [`super::merge`] puts the two together.

use std::sync::{Arc, Mutex};

use memchr::memchr;
use tamis_engine::pipeline::Chunk;

use super::format::Parser;
use super::state::lock;
use super::table;
use super::tally::{Tables, Tally};
use super::time::Range;

/// Lines that parse as nothing of which a part remembers the text.
pub(super) const SAMPLES_MAX: usize = 5;

/// Bytes of such a line that are remembered.
const SAMPLE_BYTES: usize = 400;

/// What a worker needs.
#[derive(Debug)]
pub(super) struct Worker<'t> {
    pub(super) parser: Parser,
    pub(super) tally: Arc<Mutex<Tally>>,
    pub(super) tables: &'t Tables,
    pub(super) range: Range,
    /// Number of the input: what its events draw depends on it.
    pub(super) input: u64,
}

/// What a chunk says to the chunks around it.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) bytes: u64,
    pub(super) lines: u64,
    pub(super) blank: u64,
    /// Events in the range, and outside of it.
    pub(super) events: u64,
    pub(super) outside: u64,
    /// Lines outside of any record.
    pub(super) unparsed: u64,
    /// Lines that go on with an event, and how many events have such lines. Those of the last record count, too.
    pub(super) continued_lines: u64,
    pub(super) continued_events: u64,
    /// Lines before the first record.
    pub(super) lead: Lead,
    /// The first lines that parse as nothing, in their order; those of the lead not among them.
    pub(super) samples: Vec<Sample>,
    /// The last record; `None` if there is none at all.
    pub(super) last: Option<Last>,
    pub(super) order: Order,
}

/// Lines whose record is in a chunk before.
#[derive(Debug, Default)]
pub(super) struct Lead {
    pub(super) lines: u64,
    pub(super) bytes: u64,
    pub(super) samples: Vec<Sample>,
}

/// A line that parses as nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    /// Lines of the chunk before it.
    pub(super) line: u64,
    pub(super) byte_offset: u64,
    pub(super) text: Vec<u8>,
}

/// What became of a record, and so of the lines that go on with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Last {
    pub(super) fate: Fate,
    /// Lines that go on with it so far.
    pub(super) continued: u64,
    /// The value of its group.
    pub(super) group: Option<Vec<u8>>,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is an event.
    Event,
    /// It is outside of the range of time.
    Outside,
    /// It could not be parsed.
    Unparsed,
}

/// Whether times come in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) min_us: i64,
    pub(super) max_us: i64,
    /// The furthest that a time lies before one that came earlier.
    pub(super) back_us: i64,
}

impl Default for Order {
    fn default() -> Order {
        Order {
            min_us: i64::MAX,
            max_us: i64::MIN,
            back_us: 0,
        }
    }
}

impl Order {
    #[inline(always)]
    fn add(&mut self, time_us: i64) {
        if time_us < self.max_us {
            self.back_us = self.back_us.max(self.max_us.saturating_sub(time_us));
        } else {
            self.max_us = time_us;
        }
        self.min_us = self.min_us.min(time_us);
    }

    /// These times, and then those.
    pub(super) fn then(self, next: Order) -> Order {
        let across = match self.max_us > next.min_us {
            true => self.max_us.saturating_sub(next.min_us),
            false => 0,
        };
        Order {
            min_us: self.min_us.min(next.min_us),
            max_us: self.max_us.max(next.max_us),
            back_us: self.back_us.max(next.back_us).max(across),
        }
    }
}

impl Worker<'_> {
    /// Counts the lines of a chunk.
    pub(super) fn map(&mut self, chunk: Chunk<'_>) -> Part {
        let tally = Arc::clone(&self.tally);
        let mut tally = lock(&tally);
        let mut part = Part {
            bytes: chunk.bytes.len() as u64,
            ..Part::default()
        };
        let mut at = match chunk.byte_offset == 0 && chunk.bytes.starts_with(b"\xEF\xBB\xBF") {
            true => 3,
            false => 0,
        };
        // Of the last record: what became of it, its lines, and its group.
        let mut open: Option<(Fate, u64)> = None;
        let mut group = None;
        while at < chunk.bytes.len() {
            let rest = &chunk.bytes[at..];
            let end = memchr(b'\n', rest).unwrap_or(rest.len());
            let taken = (end + 1).min(rest.len());
            let (start, line) = (at, trimmed(&rest[..end]));
            at += taken;
            part.lines += 1;
            if let Some(event) = self.parser.parse(line) {
                let is_inside = match event.time_us {
                    Some(time_us) => {
                        part.order.add(time_us);
                        self.range.contains(time_us)
                    }
                    None => self.range.is_all(),
                };
                open = Some((
                    if is_inside {
                        Fate::Event
                    } else {
                        Fate::Outside
                    },
                    0,
                ));
                if !is_inside {
                    part.outside += 1;
                    continue;
                }
                part.events += 1;
                let draw = table::draw(self.input, chunk.byte_offset + start as u64);
                group = tally.add(&event, taken as u64, draw, self.tables);
                continue;
            }
            if line.trim_ascii().is_empty() {
                part.blank += 1;
                continue;
            }
            if !self.parser.continues(line) {
                open = Some((Fate::Unparsed, 0));
            }
            let sample = |part: &Part| Sample {
                line: part.lines - 1,
                byte_offset: chunk.byte_offset + start as u64,
                text: line[..line.len().min(SAMPLE_BYTES)].to_vec(),
            };
            match &mut open {
                None => {
                    if part.lead.samples.len() < SAMPLES_MAX {
                        let sample = sample(&part);
                        part.lead.samples.push(sample);
                    }
                    part.lead.lines += 1;
                    part.lead.bytes += taken as u64;
                }
                Some((Fate::Event, continued)) => {
                    part.continued_events += u64::from(*continued == 0);
                    *continued += 1;
                    part.continued_lines += 1;
                    tally.extend(group, taken as u64);
                }
                Some((Fate::Outside, _)) => {}
                Some((Fate::Unparsed, _)) => {
                    part.unparsed += 1;
                    if part.samples.len() < SAMPLES_MAX {
                        let sample = sample(&part);
                        part.samples.push(sample);
                    }
                }
            }
        }
        part.last = open.map(|(fate, continued)| Last {
            fate,
            continued,
            group: group
                .filter(|_| fate == Fate::Event)
                .and_then(|group| tally.group(group))
                .map(<[u8]>::to_vec),
        });
        part
    }
}

/// A line without the `\r` at its end.
#[inline(always)]
fn trimmed(line: &[u8]) -> &[u8] {
    match line {
        [text @ .., b'\r'] => text,
        text => text,
    }
}
