//! Sends batches, all alike and encoded before the clock starts, and notes how long each answer took.
//!
//! | setting | default | |
//! |---|---|---|
//! | `acks` | -1 | as in Kafka's protocol |
//! | `records` | 1 | records of a batch |
//! | `size` | 100 | bytes of a record's value, which is random |
//! | `values` | | instead of `size`: a file whose lines are the values, other ones for each connection |
//! | `codec` | none | what packs a batch of such: `lz4`, `zstd` |
//! | `connections` | 1 | each with a thread; batches go to the partition of the connection's number |
//! | `partitions` | 1 | |
//! | `window` | 1 | requests of a connection that are on their way at once |
//! | `seconds` | 5 | how long |
//! | `bytes` | | instead of `seconds`: until so many bytes of batches have been sent |
//! | `messages` | | instead of `seconds`: until so many have been sent, or a few more so that each connection sends as many batches |
//! | `rate` | | records a second, all connections together; without it as many as are taken |
//!
//! At a rate a batch is sent when its time has come, whether those before it were answered or not. Its latency counts from when it was
//! sent; but if that was late by more than a millisecond, because the broker took nothing, it counts from when its time had come.

use std::collections::VecDeque;
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::{Barrier, mpsc};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ProduceRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use serde_json::{Value, json};

use crate::Result;
use crate::client::{Client, decode, encode, number};
use crate::latency::Latencies;
use crate::payload::Payload;
use crate::settings;

const VERSION: i16 = 9;

const KNOWN: &[&str] = &[
    "acks",
    "records",
    "size",
    "values",
    "codec",
    "connections",
    "partitions",
    "window",
    "seconds",
    "bytes",
    "messages",
    "rate",
];

/// A batch that is sent so late counts from when its time had come.
const LATE: Duration = Duration::from_millis(1);

/// What each connection does.
#[derive(Clone, Copy, Debug)]
struct Plan {
    records: usize,
    window: usize,
    until: Until,
    /// Time between two batches of a connection.
    pace: Option<Duration>,
}

/// When a connection has sent enough.
#[derive(Clone, Copy, Debug)]
enum Until {
    Elapsed(Duration),
    Sent(usize),
}

impl Until {
    /// Batches that may be sent before it is asked again.
    fn left(self, started: Instant, sent: usize) -> usize {
        match self {
            Until::Elapsed(time) if started.elapsed() >= time => 0,
            Until::Elapsed(_) => usize::MAX,
            Until::Sent(batches) => batches.saturating_sub(sent),
        }
    }
}

pub(crate) fn run(address: &str, topic: &str, settings: &[&str]) -> Result<Value> {
    settings::check(settings, KNOWN)?;
    let records: usize = settings::number(settings, "records", 1)?;
    let acks = settings::number(settings, "acks", -1)?;
    let connections: usize = settings::number(settings, "connections", 1)?;
    let partitions = settings::number(settings, "partitions", 1)?;
    let payload = Payload::of(settings)?;
    let batches: Vec<Vec<u8>> = (0..connections)
        .map(|connection| payload.batch(connection, records))
        .collect::<Result<_>>()?;
    let all_bytes: usize = batches.iter().map(Vec::len).sum();
    let bytes: usize = settings::number(settings, "bytes", 0)?;
    let messages: usize = settings::number(settings, "messages", 0)?;
    let rate: f64 = settings::number(settings, "rate", 0.0)?;
    let seconds = Duration::from_secs_f64(settings::number(settings, "seconds", 5.0)?);
    let per_second = rate / records as f64 / connections as f64;
    let plan = Plan {
        records,
        window: settings::number(settings, "window", 1)?,
        until: match (bytes, messages) {
            (0, 0) => Until::Elapsed(seconds),
            (0, _) => Until::Sent(messages.div_ceil((records * connections).max(1))),
            _ => Until::Sent(bytes.div_ceil(all_bytes.max(1))),
        },
        pace: (rate > 0.0).then(|| Duration::from_secs_f64(1.0 / per_second)),
    };
    let barrier = Barrier::new(connections);
    let ended = std::thread::scope(|scope| {
        let mut running = Vec::new();
        for (connection, batch) in batches.iter().enumerate() {
            let frame = encode(
                &request(topic, connection as i32 % partitions, acks, batch),
                VERSION,
            )?;
            let client = Client::connect(address)?;
            let barrier = &barrier;
            running.push(scope.spawn(move || {
                barrier.wait();
                match plan.pace {
                    None => push(client, frame, plan),
                    Some(pace) => pace_out(client, frame, plan, pace),
                }
            }));
        }
        let ended = running.into_iter().map(|it| it.join().expect("no panic"));
        ended.collect::<Result<Vec<_>>>()
    })?;
    Ok(sum(ended, plan.records, all_bytes / connections.max(1)))
}

fn request(topic: &str, partition: i32, acks: i16, batch: &[u8]) -> ProduceRequest {
    let partition = PartitionProduceData::default()
        .with_index(partition)
        .with_records(Some(Bytes::copy_from_slice(batch)));
    let topic = TopicProduceData::default()
        .with_name(TopicName(StrBytes::from_string(topic.to_owned())))
        .with_partition_data(vec![partition]);
    ProduceRequest::default()
        .with_acks(acks)
        .with_timeout_ms(60_000)
        .with_topic_data(vec![topic])
}

/// What a connection did.
#[derive(Debug)]
struct Ended {
    batches: usize,
    started: Instant,
    ended: Instant,
    latencies: Latencies,
}

/// Keeps `window` requests on their way.
fn push(mut client: Client, frame: Vec<u8>, plan: Plan) -> Result<Ended> {
    let mut frame = frame;
    let started = Instant::now();
    let (mut latencies, mut on_their_way) = (Latencies::default(), VecDeque::new());
    let (mut sent, mut together) = (0, Vec::new());
    loop {
        let mut left = plan.until.left(started, sent);
        if left == 0 && on_their_way.is_empty() {
            break;
        }
        together.clear();
        // Small ones go together: a write for each would take more of the processor than the broker does.
        while left > 0 && on_their_way.len() < plan.window {
            number(&mut frame, sent as i32);
            on_their_way.push_back((sent, Instant::now()));
            sent += 1;
            left -= 1;
            if frame.len() > LARGE_BYTES || plan.window == 1 {
                client.writer.write_all(&frame)?;
            } else {
                together.extend_from_slice(&frame);
            }
        }
        client.writer.write_all(&together)?;
        // One is waited for, and those that are there already are taken with it.
        while let Some((expected, since)) = on_their_way.pop_front() {
            take_answer(&mut client.reader, expected)?;
            latencies.note(since.elapsed());
            if client.reader.buffer().is_empty() {
                break;
            }
        }
    }
    Ok(Ended {
        batches: sent,
        started,
        ended: Instant::now(),
        latencies,
    })
}

/// Larger requests are not copied to go together.
const LARGE_BYTES: usize = 16 << 10;

/// Sends a request every `pace`.
fn pace_out(client: Client, frame: Vec<u8>, plan: Plan, pace: Duration) -> Result<Ended> {
    let Client {
        mut writer,
        mut reader,
    } = client;
    let mut frame = frame;
    let (queue, on_their_way) = mpsc::channel::<(usize, Instant)>();
    let reading = std::thread::spawn(move || -> Result<Latencies> {
        let mut latencies = Latencies::default();
        for (expected, since) in on_their_way {
            take_answer(&mut reader, expected)?;
            latencies.note(since.elapsed());
        }
        Ok(latencies)
    });
    let started = Instant::now();
    let mut sent = 0;
    while plan.until.left(started, sent) > 0 {
        let due = started + pace.mul_f64(sent as f64);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let now = Instant::now();
        let since = if now - due > LATE { due } else { now };
        number(&mut frame, sent as i32);
        if queue.send((sent, since)).is_err() {
            break;
        }
        writer.write_all(&frame)?;
        sent += 1;
    }
    drop(queue);
    let latencies = reading.join().expect("no panic")?;
    Ok(Ended {
        batches: sent,
        started,
        ended: Instant::now(),
        latencies,
    })
}

/// Reads the next answer, which has to be to this request and without an error.
fn take_answer(reader: &mut BufReader<TcpStream>, expected: usize) -> Result<()> {
    let mut head = [0; 8];
    reader.read_exact(&mut head)?;
    let [a, b, c, d, rest @ ..] = head;
    let found = i32::from_be_bytes(rest);
    if found != expected as i32 {
        return Err(format!("an answer to request {found} instead of {expected}").into());
    }
    let length = usize::try_from(i32::from_be_bytes([a, b, c, d]))?;
    let mut answer = vec![0; length];
    answer[..4].copy_from_slice(&rest);
    reader.read_exact(&mut answer[4..])?;
    // The floor has nothing to say.
    if length == 4 {
        return Ok(());
    }
    let response = decode::<ProduceRequest>(answer.into(), VERSION)?;
    let partitions = response.responses.iter().map(|it| &it.partition_responses);
    match partitions.flatten().find(|it| it.error_code != 0) {
        Some(failed) => {
            Err(format!("{:?}", ResponseError::try_from_code(failed.error_code)).into())
        }
        None => Ok(()),
    }
}

fn sum(ended: Vec<Ended>, records: usize, batch_bytes: usize) -> Value {
    let started = ended.iter().map(|it| it.started).min();
    let last = ended.iter().map(|it| it.ended).max();
    let seconds = started
        .zip(last)
        .map_or(0.0, |(from, to)| (to - from).as_secs_f64());
    let batches: usize = ended.iter().map(|it| it.batches).sum();
    let mut latencies = Latencies::default();
    for one in ended {
        latencies.extend(one.latencies);
    }
    let mut answer = latencies.summary();
    answer["batches"] = json!(batches);
    answer["messages"] = json!(batches * records);
    answer["bytes"] = json!(batches * batch_bytes);
    answer["seconds"] = json!(seconds);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_sent_than_was_asked_for() {
        let started = Instant::now();
        let left = |sent| Until::Sent(5).left(started, sent);
        assert_eq!((left(0), left(4), left(5), left(6)), (5, 1, 0, 0));
        let left = |time| Until::Elapsed(time).left(started, 7);
        assert_eq!((left(Duration::ZERO), left(Duration::MAX)), (0, usize::MAX));
    }
}
