//! `CreatePartitions`: more partitions for topics that are there.

use std::collections::HashMap;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse};

use super::{Answer, Asked, Context, Refused, Said, said, told};
use crate::Error;
use crate::broker::NODE_ID;

pub(super) fn answer(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: CreatePartitionsRequest = asked.read()?;
    let mut named = HashMap::new();
    for topic in &request.topics {
        *named.entry(&topic.name).or_insert(0) += 1;
    }
    let results = request.topics.iter().map(|topic| {
        let grown = match named[&topic.name] {
            1 => grow(context, topic, request.validate_only),
            _ => Err((
                ResponseError::InvalidRequest,
                Some("it is named more than once".to_owned()),
            )),
        };
        let result = CreatePartitionsTopicResult::default().with_name(topic.name.clone());
        match grown {
            Ok(()) => result.with_error_message(None),
            Err((error, message)) => result
                .with_error_code(error.code())
                .with_error_message(told(message)),
        }
    });
    let response = CreatePartitionsResponse::default().with_results(results.collect());
    asked.reply::<CreatePartitionsRequest>(&response)
}

fn grow(context: &Context, asked: &CreatePartitionsTopic, is_trial: bool) -> Result<(), Said> {
    context.administer(ResponseError::TopicAuthorizationFailed)?;
    let topics = &context.broker.topics;
    let topic = topics.topic(&asked.name);
    let topic = topic.ok_or_else(|| said(Error::UnknownTopic(asked.name.to_string())))?;
    let count = usize::try_from(asked.count).unwrap_or(0);
    topic.check_growth(count).map_err(said)?;
    if let Some(assignments) = &asked.assignments {
        check_assignments(assignments, count - topic.partitions().len())?;
    }
    match is_trial {
        true => Ok(()),
        false => topics.grow(&asked.name, count).map_err(said),
    }
}

/// Each of the new partitions is to be on the only node there is.
fn check_assignments(
    assignments: &[CreatePartitionsAssignment],
    new_count: usize,
) -> Result<(), Said> {
    let on_us =
        |it: &CreatePartitionsAssignment| matches!(it.broker_ids[..], [one] if one.0 == NODE_ID);
    match assignments.len() == new_count && assignments.iter().all(on_us) {
        true => Ok(()),
        false => Err((
            ResponseError::InvalidReplicaAssignment,
            Some(format!(
                "{} assignments for {new_count} new partitions, all of which are on node {NODE_ID}",
                assignments.len()
            )),
        )),
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::{ApiKey, BrokerId, TopicName};
    use kafka_protocol::protocol::StrBytes;

    use super::*;
    use crate::api::tests::{Trial, versions_of};

    fn ask(
        trial: &Trial,
        version: i16,
        topic: CreatePartitionsTopic,
        is_trial: bool,
    ) -> (i16, usize) {
        let request = CreatePartitionsRequest::default()
            .with_topics(vec![topic])
            .with_validate_only(is_trial);
        let response = trial.ask(&request, version);
        let topic = trial.context.broker.topics.topic("topic");
        (
            response.results[0].error_code,
            topic.expect("it is there").partitions().len(),
        )
    }

    fn topic(name: &'static str, count: i32) -> CreatePartitionsTopic {
        CreatePartitionsTopic::default()
            .with_name(TopicName(StrBytes::from_static_str(name)))
            .with_count(count)
            .with_assignments(None)
    }

    #[test]
    fn topics_grow_and_never_shrink() {
        let trial = Trial::new();
        let error = ResponseError::InvalidPartitions.code();
        let mut count = 3;
        for version in versions_of(ApiKey::CreatePartitions) {
            assert_eq!(
                ask(&trial, version, topic("topic", count as i32 + 2), true),
                (0, count)
            );
            count += 2;
            assert_eq!(
                ask(&trial, version, topic("topic", count as i32), false),
                (0, count)
            );
            for bad in [count as i32, 1, 0, -1, i32::MAX] {
                assert_eq!(
                    ask(&trial, version, topic("topic", bad), false),
                    (error, count)
                );
            }
            let unknown = ask(&trial, version, topic("missing", 9), false);
            assert_eq!(unknown.0, ResponseError::UnknownTopicOrPartition.code());
        }
        let log = trial
            .context
            .broker
            .topics
            .topic("topic")
            .and_then(|it| it.partition(10));
        assert_eq!(log.expect("the last one").end_offset(), 0);
    }

    #[test]
    fn new_partitions_are_on_the_node_there_is() {
        let trial = Trial::new();
        let on = |ids: &[i32]| {
            let ids = ids.iter().map(|&it| BrokerId(it)).collect();
            CreatePartitionsAssignment::default().with_broker_ids(ids)
        };
        let error = ResponseError::InvalidReplicaAssignment.code();
        for bad in [
            vec![on(&[1])],
            vec![on(&[1]), on(&[2])],
            vec![on(&[1]), on(&[])],
        ] {
            let topic = topic("topic", 5).with_assignments(Some(bad));
            assert_eq!(ask(&trial, 3, topic, false), (error, 3));
        }
        let topic = topic("topic", 5).with_assignments(Some(vec![on(&[1]), on(&[1])]));
        assert_eq!(ask(&trial, 3, topic, false), (0, 5));
    }

    #[test]
    fn a_topic_named_twice_is_not_grown() {
        let trial = Trial::new();
        let request = CreatePartitionsRequest::default()
            .with_topics(vec![topic("topic", 4), topic("topic", 5)]);
        let response = trial.ask(&request, 0);
        let error = ResponseError::InvalidRequest.code();
        assert!(response.results.iter().all(|it| it.error_code == error));
    }
}
