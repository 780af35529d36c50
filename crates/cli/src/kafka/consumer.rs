//! Records fetched from topics.
//!
//! Either partitions are assigned from offsets that were asked for before, and nothing is committed; or a group shares out the partitions,
//! and commits what [`Consumer::done`] was told. librdkafka fetches ahead, as far as its queue may grow.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message, Timestamp};
use rdkafka::topic_partition_list::Offset;

use super::cluster::{self, Cluster};
use super::heard::{Assigned, Heard};
use super::offsets::{self, Moment};
use super::topics::Topic;
use super::{Partition, fault, panics};
use crate::{Error, Exit, Result};

/// What is fetched ahead, in KiB.
const AHEAD_KIB: &str = "32768";

/// Fetches records.
pub(crate) struct Consumer<'c> {
    cluster: &'c Cluster<'c>,
    client: BaseConsumer<Heard>,
    /// Since when no broker can be reached.
    down_since: Cell<Option<Instant>>,
    /// Those of which nothing is fetched, also when a group gave them to somebody else and back.
    paused: RefCell<HashSet<Partition>>,
}

/// What came of waiting.
pub(crate) enum Event<'m> {
    Record(Fetched<'m>),
    /// Nothing more is there at the moment in a partition of this number, whichever topic it is of: librdkafka's binding does not say.
    End(i32),
    /// Nothing came.
    Idle,
}

/// The name of a header, and its value if it has one.
pub(crate) type Header<'m> = (&'m str, Option<&'m [u8]>);

/// A record that was fetched.
pub(crate) struct Fetched<'m>(BorrowedMessage<'m>);

impl<'c> Cluster<'c> {
    /// A consumer outside of groups.
    pub(crate) fn consumer(&'c self) -> Result<Consumer<'c>> {
        // librdkafka's consumers have a group even where they are in none; nothing is ever committed to it.
        let properties = [
            ("group.id", "tamis"),
            ("enable.auto.commit", "false"),
            // Records that are gone before they were read are to be told of.
            ("auto.offset.reset", "error"),
        ];
        self.consumer_with(&properties)
    }

    /// A member of a group, which begins there where the group has no offset yet.
    pub(crate) fn member(&'c self, group: &str, from: &str) -> Result<Consumer<'c>> {
        let properties = [
            ("group.id", group),
            ("auto.offset.reset", from),
            ("enable.auto.commit", "true"),
            ("auto.commit.interval.ms", "1000"),
            // What is committed is what was written, and not what was fetched.
            ("enable.auto.offset.store", "false"),
        ];
        self.consumer_with(&properties)
    }

    fn consumer_with(&'c self, properties: &[(&str, &str)]) -> Result<Consumer<'c>> {
        let shared = [
            ("enable.partition.eof", "true"),
            ("queued.max.messages.kbytes", AHEAD_KIB),
            // After its queue was full librdkafka would wait for a second: 15 MB/s were the most that came.
            ("fetch.queue.backoff.ms", "10"),
            ("check.crcs", "true"),
            ("fetch.wait.max.ms", "100"),
        ];
        let all = [properties, &shared].concat();
        Ok(Consumer {
            cluster: self,
            client: self.client(&all)?,
            down_since: Cell::new(None),
            paused: RefCell::default(),
        })
    }
}

impl Consumer<'_> {
    /// The topics of these names, in this order; all must be there.
    pub(crate) fn topics_named(&self, names: &[String]) -> Result<Vec<Topic>> {
        cluster::topics_named(self.cluster, &self.client, names)
    }

    /// How long the cluster is waited for.
    pub(crate) fn timeout(&self) -> Duration {
        self.cluster.timeout
    }

    /// What the group has committed, in the order of `partitions`.
    pub(crate) fn committed(&self, partitions: &[Partition]) -> Result<Vec<Option<i64>>> {
        offsets::committed(self.cluster, &self.client, partitions)
    }

    /// The offsets of a moment, in the order of `partitions`.
    pub(crate) fn offsets_at(&self, partitions: &[Partition], moment: Moment) -> Result<Vec<i64>> {
        offsets::offsets_at(self.cluster, &self.client, partitions, moment)
    }

    /// Fetches these partitions from these offsets on.
    pub(crate) fn assign(&self, from: &[(Partition, i64)]) -> Result<()> {
        let partitions: Vec<_> = from.iter().map(|(it, _)| it.clone()).collect();
        let list = offsets::list(&partitions, |index| Offset::Offset(from[index].1));
        self.client
            .assign(&list)
            .map_err(|error| fault::of("cannot read the partitions", &error))
    }

    /// Takes part in the group.
    pub(crate) fn subscribe(&self, topics: &[String]) -> Result<()> {
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        self.client
            .subscribe(&topics)
            .map_err(|error| fault::of("cannot subscribe to the topics", &error))
    }

    /// Fetches no more of these partitions, and forgets what was fetched ahead.
    pub(crate) fn pause(&self, partitions: &[Partition]) -> Result<()> {
        let mut paused = self.paused.borrow_mut();
        let new = partitions.iter().filter(|it| !paused.contains(it));
        let new: Vec<_> = new.cloned().collect();
        self.client
            .pause(&offsets::list(&new, |_| Offset::Invalid))
            .map_err(|error| fault::of("cannot leave a partition", &error))?;
        paused.extend(new);
        Ok(())
    }

    /// Goes on with those of these partitions that were paused.
    pub(crate) fn resume(&self, partitions: &[Partition]) -> Result<()> {
        let mut paused = self.paused.borrow_mut();
        let old = partitions.iter().filter(|it| paused.remove(it));
        let old: Vec<_> = old.cloned().collect();
        self.client
            .resume(&offsets::list(&old, |_| Offset::Invalid))
            .map_err(|error| fault::of("cannot go on with a partition", &error))
    }

    /// The partitions that this member of a group has from now on, if that changed.
    pub(crate) fn take_assigned(&self) -> Option<Assigned> {
        self.cluster.heard.take_assigned()
    }

    /// Waits for a record. Brokers that are away are waited for: for the time that the options say, or for ever where `is_patient`.
    pub(crate) fn next(&self, wait: Duration, is_patient: bool) -> Result<Event<'_>> {
        self.cluster.cancel.check()?;
        if self.cluster.heard.take_all_down() {
            let since = self.down_since.get().unwrap_or_else(Instant::now);
            self.down_since.set(Some(since));
        }
        let is_over = |since: Instant| since.elapsed() >= self.cluster.timeout;
        if !is_patient && self.down_since.get().is_some_and(is_over) {
            return Err(self.cluster.unreachable());
        }
        match self.client.poll(wait) {
            None => Ok(Event::Idle),
            Some(Ok(message)) => {
                self.down_since.set(None);
                Ok(Event::Record(Fetched(message)))
            }
            Some(Err(KafkaError::PartitionEOF(id))) => {
                self.down_since.set(None);
                Ok(Event::End(id))
            }
            Some(Err(error)) => match is_passing(&error) {
                true => Ok(Event::Idle),
                false => Err(self.failed(&error)),
            },
        }
    }

    /// Why no broker can be reached, if so.
    pub(crate) fn away(&self) -> Option<String> {
        self.down_since.get()?;
        let why = self.cluster.heard.last_error();
        Some(why.unwrap_or_else(|| "no broker can be reached".to_owned()))
    }

    fn failed(&self, error: &KafkaError) -> Error {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AutoOffsetReset) {
            let why = self.cluster.heard.last_error();
            let why = why.map_or_else(String::new, |why| format!(": {why}"));
            return Error::Cluster {
                message: format!("records were deleted before they were read{why}"),
                hint: Some(
                    "`--from beginning` begins with the oldest that is there now".to_owned(),
                ),
                exit: Exit::Failure,
            };
        }
        fault::of("cannot read the topics", error)
    }

    /// Remembers for the next commit in the background how far partitions are done with: the offsets behind the last records.
    pub(crate) fn done(&self, offsets: &[(Partition, i64)]) {
        for (partition, offset) in offsets {
            let one = std::slice::from_ref(partition);
            let list = offsets::list(one, |_| Offset::Offset(*offset));
            // What another member has by now is not ours to commit; it reads those records again.
            let _ = self.client.store_offsets(&list);
        }
    }

    /// Commits what is done with now.
    pub(crate) fn commit(&self) -> Result<()> {
        match self.client.commit_consumer_state(CommitMode::Sync) {
            // Nothing is new.
            Ok(()) | Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => Ok(()),
            Err(error) => Err(fault::of(
                "cannot commit the offsets: the group will read records again",
                &error,
            )),
        }
    }

    /// Why commits in the background fail, if they do.
    pub(crate) fn commit_error(&self) -> Option<String> {
        self.cluster.heard.take_commit_error().map(fault::said)
    }
}

impl Fetched<'_> {
    pub(crate) fn topic(&self) -> &str {
        self.0.topic()
    }

    pub(crate) fn partition(&self) -> i32 {
        self.0.partition()
    }

    pub(crate) fn offset(&self) -> i64 {
        self.0.offset()
    }

    /// Milliseconds since 1970.
    pub(crate) fn timestamp_ms(&self) -> Option<i64> {
        self.0.timestamp().to_millis()
    }

    /// Whether the broker has set the time, and not the producer.
    pub(crate) fn is_append_time(&self) -> bool {
        matches!(self.0.timestamp(), Timestamp::LogAppendTime(_))
    }

    pub(crate) fn key(&self) -> Option<&[u8]> {
        self.0.key()
    }

    /// `None` of a tombstone.
    pub(crate) fn value(&self) -> Option<&[u8]> {
        self.0.payload()
    }

    /// Names and values, in order.
    pub(crate) fn headers(&self) -> Result<Vec<Header<'_>>> {
        let Some(headers) = self.0.headers() else {
            return Ok(Vec::new());
        };
        let all = panics::caught(|| headers.iter().map(|it| (it.key, it.value)).collect());
        all.ok_or_else(|| Error::Cluster {
            message: format!(
                "partition {} of `{}`, offset {}: the name of a header is not UTF-8",
                self.partition(),
                self.topic(),
                self.offset()
            ),
            hint: Some("`--format value` and templates without `%h` read no headers".to_owned()),
            exit: Exit::Bad,
        })
    }
}

/// Whether it may be otherwise a moment later, and librdkafka goes on trying.
fn is_passing(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    match error {
        KafkaError::MessageConsumptionFatal(_) => false,
        error => !matches!(
            error.rdkafka_error_code(),
            Some(
                Code::AutoOffsetReset
                    | Code::UnknownTopicOrPartition
                    | Code::UnknownTopic
                    | Code::UnknownPartition
                    | Code::TopicAuthorizationFailed
                    | Code::GroupAuthorizationFailed
                    | Code::ClusterAuthorizationFailed
                    | Code::Authentication
                    | Code::SaslAuthenticationFailed
                    | Code::BadMessage
                    | Code::InvalidMessage
            )
        ),
    }
}
