//! Every request about groups, in every version that is served, through frames as clients send them.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::describe_groups_response::DescribedGroup;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{
    Decodable, Encodable, HeaderVersion, Request, StrBytes, VersionRange,
};
use tempfile::TempDir;

use crate::api::{Answer, Context, Part, SERVED, answer};
use crate::broker::{Broker, Options};
use crate::topics::Settings;

/// A broker with a topic `topic` of two partitions, and what groups do by themselves.
struct Served {
    context: Context,
    timer: tokio::task::JoinHandle<()>,
    _folder: TempDir,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.timer.abort();
    }
}

fn serve() -> Served {
    let folder = TempDir::new().expect("a folder");
    let (broker, _) = Broker::open(Options::new(folder.path())).expect("it opens");
    let topics = broker.topics();
    topics
        .create("topic", 2, Settings::default())
        .expect("a topic");
    Served {
        timer: tokio::spawn(crate::groups::run(broker.clone())),
        context: Context {
            broker,
            advertised: Arc::new(("host".to_owned(), 1234)),
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
        },
        _folder: folder,
    }
}

impl Served {
    async fn ask<R: Request>(&self, version: i16, request: &R) -> R::Response {
        let key = ApiKey::try_from(R::KEY).expect("a request");
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(7)
            .with_client_id(Some(text("client")));
        let mut frame = BytesMut::new();
        let header_version = key.request_header_version(version);
        header.encode(&mut frame, header_version).expect("a header");
        request
            .encode(&mut frame, version)
            .expect("a request of that version");
        let answer = answer(&self.context, frame.freeze())
            .await
            .expect("it is served");
        let parts = match answer {
            Answer::Ready(parts) => parts,
            Answer::Later(later) => later.await.expect("it is answered"),
            Answer::Nothing => panic!("it is not answered"),
        };
        let [Part::Bytes(bytes)] = parts.as_slice() else {
            panic!("an answer of one piece");
        };
        let mut bytes = bytes.clone();
        let header_version = R::Response::header_version(version);
        let header = ResponseHeader::decode(&mut bytes, header_version).expect("a header");
        assert_eq!(header.correlation_id, 7);
        let response = R::Response::decode(&mut bytes, version).expect("an answer of that version");
        assert_eq!(bytes.remaining(), 0, "version {version} of {key:?}");
        response
    }

    /// Joins as the only member, whatever that takes.
    async fn join(&self, version: i16, group: &str) -> JoinGroupResponse {
        let mut request = JoinGroupRequest::default()
            .with_group_id(GroupId(text(group)))
            .with_session_timeout_ms(6000)
            .with_protocol_type(text("consumer"))
            .with_protocols(vec![
                JoinGroupRequestProtocol::default()
                    .with_name(text("range"))
                    .with_metadata(Bytes::from_static(b"\0\0\0\0\0\0")),
            ]);
        if version >= 1 {
            request.rebalance_timeout_ms = 6000;
        }
        let response = self.ask(version, &request).await;
        if version < 4 {
            return response;
        }
        assert_eq!(response.error_code, ResponseError::MemberIdRequired.code());
        request.member_id = response.member_id;
        self.ask(version, &request).await
    }

    /// A group that works, and its only member.
    async fn working(&self, group: &str) -> JoinGroupResponse {
        let joined = self.join(9, group).await;
        let synced = self.ask(5, &sync_request(5, group, &joined)).await;
        assert_eq!(synced.error_code, 0);
        joined
    }
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn sync_request(version: i16, group: &str, joined: &JoinGroupResponse) -> SyncGroupRequest {
    let assignment = SyncGroupRequestAssignment::default()
        .with_member_id(joined.member_id.clone())
        .with_assignment(Bytes::from_static(b"all of it"));
    let request = SyncGroupRequest::default()
        .with_group_id(GroupId(text(group)))
        .with_generation_id(joined.generation_id)
        .with_member_id(joined.member_id.clone())
        .with_assignments(vec![assignment]);
    match version >= 5 {
        true => request
            .with_protocol_type(Some(text("consumer")))
            .with_protocol_name(Some(text("range"))),
        false => request,
    }
}

fn versions<R: Request>() -> std::ops::RangeInclusive<i16> {
    let served = SERVED.iter().find(|it| it.key as i16 == R::KEY);
    let served = served.expect("it is served");
    let known: VersionRange = R::VERSIONS;
    assert!(known.min <= served.min && served.max <= known.max);
    served.min..=served.max
}

#[tokio::test]
async fn members_join_work_and_leave_in_every_version() {
    let served = serve();
    for version in versions::<JoinGroupRequest>() {
        let group = format!("join-{version}");
        let joined = served.join(version, &group).await;
        assert_eq!(
            (joined.error_code, joined.generation_id),
            (0, 1),
            "version {version}"
        );
        assert_eq!(joined.leader, joined.member_id);
        assert_eq!(joined.members.len(), 1);
        assert_eq!(joined.protocol_name, Some(text("range")));
    }
    for version in versions::<SyncGroupRequest>() {
        let group = format!("sync-{version}");
        let joined = served.join(9, &group).await;
        let synced = served
            .ask(version, &sync_request(version, &group, &joined))
            .await;
        assert_eq!(synced.error_code, 0);
        assert_eq!(synced.assignment, "all of it");
    }
    let joined = served.working("beat").await;
    for version in versions::<HeartbeatRequest>() {
        let request = HeartbeatRequest::default()
            .with_group_id(GroupId(text("beat")))
            .with_generation_id(joined.generation_id)
            .with_member_id(joined.member_id.clone());
        assert_eq!(served.ask(version, &request).await.error_code, 0);
        let stranger = request.with_member_id(text("stranger"));
        let error = served.ask(version, &stranger).await.error_code;
        assert_eq!(error, ResponseError::UnknownMemberId.code());
    }
    for version in versions::<LeaveGroupRequest>() {
        let group = format!("leave-{version}");
        let joined = served.working(&group).await;
        let request = LeaveGroupRequest::default().with_group_id(GroupId(text(&group)));
        let request = match version >= 3 {
            true => {
                let member = MemberIdentity::default().with_member_id(joined.member_id);
                let stranger = MemberIdentity::default().with_member_id(text("stranger"));
                request.with_members(vec![member, stranger])
            }
            false => request.with_member_id(joined.member_id),
        };
        let left = served.ask(version, &request).await;
        assert_eq!(left.error_code, 0);
        if version >= 3 {
            let errors: Vec<_> = left.members.iter().map(|it| it.error_code).collect();
            assert_eq!(errors, [0, ResponseError::UnknownMemberId.code()]);
        }
    }
}

#[tokio::test]
async fn a_join_that_is_wrong_is_refused_in_every_version() {
    let served = serve();
    for version in versions::<JoinGroupRequest>() {
        let request = JoinGroupRequest::default()
            .with_session_timeout_ms(6000)
            .with_protocol_type(text("consumer"));
        let error = served.ask(version, &request).await.error_code;
        assert_eq!(error, ResponseError::InvalidGroupId.code());
        let request = request.with_group_id(GroupId(text("group")));
        let error = served.ask(version, &request).await.error_code;
        assert_eq!(error, ResponseError::InconsistentGroupProtocol.code());
        let request = request.with_session_timeout_ms(1);
        let error = served.ask(version, &request).await.error_code;
        assert_eq!(error, ResponseError::InvalidSessionTimeout.code());
    }
}

fn commit_request(version: i16, group: &str, offset: i64) -> OffsetCommitRequest {
    let partitions = [0, 7].map(|index| {
        let partition = OffsetCommitRequestPartition::default()
            .with_partition_index(index)
            .with_committed_offset(offset)
            .with_committed_metadata(Some(text("beside")));
        match version >= 6 {
            true => partition.with_committed_leader_epoch(0),
            false => partition,
        }
    });
    let topic = OffsetCommitRequestTopic::default()
        .with_name(TopicName(text("topic")))
        .with_partitions(partitions.to_vec());
    OffsetCommitRequest::default()
        .with_group_id(GroupId(text(group)))
        .with_topics(vec![topic])
}

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

#[tokio::test]
async fn a_client_that_goes_away_while_it_waits_does_not_hold_the_others_up() {
    let served = serve();
    let member = served.working("group").await;
    // A second one joins and is gone before the first has come back.
    let waiting = served.join(3, "group");
    let gone = tokio::time::timeout(std::time::Duration::from_millis(50), waiting).await;
    assert!(gone.is_err());
    let request = JoinGroupRequest::default()
        .with_group_id(GroupId(text("group")))
        .with_session_timeout_ms(6000)
        .with_member_id(member.member_id)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![
            JoinGroupRequestProtocol::default().with_name(text("range")),
        ]);
    let joined = served.ask(9, &request).await;
    assert_eq!((joined.error_code, joined.generation_id), (0, 2));
}
