//! Records as offsets into the chunk they came from: what parsers produce and checks consume.
//!
//! Both formats share one shape. `index` holds, for each field, the offset just before its first
//! byte and the offset just after its last one. In CSV the end of a field and the start of the next
//! are the same separator, so one entry serves both; in JSON each field has a pair.
//!
//! ```text
//! CSV, 3 columns, 2 rows:    ⌄a , b , c \n d , e , f \n      stride 3, step 1
//!                     index  0   1   2   3    4   5   6       (entry 0 is "just before byte 0")
//! ```
//!
//! Rows that do not come as bytes ([`columns`](crate::columns), `arrow`) have columns that lie apart: each
//! [`Column`] has bytes and an index of pairs of its own, and a row lies nowhere.

use std::any::Any;
use std::ops::Range;

use tamis_engine::kernel::Spans;

/// A run of consecutive records that all have the expected fields.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// The chunk; all offsets point into it.
    pub bytes: &'a [u8],
    /// Offsets, see the module. An offset of `u32::MAX` is "just before byte 0".
    pub index: &'a [u32],
    /// Number of records.
    pub rows: usize,
    /// Fields in each record.
    pub columns: usize,
    /// Entries from the field of one column to the next: 1 in CSV, 2 in JSON.
    pub step: usize,
    /// The last column may end in the `\r` of a `\r\n`.
    pub trim_cr: bool,
    /// The quote byte of the dialect: a field that starts with it is not plain text. `None` in JSON,
    /// and where no field of the block can start with one.
    pub quote: Option<u8>,
    /// Where each record lies, terminator included, as pairs (start, end); `None` in CSV, where
    /// records touch and the index tells, and where columns lie apart and records are nowhere.
    pub records: Option<&'a [u32]>,
    /// What each JSON value is, row by row (`rows * columns` entries); `None` in CSV.
    pub kinds: Option<&'a [Kind]>,
    /// Whether every byte of these records is ASCII, so that lengths in bytes are lengths in characters.
    pub ascii: bool,
    /// Keys at the root of JSON records that no column asks for, in the order they stand; empty unless the parser
    /// was told to note them.
    pub extra_keys: &'a [ExtraKey],
    /// The columns, where they lie apart; then nothing else here says anything but `rows`, `columns`, and `extra_keys` or
    /// `records`, to which `bytes` belong.
    pub apart: Option<&'a [Column<'a>]>,
    /// What the rows were taken from, for those who know it and pass it on: of Arrow's arrays a
    #[cfg_attr(feature = "parquet", doc = "[`Stretch`](crate::arrow::Stretch).")]
    #[cfg_attr(not(feature = "parquet"), doc = "`Stretch`.")]
    pub origin: Option<&'a dyn Any>,
}

/// A key of a JSON record that no column asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtraKey {
    /// The record, as a row of the block.
    pub row: u32,
    /// Its opening quote, in the chunk; [`crate::jsonl::key_at`] reads it.
    pub offset: u32,
}

/// A column that lies in buffers of its own.
#[derive(Clone, Copy, Debug)]
pub struct Column<'a> {
    /// What `index` points into.
    pub bytes: &'a [u8],
    /// For each row a pair: the offset just before its first byte, and the one just after its last.
    pub index: &'a [u32],
    /// What the values are.
    pub kinds: Kinds<'a>,
    /// Whether all of `bytes` is ASCII; `None`: nobody has looked.
    pub ascii: Option<bool>,
    /// Where it is known of some values that no rule finds anything wrong with them: the bits of the others. Only these
    /// have a text.
    pub suspects: Option<&'a [u64]>,
}

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kinds<'a> {
    /// All are of this kind, and an empty one is null: whoever looks takes an empty [`Kind::Text`] for null, as in CSV.
    All(Kind),
    /// Each is of its own kind.
    Each(&'a [Kind]),
}

impl<'a> Block<'a> {
    /// A block of columns that lie apart.
    pub fn apart(columns: &'a [Column<'a>], rows: usize) -> Block<'a> {
        Block {
            bytes: &[],
            index: &[],
            rows,
            columns: columns.len(),
            step: 2,
            trim_cr: false,
            quote: None,
            records: None,
            kinds: None,
            ascii: false,
            extra_keys: &[],
            apart: Some(columns),
            origin: None,
        }
    }

    /// Entries from one row to the next.
    pub fn stride(&self) -> usize {
        self.columns * self.step
    }

    /// The fields of one column, as the kernels take them.
    pub fn column(&self, column: usize) -> Spans<'a> {
        assert!(column < self.columns, "column {column} of {}", self.columns);
        if let Some(apart) = self.apart {
            return Spans {
                bytes: apart[column].bytes,
                index: apart[column].index,
                first: 0,
                stride: 2,
                rows: self.rows,
                trim_cr: false,
            };
        }
        Spans {
            bytes: self.bytes,
            index: self.index,
            first: column * self.step,
            stride: self.stride(),
            rows: self.rows,
            trim_cr: self.trim_cr && column + 1 == self.columns,
        }
    }

    /// Where a record lies in `bytes`, its terminator included; nowhere (`0..0`) if its columns are all there is.
    pub fn record(&self, row: usize) -> Range<usize> {
        match self.records {
            Some(pairs) => pairs[2 * row] as usize..pairs[2 * row + 1] as usize,
            None if self.apart.is_some() => 0..0,
            None => {
                let stride = self.stride();
                let start = self.index[row * stride].wrapping_add(1) as usize;
                let end = self.index[(row + 1) * stride] as usize + 1;
                // A last record without terminator has its index entry at the end of the chunk.
                start..end.min(self.bytes.len())
            }
        }
    }

    /// What a value is; text in CSV.
    pub fn kind(&self, row: usize, column: usize) -> Kind {
        match (self.apart, self.kinds) {
            (Some(apart), _) => match apart[column].kinds {
                Kinds::Each(kinds) => kinds[row],
                Kinds::All(kind)
                    if kind != Kind::Text && self.column(column).range(row).is_empty() =>
                {
                    Kind::Null
                }
                Kinds::All(kind) => kind,
            },
            (None, Some(kinds)) => kinds[row * self.columns + column],
            (None, None) => Kind::Text,
        }
    }

    /// What all values of a column are, null apart; `None` if every value is of its own kind.
    pub fn only_kind(&self, column: usize) -> Option<Kind> {
        match (self.apart, self.kinds) {
            (Some(apart), _) => match apart[column].kinds {
                Kinds::All(kind) => Some(kind),
                Kinds::Each(_) => None,
            },
            (None, Some(_)) => None,
            (None, None) => Some(Kind::Text),
        }
    }

    /// The kinds of a column's values, where every value is of its own kind: every so many-th entry, the first for row 0.
    pub fn each_kind(&self, column: usize) -> Option<(&'a [Kind], usize)> {
        match (self.apart, self.kinds) {
            (Some(apart), _) => match apart[column].kinds {
                Kinds::Each(kinds) => Some((kinds, 1)),
                Kinds::All(_) => None,
            },
            (None, kinds) => kinds.map(|kinds| (&kinds[column.min(kinds.len())..], self.columns)),
        }
    }

    /// The rows of a column that must be judged, a bit for each, if it is known that no others must; see
    /// [`Column::suspects`].
    pub fn suspects(&self, column: usize) -> Option<&'a [u64]> {
        self.apart.and_then(|apart| apart[column].suspects)
    }

    /// Whether all text of a column is ASCII.
    pub fn is_ascii(&self, column: usize) -> bool {
        match self.apart {
            Some(apart) => {
                let Column { bytes, ascii, .. } = apart[column];
                ascii.unwrap_or_else(|| bytes.is_ascii())
            }
            None => self.ascii,
        }
    }
}

/// What a field's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Text whose type the contract decides: a CSV field, possibly quoted, or a value that a program holds as text.
    Text,
    /// JSON string without escapes; the span is what stands between the quotes.
    String,
    /// JSON string with escapes; the span is what stands between the quotes, still escaped.
    EscapedString,
    /// JSON number; the span is its text.
    Number,
    /// JSON `true` or `false`.
    Boolean,
    /// JSON `null`; the span is empty.
    Null,
    /// JSON object; the span includes its braces.
    Object,
    /// JSON array; the span includes its brackets.
    Array,
    /// No such key in this record; the span is empty.
    Missing,
}

impl Kind {
    /// What stands between integer and fraction of a number: `point` where it is written as text, and always `.` where it
    /// is a number already.
    #[inline]
    pub fn point(self, point: u8) -> u8 {
        match self {
            Kind::Number => b'.',
            _ => point,
        }
    }
}

/// One record that could not be split into the expected fields. It counts as a row.
#[derive(Clone, Debug)]
pub struct Malformed<'a> {
    /// The chunk.
    pub bytes: &'a [u8],
    /// Where the record lies in it, terminator included.
    pub range: Range<usize>,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a record's structure.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// More or fewer fields than the header has.
    FieldCount {
        /// Fields in this record.
        found: usize,
        /// Fields in the header.
        expected: usize,
    },
    /// A quote was opened and the input ended.
    UnclosedQuote {
        /// Where the quote stands in the chunk.
        offset: usize,
    },
    /// Bytes that are not UTF-8.
    InvalidUtf8 {
        /// First bad byte, in the chunk.
        offset: usize,
    },
    /// Not a JSON value.
    InvalidJson {
        /// Where the parser stopped, in the chunk.
        offset: usize,
        /// What it expected.
        message: &'static str,
    },
    /// A JSON value, but not an object.
    NotAnObject,
    /// No Protobuf message of the schema's type.
    InvalidMessage {
        /// Where it cannot be read on, in the chunk.
        offset: usize,
        /// What is wrong there.
        message: String,
    },
    /// The same key twice in one JSON object.
    DuplicateKey {
        /// Where the second one stands, in the chunk.
        offset: usize,
    },
}

impl Fault {
    /// The same, its place counted from where its record starts.
    pub fn in_record(&self, start: usize) -> Fault {
        let mut fault = self.clone();
        match &mut fault {
            Fault::UnclosedQuote { offset }
            | Fault::InvalidUtf8 { offset }
            | Fault::InvalidJson { offset, .. }
            | Fault::InvalidMessage { offset, .. }
            | Fault::DuplicateKey { offset } => *offset -= start,
            Fault::FieldCount { .. } | Fault::NotAnObject => {}
        }
        fault
    }

    /// What is wrong with a record of the chunk that begins at `byte_offset`, for people.
    pub fn describe(&self, byte_offset: u64) -> String {
        let byte = |offset: &usize| byte_offset + *offset as u64;
        match self {
            Fault::FieldCount { found, expected } => {
                let fields = if *found == 1 { "field" } else { "fields" };
                format!("has {found} {fields}, the header has {expected}")
            }
            Fault::UnclosedQuote { offset } => {
                format!("a quote opened at byte {} is never closed", byte(offset))
            }
            Fault::InvalidUtf8 { offset } => format!("byte {} is not valid UTF-8", byte(offset)),
            Fault::InvalidJson { offset, message } => format!("{message} at byte {}", byte(offset)),
            Fault::NotAnObject => "is not a JSON object".to_owned(),
            Fault::InvalidMessage { offset, message } => {
                format!("{message}, at byte {}", byte(offset))
            }
            Fault::DuplicateKey { offset } => format!("a key is repeated at byte {}", byte(offset)),
        }
    }
}

/// What a parser found in one chunk, beside the records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Records: rows of blocks and malformed ones.
    pub rows: u64,
    /// Blank lines: no records, not numbered.
    pub blank_lines: u64,
    /// Comment lines.
    pub comments: u64,
    /// Physical line ends, those inside quotes included: `\n`, or `\r` in a file that ends its records so.
    pub newlines: u64,
}

/// Takes what a parser finds, in the order of the chunk.
pub trait Visitor {
    /// A run of well-formed records.
    fn block(&mut self, block: &Block<'_>);

    /// A record with a structural fault.
    fn malformed(&mut self, record: &Malformed<'_>);
}

impl<V: Visitor + ?Sized> Visitor for &mut V {
    fn block(&mut self, block: &Block<'_>) {
        (**self).block(block);
    }

    fn malformed(&mut self, record: &Malformed<'_>) {
        (**self).malformed(record);
    }
}
