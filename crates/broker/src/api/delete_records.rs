//! `DeleteRecords`: the records before an offset are gone for everybody.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use kafka_protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse};

use super::{Answer, Asked, Context, Refused, code};
use crate::Result;
use crate::log::Log;

/// The offset that stands for all that can be read.
const HIGH_WATERMARK: i64 = -1;

pub(super) fn answer(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: DeleteRecordsRequest = asked.read()?;
    let error = ResponseError::TopicAuthorizationFailed;
    let allowed = context.administer(error).map_err(|it| it.0);
    let topics = request.topics.into_iter().map(|asked| {
        let topic = context.broker.topics.topic(&asked.name);
        let partitions = asked.partitions.into_iter().map(|partition| {
            let index = partition.partition_index;
            let log = topic.as_ref().and_then(|it| it.partition(index));
            let deleted = match (allowed, log) {
                (Err(error), _) => Err(error),
                (_, Some(log)) => delete(&log, partition.offset).map_err(|it| code(&it)),
                (_, None) => Err(ResponseError::UnknownTopicOrPartition),
            };
            let result = DeleteRecordsPartitionResult::default().with_partition_index(index);
            match deleted {
                Ok(start) => result.with_low_watermark(start),
                Err(error) => result.with_low_watermark(-1).with_error_code(error.code()),
            }
        });
        let partitions = partitions.collect();
        DeleteRecordsTopicResult::default()
            .with_name(asked.name)
            .with_partitions(partitions)
    });
    let response = DeleteRecordsResponse::default().with_topics(topics.collect());
    asked.reply::<DeleteRecordsRequest>(&response)
}

/// Returns the first offset there is.
fn delete(log: &Log, offset: i64) -> Result<i64> {
    match offset {
        HIGH_WATERMARK => log.delete_before(log.readable_offset()),
        _ => log.delete_before(offset),
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::delete_records_request::{
        DeleteRecordsPartition, DeleteRecordsTopic,
    };
    use kafka_protocol::messages::{ApiKey, TopicName};
    use kafka_protocol::protocol::StrBytes;

    use super::*;
    use crate::api::tests::{Trial, batch, versions_of};

    fn ask(trial: &Trial, version: i16, index: i32, offset: i64) -> (i16, i64) {
        let partition = DeleteRecordsPartition::default()
            .with_partition_index(index)
            .with_offset(offset);
        let topic = DeleteRecordsTopic::default()
            .with_name(TopicName(StrBytes::from_static_str("topic")))
            .with_partitions(vec![partition]);
        let request = DeleteRecordsRequest::default().with_topics(vec![topic]);
        let response = trial.ask(&request, version);
        let found = &response.topics[0].partitions[0];
        (found.error_code, found.low_watermark)
    }

    #[test]
    fn records_go_up_to_an_offset_and_to_the_end() {
        for version in versions_of(ApiKey::DeleteRecords) {
            let trial = Trial::new();
            let log = trial
                .context
                .broker
                .topics
                .topic("topic")
                .and_then(|it| it.partition(0));
            let log = log.expect("it is there");
            for _ in 0..5 {
                log.append(batch(), 0, 5).expect("it is appended");
            }
            log.flush().expect("it is durable");
            let outside = (ResponseError::OffsetOutOfRange.code(), -1);
            assert_eq!(ask(&trial, version, 0, 6), outside);
            assert_eq!(ask(&trial, version, 0, -2), outside);
            assert_eq!(ask(&trial, version, 0, 2), (0, 2));
            assert_eq!(ask(&trial, version, 0, 1), (0, 2));
            assert_eq!(ask(&trial, version, 0, -1), (0, 5));
            assert_eq!((log.start_offset(), log.end_offset()), (5, 5));
            let unknown = ResponseError::UnknownTopicOrPartition.code();
            assert_eq!(ask(&trial, version, 3, 0), (unknown, -1));
        }
    }
}
