//! `tamis check --follow`: a file or a topic as it grows, until somebody stops it.
//!
//! Violations are printed when they are found, the report when the run ends. Ctrl-C is the ordinary way to end
//! it, so the exit code is that of the verdict; only before the file has begun there is none to give.

use std::fmt::Write;
use std::io::IsTerminal;
use std::num::NonZero;
use std::time::Duration;

use serde_json::json;
use tamis_contract::check::{BatchOptions, Check, CheckOptions};
use tamis_contract::model::CsvFacts;
use tamis_contract::report::{Report, text};
use tamis_engine::control::{Cancel, Progress};
use tamis_engine::pipeline::Flow;
use tamis_engine::source::{FollowSource, Source};

use super::Options;
use crate::args::{OutputFormat, When};
use crate::follow::Results;
use crate::inputs::followed;
use crate::paint::Coloured;
use crate::progress::Display;
use crate::{Context, Exit, Result, topics};

/// Rows whose violations are held until they are printed, while the run catches up with the file.
const ROWS: NonZero<u64> = NonZero::new(10_000).expect("not zero");

/// Runs until the file is done with: it is when `context.cancel` is set.
pub(super) fn run(
    options: &Options,
    (check, csv): (&Check, &CsvFacts),
    check_options: CheckOptions,
    progress: &Progress,
    context: &Context<'_>,
) -> Result<Exit> {
    let source = options.followed(csv, context)?;
    let (good, bad) = options.open_outputs(context)?;
    let check_options = CheckOptions {
        cancel: Cancel::new(),
        ..check_options
    };
    let batches = BatchOptions {
        rows: ROWS,
        samples_max: usize::MAX,
        max_wait: Some(Duration::ZERO),
    };
    // A bar would be drawn over the violations.
    let shares_terminal = std::io::stdout().is_terminal();
    let is_bar_wanted = !shares_terminal || context.globals.progress == When::Always;
    let display = is_bar_wanted.then(|| Display::start(context.globals, progress));
    let mut printed = Ok(());
    let mut has_printed = false;
    let mut rows = 0;
    let outputs = (good, bad);
    let hand_out = &mut |batch: Report| {
        let page = options.render(&batch);
        if !page.is_empty() {
            has_printed = true;
            printed = context.printer.data(&page);
        }
        rows += batch.rows.total;
        if printed.is_ok() {
            // Good and bad records of these rows have been written as well.
            printed = context.globals.topics.written(rows);
        }
        if printed.is_ok() {
            Flow::Continue
        } else {
            Flow::Stop
        }
    };
    let source = source.as_ref();
    let result = check.run_batches_into(source, &check_options, &batches, outputs, hand_out);
    drop(display);
    printed?;
    let mut report = result?;
    report.contract.file = Some(options.contract.display().to_string());
    report.notes.extend(context.globals.topics.notes());
    match options.output.format() {
        OutputFormat::Text => {
            if has_printed {
                context.printer.data("\n")?;
            }
            options.publish(&report, context)?;
        }
        OutputFormat::Json => {
            options.write_report(&report, context)?;
            context
                .printer
                .data(&format!("{}\n", json!({ "report": report })))?;
        }
    }
    Ok(if report.passed { Exit::Good } else { Exit::Bad })
}

impl Options {
    /// The file or the topic that is followed.
    fn followed(&self, csv: &CsvFacts, context: &Context<'_>) -> Result<Box<dyn Source>> {
        if let [name] = self.inputs.as_slice()
            && topics::is_meant(name)
        {
            let (said, topics) = (self.input.said(csv), &context.globals.topics);
            topics.follow(context.cancel, Results::OnTheWay);
            return topics::source(name, said, topics, context.cancel);
        }
        let path = followed(&self.inputs)?;
        if !path.exists() {
            let name = path.display();
            context.printer.say(&format!("waiting for `{name}`"));
        }
        // The interruption ends the input and not the run, which still has its report to give.
        let source = FollowSource::new(path, context.cancel.clone(), Cancel::new());
        Ok(Box::new(source))
    }

    /// A line for each violation.
    fn render(&self, batch: &Report) -> String {
        let mut page = String::new();
        for sample in &batch.samples {
            match self.output.format() {
                OutputFormat::Text => text::write_violation(sample, &Coloured, &mut page),
                OutputFormat::Json => writeln!(page, "{}", json!({ "violation": sample })),
            }
            .expect("a string takes everything");
        }
        page
    }
}
