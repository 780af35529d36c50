//! Records on their way from the cluster to the output.
//!
//! 1. Without a group the partitions are asked for their offsets, and read from the one place to the other; with a group, the group says
//!    which partitions are ours and where they go on ([`Reading::begin`]).
//! 2. Where there is an end, one topic is read after the other; partitions of one, all together ([`Ends::take_turn`]).
//! 3. Each record is written to the output, and how far its partition was written noted ([`Ends`]).
//! 4. Whenever nothing more is there at the moment, and once a second otherwise, the output is let go of; only then the group's offsets
//!    are told to be committed. So a record that was committed was written out; one that was written may be read again.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use tamis_engine::sink::Sink;

use super::super::outcomes::once;
use super::super::shown;
use super::Options;
use super::backlog::{Backlog, Waiting};
use super::ends::{Ends, Verdict};
use super::format::Record;
use crate::kafka::Cluster;
use crate::kafka::Partition;
use crate::kafka::consumer::{Consumer, Event, Fetched};
use crate::kafka::heard::Assigned;
use crate::kafka::offsets::Moment;
use crate::kafka::place::Place;
use crate::kafka::topics::Topic;
use crate::printer::Printer;
use crate::{Error, Exit, Result, output};

/// How long a record is waited for before other things are looked at.
const STEP: Duration = Duration::from_millis(100);

/// How long written records may be kept back while more of them come.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

/// A run.
pub(super) struct Reading<'o> {
    options: &'o Options,
    consumer: Consumer,
    /// All that there are.
    topics: Vec<Topic>,
    ends: Ends,
    /// Whether it is known which partitions are ours.
    is_assigned: bool,
    /// While the group has given us nothing.
    waiting: Option<Waiting>,
    started: Instant,
    flushed: Instant,
    is_dirty: bool,
    /// Whether it was told that the cluster is away.
    is_away: bool,
    pub(super) written: u64,
    buffer: Vec<u8>,
}

impl<'o> Reading<'o> {
    pub(super) fn begin(options: &'o Options, cluster: &Cluster) -> Result<Reading<'o>> {
        let names = once(&options.topics);
        let is_late = options.from == Some(Place::END);
        let consumer = match &options.group {
            Some(group) => cluster.member(group, if is_late { "latest" } else { "earliest" })?,
            None => cluster.consumer()?,
        };
        let topics = consumer.topics_named(&names)?;
        let now = Instant::now();
        let mut reading = Reading {
            options,
            consumer,
            topics,
            ends: Ends::default(),
            is_assigned: false,
            waiting: None,
            started: now,
            flushed: now,
            is_dirty: false,
            is_away: false,
            written: 0,
            buffer: Vec::new(),
        };
        match options.group {
            Some(_) => reading.consumer.subscribe(&names)?,
            None => reading.assign()?,
        }
        Ok(reading)
    }

    /// Outside of groups: all partitions that were asked for, from the one place to the other.
    fn assign(&mut self) -> Result<()> {
        let partitions = self.options.partitions(&self.topics)?;
        let earliest = self.consumer.offsets_at(&partitions, Moment::Earliest)?;
        let latest = self.consumer.offsets_at(&partitions, Moment::Latest)?;
        let at = |place: &Place| -> Result<Vec<i64>> {
            let timed = match place.moment() {
                Some(moment) => Some(self.consumer.offsets_at(&partitions, moment)?),
                None => None,
            };
            let of = |at: usize| {
                let timed = timed.as_ref().map(|timed| timed[at]);
                place.offset(earliest[at], latest[at], timed)
            };
            Ok((0..partitions.len()).map(of).collect())
        };
        let from = at(self.options.from.as_ref().unwrap_or(&Place::BEGINNING))?;
        let to = at(self.options.to.as_ref().unwrap_or(&Place::END))?;
        let mut starts = Vec::new();
        for (index, partition) in partitions.into_iter().enumerate() {
            let end = Some(to[index]).filter(|_| !self.options.follow);
            if end.is_none_or(|end| from[index] < end) {
                starts.push((partition.clone(), from[index]));
                self.ends.add(partition, end, false);
            }
        }
        self.is_assigned = true;
        self.consumer.assign(&starts)?;
        self.take_turn()
    }

    /// In a group: the partitions that are ours from now on.
    fn reassign(&mut self, assigned: Assigned) -> Result<()> {
        let Assigned { partitions, fresh } = assigned;
        self.is_assigned = true;
        let all: HashSet<_> = partitions.iter().collect();
        self.ends.keep(|it| all.contains(it) && !fresh.contains(it));
        let given = partitions.iter().filter(|it| fresh.contains(it)).cloned();
        let mut given: Vec<_> = given.collect();
        let named = |topic: &str| self.topics.iter().position(|it| it.name == topic);
        given.sort_by_key(|it| (named(&it.topic), it.id));
        if self.options.follow {
            for partition in given {
                self.ends.add(partition, None, false);
            }
            return Ok(());
        }
        self.waiting = None;
        if partitions.is_empty() {
            let all = self.options.partitions(&self.topics)?;
            let from = self.options.from.as_ref();
            self.waiting = Some(Waiting::begin(&self.consumer, all, from)?);
            return Ok(());
        }
        if !given.is_empty() {
            let backlog = Backlog::of(&self.consumer, given, self.options.from.as_ref())?;
            for share in backlog.shares {
                let is_read = share.is_read();
                self.ends.add(share.partition, Some(share.end), is_read);
            }
        }
        self.take_turn()
    }

    /// Has the next topic read, if it is its turn.
    fn take_turn(&mut self) -> Result<()> {
        if self.options.follow {
            return Ok(());
        }
        let Some(turn) = self.ends.take_turn() else {
            return Ok(());
        };
        self.consumer.pause(&turn.others)?;
        Ok(self.consumer.resume(&turn.open)?)
    }

    /// Reads no more of a partition, and goes on with the next topic if it was the last one of its own.
    fn leave(&mut self, partition: Partition) -> Result<()> {
        self.consumer.pause(&[partition])?;
        self.take_turn()
    }

    pub(super) fn read(&mut self, sink: &mut dyn Sink, printer: &Printer) -> Result<()> {
        let with_headers = self.options.format().has_headers();
        let mut wait = Duration::ZERO;
        loop {
            if let Some(partitions) = self.consumer.take_assigned() {
                // What was written of the old ones is to be committed under them.
                self.let_go(sink)?;
                self.reassign(partitions)?;
            }
            if self.is_over(printer)? {
                return Ok(());
            }
            wait = match self.consumer.next(wait, self.options.follow)? {
                Event::Record(record) => {
                    let topic = record.topic();
                    let verdict = self.ends.judge(topic, record.partition(), record.offset());
                    if verdict != Verdict::Leave {
                        let view = view(&record, with_headers)?;
                        self.written += 1;
                        self.is_dirty = true;
                        let separator = &self.options.separator;
                        self.options
                            .format()
                            .write(&view, separator, &mut self.buffer);
                        sink.write_all(&self.buffer)?;
                        self.buffer.clear();
                    }
                    if verdict != Verdict::Write {
                        let topic = topic.to_owned();
                        let id = record.partition();
                        drop(record);
                        self.leave(Partition { topic, id })?;
                    }
                    Duration::ZERO
                }
                Event::End(id) => {
                    if let Some(partition) = self.ends.reach(id) {
                        self.leave(partition)?;
                    }
                    Duration::ZERO
                }
                Event::Idle => {
                    self.let_go(sink)?;
                    self.tell_away(printer);
                    STEP
                }
            };
            if self.is_dirty && self.flushed.elapsed() >= FLUSH_INTERVAL {
                self.let_go(sink)?;
            }
        }
    }

    /// Says once that the cluster is away, each time it goes.
    fn tell_away(&mut self, printer: &Printer) {
        let away = self.consumer.away();
        if let Some(why) = away.as_ref().filter(|_| !self.is_away) {
            printer.say(&format!("waiting for the cluster: {}", shown::shown(why)));
        }
        self.is_away = away.is_some();
    }

    fn is_over(&mut self, printer: &Printer) -> Result<bool> {
        if self
            .options
            .count
            .is_some_and(|count| self.written >= count)
        {
            return Ok(true);
        }
        if self.options.follow {
            return Ok(false);
        }
        let patience = self.consumer.timeout();
        if !self.is_assigned && self.started.elapsed() >= patience {
            let group = self.options.group.as_deref().unwrap_or_default();
            return Err(Error::Cluster {
                message: format!(
                    "the group `{}` did not let us in within {} s",
                    shown::shown(group),
                    patience.as_secs()
                ),
                hint: Some(
                    "a member that is gone keeps others waiting until its session ends; `--timeout SECONDS` waits longer"
                        .to_owned(),
                ),
                exit: Exit::Failure,
            });
        }
        if let Some(waiting) = &mut self.waiting {
            return waiting.is_over(&self.consumer, || {
                printer.say("waiting: other members of the group have all partitions");
            });
        }
        Ok(self.is_assigned && self.ends.are_reached())
    }

    /// Lets go of what was written, and has the group know of it.
    fn let_go(&mut self, sink: &mut dyn Sink) -> Result<()> {
        self.flushed = Instant::now();
        if !std::mem::take(&mut self.is_dirty) {
            return Ok(());
        }
        sink.flush()?;
        // A file that is not there yet is nothing to rely on.
        if self.options.group.is_some() && !output::appears_whole(&self.options.output) {
            self.consumer.done(&self.ends.take_written());
        }
        match self.consumer.commit_error() {
            Some(why) => Err(Error::Cluster {
                message: format!("cannot commit the group's offsets: {why}"),
                hint: Some("records that were written will be read again".to_owned()),
                exit: Exit::Failure,
            }),
            None => Ok(()),
        }
    }

    pub(super) fn finish(&mut self, sink: Box<dyn Sink>) -> Result<()> {
        sink.finish()?;
        if self.options.group.is_some() {
            self.consumer.done(&self.ends.take_written());
            self.consumer.commit()?;
        }
        Ok(())
    }
}

fn view<'r>(record: &'r Fetched<'_>, with_headers: bool) -> Result<Record<'r>> {
    Ok(Record {
        topic: record.topic(),
        partition: record.partition(),
        offset: record.offset(),
        timestamp_ms: record.timestamp_ms(),
        is_append_time: record.is_append_time(),
        key: record.key(),
        value: record.value(),
        headers: match with_headers {
            true => record.headers()?,
            false => Vec::new(),
        },
    })
}
