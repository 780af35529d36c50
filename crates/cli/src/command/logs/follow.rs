//! `tamis logs --follow`: the report as it stands, until somebody stops it.
//!
//! On a terminal the page is drawn again in place; everywhere else each report is a line of JSON. Ctrl-C is the ordinary end.

use std::io::{self, IsTerminal};
use std::time::Duration;

use tamis_engine::control::Cancel;
use tamis_engine::pipeline::Flow;
use tamis_engine::source::{FollowSource, Source};
use tamis_scan::logs::{self, LogOptions, Report};
use tamis_scan::names;

use super::{Options, page};
use crate::args::OutputFormat;
use crate::follow::{self, Results};
use crate::inputs::followed;
use crate::{Context, Exit, Result, topics};

/// To the upper left corner, and nothing below it.
const CLEARED: &str = "\x1b[H\x1b[2J\x1b[3J";

pub(super) fn run(
    options: &Options,
    log_options: &LogOptions,
    context: &Context<'_>,
) -> Result<Exit> {
    if let [name] = options.inputs.as_slice()
        && topics::is_meant(name)
    {
        return follow::run(Results::AtTheEnd, context, |context| {
            let source = super::topic(name, context)?;
            show(source.as_ref(), options, log_options, context)
        });
    }
    let path = followed(&options.inputs)?;
    if !path.exists() {
        context
            .printer
            .say(&format!("waiting for `{}`", names::show(path)));
    }
    // The interruption ends the input and not the run, which still has its report to give.
    let source = FollowSource::new(path, context.cancel.clone(), Cancel::new());
    show(&source, options, log_options, context)
}

fn show(
    source: &dyn Source,
    options: &Options,
    log_options: &LogOptions,
    context: &Context<'_>,
) -> Result<Exit> {
    let is_page = io::stdout().is_terminal() && options.output.format() == OutputFormat::Text;
    let print = |report: &Report| match is_page {
        true => context
            .printer
            .data(&format!("{CLEARED}{}", page::text(report))),
        false => context.printer.data(&report.to_json_line()),
    };
    let log_options = LogOptions {
        cancel: Cancel::new(),
        ..log_options.clone()
    };
    let mut printed = Ok(());
    let result = logs::follow(
        source,
        &log_options,
        Duration::from_secs_f64(options.interval),
        |report| {
            printed = print(report);
            Ok(match printed {
                Ok(()) => Flow::Continue,
                Err(_) => Flow::Stop,
            })
        },
    );
    printed?;
    let (report, _) = result?;
    print(&report)?;
    Ok(Exit::Good)
}
