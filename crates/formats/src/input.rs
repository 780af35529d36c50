//! From an opened source to records: what the format is, and where the data begins.
//!
//! [`open`] looks at the first bytes of a source and settles everything a parser must know before the first
//! record: encoding, byte order mark, format, dialect, header. What the caller states beats what is guessed, and
//! every guess is in [`Records::notes`].

use tamis_engine::framing::{Framing, Terminator};
use tamis_engine::source::{Opened, RandomStream, Source, peek};

use crate::csv::{self, Dialect, Header};
use crate::encoding::{Encoding, Transcoder};
use crate::sniff::{self, Format};
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
    /// Longest header record; at least [`sniff::PREFIX_BYTES`].
    pub header_bytes_max: usize,
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
    fn over(self, base: Dialect) -> Dialect {
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

    /// Where records may end.
    pub fn framing(&self) -> Framing {
        match self {
            Shape::Csv { dialect, .. } => Framing::Quoted(dialect.quoting()),
            Shape::Jsonl => Framing::Lines,
        }
    }
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

/// Opens `source` and settles how its records are to be read.
///
/// # Errors
/// [`OpenError::Engine`] when it cannot be read, [`OpenError::Format`] for a header that cannot be read, an
/// encoding that must be declared, an impossible dialect.
pub fn open(source: &dyn Source, options: &InputOptions) -> Result<Records, OpenError> {
    let mut opened = source.open()?;
    let mut notes = Vec::new();
    if let Some(encoding) = options
        .encoding
        .as_deref()
        .map(Encoding::parse)
        .transpose()?
        .flatten()
    {
        let stream = match opened {
            Opened::Stream(stream) => stream,
            Opened::Random(access) => Box::new(RandomStream::new(access)),
        };
        opened = Opened::Stream(Box::new(Transcoder::new(stream, encoding)));
        notes.push(format!(
            "transcoded from {} to UTF-8; byte offsets are those of the UTF-8",
            encoding.name()
        ));
    }
    let mut peeked = peek(opened, sniff::PREFIX_BYTES)?;
    let sniffed = sniff::sniff(source.name(), &peeked.head)?;
    let format = options.format.unwrap_or(sniffed.format);
    if options.format.is_none() && sniff::format_of_name(source.name()).is_none() {
        notes.push(format!("taken for {format} by its content"));
    }
    let text_start = sniffed.mark_bytes;
    let delimiter = match format {
        Format::Delimited { delimiter } => delimiter,
        Format::JsonLines => {
            return Ok(Records {
                opened: peeked.input,
                shape: Shape::Jsonl,
                start: text_start as u64,
                header_bytes: Vec::new(),
                totals: Totals::default(),
                notes,
            });
        }
    };
    let base = Dialect {
        delimiter,
        terminator: sniffed.terminator,
        ..Dialect::csv()
    };
    let dialect = options.csv.over(base).checked()?;
    if dialect.terminator == Terminator::CarriageReturn {
        notes.push("lines end in a bare carriage return".to_owned());
    }
    let mut records = Records {
        opened: peeked.input,
        shape: Shape::Csv {
            dialect,
            header: None,
        },
        start: text_start as u64,
        header_bytes: Vec::new(),
        totals: Totals::default(),
        notes,
    };
    if !dialect.header {
        return Ok(records);
    }
    let header = loop {
        match csv::read_header(&peeked.head[text_start..], peeked.is_all, &dialect) {
            Ok(header) => break header,
            // Nothing at all: an input without columns.
            Err(Error::HeaderMissing) => {
                break Header {
                    len_bytes: peeked.head.len() - text_start,
                    ..Header::default()
                };
            }
            Err(Error::HeaderTooLong { len_bytes })
                if !peeked.is_all && len_bytes < options.header_bytes_max =>
            {
                let longer = (peeked.head.len() * 4).min(options.header_bytes_max);
                peeked = peek(records.opened, longer)?;
                records.opened = peeked.input;
            }
            Err(error) => return Err(error.into()),
        }
    };
    let end = text_start + header.len_bytes;
    records.start = end as u64;
    records.totals = header.totals;
    records.header_bytes = peeked.head[text_start..end].to_vec();
    records.shape = Shape::Csv {
        dialect,
        header: Some(header),
    };
    Ok(records)
}
