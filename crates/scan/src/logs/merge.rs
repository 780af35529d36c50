//! Parts of one input in their order: line numbers, records that go on from one chunk to the next, and whether times come
//! in their order.

use std::sync::Mutex;

use super::chunk::{Fate, Last, Order, Part, SAMPLES_MAX, Sample};
use super::state::lock;
use super::tally::{Tables, Tally};

/// What the parts of one input come to.
#[derive(Clone, Debug, Default)]
pub(super) struct Merged {
    pub(super) bytes: u64,
    pub(super) lines: u64,
    pub(super) blank: u64,
    pub(super) events: u64,
    pub(super) outside: u64,
    pub(super) unparsed: u64,
    pub(super) continued_lines: u64,
    pub(super) continued_events: u64,
    /// The first lines that parse as nothing; their lines count from the start of what was read.
    pub(super) samples: Vec<Sample>,
    pub(super) order: Order,
    last: Option<Last>,
}

impl Merged {
    /// Adds the next part; what goes on with events of parts before is counted in `tally`.
    pub(super) fn add(&mut self, part: Part, tally: &Mutex<Tally>, tables: &Tables) {
        self.settle_lead(&part, tally, tables);
        let lines_before = self.lines;
        self.bytes += part.bytes;
        self.lines += part.lines;
        self.blank += part.blank;
        self.events += part.events;
        self.outside += part.outside;
        self.unparsed += part.unparsed;
        self.continued_lines += part.continued_lines;
        self.continued_events += part.continued_events;
        self.order = self.order.then(part.order);
        self.remember(&part.samples, lines_before);
        if let Some(last) = part.last {
            self.last = Some(last);
        }
    }

    /// Adds what stands behind in the input, and begins with a record.
    pub(super) fn append(&mut self, next: Merged) {
        let lines_before = self.lines;
        self.bytes += next.bytes;
        self.lines += next.lines;
        self.blank += next.blank;
        self.events += next.events;
        self.outside += next.outside;
        self.unparsed += next.unparsed;
        self.continued_lines += next.continued_lines;
        self.continued_events += next.continued_events;
        self.order = self.order.then(next.order);
        self.remember(&next.samples, lines_before);
    }

    /// The times of the first and the last record, in the range or not.
    pub(super) fn seen(&self) -> Option<(i64, i64)> {
        let order = self.order;
        (order.min_us <= order.max_us).then_some((order.min_us, order.max_us))
    }

    /// What becomes of the lines before the first record of a part: they go on with the last record before it.
    fn settle_lead(&mut self, part: &Part, tally: &Mutex<Tally>, tables: &Tables) {
        let lead = &part.lead;
        if lead.lines == 0 {
            return;
        }
        match &mut self.last {
            Some(last) if last.fate == Fate::Event => {
                self.continued_events += u64::from(last.continued == 0);
                last.continued += lead.lines;
                self.continued_lines += lead.lines;
                lock(tally).extend_value(last.group.as_deref(), lead.bytes, tables);
            }
            Some(last) if last.fate == Fate::Outside => {}
            _ => {
                self.unparsed += lead.lines;
                let lines_before = self.lines;
                self.remember(&lead.samples, lines_before);
            }
        }
    }

    fn remember(&mut self, samples: &[Sample], lines_before: u64) {
        let left = SAMPLES_MAX - self.samples.len();
        self.samples
            .extend(samples.iter().take(left).map(|sample| Sample {
                line: lines_before + sample.line,
                ..sample.clone()
            }));
    }
}
