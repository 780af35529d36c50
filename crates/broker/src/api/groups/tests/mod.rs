//! Every request about groups, in every version that is served, through frames as clients send them.

mod groups;
mod membership;
mod offsets;

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
            client: broker.access.local_client(),
            broker,
            advertised: Arc::new(("host".to_owned(), 1234)),
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
            sessions: Arc::default(),
            mute: Arc::default(),
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
