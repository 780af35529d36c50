//! What `tamis.cached` needs of Rust: the digest of a file, the key of a result, and the text of a cache entry.
//!
//! An entry is one JSON object, so that people can read it, with a checksum in front of everything that counts:
//!
//! ```text
//! {"checksum":"<BLAKE3 of what follows>","entry":{"made_ns":1767225600000000000,"key":{…},"report":{…}}}
//! ```
//!
//! A bit that flips in a report would mostly leave good JSON behind, and another answer. What is not as it was
//! written is refused here; the cache takes that for a miss.

use std::path::PathBuf;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde::{Deserialize, Serialize};
use tamis_contract::check::RULE_ENGINE_VERSION;
use tamis_contract::report::Report;
use tamis_engine::control::Cancel;
use tamis_engine::digest::{self, Algorithm, Digest, DigestOptions};
use tamis_engine::source::{FileSource, ReadOptions, Source};
use tamis_engine::stamp::Stamp;
use tamis_formats::sniff::Format;

use crate::check::Check;
use crate::detached::Desk;
use crate::result::ValidationResult;
use crate::{error, source};

/// Version of the text of an entry.
const ENTRY_VERSION: u32 = 1;

const CHECKSUM_HEAD: &str = "{\"checksum\":\"";
const ENTRY_HEAD: &str = "\",\"entry\":";
const DIGEST_DIGITS: usize = 64;

/// Adds the functions.
pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(file_digest, module)?)?;
    module.add_function(wrap_pyfunction!(cache_key, module)?)?;
    module.add_function(wrap_pyfunction!(entry_to_json, module)?)?;
    module.add_function(wrap_pyfunction!(entry_from_json, module)?)
}

/// Device, inode, size, modification and change time in nanoseconds: what `os.stat` has under other names.
type StampTuple = (u64, u64, u64, i64, i64);

/// The digest of a file in hexadecimal, the stamp it was read under, and whether that stamp is old enough to vouch
/// for the digest later.
#[pyfunction]
#[pyo3(signature = (path, algorithm, *, threads=None))]
fn file_digest(
    py: Python<'_>,
    path: PathBuf,
    algorithm: &str,
    threads: Option<usize>,
) -> PyResult<(String, StampTuple, bool)> {
    let algorithm: Algorithm = algorithm.parse().map_err(PyValueError::new_err)?;
    let mut options = DigestOptions {
        cancel: Cancel::new(),
        ..DigestOptions::default()
    };
    options.threads = threads.unwrap_or(options.threads);
    let mut desk = Desk::new(options.cancel.clone());
    let work = || digest::of_file(&path, algorithm, &options);
    let found = desk.run(py, |_| Ok(()), work)?;
    let found = found.map_err(|error| error::of_engine(py, &error))?;
    let Stamp {
        device,
        inode,
        len_bytes,
        modified_ns,
        changed_ns,
    } = found.stamp;
    let stamp = (device, inode, len_bytes, modified_ns, changed_ns);
    let is_settled = found.stamp.is_settled(found.began);
    Ok((found.digest.to_string(), stamp, is_settled))
}

/// Everything that an answer depends on: the bytes, the rules, what they are read as, and how much is listed.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
struct Key {
    entry_version: u32,
    tamis_version: String,
    rule_engine_version: u32,
    /// Fingerprint of the contract.
    rules: String,
    /// Rules that are left out; they are listed in the report.
    unchecked: usize,
    max_errors: usize,
    format: String,
    algorithm: String,
    digest: String,
}

/// The key of the result of `check` on a file with this digest, as JSON. The file's name is not part of it, but for the
/// delimiter that it stands for.
#[pyfunction]
fn cache_key(
    check: &Check,
    path: PathBuf,
    format: &str,
    algorithm: &str,
    digest: &str,
) -> PyResult<String> {
    let named: [Box<dyn Source>; 1] = [Box::new(FileSource::new(path, ReadOptions::default()))];
    let format = match source::format(Some(format), &named)? {
        Some(Format::Delimited { delimiter }) => format!("delimited by {}", delimiter as char),
        Some(Format::JsonLines) => "jsonl".to_owned(),
        Some(format) => format.to_string(),
        None => "told by the content".to_owned(),
    };
    let key = Key {
        entry_version: ENTRY_VERSION,
        tamis_version: env!("CARGO_PKG_VERSION").to_owned(),
        rule_engine_version: RULE_ENGINE_VERSION,
        rules: check.rules().fingerprint().to_owned(),
        unchecked: check.rules().rules_not_checked().len(),
        max_errors: check.options().samples_max,
        format,
        algorithm: algorithm.to_owned(),
        digest: digest.to_owned(),
    };
    Ok(serde_json::to_string(&key).expect("a key is texts and numbers"))
}

#[derive(Serialize)]
struct Written<'a> {
    made_ns: i64,
    key: &'a serde_json::Value,
    report: &'a Report,
}

#[derive(Deserialize)]
struct Read {
    made_ns: i64,
    key: Key,
    report: Report,
}

/// The text of an entry. `key` is one of [`cache_key`].
#[pyfunction]
fn entry_to_json(key: &str, made_ns: i64, result: &ValidationResult) -> PyResult<Vec<u8>> {
    let key =
        serde_json::from_str(key).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let written = Written {
        made_ns,
        key: &key,
        report: result.report(),
    };
    let entry = serde_json::to_vec(&written).expect("a report is texts and numbers");
    let checksum = Digest::of(&entry, Algorithm::Blake3);
    let mut text = format!("{CHECKSUM_HEAD}{checksum}{ENTRY_HEAD}").into_bytes();
    text.extend_from_slice(&entry);
    text.extend_from_slice(b"}\n");
    Ok(text)
}

/// When the entry was made and its result, as that of an input called `name`; None if the text is not that of an entry with
/// this key.
#[pyfunction]
fn entry_from_json(
    text: &[u8],
    key: &str,
    name: String,
) -> PyResult<Option<(i64, ValidationResult)>> {
    let key: Key =
        serde_json::from_str(key).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let entry = entry_of(text).and_then(|entry| serde_json::from_slice::<Read>(entry).ok());
    Ok(entry.filter(|entry| entry.key == key).map(|entry| {
        let result = ValidationResult::from(renamed(entry.report, &name));
        (entry.made_ns, result)
    }))
}

/// What the checksum is of, if it is right.
fn entry_of(text: &[u8]) -> Option<&[u8]> {
    let rest = text.strip_prefix(CHECKSUM_HEAD.as_bytes())?;
    let (checksum, rest) = rest.split_at_checked(DIGEST_DIGITS)?;
    let entry = rest.strip_prefix(ENTRY_HEAD.as_bytes())?;
    let entry = entry.strip_suffix(b"}\n")?;
    let right = Digest::of(entry, Algorithm::Blake3).to_string();
    (right.as_bytes() == checksum).then_some(entry)
}

/// The report of one input, which has another name now.
fn renamed(mut report: Report, name: &str) -> Report {
    for input in &mut report.inputs {
        name.clone_into(&mut input.name);
    }
    for sample in &mut report.samples {
        name.clone_into(&mut sample.input);
    }
    for note in &mut report.notes {
        if let Some(input) = &mut note.input {
            name.clone_into(input);
        }
    }
    report
}
