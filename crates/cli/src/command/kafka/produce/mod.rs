//! `tamis produce`: a record for each line.
//!
//! Lines are read, made records by [`Layout`], and handed to the client, which waits where too many are on their way. What became of each
//! comes back by its number; what is lost is told with its line ([`Losses`]). At the end, and at Ctrl-C, what is on its way is waited for.

mod base64;
mod layout;
mod lines;
mod losses;

use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use tamis_engine::control::Progress;
use tamis_engine::human;
use tamis_engine::source::MAX_EXPANSION_DEFAULT;

use super::{escapes, shown};
use crate::args::{ByteSize, OutputFormat, OutputOptions};
use crate::inputs::{self, InputOptions};
use crate::kafka::cluster::{Cluster, ClusterOptions, parse_pair};
use crate::kafka::producer::{Lost, Producer};
use crate::progress::Display;
use crate::{Context, Error, Exit, Result};

use layout::{Header, Layout};
use lines::{Lines, Next};
use losses::Losses;

/// Records on their way at most, and what they take at most: more wait until brokers have answered.
const ON_THE_WAY: [(&str, &str); 2] = [
    ("queue.buffering.max.messages", "200000"),
    ("queue.buffering.max.kbytes", "65536"),
];

/// How long a record may be on its way before it is lost.
const DELIVERY_MS: &str = "60000";

/// Records between two looks at what was lost.
const LOOK_INTERVAL: usize = 1000;

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
    let cluster = Cluster::named(&options.cluster, context)?;
    let properties = options.properties();
    let properties: Vec<_> = properties
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let producer = cluster.producer(&options.topic, options.partition, &properties)?;
    let mut sending = Sending {
        options,
        context,
        layout: options.layout(),
        producer,
        losses: Losses::new(context.printer),
        progress: Progress::new(),
        number: 0,
        sent_bytes: 0,
    };
    let start = Instant::now();
    let display = Display::start(context.globals, &sending.progress);
    let ended = sending.send_all();
    let flushed = sending.producer.flush();
    drop(display);
    sending.hear();
    sending.losses.tell();
    sending.tell(start)?;
    ended?;
    flushed?;
    Ok(sending.losses.exit())
}

/// Lines on their way into the topic.
struct Sending<'o> {
    options: &'o Options,
    context: &'o Context<'o>,
    layout: Layout,
    producer: Producer<'o>,
    losses: Losses,
    progress: Progress,
    /// The number of the next record, over all inputs.
    number: usize,
    sent_bytes: u64,
}

impl Sending<'_> {
    fn send_all(&mut self) -> Result<()> {
        let Context {
            globals, cancel, ..
        } = self.context;
        let read = inputs::read_options(globals, MAX_EXPANSION_DEFAULT, cancel);
        for name in &self.options.inputs {
            let source: Box<dyn tamis_engine::source::Source> = match name.as_os_str() == "-" {
                true => Box::new(tamis_engine::source::StdinSource::new(read.clone())),
                false => inputs::named_source(name, read.clone(), globals, cancel)?,
            };
            let longest = InputOptions::bytes(self.options.max_record);
            let threads = globals.thread_count().get();
            let mut lines = Lines::open(source.as_ref(), threads, longest)?;
            self.losses.begin(self.number, &name.to_string_lossy());
            self.send(&mut lines)?;
            if self.losses.are_hopeless() {
                break;
            }
        }
        Ok(())
    }

    /// Sends all lines of an input, or as many as there is hope for.
    fn send(&mut self, lines: &mut Lines) -> Result<()> {
        let (_, total) = lines.raw_bytes();
        self.progress.add_raw_bytes_total(total.unwrap_or(0));
        let mut raw_bytes = 0;
        loop {
            if self.number.is_multiple_of(LOOK_INTERVAL) {
                self.context.cancel.check()?;
                self.hear();
                let (now, _) = lines.raw_bytes();
                self.progress.add_raw_bytes(now - raw_bytes);
                raw_bytes = now;
                if self.losses.are_hopeless() {
                    return Ok(());
                }
            }
            let lost = match lines.next()? {
                Next::End => return Ok(()),
                Next::Idle => {
                    self.producer.poll();
                    self.hear();
                    if self.losses.are_hopeless() {
                        return Ok(());
                    }
                    continue;
                }
                Next::TooLong => {
                    let longest = human::bytes(self.options.max_record.0);
                    Some(of_record(
                        self.number,
                        format!("longer than {longest} (`--max-record`)"),
                    ))
                }
                Next::Line(line) => match self.layout.parse(line) {
                    Err(why) => Some(of_record(self.number, why)),
                    Ok(record) => {
                        let lost = self.producer.send(self.number, record.outgoing())?;
                        let len_bytes = record.len_bytes() as u64;
                        self.progress.add_plain_bytes(len_bytes);
                        self.progress.add_records(1);
                        self.sent_bytes += if lost.is_none() { len_bytes } else { 0 };
                        lost
                    }
                },
            };
            self.number += 1;
            if let Some(lost) = lost {
                self.losses.add(lost);
            }
        }
    }

    /// Takes note of what is lost.
    fn hear(&mut self) {
        for lost in self.producer.take_lost() {
            self.losses.add(lost);
        }
    }

    /// Says what came of it, whatever ended it.
    fn tell(&self, start: Instant) -> Result<()> {
        let printer = &self.context.printer;
        let (delivered, lost) = (self.producer.delivered(), self.losses.count);
        if self.losses.are_hopeless() {
            let why = self.producer.complaint();
            let why = why.map_or_else(String::new, |why| format!(": {}", shown::shown(&why)));
            let read = human::count(self.number as u64);
            printer.failure(&format!("gave up after {read} lines{why}"));
        }
        if self.options.output.format() == OutputFormat::Json {
            return shown::document(
                printer,
                shown::object([
                    ("topic", self.options.topic.as_str().into()),
                    ("records_read", self.number.into()),
                    ("records_delivered", delivered.into()),
                    ("records_lost", lost.into()),
                    ("bytes", self.sent_bytes.into()),
                    ("seconds", start.elapsed().as_secs_f64().into()),
                ]),
            );
        }
        let elapsed = start.elapsed();
        let mut told = format!(
            "{} delivered to `{}` in {} ({} records/s, {})",
            shown::counted(delivered, "record"),
            shown::shown(&self.options.topic),
            human::duration(elapsed),
            human::rate(delivered, elapsed),
            human::byte_rate(self.sent_bytes, elapsed),
        );
        if lost > 0 {
            told.push_str(&format!("; {} not", human::count(lost)));
        }
        printer.say(&told);
        Ok(())
    }
}

fn of_record(number: usize, reason: String) -> Lost {
    Lost {
        number,
        reason,
        is_of_record: true,
    }
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
