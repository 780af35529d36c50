//! Committed offsets.

use super::*;

/// Offset, epoch and text of partition 0.
async fn fetched(served: &Served, version: i16, group: &str, is_all: bool) -> (i64, i32, String) {
    let name = TopicName(text("topic"));
    let group = GroupId(text(group));
    if version < 8 {
        let topic = OffsetFetchRequestTopic::default()
            .with_name(name)
            .with_partition_indexes(vec![0, 1]);
        let topics = (!is_all).then(|| vec![topic]);
        let request = OffsetFetchRequest::default()
            .with_group_id(group)
            .with_topics(topics);
        let response = served.ask(version, &request).await;
        assert_eq!(response.error_code, 0);
        let partitions = &response.topics[0].partitions;
        assert_eq!(partitions.len(), if is_all { 1 } else { 2 });
        assert!(is_all || partitions[1].committed_offset == -1);
        let it = &partitions[0];
        let metadata = it.metadata.as_ref().expect("a text").to_string();
        return (it.committed_offset, it.committed_leader_epoch, metadata);
    }
    let topic = OffsetFetchRequestTopics::default()
        .with_name(name)
        .with_partition_indexes(vec![0, 1]);
    let wanted = OffsetFetchRequestGroup::default()
        .with_group_id(group)
        .with_topics((!is_all).then(|| vec![topic]));
    let missing = OffsetFetchRequestGroup::default().with_group_id(GroupId(text("missing")));
    let request = OffsetFetchRequest::default().with_groups(vec![wanted, missing]);
    let response = served.ask(version, &request).await;
    assert!(response.groups.iter().all(|it| it.error_code == 0));
    assert_eq!(response.groups.len(), 2);
    let it = &response.groups[0].topics[0].partitions[0];
    let metadata = it.metadata.as_ref().expect("a text").to_string();
    (it.committed_offset, it.committed_leader_epoch, metadata)
}

#[tokio::test]
async fn what_is_committed_is_fetched_in_every_version() {
    let served = serve();
    for version in versions::<OffsetCommitRequest>() {
        let group = format!("group-{version}");
        let request = commit_request(version, &group, i64::from(version));
        let committed = served.ask(version, &request).await;
        let errors = committed.topics[0]
            .partitions
            .iter()
            .map(|it| it.error_code);
        let unknown = ResponseError::UnknownTopicOrPartition.code();
        assert!(errors.eq([0, unknown]), "version {version}");
    }
    for version in versions::<OffsetFetchRequest>() {
        for is_all in [false, true] {
            if is_all && version < 2 {
                continue;
            }
            let epoch = if version < 5 { -1 } else { 0 };
            let found = fetched(&served, version, "group-9", is_all).await;
            assert_eq!(found, (9, epoch, "beside".to_owned()), "version {version}");
        }
    }
    let log = served.context.broker.groups.log();
    assert!(!log.is_dirty(), "it was durable before it was answered");
}

#[tokio::test]
async fn a_topic_takes_its_offsets_along() {
    let served = serve();
    served.ask(9, &commit_request(9, "group", 5)).await;
    let request = DeleteTopicsRequest::default().with_topic_names(vec![TopicName(text("topic"))]);
    assert_eq!(served.ask(5, &request).await.responses[0].error_code, 0);
    let topics = served.context.broker.topics();
    topics
        .create("topic", 2, Settings::default())
        .expect("it is there again");
    let request = OffsetFetchRequest::default().with_group_id(GroupId(text("group")));
    assert!(served.ask(7, &request).await.topics.is_empty());
}
