//! What a client may do, which is told to who asks: everything where nothing is granted, as Kafka does without an authorizer.

use super::Context;
use crate::access::Action;

/// Not told, because nobody asked.
pub(crate) const NOT_TOLD: i32 = i32::MIN;

/// What can be done, by the numbers that Kafka gave it (`AclOperation`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Operation {
    Read = 3,
    Write = 4,
    Create = 5,
    Delete = 6,
    Alter = 7,
    Describe = 8,
    ClusterAction = 9,
    DescribeConfigs = 10,
    AlterConfigs = 11,
    IdempotentWrite = 12,
}

use Operation::{
    Alter, AlterConfigs, ClusterAction, Create, Delete, Describe, DescribeConfigs, IdempotentWrite,
    Read, Write,
};

/// Of the cluster, if they are asked for: a bit for each.
pub(super) fn of_cluster(context: &Context, is_asked: bool) -> i32 {
    let administers = context.sees(Action::Administer);
    let writes = context.sees(Action::WriteSomewhere);
    let changing = [Create, Alter, AlterConfigs, ClusterAction, DescribeConfigs];
    let parts = [
        of(administers, &changing),
        of(writes, &[IdempotentWrite]),
        &[Describe],
    ];
    told(is_asked, &parts.concat())
}

/// Of a topic.
pub(super) fn of_topic(context: &Context, is_asked: bool, name: &str) -> i32 {
    let sees = |action| context.sees(action);
    let changing = [Create, Delete, Alter, AlterConfigs];
    let parts = [
        of(sees(Action::Administer), &changing),
        of(sees(Action::Read(name)), &[Read]),
        of(sees(Action::Write(name)), &[Write]),
        of(sees(Action::Describe(name)), &[Describe, DescribeConfigs]),
    ];
    told(is_asked, &parts.concat())
}

/// Of a group.
pub(super) fn of_group(context: &Context, is_asked: bool, name: &str) -> i32 {
    let operations = [Read, Describe, Delete];
    told(is_asked, of(context.sees(Action::Group(name)), &operations))
}

fn of(may: bool, operations: &[Operation]) -> &[Operation] {
    if may { operations } else { &[] }
}

fn told(is_asked: bool, operations: &[Operation]) -> i32 {
    match is_asked {
        true => operations.iter().fold(0, |bits, it| bits | 1 << *it as u8),
        false => NOT_TOLD,
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
    use kafka_protocol::messages::{
        ApiKey, DescribeClusterRequest, DescribeGroupsRequest, GroupId, MetadataRequest, TopicName,
    };
    use kafka_protocol::protocol::StrBytes;

    use super::*;
    use crate::api::tests::{Trial, versions_of};

    #[test]
    fn who_asks_is_told_in_every_version_that_can_ask() {
        let trial = Trial::new();
        let name = TopicName(StrBytes::from_static_str("orders"));
        let topic = MetadataRequestTopic::default().with_name(Some(name));
        for version in versions_of(ApiKey::Metadata) {
            // The cluster's can be asked for in three versions alone.
            let (topics_ask, cluster_asks) = (version >= 8, (8..=10).contains(&version));
            let request = MetadataRequest::default()
                .with_topics(Some(vec![topic.clone()]))
                .with_allow_auto_topic_creation(true)
                .with_include_topic_authorized_operations(topics_ask)
                .with_include_cluster_authorized_operations(cluster_asks);
            let response = trial.ask(&request, version);
            let told = response.topics[0].topic_authorized_operations;
            assert_eq!(
                told,
                of_topic(&trial.context, topics_ask, "orders"),
                "version {version}"
            );
            let told = response.cluster_authorized_operations;
            assert_eq!(
                told,
                of_cluster(&trial.context, cluster_asks),
                "version {version}"
            );
        }
        for version in versions_of(ApiKey::DescribeCluster) {
            let request =
                DescribeClusterRequest::default().with_include_cluster_authorized_operations(true);
            let told = trial.ask(&request, version).cluster_authorized_operations;
            assert_eq!(told, of_cluster(&trial.context, true), "version {version}");
        }
        for version in versions_of(ApiKey::DescribeGroups).filter(|it| (3..6).contains(it)) {
            let group = GroupId(StrBytes::from_static_str("readers"));
            let request = DescribeGroupsRequest::default()
                .with_groups(vec![group])
                .with_include_authorized_operations(true);
            let told = trial.ask(&request, version).groups[0].authorized_operations;
            assert_eq!(
                told,
                of_group(&trial.context, true, "readers"),
                "version {version}"
            );
        }
    }

    #[test]
    fn the_bits_are_those_of_kafka() {
        let context = &Trial::new().context;
        // As Kafka 4 answers to `describeCluster` and its like.
        assert_eq!(of_cluster(context, true), 0b1_1111_1010_0000);
        assert_eq!(of_topic(context, true, "a"), 0b0_1101_1111_1000);
        assert_eq!(of_group(context, true, "a"), 0b0_0001_0100_1000);
        assert_eq!(of_cluster(context, false), NOT_TOLD);
    }
}
