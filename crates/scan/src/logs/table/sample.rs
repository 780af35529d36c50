//! Some events of all, each as likely as any other, the same whoever saw them.
//!
//! Every event draws a number that depends on its place in the input only; the sample is the events with the
//! smallest ones. A sample of two halves is the smallest of both samples.

use std::collections::HashMap;

use tamis_engine::sketch::Sketch;

use super::{GROUP_BITS, Local};

/// Events of a full sample.
pub(in crate::logs) const SAMPLE_EVENTS: usize = 16 << 10;

/// The events with the smallest draws, and up to as many that may yet turn out not to be.
#[derive(Debug, Default)]
pub(super) struct Sample {
    events: Vec<Event>,
    keys: Vec<u8>,
    /// The largest draw of a full sample.
    limit: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Event {
    draw: u64,
    hash: u64,
    latency_ns: Option<u64>,
    start: u32,
    len: u32,
}

/// A value of the sample.
#[derive(Debug)]
pub(super) struct Sampled<'s> {
    pub(super) value: &'s [u8],
    pub(super) hash: u64,
    /// Events of the sample that have it.
    pub(super) count: u64,
    pub(super) latency: Option<Sketch>,
}

/// The number that the event at `byte_offset` of input `input` draws.
#[inline(always)]
pub(in crate::logs) fn draw(input: u64, byte_offset: u64) -> u64 {
    mix(byte_offset ^ input << 48)
}

/// The output function of SplitMix64: a bijection under which close inputs give unlike outputs.
#[inline(always)]
pub(super) fn mix(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    state ^ (state >> 31)
}

impl Sample {
    /// Events with a draw from here on are not of the sample.
    pub(super) fn below(&self) -> u64 {
        self.limit.unwrap_or(u64::MAX)
    }

    /// Takes what a worker has drawn.
    pub(super) fn absorb(&mut self, local: &Local) {
        for (drawn, hash, value) in local.sampled() {
            if drawn.draw >= self.below() {
                continue;
            }
            self.events.push(Event {
                draw: drawn.draw,
                hash,
                latency_ns: drawn.latency_ns,
                start: self.keys.len() as u32,
                len: value.len() as u32,
            });
            self.keys.extend_from_slice(value);
            if self.events.len() >= 2 * SAMPLE_EVENTS {
                self.cut();
            }
        }
    }

    /// The values of the sample, each once, with how often it came.
    pub(super) fn values(&self) -> Vec<Sampled<'_>> {
        let mut events = self.events.clone();
        keep_smallest(&mut events);
        let mut values: HashMap<&[u8], Sampled<'_>> = HashMap::new();
        for event in &events {
            let value = self.key(event);
            let sampled = values.entry(value).or_insert(Sampled {
                value,
                hash: event.hash,
                count: 0,
                latency: None,
            });
            sampled.count += 1;
            if let Some(ns) = event.latency_ns {
                let sketch = sampled
                    .latency
                    .get_or_insert_with(|| Sketch::new(GROUP_BITS));
                sketch.add(ns as f64, 1);
            }
        }
        // In whatever order: they are ranked by what is not known here.
        values.into_values().collect()
    }

    /// Lets go of the events that are not of the sample.
    fn cut(&mut self) {
        keep_smallest(&mut self.events);
        self.limit = self.events.iter().map(|event| event.draw).max();
        // Most events have a value that another one has, too.
        let mut starts: HashMap<&[u8], u32> = HashMap::new();
        let mut keys = Vec::new();
        for event in &mut self.events {
            let value = &self.keys[event.start as usize..][..event.len as usize];
            event.start = *starts.entry(value).or_insert_with(|| {
                keys.extend_from_slice(value);
                (keys.len() - value.len()) as u32
            });
        }
        self.keys = keys;
    }

    fn key(&self, event: &Event) -> &[u8] {
        &self.keys[event.start as usize..][..event.len as usize]
    }
}

fn keep_smallest(events: &mut Vec<Event>) {
    if events.len() > SAMPLE_EVENTS {
        events.select_nth_unstable_by_key(SAMPLE_EVENTS - 1, |event| event.draw);
        events.truncate(SAMPLE_EVENTS);
    }
}
