//! A topic as a sink: each record that is written is the value of a message.
//!
//! Messages are sent as they are written, with all acknowledgements and idempotence, so that retries put none twice. A run that fails in
//! the middle leaves those that were sent before: a topic takes nothing back. [`finish`](Sink::finish) waits until all are acknowledged.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tamis_engine::framing::{Framing, Machine, State};
use tamis_engine::sink::Sink;

use crate::cluster::Cluster;
use crate::producer::{Lost, Outgoing, Producer};
use crate::{Error, Kind, Result};

/// How records are sent; what the address says counts more.
const PROPERTIES: [(&str, &str); 7] = [
    ("acks", "all"),
    ("enable.idempotence", "true"),
    ("linger.ms", "20"),
    ("batch.size", "1000000"),
    ("queue.buffering.max.messages", "1000000"),
    ("queue.buffering.max.kbytes", "65536"),
    // How long a record is sent anew before it is given up.
    ("message.timeout.ms", "30000"),
];

/// Properties without which records could be lost or doubled.
const FIXED: [(&str, &str); 4] = [
    ("acks", "all"),
    ("request.required.acks", "all"),
    ("enable.idempotence", "true"),
    ("enable.gapless.guarantee", "false"),
];

/// A topic that is written.
pub struct KafkaSink {
    topic: TopicWriter,
    machine: Machine,
    state: State,
    /// The start of a record whose end has not been written.
    record: Vec<u8>,
}

/// Who sends the records of a sink, also for whoever waits for them in the middle of a run.
#[derive(Clone)]
pub struct TopicWriter {
    name: Arc<str>,
    sending: Arc<Mutex<Sending>>,
}

struct Sending {
    producer: Producer,
    sent: usize,
    /// Those that are not in the topic, and the first of them.
    lost: u64,
    first: Option<Lost>,
}

impl KafkaSink {
    /// A sink of a topic that is there, or is made because it is asked for; `name` is what it is called.
    ///
    /// # Errors
    /// When the cluster cannot be reached or has no such topic, and [`Error::Usage`] for properties with which records could be lost.
    pub fn connect(
        cluster: &Cluster,
        topic: &str,
        name: &str,
        properties: &[(String, String)],
    ) -> Result<KafkaSink> {
        for (property, value) in properties {
            let fixed = FIXED.iter().find(|(it, _)| it == property);
            let is_all = *value == "-1" && property.ends_with("acks");
            if let Some((_, needed)) = fixed.filter(|(_, needed)| needed != value && !is_all) {
                return Err(Error::Usage {
                    message: format!(
                        "`{name}`: the property `{property}` is `{needed}` for outputs"
                    ),
                    hint: Some(
                        "leave it out: no record is to be lost, and none to come twice".to_owned(),
                    ),
                });
            }
        }
        cluster.check_reserved(name)?;
        let producer = cluster.producer(topic, None, &PROPERTIES)?;
        let sending = Sending {
            producer,
            sent: 0,
            lost: 0,
            first: None,
        };
        Ok(KafkaSink {
            topic: TopicWriter {
                name: name.into(),
                sending: Arc::new(Mutex::new(sending)),
            },
            machine: Machine::new(Framing::Lines),
            state: State::RecordStart,
            record: Vec::new(),
        })
    }

    /// Who sends its records.
    pub fn writer(&self) -> TopicWriter {
        self.topic.clone()
    }

    fn send(&mut self, record: &[u8]) -> tamis_engine::Result<()> {
        let value = without_line_end(record);
        if value.is_empty() {
            return Ok(());
        }
        self.topic
            .sending()
            .send(value)
            .map_err(|error| self.topic.engine_error(error))
    }
}

impl TopicWriter {
    /// Waits until all that was written is acknowledged.
    ///
    /// # Errors
    /// When something was not: how many records, and why the first was not.
    pub fn flush(&self) -> Result<()> {
        let mut sending = self.sending();
        sending.producer.flush()?;
        sending.check()
    }

    fn sending(&self) -> MutexGuard<'_, Sending> {
        self.sending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn engine_error(&self, error: Error) -> tamis_engine::Error {
        match error {
            Error::Engine(error) => error,
            error => tamis_engine::Error::Write {
                output: self.name.to_string(),
                source: std::io::Error::other(error),
            },
        }
    }
}

impl Sending {
    fn send(&mut self, value: &[u8]) -> Result<()> {
        let outgoing = Outgoing {
            value: Some(value),
            ..Outgoing::default()
        };
        let number = self.sent;
        self.sent += 1;
        if let Some(lost) = self.producer.send(number, outgoing)? {
            self.lost += 1;
            self.first.get_or_insert(lost);
        }
        // A record that is lost is noticed while others are sent.
        if number.is_multiple_of(1000) || self.lost > 0 {
            self.check()?;
        }
        Ok(())
    }

    /// Fails if something was not delivered.
    fn check(&mut self) -> Result<()> {
        let lost = self.producer.take_lost();
        self.lost += lost.len() as u64;
        let first = lost.into_iter().min_by_key(|lost| lost.number);
        self.first = [self.first.take(), first]
            .into_iter()
            .flatten()
            .min_by_key(|lost| lost.number);
        let Some(first) = &self.first else {
            return Ok(());
        };
        Err(Error::Cluster {
            message: format!(
                "{} of {} records were not taken; record {}: {}",
                self.lost,
                self.sent,
                first.number + 1,
                first.reason
            ),
            hint: None,
            kind: match first.is_of_record {
                true => Kind::Data,
                false => Kind::Failure,
            },
        })
    }
}

fn without_line_end(record: &[u8]) -> &[u8] {
    let record = record.strip_suffix(b"\n").unwrap_or(record);
    record.strip_suffix(b"\r").unwrap_or(record)
}

impl Sink for KafkaSink {
    fn name(&self) -> &str {
        &self.topic.name
    }

    /// A message that names the columns would be none that says anything.
    fn begin_records(&mut self, framing: Framing) -> bool {
        self.machine = Machine::new(framing);
        false
    }

    fn write_all(&mut self, mut bytes: &[u8]) -> tamis_engine::Result<()> {
        while !bytes.is_empty() {
            let Some(end) = self.machine.record_end(self.state, bytes) else {
                self.state = self.machine.run(self.state, bytes);
                self.record.extend_from_slice(bytes);
                return Ok(());
            };
            let (rest, behind) = bytes.split_at(end);
            bytes = behind;
            self.state = State::RecordStart;
            if self.record.is_empty() {
                self.send(rest)?;
                continue;
            }
            let mut record = std::mem::take(&mut self.record);
            record.extend_from_slice(rest);
            let sent = self.send(&record);
            record.clear();
            self.record = record;
            sent?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> tamis_engine::Result<()> {
        let record = std::mem::take(&mut self.record);
        self.send(&record)?;
        self.topic
            .flush()
            .map_err(|error| self.topic.engine_error(error))
    }
}
