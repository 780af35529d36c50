//! `tamis search --follow` of a topic: rows are shown as messages come, and messages are committed behind that.
//!
//! To ripgrep, `--follow` is about links in folders. A topic has none, so that there it can mean what it means to other verbs.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tamis_engine::pipeline::Flow;
use tamis_scan::search::Watcher;

use super::Options;
use crate::follow::Results;
use crate::topics::{self, Topics};
use crate::{Error, Result};

impl Options {
    /// Whether a topic is followed, and if so, when there are results.
    pub(super) fn follows(&self) -> Result<Option<Results>> {
        let names_pattern = self.patterns.is_empty() && self.pattern_files.is_empty();
        let inputs = self.arguments.iter().skip(usize::from(names_pattern));
        let (topics, others): (Vec<_>, Vec<_>) =
            inputs.partition(|name| topics::is_meant(Path::new(name)));
        if !self.selection.follow || topics.is_empty() {
            return Ok(None);
        }
        let message = if topics.len() > 1 || !others.is_empty() {
            "`--follow` takes one input where that is a topic"
        } else if self.matching.multiline {
            "`--multiline` needs the whole input, and with `--follow` a topic has no end"
        } else {
            let report = &self.report;
            let shows_lines = !report.count && !report.count_matches;
            return Ok(Some(match shows_lines {
                true => Results::OnTheWay,
                false => Results::AtTheEnd,
            }));
        };
        Err(Error::Usage {
            message: message.to_owned(),
            hint: Some("leave `--follow` out to search up to where it ends now".to_owned()),
        })
    }
}

/// What became of commits on the way.
#[derive(Default)]
pub(super) struct Committing(Arc<Mutex<Option<Error>>>);

impl Committing {
    /// Commits what is searched, and ends the search if that fails.
    pub(super) fn watcher(&self, topics: &Topics) -> Watcher {
        let (failed, topics) = (Arc::clone(&self.0), topics.clone());
        Box::new(move |bytes| match topics.written_bytes(bytes) {
            Ok(()) => Flow::Continue,
            Err(error) => {
                *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Flow::Stop
            }
        })
    }

    /// Fails if one of them has.
    pub(super) fn end(&self) -> Result<()> {
        let failed = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        failed.map_or(Ok(()), Err)
    }
}
