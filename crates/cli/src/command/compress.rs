//! `tamis compress`: files packed in blocks, on all cores.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueEnum};
use tamis_engine::control::Progress;
use tamis_engine::human;
use tamis_engine::source::ReadOptions;
use tamis_scan::compress::{PackOptions, names, pack};

use crate::args::ByteSize;
use crate::packing::{self, Job, PackingArgs};
use crate::progress::Display;
use crate::{Context, Exit, Result, inputs, output};

/// Pack files on all cores, in formats that other tools read
///
/// Each file is cut into blocks that are packed at the same time: LZ4 frames of independent blocks, seekable zstd, or gzip in
/// members as bgzip makes them. The result stands beside the file when it is whole; the file stays, unless `--rm` is given.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis compress access.log                      access.log.zst
  tamis compress drops/*.csv --codec lz4
  tamis compress big.csv --level 19 --block 16MiB
  tar c folder | tamis compress -o folder.tar.gz")]
pub(crate) struct Options {
    #[command(flatten)]
    packing: PackingArgs,

    /// The format: lz4 is the fastest, zstd the smallest, gzip known everywhere [default: by the output's name, else zstd]
    #[arg(
        long,
        value_enum,
        hide_possible_values = true,
        value_name = "lz4|zstd|gzip"
    )]
    codec: Option<Codec>,

    /// How hard it is tried: zstd -7 to 22 (default: 3), gzip 0 to 12 (6), lz4 1. Here this is not the level of techniques that other
    /// verbs have
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    level: Option<i32>,

    /// Plain bytes of a block: zstd 4KiB to 64MiB (default: 2MiB), lz4 64KiB, 256KiB, 1MiB (default) or 4MiB, gzip at most 65280
    #[arg(long, value_name = "SIZE")]
    block: Option<ByteSize>,
}

/// Codecs by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Codec {
    Lz4,
    #[value(alias = "zst")]
    Zstd,
    #[value(alias = "gz")]
    Gzip,
}

impl From<Codec> for tamis_scan::compress::Codec {
    fn from(codec: Codec) -> Self {
        match codec {
            Codec::Lz4 => Self::Lz4,
            Codec::Zstd => Self::Zstd,
            Codec::Gzip => Self::Gzip,
        }
    }
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let by_name = options.packing.named_output().and_then(names::codec_of);
    let codec = match options.codec {
        Some(codec) => codec.into(),
        None => by_name.unwrap_or(tamis_scan::compress::Codec::Zstd),
    };
    let usual = PackOptions::new(codec);
    let pack_options = PackOptions {
        level: options.level.unwrap_or(usual.level),
        block_bytes: match options.block {
            Some(size) => usize::try_from(size.0).unwrap_or(usize::MAX),
            None => usual.block_bytes,
        },
        threads: context.globals.thread_count().get(),
        cancel: context.cancel.clone(),
        ..usual
    };
    pack_options.validate()?;
    let name = |input: &Path| -> Result<PathBuf> { Ok(names::packed(input, codec)) };
    let jobs = options.packing.jobs(name)?;
    options.packing.spare_the_terminal(&jobs)?;
    options
        .packing
        .each(&jobs, context, |job| pack_one(job, &pack_options, context))
}

fn pack_one(job: &Job, options: &PackOptions, context: &Context<'_>) -> Result<String> {
    let start = Instant::now();
    let options = PackOptions {
        progress: Progress::new(),
        ..options.clone()
    };
    let read = ReadOptions {
        io: inputs::io(context.globals),
        // What is packed already is packed as it is.
        unpack: false,
        cancel: context.cancel.clone(),
        ..ReadOptions::default()
    };
    let display = Display::start(context.globals, &options.progress);
    let source = packing::source(&job.input, read, context)?;
    let mut sink = packing::sink(job)?;
    let packed = pack(source.as_ref(), sink.as_mut(), &options)?;
    sink.finish()?;
    drop(display);
    let sizes = packing::sizes(packed.plain_bytes, packed.packed_bytes);
    let rate = human::byte_rate(packed.plain_bytes, start.elapsed());
    let from = job.input.display();
    Ok(match output::is_stdout(&job.output) {
        true => format!("{from}: {sizes}, {rate}"),
        false => format!("{from} -> {}: {sizes}, {rate}", job.output.display()),
    })
}
