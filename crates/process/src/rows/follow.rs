//! Rows of an input that goes on: they are written as they come, batch by batch.
//!
//! 1. The pipeline cuts what has come into batches of whole records, and does not wait for more ([live](Options::live)).
//! 2. A batch is a [table in memory](crate::table), with the columns and types of those before. A value that is of no such type widens
//!    it, and the batch is done again; so its rows go into memory first.
//! 3. They are written and let go of. Then whoever commits hears how many records are done with.
//!
//! What fails in a batch has written nothing of it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tamis_contract::model::CsvFacts;
use tamis_engine::framing::Framing;
use tamis_engine::pipeline::{self, Flow, Options};
use tamis_engine::sink::Sink;
use tamis_engine::source::{MemorySource, Opened, Source};
use tamis_expr::Expression;
use tamis_formats::input::{Input, Records, Shape};
use tamis_formats::sniff::Format;

use super::{Query, Written, write_rows};
use crate::lists::{items, quoted, renamed};
use crate::table::{Table, TableOptions, open_input};
use crate::{Error, Result};

/// As much is in a batch, at most, unless a single record is longer.
const BATCH_BYTES_MAX: usize = 8 << 20;

/// What is done with.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'b> {
    /// Records of the input so far, a header among them.
    pub records: u64,
    /// What was decided without being told, for people.
    pub notes: &'b [String],
}

/// Writes the rows of `source` that `query` asks for to `sink`, as they come, until the source ends. `on_batch` hears of each batch when
/// its rows are written, and may end the run.
///
/// # Errors
/// As [`write_rows`]; [`Error::LateKeys`] for all columns of JSON lines.
pub fn follow_rows(
    source: &dyn Source,
    options: &TableOptions,
    query: &Query,
    sink: Box<dyn Sink>,
    mut on_batch: impl FnMut(Batch<'_>) -> Flow,
) -> Result<Written> {
    let names = names_of(query)?;
    let records = open_text(source, options)?;
    let pipeline_options = Options {
        threads: 1,
        chunk_bytes: (2 * options.threads)
            .saturating_mul(options.chunk_bytes)
            .min(BATCH_BYTES_MAX),
        record_bytes_max: options.record_bytes_max,
        start: records.start,
        live: true,
        kernel: options.kernel,
        cancel: options.cancel.clone(),
        ..Options::default()
    };
    let framing = records.shape.framing();
    let mut following = Following {
        source,
        options: as_found(options, &records),
        query,
        names,
        known: None,
        tray: Tray::new(sink),
        records: u64::from(!records.header_bytes.is_empty()),
        byte_offset: records.start,
        header_bytes: records.header_bytes,
        written: Written::default(),
    };
    let mut failed = None;
    let outcome = pipeline::run(
        records.opened,
        framing,
        &pipeline_options,
        || (),
        |(), chunk| Ok(chunk.bytes.to_vec()),
        |bytes| {
            if bytes.is_empty() {
                return Ok(Flow::Continue);
            }
            match following.take(&bytes) {
                Ok(notes) => Ok(on_batch(Batch {
                    records: following.records,
                    notes: &notes,
                })),
                Err(error) => {
                    failed = Some(error);
                    Ok(Flow::Stop)
                }
            }
        },
    );
    if let Some(error) = failed {
        return Err(error);
    }
    following.finish(outcome?.backend)
}

/// The input, opened; only what is made of lines goes on.
fn open_text(source: &dyn Source, options: &TableOptions) -> Result<Records> {
    match open_input(source, options)? {
        Input::Text(records) => Ok(*records),
        Input::File(_) => Err(Error::Engine(tamis_engine::Error::Unsupported {
            input: source.name().to_owned(),
            reason: "only lines of text can be followed".to_owned(),
        })),
    }
}

/// How batches are read: as the input was found to be written, whatever the first record of a batch looks like.
fn as_found(options: &TableOptions, records: &Records) -> TableOptions {
    let mut found = options.clone();
    // They are UTF-8 by then.
    found.csv.encoding = None;
    match &records.shape {
        Shape::Jsonl => found.format = Some(Format::JsonLines),
        Shape::Csv { dialect, .. } => {
            let delimiter = dialect.delimiter;
            found.format = Some(Format::Delimited { delimiter });
            found.csv = CsvFacts {
                delimiter: Some(delimiter),
                quote: Some(dialect.quote),
                escape: Some(dialect.escape),
                comment: Some(dialect.comment),
                header: Some(dialect.header),
                trim: Some(dialect.trim),
                decimal_char: found.csv.decimal_char.or(records.decimal_char),
                ..found.csv
            };
        }
    }
    found
}

/// The columns that are asked for by name. What is wrong with an expression is known here, before there is a record.
fn names_of(query: &Query) -> Result<Vec<String>> {
    let mut names = BTreeSet::new();
    if let Some(text) = &query.filter {
        let found = Expression::names(text);
        names.extend(found.map_err(|source| Error::Expression {
            text: text.clone(),
            source,
        })?);
    }
    let text = query.columns.as_deref().unwrap_or_default();
    if query.columns.is_some() {
        for item in items(text)? {
            let (item, _) = renamed(text, item)?;
            match quoted(&text[item.clone()]) {
                Some(name) => _ = names.insert(name),
                // What is no expression, `*` or `a:c`, is looked at when there are columns.
                None => names.extend(Expression::names(&text[item]).unwrap_or_default()),
            }
        }
    }
    Ok(names.into_iter().collect())
}

/// An input that is being followed.
struct Following<'f> {
    source: &'f dyn Source,
    options: TableOptions,
    query: &'f Query,
    names: Vec<String>,
    /// The table of the batches before, with none of them in it.
    known: Option<Table<'static>>,
    tray: Tray,
    /// Stands before the first record of the input, and so of each batch.
    header_bytes: Vec<u8>,
    /// Records before the next batch, and bytes.
    records: u64,
    byte_offset: u64,
    written: Written,
}

impl Following<'_> {
    /// Writes the rows of the next batch; returns what is to be said of it.
    fn take(&mut self, bytes: &[u8]) -> Result<Vec<String>> {
        let part = InMemory::new(self.source, [&self.header_bytes, bytes].concat());
        let mut table = match self.known.take() {
            Some(known) => known.over(Some(&part)),
            None => Table::open_first(&part, self.options.clone(), &self.names)?,
        };
        let open_draft = || Ok(Box::new(self.tray.draft()) as Box<dyn Sink>);
        let written = write_rows(&mut table, self.query, true, &open_draft);
        let written = written.map_err(|error| self.placed(error))?;
        self.tray.serve()?;
        let notes = table.notes().to_vec();
        self.known = Some(table.over(None));
        self.records += written.scanned.rows;
        self.byte_offset += bytes.len() as u64;
        self.written.go_on(&written);
        Ok(notes)
    }

    /// An error of a batch with its place in the input.
    fn placed(&self, mut error: Error) -> Error {
        let headers = u64::from(!self.header_bytes.is_empty());
        match &mut error {
            Error::Malformed {
                row, byte_offset, ..
            } => {
                *row += self.records - headers;
                *byte_offset += self.byte_offset - self.header_bytes.len() as u64;
            }
            Error::Misfit { row, .. } => *row += self.records - headers,
            _ => {}
        }
        error
    }

    fn finish(mut self, backend: &'static str) -> Result<Written> {
        self.written.scanned.backend = backend;
        self.tray.finish()?;
        Ok(self.written)
    }
}

impl Written {
    /// Adds what was written of the next batch.
    fn go_on(&mut self, next: &Written) {
        self.rows += next.rows;
        self.malformed += next.malformed;
        self.failed += next.failed;
        self.scanned.go_on(&next.scanned);
    }
}

/// A batch in memory, as a part of the input that it is of.
#[derive(Debug)]
struct InMemory<'f> {
    whole: &'f dyn Source,
    bytes: MemorySource,
}

impl<'f> InMemory<'f> {
    fn new(whole: &'f dyn Source, bytes: Vec<u8>) -> InMemory<'f> {
        InMemory {
            bytes: MemorySource::new(whole.name(), bytes),
            whole,
        }
    }
}

impl Source for InMemory<'_> {
    fn name(&self) -> &str {
        self.whole.name()
    }

    fn open(&self) -> tamis_engine::Result<Opened> {
        self.bytes.open()
    }

    fn is_repeatable(&self) -> bool {
        true
    }

    fn media_type(&self) -> Option<&str> {
        self.whole.media_type()
    }
}

/// The output, and the rows of a batch on their way to it.
#[derive(Clone)]
struct Tray(Arc<Mutex<Laid>>);

struct Laid {
    sink: Box<dyn Sink>,
    rows: Vec<u8>,
    /// A batch has been written, and with the first one the header.
    has_begun: bool,
}

impl Tray {
    fn new(sink: Box<dyn Sink>) -> Tray {
        Tray(Arc::new(Mutex::new(Laid {
            sink,
            rows: Vec::new(),
            has_begun: false,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Laid> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the rows of one attempt at a batch; they count when it is finished.
    fn draft(&self) -> Draft {
        Draft {
            name: self.lock().sink.name().to_owned(),
            tray: self.clone(),
            rows: Vec::new(),
        }
    }

    /// Writes the rows of the batch, and lets go of them.
    fn serve(&self) -> tamis_engine::Result<()> {
        let mut laid = self.lock();
        laid.has_begun = true;
        let rows = std::mem::take(&mut laid.rows);
        if rows.is_empty() {
            return Ok(());
        }
        laid.sink.write_all(&rows)?;
        laid.sink.flush()
    }

    fn finish(self) -> tamis_engine::Result<()> {
        let laid = Arc::into_inner(self.0).expect("a draft ends with its batch");
        let laid = laid.into_inner().unwrap_or_else(PoisonError::into_inner);
        laid.sink.finish()
    }
}

/// Rows of a batch of which it is not known whether they will do.
struct Draft {
    name: String,
    tray: Tray,
    rows: Vec<u8>,
}

impl Sink for Draft {
    fn name(&self) -> &str {
        &self.name
    }

    fn begin_records(&mut self, framing: Framing) -> bool {
        let mut laid = self.tray.lock();
        !laid.has_begun && laid.sink.begin_records(framing)
    }

    fn write_all(&mut self, bytes: &[u8]) -> tamis_engine::Result<()> {
        self.rows.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>) -> tamis_engine::Result<()> {
        self.tray.lock().rows = self.rows;
        Ok(())
    }
}
