//! `OffsetForLeaderEpoch`: where the records of a leader's time end. There is one leader, whose epoch is 0 for ever.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::offset_for_leader_epoch_request::OffsetForLeaderPartition;
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};

use super::{Answer, Asked, Context, Refused};
use crate::access::Action;
use crate::log::Log;

/// The epoch of all there is.
const EPOCH: i32 = 0;

/// No epoch, or no offset.
const NONE: i32 = -1;

pub(super) fn answer(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: OffsetForLeaderEpochRequest = asked.read()?;
    let topics = request.topics.into_iter().map(|asked| {
        let topic = context.topic(Action::Describe(&asked.topic));
        let partitions = asked.partitions.iter().map(|partition| {
            let index = partition.partition;
            let log = topic.as_ref().map(|it| it.partition(index));
            let end = EpochEndOffset::default().with_partition(index);
            match log
                .map_err(|it| *it)
                .and_then(|log| find(log.as_deref(), partition))
            {
                Ok((epoch, offset)) => end.with_leader_epoch(epoch).with_end_offset(offset),
                Err(error) => end
                    .with_error_code(error.code())
                    .with_leader_epoch(NONE)
                    .with_end_offset(i64::from(NONE)),
            }
        });
        let partitions = partitions.collect();
        OffsetForLeaderTopicResult::default()
            .with_topic(asked.topic)
            .with_partitions(partitions)
    });
    let response = OffsetForLeaderEpochResponse::default().with_topics(topics.collect());
    asked.reply::<OffsetForLeaderEpochRequest>(&response)
}

/// The epoch that was found, and the offset behind its records.
fn find(log: Option<&Log>, asked: &OffsetForLeaderPartition) -> Result<(i32, i64), ResponseError> {
    let log = log.ok_or(ResponseError::UnknownTopicOrPartition)?;
    if asked.current_leader_epoch > EPOCH {
        return Err(ResponseError::UnknownLeaderEpoch);
    }
    match asked.leader_epoch {
        EPOCH => Ok((EPOCH, log.readable_offset())),
        _ => Ok((NONE, i64::from(NONE))),
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::offset_for_leader_epoch_request::OffsetForLeaderTopic;
    use kafka_protocol::messages::{ApiKey, TopicName};
    use kafka_protocol::protocol::StrBytes;

    use super::*;
    use crate::api::tests::{Trial, batch, versions_of};

    #[test]
    fn the_only_epoch_ends_where_the_log_does() {
        let trial = Trial::new();
        let topic = trial
            .context
            .broker
            .topics
            .topic("topic")
            .expect("it is there");
        let log = topic.partition(0).expect("it is there");
        log.append(batch(), 0, 5).expect("it is appended");
        log.flush().expect("it is durable");
        let unknown_epoch = ResponseError::UnknownLeaderEpoch.code();
        let unknown = ResponseError::UnknownTopicOrPartition.code();
        let cases = [
            ((0, -1, 0), (0, 0, 1)),
            ((0, 0, 0), (0, 0, 1)),
            ((0, 0, 1), (0, -1, -1)),
            ((0, -1, -1), (0, -1, -1)),
            ((0, 1, 0), (unknown_epoch, -1, -1)),
            ((9, 0, 0), (unknown, -1, -1)),
        ];
        for version in versions_of(ApiKey::OffsetForLeaderEpoch) {
            for ((index, current, epoch), expected) in cases {
                let partition = OffsetForLeaderPartition::default()
                    .with_partition(index)
                    .with_current_leader_epoch(current)
                    .with_leader_epoch(epoch);
                let topic = OffsetForLeaderTopic::default()
                    .with_topic(TopicName(StrBytes::from_static_str("topic")))
                    .with_partitions(vec![partition]);
                let request = OffsetForLeaderEpochRequest::default().with_topics(vec![topic]);
                let response = trial.ask(&request, version);
                let found = &response.topics[0].partitions[0];
                let found = (found.error_code, found.leader_epoch, found.end_offset);
                assert_eq!(found, expected, "{index} {current} {epoch}");
            }
        }
    }
}
