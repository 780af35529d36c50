//! `Produce` before version 3, which carried messages of formats that are not taken: each partition is answered with an error.
//!
//! These versions are told to clients all the same. librdkafka took the least version a broker tells for one it needs, and
//! before its fix of 2025 sent everything uncompressed to a broker that begins with version 3 (librdkafka issues 4948 and 4956).
//! `kafka-protocol` does not know them, so they are read and written here:
//!
//! ```text
//! request   acks i16, timeout i32, [topic text, [partition i32, messages bytes]]
//! response  [topic text, [partition i32, error i16, base offset i64, (version 2) time i64]], (since version 1) throttled for i32
//! ```

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::ApiKey;

use super::{Answer, Asked, Context, Part, Refused, malformed, push_header};
use crate::quotas::Direction;

/// The first version whose batches are taken.
pub(super) const SERVED_SINCE: i16 = 3;

pub(super) fn answer(context: &Context, asked: Asked) -> Result<Answer, Refused> {
    let throttle_ms = context.throttle(Direction::Produce, &asked, asked.body.len() as u64);
    let mut body = asked.body;
    let mut bytes = BytesMut::new();
    push_header(&mut bytes, 0, asked.correlation_id);
    let asked_for = answer_topics(&mut body, &mut bytes, asked.version);
    // Its shape was checked, so this is a mistake of ours.
    let asked_for = asked_for.ok_or_else(|| malformed(ApiKey::Produce, &"it ends too early"))?;
    match asked_for {
        AskedFor { acks: 0, count: 0 } => return Ok(Answer::Nothing),
        AskedFor { acks: 0, .. } => {
            return Err(Refused::Unanswered {
                key: ApiKey::Produce,
                error: ResponseError::UnsupportedVersion,
            });
        }
        _ => {}
    }
    if asked.version >= 1 {
        bytes.put_i32(throttle_ms);
    }
    Ok(Answer::Ready(vec![Part::Bytes(bytes.freeze())]))
}

/// What a request is like.
struct AskedFor {
    acks: i16,
    /// Partitions that it names.
    count: u64,
}

/// Answers to all partitions.
fn answer_topics(body: &mut Bytes, answer: &mut BytesMut, version: i16) -> Option<AskedFor> {
    let mut count = 0;
    let acks = body.try_get_i16().ok()?;
    let _timeout = body.try_get_i32().ok()?;
    let topic_count = body.try_get_i32().ok()?.max(0);
    answer.put_i32(topic_count);
    for _ in 0..topic_count {
        let name_bytes = body.try_get_i16().ok()?.max(0);
        let name = take(body, name_bytes as usize)?;
        answer.put_i16(name_bytes);
        answer.put(name);
        let partition_count = body.try_get_i32().ok()?.max(0);
        answer.put_i32(partition_count);
        for _ in 0..partition_count {
            count += 1;
            answer.put_i32(body.try_get_i32().ok()?);
            let messages_bytes = body.try_get_i32().ok()?.max(0);
            take(body, messages_bytes as usize)?;
            answer.put_i16(ResponseError::UnsupportedVersion.code());
            answer.put_i64(-1);
            if version >= 2 {
                answer.put_i64(-1);
            }
        }
    }
    Some(AskedFor { acks, count })
}

fn take(body: &mut Bytes, count: usize) -> Option<Bytes> {
    (body.len() >= count).then(|| body.split_to(count))
}
