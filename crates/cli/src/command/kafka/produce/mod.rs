//! `tamis produce`: a record for each line.
//!
//! [`sending`] does the work; `lines` reads the inputs, `layout` makes records of lines, `losses` tells what is not delivered.

mod base64;
mod layout;
mod lines;
mod losses;
mod sending;

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};

use super::escapes;
use crate::args::{ByteSize, OutputOptions};
use crate::kafka::{ClusterOptions, parse_pair};
use crate::progress::Display;
use crate::{Context, Error, Exit, Result};

use layout::{Header, Layout};
use sending::Sending;

/// Records on their way at most, and what they take at most: more wait until brokers have answered.
const ON_THE_WAY: [(&str, &str); 2] = [
    ("queue.buffering.max.messages", "200000"),
    ("queue.buffering.max.kbytes", "65536"),
];

/// How long a record may be on its way before it is lost.
const DELIVERY_MS: &str = "60000";

/// Write records into a topic: each line of the inputs is one
///
/// A line is the value; options say where in it a key and headers are. Lines end at line feeds and are sent as they are, empty ones, too. Each
/// record that the cluster does not take is told with its line.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis produce orders orders.jsonl
  zcat drops/*.gz | tamis produce orders
  tamis produce orders --key-separator : pairs.txt            key:value
  tamis produce orders --key 42 --header source=web --null-value '' -
  tamis consume orders --format json | tamis produce copy --input-format json

Exit codes: 0 all records are delivered; 1 some are not, because of what they are (too large, no key); 2 usage, or no such topic; 3 the \
cluster cannot be reached, or an input not read; 130 interrupted, after what was read is delivered.")]
pub(crate) struct Options {
    /// The topic; made if it is not there and the cluster does so
    #[arg(value_name = "TOPIC")]
    topic: String,

    /// Files, perhaps compressed, also in stores; `-` for standard input
    #[arg(value_name = "INPUT", default_value = "-")]
    inputs: Vec<PathBuf>,

    /// What a line is: a value (perhaps behind a key and headers), or an object as `tamis consume --format json` writes it
    #[arg(long, value_enum, value_name = "lines|json", default_value_t)]
    input_format: LineFormat,

    /// Each line begins with its key, up to this text (`\t`, `\x1f`)
    #[arg(long, short = 'K', value_name = "TEXT", value_parser = escapes::parse_separator, conflicts_with_all = ["key"])]
    key_separator: Option<Bytes>,

    /// Each line begins with its headers, `name:value,name:value`, up to this text, in front of a key
    #[arg(long, value_name = "TEXT", value_parser = escapes::parse_separator)]
    headers_separator: Option<Bytes>,

    /// The key of all records (with JSON, of those without one)
    #[arg(long, short, value_name = "KEY")]
    key: Option<String>,

    /// A header of all records; may be given several times
    #[arg(long, short = 'H', value_name = "NAME=VALUE", value_parser = parse_pair)]
    header: Vec<(String, String)>,

    /// A key or a value that is this text is none: a value is then a tombstone. `''` for empty ones
    #[arg(long, value_name = "TEXT", value_parser = escapes::unescape)]
    null_value: Option<Bytes>,

    /// The partition of all records [default: by their keys, and any for those without]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<i32>,

    /// Who has to have a record before it counts as delivered: all replicas in sync, the leader, or nobody
    #[arg(long, value_enum, value_name = "all|1|0", default_value_t)]
    acks: Acks,

    /// How batches are packed
    #[arg(long, short = 'z', value_enum, value_name = "CODEC", default_value_t)]
    compression: Codec,

    /// Whether a record that is sent again is there once, and in order [default: true with `--acks all`]
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    idempotent: Option<bool>,

    /// How long a record waits for others to share a batch
    #[arg(long, value_name = "MS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=60_000))]
    linger: u32,

    /// Largest batch
    #[arg(long, value_name = "SIZE", default_value = "1MB")]
    batch: ByteSize,

    /// Longest line
    #[arg(long, value_name = "SIZE", default_value = "64MiB")]
    max_record: ByteSize,

    #[command(flatten)]
    output: OutputOptions,

    #[command(flatten)]
    cluster: ClusterOptions,
}

/// One value of an option, where clap would take a vector for several.
type Bytes = Vec<u8>;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum LineFormat {
    #[default]
    Lines,
    Json,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Acks {
    #[default]
    #[value(alias = "-1")]
    All,
    #[value(name = "1")]
    Leader,
    #[value(name = "0")]
    Nobody,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Codec {
    #[default]
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

pub(crate) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    options.validate()?;
    let cluster = options.cluster.cluster(context)?;
    let properties = options.properties();
    let properties: Vec<_> = properties
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let producer = cluster.producer(&options.topic, options.partition, &properties)?;
    let mut sending = Sending::new(options, context, producer);
    let start = Instant::now();
    let display = Display::start(context.globals, &sending.progress);
    let ended = sending.send_all();
    let flushed = sending.flush();
    drop(display);
    sending.tell(start)?;
    ended?;
    flushed?;
    Ok(sending.exit())
}

impl Options {
    fn validate(&self) -> Result<()> {
        let usage = |message: &str, hint: &str| {
            Err(Error::Usage {
                message: message.to_owned(),
                hint: Some(hint.to_owned()),
            })
        };
        let stdin = self.inputs.iter().filter(|it| it.as_os_str() == "-");
        if stdin.count() > 1 {
            return usage("standard input can be read once only", "name it once");
        }
        if self.topic.is_empty() {
            return usage(
                "a topic has a name",
                "`tamis topic list` lists those there are",
            );
        }
        if self.idempotent == Some(true) && self.acks != Acks::All {
            return usage(
                "`--idempotent` needs `--acks all`",
                "leave one of the two out",
            );
        }
        let is_cut = self.key_separator.is_some()
            || self.headers_separator.is_some()
            || self.null_value.is_some();
        if self.input_format == LineFormat::Json && is_cut {
            return usage(
                "with `--input-format json` the line says itself what is its key, its headers and null",
                "leave `--key-separator`, `--headers-separator` and `--null-value` out",
            );
        }
        if !(1..=2_147_483_647).contains(&self.batch.0) {
            return usage("`--batch` is 1 to 2147483647 bytes", "the default is 1MB");
        }
        Ok(())
    }

    fn layout(&self) -> Layout {
        let header = |(name, value): &(String, String)| -> Header {
            (name.clone(), Some(value.clone().into_bytes()))
        };
        Layout {
            is_json: self.input_format == LineFormat::Json,
            key_separator: self.key_separator.clone(),
            headers_separator: self.headers_separator.clone(),
            key: self.key.clone().map(String::into_bytes),
            headers: self.header.iter().map(header).collect(),
            null: self.null_value.clone(),
        }
    }

    fn properties(&self) -> Vec<(&'static str, String)> {
        let acks = match self.acks {
            Acks::All => "all",
            Acks::Leader => "1",
            Acks::Nobody => "0",
        };
        let codec = match self.compression {
            Codec::None => "none",
            Codec::Gzip => "gzip",
            Codec::Snappy => "snappy",
            Codec::Lz4 => "lz4",
            Codec::Zstd => "zstd",
        };
        let is_idempotent = self.idempotent.unwrap_or(self.acks == Acks::All);
        let mut properties: Vec<_> = ON_THE_WAY
            .map(|(name, value)| (name, value.to_owned()))
            .into();
        properties.extend([
            ("acks", acks.to_owned()),
            ("compression.codec", codec.to_owned()),
            ("enable.idempotence", is_idempotent.to_string()),
            ("linger.ms", self.linger.to_string()),
            ("batch.size", self.batch.0.to_string()),
            ("message.timeout.ms", DELIVERY_MS.to_owned()),
        ]);
        properties
    }
}
