//! The bytes of a topic, as messages come.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tamis_engine::source::{Arrival, ByteStream};

use super::keeper::Keeper;
use super::ledger::{Ledger, Verdict};
use super::record::Shaped;
use super::{Extent, Reading};
use crate::consumer::{Event, Fetched};
use crate::{Error, Kind, Partition, Result};

/// How long a message is waited for before other things are looked at.
const STEP: Duration = Duration::from_millis(50);

/// How often it is asked what the group has committed.
const ASK_INTERVAL: Duration = Duration::from_secs(1);

/// A topic that is being read.
#[derive(Debug)]
pub(super) struct KafkaStream {
    reading: Arc<Reading>,
    /// A record that the last buffer had no room for, with its line feed, and how much of it was given.
    pending: Vec<u8>,
    given: usize,
    scratch: Vec<u8>,
    bytes: u64,
    began: Instant,
    /// When it was asked what the group has committed.
    asked: Option<Instant>,
}

/// What a look for messages came to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Bytes(usize),
    Nothing,
    End,
}

impl KafkaStream {
    pub(super) fn new(reading: Arc<Reading>) -> KafkaStream {
        KafkaStream {
            reading,
            pending: Vec::new(),
            given: 0,
            scratch: Vec::new(),
            bytes: 0,
            began: Instant::now(),
            asked: None,
        }
    }

    /// Gives what there is, and waits a moment for something where there is nothing.
    fn look(&mut self, buffer: &mut [u8]) -> tamis_engine::Result<Look> {
        let reading = Arc::clone(&self.reading);
        let looked = self.advance(&reading, buffer);
        looked.map_err(|error| {
            reading.ledger().has_failed = true;
            reading.engine_error(error)
        })
    }

    fn advance(&mut self, reading: &Reading, buffer: &mut [u8]) -> Result<Look> {
        let mut len = self.put_pending(buffer);
        if len > 0 {
            return Ok(self.given(len));
        }
        if self.is_over(reading)? {
            return Ok(Look::End);
        }
        let consumer = &reading.consumer;
        let is_patient = matches!(reading.options.extent, Extent::Following(_));
        let mut event = consumer.next(STEP, is_patient)?;
        let mut left = Vec::new();
        {
            let mut ledger = reading.ledger();
            loop {
                match &event {
                    Event::Record(message) => {
                        len = self.take(
                            reading,
                            message,
                            &mut ledger,
                            &mut left,
                            (&mut *buffer, len),
                        );
                    }
                    Event::End(id) if ledger.reach(*id) => left.push(*id),
                    Event::End(_) => {}
                    Event::Idle => break,
                }
                if len == buffer.len() || !self.pending.is_empty() || !left.is_empty() {
                    break;
                }
                event = consumer.poll(Duration::ZERO)?;
            }
        }
        drop(event);
        if !left.is_empty() {
            let left: Vec<Partition> = left.into_iter().map(|id| reading.partition(id)).collect();
            consumer.pause(&left)?;
        }
        Ok(self.given(len))
    }

    fn given(&mut self, len: usize) -> Look {
        self.bytes += len as u64;
        match len {
            0 => Look::Nothing,
            len => Look::Bytes(len),
        }
    }

    /// Puts a message behind the first `len` bytes of the buffer, and returns how many there are then.
    fn take(
        &mut self,
        reading: &Reading,
        message: &Fetched<'_>,
        ledger: &mut Ledger,
        left: &mut Vec<i32>,
        (buffer, len): (&mut [u8], usize),
    ) -> usize {
        let id = message.partition();
        let (verdict, is_last) = ledger.judge(id, message.offset());
        if is_last {
            left.push(id);
        }
        if verdict == Verdict::Pass {
            return len;
        }
        let value = message.value().unwrap_or_default();
        let (shaped, record) = reading.shaper.shape(value, &mut self.scratch);
        let len_bytes = match shaped {
            Shaped::Empty => 0,
            Shaped::AsIs | Shaped::Changed => record.len() as u64 + 1,
        };
        ledger.count(len_bytes, shaped == Shaped::Changed);
        if shaped == Shaped::Empty {
            return len;
        }
        let end = len + record.len();
        if end < buffer.len() {
            buffer[len..end].copy_from_slice(record);
            buffer[end] = b'\n';
            return end + 1;
        }
        self.pending.extend_from_slice(record);
        self.pending.push(b'\n');
        len + self.put_pending(&mut buffer[len..])
    }

    /// As much of the record that waits as there is room for.
    fn put_pending(&mut self, buffer: &mut [u8]) -> usize {
        let rest = &self.pending[self.given..];
        let len = rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        self.given += len;
        if self.given == self.pending.len() {
            self.pending.clear();
            self.given = 0;
        }
        len
    }

    fn is_over(&mut self, reading: &Reading) -> Result<bool> {
        let Some(group) = reading.options.group.as_deref() else {
            let is_over = reading.options.is_bounded() && reading.ledger().is_done();
            reading.ledger().is_at_end |= is_over;
            return Ok(is_over);
        };
        if reading.hear_assigned() {
            self.asked = None;
        }
        if !reading.options.is_bounded() {
            return Ok(false);
        }
        if reading.ledger().is_at_end {
            return Ok(true);
        }
        let assigned = reading.ledger().assigned.as_ref().map(|it| it.len());
        let is_over = match assigned {
            None => return self.check_patience(reading, group),
            Some(0) => self.is_worked_off(reading)?,
            Some(_) => reading.ledger().is_done(),
        };
        if is_over {
            self.end_membership(reading);
        }
        Ok(is_over)
    }

    /// All is read; what comes of it is still to be written.
    fn end_membership(&self, reading: &Reading) {
        reading.ledger().is_at_end = true;
        if reading.options.group.is_none() {
            return;
        }
        let keeper = Keeper::start(Arc::clone(&reading.consumer));
        *reading.keeper() = Some(keeper);
    }

    /// Fails when the group has not let us in for too long.
    fn check_patience(&self, reading: &Reading, group: &str) -> Result<bool> {
        let patience = reading.consumer.timeout();
        if self.began.elapsed() < patience {
            return Ok(false);
        }
        let seconds = patience.as_secs();
        let group = tamis_engine::names::show_bytes(group.as_bytes());
        Err(Error::Cluster {
            message: format!("the group `{group}` did not let us in within {seconds} s"),
            hint: Some(
                "a member that is gone keeps others waiting until its session ends; `timeout=SECONDS` waits longer"
                    .to_owned(),
            ),
            kind: Kind::Failure,
        })
    }

    /// Whether others have read all that there was, while the group has given us nothing.
    fn is_worked_off(&mut self, reading: &Reading) -> Result<bool> {
        if self
            .asked
            .is_some_and(|asked| asked.elapsed() < ASK_INTERVAL)
        {
            return Ok(false);
        }
        self.asked = Some(Instant::now());
        let partitions: Vec<_> = reading.starts.iter().map(|(it, _)| it.clone()).collect();
        let committed = reading.consumer.committed(&partitions)?;
        let ledger = reading.ledger();
        let end_of = |id: i32| {
            let share = ledger.shares().iter().find(|share| share.id == id);
            share.and_then(|share| share.end).unwrap_or(0)
        };
        let mut starts = reading.starts.iter().zip(committed);
        Ok(starts.all(|((partition, start), committed)| {
            committed.unwrap_or(*start) >= end_of(partition.id)
        }))
    }
}

impl ByteStream for KafkaStream {
    fn name(&self) -> &str {
        &self.reading.options.name
    }

    fn backend(&self) -> &'static str {
        "kafka"
    }

    fn read(&mut self, buffer: &mut [u8]) -> tamis_engine::Result<usize> {
        loop {
            match self.read_now(buffer)? {
                Arrival::Bytes(count) => return Ok(count),
                Arrival::End | Arrival::Stopped => return Ok(0),
                Arrival::Idle => {}
            }
        }
    }

    fn read_now(&mut self, buffer: &mut [u8]) -> tamis_engine::Result<Arrival> {
        if buffer.is_empty() {
            return Ok(Arrival::Idle);
        }
        if let Extent::Following(stop) = &self.reading.options.extent
            && stop.is_cancelled()
            && self.pending.is_empty()
        {
            // All that was given is whole records, so that this is an end like any other.
            if !self.reading.ledger().is_at_end {
                self.end_membership(&self.reading);
            }
            return Ok(Arrival::End);
        }
        Ok(match self.look(buffer)? {
            Look::Bytes(count) => Arrival::Bytes(count),
            Look::Nothing => Arrival::Idle,
            Look::End => Arrival::End,
        })
    }

    fn raw_bytes(&self) -> u64 {
        self.bytes
    }

    fn raw_len_bytes(&self) -> Option<u64> {
        None
    }
}
