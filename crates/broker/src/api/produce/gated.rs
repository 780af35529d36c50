//! Batches for topics with a gate, all of a request at the same time, on threads on which nobody else waits.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::ProduceRequest;
use kafka_protocol::messages::produce_request::PartitionProduceData;
use kafka_protocol::messages::produce_response::BatchIndexAndErrorMessage;
use kafka_protocol::protocol::StrBytes;
use tokio::task::JoinHandle;

use super::{Acks, Context, Failed, Found, one_batch};
use crate::Error;
use crate::gate::{Admitted, Arrived, Refused};
use crate::log::Log;
use crate::topics::Topic;

/// A batch on its way through a gate.
pub(super) struct Begun {
    pub(super) log: Arc<Log>,
    admitting: Result<Admitting, Failed>,
}

/// It waits no longer than somebody waits for it: when a connection ends, what its requests may hold is given to others.
struct Admitting(JoinHandle<Result<Admitted, Refused>>);

impl Drop for Admitting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What was begun for each partition of a request, in its order; nothing at all where there are no gates.
pub(super) type AllBegun = VecDeque<Option<Begun>>;

/// Begins with what has to go through a gate. All bad records together are named in `named_bytes_max`.
///
/// As all are begun at the same time, a partition that is named again would have its batches in any order: only the first is begun.
pub(super) fn begin(
    context: &Context,
    request: &ProduceRequest,
    found: &[Found],
    acks: Option<Acks>,
    named_bytes_max: usize,
) -> AllBegun {
    if acks.is_none() || !context.broker.topics.have_gates() {
        return VecDeque::new();
    }
    let mut arrived = Vec::new();
    for (data, topic) in request.topic_data.iter().zip(found) {
        let topic = topic.as_ref().ok();
        let partitions = data.partition_data.iter();
        arrived.extend(partitions.map(|it| topic.and_then(|topic| arrive(topic, it))));
    }
    let count = arrived.iter().flatten().count();
    let share = named_bytes_max / count.max(1);
    let mut seen = HashSet::new();
    let begun = arrived.into_iter().map(|arrived| {
        let arrived = arrived?;
        let log = arrived.log.clone();
        let admitting = match seen.insert(Arc::as_ptr(&log)) {
            true => {
                let admitted = arrived.admit(context.broker.clone(), share);
                Ok(Admitting(tokio::spawn(admitted)))
            }
            false => Err(named_twice(arrived.partition)),
        };
        Some(Begun { log, admitting })
    });
    begun.collect()
}

fn named_twice(partition: i32) -> Failed {
    Failed {
        message: Some(format!("partition {partition} is named more than once")),
        ..ResponseError::InvalidRequest.into()
    }
}

/// A batch that has to go through a gate.
fn arrive(topic: &Arc<Topic>, data: &PartitionProduceData) -> Option<Arrived> {
    let gate = topic.gate()?;
    let log = topic.partition(data.index)?;
    let records = data.records.clone().unwrap_or_default();
    // What no topic takes is refused as for any other.
    one_batch(&records).ok()?;
    Some(Arrived {
        topic: topic.clone(),
        partition: data.index,
        log,
        gate,
        records,
    })
}

impl Begun {
    /// Waits until it is through, or refused.
    pub(super) async fn finish(self) -> Result<Admitted, Failed> {
        // It ends before it is done by a mistake of ours alone, or because this is the end.
        let mut admitting = self.admitting?;
        let admitted = (&mut admitting.0).await;
        let admitted = admitted.unwrap_or(Err(Error::Ended.into()));
        admitted.map_err(|refused| match refused {
            Refused::Error(error) => {
                super::tell(&self.log, &error);
                error.into()
            }
            Refused::Contract(message, records) => Failed {
                records: records.into_iter().map(named).collect(),
                ..Failed::invalid(&message)
            },
        })
    }
}

fn named((index, message): (i32, String)) -> BatchIndexAndErrorMessage {
    BatchIndexAndErrorMessage::default()
        .with_batch_index(index)
        .with_batch_index_error_message(Some(StrBytes::from_string(message)))
}
