//! What each command on the store took: one line of JSON each, appended, so that an operator can ask later what became slower.
//!
//! Nothing depends on it: a line that cannot be written or read is left out.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::perf::Stages;

/// What a command did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// When it ended: nanoseconds since 1970.
    pub time_ns: u64,
    /// `add`, `commit`, `gc`, ...
    pub verb: String,
    /// The commit that came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// How long it took.
    pub seconds: f64,
    /// Seconds of each stage, summed over the threads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stages: Option<serde_json::Value>,
    /// The stage that took longest for the threads that it runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited_by: Option<String>,
    /// Files, folders and links that were staged.
    #[serde(default)]
    pub files: u64,
    /// Plain bytes that were read.
    #[serde(default)]
    pub plain_bytes: u64,
    /// Chunks that were in no pack before.
    #[serde(default)]
    pub new_chunks: u64,
    /// Their plain bytes.
    #[serde(default)]
    pub new_plain_bytes: u64,
    /// What the new packs take.
    #[serde(default)]
    pub stored_bytes: u64,
    /// What `gc` gave back to the file system.
    #[serde(default)]
    pub freed_bytes: u64,
}

impl Record {
    /// A record of a command that has just ended.
    pub(crate) fn new(verb: &str, seconds: f64) -> Record {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Record {
            time_ns: u64::try_from(now.as_nanos()).unwrap_or(u64::MAX),
            verb: verb.to_owned(),
            commit: None,
            seconds,
            stages: None,
            limited_by: None,
            files: 0,
            plain_bytes: 0,
            new_chunks: 0,
            new_plain_bytes: 0,
            stored_bytes: 0,
            freed_bytes: 0,
        }
    }

    /// The same with where the time went, on so many threads.
    pub(crate) fn with_stages(self, stages: &Stages, threads: usize) -> Record {
        Record {
            stages: serde_json::to_value(stages).ok(),
            limited_by: Some(stages.limiting(threads).name().to_owned()),
            ..self
        }
    }

    /// Appends it to the history of the store at `store`.
    pub(crate) fn append(&self, store: &Path) {
        let Ok(mut line) = serde_json::to_vec(self) else {
            return;
        };
        line.push(b'\n');
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(store.join("history.jsonl"));
        // A store that cannot be written to says so where it matters.
        drop(file.and_then(|mut file| file.write_all(&line)));
    }
}

/// The whole history of the store at `store`, oldest first.
pub fn read(store: &Path) -> Vec<Record> {
    let text = fs::read_to_string(store.join("history.jsonl")).unwrap_or_default();
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}
