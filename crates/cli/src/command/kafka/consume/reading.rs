//! Records on their way from the cluster to the output.
//!
//! 1. Without a group the partitions are asked for their offsets, and read from the one place to the other; with a group, the group says
//!    which partitions are ours and where they go on ([`Reading::begin`]).
//! 2. Each record is written to the output, and how far its partition was written noted ([`Ends`]).
//! 3. Whenever nothing more is there at the moment, and once a second otherwise, the output is let go of; only then the group's offsets
//!    are told to be committed. So a record that was committed was written out; one that was written may be read again.

use std::time::{Duration, Instant};

use tamis_engine::sink::Sink;

use super::super::outcomes::once;
use super::super::shown;
use super::Options;
use super::ends::{Ends, Verdict};
use super::format::Record;
use super::place::Place;
use crate::kafka::Partition;
use crate::kafka::cluster::Cluster;
use crate::kafka::consumer::{Consumer, Event, Fetched};
use crate::kafka::offsets::Moment;
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
    consumer: Consumer<'o>,
    ends: Ends,
    /// Whether it is known which partitions are ours.
    is_assigned: bool,
    started: Instant,
    flushed: Instant,
    is_dirty: bool,
    /// Whether it was told that the cluster is away.
    is_away: bool,
    pub(super) written: u64,
    buffer: Vec<u8>,
}

impl<'o> Reading<'o> {
    pub(super) fn begin(options: &'o Options, cluster: &'o Cluster<'o>) -> Result<Reading<'o>> {
        let names = once(&options.topics);
        let is_late = options.from == Some(Place::End);
        let consumer = match &options.group {
            Some(group) => cluster.member(group, if is_late { "latest" } else { "earliest" })?,
            None => cluster.consumer()?,
        };
        let topics = consumer.topics_named(&names)?;
        let now = Instant::now();
        let mut reading = Reading {
            options,
            consumer,
            ends: Ends::default(),
            is_assigned: false,
            started: now,
            flushed: now,
            is_dirty: false,
            is_away: false,
            written: 0,
            buffer: Vec::new(),
        };
        match options.group {
            Some(_) => reading.consumer.subscribe(&names)?,
            None => reading.assign(&topics)?,
        }
        Ok(reading)
    }

    /// Outside of groups: all partitions that were asked for, from the one place to the other.
    fn assign(&mut self, topics: &[Topic]) -> Result<()> {
        let partitions = self.options.partitions(topics)?;
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
        let from = at(self.options.from.as_ref().unwrap_or(&Place::Beginning))?;
        let to = at(self.options.to.as_ref().unwrap_or(&Place::End))?;
        let mut starts = Vec::new();
        let mut tracked = Vec::new();
        for (index, partition) in partitions.iter().enumerate() {
            let end = Some(to[index]).filter(|_| !self.options.follow);
            let is_done = end.is_some_and(|end| from[index] >= end);
            if !is_done {
                starts.push((partition.clone(), from[index]));
            }
            tracked.push((partition.clone(), end, is_done));
        }
        self.ends = Ends::new(tracked);
        self.is_assigned = true;
        self.consumer.assign(&starts)
    }

    /// In a group: the partitions that are ours from now on.
    fn reassign(&mut self, partitions: Vec<Partition>) -> Result<()> {
        self.is_assigned = true;
        if self.options.follow || partitions.is_empty() {
            let all = partitions.into_iter().map(|it| (it, None, false));
            self.ends = Ends::new(all);
            return Ok(());
        }
        let latest = self.consumer.offsets_at(&partitions, Moment::Latest)?;
        let earliest = self.consumer.offsets_at(&partitions, Moment::Earliest)?;
        let committed = self.consumer.committed(&partitions)?;
        let is_late = self.options.from == Some(Place::End);
        let tracked = partitions.into_iter().enumerate().map(|(at, partition)| {
            let unset = if is_late { latest[at] } else { earliest[at] };
            let start = committed[at].unwrap_or(unset);
            (partition, Some(latest[at]), start >= latest[at])
        });
        self.ends = Ends::new(tracked);
        Ok(())
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
            if self.is_over()? {
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
                    if verdict == Verdict::WriteLast {
                        let topic = topic.to_owned();
                        let id = record.partition();
                        self.consumer.pause(&Partition { topic, id })?;
                    }
                    Duration::ZERO
                }
                Event::End(id) => {
                    if !self.options.follow {
                        self.ends.reach_only(id);
                        self.ends.reach(&self.consumer.positions()?);
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

    fn is_over(&self) -> Result<bool> {
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
