//! `InitProducerId`: an id for a producer that numbers its records.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};

use super::{Answer, Asked, Context, Refused, code};
use crate::access::Action;

pub(super) fn answer(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: InitProducerIdRequest = asked.read()?;
    let given = match request.transactional_id {
        // Who may write anything may number what he writes, as with Kafka.
        _ if !context.may(Action::WriteSomewhere) => Err(ResponseError::ClusterAuthorizationFailed),
        // There are no transactions, and a client that asks for one is told at once.
        Some(_) => Err(ResponseError::TransactionalIdAuthorizationFailed),
        None if request.producer_id.0 >= 0 && request.producer_epoch < i16::MAX - 1 => {
            Ok((request.producer_id.0, request.producer_epoch + 1))
        }
        None => match context.broker.new_producer_id() {
            Ok(id) => Ok((id, 0)),
            Err(error) => Err(code(&error)),
        },
    };
    let response = match given {
        Ok((id, epoch)) => InitProducerIdResponse::default()
            .with_producer_id(ProducerId(id))
            .with_producer_epoch(epoch),
        Err(error) => InitProducerIdResponse::default()
            .with_error_code(error.code())
            .with_producer_id(ProducerId(-1))
            .with_producer_epoch(-1),
    };
    asked.reply::<InitProducerIdRequest>(&response)
}
