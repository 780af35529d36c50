//! Joining, working and leaving.

use super::*;

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

/// Clients that want the broker to give them their partitions learn at once that it does not.
#[tokio::test]
async fn groups_of_the_next_generation_are_refused() {
    let served = serve();
    for version in versions::<ConsumerGroupHeartbeatRequest>() {
        let request = ConsumerGroupHeartbeatRequest::default()
            .with_group_id(GroupId(text("group")))
            .with_member_id(text("member"));
        let response = served.ask(version, &request).await;
        let error = ResponseError::try_from_code(response.error_code);
        assert_eq!(error, Some(ResponseError::UnsupportedVersion));
        let reason = response.error_message.expect("it says why");
        assert!(reason.contains("`group.protocol=classic`"), "{reason:?}");
        assert!(response.assignment.is_none());
    }
}
