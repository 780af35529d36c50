//! `DescribeLogDirs`: how large partitions are, and how much room there is.

use std::path::Path;
use std::sync::Arc;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use kafka_protocol::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::{Answer, Asked, Context, Refused};
use crate::topics::Topic;

/// From here on an error can be told; before, who may not ask is told of no folder.
const WITH_ERROR: i16 = 3;

pub(super) fn answer(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: DescribeLogDirsRequest = asked.read()?;
    let error = ResponseError::ClusterAuthorizationFailed;
    if context.administer(error).is_err() {
        let response = DescribeLogDirsResponse::default();
        return asked.reply::<DescribeLogDirsRequest>(&match asked.version >= WITH_ERROR {
            true => response.with_error_code(error.code()),
            false => response,
        });
    }
    let topics = &context.broker.topics;
    let described = match request.topics {
        None => topics.all().iter().map(|it| describe(it, None)).collect(),
        // Of what is not there nothing is said.
        Some(named) => named
            .iter()
            .filter_map(|it| Some(describe(&topics.topic(&it.topic)?, Some(&it.partitions))))
            .collect(),
    };
    let data = &context.broker.options.data;
    let folder = std::path::absolute(data).unwrap_or_else(|_| data.clone());
    let (total_bytes, usable_bytes) = room(data);
    let result = DescribeLogDirsResult::default()
        .with_log_dir(StrBytes::from_string(folder.to_string_lossy().into_owned()))
        .with_topics(described)
        .with_total_bytes(total_bytes)
        .with_usable_bytes(usable_bytes);
    let response = DescribeLogDirsResponse::default().with_results(vec![result]);
    asked.reply::<DescribeLogDirsRequest>(&response)
}

fn describe(topic: &Arc<Topic>, named: Option<&[i32]>) -> DescribeLogDirsTopic {
    let all: Vec<i32>;
    let named = match named {
        Some(named) => named,
        None => {
            all = (0..topic.partitions().len() as i32).collect();
            &all
        }
    };
    let described = named.iter().filter_map(|&index| {
        let log = topic.partition(index)?;
        let partition = DescribeLogDirsPartition::default()
            .with_partition_index(index)
            .with_partition_size(i64::try_from(log.size().0).unwrap_or(i64::MAX));
        Some(partition)
    });
    DescribeLogDirsTopic::default()
        .with_name(TopicName(StrBytes::from_string(topic.name().to_owned())))
        .with_partitions(described.collect())
}

/// Bytes of the file system, and those of them that we may still use; -1: it does not say.
fn room(folder: &Path) -> (i64, i64) {
    let Ok(found) = rustix::fs::statvfs(folder) else {
        return (-1, -1);
    };
    let bytes = |blocks: u64| {
        let bytes = blocks.saturating_mul(found.f_frsize);
        i64::try_from(bytes).unwrap_or(i64::MAX)
    };
    (bytes(found.f_blocks), bytes(found.f_bavail))
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::ApiKey;
    use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;

    use super::*;
    use crate::api::tests::{Trial, batch, versions_of};

    #[test]
    fn sizes_are_told_of_all_or_of_those_asked_for() {
        let trial = Trial::new();
        let topic = trial
            .context
            .broker
            .topics
            .topic("topic")
            .expect("it is there");
        let log = topic.partition(1).expect("it is there");
        log.append(batch(), 0, 5).expect("it is appended");
        log.flush().expect("it is durable");
        let named = |name: &'static str| {
            DescribableLogDirTopic::default()
                .with_topic(TopicName(StrBytes::from_static_str(name)))
                .with_partitions(vec![1, 7])
        };
        for version in versions_of(ApiKey::DescribeLogDirs) {
            let all = trial.ask(
                &DescribeLogDirsRequest::default().with_topics(None),
                version,
            );
            let [result] = all.results.as_slice() else {
                panic!("{all:?}")
            };
            assert!(Path::new(&*result.log_dir).is_absolute());
            let sizes: Vec<_> = result.topics[0]
                .partitions
                .iter()
                .map(|it| it.partition_size)
                .collect();
            assert_eq!(sizes, [0, batch().len() as i64, 0]);
            if version >= 4 {
                assert!(result.usable_bytes > 0 && result.total_bytes >= result.usable_bytes);
            }
            let request = DescribeLogDirsRequest::default()
                .with_topics(Some(vec![named("topic"), named("missing")]));
            let some = trial.ask(&request, version);
            let [found] = some.results[0].topics.as_slice() else {
                panic!("{some:?}")
            };
            assert_eq!(found.partitions.len(), 1);
            assert_eq!(found.partitions[0].partition_index, 1);
        }
    }
}
