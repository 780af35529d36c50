//! `tamis decompress`: packed files as they were.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use tamis_engine::control::Progress;
use tamis_engine::human;
use tamis_engine::sink::{NullSink, Sink};
use tamis_engine::source::ReadOptions;
use tamis_scan::compress::{UnpackOptions, names, unpack};

use crate::packing::{self, Job, PackingArgs};
use crate::progress::Display;
use crate::{Context, Error, Exit, Result, inputs, output};

/// Unpack gzip, zstd and LZ4, on all cores where their parts let it
///
/// The format is told by the first bytes, whichever tool wrote it; checksums are verified. The result stands beside the file
/// when it is whole; the file stays, unless `--rm` is given.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis decompress access.log.zst                access.log
  tamis decompress drops/*.gz -o plain/
  tamis decompress --test backup.tar.lz4
  curl -s https://example.org/a.csv.gz | tamis decompress | head")]
pub(crate) struct Options {
    #[command(flatten)]
    packing: PackingArgs,

    /// Verify only: unpack to nowhere
    #[arg(long, short, conflicts_with_all = ["output", "stdout", "rm", "force"])]
    test: bool,

    /// Give up an input that unpacks to more than N times its size [default: no limit]
    #[arg(long, value_name = "N")]
    max_expansion: Option<u64>,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let jobs = match options.test {
        true => {
            let inputs = options.packing.inputs()?.iter();
            let job = |input: &PathBuf| Job {
                input: input.clone(),
                output: PathBuf::from("-"),
            };
            inputs.map(job).collect()
        }
        false => options.packing.jobs(name)?,
    };
    options
        .packing
        .each(&jobs, context, |job| unpack_one(job, options, context))
}

/// What an input is called unpacked.
fn name(input: &Path) -> Result<PathBuf> {
    names::unpacked(input).ok_or_else(|| {
        Error::Usage {
        message: format!(
            "`{}` does not say what it is called unpacked",
            input.display()
        ),
        hint: Some(
            "its name does not end in .gz, .zst or .lz4: use `-o NAME`, or `-c` for standard output"
                .to_owned(),
        ),
    }
    })
}

fn unpack_one(job: &Job, options: &Options, context: &Context<'_>) -> Result<String> {
    let start = Instant::now();
    let unpack_options = UnpackOptions {
        threads: context.globals.thread_count().get(),
        cancel: context.cancel.clone(),
        progress: Progress::new(),
    };
    let read = ReadOptions {
        io: inputs::io(context.globals),
        max_expansion: options.max_expansion.unwrap_or(u64::MAX),
        cancel: context.cancel.clone(),
        ..ReadOptions::default()
    };
    let display = Display::start(context.globals, &unpack_options.progress);
    let source = packing::source(&job.input, read, context)?;
    let mut sink: Box<dyn Sink> = match options.test {
        true => Box::new(NullSink),
        false => packing::sink(job)?,
    };
    let unpacked = unpack(source.as_ref(), sink.as_mut(), &unpack_options)?;
    sink.finish()?;
    drop(display);
    let sizes = packing::sizes(unpacked.plain_bytes, unpacked.packed_bytes);
    let rate = human::byte_rate(unpacked.plain_bytes, start.elapsed());
    let (from, codec) = (job.input.display(), unpacked.codec);
    Ok(match options.test || output::is_stdout(&job.output) {
        true => format!("{from}: sound {codec}, {sizes}, {rate}"),
        false => format!("{from} -> {}: {sizes}, {rate}", job.output.display()),
    })
}
