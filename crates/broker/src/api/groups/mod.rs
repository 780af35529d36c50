//! What clients ask about consumer groups.
//!
//! Handlers translate: what a group does is decided in [`crate::groups`]. What they keep of a request is copied out of it, so that a
//! few bytes in a group do not hold on to a whole frame.

mod coordinator;
mod describe;
mod membership;
mod next_generation;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
#[cfg(test)]
mod tests;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::GroupId;
use kafka_protocol::protocol::{Request, StrBytes};

use super::{Answer, Asked, Context, Parts, Refused, encode};
use crate::access::Action;
use crate::groups::Written;
pub(super) use coordinator::find;
pub(super) use describe::{delete, describe, list};
pub(super) use membership::{heartbeat, join, leave, sync};
pub(super) use next_generation::refuse_next_generation;
pub(super) use offset_commit::commit;
pub(super) use offset_delete::delete_offsets;
pub(super) use offset_fetch::fetch;

/// Names are kept, so they have a length that the protocol's first versions could write.
const NAME_BYTES_MAX: usize = i16::MAX as usize;

/// Whether a group can be called so, and the client may take part in it; offsets have always been taken of one without a name.
fn check_group(
    context: &Context,
    group: &GroupId,
    may_be_empty: bool,
) -> Result<(), ResponseError> {
    match group.len() {
        0 if !may_be_empty => Err(ResponseError::InvalidGroupId),
        length if length > NAME_BYTES_MAX => Err(ResponseError::InvalidGroupId),
        _ if !context.may(Action::Group(group)) => Err(ResponseError::GroupAuthorizationFailed),
        _ => Ok(()),
    }
}

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn owned(text: Option<&StrBytes>) -> Option<String> {
    text.map(|it| it.to_string())
}

/// Kafka's number for an error; 0: there is none.
fn number(error: Option<ResponseError>) -> i16 {
    error.map_or(0, |it| it.code())
}

/// Waits until what was written is durable; `NotCoordinator` if it never will be.
async fn until_durable(context: &Context, written: Option<Written>) -> Result<(), ResponseError> {
    let Some(Written(next_offset)) = written else {
        return Err(ResponseError::NotCoordinator);
    };
    let log = context.broker.groups.log();
    let mut durable = log.watch_durable();
    if *durable.borrow_and_update() < next_offset {
        context.broker.flusher.request(log);
        let is_done = |offset: &i64| *offset >= next_offset || log.is_poisoned();
        // The log lives as long as we do, and so does who publishes.
        let _ = durable.wait_for(is_done).await;
    }
    match log.durable_offset() >= next_offset {
        true => Ok(()),
        false => Err(ResponseError::NotCoordinator),
    }
}

/// Answers once `written` is durable; `answer` is told whether that failed.
fn reply_durable<R: Request>(
    context: &Context,
    asked: &Asked,
    written: Written,
    answer: impl FnOnce(Option<ResponseError>) -> R::Response + Send + 'static,
) -> Result<Answer, Refused> {
    let (version, correlation_id) = (asked.version, asked.correlation_id);
    let context = context.clone();
    Ok(Answer::Later(Box::pin(async move {
        let error = until_durable(&context, Some(written)).await.err();
        let parts: Result<Parts, Refused> = encode::<R>(version, correlation_id, &answer(error));
        parts
    })))
}
