//! `CreateTopics` and `DeleteTopics`.
//!
//! Who makes a topic is told what was made of it (KIP-525): so many partitions, with all settings that hold.

use std::collections::HashMap;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{
    CreatableTopicConfigs, CreatableTopicResult,
};
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{
    CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::describe_configs::{Described, of_settings};
use super::{Answer, Asked, Context, Refused, Said, code, said, told};
use crate::access::Action;
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
                .with_configs(Some(created.configs)),
            Err((error, message)) => result
                .with_error_code(error.code())
                .with_error_message(told(message))
                .with_num_partitions(-1)
                .with_replication_factor(-1)
                .with_configs(Some(Vec::new())),
        }
    });
    let response = CreateTopicsResponse::default().with_topics(results.collect());
    asked.reply::<CreateTopicsRequest>(&response)
}

/// What was made, or would have been.
struct Created {
    id: uuid::Uuid,
    partitions: usize,
    configs: Vec<CreatableTopicConfigs>,
}

fn create_one(context: &Context, topic: &CreatableTopic, is_trial: bool) -> Result<Created, Said> {
    context.administer(ResponseError::TopicAuthorizationFailed)?;
    check_name(&topic.name).map_err(|it| said(it.into()))?;
    let partitions = partitions_of(context, topic)?;
    let topics = &context.broker.topics;
    let settings = settings_of(topic)?;
    let settled = topics.settled(&topic.name, &Settings::default(), settings);
    let settings = settled.map_err(said)?;
    let configs = of_settings(topics.defaults(), &settings);
    let configs = configs.iter().map(config).collect();
    let id = match is_trial {
        false => topics
            .create(&topic.name, partitions, settings)
            .map(|it| it.id()),
        true => match topics.topic(&topic.name) {
            Some(_) => Err(Error::TopicExists(topic.name.to_string())),
            None => Ok(uuid::Uuid::nil()),
        },
    };
    Ok(Created {
        id: id.map_err(said)?,
        partitions,
        configs,
    })
}

fn settings_of(topic: &CreatableTopic) -> Result<Settings, Said> {
    let mut settings = Settings::default();
    for config in &topic.configs {
        let value = config.value.as_ref().ok_or_else(|| {
            let message = format!("`{}` is given no value", &*config.name);
            (ResponseError::InvalidConfig, Some(message))
        })?;
        let set = settings.set(&config.name, value);
        set.map_err(|it| said(it.into()))?;
    }
    settings.check().map_err(|it| said(it.into()))?;
    Ok(settings)
}

fn config(described: &Described) -> CreatableTopicConfigs {
    let text = |it: &str| StrBytes::from_string(it.to_owned());
    let holds = described.holds();
    CreatableTopicConfigs::default()
        .with_name(text(&described.name))
        .with_value(Some(text(&holds.value)))
        .with_config_source(holds.source)
        .with_read_only(described.is_read_only)
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
        let known = known.filter(|it| context.sees(Action::Describe(it.name())));
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
    let result = DeletableTopicResult::default().with_name(Some(name.clone()));
    let error = ResponseError::TopicAuthorizationFailed;
    if let Err((error, message)) = context.administer(error) {
        return result
            .with_error_code(error.code())
            .with_error_message(told(message));
    }
    let (topics, groups) = (&context.broker.topics, &context.broker.groups);
    let is_there = topics.topic(&name).is_some();
    let mut deleted = topics.delete(&name);
    // Also if it went and that could not be made durable: another of that name is to be read from its beginning.
    if is_there && topics.topic(&name).is_none() {
        deleted = deleted.and(groups.topic_deleted(&name));
    }
    match deleted {
        Ok(()) => result,
        Err(error) => result.with_error_code(code(&error).code()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kafka_protocol::messages::ApiKey;
    use kafka_protocol::messages::create_topics_request::CreatableTopicConfig;
    use nix::libc::EIO;

    use super::*;
    use crate::api::tests::{Trial, batch, versions_of};
    use crate::disk::lossy::LossyDisk;

    fn topic(name: &str, configs: &[(&'static str, Option<&'static str>)]) -> CreatableTopic {
        let configs = configs.iter().map(|(name, value)| {
            CreatableTopicConfig::default()
                .with_name(StrBytes::from_static_str(name))
                .with_value(value.map(StrBytes::from_static_str))
        });
        CreatableTopic::default()
            .with_name(TopicName(StrBytes::from_string(name.to_owned())))
            .with_num_partitions(2)
            .with_replication_factor(1)
            .with_configs(configs.collect())
    }

    fn ask(
        trial: &Trial,
        version: i16,
        topic: CreatableTopic,
        is_trial: bool,
    ) -> CreatableTopicResult {
        let request = CreateTopicsRequest::default()
            .with_topics(vec![topic])
            .with_validate_only(is_trial);
        trial.ask(&request, version).topics.remove(0)
    }

    /// The value and the source of a setting that was told.
    fn told<'r>(result: &'r CreatableTopicResult, name: &str) -> Option<(&'r str, i8)> {
        let mut configs = result.configs.iter().flatten();
        let config = configs.find(|it| &*it.name == name)?;
        assert_eq!(config.read_only, name == "tamis.contract.revision");
        assert!(!config.is_sensitive);
        Some((config.value.as_deref()?, config.config_source))
    }

    #[test]
    fn what_was_made_is_told() {
        let trial = Trial::new();
        let (of_topic, built_in) = (1, 5);
        for version in versions_of(ApiKey::CreateTopics) {
            for is_trial in [true, false] {
                let name = format!("new-{version}");
                let asked = topic(&name, &[("retention.ms", Some("77"))]);
                let result = ask(&trial, version, asked, is_trial);
                assert_eq!(result.error_code, 0, "{version}");
                let topic = trial.context.broker.topics.topic(&name);
                assert_eq!(topic.is_none(), is_trial);
                if version < 5 {
                    continue;
                }
                assert_eq!((result.num_partitions, result.replication_factor), (2, 1));
                assert_eq!(told(&result, "retention.ms"), Some(("77", of_topic)));
                assert_eq!(
                    told(&result, "segment.bytes"),
                    Some(("268435456", built_in))
                );
                let count = result.configs.map(|it| it.len());
                assert_eq!(count, Some(crate::topics::KNOWN.len()));
            }
        }
    }

    #[test]
    fn of_what_was_not_made_nothing_is_told() {
        let trial = Trial::new();
        let error = |it: ResponseError| it.code();
        let bad = [
            (
                topic("topic", &[]),
                error(ResponseError::TopicAlreadyExists),
            ),
            (
                topic("a/b", &[]),
                error(ResponseError::InvalidTopicException),
            ),
            (
                topic("new", &[]).with_num_partitions(0),
                error(ResponseError::InvalidPartitions),
            ),
            (
                topic("new", &[]).with_replication_factor(3),
                error(ResponseError::InvalidReplicationFactor),
            ),
            (
                topic("new", &[("retention.ms", None)]),
                error(ResponseError::InvalidConfig),
            ),
            (
                topic("new", &[("retention", Some("1"))]),
                error(ResponseError::InvalidConfig),
            ),
        ];
        for version in versions_of(ApiKey::CreateTopics) {
            for (topic, expected) in &bad {
                for is_trial in [true, false] {
                    let result = ask(&trial, version, topic.clone(), is_trial);
                    assert_eq!(result.error_code, *expected, "{version} {topic:?}");
                    assert_eq!((result.num_partitions, result.replication_factor), (-1, -1));
                    assert_eq!(result.configs, Some(Vec::new()));
                }
            }
        }
        assert_eq!(trial.context.broker.topics.all().len(), 1);
    }

    #[test]
    fn a_topic_of_which_nobody_knows_whether_it_is_gone_takes_nothing() {
        for lost in [0, 1] {
            let folder = tempfile::tempdir().expect("a folder");
            let disk = Arc::new(LossyDisk::new(folder.path()));
            let trial = Trial::at(folder, disk.clone());
            let broker = &trial.context.broker;
            let known = broker.topics.topic("topic").expect("it is there");
            let log = known.partition(0).expect("it is there");
            log.append(batch(), 0, 5).expect("it is appended");
            log.flush().expect("it is durable");
            disk.fail(0, EIO);
            let name = TopicName(StrBytes::from_static_str("topic"));
            let request = DeleteTopicsRequest::default().with_topic_names(vec![name]);
            let answered = trial.ask(&request, 5);
            let failed = ResponseError::KafkaStorageError.code();
            assert_eq!(answered.responses[0].error_code, failed);
            // What is taken now would be gone with the next start.
            assert!(log.append(batch(), 0, 5).is_err());
            assert!(broker.topics.topic("topic").is_none());
            let left = tempfile::tempdir().expect("a folder");
            disk.crash(lost, left.path());
            let options = crate::broker::Options::new(left.path());
            let (after, _) = crate::Broker::open(options).expect("it opens");
            // As it was, or not at all.
            let back = after.topics.topic("topic").and_then(|it| it.partition(0));
            assert_eq!(
                back.map(|it| it.end_offset()),
                [Some(1), None][lost as usize]
            );
            let made = broker.topics.create("topic", 1, Settings::default());
            let log = made.expect("it is made anew").partition(0);
            assert_eq!(log.expect("it is there").end_offset(), 0);
        }
    }
}
