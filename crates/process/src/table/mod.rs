//! Inputs as one table with typed columns: what filters, groups, sorts and conversions read.
//!
//! ```text
//!   sources ─► Table::open ─► columns and their types (declared, or of a sample)
//!                  │
//!             Table::scan ─► pieces, in parallel ─► blocks of the wanted columns ─► parts, merged in order
//! ```
//!
//! # Types
//! A CSV says nothing of types, and a sample of its start says too little: the first text may come in the last row. So a
//! run trusts the sample ([`open`](self)), and every value is held against the type it should have. The first that does
//! not fit is a [`Misfit`], and [`settle`] has the types of *all* records read ([`Table::read_types`]) and the run
//! repeated. What a run answers does therefore not depend on where the sample ended. Where an input cannot be read twice, or
//! output has gone out already, the misfit is an error that says how to declare the type. Declared types are never
//! changed.
//!
//! Files that know their types ([`RecordFile`]) need none of this.
//!
//! # Several inputs
//! They are one table, one after the other. All have the columns of the first, by name, in any order.

mod grow;
mod open;
mod piece;
mod scan;
mod types;

use tamis_contract::model::CsvFacts;
use tamis_engine::control::{Cancel, Progress};
use tamis_engine::framing::Framing;
use tamis_engine::kernel::Kernel;
use tamis_engine::pipeline::{CHUNK_BYTES_DEFAULT, RECORD_BYTES_MAX_DEFAULT};
use tamis_engine::source::Source;
use tamis_expr::Schema;
use tamis_formats::input::{Input, Shape};
use tamis_formats::jsonl::Path;
use tamis_formats::messages::MessageOptions;
use tamis_formats::sniff::Format;
use tamis_formats::vector::{Nulls, Reader, Type};

use crate::batches::Stored;
pub(crate) use open::{note_length, open as open_input};
pub use piece::{Layout, Piece};
pub use scan::{Scanned, Start};
pub use types::{Attempt, Misfit, settle};

#[cfg(doc)]
use tamis_formats::file::RecordFile;

/// How inputs are to be read.
#[derive(Clone, Debug)]
pub struct TableOptions {
    /// Worker threads.
    pub threads: usize,
    /// About how long a chunk is.
    pub chunk_bytes: usize,
    /// A record longer than this is an error.
    pub record_bytes_max: usize,
    /// The instruction set.
    pub kernel: Kernel,
    /// Format of the inputs; `None`: by name, then by content.
    pub format: Option<Format>,
    /// What is known of inputs that are streams of Protobuf messages.
    pub messages: Option<MessageOptions>,
    /// What is known of the CSV dialect.
    pub csv: CsvFacts,
    /// Columns whose type is declared.
    pub types: Vec<(String, Type)>,
    /// Leave out records that cannot be split into fields; else the first one is an error.
    pub skips_malformed: bool,
    /// Stops the run from outside.
    pub cancel: Cancel,
    /// Watches it.
    pub progress: Progress,
}

impl Default for TableOptions {
    fn default() -> TableOptions {
        TableOptions {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            chunk_bytes: CHUNK_BYTES_DEFAULT,
            record_bytes_max: RECORD_BYTES_MAX_DEFAULT,
            kernel: Kernel::detect(),
            format: None,
            messages: None,
            csv: CsvFacts::default(),
            types: Vec::new(),
            skips_malformed: false,
            cancel: Cancel::new(),
            progress: Progress::new(),
        }
    }
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name: that of the header, `column_1` without one, `customer.city` for a member of an object.
    pub name: String,
    /// What its values are, as far as is known.
    pub ty: Type,
    /// The type was declared, or the file states it: values that do not fit it are an error.
    pub is_declared: bool,
}

/// Inputs with typed columns.
#[derive(Debug)]
pub struct Table<'s> {
    sources: Vec<&'s dyn Source>,
    options: TableOptions,
    columns: Vec<Column>,
    /// How the first input stores the columns, if it is made of arrays.
    stored: Vec<Stored>,
    /// Where the values of JSON lines are, for each column.
    paths: Vec<Path>,
    /// How the first input is read.
    shape: Option<Shape>,
    /// The first input, until it is read.
    first: Option<Input>,
    /// The header record of the first input as it came.
    header_bytes: Vec<u8>,
    notes: Vec<String>,
    /// There are no more columns than these.
    is_complete: bool,
    /// The inputs are a part of what is read: later ones may have columns that these have not.
    grows: bool,
    /// Records are passed on as they come, so that all inputs must be written alike.
    is_uniform: bool,
}

impl Table<'_> {
    /// The columns. Those of JSON lines are the ones that the sample has; [`find`](Table::find) looks further.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The columns as expressions know them.
    pub(crate) fn schema(&self) -> Schema {
        let columns = self.columns.iter();
        Schema::new(columns.map(|column| (column.name.clone(), column.ty)))
    }

    /// How the first input stores a column, if it is made of arrays and nobody declared the column to be something else.
    pub(crate) fn stored(&self, column: usize) -> Option<&Stored> {
        let name = &self.columns[column].name;
        let mut declared = self.options.types.iter();
        let stored = self.stored.get(column);
        stored.filter(|_| declared.all(|(declared, _)| declared != name))
    }

    /// Whether the first input says what the values of a column are, and nobody declared them to be something else.
    pub(crate) fn is_stated(&self, column: usize) -> bool {
        let name = &self.columns[column].name;
        let mut declared = self.options.types.iter();
        self.shape.is_none() && declared.all(|(declared, _)| declared != name)
    }

    /// How the first input is read; `None` if it is not made of lines.
    pub fn shape(&self) -> Option<&Shape> {
        self.shape.as_ref()
    }

    /// The header record of the first input as it came, terminator included; empty if there is none.
    pub fn header_bytes(&self) -> &[u8] {
        &self.header_bytes
    }

    /// Where the records of the first input end.
    pub(crate) fn framing(&self) -> Framing {
        self.shape.as_ref().map_or(Framing::Lines, Shape::framing)
    }

    /// What was decided without being told, for people.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// How the inputs are read.
    pub fn options(&self) -> &TableOptions {
        &self.options
    }

    /// Makes every input an error that is written otherwise than the first, or has other columns, or in another order: for
    /// whoever passes records on as they come.
    pub fn require_uniform(&mut self) {
        self.is_uniform = true;
    }

    /// Whether all inputs can be read a second time.
    pub fn is_repeatable(&self) -> bool {
        self.sources.iter().all(|source| source.is_repeatable())
    }

    /// What makes readers of columns.
    pub fn readers(&self) -> Readers {
        Readers {
            nulls: match &self.options.csv.missing_values {
                Some(texts) => Nulls::declared(texts.clone()),
                None => Nulls::common(),
            },
            point: self.options.csv.decimal_char.unwrap_or(b'.'),
            kernel: self.options.kernel,
        }
    }
}

/// Makes readers of columns, one for each worker.
#[derive(Clone, Debug)]
pub struct Readers {
    nulls: Nulls,
    point: u8,
    kernel: Kernel,
}

impl Readers {
    /// Which texts of CSV stand for null.
    pub fn nulls(&self) -> &Nulls {
        &self.nulls
    }

    /// What stands between integer and fraction.
    pub fn point(&self) -> u8 {
        self.point
    }

    /// The instruction set.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// A reader of the columns of inputs laid out like this.
    pub fn of(&self, layout: &Layout) -> Reader {
        Reader::new(layout.dialect, self.point, self.nulls.clone(), self.kernel)
    }
}
