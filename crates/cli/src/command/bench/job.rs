//! What is run at every level: verbs with arguments that fit the input.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// A verb on the input.
#[derive(Debug)]
pub(super) struct Job {
    /// The verb, and what it is told to do with the input.
    pub(super) title: String,
    /// Its command line, without the level.
    pub(super) arguments: Vec<OsString>,
}

/// Every verb that has levels, with options for this input.
pub(super) fn jobs(input: &Path, contract: &Path, shared: &[OsString]) -> Vec<Job> {
    let job = |title: &str, verb: &str, options: &[&OsStr]| {
        let words = [verb.as_ref(), input.as_os_str(), "--quiet".as_ref()];
        let words = words.into_iter().chain(options.iter().copied());
        let shared = shared.iter().map(OsString::as_os_str);
        Job {
            title: title.to_owned(),
            arguments: words.chain(shared).map(OsStr::to_owned).collect(),
        }
    };
    vec![
        job(
            "check",
            "check",
            &["--contract".as_ref(), contract.as_ref()],
        ),
        job("stats --core", "stats", &["--core".as_ref()]),
        job("stats", "stats", &[]),
    ]
}
