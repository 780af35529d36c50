//! Opening inputs for the verbs of this crate, and looking at their first records.

use tamis_engine::source::{MemorySource, Opened, Source, peek};
use tamis_formats::csv::{self, Dialect};
use tamis_formats::input::{self, Input, InputOptions, OpenError, Records};
use tamis_formats::sniff;

use crate::{Error, Result};

/// How much of an input is looked at to find its columns and their types: some thousand records, a millisecond's work.
const SAMPLE_BYTES: usize = 256 << 10;

/// Opens one input, whatever its format.
pub(crate) fn open(source: &dyn Source, options: &InputOptions) -> Result<Input> {
    input::open_any(source, options).map_err(|error| match error {
        OpenError::Engine(error) => Error::Engine(error),
        OpenError::Format(error) => Error::Format {
            input: source.name().to_owned(),
            source: error,
        },
    })
}

/// The first bytes of the records of an input.
#[derive(Debug)]
pub(crate) struct Head {
    bytes: Vec<u8>,
    start: usize,
    /// They are all there are.
    pub(crate) is_all: bool,
}

impl Head {
    /// The first bytes.
    fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// As many of them as are whole lines. A cut inside quotes makes a malformed record, which has no say.
    pub(crate) fn lines(&self) -> &[u8] {
        let bytes = self.bytes();
        if self.is_all {
            return bytes;
        }
        // The last record may go on behind them.
        let end = bytes.iter().rposition(|byte| matches!(byte, b'\n' | b'\r'));
        &bytes[..end.map_or(0, |end| end + 1)]
    }
}

/// Looks at the first records, one at least unless it is longer than `record_bytes_max`. They are still to be read then.
pub(crate) fn sample(records: &mut Records, record_bytes_max: usize) -> Result<Head> {
    let mut len_bytes = SAMPLE_BYTES;
    loop {
        let head = look_ahead(records, len_bytes)?;
        if head.is_all || !head.lines().is_empty() || len_bytes >= record_bytes_max {
            return Ok(head);
        }
        len_bytes *= 4;
    }
}

/// Looks at the first `len_bytes` of the records.
fn look_ahead(records: &mut Records, len_bytes: usize) -> Result<Head> {
    let opened = std::mem::replace(&mut records.opened, nothing());
    let start = records.start as usize;
    let peeked = peek(opened, start + len_bytes)?;
    records.opened = peeked.input;
    Ok(Head {
        bytes: peeked.head,
        start,
        is_all: peeked.is_all,
    })
}

/// Takes the place of an input that is being looked into.
fn nothing() -> Opened {
    let empty = MemorySource::new("", Vec::new());
    empty.open().expect("memory can be opened")
}

/// Names of the columns of an input without header, `column_1` and so on: as many as the first record has fields.
pub(crate) fn names_by_number(
    records: &mut Records,
    dialect: &Dialect,
    record_bytes_max: usize,
) -> Result<Vec<String>> {
    let width = width_of_first(records, dialect, record_bytes_max)?;
    let names = (1..=width).map(|number| format!("column_{number}"));
    Ok(names.collect())
}

/// Fields of the first record; 0 if there are no records.
fn width_of_first(
    records: &mut Records,
    dialect: &Dialect,
    record_bytes_max: usize,
) -> Result<usize> {
    let mut len_bytes = sniff::PREFIX_BYTES.min(record_bytes_max);
    loop {
        let head = look_ahead(records, len_bytes)?;
        let record = first_record(head.bytes(), dialect);
        let fields: Vec<_> = csv::fields(record, dialect).collect();
        // A record that reaches to the end of what was read may go on behind it.
        let is_whole = fields.last().is_some_and(|last| last.end < record.len());
        if is_whole || head.is_all || len_bytes >= record_bytes_max {
            return Ok(fields.len());
        }
        len_bytes = (4 * len_bytes).min(record_bytes_max);
    }
}

/// `text` without the blank lines and comments in front of it.
fn first_record<'t>(mut text: &'t [u8], dialect: &Dialect) -> &'t [u8] {
    loop {
        match text {
            [b'\n' | b'\r', rest @ ..] => text = rest,
            [first, ..] if Some(*first) == dialect.comment => {
                let end = text.iter().position(|&byte| byte == b'\n');
                text = end.map_or(&[], |end| &text[end + 1..]);
            }
            _ => return text,
        }
    }
}
