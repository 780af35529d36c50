//! What a partition knows of producers that number their records (KIP-98): whether a batch is the next, a repetition, or neither.
//!
//! For each producer the last [`REMEMBERED`] batches are kept, as many as clients have on the way at most. What repeats one of
//! them is answered with the offset it got the first time. Of a producer whom nobody knows any number is taken, unless it sent a batch that
//! was refused (`awaited.rs`).
//!
//! Ids from [`DEAD_LETTERS_FROM`] on are those of dead letters, which have the numbers that their producers gave them in the topic they
//! come from (`gate/letters.rs`). Good records lie between them, so numbers may jump. What is here already is known by the number of its
//! first record, or lies before all that are remembered. Numbers begin again at 0, so that a jump of a little less than 2^31 looks like a
//! step back. The log that dead letters come from knows better ([`Came`]): of what it has not taken yet only those dead letters can be here that
//!
//! - came when it had taken as much as now: with the same batch, which was not appended behind them;
//! - or were here at the start, and are of batches that it lost: until it has taken more since than was on the way then ([`AHEAD_MAX`]).

use std::collections::{HashMap, VecDeque};

use super::awaited::Awaited;
use crate::batch::{Header, after};

/// Batches remembered for each producer: `max.in.flight.requests.per.connection` of an idempotent producer is 5 at most.
const REMEMBERED: usize = 5;

/// Ids of producers from here on are those of dead letters; no producer is given one.
pub(crate) const DEAD_LETTERS_FROM: i64 = 1 << 62;

/// Dead letters that are there may lie ahead of what comes by so many numbers at most: batches that were on their way when the power went. Of
/// these there are [`REMEMBERED`], each with some ten million records at most.
const AHEAD_MAX: i32 = 1 << 26;

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

/// How the batch came that dead letters are from, as the log says that they come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Came {
    /// Whether it has the batch already.
    pub(crate) is_again: bool,
    /// Records that it has taken of the producer since the start, without those of the batch.
    pub(crate) behind: u64,
}

/// A batch that was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Appended {
    pub(crate) first_sequence: i32,
    pub(crate) last_sequence: i32,
    pub(crate) base_offset: i64,
    /// Milliseconds since 1970.
    pub(crate) timestamp: i64,
    /// Of dead letters, [`Came::behind`]; `None`: they were here at the start.
    pub(crate) behind: Option<u64>,
}

/// What is known of one producer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Producer {
    pub(crate) epoch: i16,
    /// Oldest first; never empty.
    pub(crate) batches: VecDeque<Appended>,
    /// Records taken since the start.
    pub(crate) taken: u64,
}

/// What may become of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is to be appended.
    Next,
    /// It is there already, with this base offset and time.
    Duplicate(Appended),
    /// The log has to say whether these dead letters are there already; this is told of them then.
    Unsure(Appended),
}

impl Producer {
    /// Whether dead letters of an epoch that is not over are here already. What is repeated begins with the same number. Not all that came
    /// before the last must be here: a power cut may take a batch and leave one behind it, of neither of which anybody was told.
    fn check_letters(&self, header: &Header, came: Came, gaps: Gaps) -> Verdict {
        if self.epoch != header.producer_epoch {
            return Verdict::Next;
        }
        let first = header.base_sequence;
        let is_same = |it: &&Appended| it.first_sequence == first && it.may_be_of(came);
        if let Some(same) = self.batches.iter().find(is_same) {
            return Verdict::Duplicate(*same);
        }
        let later = self.batches.iter().filter(|it| it.is_behind(first, came));
        let later = later.count();
        match (self.batches.front(), gaps) {
            // It came before all that are remembered, and was forgotten for them.
            (Some(oldest), Gaps::No) if later == REMEMBERED => Verdict::Duplicate(*oldest),
            // It was forgotten, or a power cut took it.
            (Some(oldest), Gaps::Yes) if later > 0 && self.batches.len() == REMEMBERED => {
                Verdict::Unsure(*oldest)
            }
            _ => Verdict::Next,
        }
    }

    /// Remembers a batch, if need be in place of the oldest. Where records are missing dead letters may come that are before others:
    /// those stay, so that of what was forgotten there is always a later one.
    fn remember(&mut self, batch: Appended, came: Came, gaps: Gaps) {
        let stays = |it: &Appended| gaps == Gaps::Yes && it.is_behind(batch.first_sequence, came);
        if self.batches.len() == REMEMBERED {
            let Some(oldest) = self.batches.iter().position(|it| !stays(it)) else {
                return;
            };
            self.batches.remove(oldest);
        }
        self.batches.push_back(batch);
    }
}

/// Whether `number` lies behind `first`, around the end of numbers.
fn is_ahead(number: i32, first: i32) -> bool {
    let distance = (i64::from(number) - i64::from(first)) & i64::from(i32::MAX);
    distance < i64::from(AHEAD_MAX)
}

impl Appended {
    /// Whether dead letters can be of a batch that came like this, or of one behind it.
    fn may_be_of(&self, came: Came) -> bool {
        let can_be_new = match self.behind {
            Some(behind) => behind == came.behind,
            None => came.behind < AHEAD_MAX as u64,
        };
        came.is_again || can_be_new
    }

    /// Whether these are dead letters of the same batch as those whose first number is `first`, which came like this, or of one behind it,
    /// and lie behind those.
    fn is_behind(&self, first: i32, came: Came) -> bool {
        is_ahead(self.first_sequence, first) && self.may_be_of(came)
    }

    /// What is told of a batch that comes again.
    pub(super) fn repeated(&self, header: &Header, has_append_time: bool) -> super::Appended {
        super::Appended {
            base_offset: self.base_offset,
            next_offset: self.base_offset + i64::from(header.last_offset_delta) + 1,
            append_time: has_append_time.then_some(self.timestamp),
            is_duplicate: true,
        }
    }
}

/// The producers of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Producers {
    known: HashMap<i64, Producer>,
    /// Those that are not known, and are to be.
    awaited: Awaited,
    pub(super) gaps: Gaps,
}

/// Whether records are missing in the middle of a log (`missing.rs`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Gaps {
    #[default]
    No,
    Yes,
}

impl Producers {
    /// Whether a batch may be appended; dead letters, of a batch that came like this.
    pub(crate) fn check(&self, header: &Header, came: Came) -> Result<Verdict, BadSequence> {
        let Some(known) = self.known.get(&header.producer_id) else {
            return self.awaited.check(header).map(|()| Verdict::Next);
        };
        let producer_id = header.producer_id;
        if header.producer_epoch < known.epoch {
            return Err(BadSequence::Epoch {
                producer_id,
                found: header.producer_epoch,
                current: known.epoch,
            });
        }
        if producer_id >= DEAD_LETTERS_FROM {
            return Ok(known.check_letters(header, came, self.gaps));
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

    /// Records taken of a producer since the start.
    pub(crate) fn taken(&self, producer_id: i64) -> u64 {
        self.known.get(&producer_id).map_or(0, |it| it.taken)
    }

    /// Takes note that this is the start: what is known is what was there before.
    pub(crate) fn start(&mut self) {
        for producer in self.known.values_mut() {
            producer.taken = 0;
            producer.batches.iter_mut().for_each(|it| it.behind = None);
        }
    }

    /// Takes note of a batch that was appended at `base_offset`; of dead letters, of a batch that came like this.
    pub(crate) fn note(&mut self, header: &Header, base_offset: i64, came: Came) {
        if !header.has_producer() || header.is_control() {
            return;
        }
        self.awaited.remove(header.producer_id);
        let producer = self.known.entry(header.producer_id).or_default();
        if producer.epoch != header.producer_epoch {
            producer.epoch = header.producer_epoch;
            producer.batches.clear();
        }
        let is_letters = header.producer_id >= DEAD_LETTERS_FROM;
        let batch = Appended {
            first_sequence: header.base_sequence,
            last_sequence: header.last_sequence(),
            base_offset,
            timestamp: header.max_timestamp,
            behind: is_letters.then_some(came.behind),
        };
        let gaps = if is_letters { self.gaps } else { Gaps::No };
        producer.remember(batch, came, gaps);
        let records = i64::from(header.last_offset_delta) + 1;
        producer.taken = producer.taken.saturating_add(records.unsigned_abs());
    }

    /// Takes note of a batch that was refused, and may come again. Dead letters may begin with any number.
    pub(crate) fn refuse(&mut self, header: &Header) {
        let is_known = self.known.contains_key(&header.producer_id);
        if header.has_producer() && header.producer_id < DEAD_LETTERS_FROM && !is_known {
            self.awaited.note(header);
        }
    }

    /// Forgets who wrote nothing for a day before `now_ms`.
    pub(crate) fn expire(&mut self, now_ms: i64) {
        self.awaited.expire();
        self.known.retain(|_, producer| {
            let last = producer.batches.back();
            last.is_some_and(|it| now_ms.saturating_sub(it.timestamp) < EXPIRATION_MS)
        });
    }

    /// Where the last batch of each begins.
    pub(crate) fn last_batches(&self) -> HashMap<i64, i64> {
        let last = self.known.iter().map(|(&id, producer)| {
            let batch = producer.batches.back();
            (id, batch.map_or(-1, |it| it.base_offset))
        });
        last.collect()
    }

    /// Where the batches begin that are remembered.
    pub(super) fn remembered(&self) -> impl Iterator<Item = i64> {
        let batches = self.known.values().flat_map(|it| &it.batches);
        batches.map(|it| it.base_offset)
    }

    /// All of them, in the order of their ids.
    pub(crate) fn sorted(&self) -> Vec<(i64, &Producer)> {
        let mut sorted: Vec<_> = self
            .known
            .iter()
            .map(|(&id, producer)| (id, producer))
            .collect();
        sorted.sort_unstable_by_key(|(id, _)| *id);
        sorted
    }

    /// Puts back what was known of a producer.
    pub(crate) fn restore(&mut self, id: i64, producer: Producer) {
        self.known.insert(id, producer);
    }
}

#[cfg(test)]
mod tests;
