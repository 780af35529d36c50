//! `JoinGroup`, `SyncGroup`, `Heartbeat` and `LeaveGroup`.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{
    GroupId, HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse,
    LeaveGroupRequest, LeaveGroupResponse, SyncGroupRequest, SyncGroupResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::{
    Answer, Asked, Context, NAME_BYTES_MAX, Refused, check_group, number, owned, until_durable,
};
use crate::groups::{Identity, Join, JoinRefused, Joined, Now, Sync, Synced};

/// A member has a few protocols that it knows; each is compared with those of all others.
const PROTOCOLS_MAX: usize = 16;

/// From these versions of `JoinGroup` on, the client ...
mod join_version {
    /// ... comes back with the id it was given.
    pub(super) const NEEDS_ID: i16 = 4;
    /// ... reads null where there is no protocol.
    pub(super) const NULL_PROTOCOL: i16 = 7;
    /// ... leads without assigning anew.
    pub(super) const SKIPS_ASSIGNMENT: i16 = 9;
}

/// From this version of `LeaveGroup` on several members leave at once.
const SEVERAL_LEAVE: i16 = 3;

pub(crate) async fn join(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: JoinGroupRequest = asked.read()?;
    let member_id = request.member_id.to_string();
    let joined = match check_join(context, &request) {
        Ok(()) => join_checked(context, &asked, request).await,
        Err(error) => Err(JoinRefused { error, member_id }),
    };
    let response = match joined {
        Ok(joined) => joined_response(joined),
        Err(refused) => JoinGroupResponse::default()
            .with_error_code(refused.error.code())
            .with_member_id(StrBytes::from_string(refused.member_id))
            .with_protocol_name(match asked.version >= join_version::NULL_PROTOCOL {
                true => None,
                false => Some(StrBytes::default()),
            }),
    };
    asked.reply::<JoinGroupRequest>(&response)
}

fn check_join(context: &Context, request: &JoinGroupRequest) -> Result<(), ResponseError> {
    let options = context.broker.groups.options();
    check_group(context, &request.group_id, false)?;
    let session_timeout = milliseconds(request.session_timeout_ms);
    let allowed = options.session_timeout_min..=options.session_timeout_max;
    if !allowed.contains(&session_timeout) {
        return Err(ResponseError::InvalidSessionTimeout);
    }
    let protocols = request.protocols.iter();
    let protocol_bytes: usize = protocols.map(|it| it.name.len() + it.metadata.len()).sum();
    let instance_id = request.group_instance_id.as_ref();
    let is_long = |it: &StrBytes| it.len() > NAME_BYTES_MAX;
    if protocol_bytes > options.member_bytes_max
        || request.protocols.len() > PROTOCOLS_MAX
        || is_long(&request.protocol_type)
        || instance_id.is_some_and(|it| is_long(it) || it.is_empty())
    {
        return Err(ResponseError::InvalidRequest);
    }
    Ok(())
}

async fn join_checked(
    context: &Context,
    asked: &Asked,
    request: JoinGroupRequest,
) -> Result<Joined, JoinRefused> {
    let member_id = request.member_id.to_string();
    let refused = |error| JoinRefused {
        error,
        member_id: member_id.clone(),
    };
    let session_timeout = milliseconds(request.session_timeout_ms);
    let protocols = request.protocols.iter();
    let protocols = protocols.map(|it| (it.name.to_string(), Bytes::copy_from_slice(&it.metadata)));
    let join = Join {
        member_id: member_id.clone(),
        instance_id: owned(request.group_instance_id.as_ref()),
        client_id: owned(asked.client_id.as_ref()).unwrap_or_default(),
        // As Kafka writes addresses.
        client_host: format!("/{}", context.peer),
        session_timeout,
        // The first version has no such field.
        rebalance_timeout: match request.rebalance_timeout_ms {
            ..0 => session_timeout,
            timeout => milliseconds(timeout),
        },
        protocol_type: request.protocol_type.to_string(),
        protocols: protocols.collect(),
        needs_id: asked.version >= join_version::NEEDS_ID,
        can_skip_assignment: asked.version >= join_version::SKIPS_ASSIGNMENT,
    };
    let groups = &context.broker.groups;
    let group = request.group_id.to_string();
    drop(request);
    let answered = groups.join(Now::read(), &group, join).await;
    let joined = answered.map_err(|_| refused(ResponseError::UnknownMemberId))??;
    // Nobody learns of a generation that a crash may take back.
    let durable = until_durable(context, groups.written(&group)).await;
    durable.map(|()| joined).map_err(refused)
}

fn joined_response(joined: Joined) -> JoinGroupResponse {
    let members = joined.members.into_iter().map(|member| {
        JoinGroupResponseMember::default()
            .with_member_id(StrBytes::from_string(member.id))
            .with_group_instance_id(member.instance_id.map(StrBytes::from_string))
            .with_metadata(member.metadata)
    });
    JoinGroupResponse::default()
        .with_generation_id(joined.generation)
        .with_protocol_type(Some(StrBytes::from_string(joined.protocol_type)))
        .with_protocol_name(Some(StrBytes::from_string(joined.protocol)))
        .with_leader(StrBytes::from_string(joined.leader))
        .with_skip_assignment(joined.skips_assignment)
        .with_member_id(StrBytes::from_string(joined.member_id))
        .with_members(members.collect())
}

pub(crate) async fn sync(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: SyncGroupRequest = asked.read()?;
    let synced = match check_sync(context, &request) {
        Ok(()) => sync_checked(context, request).await,
        Err(error) => Err(error),
    };
    let response = match synced {
        Ok(synced) => SyncGroupResponse::default()
            .with_protocol_type(Some(StrBytes::from_string(synced.protocol_type)))
            .with_protocol_name(Some(StrBytes::from_string(synced.protocol)))
            .with_assignment(synced.assignment),
        Err(error) => SyncGroupResponse::default().with_error_code(error.code()),
    };
    asked.reply::<SyncGroupRequest>(&response)
}

fn check_sync(context: &Context, request: &SyncGroupRequest) -> Result<(), ResponseError> {
    let options = context.broker.groups.options();
    check_group(context, &request.group_id, false)?;
    let bytes_max = options.member_bytes_max;
    let mut assignments = request.assignments.iter();
    match assignments.all(|it| it.assignment.len() <= bytes_max) {
        true => Ok(()),
        false => Err(ResponseError::InvalidRequest),
    }
}

async fn sync_checked(
    context: &Context,
    request: SyncGroupRequest,
) -> Result<Synced, ResponseError> {
    let assignments = request.assignments.iter();
    let assignments = assignments.map(|it| {
        let assignment = Bytes::copy_from_slice(&it.assignment);
        (it.member_id.to_string(), assignment)
    });
    let sync = Sync {
        identity: identity(
            &request.member_id,
            request.group_instance_id.as_ref(),
            request.generation_id,
        ),
        protocol_type: owned(request.protocol_type.as_ref()),
        protocol: owned(request.protocol_name.as_ref()),
        assignments: assignments.collect(),
    };
    let group = request.group_id.to_string();
    drop(request);
    let groups = &context.broker.groups;
    let answered = groups.sync(Now::read(), &group, sync).await;
    let synced = answered.unwrap_or(Err(ResponseError::UnknownMemberId))?;
    // Nobody does what nobody else would know of after a crash.
    let durable = until_durable(context, groups.written(&group)).await;
    durable.map(|()| synced)
}

pub(crate) fn heartbeat(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: HeartbeatRequest = asked.read()?;
    let identity = identity(
        &request.member_id,
        request.group_instance_id.as_ref(),
        request.generation_id,
    );
    let groups = &context.broker.groups;
    let beat = check_group(context, &request.group_id, false)
        .and_then(|()| groups.heartbeat(Now::read(), &request.group_id, &identity));
    let response = HeartbeatResponse::default().with_error_code(number(beat.err()));
    asked.reply::<HeartbeatRequest>(&response)
}

pub(crate) fn leave(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: LeaveGroupRequest = asked.read()?;
    let response = LeaveGroupResponse::default();
    let response = match asked.version >= SEVERAL_LEAVE {
        true => {
            let members = request.members.iter();
            let members = members.map(|it| {
                let instance_id = owned(it.group_instance_id.as_ref());
                (it.member_id.to_string(), instance_id)
            });
            let members: Vec<_> = members.collect();
            match leave_all(context, &request.group_id, &members) {
                Err(error) => response.with_error_code(error.code()),
                Ok(left) => {
                    let members = members.into_iter().zip(left);
                    let members = members.map(|((id, instance_id), error)| {
                        MemberResponse::default()
                            .with_member_id(StrBytes::from_string(id))
                            .with_group_instance_id(instance_id.map(StrBytes::from_string))
                            .with_error_code(number(error))
                    });
                    response.with_members(members.collect())
                }
            }
        }
        false => {
            let member = [(request.member_id.to_string(), None)];
            let left = leave_all(context, &request.group_id, &member);
            let error = left.map_or_else(Some, |it| it.into_iter().next().flatten());
            response.with_error_code(number(error))
        }
    };
    asked.reply::<LeaveGroupRequest>(&response)
}

fn leave_all(
    context: &Context,
    group: &GroupId,
    members: &[(String, Option<String>)],
) -> Result<Vec<Option<ResponseError>>, ResponseError> {
    check_group(context, group, false)?;
    let left = context.broker.groups.leave(Now::read(), group, members);
    Ok(left.unwrap_or_else(|| vec![Some(ResponseError::UnknownMemberId); members.len()]))
}

/// A member, as a request says who it is.
pub(super) fn identity(
    member_id: &str,
    instance_id: Option<&StrBytes>,
    generation: i32,
) -> Identity {
    Identity {
        member_id: member_id.to_owned(),
        instance_id: owned(instance_id),
        generation,
    }
}

fn milliseconds(number: i32) -> Duration {
    Duration::from_millis(u64::try_from(number).unwrap_or(0))
}
