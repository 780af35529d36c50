//! `OffsetCommit`: how far a group has read.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::offset_commit_request::OffsetCommitRequestTopic;
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};

use super::membership::identity;
use super::{Answer, Asked, Context, Refused, check_group, number, reply_durable};
use crate::access::Action;
use crate::groups::{Commit, Committed, Now, Written};

pub(crate) fn commit(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: OffsetCommitRequest = asked.read()?;
    match commit_all(context, &request) {
        Err(error) => {
            let response = response(&request.topics, std::iter::repeat(Some(error)));
            asked.reply::<OffsetCommitRequest>(&response)
        }
        Ok((refused, written)) => {
            let topics = request.topics;
            reply_durable::<OffsetCommitRequest>(context, &asked, written, move |failed| {
                let errors = refused.into_iter().map(|it| it.or(failed));
                response(&topics, errors)
            })
        }
    }
}

type Refusals = Vec<Option<ResponseError>>;

fn commit_all(
    context: &Context,
    request: &OffsetCommitRequest,
) -> Result<(Refusals, Written), ResponseError> {
    check_group(context, &request.group_id, true)?;
    let now = Now::read();
    let expires_ms = match request.retention_time_ms {
        ..0 => None,
        retention_ms => Some(now.ms.saturating_add(retention_ms)),
    };
    let mut commits = Vec::new();
    let mut denied = Vec::new();
    for topic in &request.topics {
        let is_denied = !context.may(Action::Read(&topic.name));
        denied.extend(topic.partitions.iter().map(|_| is_denied));
        commits.extend(topic.partitions.iter().map(|it| Commit {
            topic: topic.name.to_string(),
            partition: it.partition_index,
            committed: Committed {
                offset: it.committed_offset,
                leader_epoch: it.committed_leader_epoch,
                metadata: it.committed_metadata.as_deref().unwrap_or("").to_owned(),
                committed_ms: now.ms,
                expires_ms,
            },
        }));
    }
    let identity = identity(
        &request.member_id,
        request.group_instance_id.as_ref(),
        request.generation_id_or_member_epoch,
    );
    let topics = &context.broker.topics;
    let is_partition = |topic: &str, partition| {
        let topic = topics.topic(topic);
        let topic = topic.filter(|it| context.sees(Action::Read(it.name())));
        topic.is_some_and(|it| it.partition(partition).is_some())
    };
    let groups = &context.broker.groups;
    let committed = groups.commit(now, &request.group_id, &identity, &commits, is_partition);
    committed.map(|(refused, written)| {
        let refused = refused.into_iter().zip(denied).map(|(refused, is_denied)| {
            let denied = is_denied.then_some(ResponseError::TopicAuthorizationFailed);
            denied.or(refused)
        });
        (refused.collect(), written)
    })
}

/// An answer that tells of each partition, in the order in which they were asked for.
fn response(
    topics: &[OffsetCommitRequestTopic],
    mut errors: impl Iterator<Item = Option<ResponseError>>,
) -> OffsetCommitResponse {
    let topics = topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|it| {
            OffsetCommitResponsePartition::default()
                .with_partition_index(it.partition_index)
                .with_error_code(number(errors.next().flatten()))
        });
        OffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}
