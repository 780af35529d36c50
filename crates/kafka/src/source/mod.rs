//! A topic as a source of bytes: the values of its messages, a record and a line feed each.
//!
//! 1. [`KafkaSource::connect`] asks where partitions begin and end; what comes later is not read, unless the source goes on
//!    ([`Extent::Following`]).
//! 2. The [`stream`] takes messages as librdkafka has fetched them, makes a record of each value ([`record`]), and notes how far each
//!    partition was read ([`ledger`]).
//! 3. Without a group all partitions are read, and nothing is committed. A member of a group reads those that the group gives it. It
//!    commits nothing by itself: whoever has written what came of the records says so with [`KafkaSource::commit`], or for the first of
//!    them with [`KafkaSource::commit_records`]. Whoever is killed before leaves the offsets where they were, and others read again.
//!
//! A partition that the group takes away is not committed any more: who has it now begins where the group was. One that comes back goes on
//! where we were.

mod keeper;
mod ledger;
mod record;
mod stream;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tamis_engine::control::Cancel;
use tamis_engine::framing::Quoting;
use tamis_engine::source::{Opened, Source};

use crate::cluster::Cluster;
use crate::consumer::Consumer;
use crate::offsets::Moment;
use crate::{Error, Partition, Result};
use keeper::Keeper;
use ledger::{Ledger, Share};
use record::Shaper;
use stream::KafkaStream;

/// How a topic is read.
#[derive(Clone, Debug)]
pub struct SourceOptions {
    /// What it is called in reports and errors.
    pub name: String,
    /// As a member of this group.
    pub group: Option<String>,
    /// Where to begin; with a group, where that has no offset yet.
    pub start: Start,
    /// What its messages are.
    pub payload: Payload,
    /// Where to end.
    pub extent: Extent,
    /// When offsets of a group are committed.
    pub commits: Commits,
}

/// When whoever reads a source as a member of a group commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commits {
    /// When all is read and done with: [`KafkaSource::commit`].
    AtEnd,
    /// On the way, too: [`KafkaSource::commit_records`]. The places of records that nobody has called done are kept.
    OnTheWay,
}

/// Where reading ends.
#[derive(Clone, Debug)]
pub enum Extent {
    /// Behind what is there at the start.
    Bounded,
    /// Nowhere, until this is set.
    Following(Cancel),
}

/// What messages are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A JSON object each.
    Json,
    /// A CSV record each.
    Csv {
        /// The bytes that matter to it.
        quoting: Quoting,
        /// Whether the first message of the stream names the columns.
        has_header: bool,
    },
}

/// A place in every partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// The oldest record.
    Beginning,
    /// Behind the newest.
    End,
    /// This offset.
    Offset(i64),
    /// So many records before the end.
    BeforeEnd(i64),
    /// So many records behind the beginning.
    BehindBeginning(i64),
    /// The first record of a time, in milliseconds since 1970.
    TimeMs(i64),
}

impl Start {
    /// The time that has to be asked for first, if it is one.
    pub fn moment(self) -> Option<Moment> {
        match self {
            Start::TimeMs(ms) => Some(Moment::Time(ms)),
            _ => None,
        }
    }

    /// The offset in a partition that has these, which is never outside of it. `timed` is what [`Start::moment`] asks for.
    pub fn offset(self, earliest: i64, latest: i64, timed: Option<i64>) -> i64 {
        let offset = match self {
            Start::Beginning => earliest,
            Start::End => latest,
            Start::Offset(offset) => offset,
            Start::BeforeEnd(records) => latest.saturating_sub(records),
            Start::BehindBeginning(records) => earliest.saturating_add(records),
            Start::TimeMs(_) => timed.unwrap_or(latest),
        };
        offset.clamp(earliest, latest.max(earliest))
    }
}

/// A topic that is read once, in order.
#[derive(Debug)]
pub struct KafkaSource(Arc<Reading>);

/// What was read so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Messages that are records.
    pub records: u64,
    /// Messages without a value, or with an empty one, which are none.
    pub empty: u64,
    /// Messages whose values had line ends that would have made other records of them.
    pub changed: u64,
    /// Partitions that something was read of ...
    pub partitions_read: usize,
    /// ... of so many.
    pub partitions: usize,
    /// Whether all that there was is read.
    pub is_at_end: bool,
}

/// What became of a group's offsets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Partitions whose offsets were committed.
    pub partitions: usize,
    /// Partitions that were read, and are another member's now, which reads them again.
    pub lost: usize,
}

/// What the source and its stream share.
pub(crate) struct Reading {
    options: SourceOptions,
    topic: String,
    consumer: Arc<Consumer>,
    shaper: Shaper,
    /// Where reading starts without a group; with one, where it would without an offset of the group.
    starts: Vec<(Partition, i64)>,
    ledger: Mutex<Ledger>,
    is_taken: AtomicBool,
    keeper: Mutex<Option<Keeper>>,
}

impl std::fmt::Debug for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reading")
            .field("name", &self.options.name)
            .finish_non_exhaustive()
    }
}

impl KafkaSource {
    /// A source of a topic that is there, up to where it ends now. Nothing is fetched before the source is opened.
    ///
    /// # Errors
    /// When the cluster cannot be reached or has no such topic, and [`Error::Usage`] for a start that cannot be, and for properties with
    /// which offsets would be committed otherwise.
    pub fn connect(cluster: &Cluster, topic: &str, options: SourceOptions) -> Result<KafkaSource> {
        options.validate()?;
        cluster.check_reserved(&options.name)?;
        // Of a run that goes on an interruption ends the input; until it is reached there is none.
        let cancel = match &options.extent {
            Extent::Bounded => cluster.cancel.clone(),
            Extent::Following(_) => Cancel::new(),
        };
        let asking = options.consumer(cluster)?;
        let found = asking.topics_named(&[topic.to_owned()])?.remove(0);
        if let Some(reason) = found.error {
            return Err(Error::Usage {
                message: format!("cannot read the topic `{topic}`: {reason}"),
                hint: None,
            });
        }
        let partitions: Vec<Partition> = found.all_partitions().collect();
        let earliest = asking.offsets_at(&partitions, Moment::Earliest)?;
        let latest = asking.offsets_at(&partitions, Moment::Latest)?;
        let timed = options.start.moment();
        let timed = timed.map(|moment| asking.offsets_at(&partitions, moment));
        let timed = timed.transpose()?;
        let (mut starts, mut shares) = (Vec::new(), Vec::new());
        for (at, partition) in partitions.into_iter().enumerate() {
            let timed = timed.as_ref().map(|timed| timed[at]);
            let start = options.start.offset(earliest[at], latest[at], timed);
            let end = Some(latest[at]).filter(|_| options.is_bounded());
            shares.push(Share {
                id: partition.id,
                next: None,
                end,
                is_done: options.group.is_none() && end.is_some_and(|end| start >= end),
            });
            starts.push((partition, start));
        }
        let consumer = match &options.extent {
            Extent::Bounded => asking,
            Extent::Following(_) => options.consumer(&cluster.clone().cancelled_by(&cancel))?,
        };
        let is_following = !options.is_bounded();
        let keeps_marks = options.keeps_marks();
        Ok(KafkaSource(Arc::new(Reading {
            shaper: match options.payload {
                Payload::Json => Shaper::Json,
                Payload::Csv { quoting, .. } => Shaper::csv(quoting),
            },
            topic: topic.to_owned(),
            consumer: Arc::new(consumer),
            starts,
            ledger: Mutex::new(Ledger::new(shares, is_following, keeps_marks)),
            is_taken: AtomicBool::new(false),
            keeper: Mutex::default(),
            options,
        })))
    }

    /// A second handle of the same topic, for whoever commits what was read through the first.
    pub fn handle(&self) -> KafkaSource {
        KafkaSource(Arc::clone(&self.0))
    }

    /// The group that it is read as a member of.
    pub fn group(&self) -> Option<&str> {
        self.0.options.group.as_deref()
    }

    /// What was read so far.
    pub fn summary(&self) -> Summary {
        let ledger = self.0.ledger();
        Summary {
            records: ledger.records,
            empty: ledger.empty,
            changed: ledger.changed,
            partitions_read: ledger.partitions_read(),
            partitions: ledger.shares().len(),
            is_at_end: ledger.is_at_end,
        }
    }

    /// Commits all that was read, because what came of it is written. `None` if there is nothing to commit: there is no group, or what
    /// there was has not been read to its end, or not without an error.
    ///
    /// # Errors
    /// When the offsets cannot be committed: others read the records again.
    pub fn commit(&self) -> Result<Option<Committed>> {
        // From here on nobody has to be kept from taking us for dead.
        self.0.keeper().take();
        // It has heard what the group gave to others meanwhile.
        self.0.hear_assigned();
        let (ours, lost) = {
            let ledger = self.0.ledger();
            if self.group().is_none() || ledger.has_failed || !ledger.is_at_end {
                return Ok(None);
            }
            ledger.reached()
        };
        let passed_over = self.0.passed_over()?;
        let noted = self.0.note(&ours);
        let noted_unread = self.0.note(&passed_over);
        self.0.consumer.commit()?;
        Ok(Some(Committed {
            partitions: noted + noted_unread,
            lost: lost + ours.len() - noted,
        }))
    }

    /// Has the first `records` of a source that is committed [on the way](Commits::OnTheWay) committed within a second, because what came
    /// of them is written.
    ///
    /// # Errors
    /// When earlier offsets could not be committed.
    pub fn commit_records(&self, records: u64) -> Result<()> {
        let written = self.0.ledger().written(records);
        self.commit_soon(&written)
    }

    /// The same of the records in the first `bytes` of the source, for whoever does not tell records apart.
    ///
    /// # Errors
    /// As [`commit_records`](KafkaSource::commit_records).
    pub fn commit_bytes(&self, bytes: u64) -> Result<()> {
        let written = self.0.ledger().written_bytes(bytes);
        self.commit_soon(&written)
    }

    fn commit_soon(&self, written: &[(i32, i64)]) -> Result<()> {
        self.0.note(written);
        match self.0.consumer.commit_error() {
            None => Ok(()),
            Some(why) => Err(Error::Cluster {
                message: format!("cannot commit the group's offsets: {why}"),
                hint: Some("records that were written will be read again".to_owned()),
                kind: crate::Kind::Failure,
            }),
        }
    }

    /// The same, and waits until they are; if those are all, the same as [`KafkaSource::commit`].
    ///
    /// # Errors
    /// When the offsets cannot be committed.
    pub fn commit_records_now(&self, records: u64) -> Result<()> {
        let are_all = self.0.ledger().are_all(records);
        if are_all {
            return self.commit().map(drop);
        }
        self.commit_records(records)?;
        self.0.consumer.commit()
    }
}

impl SourceOptions {
    fn validate(&self) -> Result<()> {
        let usage = |message: &str, hint: &str| {
            Err(Error::Usage {
                message: format!("`{}`: {message}", self.name),
                hint: Some(hint.to_owned()),
            })
        };
        let is_simple = matches!(self.start, Start::Beginning | Start::End);
        match &self.group {
            Some(_) if !is_simple => usage(
                "with a group, `from` is `beginning` or `end`: the group knows where it is",
                "`tamis consumer-group reset` has it go on elsewhere",
            ),
            None if self.start == Start::End && self.is_bounded() => usage(
                "there is nothing to read behind the end",
                "`--follow` waits for what comes, `from=-10` reads the last ten of each partition",
            ),
            _ => Ok(()),
        }
    }

    /// Whether it will be asked where records are.
    fn keeps_marks(&self) -> bool {
        self.group.is_some() && self.commits == Commits::OnTheWay
    }

    fn is_bounded(&self) -> bool {
        matches!(self.extent, Extent::Bounded)
    }

    fn consumer(&self, cluster: &Cluster) -> Result<Consumer> {
        match (&self.group, self.start) {
            (None, _) => cluster.consumer(),
            (Some(group), Start::End) => cluster.member(group, "latest"),
            (Some(group), _) => cluster.member(group, "earliest"),
        }
    }
}

impl Reading {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keeper(&self) -> MutexGuard<'_, Option<Keeper>> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn partition(&self, id: i32) -> Partition {
        Partition {
            topic: self.topic.clone(),
            id,
        }
    }

    /// The ends of partitions that the group is not at although there was nothing to read: what lies before them are no records, or it
    /// began there. If it began at the next end again, it would leave out what comes before.
    fn passed_over(&self) -> Result<Vec<(i32, i64)>> {
        let unread: Vec<(i32, i64)> = self.ledger().unread().collect();
        if unread.is_empty() {
            return Ok(Vec::new());
        }
        let partitions: Vec<_> = unread.iter().map(|(id, _)| self.partition(*id)).collect();
        let committed = self.consumer.committed(&partitions)?;
        let begins_at_end = self.options.start == Start::End;
        let start_of = |id: i32| {
            let start = self.starts.iter().find(|(it, _)| it.id == id);
            start.map_or(0, |(_, offset)| *offset)
        };
        let is_before = |(id, end): (i32, i64), committed: Option<i64>| match committed {
            Some(offset) => offset < end,
            None => begins_at_end || start_of(id) < end,
        };
        let unread = unread.into_iter().zip(committed);
        let behind = unread.filter(|&(it, committed)| is_before(it, committed));
        Ok(behind.map(|(it, _)| it).collect())
    }

    /// Offsets for the next commit; returns how many of them are ours to commit.
    fn note(&self, offsets: &[(i32, i64)]) -> usize {
        let of = |(id, offset): &(i32, i64)| (self.partition(*id), *offset);
        let offsets: Vec<_> = offsets.iter().map(of).collect();
        self.consumer.done(&offsets)
    }

    /// Takes note of the partitions that the group has given to this member; whether they are others than before.
    fn hear_assigned(&self) -> bool {
        let Some(assigned) = self.consumer.take_assigned() else {
            return false;
        };
        let ids = assigned.partitions.iter().map(|it| it.id).collect();
        self.ledger().assigned = Some(ids);
        true
    }

    /// Begins to fetch.
    fn begin(&self) -> Result<()> {
        if self.options.group.is_some() {
            return self.consumer.subscribe(std::slice::from_ref(&self.topic));
        }
        let ledger = self.ledger();
        let is_open = |id: i32| ledger.shares().iter().any(|it| it.id == id && !it.is_done);
        let starts = self.starts.iter().filter(|(it, _)| is_open(it.id));
        let starts: Vec<_> = starts.cloned().collect();
        match starts.is_empty() {
            true => Ok(()),
            false => self.consumer.assign(&starts),
        }
    }

    fn engine_error(&self, error: Error) -> tamis_engine::Error {
        match error {
            Error::Engine(error) => error,
            error => tamis_engine::Error::Producer {
                input: self.options.name.clone(),
                source: Box::new(error),
            },
        }
    }
}

impl Source for KafkaSource {
    fn name(&self) -> &str {
        &self.0.options.name
    }

    fn open(&self) -> tamis_engine::Result<Opened> {
        if self.0.is_taken.swap(true, Ordering::Relaxed) {
            return Err(tamis_engine::Error::Unsupported {
                input: self.name().to_owned(),
                reason:
                    "a topic can be read only once in a run; store it in a file to read it again"
                        .to_owned(),
            });
        }
        let begun = self.0.begin();
        begun.map_err(|error| self.0.engine_error(error))?;
        Ok(Opened::Stream(Box::new(KafkaStream::new(Arc::clone(
            &self.0,
        )))))
    }

    fn is_repeatable(&self) -> bool {
        false
    }

    fn media_type(&self) -> Option<&str> {
        Some(match self.0.options.payload {
            Payload::Json => "application/jsonl",
            Payload::Csv {
                has_header: false, ..
            } => "text/csv; header=absent",
            Payload::Csv {
                has_header: true, ..
            } => "text/csv; header=present",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::address::RESERVED;

    fn options(group: Option<&str>) -> SourceOptions {
        SourceOptions {
            name: "kafka://127.0.0.1:1/t".to_owned(),
            group: group.map(str::to_owned),
            start: Start::Beginning,
            payload: Payload::Json,
            extent: Extent::Bounded,
            commits: Commits::AtEnd,
        }
    }

    #[test]
    fn places_of_records_are_kept_for_those_who_ask_for_them() {
        let on_the_way = |group| SourceOptions {
            commits: Commits::OnTheWay,
            ..options(group)
        };
        assert!(on_the_way(Some("g")).keeps_marks());
        assert!(!on_the_way(None).keeps_marks());
        assert!(!options(Some("g")).keeps_marks());
    }

    #[test]
    fn properties_that_would_break_what_is_promised_are_refused_wherever_they_come_from() {
        for (property, _) in RESERVED {
            let properties = [(property.to_owned(), "true".to_owned())];
            let timeout = Duration::from_millis(1);
            let cluster =
                Cluster::new("127.0.0.1:1", "here", &properties, timeout, &Cancel::new()).unwrap();
            for group in [None, Some("g")] {
                let error = KafkaSource::connect(&cluster, "t", options(group)).unwrap_err();
                let expected =
                    format!("`kafka://127.0.0.1:1/t`: the property `{property}` cannot be set: ");
                assert!(error.to_string().starts_with(&expected), "{error}");
            }
        }
    }

    #[test]
    fn a_start_stays_in_its_partition() {
        let at = |start: Start| start.offset(10, 100, Some(50));
        assert_eq!(at(Start::Beginning), 10);
        assert_eq!(at(Start::End), 100);
        assert_eq!(at(Start::Offset(20)), 20);
        assert_eq!(at(Start::Offset(1)), 10);
        assert_eq!(at(Start::Offset(i64::MAX)), 100);
        assert_eq!(at(Start::BeforeEnd(i64::MAX)), 10);
        assert_eq!(at(Start::BehindBeginning(3)), 13);
        assert_eq!(at(Start::TimeMs(0)), 50);
    }
}
