//! Appends batches to logs in this process: what storing takes, without sockets and requests.
//!
//! | setting | default | |
//! |---|---|---|
//! | `threads` | 1 | each with a partition of its own |
//! | `records` | 100 | records of a batch |
//! | `size` | 100 | bytes of a record's value |
//! | `messages` | 10,000,000 | all together |
//! | `durable` | 0 | 1: a thread makes the logs durable all the time, as the broker does when somebody waits, and the time ends when all of them are |

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bytes::Bytes;
use serde_json::{Value, json};
use tamis_broker::batch::BatchBuilder;
use tamis_broker::broker::Options;
use tamis_broker::log::Log;
use tamis_broker::topics::Settings;
use tamis_broker::{Broker, Result as BrokerResult};

use crate::Result;
use crate::settings;

const KNOWN: &[&str] = &["threads", "records", "size", "messages", "durable"];

/// 2023-11-14, in milliseconds.
const NOW_MS: i64 = 1_700_000_000_000;

pub(crate) fn run(folder: &Path, settings: &[&str]) -> Result<Value> {
    settings::check(settings, KNOWN)?;
    let threads: usize = settings::number(settings, "threads", 1)?;
    let records: usize = settings::number(settings, "records", 100)?;
    let size = settings::number(settings, "size", 100)?;
    let messages: usize = settings::number(settings, "messages", 10_000_000)?;
    let is_durable = settings::number(settings, "durable", 0)? == 1;
    let mut builder = BatchBuilder::new(NOW_MS);
    for _ in 0..records {
        builder.push(NOW_MS, None, Some(&vec![b'x'; size]));
    }
    let batch = Bytes::from(builder.finish());
    let (broker, _) = Broker::open(Options::new(folder))?;
    let topic = broker
        .topics()
        .create("appended", threads, Settings::default())?;
    let logs = topic.partitions();
    let each = messages / records / threads;
    let seconds = time(&logs, &batch, each, is_durable)?;
    drop((logs, topic));
    broker.close()?;
    let batches = each * threads;
    Ok(json!({
        "messages": batches * records,
        "batches": batches,
        "bytes": batches * batch.len(),
        "seconds": seconds,
    }))
}

/// Seconds until `each` batches were appended to each log.
fn time(
    logs: &[std::sync::Arc<Log>],
    batch: &Bytes,
    each: usize,
    is_durable: bool,
) -> BrokerResult<f64> {
    let is_done = AtomicBool::new(false);
    let started = Instant::now();
    std::thread::scope(|scope| {
        let flushing = is_durable.then(|| {
            scope.spawn(|| -> BrokerResult<()> {
                while !is_done.load(Ordering::Acquire) {
                    for log in logs {
                        log.flush()?;
                    }
                }
                Ok(())
            })
        });
        let append = |log: &std::sync::Arc<Log>| {
            for _ in 0..each {
                log.append(batch.clone(), 0, NOW_MS)?;
            }
            Ok(())
        };
        let appending: Vec<_> = logs
            .iter()
            .map(|log| scope.spawn(move || append(log)))
            .collect();
        let appended: BrokerResult<Vec<()>> = appending
            .into_iter()
            .map(|it| it.join().expect("no panic"))
            .collect();
        is_done.store(true, Ordering::Release);
        appended?;
        if let Some(flushing) = flushing {
            flushing.join().expect("no panic")?;
            for log in logs {
                log.flush()?;
            }
        }
        Ok(started.elapsed().as_secs_f64())
    })
}
