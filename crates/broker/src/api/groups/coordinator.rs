//! `FindCoordinator`: the only node there is.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{BrokerId, FindCoordinatorRequest, FindCoordinatorResponse};
use kafka_protocol::protocol::StrBytes;

use super::{Answer, Asked, Context, Refused, text};
use crate::access::Action;
use crate::broker::NODE_ID;

/// From here on several are asked for at once.
const BATCHED: i16 = 4;

/// What a coordinator is asked for.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

pub(crate) fn find(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: FindCoordinatorRequest = asked.read()?;
    let refusal = refusal(context, request.key_type);
    let found = |key: StrBytes| {
        let is_group = request.key_type == GROUP;
        let refusal = match is_group && !context.may(Action::Group(&key)) {
            true => Some((
                ResponseError::GroupAuthorizationFailed,
                "taking part in this group is not granted",
            )),
            false => refusal,
        };
        let found = Coordinator::default().with_key(key);
        match refusal {
            Some((error, message)) => found
                .with_error_code(error.code())
                .with_error_message(Some(text(message)))
                .with_node_id(BrokerId(-1))
                .with_port(-1),
            None => found
                .with_node_id(BrokerId(NODE_ID))
                .with_host(text(&context.advertised.0))
                .with_port(i32::from(context.advertised.1)),
        }
    };
    let response = FindCoordinatorResponse::default();
    let response = match asked.version >= BATCHED {
        true => {
            let keys = request.coordinator_keys.into_iter();
            response.with_coordinators(keys.map(found).collect())
        }
        false => {
            let found = found(request.key);
            response
                .with_error_code(found.error_code)
                .with_error_message(found.error_message)
                .with_node_id(found.node_id)
                .with_host(found.host)
                .with_port(found.port)
        }
    };
    asked.reply::<FindCoordinatorRequest>(&response)
}

fn refusal(context: &Context, key_type: i8) -> Option<(ResponseError, &'static str)> {
    match key_type {
        GROUP if context.broker.groups.log().is_poisoned() => Some((
            ResponseError::CoordinatorNotAvailable,
            "the log of groups takes nothing more: making it durable failed before",
        )),
        GROUP => None,
        // A client that asks for transactions is told at once; it would ask for ever for a coordinator that is not available.
        TRANSACTION => Some((
            ResponseError::TransactionalIdAuthorizationFailed,
            "transactions are not served",
        )),
        _ => Some((
            ResponseError::InvalidRequest,
            "coordinators are those of groups",
        )),
    }
}
