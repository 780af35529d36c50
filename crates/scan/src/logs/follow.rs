//! A log that grows: the report as it stands, again and again.

use std::path::Path;
use std::time::{Duration, Instant};

use tamis_engine::pipeline::{Flow, Options};
use tamis_engine::source::{Source, peek_line};

use super::format::HEAD_BYTES;
use super::report::Report;
use super::run::{Run, no_format};
use super::{LogOptions, Ran};
use crate::{Result, names};

/// Follows a file or a topic until its source is stopped, and reports on all of it; `emit` gets the report as it stands every
/// `interval`, and may end the run.
///
/// Another file that takes the place of the first, or text that takes the place of what was there, is read from its start
/// and counted to the same report.
///
/// # Errors
/// As [`logs`](super::logs); [`tamis_engine::Error::Interrupted`] when the source was stopped before there was a line.
pub fn follow(
    source: &dyn Source,
    options: &LogOptions,
    interval: Duration,
    mut emit: impl FnMut(&Report) -> tamis_engine::Result<Flow>,
) -> Result<(Report, Ran)> {
    let mut run = Run::new(options);
    let shown = names::show(Path::new(source.name()));
    let mut emitted = Instant::now();
    let mut flow = Flow::Continue;
    // Bytes of blank lines that a file began with: not enough to know its format.
    let mut blank_bytes = 0;
    loop {
        let opened = match source.open() {
            // Stopped between two files: what there was has been counted.
            Err(tamis_engine::Error::Interrupted) if !run.state.inputs.is_empty() => break,
            opened => opened?,
        };
        let peeked = match peek_line(opened, blank_bytes, HEAD_BYTES) {
            Err(tamis_engine::Error::Interrupted) if !run.state.inputs.is_empty() => break,
            peeked => peeked?,
        };
        let known = run.recognise(&shown, &peeked.head, false, None)?;
        let Some(known) = known else {
            if peeked.is_all {
                break;
            }
            blank_bytes = peeked.head.len();
            if blank_bytes >= HEAD_BYTES {
                return Err(no_format(&shown, 0, None));
            }
            continue;
        };
        blank_bytes = 0;
        run.begin(source.name(), &shown, &known);
        let pipeline = Options {
            live: true,
            ..run.pipeline_options(None)
        };
        let merged = run.count(peeked.input, &pipeline, &known, |state, merged| {
            if emitted.elapsed() >= interval {
                emitted = Instant::now();
                flow = emit(&state.report_with(merged, options))?;
            }
            Ok(flow)
        })?;
        run.finish(merged);
        if flow == Flow::Stop || !source.goes_on() {
            break;
        }
    }
    Ok((run.state.report(options), run.ran))
}
