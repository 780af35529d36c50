//! Records fetched from topics.
//!
//! Either partitions are assigned from offsets that were asked for before, and nothing is committed; or a group shares out the partitions,
//! and commits what [`Consumer::done`] was told. librdkafka fetches ahead, as far as its queue may grow.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message, Timestamp};
use rdkafka::topic_partition_list::Offset;

use crate::cluster::{self, Cluster};
use crate::heard::{Assigned, Heard};
use crate::offsets::{self, Moment};
use crate::patience::Closing;
use crate::topics::Topic;
use crate::{Error, Kind, Result};
use crate::{Partition, fault, panics};

/// What is fetched ahead, in KiB.
const AHEAD_KIB: &str = "32768";

/// Fetches records.
pub struct Consumer {
    cluster: Cluster,
    client: Closing<BaseConsumer<Heard>>,
    /// Whether no broker can be reached; so that the lock is not asked for each record ...
    is_down: AtomicBool,
    /// ... and since when.
    down_since: Mutex<Option<Instant>>,
    /// Those of which nothing is fetched, also when a group gave them to somebody else and back.
    paused: Mutex<HashSet<Partition>>,
}

/// What came of waiting.
pub enum Event<'m> {
    /// A record.
    Record(Fetched<'m>),
    /// Nothing more is there at the moment in a partition of this number, whichever topic it is of: librdkafka's binding does not say.
    End(i32),
    /// Nothing came.
    Idle,
}

/// The name of a header, and its value if it has one.
pub type Header<'m> = (&'m str, Option<&'m [u8]>);

/// A record that was fetched.
pub struct Fetched<'m>(BorrowedMessage<'m>);

impl Cluster {
    /// A consumer outside of groups.
    pub fn consumer(&self) -> Result<Consumer> {
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
    pub fn member(&self, group: &str, from: &str) -> Result<Consumer> {
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

    fn consumer_with(&self, properties: &[(&str, &str)]) -> Result<Consumer> {
        let shared = [
            ("enable.partition.eof", "true"),
            ("queued.max.messages.kbytes", AHEAD_KIB),
            // After its queue was full librdkafka would wait for a second: 15 MB/s were the most that came.
            ("fetch.queue.backoff.ms", "10"),
            ("check.crcs", "true"),
            ("fetch.wait.max.ms", "100"),
        ];
        let all = [properties, &shared].concat();
        // What a member has is its own.
        let mut cluster = self.clone();
        cluster.heard = self.heard.apart();
        Ok(Consumer {
            client: Closing::new(cluster.client(&all)?, cluster.timeout),
            cluster,
            is_down: AtomicBool::new(false),
            down_since: Mutex::default(),
            paused: Mutex::default(),
        })
    }
}

impl Consumer {
    /// The topics of these names, in this order; all must be there.
    pub fn topics_named(&self, names: &[String]) -> Result<Vec<Topic>> {
        cluster::topics_named(&self.cluster, &self.client, names)
    }

    /// How long the cluster is waited for.
    pub fn timeout(&self) -> Duration {
        self.cluster.timeout
    }

    /// What the group has committed, in the order of `partitions`.
    pub fn committed(&self, partitions: &[Partition]) -> Result<Vec<Option<i64>>> {
        offsets::committed(&self.cluster, &self.client, partitions)
    }

    /// The offsets of a moment, in the order of `partitions`.
    pub fn offsets_at(&self, partitions: &[Partition], moment: Moment) -> Result<Vec<i64>> {
        offsets::offsets_at(&self.cluster, &self.client, partitions, moment)
    }

    /// Fetches these partitions from these offsets on.
    pub fn assign(&self, from: &[(Partition, i64)]) -> Result<()> {
        let partitions: Vec<_> = from.iter().map(|(it, _)| it.clone()).collect();
        let list = offsets::list(&partitions, |index| Offset::Offset(from[index].1));
        self.client
            .assign(&list)
            .map_err(|error| fault::of("cannot read the partitions", &error))
    }

    /// Takes part in the group.
    pub fn subscribe(&self, topics: &[String]) -> Result<()> {
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        self.client
            .subscribe(&topics)
            .map_err(|error| fault::of("cannot subscribe to the topics", &error))
    }

    /// Fetches no more of these partitions, and forgets what was fetched ahead.
    pub fn pause(&self, partitions: &[Partition]) -> Result<()> {
        let mut paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        let new = partitions.iter().filter(|it| !paused.contains(it));
        let new: Vec<_> = new.cloned().collect();
        self.client
            .pause(&offsets::list(&new, |_| Offset::Invalid))
            .map_err(|error| fault::of("cannot leave a partition", &error))?;
        paused.extend(new);
        Ok(())
    }

    /// Goes on with those of these partitions that were paused.
    pub fn resume(&self, partitions: &[Partition]) -> Result<()> {
        let mut paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        let old = partitions.iter().filter(|it| paused.remove(it));
        let old: Vec<_> = old.cloned().collect();
        self.client
            .resume(&offsets::list(&old, |_| Offset::Invalid))
            .map_err(|error| fault::of("cannot go on with a partition", &error))
    }

    /// The partitions that this member of a group has from now on, if that changed.
    pub fn take_assigned(&self) -> Option<Assigned> {
        self.cluster.heard.take_assigned()
    }

    /// Waits for a record. Brokers that are away are waited for: for the time that the options say, or for ever where `is_patient`.
    pub fn next(&self, wait: Duration, is_patient: bool) -> Result<Event<'_>> {
        self.cluster.cancel.check()?;
        if self.cluster.heard.take_all_down() {
            self.down_since().get_or_insert_with(Instant::now);
            self.is_down.store(true, Ordering::Relaxed);
        }
        let is_over = |since: Instant| since.elapsed() >= self.cluster.timeout;
        if !is_patient && self.down_since().is_some_and(is_over) {
            return Err(self.cluster.unreachable());
        }
        self.poll(wait)
    }

    /// What has come already, or comes in that time: nothing else is looked at.
    pub(crate) fn poll(&self, wait: Duration) -> Result<Event<'_>> {
        match self.client.poll(wait) {
            None => Ok(Event::Idle),
            Some(Ok(message)) => {
                self.note_answer();
                Ok(Event::Record(Fetched(message)))
            }
            Some(Err(KafkaError::PartitionEOF(id))) => {
                self.note_answer();
                Ok(Event::End(id))
            }
            Some(Err(error)) => match is_passing(&error) {
                true => Ok(Event::Idle),
                false => Err(self.failed(&error)),
            },
        }
    }

    /// Why no broker can be reached, if so.
    pub fn away(&self) -> Option<String> {
        (*self.down_since())?;
        let why = self.cluster.heard.last_error();
        Some(why.unwrap_or_else(|| "no broker can be reached".to_owned()))
    }

    fn down_since(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.down_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody has answered.
    fn note_answer(&self) {
        if self.is_down.load(Ordering::Relaxed) {
            *self.down_since() = None;
            self.is_down.store(false, Ordering::Relaxed);
        }
    }

    fn failed(&self, error: &KafkaError) -> Error {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AutoOffsetReset) {
            let why = self.cluster.heard.last_error();
            let why = why.map_or_else(String::new, |why| format!(": {why}"));
            return Error::Cluster {
                message: format!("records were deleted before they were read{why}"),
                hint: Some(
                    "`--from beginning`, or `?from=beginning` in an address, begins with the oldest that is there now"
                        .to_owned(),
                ),
                kind: Kind::Failure,
            };
        }
        fault::of("cannot read the topics", error)
    }

    /// Remembers for the next commit in the background how far partitions are done with: the offsets behind the last records. Returns for
    /// how many: what another member has by now is not ours to commit, and it reads those records again.
    pub fn done(&self, offsets: &[(Partition, i64)]) -> usize {
        let is_ours = |(partition, offset): &&(Partition, i64)| {
            let one = std::slice::from_ref(partition);
            let list = offsets::list(one, |_| Offset::Offset(*offset));
            self.client.store_offsets(&list).is_ok()
        };
        offsets.iter().filter(is_ours).count()
    }

    /// Commits what is done with now; the cluster is waited for as long as the options say.
    pub fn commit(&self) -> Result<()> {
        let commit = |it: &BaseConsumer<_>| it.commit_consumer_state(CommitMode::Sync);
        match self.client.within(self.cluster.timeout, commit) {
            // Nothing is new.
            Some(Ok(()) | Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset))) => Ok(()),
            Some(Err(error)) => Err(fault::of(
                "cannot commit the offsets: the group will read records again",
                &error,
            )),
            None => Err(self
                .cluster
                .unanswered("cannot commit the offsets: the group may read records again")),
        }
    }

    /// Why commits in the background fail, if they do.
    pub fn commit_error(&self) -> Option<String> {
        self.cluster.heard.take_commit_error().map(fault::said)
    }
}

impl Fetched<'_> {
    /// Its topic's name.
    pub fn topic(&self) -> &str {
        self.0.topic()
    }

    /// Its partition's number.
    pub fn partition(&self) -> i32 {
        self.0.partition()
    }

    /// Its place in the partition.
    pub fn offset(&self) -> i64 {
        self.0.offset()
    }

    /// Milliseconds since 1970.
    pub fn timestamp_ms(&self) -> Option<i64> {
        self.0.timestamp().to_millis()
    }

    /// Whether the broker has set the time, and not the producer.
    pub fn is_append_time(&self) -> bool {
        matches!(self.0.timestamp(), Timestamp::LogAppendTime(_))
    }

    /// What it was sent with to tell its partition, if anything.
    pub fn key(&self) -> Option<&[u8]> {
        self.0.key()
    }

    /// `None` of a tombstone.
    pub fn value(&self) -> Option<&[u8]> {
        self.0.payload()
    }

    /// Names and values, in order.
    pub fn headers(&self) -> Result<Vec<Header<'_>>> {
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
            kind: Kind::Data,
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
