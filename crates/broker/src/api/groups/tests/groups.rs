//! Finding, describing, listing and deleting.

use super::*;

#[tokio::test]
async fn coordinators_are_found_in_every_version() {
    let served = serve();
    for version in versions::<FindCoordinatorRequest>() {
        for key_type in 0..=1_i8 {
            if version < 1 && key_type > 0 {
                continue;
            }
            let request = FindCoordinatorRequest::default().with_key_type(key_type);
            let request = match version >= 4 {
                true => request.with_coordinator_keys(vec![text("one"), text("two")]),
                false => request.with_key(text("one")),
            };
            let found = served.ask(version, &request).await;
            let (error, port) = match found.coordinators.as_slice() {
                [] => (found.error_code, found.port),
                all => {
                    assert_eq!(all.len(), 2);
                    (all[1].error_code, all[1].port)
                }
            };
            let refused = ResponseError::TransactionalIdAuthorizationFailed.code();
            let expected = [(0, 1234), (refused, -1)][key_type as usize];
            assert_eq!((error, port), expected, "version {version}");
        }
    }
}

#[tokio::test]
async fn groups_are_described_and_listed_in_every_version() {
    let served = serve();
    let joined = served.working("busy").await;
    served.ask(9, &commit_request(9, "idle", 1)).await;
    let names = ["busy", "idle", "missing"].map(|it| GroupId(text(it)));
    for version in versions::<DescribeGroupsRequest>() {
        let request = DescribeGroupsRequest::default().with_groups(names.to_vec());
        let described = served.ask(version, &request).await.groups;
        let states: Vec<_> = described
            .iter()
            .map(|it: &DescribedGroup| it.group_state.as_str())
            .collect();
        assert_eq!(states, ["Stable", "Empty", "Dead"]);
        let busy = &described[0];
        assert_eq!(
            (busy.protocol_type.as_str(), busy.protocol_data.as_str()),
            ("consumer", "range")
        );
        assert_eq!(busy.members[0].member_id, joined.member_id);
        assert_eq!(busy.members[0].client_id.as_str(), "client");
        assert_eq!(busy.members[0].client_host.as_str(), "/127.0.0.1");
        assert_eq!(busy.members[0].member_assignment, "all of it");
        let not_found = ResponseError::GroupIdNotFound.code();
        assert_eq!(
            described[2].error_code,
            if version < 6 { 0 } else { not_found }
        );
    }
    for version in versions::<ListGroupsRequest>() {
        let all = served
            .ask(version, &ListGroupsRequest::default())
            .await
            .groups;
        let names: Vec<_> = all.iter().map(|it| it.group_id.as_str()).collect();
        assert_eq!(names, ["busy", "idle"]);
        if version >= 4 {
            let request = ListGroupsRequest::default().with_states_filter(vec![text("stable")]);
            let stable = served.ask(version, &request).await.groups;
            assert_eq!(
                (stable.len(), stable[0].group_state.as_str()),
                (1, "Stable")
            );
        }
        if version >= 5 {
            let request = ListGroupsRequest::default().with_types_filter(vec![text("consumer")]);
            assert!(served.ask(version, &request).await.groups.is_empty());
        }
    }
}

#[tokio::test]
async fn groups_and_offsets_are_deleted_in_every_version() {
    let served = serve();
    served.working("busy").await;
    for version in versions::<DeleteGroupsRequest>() {
        served.ask(9, &commit_request(9, "idle", 1)).await;
        let names = ["idle", "busy", "missing"].map(|it| GroupId(text(it)));
        let request = DeleteGroupsRequest::default().with_groups_names(names.to_vec());
        let deleted = served.ask(version, &request).await.results;
        let errors: Vec<_> = deleted.iter().map(|it| it.error_code).collect();
        let expected = [ResponseError::NonEmptyGroup, ResponseError::GroupIdNotFound];
        assert_eq!(errors, [0, expected[0].code(), expected[1].code()]);
    }
    let partitions =
        [0, 9].map(|it| OffsetDeleteRequestPartition::default().with_partition_index(it));
    let topic = OffsetDeleteRequestTopic::default()
        .with_name(TopicName(text("topic")))
        .with_partitions(partitions.to_vec());
    let request = OffsetDeleteRequest::default()
        .with_group_id(GroupId(text("idle")))
        .with_topics(vec![topic]);
    let missing = served.ask(0, &request).await;
    assert_eq!(missing.error_code, ResponseError::GroupIdNotFound.code());
    served.ask(9, &commit_request(9, "idle", 1)).await;
    let deleted = served.ask(0, &request).await;
    let errors = deleted.topics[0].partitions.iter().map(|it| it.error_code);
    assert!(errors.eq([0, ResponseError::UnknownTopicOrPartition.code()]));
    assert!(served.context.broker.groups.look("idle", |_| ()).is_none());
}
