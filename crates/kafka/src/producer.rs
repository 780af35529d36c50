//! Records sent to a topic, and what became of each.
//!
//! librdkafka puts records into batches and sends them in threads of its own. A record that it took is on its way until the broker has
//! answered, which comes back by the record's number; what is on its way is bounded, and [`Producer::send`] waits where it is full.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};

use crate::cluster::Cluster;
use crate::fault;
use crate::heard::Heard;
use crate::topics::Topic;
use crate::{Error, Kind, Result};

/// Records sent before it is asked what became of earlier ones.
const SENT_AT_A_TIME: u32 = 1000;

/// How long a full queue is waited for before a signal is noticed.
const FULL_STEP: Duration = Duration::from_millis(5);

/// How long a cluster may take to make a topic that is asked for.
const CREATION_PATIENCE: Duration = Duration::from_secs(3);

/// A record to be sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outgoing<'r> {
    /// Tells its partition, if there is one.
    pub key: Option<&'r [u8]>,
    /// `None` for a tombstone.
    pub value: Option<&'r [u8]>,
    /// Names and values, in order.
    pub headers: &'r [(String, Option<Vec<u8>>)],
}

/// A record that is not in the topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The number it was sent with.
    pub number: usize,
    /// Why.
    pub reason: String,
    /// Whether it is the record's fault, and others can be sent.
    pub is_of_record: bool,
}

/// Sends records to one topic.
pub struct Producer {
    cluster: Cluster,
    client: BaseProducer<Deliveries>,
    topic: String,
    partition: Option<i32>,
    since_poll: u32,
}

/// What brokers answered.
struct Deliveries {
    heard: Heard,
    state: Mutex<Answered>,
}

#[derive(Debug, Default)]
struct Answered {
    delivered: u64,
    lost: Vec<Lost>,
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.heard.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.heard.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(_) => state.delivered += 1,
            Err((error, _)) => state.lost.push(lost(number, error)),
        }
    }
}

impl Cluster {
    /// A producer for a topic that is there, or is made because it is asked for.
    pub fn producer(
        &self,
        topic: &str,
        partition: Option<i32>,
        properties: &[(&str, &str)],
    ) -> Result<Producer> {
        let deliveries = Deliveries {
            heard: self.heard.clone(),
            state: Mutex::default(),
        };
        let producer = Producer {
            cluster: self.clone(),
            client: self.client_with(properties, deliveries)?,
            topic: topic.to_owned(),
            partition,
            since_poll: 0,
        };
        let found = producer.wait_for_topic()?;
        let count = found.partitions.len();
        let is_there = |id: i32| found.partitions.iter().any(|it| it.id == id);
        if let Some(id) = partition.filter(|id| !is_there(*id)) {
            return Err(Error::Usage {
                message: format!("the topic `{topic}` has no partition {id}"),
                hint: Some(format!("it has {count}, and the first of them is 0")),
            });
        }
        Ok(producer)
    }
}

impl Producer {
    fn wait_for_topic(&self) -> Result<Topic> {
        let start = Instant::now();
        loop {
            let serve = || self.client.poll(Duration::ZERO);
            let topics = self
                .cluster
                .metadata(self.client.client(), Some(&self.topic), serve)?;
            let Some(topic) = topics.into_iter().find(|it| it.name == self.topic) else {
                return Err(self.no_topic(RDKafkaErrorCode::UnknownTopicOrPartition));
            };
            match &topic.error {
                None if !topic.partitions.is_empty() => return Ok(topic),
                Some(reason) if !topic.is_unknown => {
                    return Err(Error::Cluster {
                        message: format!("cannot produce to the topic `{}`: {reason}", self.topic),
                        hint: None,
                        kind: Kind::Failure,
                    });
                }
                _ if start.elapsed() >= CREATION_PATIENCE.min(self.cluster.timeout) => {
                    return Err(self.no_topic(RDKafkaErrorCode::UnknownTopicOrPartition));
                }
                _ => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    fn no_topic(&self, code: RDKafkaErrorCode) -> Error {
        fault::of_code(
            &format!("cannot produce to the topic `{}`", self.topic),
            code,
        )
    }

    /// Takes a record, after waiting for room; what became of it is told by its number later. A record that cannot be taken is in the
    /// answer.
    ///
    /// # Errors
    /// When the run is cancelled: the record was not taken.
    pub fn send(&mut self, number: usize, record: Outgoing<'_>) -> Result<Option<Lost>> {
        self.since_poll += 1;
        if self.since_poll >= SENT_AT_A_TIME {
            self.since_poll = 0;
            self.client.poll(Duration::ZERO);
        }
        loop {
            let sent = self.client.send(self.record(number, record));
            let Err((error, _)) = sent else {
                return Ok(None);
            };
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return Ok(Some(lost(number, &error)));
            }
            self.cluster.cancel.check()?;
            self.client.poll(FULL_STEP);
        }
    }

    fn record<'r>(
        &'r self,
        number: usize,
        record: Outgoing<'r>,
    ) -> BaseRecord<'r, [u8], [u8], usize> {
        let mut sent = BaseRecord::with_opaque_to(&self.topic, number);
        sent.partition = self.partition;
        sent.key = record.key;
        sent.payload = record.value;
        if !record.headers.is_empty() {
            let none = OwnedHeaders::new_with_capacity(record.headers.len());
            let all = record.headers.iter();
            let headers = all.fold(none, |headers, (name, value)| {
                headers.insert(Header {
                    key: name,
                    value: value.as_deref(),
                })
            });
            sent.headers = Some(headers);
        }
        sent
    }

    /// Looks at what brokers have answered, without waiting.
    pub fn poll(&self) {
        self.client.poll(Duration::ZERO);
    }

    /// Waits until all that was taken is delivered or lost: brokers that answer no more end it when a record's time is over.
    pub fn flush(&self) -> Result<()> {
        loop {
            let step = Duration::from_millis(20);
            match self.client.flush(step) {
                Ok(()) => return Ok(()),
                Err(KafkaError::Flush(RDKafkaErrorCode::OperationTimedOut)) => {}
                Err(error) => return Err(fault::of("cannot deliver the last records", &error)),
            }
        }
    }

    /// Records that brokers have taken.
    pub fn delivered(&self) -> u64 {
        self.answered().delivered
    }

    /// Records that are lost, since this was last asked.
    pub fn take_lost(&self) -> Vec<Lost> {
        std::mem::take(&mut self.answered().lost)
    }

    fn answered(&self) -> std::sync::MutexGuard<'_, Answered> {
        let state = &self.client.context().state;
        state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last thing that librdkafka complained of.
    pub fn complaint(&self) -> Option<String> {
        self.cluster.heard.last_error()
    }
}

fn lost(number: usize, error: &KafkaError) -> Lost {
    let code = error.rdkafka_error_code();
    Lost {
        number,
        reason: code.map_or_else(|| error.to_string(), fault::said),
        is_of_record: code.is_some_and(fault::is_of_record),
    }
}
