//! `ApiVersions`: which requests are served, and in which versions.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};

use super::{Answer, Asked, Refused, SERVED, encode};

pub(super) fn answer(mut asked: Asked) -> Result<Answer, Refused> {
    asked.read::<ApiVersionsRequest>()?;
    asked.reply::<ApiVersionsRequest>(&response())
}

/// To a version that is not served the answer is one of version 0, which all clients read (KIP-511).
pub(super) fn unsupported(correlation_id: i32) -> Result<Answer, Refused> {
    let response = response().with_error_code(ResponseError::UnsupportedVersion.code());
    encode::<ApiVersionsRequest>(0, correlation_id, &response).map(Answer::Ready)
}

fn response() -> ApiVersionsResponse {
    let versions = SERVED.iter().map(|served| {
        ApiVersion::default()
            .with_api_key(served.key as i16)
            .with_min_version(served.min)
            .with_max_version(served.max)
    });
    ApiVersionsResponse::default().with_api_keys(versions.collect())
}
