//! Compacts partitions, by a thread of its own: a long cleaning holds up neither retention nor anybody else.
//!
//! Every so often it seals active segments that are old enough, looks what there is to clean, and cleans what is due, the dirtiest first.
//! The thread ends when it is told to, between two batches if it must: what was not swapped is thrown away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::background::{Background, Ending};
use crate::broker::now_ms;
use crate::log::{Cleaned, Dirt, Log};
use crate::topics::Topics;
use crate::{Error, Result};

/// Starts the thread, which looks for what is to be cleaned so often.
pub(crate) fn start(topics: Arc<Topics>, interval: Duration) -> std::io::Result<Background> {
    Background::start("tamis-cleaner", move |ending| {
        while ending.wait_until(Instant::now().checked_add(interval)) {
            clean_all(&topics, ending);
        }
    })
}

fn clean_all(topics: &Topics, ending: &Ending) {
    let mut due = Vec::new();
    for topic in topics.all() {
        for log in topic.partitions().iter() {
            if ending.is_over() {
                return;
            }
            match look(log) {
                Ok(Some(dirt)) if dirt.is_due => due.push((dirt.ratio, log.clone())),
                Ok(_) => {}
                Err(error) => warn(log, &error),
            }
        }
    }
    due.sort_by(|one, other| {
        other
            .0
            .partial_cmp(&one.0)
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    for (_, log) in due {
        clean(&log, ending);
    }
}

fn look(log: &Log) -> Result<Option<Dirt>> {
    let now_ms = now_ms();
    log.seal_aged(now_ms)?;
    log.dirt(now_ms)
}

/// Cleans a log, in several goes if one does not see all of its keys.
fn clean(log: &Log, ending: &Ending) {
    loop {
        let started = Instant::now();
        match log.clean(now_ms(), &|| ending.is_over()) {
            Ok(Some(cleaned)) => {
                tell(log, &cleaned, started.elapsed());
                if cleaned.is_whole {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => return warn(log, &error),
        }
    }
}

fn tell(log: &Log, cleaned: &Cleaned, took: Duration) {
    tracing::info!(
        partition = %log.folder().display(),
        bytes_before = cleaned.bytes_before,
        bytes_after = cleaned.bytes_after,
        end_offset = cleaned.end_offset,
        took_ms = took.as_millis() as u64,
        "compacted"
    );
}

fn warn(log: &Log, error: &Error) {
    // What failed was told when it failed, and what is deleted needs nothing.
    if !matches!(error, Error::Poisoned { .. } | Error::Deleted { .. }) {
        tracing::warn!(partition = %log.folder().display(), %error, "is not compacted");
    }
}
