//! What a partition knows of producers that number their records (KIP-98): whether a batch is the next, a repetition, or neither.
//!
//! For each producer the last [`REMEMBERED`] batches are kept, as many as clients have on the way at most. What repeats one of
//! them is answered with the offset it got the first time.

use std::collections::{HashMap, VecDeque};

use crate::batch::{Header, after};

/// Batches remembered for each producer: `max.in.flight.requests.per.connection` of an idempotent producer is 5 at most.
const REMEMBERED: usize = 5;

/// After so long without a batch a producer is forgotten (Kafka's `producer.id.expiration.ms`).
const EXPIRATION_MS: i64 = 24 * 60 * 60 * 1000;

/// What a producer that numbers its records did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadSequence {
    /// Records are missing between the last batch and this one.
    #[error("producer {producer_id}: sequence {found} does not follow {last}")]
    OutOfOrder {
        /// Who.
        producer_id: i64,
        /// The number of the batch's first record.
        found: i32,
        /// The number of the last record there is.
        last: i32,
    },
    /// Another life of this producer has begun since.
    #[error("producer {producer_id}: epoch {found} is over since {current} began")]
    Epoch {
        /// Who.
        producer_id: i64,
        /// The epoch of the batch.
        found: i16,
        /// The newest known.
        current: i16,
    },
}

/// A batch that was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Appended {
    pub(crate) first_sequence: i32,
    pub(crate) last_sequence: i32,
    pub(crate) base_offset: i64,
    /// Milliseconds since 1970.
    pub(crate) timestamp: i64,
}

/// What is known of one producer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Producer {
    pub(crate) epoch: i16,
    /// Oldest first; never empty.
    pub(crate) batches: VecDeque<Appended>,
}

/// What may become of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is to be appended.
    Next,
    /// It is there already, with this base offset and time.
    Duplicate(Appended),
}

/// The producers of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Producers(HashMap<i64, Producer>);

impl Producers {
    /// Whether a batch may be appended.
    pub(crate) fn check(&self, header: &Header) -> Result<Verdict, BadSequence> {
        let Some(known) = self.0.get(&header.producer_id) else {
            return Ok(Verdict::Next);
        };
        let producer_id = header.producer_id;
        if header.producer_epoch < known.epoch {
            return Err(BadSequence::Epoch {
                producer_id,
                found: header.producer_epoch,
                current: known.epoch,
            });
        }
        let last = known.batches.back().map_or(-1, |it| it.last_sequence);
        let first = header.base_sequence;
        if header.producer_epoch > known.epoch {
            return match first {
                0 => Ok(Verdict::Next),
                found => Err(BadSequence::OutOfOrder {
                    producer_id,
                    found,
                    last: -1,
                }),
            };
        }
        let same = |it: &&Appended| {
            it.first_sequence == first && it.last_sequence == header.last_sequence()
        };
        if let Some(duplicate) = known.batches.iter().find(same) {
            return Ok(Verdict::Duplicate(*duplicate));
        }
        match first == after(last, 1) {
            true => Ok(Verdict::Next),
            false => Err(BadSequence::OutOfOrder {
                producer_id,
                found: first,
                last,
            }),
        }
    }

    /// Takes note of a batch that was appended at `base_offset`.
    pub(crate) fn note(&mut self, header: &Header, base_offset: i64) {
        if !header.has_producer() || header.is_control() {
            return;
        }
        let producer = self.0.entry(header.producer_id).or_default();
        if producer.epoch != header.producer_epoch {
            producer.epoch = header.producer_epoch;
            producer.batches.clear();
        }
        if producer.batches.len() == REMEMBERED {
            producer.batches.pop_front();
        }
        producer.batches.push_back(Appended {
            first_sequence: header.base_sequence,
            last_sequence: header.last_sequence(),
            base_offset,
            timestamp: header.max_timestamp,
        });
    }

    /// Forgets who wrote nothing for a day before `now_ms`.
    pub(crate) fn expire(&mut self, now_ms: i64) {
        self.0.retain(|_, producer| {
            let last = producer.batches.back();
            last.is_some_and(|it| now_ms.saturating_sub(it.timestamp) < EXPIRATION_MS)
        });
    }

    /// Where the last batch of each begins.
    pub(crate) fn last_batches(&self) -> HashMap<i64, i64> {
        let last = self.0.iter().map(|(&id, producer)| {
            let batch = producer.batches.back();
            (id, batch.map_or(-1, |it| it.base_offset))
        });
        last.collect()
    }

    /// All of them, in the order of their ids.
    pub(crate) fn sorted(&self) -> Vec<(i64, &Producer)> {
        let mut sorted: Vec<_> = self
            .0
            .iter()
            .map(|(&id, producer)| (id, producer))
            .collect();
        sorted.sort_unstable_by_key(|(id, _)| *id);
        sorted
    }

    /// Puts back what was known of a producer.
    pub(crate) fn restore(&mut self, id: i64, producer: Producer) {
        self.0.insert(id, producer);
    }
}
