//! `CreateTopics` and `DeleteTopics`.

use std::collections::HashMap;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{
    CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::{Answer, Asked, Context, Refused, Said, code, said};
use crate::topics::{PARTITIONS_MAX, Settings, check_name};
use crate::{Error, broker::NODE_ID};

pub(super) fn create(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: CreateTopicsRequest = asked.read()?;
    let mut named = HashMap::new();
    for topic in &request.topics {
        *named.entry(topic.name.clone()).or_insert(0) += 1;
    }
    let results = request.topics.iter().map(|topic| {
        let created = match named[&topic.name] {
            1 => create_one(context, topic, request.validate_only),
            _ => Err((
                ResponseError::InvalidRequest,
                Some("it is named more than once".to_owned()),
            )),
        };
        let result = CreatableTopicResult::default().with_name(topic.name.clone());
        match created {
            Ok(created) => result
                .with_topic_id(created.id)
                .with_error_message(None)
                .with_num_partitions(created.partitions as i32)
                .with_replication_factor(1)
                .with_topic_config_error_code(0),
            Err((error, message)) => result
                .with_error_code(error.code())
                .with_error_message(message.map(StrBytes::from_string))
                .with_num_partitions(-1)
                .with_replication_factor(-1),
        }
    });
    let response = CreateTopicsResponse::default().with_topics(results.collect());
    asked.reply::<CreateTopicsRequest>(&response)
}

struct Created {
    id: uuid::Uuid,
    partitions: usize,
}

fn create_one(context: &Context, topic: &CreatableTopic, is_trial: bool) -> Result<Created, Said> {
    check_name(&topic.name).map_err(|it| said(it.into()))?;
    let partitions = partitions_of(context, topic)?;
    let mut settings = Settings::default();
    for config in &topic.configs {
        let Some(value) = &config.value else {
            continue;
        };
        settings
            .set(&config.name, value)
            .map_err(|it| said(it.into()))?;
    }
    settings.check().map_err(|it| said(it.into()))?;
    if is_trial {
        return match context.broker.topics.topic(&topic.name) {
            Some(_) => Err(said(Error::TopicExists(topic.name.to_string()))),
            None => Ok(Created {
                id: uuid::Uuid::nil(),
                partitions,
            }),
        };
    }
    let created = context
        .broker
        .topics
        .create(&topic.name, partitions, settings)
        .map_err(said)?;
    Ok(Created {
        id: created.id(),
        partitions,
    })
}

fn partitions_of(context: &Context, topic: &CreatableTopic) -> Result<usize, Said> {
    let refused = |error, message: String| Err((error, Some(message)));
    if !topic.assignments.is_empty() {
        let on_us =
            |it: &[kafka_protocol::messages::BrokerId]| matches!(it, [one] if one.0 == NODE_ID);
        let mut indexes: Vec<_> = topic
            .assignments
            .iter()
            .map(|it| it.partition_index)
            .collect();
        indexes.sort_unstable();
        let is_whole = indexes.iter().copied().eq(0..indexes.len() as i32);
        return match is_whole && topic.assignments.iter().all(|it| on_us(&it.broker_ids)) {
            true => Ok(indexes.len()),
            false => refused(
                ResponseError::InvalidReplicaAssignment,
                format!("partitions count from 0, and all are on node {NODE_ID}"),
            ),
        };
    }
    if !matches!(topic.replication_factor, -1 | 1) {
        return refused(
            ResponseError::InvalidReplicationFactor,
            format!(
                "replication factor {}: there is one node",
                topic.replication_factor
            ),
        );
    }
    match topic.num_partitions {
        -1 => Ok(context.broker.options.partitions),
        count if count >= 1 && count as usize <= PARTITIONS_MAX => Ok(count as usize),
        count => refused(
            ResponseError::InvalidPartitions,
            format!("{count} partitions, a topic has 1 to {PARTITIONS_MAX}"),
        ),
    }
}

pub(super) fn delete(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: DeleteTopicsRequest = asked.read()?;
    let topics = &context.broker.topics;
    let mut results = Vec::new();
    for name in request.topic_names {
        results.push(delete_one(context, name));
    }
    for state in request.topics {
        let known = topics.topic_of_id(state.topic_id);
        let name = known.map(|it| TopicName(StrBytes::from_string(it.name().to_owned())));
        results.push(match state.name.or(name) {
            Some(name) => delete_one(context, name).with_topic_id(state.topic_id),
            None => DeletableTopicResult::default()
                .with_topic_id(state.topic_id)
                .with_error_code(ResponseError::UnknownTopicId.code()),
        });
    }
    let response = DeleteTopicsResponse::default().with_responses(results);
    asked.reply::<DeleteTopicsRequest>(&response)
}

fn delete_one(context: &Context, name: TopicName) -> DeletableTopicResult {
    let deleted = context.broker.topics.delete(&name);
    let deleted = deleted.and_then(|()| context.broker.groups.topic_deleted(&name));
    let result = DeletableTopicResult::default().with_name(Some(name));
    match deleted {
        Ok(()) => result,
        Err(error) => result.with_error_code(code(&error).code()),
    }
}
