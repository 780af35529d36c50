//! `tamis dupes`: files that hold the same bytes.

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use tamis_contract::report::Performance;
use tamis_engine::control::Progress;
use tamis_engine::counters::peak_rss_bytes;
use tamis_scan::dupes::act::Action;
use tamis_scan::dupes::report::{self, Plan, Totals};
use tamis_scan::dupes::{DupesOptions, Found, cache, find};

use crate::args::{ByteSize, OutputFormat, OutputOptions};
use crate::page::Page;
use crate::progress::Display;
use crate::{Context, Exit, Result, output, stores};

/// Find files that hold the same bytes, and replace or remove copies
///
/// Compares sizes first, then ends, then digests of whole files. Names of one file (hard links) are one file, links are
/// not followed. Nothing is changed without `--apply`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis dupes photos/
  tamis dupes --reference archive/ inbox/ --link delete           say what would be deleted
  tamis dupes --reference archive/ inbox/ --link delete --apply   and delete it
  tamis dupes builds/ --min-size 1MB --link hard --apply
  tamis dupes src/ -g '*.rs' --exclude target --json

The first file of a group is the original, in the order of the arguments; a file
of a reference is one before all others. Right before a copy is touched both
files are opened, compared byte by byte, and held against what they were when
they were found.")]
pub(crate) struct Options {
    /// Folders, and files
    #[arg(value_name = "DIR", required = true, value_parser = stores::outside(NOT_STORED))]
    roots: Vec<PathBuf>,

    /// Files in this folder are originals and never touched
    #[arg(long, value_name = "DIR", value_parser = stores::outside(NOT_STORED))]
    reference: Vec<PathBuf>,

    /// Leave out smaller files
    #[arg(long, value_name = "SIZE", default_value = "1")]
    min_size: ByteSize,

    /// Leave out larger files
    #[arg(long, value_name = "SIZE")]
    max_size: Option<ByteSize>,

    /// Look at files of this pattern only; with `!` in front at all others
    #[arg(long, short, value_name = "GLOB")]
    glob: Vec<String>,

    /// Leave out files and folders of this pattern
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,

    /// Leave out what is mounted inside of the folders
    #[arg(long, short = 'x')]
    one_file_system: bool,

    /// Take names of one file for duplicates, too
    #[arg(long, conflicts_with = "link")]
    hard_links: bool,

    /// Compare files of equal digests byte by byte
    #[arg(long)]
    compare: bool,

    /// What is to become of copies: hard links to the original, files that share its blocks, or nothing
    #[arg(long, value_enum, value_name = "HOW")]
    link: Option<Link>,

    /// Do it
    #[arg(long, requires = "link")]
    apply: bool,

    /// Keep digests in this file [default: tamis/digests in the user's cache folder]
    #[arg(long, value_name = "FILE", value_parser = output::file())]
    cache: Option<PathBuf>,

    /// Keep no digests, and use none
    #[arg(long, conflicts_with = "cache")]
    no_cache: bool,

    #[command(flatten)]
    output: OutputOptions,
}

/// Why a folder in a store is refused.
const NOT_STORED: &str = "files of one content share it in a store, so there is nothing to replace; `tamis store get` puts them into a folder";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Link {
    /// The copy's name becomes a name of the original, with its owner, mode and times
    Hard,
    /// The copy stays a file of its own, and shares the original's blocks (Btrfs, XFS, bcachefs)
    Reflink,
    /// The copy is removed
    Delete,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let progress = Progress::new();
    let start = Instant::now();
    let display = Display::start(context.globals, &progress);
    let found = find(&options.search(context, &progress));
    drop(display);
    let found = found?;
    let elapsed = start.elapsed();
    for note in &found.notes {
        context.printer.notice(&format!("notice: {note}"));
    }
    let failures: Vec<String> = found.failures.iter().map(ToString::to_string).collect();
    for failure in &failures {
        context.printer.failure(failure);
    }
    let published = options.publish(&found, &failures, context)?;
    if context.globals.perf {
        let files = found.tree.len() as u64;
        let performance = Performance {
            threads: context.globals.thread_count().get(),
            io: "read".to_owned(),
            peak_rss_bytes: peak_rss_bytes(),
            ..Performance::measured(found.read_bytes, files, elapsed.as_secs_f64())
        };
        context.printer.performance(&performance, files);
    }
    Ok(match failures.is_empty() {
        true => published,
        false => Exit::Failure,
    })
}

impl Options {
    fn search(&self, context: &Context<'_>, progress: &Progress) -> DupesOptions {
        let excluded = self.exclude.iter().map(|glob| format!("!{glob}"));
        DupesOptions {
            references: self.reference.clone(),
            roots: self.roots.clone(),
            len_bytes_min: self.min_size.0,
            len_bytes_max: self.max_size.map_or(u64::MAX, |size| size.0),
            globs: self.glob.iter().cloned().chain(excluded).collect(),
            one_file_system: self.one_file_system,
            lists_hard_links: self.hard_links,
            compares: self.compare,
            cache: match self.no_cache {
                true => None,
                false => self.cache.clone().or_else(cache::default_path),
            },
            threads: context.globals.thread_count().get(),
            cancel: context.cancel.clone(),
            progress: progress.clone(),
        }
    }

    fn plan(&self) -> Option<Plan> {
        self.link.map(|link| Plan {
            action: match link {
                Link::Hard => Action::HardLink,
                Link::Reflink => Action::Reflink,
                Link::Delete => Action::Delete,
            },
            is_applied: self.apply,
        })
    }

    /// Acts on the groups, if that is wanted, and prints them as it goes.
    fn publish(&self, found: &Found, failures: &[String], context: &Context<'_>) -> Result<Exit> {
        let plan = self.plan();
        let is_json = self.output.format() == OutputFormat::Json;
        let mut page = Page::new(&context.printer);
        if is_json {
            page.add(|page| page.push_str(report::JSON_START))?;
        }
        let mut totals = Totals {
            files: found.tree.len() as u64,
            ..Totals::default()
        };
        let mut exit = Exit::Good;
        for (group, outcomes) in found.carry_out(plan, context.cancel) {
            for error in outcomes.iter().filter_map(|it| it.result.as_ref().err()) {
                context.printer.failure(&error.to_string());
                exit = Exit::Failure;
            }
            totals.add(&group, &found.tree, &outcomes);
            page.add(|page| match is_json {
                true => report::json(&group, &found.tree, plan, &outcomes, totals.groups, page),
                false => report::text(&group, &found.tree, plan, &outcomes, page),
            })?;
        }
        if is_json {
            page.add(|page| page.push_str(&totals.json_end(found, failures)))?;
        }
        page.flush()?;
        context.printer.say(&totals.text(found, plan));
        context.cancel.check()?;
        Ok(exit)
    }
}
