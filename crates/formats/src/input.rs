//! From an opened source to records: what the format is, and where the data begins.
//!
//! [`open`] looks at the first bytes of a source and settles everything a parser must know before the first
//! record: encoding, byte order mark, format, dialect, header. What the caller states beats what is guessed, and
//! every guess is in [`Records::notes`].

use tamis_engine::framing::{Framing, Terminator};
use tamis_engine::kernel::Kernel;
use tamis_engine::source::{ByteStream, Opened, Peeked, RandomStream, Source, peek_line};

use crate::csv::{self, Dialect, Header};
use crate::encoding::{Encoding, Transcoder};
use crate::file::RecordFile;
use crate::json_array::JsonArrayStream;
use crate::messages::MessageOptions;
use crate::sniff::dialect::{DelimiterBy, decide};
use crate::sniff::{self, Format, Sniffed};
use crate::{Error, Totals};

/// What the caller knows of an input.
#[derive(Clone, Debug, Default)]
pub struct InputOptions {
    /// The format; `None`: by name, then by content.
    pub format: Option<Format>,
    /// The CSV dialect, as far as it is known.
    pub csv: DialectOptions,
    /// Label of the character encoding; `None`: UTF-8.
    pub encoding: Option<String>,
    /// What is known of streams of messages.
    pub messages: Option<MessageOptions>,
    /// Longest header record; at least [`sniff::PREFIX_BYTES`].
    pub header_bytes_max: usize,
    /// What is looked for in the content beside the format.
    pub sniffing: Sniffing,
}

/// What the content of an input is asked where the caller says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sniffing {
    /// Its format, if the name does not tell. The rest of the dialect is that of plain CSV: who holds data against a
    /// contract must not guess what the contract leaves out.
    #[default]
    Format,
    /// All of its [dialect](sniff::dialect), and whether it is UTF-16.
    Dialect,
}

/// Parts of a CSV dialect; what is `None` is the format's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DialectOptions {
    /// Separates fields.
    pub delimiter: Option<u8>,
    /// Opens and closes quoted fields; `Some(None)`: quoting is off.
    pub quote: Option<Option<u8>>,
    /// Makes the next byte literal; `Some(None)`: nothing does.
    pub escape: Option<Option<u8>>,
    /// Starts a comment line; `Some(None)`: nothing does.
    pub comment: Option<Option<u8>>,
    /// Whether the first record names the columns.
    pub header: Option<bool>,
    /// Whether white space around values is not part of them.
    pub trim: Option<bool>,
}

impl DialectOptions {
    /// `base` with what is said here.
    pub fn over(self, base: Dialect) -> Dialect {
        Dialect {
            delimiter: self.delimiter.unwrap_or(base.delimiter),
            quote: self.quote.unwrap_or(base.quote),
            escape: self.escape.unwrap_or(base.escape),
            comment: self.comment.unwrap_or(base.comment),
            header: self.header.unwrap_or(base.header),
            trim: self.trim.unwrap_or(base.trim),
            ..base
        }
    }
}

/// An input ready to be parsed.
#[derive(Debug)]
pub struct Records {
    /// The input at its start, transcoded to UTF-8 if need be.
    pub opened: Opened,
    /// How its records are to be read.
    pub shape: Shape,
    /// Where the first data record starts.
    pub start: u64,
    /// The header record as it came, terminator included; empty if there is none.
    pub header_bytes: Vec<u8>,
    /// What stands before the first data record (no rows).
    pub totals: Totals,
    /// The input is a JSON array, read as JSON lines: its own lines are not those that a parser counts.
    pub is_array: bool,
    /// The byte between integer and fraction, where the content shows that it is no point.
    pub decimal_char: Option<u8>,
    /// Label of the encoding that the content shows.
    pub encoding: Option<&'static str>,
    /// What was decided without being told, for people.
    pub notes: Vec<String>,
}

/// How records are to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Delimiter-separated text.
    Csv {
        /// The dialect.
        dialect: Dialect,
        /// The column names; `None`: the dialect has no header.
        header: Option<Header>,
    },
    /// One JSON value a line.
    Jsonl,
}

impl Shape {
    /// `csv` or `jsonl`.
    pub fn name(&self) -> &'static str {
        match self {
            Shape::Csv { .. } => "csv",
            Shape::Jsonl => "jsonl",
        }
    }

    /// Whether records have the same columns in the same order.
    pub fn has_columns_of(&self, other: &Shape) -> bool {
        fn names(shape: &Shape) -> Option<&[String]> {
            match shape {
                Shape::Csv { header, .. } => header.as_ref().map(|header| header.names.as_slice()),
                Shape::Jsonl => None,
            }
        }
        names(self) == names(other)
    }

    /// Where records may end.
    pub fn framing(&self) -> Framing {
        match self {
            Shape::Csv { dialect, .. } => Framing::Quoted(dialect.quoting()),
            Shape::Jsonl => Framing::Lines,
        }
    }
}

/// An opened input of any format.
#[derive(Debug)]
pub enum Input {
    /// Lines of text.
    Text(Box<Records>),
    /// Anything else.
    File(Box<dyn RecordFile>),
}

/// An input could not be opened as records.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be read.
    #[error(transparent)]
    Engine(#[from] tamis_engine::Error),
    /// Its format cannot be settled.
    #[error(transparent)]
    Format(#[from] Error),
}

/// Opens `source`, whatever its format.
///
/// # Errors
/// As [`open`], but for [`Error::NotText`]; [`Error::NotBuiltIn`] for a format that a cargo feature reads, and this build
/// has not.
pub fn open_any(source: &dyn Source, options: &InputOptions) -> Result<Input, OpenError> {
    match look(source, options)? {
        Found::Text(records) => Ok(Input::Text(records)),
        Found::Other { format, opened } => Ok(Input::File(open_file(format, opened, options)?)),
    }
}

/// Opens a file that is not made of lines.
#[cfg_attr(
    not(feature = "protobuf"),
    expect(unused_variables, reason = "what is not built in is not opened")
)]
fn open_file(
    format: Format,
    opened: Opened,
    options: &InputOptions,
) -> Result<Box<dyn RecordFile>, OpenError> {
    #[cfg(feature = "protobuf")]
    if format == Format::Protobuf {
        return Ok(crate::protobuf::open(opened, options.messages.as_ref())?);
    }
    #[cfg(feature = "parquet")]
    if let Some(file) = crate::arrow::open::open(format, opened)? {
        return Ok(file);
    }
    let error = match format.feature() {
        Some(feature) => Error::NotBuiltIn { format, feature },
        None => Error::NotText { format },
    };
    Err(error.into())
}

/// Opens `source` as lines of text and settles how its records are to be read.
///
/// # Errors
/// [`OpenError::Engine`] when it cannot be read, [`OpenError::Format`] for a header that cannot be read, an
/// encoding that must be declared, an impossible dialect, or a format that is not made of lines.
pub fn open(source: &dyn Source, options: &InputOptions) -> Result<Records, OpenError> {
    match look(source, options)? {
        Found::Text(records) => Ok(*records),
        Found::Other { format, .. } => Err(Error::NotText { format }.into()),
    }
}

/// What an input was found to be.
enum Found {
    /// Lines of text.
    Text(Box<Records>),
    /// Something else, at its start.
    Other {
        /// What it is.
        format: Format,
        /// The input.
        opened: Opened,
    },
}

/// Whether an input is a stream of messages. Nothing in it says so: its name does, or whoever knows its schema.
fn is_messages(name: &str, options: &InputOptions) -> bool {
    match (options.format, sniff::format_of_name(name)) {
        (Some(format), _) | (None, Some(format)) => format == Format::Protobuf,
        (None, None) => options.messages.is_some(),
    }
}

/// What a source says itself of its bytes.
#[derive(Clone, Copy)]
struct Declared {
    format: Format,
    has_header: Option<bool>,
}

impl Declared {
    /// From a media type; `None` for one that says nothing here.
    fn parse(media_type: &str) -> Option<Declared> {
        let mut parts = media_type.split(';').map(str::trim);
        let format = match parts.next()? {
            "application/jsonl" => Format::JsonLines,
            "text/csv" => Format::Delimited { delimiter: b',' },
            _ => return None,
        };
        let has_header = parts.find_map(|parameter| match parameter {
            "header=present" => Some(true),
            "header=absent" => Some(false),
            _ => None,
        });
        Some(Declared { format, has_header })
    }

    /// The options with what is declared: nothing is guessed then. The media type of CSV says nothing of the delimiter, and who states a
    /// format may.
    fn over(self, options: &InputOptions) -> InputOptions {
        let format = match (self.format, options.format) {
            (Format::Delimited { .. }, Some(stated @ Format::Delimited { .. })) => stated,
            (declared, _) => declared,
        };
        InputOptions {
            format: Some(format),
            csv: DialectOptions {
                header: self.has_header.or(options.csv.header),
                ..options.csv
            },
            sniffing: Sniffing::Format,
            ..options.clone()
        }
    }
}

/// Looks at the first bytes of `source`, and at all that must be known of it if it is text.
fn look(source: &dyn Source, options: &InputOptions) -> Result<Found, OpenError> {
    let declared = source.media_type().and_then(Declared::parse);
    let stated;
    let options = match &declared {
        None => options,
        Some(declared) => {
            stated = declared.over(options);
            &stated
        }
    };
    if is_messages(source.name(), options) {
        // Its first bytes may look like anything.
        return Ok(Found::Other {
            format: Format::Protobuf,
            opened: source.open()?,
        });
    }
    let mut notes = Vec::new();
    let (peeked, encoding) = peek_text(source, options, &mut notes)?;
    let sniffed = match declared {
        None => sniff::sniff(source.name(), &peeked.head)?,
        // A byte order mark is that of a first record, which is as others are.
        Some(Declared { format, .. }) => Sniffed {
            format,
            mark_bytes: 0,
            terminator: Terminator::Newline,
        },
    };
    let format = options.format.unwrap_or(sniffed.format);
    let is_guess = options.format.is_none() && sniff::format_of_name(source.name()).is_none();
    let text_start = sniffed.mark_bytes;
    let delimiter = match format {
        Format::Delimited { delimiter } => delimiter,
        Format::JsonLines | Format::JsonArray => {
            if is_guess {
                let why = sniff::reason_of_content(&peeked.head[text_start..], format);
                notes.push(format!(
                    "taken for {format} by its content: {why} (`--input-format` decides otherwise)"
                ));
            }
            let mut records = Records::headless(peeked, Shape::Jsonl, text_start);
            if format == Format::JsonArray {
                records = records.of_array();
            }
            records.notes = notes;
            records.encoding = encoding;
            return Ok(Found::Text(Box::new(records)));
        }
        format => {
            let opened = peeked.input;
            return Ok(Found::Other { format, opened });
        }
    };
    let base = Dialect {
        delimiter,
        terminator: sniffed.terminator,
        ..Dialect::csv()
    };
    let mut dialect = options.csv.over(base).checked()?;
    let (mut found, mut decimal_char) = (Vec::new(), None);
    let mut table = None;
    if options.sniffing == Sniffing::Dialect {
        let by = match is_guess {
            true => DelimiterBy::Content,
            false => DelimiterBy::Name,
        };
        let text = &peeked.head[text_start..];
        let decided = decide(text, peeked.is_all, base, by, &options.csv);
        (dialect, decimal_char) = (decided.dialect, decided.decimal_char);
        (found, table) = (decided.notes, decided.table);
        found.extend(sniff::note_on_bytes(&peeked.head));
    }
    if is_guess {
        let delimiter = dialect.delimiter;
        let format = Format::Delimited { delimiter };
        let first = || sniff::reason_of_content(&peeked.head[text_start..], format);
        let why = table.unwrap_or_else(first);
        notes.push(format!(
            "taken for {format} by its content: {why} (`--input-format` and `--delimiter` decide otherwise)"
        ));
    }
    notes.append(&mut found);
    if dialect.terminator == Terminator::CarriageReturn {
        notes.push(format!(
            "lines end in a bare carriage return (CR), since there is no line feed in {}",
            match peeked.is_all {
                true => "the input".to_owned(),
                false => format!("its first {} KiB", sniff::PREFIX_BYTES >> 10),
            }
        ));
    }
    let mut records = if dialect.header {
        let (peeked, header) = read_header(peeked, text_start, &dialect, options)?;
        let header = header?;
        if options.sniffing == Sniffing::Format && options.csv.delimiter.is_none() {
            notes.extend(note_on_delimiter(&header, &dialect));
        }
        Records::headed(peeked, dialect, header, text_start)
    } else {
        let shape = Shape::Csv {
            dialect,
            header: None,
        };
        Records::headless(peeked, shape, text_start)
    };
    records.notes = notes;
    records.decimal_char = decimal_char;
    records.encoding = encoding;
    Ok(Found::Text(Box::new(records)))
}

/// What to say of a header with one name, which may be several with another delimiter between them.
fn note_on_delimiter(header: &Header, dialect: &Dialect) -> Option<String> {
    let [name] = header.names.as_slice() else {
        return None;
    };
    let others = [b',', b';', b'\t', b'|'].into_iter();
    let counts = others.map(|byte| (memchr::memchr_iter(byte, name.as_bytes()).count(), byte));
    let (count, other) = counts.max().filter(|(count, _)| *count > 0)?;
    Some(format!(
        "the header has no `{}` and {count} times `{other}`: if that is the delimiter, say `--delimiter '{other}'`",
        dialect.delimiter.escape_ascii(),
        other = other.escape_ascii(),
    ))
}

/// Opens the file in which `source` goes on, whose records are like those before.
///
/// A new header is one that has at least half of the names before: then it stands for its file. Otherwise the first
/// record is data below the header there was.
///
/// # Errors
/// As [`open`].
pub fn open_next(
    source: &dyn Source,
    before: &Shape,
    options: &InputOptions,
) -> Result<Records, OpenError> {
    let (peeked, _) = peek_text(source, options, &mut Vec::new())?;
    let sniffed = sniff::sniff(source.name(), &peeked.head)?;
    let text_start = sniffed.mark_bytes;
    let Shape::Csv {
        dialect,
        header: Some(known),
    } = before
    else {
        let is_array = options.format.unwrap_or(sniffed.format) == Format::JsonArray;
        let records = Records::headless(peeked, before.clone(), text_start);
        return Ok(match before {
            Shape::Jsonl if is_array => records.of_array(),
            _ => records,
        });
    };
    let (peeked, header) = read_header(peeked, text_start, dialect, options)?;
    match header {
        Ok(header) if header.resembles(known) => {
            Ok(Records::headed(peeked, *dialect, header, text_start))
        }
        _ => Ok(Records::headless(peeked, before.clone(), text_start)),
    }
}

/// Looks at the start of a source, transcoded to UTF-8 if need be; also the label of an encoding that nobody stated.
fn peek_text(
    source: &dyn Source,
    options: &InputOptions,
    notes: &mut Vec<String>,
) -> Result<(Peeked, Option<&'static str>), OpenError> {
    let mut opened = source.open()?;
    let mut label = options.encoding.as_deref();
    let mut found = None;
    if label.is_none() && options.sniffing == Sniffing::Dialect {
        let peeked = peek_line(opened, 0, sniff::PREFIX_BYTES)?;
        opened = peeked.input;
        found = sniff::wide_encoding(&peeked.head).and_then(|wide| wide.label);
        label = found;
    }
    if let Some(encoding) = label.map(Encoding::parse).transpose()?.flatten() {
        opened = Opened::Stream(Box::new(Transcoder::new(stream_of(opened), encoding)));
        let why = match found {
            Some(_) => ", as its first bytes show (`--encoding` decides otherwise)",
            None => "",
        };
        notes.push(format!(
            "transcoded from {} to UTF-8{why}; byte offsets are those of the UTF-8",
            encoding.name()
        ));
    }
    Ok((peek_line(opened, 0, sniff::PREFIX_BYTES)?, found))
}

/// All bytes of an input in order.
fn stream_of(opened: Opened) -> Box<dyn ByteStream> {
    match opened {
        Opened::Stream(stream) => stream,
        Opened::Random(access) => Box::new(RandomStream::new(access)),
    }
}

/// Reads the header, looking at more of the input where it is long.
fn read_header(
    mut peeked: Peeked,
    text_start: usize,
    dialect: &Dialect,
    options: &InputOptions,
) -> Result<(Peeked, Result<Header, Error>), OpenError> {
    loop {
        match csv::read_header(&peeked.head[text_start..], peeked.is_all, dialect) {
            // Nothing at all: an input without columns.
            Err(Error::HeaderMissing) => {
                let header = Header {
                    len_bytes: peeked.head.len() - text_start,
                    ..Header::default()
                };
                return Ok((peeked, Ok(header)));
            }
            Err(Error::HeaderTooLong { len_bytes })
                if !peeked.is_all && len_bytes < options.header_bytes_max =>
            {
                let seen_bytes = peeked.head.len();
                let longer = (seen_bytes * 4)
                    .max(sniff::PREFIX_BYTES)
                    .min(options.header_bytes_max);
                peeked = peek_line(peeked.input, seen_bytes, longer)?;
            }
            header => return Ok((peeked, header)),
        }
    }
}

impl Records {
    /// The elements of a JSON array as JSON lines.
    fn of_array(self) -> Records {
        let mark_bytes = self.start as usize;
        let array = JsonArrayStream::new(stream_of(self.opened), mark_bytes, Kernel::detect());
        Records {
            opened: Opened::Stream(Box::new(array)),
            is_array: true,
            ..self
        }
    }

    /// Records from the first byte of text on.
    fn headless(peeked: Peeked, shape: Shape, text_start: usize) -> Records {
        Records {
            opened: peeked.input,
            shape,
            start: text_start as u64,
            header_bytes: Vec::new(),
            totals: Totals::default(),
            is_array: false,
            decimal_char: None,
            encoding: None,
            notes: Vec::new(),
        }
    }

    /// Records below a header.
    fn headed(peeked: Peeked, dialect: Dialect, header: Header, text_start: usize) -> Records {
        let end = text_start + header.len_bytes;
        Records {
            start: end as u64,
            header_bytes: peeked.head[text_start..end].to_vec(),
            totals: header.totals,
            is_array: false,
            opened: peeked.input,
            shape: Shape::Csv {
                dialect,
                header: Some(header),
            },
            decimal_char: None,
            encoding: None,
            notes: Vec::new(),
        }
    }
}
