//! Appends to partitions in this process and waits until it is durable: what the flusher takes, without sockets and requests.
//!
//! | setting | default | |
//! |---|---|---|
//! | `partitions` | 16 | each has a producer, which appends a batch of 1,100 bytes when the one before is durable |
//! | `ring` | 0 | 1: the flusher hands them to the system by `io_uring`, in builds with that feature; else it has threads |
//! | `seconds` | 3 | how long |
//!
//! The processor's time is that of the whole process: of who flushes, also of threads of the kernel that a ring has, and of the producers,
//! which are one thread and the same in both ways.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use nix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use tamis_broker::batch::BatchBuilder;
use tamis_broker::broker::Options;
use tamis_broker::log::Log;
use tamis_broker::topics::Settings;
use tamis_broker::{Broker, Flushing};
use tokio::task::JoinSet;

use crate::Result;
use crate::latency::Latencies;
use crate::settings;

const KNOWN: &[&str] = &["partitions", "ring", "seconds"];

/// With what is around it a batch has 1,100 bytes.
const VALUE_BYTES: usize = 1024;

/// 2023-11-14, in milliseconds.
const NOW_MS: i64 = 1_700_000_000_000;

pub(crate) fn run(folder: &Path, settings: &[&str]) -> Result<Value> {
    settings::check(settings, KNOWN)?;
    let partitions: usize = settings::number(settings, "partitions", 16)?;
    let seconds = Duration::from_secs_f64(settings::number(settings, "seconds", 3.0)?);
    let mut options = Options::new(folder);
    if settings::number(settings, "ring", 0)? == 1 {
        options.flushing = Flushing::IoUring;
    }
    let (broker, _) = Broker::open(options)?;
    let topic = broker.topics();
    let topic = topic.create("flushed", partitions, Settings::default())?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    // The first flush of a log makes its folder durable, too.
    runtime.block_on(produce(&broker, &topic.partitions(), Duration::ZERO))?;
    let (started, cpu) = (Instant::now(), cpu_seconds()?);
    let latencies = runtime.block_on(produce(&broker, &topic.partitions(), seconds))?;
    let (elapsed, cpu) = (started.elapsed(), cpu_seconds()? - cpu);
    drop(topic);
    broker.close()?;
    let flushes = latencies.count();
    let mut answer = latencies.summary();
    answer["flushes"] = json!(flushes);
    answer["seconds"] = json!(elapsed.as_secs_f64());
    answer["cpu_seconds"] = json!(cpu);
    Ok(answer)
}

/// Has a batch appended to each log and made durable, again and again until the time is over, but once at least.
async fn produce(broker: &Arc<Broker>, logs: &[Arc<Log>], time: Duration) -> Result<Latencies> {
    let mut builder = BatchBuilder::new(NOW_MS);
    builder.push(NOW_MS, None, Some(&[b'x'; VALUE_BYTES]));
    let batch = Bytes::from(builder.finish());
    let end = Instant::now() + time;
    let mut producers = JoinSet::new();
    for log in logs {
        let (broker, log, batch) = (broker.clone(), log.clone(), batch.clone());
        producers.spawn(produce_one(broker, log, batch, end));
    }
    let mut latencies = Latencies::default();
    while let Some(ended) = producers.join_next().await {
        latencies.extend(ended??);
    }
    Ok(latencies)
}

async fn produce_one(
    broker: Arc<Broker>,
    log: Arc<Log>,
    batch: Bytes,
    end: Instant,
) -> Result<Latencies> {
    let mut latencies = Latencies::default();
    let mut durable = log.watch_durable();
    loop {
        let started = Instant::now();
        let next_offset = log.append(batch.clone(), 0, NOW_MS)?.next_offset;
        broker.request_flush(&log);
        let is_done = |durable: &i64| *durable >= next_offset || log.is_poisoned();
        if *durable.wait_for(is_done).await? < next_offset {
            return Err("it could not be made durable".into());
        }
        latencies.note(started.elapsed());
        if Instant::now() >= end {
            return Ok(latencies);
        }
    }
}

fn cpu_seconds() -> Result<f64> {
    let used = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?;
    Ok(Duration::from(used).as_secs_f64())
}
