//! `OffsetDelete`: offsets of topics that a group does not read any more.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::offset_delete_request::OffsetDeleteRequestTopic;
use kafka_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
use kafka_protocol::messages::{OffsetDeleteRequest, OffsetDeleteResponse};

use super::{Answer, Asked, Context, Refused, check_group, number, reply_durable};
use crate::access::Action;
use crate::groups::Now;

pub(crate) fn delete_offsets(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: OffsetDeleteRequest = asked.read()?;
    let mut partitions = Vec::new();
    for topic in &request.topics {
        let indexes = topic.partitions.iter().map(|it| it.partition_index);
        partitions.extend(indexes.map(|it| (topic.name.to_string(), it)));
    }
    let topics = &context.broker.topics;
    let error_of = |(topic, partition): &(String, i32)| {
        if !context.may(Action::Read(topic)) {
            return Some(ResponseError::TopicAuthorizationFailed);
        }
        let known = topics.topic(topic).and_then(|it| it.partition(*partition));
        known
            .is_none()
            .then_some(ResponseError::UnknownTopicOrPartition)
    };
    let errors: Vec<_> = partitions.iter().map(error_of).collect();
    let denied = Some(ResponseError::TopicAuthorizationFailed);
    // Of topics that are gone offsets are deleted all the same.
    let mut allowed = errors.iter().map(|it| *it != denied);
    partitions.retain(|_| allowed.next().unwrap_or(false));
    let groups = &context.broker.groups;
    let deleted = check_group(context, &request.group_id, true)
        .and_then(|()| groups.delete_offsets(Now::read(), &request.group_id, &partitions));
    match deleted {
        Err(error) => asked.reply::<OffsetDeleteRequest>(
            &OffsetDeleteResponse::default().with_error_code(error.code()),
        ),
        Ok((refused, written)) => {
            reply_durable::<OffsetDeleteRequest>(context, &asked, written, move |failed| {
                let mut refused = refused.into_iter();
                let errors = errors.into_iter().map(|error| match error == denied {
                    true => error,
                    false => refused.next().flatten().or(error),
                });
                OffsetDeleteResponse::default()
                    .with_error_code(number(failed))
                    .with_topics(topics_of(&request.topics, errors))
            })
        }
    }
}

fn topics_of(
    topics: &[OffsetDeleteRequestTopic],
    mut errors: impl Iterator<Item = Option<ResponseError>>,
) -> Vec<OffsetDeleteResponseTopic> {
    let topics = topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|it| {
            OffsetDeleteResponsePartition::default()
                .with_partition_index(it.partition_index)
                .with_error_code(number(errors.next().flatten()))
        });
        OffsetDeleteResponseTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    topics.collect()
}
