//! `tamis store add`: what the next commit will hold.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::Value;
use tamis_engine::counters::peak_rss_bytes;
use tamis_engine::human;
use tamis_scan::names;
use tamis_store::add::{AddOptions, Added, Strategy, Workload};
use tamis_store::progress::StoreProgress;
use tamis_store::session::Session;

use super::place::Place;
use super::progress::{Direction, Watched};
use super::{json, setup, shown};
use crate::args::{OutputFormat, OutputOptions};
use crate::config::Compression;
use crate::progress::Display;
use crate::{Context, Error, Exit, Result, stores};

/// Put files, folders and links into the store, for the next commit to hold
///
/// What looks as it did when it was added is not read again; what is gone is taken out. Files that the rules in `.tamisignore` match, which are
/// written as those of `.gitignore`, are left out, unless they are named.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis store add drops/ notes.txt
  tamis store add -A --compression zstd:9")]
pub(super) struct Options {
    /// Files, links, and folders with everything below
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// All of the work tree
    #[arg(long, short = 'A', conflicts_with = "paths")]
    all: bool,

    /// How files are handed to threads
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    strategy: Handing,

    /// How chunks are compressed: none, lz4, zstd or zstd:LEVEL [default: zstd:1, or as configured]
    #[arg(long, value_name = "HOW", value_parser = stores::parse_compression)]
    compression: Option<Compression>,

    #[command(flatten)]
    output: OutputOptions,
}

/// [`Strategy`], as typed.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Handing {
    /// What suits the sizes of the files
    #[default]
    Auto,
    /// A file at a time, by one thread
    Individual,
    /// Small files in batches, large ones by one thread each
    Batch,
    /// Large files by all threads at once, small ones a file at a time
    Streaming,
    /// Small files in batches, large ones by all threads at once
    Hybrid,
}

impl From<Handing> for Strategy {
    fn from(handing: Handing) -> Strategy {
        match handing {
            Handing::Auto => Strategy::Auto,
            Handing::Individual => Strategy::Individual,
            Handing::Batch => Strategy::Batch,
            Handing::Streaming => Strategy::Streaming,
            Handing::Hybrid => Strategy::Hybrid,
        }
    }
}

pub(super) fn run(options: &Options, place: &Place, context: &Context<'_>) -> Result<Exit> {
    if options.paths.is_empty() && !options.all {
        return Err(Error::Usage {
            message: "nothing is named that could be added".to_owned(),
            hint: Some(
                "`tamis store add PATH` adds what is at and below PATH, `tamis store add -A` all of the work tree"
                    .to_owned(),
            ),
        });
    }
    let folder = place.folder()?;
    let work_tree = place.work_tree(&folder)?;
    let starts = match options.all {
        true => vec![Vec::new()],
        false => place.paths(&folder, &options.paths)?,
    };
    let store = setup::open_at(&folder, options.compression, context)?;
    let mut session = Session::open(&store, &work_tree)?;
    let mut failures = unknown(&session, &options.paths, &starts)?;
    let add = AddOptions {
        strategy: options.strategy.into(),
        progress: StoreProgress::default(),
    };
    let watched = Watched::new(&add.progress, Direction::In);
    let display = Display::start(context.globals, &watched);
    let added = session.add(&starts, &add);
    drop(display);
    let added = added?;
    let unread = added.failures.iter();
    failures.extend(unread.map(|(path, why)| (path.clone(), why.to_string())));
    for (path, why) in &failures {
        let shown = names::show(path);
        context
            .printer
            .failure(&format!("cannot add `{shown}`: {why}"));
    }
    let threads = store.settings().thread_count();
    match options.output.format() {
        OutputFormat::Json => json::print(&context.printer, document(&added, &failures, threads))?,
        OutputFormat::Text => context.printer.say(&summary(&added)),
    }
    if context.globals.perf {
        context.printer.notice(&performance(&added, threads));
    }
    Ok(match failures.is_empty() {
        true => Exit::Good,
        false => Exit::Failure,
    })
}

/// What was named, and is neither there nor staged.
fn unknown(
    session: &Session<'_>,
    typed: &[PathBuf],
    starts: &[Vec<u8>],
) -> Result<Vec<(PathBuf, String)>> {
    let mut unknown = Vec::new();
    for (typed, path) in typed.iter().zip(starts) {
        let is_there =
            path.is_empty() || session.root().has(path) || session.staging().known(path)?.is_some();
        if !is_there {
            let why = "it is not there, and has not been added before";
            unknown.push((typed.clone(), why.to_owned()));
        }
    }
    Ok(unknown)
}

fn summary(added: &Added) -> String {
    let staged = shown::counted(added.staged, "path");
    let mut line = format!("staged {staged}");
    let others = [
        (added.removed, "removed"),
        (added.unchanged, "unchanged"),
        (added.others, "of no kind that is kept"),
    ];
    for (count, what) in others.into_iter().filter(|(count, _)| *count > 0) {
        line.push_str(&format!(", {} {what}", human::count(count)));
    }
    if added.plain_bytes > 0 {
        line.push_str(&format!(
            "; {} read, {} of it new, {} stored",
            human::bytes(added.plain_bytes),
            human::bytes(added.new_plain_bytes),
            human::bytes(added.stored_bytes),
        ));
    }
    line
}

fn performance(added: &Added, threads: usize) -> String {
    let time = Duration::from_secs_f64(added.seconds);
    let files = added.staged + added.unchanged;
    let mut page = format!(
        "performance\n  {} in {}: {}, {} files/s; {}",
        human::bytes(added.plain_bytes),
        human::duration(time),
        human::byte_rate(added.plain_bytes, time),
        human::rate(files, time),
        shown::counted(threads as u64, "thread"),
    );
    if let Some(bytes) = peak_rss_bytes() {
        page.push_str(&format!(", {} of memory", human::bytes(bytes)));
    }
    page.push_str(&format!(
        "\n  workload {}, strategy {}; {}",
        workload(added.workload),
        strategy(added.strategy),
        shown::counted(added.reads, "read")
    ));
    page.push_str(&shown::stages(
        &added.stages,
        added.stages.limiting(threads),
    ));
    page
}

fn workload(workload: Workload) -> &'static str {
    match workload {
        Workload::ManySmall => "many small files",
        Workload::FewLarge => "few large files",
        Workload::SingleLarge => "one large file",
        Workload::Mixed => "files of mixed sizes",
    }
}

fn strategy(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::Auto => "auto",
        Strategy::Individual => "individual",
        Strategy::Batch => "batch",
        Strategy::Streaming => "streaming",
        Strategy::Hybrid => "hybrid",
    }
}

fn document(added: &Added, failures: &[(PathBuf, String)], threads: usize) -> json::Fields {
    let failures = failures.iter();
    let failures: Vec<Value> = failures
        .map(|(path, why)| json::failure(Path::new(path), why))
        .collect();
    json::fields([
        ("staged", added.staged.into()),
        ("unchanged", added.unchanged.into()),
        ("removed", added.removed.into()),
        ("others", added.others.into()),
        ("bytes", added.plain_bytes.into()),
        ("reads", added.reads.into()),
        ("chunks", added.chunks.into()),
        ("new_chunks", added.new_chunks.into()),
        ("new_bytes", added.new_plain_bytes.into()),
        ("stored_bytes", added.stored_bytes.into()),
        ("failures", failures.into()),
        ("workload", json::value(&added.workload)),
        ("strategy", json::value(&added.strategy)),
        ("stages", json::value(&added.stages)),
        ("limited_by", added.stages.limiting(threads).name().into()),
        ("seconds", added.seconds.into()),
        ("threads", threads.into()),
    ])
}
