//! `DescribeGroups`, `ListGroups` and `DeleteGroups`.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse,
    GroupId, ListGroupsRequest, ListGroupsResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::{Answer, Asked, Context, Refused, check_group, number, reply_durable, text};
use crate::access::Action;
use crate::api::operations;
use crate::groups::{Group, Now, Written};

/// From here on a group that is not there is an error.
const NOT_FOUND: i16 = 6;

/// The only type of groups there is.
const CLASSIC: &str = "classic";

pub(crate) fn describe(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: DescribeGroupsRequest = asked.read()?;
    let version = asked.version;
    let groups = request.groups.into_iter().map(|id| {
        let described = match check_group(context, &id, true) {
            Ok(()) => context.broker.groups.look(&id, describe_one),
            Err(error) => Some(DescribedGroup::default().with_error_code(error.code())),
        };
        let mut described = described.unwrap_or_else(|| not_found(&id, version));
        if described.error_code == 0 {
            let is_asked = request.include_authorized_operations;
            described.authorized_operations = operations::of_group(context, is_asked, &id);
        }
        described.with_group_id(id)
    });
    let response = DescribeGroupsResponse::default().with_groups(groups.collect());
    asked.reply::<DescribeGroupsRequest>(&response)
}

fn not_found(id: &GroupId, version: i16) -> DescribedGroup {
    let dead = DescribedGroup::default().with_group_state(text("Dead"));
    match version >= NOT_FOUND {
        true => dead
            .with_error_code(ResponseError::GroupIdNotFound.code())
            .with_error_message(Some(text(&format!("Group {} not found.", id.as_str())))),
        false => dead,
    }
}

fn describe_one(group: &Group) -> DescribedGroup {
    // On the way to another generation what members say is about to change.
    let protocol = match group.is_stable() {
        true => group.protocol(),
        false => "",
    };
    let members = group.members().iter().map(|(id, member)| {
        let described = DescribedGroupMember::default()
            .with_member_id(text(id))
            .with_group_instance_id(member.instance_id.as_deref().map(text))
            .with_client_id(text(&member.client_id))
            .with_client_host(text(&member.client_host));
        match group.is_stable() {
            true => described
                .with_member_metadata(member.metadata(protocol))
                .with_member_assignment(member.assignment.clone()),
            false => described,
        }
    });
    DescribedGroup::default()
        .with_group_state(text(group.phase_name()))
        .with_protocol_type(text(group.protocol_type()))
        .with_protocol_data(text(protocol))
        .with_members(members.collect())
}

pub(crate) fn list(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: ListGroupsRequest = asked.read()?;
    let is_among = |wanted: &[StrBytes], name: &str| {
        wanted.is_empty() || wanted.iter().any(|it| it.eq_ignore_ascii_case(name))
    };
    let mut groups = context.broker.groups.look_at_all(|id, group| {
        let is_wanted = context.sees(Action::Group(id))
            && is_among(&request.states_filter, group.phase_name())
            && is_among(&request.types_filter, CLASSIC);
        is_wanted.then(|| {
            ListedGroup::default()
                .with_group_id(GroupId(text(id)))
                .with_protocol_type(text(group.protocol_type()))
                .with_group_state(text(group.phase_name()))
                .with_group_type(text(CLASSIC))
        })
    });
    groups.sort_unstable_by(|one, other| one.group_id.cmp(&other.group_id));
    let response = ListGroupsResponse::default().with_groups(groups);
    asked.reply::<ListGroupsRequest>(&response)
}

pub(crate) fn delete(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: DeleteGroupsRequest = asked.read()?;
    let groups = &context.broker.groups;
    let mut written = Written(0);
    let mut results = Vec::with_capacity(request.groups_names.len());
    for id in request.groups_names {
        let deleted =
            check_group(context, &id, true).and_then(|()| groups.delete(Now::read(), &id));
        let error = match deleted {
            Ok(deleted) => {
                written = deleted;
                None
            }
            Err(error) => Some(error),
        };
        results.push((id, error));
    }
    reply_durable::<DeleteGroupsRequest>(context, &asked, written, move |failed| {
        let results = results.into_iter().map(|(id, error)| {
            DeletableGroupResult::default()
                .with_group_id(id)
                .with_error_code(number(error.or(failed)))
        });
        DeleteGroupsResponse::default().with_results(results.collect())
    })
}
