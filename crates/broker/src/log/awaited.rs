//! Producers of whom nothing was taken yet, and whose first batch was refused.
//!
//! Whom nobody knows may begin with any number (KIP-360): what was known of a producer may have been forgotten. But producers send five
//! batches before the first is answered. If the first is refused, say for a bad record, and the second is taken since nobody knows its
//! producer, then
//!
//! - the number of the first is free for its next try, as it must be, and is refused for coming too late;
//! - Java's clients before 2.5 give the numbers of a batch that failed to those behind it, and so the one that the second has to the third,
//!   which is taken for its repetition, acknowledged and lost;
//! - Java's clients since then number what is on the way anew, in a new epoch: if the connection ends before the second is answered it comes
//!   again under another number, and is there twice. (librdkafka waits for all that is on the way before it does that.)
//!
//! So a producer whose first batch was refused counts as known: it is to come with the number of that batch, or in a new epoch. Kafka's brokers
//! forget it (`ProducerAppendInfo.checkSequence`), but there a batch is seldom refused for what is in it. A client that goes on with the next
//! number all the same (aiokafka) is refused from the first batch on, as it is behind any later one.
//!
//! This is kept in memory: when a broker was killed nothing is on the way, and the first comes again before the second, or both under new
//! numbers.

use std::collections::HashMap;

use super::producers::BadSequence;
use crate::batch::Header;

/// As many producers are remembered. Of more at a time, who send one bad batch each and may be no producers at all, any number is taken.
const PRODUCERS_MAX: usize = 4096;

/// The producers, by their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Awaited(HashMap<i64, First>);

/// What a producer is to come with.
#[derive(Clone, Debug, PartialEq, Eq)]
struct First {
    epoch: i16,
    sequence: i32,
    /// Whether it was refused before the last [`Awaited::expire`].
    is_old: bool,
}

impl Awaited {
    /// Takes note that a batch was refused of a producer of whom nothing was taken.
    pub(super) fn note(&mut self, header: &Header) {
        if self.0.len() >= PRODUCERS_MAX && !self.0.contains_key(&header.producer_id) {
            return;
        }
        let (epoch, sequence) = (header.producer_epoch, header.base_sequence);
        let first = self.0.entry(header.producer_id).or_insert(First {
            epoch,
            sequence,
            is_old: false,
        });
        // What is refused behind the first is not awaited.
        if epoch > first.epoch {
            *first = First {
                epoch,
                sequence: 0,
                is_old: false,
            };
        }
    }

    /// Whether a batch of a producer of whom nothing was taken may be.
    pub(super) fn check(&self, header: &Header) -> Result<(), BadSequence> {
        let producer_id = header.producer_id;
        let Some(first) = self.0.get(&producer_id) else {
            return Ok(());
        };
        let found = header.base_sequence;
        let sequence = match header.producer_epoch.cmp(&first.epoch) {
            std::cmp::Ordering::Less => {
                return Err(BadSequence::Epoch {
                    producer_id,
                    found: header.producer_epoch,
                    current: first.epoch,
                });
            }
            std::cmp::Ordering::Equal => first.sequence,
            std::cmp::Ordering::Greater => 0,
        };
        match found == sequence {
            true => Ok(()),
            false => Err(BadSequence::OutOfOrder {
                producer_id,
                found,
                last: sequence.wrapping_sub(1),
            }),
        }
    }

    /// Forgets a producer: something was taken.
    pub(super) fn remove(&mut self, producer_id: i64) {
        // As a rule there are none, and batches are many.
        if !self.0.is_empty() {
            self.0.remove(&producer_id);
        }
    }

    /// Forgets those whose batch was refused before the last time: what was on the way behind it has come.
    pub(super) fn expire(&mut self) {
        self.0
            .retain(|_, first| !std::mem::replace(&mut first.is_old, true));
    }
}
