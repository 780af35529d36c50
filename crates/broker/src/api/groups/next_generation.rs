//! `ConsumerGroupHeartbeat`: groups whose members the broker gives their partitions (KIP-848), which are not served.
//!
//! The request is told to clients all the same, and answered with an error, as Kafka does where these groups are switched off. librdkafka
//! 2.16 with `group.protocol=consumer` asks a broker that does not have it (version 1) for its coordinator again and again, and tells
//! nobody; of the error it makes a fatal one at once. No client uses these groups without being told to.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};
use kafka_protocol::protocol::StrBytes;

use super::super::{Answer, Asked, Refused};

const REASON: &str = "groups to whose members the broker gives their partitions are not served: clients take part in groups with `group.protocol=classic`";

pub(crate) fn refuse_next_generation(asked: Asked) -> Result<Answer, Refused> {
    let response = ConsumerGroupHeartbeatResponse::default()
        .with_error_code(ResponseError::UnsupportedVersion.code())
        .with_error_message(Some(StrBytes::from_static_str(REASON)));
    asked.reply::<ConsumerGroupHeartbeatRequest>(&response)
}
