//! A chunk of lines to counts, and to what only the lines around it can tell.
//!
//! Records may go on over several lines: a stack trace goes with the line that logged it. A chunk is cut at any line, so
//! one may begin with lines of a record that began before it. Whether these belong to an event, to a record outside of
//! the range that was asked for, or to nothing is known only to who has seen the chunks before: a [`Part`] hands them over as
//! [`Part::lead`], and says with [`Part::last`] what its own last record was. [`super::merge`] puts the two together.

use std::sync::{Arc, Mutex, MutexGuard};

use memchr::memchr;
use tamis_engine::pipeline::Chunk;

use super::event::Event;
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
        let mut counting = Counting::new(self, lock(&tally), chunk.bytes.len());
        let mut at = match chunk.byte_offset == 0 && chunk.bytes.starts_with(b"\xEF\xBB\xBF") {
            true => 3,
            false => 0,
        };
        while at < chunk.bytes.len() {
            let rest = &chunk.bytes[at..];
            let end = memchr(b'\n', rest).unwrap_or(rest.len());
            let line = Line {
                text: trimmed(&rest[..end]),
                byte_offset: chunk.byte_offset + at as u64,
                len_bytes: (end + 1).min(rest.len()) as u64,
            };
            at += line.len_bytes as usize;
            counting.part.lines += 1;
            if let Some(event) = self.parser.parse(line.text) {
                counting.record(&event, &line);
            } else if line.text.trim_ascii().is_empty() {
                counting.part.blank += 1;
            } else {
                let goes_on = self.parser.continues(line.text);
                counting.other_line(&line, goes_on);
            }
        }
        counting.finish()
    }
}

/// A line and its place.
#[derive(Clone, Copy, Debug)]
struct Line<'l> {
    /// Without its end.
    text: &'l [u8],
    byte_offset: u64,
    /// With its end.
    len_bytes: u64,
}

/// A chunk that is being counted.
struct Counting<'t> {
    range: Range,
    input: u64,
    tables: &'t Tables,
    tally: MutexGuard<'t, Tally>,
    part: Part,
    /// The last record: what became of it, and lines that go on with it.
    open: Option<(Fate, u64)>,
    /// Its group, if it is an event.
    group: Option<u32>,
}

impl<'t> Counting<'t> {
    fn new(worker: &Worker<'t>, tally: MutexGuard<'t, Tally>, len_bytes: usize) -> Counting<'t> {
        Counting {
            range: worker.range,
            input: worker.input,
            tables: worker.tables,
            tally,
            part: Part {
                bytes: len_bytes as u64,
                ..Part::default()
            },
            open: None,
            group: None,
        }
    }

    /// Counts a record, which may lie outside of the range.
    #[inline(always)]
    fn record(&mut self, event: &Event<'_>, line: &Line<'_>) {
        let is_inside = match event.time_us {
            Some(time_us) => {
                self.part.order.add(time_us);
                self.range.contains(time_us)
            }
            None => self.range.is_all(),
        };
        if !is_inside {
            self.open = Some((Fate::Outside, 0));
            self.part.outside += 1;
            return;
        }
        self.open = Some((Fate::Event, 0));
        self.part.events += 1;
        let draw = table::draw(self.input, line.byte_offset);
        self.group = self.tally.add(event, line.len_bytes, draw, self.tables);
    }

    /// Counts a line that begins no record: one that `goes_on` with the record before it, or rubbish.
    fn other_line(&mut self, line: &Line<'_>, goes_on: bool) {
        if !goes_on {
            self.open = Some((Fate::Unparsed, 0));
        }
        let part = &mut self.part;
        match &mut self.open {
            None => {
                line.remember(part.lines, &mut part.lead.samples);
                part.lead.lines += 1;
                part.lead.bytes += line.len_bytes;
            }
            Some((Fate::Event, continued)) => {
                part.continued_events += u64::from(*continued == 0);
                *continued += 1;
                part.continued_lines += 1;
                self.tally.extend(self.group, line.len_bytes);
            }
            Some((Fate::Outside, _)) => {}
            Some((Fate::Unparsed, _)) => {
                part.unparsed += 1;
                line.remember(part.lines, &mut part.samples);
            }
        }
    }

    /// What the chunk comes to.
    fn finish(mut self) -> Part {
        self.part.last = self.open.map(|(fate, continued)| Last {
            fate,
            continued,
            group: self
                .group
                .filter(|_| fate == Fate::Event)
                .and_then(|group| self.tally.group(group))
                .map(<[u8]>::to_vec),
        });
        self.part
    }
}

impl Line<'_> {
    /// Puts the line to the samples, unless there are enough; it is the last one of `lines`.
    fn remember(&self, lines: u64, samples: &mut Vec<Sample>) {
        if samples.len() < SAMPLES_MAX {
            samples.push(Sample {
                line: lines - 1,
                byte_offset: self.byte_offset,
                text: self.text[..self.text.len().min(SAMPLE_BYTES)].to_vec(),
            });
        }
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
