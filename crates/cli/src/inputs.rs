//! Inputs named on the command line, and how they are to be read.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use tamis_contract::model::CsvFacts;
use tamis_engine::control::Cancel;
use tamis_engine::kernel::Kernel;
use tamis_engine::source::{
    FileSource, Io, MAX_EXPANSION_DEFAULT, ReadOptions, Source, StdinSource,
};
use tamis_formats::input::{self, Sniffing};
use tamis_formats::messages::MessageOptions;
use tamis_formats::sniff::{self, Format};
use tamis_scan::names;

use crate::args::{self, ByteSize, Globals, Simd};
use crate::messages::Messages;
use crate::topics::{self, Said};
use crate::{Error, Result, stores};

/// How the records of the inputs are written, where nobody else says or guesses right.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Input options")]
pub(crate) struct InputOptions {
    /// Format of the inputs [default: by their names, else by their content]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) input_format: Option<InputFormat>,

    #[command(flatten)]
    messages: Messages,

    /// Character encoding: utf-8, latin1, windows-1252, utf-16, ...
    #[arg(long, value_name = "LABEL")]
    encoding: Option<String>,

    /// CSV: the byte between fields (`\t` for a tab)
    #[arg(long, value_name = "CHAR", value_parser = parse_byte)]
    delimiter: Option<u8>,

    /// CSV: the byte around quoted fields, or `none`
    #[arg(long, value_name = "CHAR", value_parser = parse_optional_byte)]
    quote: Option<OptionalByte>,

    /// CSV: the byte that makes the next one literal inside quotes, or `none`
    #[arg(long, value_name = "CHAR", value_parser = parse_optional_byte)]
    escape: Option<OptionalByte>,

    /// CSV: the byte that starts a comment line, or `none`
    #[arg(long, value_name = "CHAR", value_parser = parse_optional_byte)]
    comment: Option<OptionalByte>,

    /// CSV: whether the first record names the columns
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    header: Option<bool>,

    /// CSV: whether white space around values is not part of them
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    trim: Option<bool>,

    /// CSV: the byte between integer and fraction
    #[arg(long, value_name = "CHAR", value_parser = parse_byte)]
    decimal_char: Option<u8>,

    /// CSV: texts that stand for null beside the empty one (`NA,null`)
    #[arg(
        long,
        visible_alias = "null",
        value_name = "TEXT,...",
        value_delimiter = ','
    )]
    missing_values: Option<Vec<String>>,

    /// Longest record
    #[arg(long, value_name = "SIZE", default_value = "64MiB")]
    pub(crate) max_record: ByteSize,

    /// Give up a compressed input that unpacks to more than N times its size
    #[arg(long, value_name = "N", default_value_t = MAX_EXPANSION_DEFAULT)]
    max_expansion: u64,

    /// About how much of an input one thread takes at a time
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "512KiB",
        hide_short_help = true
    )]
    pub(crate) chunk_size: ByteSize,
}

/// A byte or `none`.
type OptionalByte = Option<u8>;

/// Formats by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum InputFormat {
    /// Comma-separated values
    Csv,
    /// Tab-separated values
    Tsv,
    /// One JSON object a line
    #[value(alias = "ndjson")]
    Jsonl,
    /// An array of JSON objects
    Json,
    /// Apache Parquet
    Parquet,
    /// Arrow IPC: a file or a stream
    Arrow,
    /// Protobuf messages, each behind its length
    Protobuf,
}

impl InputOptions {
    /// The format, if it was given.
    pub(crate) fn format(&self) -> Option<Format> {
        self.input_format.map(|format| match format {
            InputFormat::Csv => Format::Delimited { delimiter: b',' },
            InputFormat::Tsv => Format::Delimited { delimiter: b'\t' },
            InputFormat::Jsonl => Format::JsonLines,
            InputFormat::Json => Format::JsonArray,
            InputFormat::Parquet => Format::Parquet,
            InputFormat::Arrow => Format::ArrowStream,
            InputFormat::Protobuf => Format::Protobuf,
        })
    }

    /// What was said of streams of Protobuf messages.
    pub(crate) fn messages(&self) -> Result<Option<MessageOptions>> {
        self.messages.options(
            InputOptions::bytes(self.chunk_size),
            InputOptions::bytes(self.max_record),
        )
    }

    /// What was said of the CSV dialect.
    pub(crate) fn csv(&self) -> CsvFacts {
        CsvFacts {
            missing_values: self.missing_values.clone(),
            delimiter: self.delimiter,
            quote: self.quote,
            escape: self.escape,
            comment: self.comment,
            header: self.header,
            trim: self.trim,
            decimal_char: self.decimal_char,
            encoding: self.encoding.clone(),
        }
    }

    /// Bytes of a size option as the engine takes them.
    pub(crate) fn bytes(size: ByteSize) -> usize {
        usize::try_from(size.0).unwrap_or(usize::MAX).max(1)
    }

    /// How bytes are fetched.
    pub(crate) fn read_options(&self, globals: &Globals, cancel: &Cancel) -> ReadOptions {
        read_options(globals, self.max_expansion, cancel)
    }

    /// How records are told apart, by whoever asks nothing else of them.
    pub(crate) fn of_records(&self) -> Result<input::InputOptions> {
        Ok(input::InputOptions {
            format: self.format(),
            csv: self.csv().dialect(),
            encoding: self.encoding.clone(),
            messages: self.messages()?,
            header_bytes_max: InputOptions::bytes(self.max_record),
            sniffing: Sniffing::Dialect,
        })
    }

    /// What was said of messages of topics.
    pub(crate) fn said<'f>(&self, csv: &'f CsvFacts) -> Said<'f> {
        Said {
            format: self.input_format,
            csv,
            header: self.header,
        }
    }

    /// The sources behind `names`: files, folders (their data files, sorted), both also in stores, topics, `-` for standard input.
    pub(crate) fn sources(
        &self,
        names: &[PathBuf],
        globals: &Globals,
        cancel: &Cancel,
    ) -> Result<Vec<Box<dyn Source>>> {
        self.sources_of(names, &self.csv(), globals, cancel)
    }

    /// The same, where `csv` is known of CSV records.
    pub(crate) fn sources_of(
        &self,
        names: &[PathBuf],
        csv: &CsvFacts,
        globals: &Globals,
        cancel: &Cancel,
    ) -> Result<Vec<Box<dyn Source>>> {
        let options = self.read_options(globals, cancel);
        let mut sources: Vec<Box<dyn Source>> = Vec::new();
        for name in names {
            if name.as_os_str() == "-" {
                sources.push(Box::new(StdinSource::new(options.clone())));
            } else if topics::is_meant(name) {
                let said = self.said(csv);
                sources.push(topics::source(name, said, &globals.topics, cancel)?);
            } else if name.is_dir() {
                for file in data_files(name)? {
                    sources.push(Box::new(FileSource::new(file, options.clone())));
                }
            } else if stores::is_meant(name) {
                let named = stores::Named::open(name, globals, cancel)?;
                sources.extend(stored_data(&named, name, &options)?);
            } else {
                sources.push(Box::new(FileSource::new(name, options.clone())));
            }
        }
        Ok(sources)
    }
}

/// The source of a file, which may be in a store.
pub(crate) fn named_source(
    name: &Path,
    options: ReadOptions,
    globals: &Globals,
    cancel: &Cancel,
) -> Result<Box<dyn Source>> {
    match stores::is_meant(name) {
        _ if topics::is_meant(name) => Err(Error::Usage {
            message: format!("`{}`: a topic is no file", topics::shown(name)),
            hint: Some("`tamis head` shows its first records".to_owned()),
        }),
        true => stores::source(name, options, globals, cancel),
        false => Ok(Box::new(FileSource::new(name, options))),
    }
}

/// The one file of `inputs` that there is to follow.
pub(crate) fn followed(inputs: &[PathBuf]) -> Result<&Path> {
    let usage = |message: &str| Error::Usage {
        message: message.to_owned(),
        hint: None,
    };
    match inputs {
        [input] if input.as_os_str() == "-" => Err(usage(
            "`--follow` needs a file: standard input ends by itself",
        )),
        [input] if stores::is_meant(input) => Err(usage(
            "`--follow` needs a file that grows, and those in a store do not",
        )),
        [input] if input.is_dir() => Err(usage("`--follow` needs a file, not a folder")),
        [input] => Ok(input),
        _ => Err(usage("`--follow` takes one input")),
    }
}

/// How sources are read.
pub(crate) fn read_options(globals: &Globals, max_expansion: u64, cancel: &Cancel) -> ReadOptions {
    ReadOptions {
        io: io(globals),
        max_expansion,
        cancel: cancel.clone(),
        ..ReadOptions::default()
    }
}

/// The files of a folder whose names tell a format Tamis reads, sorted by name; subfolders are not entered.
fn data_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |source| Error::Read {
        path: folder.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_file() && sniff::format_of_name(&path.to_string_lossy()).is_some() {
            files.push(path);
        }
    }
    files.sort();
    match files.is_empty() {
        true => Err(no_data(folder)),
        false => Ok(files),
    }
}

/// The same of what was named in a store, where a file may have any name.
fn stored_data(
    named: &stores::Named,
    name: &Path,
    options: &ReadOptions,
) -> Result<Vec<Box<dyn Source>>> {
    let is_data = |path: &Path, depth: usize, is_folder: bool| {
        depth == 1 && !is_folder && sniff::format_of_name(&path.to_string_lossy()).is_some()
    };
    let mut sources = Vec::new();
    for file in named.files(is_data) {
        sources.push(file?.source(options.clone()));
    }
    match sources.is_empty() {
        true => Err(no_data(name)),
        false => Ok(sources),
    }
}

fn no_data(folder: &Path) -> Error {
    Error::Usage {
        message: format!("no data files in `{}`", names::show(folder)),
        hint: Some(
            "data files end in .csv, .tsv, .jsonl, .ndjson or .json, perhaps compressed".to_owned(),
        ),
    }
}

/// The back end that `--io` asks for.
pub(crate) fn io(globals: &Globals) -> Io {
    match globals.io() {
        args::Io::Auto | args::Io::Uring => Io::Auto,
        args::Io::Mmap => Io::Mmap,
        args::Io::Read => Io::Read,
    }
}

/// The kernel that `--simd` asks for.
pub(crate) fn kernel(globals: &Globals) -> Result<Kernel> {
    let name = match globals.simd() {
        Simd::Auto => return Ok(Kernel::detect()),
        Simd::Avx512 => "avx512",
        Simd::Avx2 => "avx2",
        Simd::Scalar => "scalar",
    };
    Kernel::by_name(name).ok_or_else(|| Error::Usage {
        message: format!("this CPU has no {name}"),
        hint: Some("`--simd auto` takes the best it has".to_owned()),
    })
}

fn parse_byte(text: &str) -> std::result::Result<u8, String> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() => Ok(*byte),
        b"\\t" => Ok(b'\t'),
        _ => Err("expected one ASCII character, or `\\t`".to_owned()),
    }
}

fn parse_optional_byte(text: &str) -> std::result::Result<OptionalByte, String> {
    if text == "none" {
        Ok(None)
    } else {
        parse_byte(text).map(Some)
    }
}
