//! Dead letters: records that break a contract, as they came, with headers that say why, in a topic beside theirs.
//!
//! Those of partition P of `orders` go to partition P of `orders.dlq`.
//!
//! # Exactly once
//! A producer that numbers its records repeats a batch when it hears nothing, and a broker that is killed, or loses its power, may
//! have kept the dead letters of a batch and not the batch, or the batch and not the dead letters. So batches of dead letters are
//! numbered too: the first record of one has the number that its producer gave to it in the batch it came in, and the producer has
//! the id that it came with and a *mark* above it. In the log of dead letters `log/producers.rs` judges ids with a mark by a rule of their own:
//! numbers may jump, since good records lie between, and what begins with a number that is remembered, or that lies before all that are, is
//! there already: if it can be, by what the source says of its batch. Numbers go round, and what is there may be of the round before.
//!
//! - The dead letters are appended under the lock of the log they come from, after it has said that the batch is the next, and before it
//!   is written: dead letters of a producer are in the order of its numbers, always. (Locks are taken in the order source, dead letters.
//!   Those of a topic of dead letters have a longer name again, so there is no circle.)
//! - *Killed between the two writes, or the second fails*: the batch comes again, is the next again, and its dead letters are there already.
//!   If it was cut in several batches of dead letters, those that are missing are written.
//! - *Power cut that takes the dead letters and leaves the batch*: the batch comes again, since its producer was told nothing before the
//!   dead letters were durable; it is a duplicate, and its dead letters are offered all the same.
//! - *Power cut that takes some dead letters and leaves later ones*: their batches come again, since nobody was told of any of them, and of
//!   their dead letters those are written that are missing. If there are more than are remembered, the log says which (`log/missing.rs`).
//! - *Power cut that takes several batches and leaves their dead letters*: the batches come again one by one, and find theirs. Numbers of
//!   the last dead letters may lie ahead of what comes by as much as was on the way, until so much has come (`producers.rs` says how much it
//!   is taken for).
//! - *A new epoch* begins its numbers anew, here as there; an older one is over, here as there.
//! - *A producer that was forgotten* after a day, and what was deleted from either log: numbers are remembered beside the records, and go
//!   with none of them.
//! - *A topic of dead letters that was deleted* is made anew, and knows nothing: what is repeated then is written there again, which is
//!   what is wanted of it.
//! - *Another contract between a batch and its repetition*: other records may be bad now, so that numbers say nothing. The mark is one of the
//!   topic and of the revision of its contract: by other rules it is another producer. So none is lost; what was bad before and is
//!   bad again is there twice, once by each revision.
//! - *Another mode between a batch and its repetition*: by any other mode nothing is offered. If a power cut took the dead letters of a batch
//!   and left the batch, and the topic is altered to `reject`, `tag`, `off` or a dry run before it comes again, its producer is told that
//!   it is there, and its bad records are nowhere. Who asks for that is asked to have the producers done first (`docs/broker.md`).
//!
//! Producers that do not number their records have their dead letters written as often as they send them, like all else.

use uuid::Uuid;

use super::judge::Bad;
use super::{BadContract, Rules};
use crate::batch::{BadBatch, BadKeys, Header, Rebuilt, Record, TooLong};
use crate::log::{Checked, DEAD_LETTERS_FROM};
use crate::topics::BadName;
use crate::{Error, Result};

/// What is behind the name of a topic in that of its dead letters.
const SUFFIX: &str = ".dlq";

/// A batch of dead letters is cut where its records have so many bytes: always in the same places, since those that are repeated must be
/// the same batches.
const CUT_BYTES: usize = 512 << 10;

/// Ids of producers have so many bits: each broker counts them from 0, so there are no more. Above them is the mark.
const ID_BITS: u32 = 40;

/// Bits of the mark, below the one that all have.
const MARK_BITS: u32 = 62 - ID_BITS;

/// The topic for what another does not take.
pub(crate) fn letters_name(topic: &str) -> String {
    format!("{topic}{SUFFIX}")
}

/// Whether there can be such a topic.
pub(super) fn check_name(topic: &str) -> Result<(), BadContract> {
    let checked: Result<(), BadName> = crate::topics::check_name(&letters_name(topic));
    checked.map_err(BadContract::Letters)
}

/// What tells dead letters of this topic by this revision of its contract from those by others.
pub(super) fn mark(topic: Uuid, revision: &str) -> i64 {
    let hash = blake3::hash([topic.as_bytes(), revision.as_bytes()].concat().as_slice());
    let [a, b, c, d, ..] = *hash.as_bytes();
    let bits = i64::from(u32::from_be_bytes([a, b, c, d]) >> (u32::BITS - MARK_BITS));
    DEAD_LETTERS_FROM | (bits << ID_BITS)
}

/// Batches of dead letters that are being made of one batch.
pub(super) struct Letters<'g> {
    rules: &'g Rules,
    /// Their topic and their partition.
    from: (&'g str, i32),
    source: &'g Header,
    /// The batch they come from, packed the way theirs are to be.
    like: &'g [u8],
    /// All of them may have so many, before they are packed: what packs well takes long to pack.
    bytes_max: u64,
    open: Option<Open>,
    done: Vec<Checked>,
    /// Bytes of those that are done, before they were packed.
    done_bytes: u64,
}

/// A batch that takes more.
struct Open {
    first_index: i32,
    records: Rebuilt,
}

impl<'g> Letters<'g> {
    pub(super) fn new(
        rules: &'g Rules,
        from: (&'g str, i32),
        source: &'g Header,
        like: &'g [u8],
        bytes_max: u64,
    ) -> Letters<'g> {
        Letters {
            rules,
            from,
            source,
            like,
            bytes_max,
            open: None,
            done: Vec::new(),
            done_bytes: 0,
        }
    }

    /// Takes a record of the batch.
    pub(super) fn push(&mut self, record: &Record<'_>, bad: &Bad<'_>) -> Result<()> {
        let index = record.offset_delta;
        let (topic, partition) = self.from;
        let (partition, number) = (partition.to_string(), index.to_string());
        let mut headers = vec![
            ("tamis.topic", topic),
            ("tamis.partition", &partition),
            ("tamis.index", &number),
        ];
        headers.extend(bad.headers(self.rules));
        let open = self.open.get_or_insert_with(|| Open {
            first_index: index,
            records: Rebuilt::new(self.source.base_timestamp),
        });
        let timestamp = self.source.time_of(record);
        let place = open.records.count();
        open.records.push(record, timestamp, place, &headers);
        if self.done_bytes + open.records.len_bytes() as u64 > self.bytes_max {
            let bytes_max = self.bytes_max;
            return Err(BadKeys::from(TooLong { bytes_max }).into());
        }
        match open.records.len_bytes() >= CUT_BYTES {
            true => self.close(),
            false => Ok(()),
        }
    }

    fn close(&mut self) -> Result<()> {
        let Some(Open {
            first_index,
            records,
        }) = self.open.take()
        else {
            return Ok(());
        };
        let producer = self.producer(first_index)?;
        let codec = self.source.codec();
        let codec = codec.ok_or(BadBatch::Codec(self.source.attributes))?;
        self.done_bytes += records.len_bytes() as u64;
        let packed = records.batch(codec, self.like, producer);
        let packed = packed.map_err(|source| Error::Pack { source })?;
        self.done.push(Checked::own(packed.into())?);
        Ok(())
    }

    /// Id, epoch and first number of the batch whose first record has this index where it comes from.
    fn producer(&self, first_index: i32) -> Result<(i64, i16, i32)> {
        let source = self.source;
        if !source.has_producer() {
            return Ok((-1, -1, -1));
        }
        if source.producer_id >> ID_BITS != 0 {
            return Err(Error::ForeignProducer(source.producer_id));
        }
        let id = self.rules.mark | source.producer_id;
        let sequence = crate::batch::after(source.base_sequence, first_index);
        Ok((id, source.producer_epoch, sequence))
    }

    /// All of them, in order.
    pub(super) fn finish(mut self) -> Result<Vec<Checked>> {
        self.close()?;
        Ok(self.done)
    }
}
