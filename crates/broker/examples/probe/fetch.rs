//! Reads a partition from its start to a message over one connection, as fast as it comes, and throws it away.
//!
//! Of the answers only the headers of batches are looked at: they say where to go on.

use std::io::{Read, Write};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{FetchRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use serde_json::{Value, json};
use tamis_broker::batch::{HEADER_BYTES, Header};

use crate::Result;
use crate::client::{Client, decode, encode};

const VERSION: i16 = 12;

/// What is asked for at once.
const FETCH_BYTES: i32 = 16 << 20;

/// What an answer has besides batches, and more.
const SLACK_BYTES: usize = 64 << 10;

pub(crate) fn run(address: &str, topic: &str, end: i64) -> Result<Value> {
    let mut client = Client::connect(address)?;
    let (mut offset, mut bytes, mut batches) = (0, 0, 0);
    let mut buffer = BytesMut::zeroed(FETCH_BYTES as usize + SLACK_BYTES);
    let started = Instant::now();
    while offset < end {
        let (answer, found) = fetch(&mut client, topic, offset, buffer)?;
        bytes += found.len();
        let mut rest = &found[..];
        while rest.len() >= HEADER_BYTES {
            let header = Header::read(rest)?;
            // The last may be cut off, which is for the next request then.
            let Some(behind) = rest.get(header.len_bytes()..) else {
                break;
            };
            rest = behind;
            offset = header.base_offset + i64::from(header.last_offset_delta) + 1;
            batches += 1;
        }
        drop(found);
        buffer = answer.try_into_mut().unwrap_or_default();
    }
    Ok(json!({
        "bytes": bytes,
        "batches": batches,
        "messages": offset,
        "seconds": started.elapsed().as_secs_f64(),
    }))
}

/// Batches from `offset` on, in an answer that is read into `buffer`; none at the end.
fn fetch(
    client: &mut Client,
    topic: &str,
    offset: i64,
    buffer: BytesMut,
) -> Result<(Bytes, Bytes)> {
    let partition = FetchPartition::default()
        .with_partition(0)
        .with_fetch_offset(offset)
        .with_partition_max_bytes(FETCH_BYTES);
    let topic = FetchTopic::default()
        .with_topic(TopicName(StrBytes::from_string(topic.to_owned())))
        .with_partitions(vec![partition]);
    let request = FetchRequest::default()
        .with_max_wait_ms(1000)
        .with_min_bytes(1)
        .with_max_bytes(FETCH_BYTES)
        .with_session_epoch(-1)
        .with_topics(vec![topic]);
    client.writer.write_all(&encode(&request, VERSION)?)?;
    let answer = answer(client, buffer)?;
    let response = decode::<FetchRequest>(answer.clone(), VERSION)?;
    let partition = response.responses.into_iter().flat_map(|it| it.partitions);
    let partition = partition.last().ok_or("an answer about nothing")?;
    match partition.error_code {
        0 => Ok((answer, partition.records.unwrap_or_default())),
        code => Err(format!("{:?}", ResponseError::try_from_code(code)).into()),
    }
}

/// The next answer, in memory that has been used before: new pages for all that comes would take longer than reading it.
fn answer(client: &mut Client, buffer: BytesMut) -> Result<Bytes> {
    let mut length = [0; 4];
    client.reader.read_exact(&mut length)?;
    let mut buffer = buffer;
    buffer.resize(usize::try_from(i32::from_be_bytes(length))?, 0);
    client.reader.read_exact(&mut buffer)?;
    Ok(buffer.freeze())
}
