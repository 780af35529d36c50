//! Good rows of text and of messages in another format than theirs.
//!
//! Columns have the types that the contract gives them, and text where it gives none or says itself how a value is written
//! (`format: dd.MM.yyyy`); those of messages have the types of their schema. So what is written keeps the contract, too. A
//! good row that its column cannot hold (an integer beyond 64 bits), or with a key that has no column, ends the run:
//! nothing of a good record is lost silently.

use std::collections::HashSet;

use tamis_engine::kernel::{DateTimeShape, Kernel};
use tamis_formats::csv::{self, Dialect};
use tamis_formats::file::FileColumn;
use tamis_formats::input::Shape;
use tamis_formats::jsonl;
use tamis_formats::sniff::Format;
use tamis_formats::vector::{Nulls, Reader, Type, Vector};
use tamis_formats::write::{Lines, write_delimited_field, write_json_field, write_json_string};
use tamis_formats::{Block, Kind};

use super::columns::{self, Schema};
use super::good::unwritable;
use super::is_columnar;
use super::misfit::Misfit;
use crate::check::CheckError;
use crate::check::compile::Compiled;
use crate::check::layout::Layout;
use crate::check::value::{Constraint, Temporal, TypeCheck, ValueCheck};
use crate::check::worker::for_each_bit;

/// Keys of JSON records that are told apart when it is looked for some without a column.
const KEYS_MAX: usize = 10_000;

/// How the rows of an input are to be written.
#[derive(Debug)]
pub(crate) struct Translation {
    to: To,
    columns: Vec<Column>,
    /// How fields of the input are written, if it is CSV.
    from: Option<Dialect>,
    /// Stands between integer and fraction.
    point: u8,
    nulls: Nulls,
    /// JSON records may have keys that none of the columns takes.
    may_lose_keys: bool,
    /// In front of each column's value in JSON.
    keys: Vec<Vec<u8>>,
}

/// What rows become.
#[derive(Clone, Copy, Debug)]
enum To {
    Lines(Lines),
    /// Rows of typed columns, in a file of this format.
    Columns(Format),
}

/// A column of the file.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) ty: Type,
    /// A timestamp that has no zone.
    #[cfg_attr(
        not(feature = "parquet"),
        expect(dead_code, reason = "only columns with types have zones")
    )]
    pub(crate) is_local: bool,
    /// Its column in the blocks.
    place: usize,
    /// The keys that lead to it, in JSON.
    path: Vec<String>,
}

impl Translation {
    /// Of text into a file called `good`.
    ///
    /// # Errors
    /// [`CheckError::Output`] for a format that cannot be written, and columns that cannot be told apart.
    pub(super) fn of_text(
        good: &str,
        format: Format,
        compiled: &Compiled,
        shape: &Shape,
        layout: &Layout,
    ) -> Result<Translation, CheckError> {
        let is_json = matches!(shape, Shape::Jsonl);
        let (from, header) = match shape {
            Shape::Csv { dialect, header } => (Some(*dialect), header.as_ref()),
            Shape::Jsonl => (None, None),
        };
        let mut columns = Vec::new();
        for (index, column) in compiled.columns.iter().enumerate() {
            // The members of an object are columns, and then it is none itself.
            let is_parent =
                |path: &[String]| path.len() > column.path.len() && path.starts_with(&column.path);
            let has_members = || compiled.columns.iter().any(|other| is_parent(&other.path));
            if let Some(place) = layout.place(index)
                && !(is_json && has_members())
            {
                let (ty, is_local) = type_of(&column.values);
                columns.push(Column {
                    name: column.name(),
                    ty,
                    is_local,
                    place,
                    path: column.path.clone(),
                });
            }
        }
        for (place, name) in header
            .iter()
            .flat_map(|header| header.names.iter().enumerate())
        {
            match columns.iter_mut().find(|column| column.place == place) {
                Some(column) => column.name.clone_from(name),
                None => columns.push(Column::text(name, place)),
            }
        }
        if !is_json {
            columns.sort_by_key(|column| column.place);
        }
        let nulls = compiled
            .columns
            .first()
            .map(|column| &column.values.null_texts);
        let nulls = nulls
            .into_iter()
            .flatten()
            .map(|text| String::from_utf8_lossy(text).into());
        Translation {
            from,
            point: if is_json {
                b'.'
            } else {
                compiled.csv.decimal_char.unwrap_or(b'.')
            },
            nulls: Nulls::declared(nulls.collect()),
            may_lose_keys: is_json,
            ..Translation::new(good, format, columns)?
        }
        .checked(good)
    }

    /// Of messages: `columns` are those of their schema, and `place` says where each is in the blocks.
    ///
    /// # Errors
    /// As [`of_text`](Self::of_text).
    pub(super) fn of_messages(
        good: &str,
        format: Format,
        columns: &[FileColumn],
        place: &mut dyn FnMut(usize) -> usize,
    ) -> Result<Translation, CheckError> {
        let columns = columns.iter().enumerate().map(|(index, column)| Column {
            ty: column.ty,
            ..Column::text(&column.name, place(index))
        });
        Translation::new(good, format, columns.collect())?.checked(good)
    }

    fn new(good: &str, format: Format, columns: Vec<Column>) -> Result<Translation, CheckError> {
        let to = match Lines::of(format) {
            Some(lines) => To::Lines(lines),
            None if is_columnar(format) && columns::ARE_BUILT_IN => To::Columns(format),
            None => return Err(unwritable(good, format)),
        };
        let keys = columns.iter().enumerate().map(|(at, column)| {
            let mut key = vec![if at == 0 { b'{' } else { b',' }];
            write_json_string(column.name.as_bytes(), &mut key);
            key.push(b':');
            key
        });
        Ok(Translation {
            keys: keys.collect(),
            to,
            columns,
            from: None,
            point: b'.',
            nulls: Nulls::declared(Vec::new()),
            may_lose_keys: false,
        })
    }

    /// Two columns of one name could not be told apart.
    fn checked(self, good: &str) -> Result<Translation, CheckError> {
        let mut seen = HashSet::new();
        let mut columns = self.columns.iter();
        match columns.find(|column| !seen.insert(&column.name)) {
            None => Ok(self),
            Some(column) => Err(CheckError::Output {
                output: good.to_owned(),
                reason: format!("the input has the column `{}` twice", column.name),
            }),
        }
    }

    /// The columns of the file, if it is one of columns.
    pub(super) fn schema(&self) -> Option<Schema<'_>> {
        match self.to {
            To::Columns(format) => Some(Schema::Typed(format, &self.columns)),
            To::Lines(_) => None,
        }
    }

    pub(super) fn lines(&self) -> Option<Lines> {
        match self.to {
            To::Lines(lines) => Some(lines),
            To::Columns(_) => None,
        }
    }

    pub(super) fn header(&self) -> Vec<u8> {
        let names = self.columns.iter().map(|column| column.name.as_bytes());
        self.lines()
            .map_or_else(Vec::new, |lines| lines.header(names))
    }
}

impl Column {
    fn text(name: &str, place: usize) -> Column {
        Column {
            name: name.to_owned(),
            ty: Type::Text,
            is_local: false,
            place,
            path: Vec::new(),
        }
    }
}

/// The type of a column with these rules, and whether its timestamps have no zone.
fn type_of(values: &ValueCheck) -> (Type, bool) {
    let ty = match &values.kind {
        Some((TypeCheck::Number, _)) => Type::Number,
        Some((TypeCheck::Integer, _)) => Type::Integer,
        Some((TypeCheck::Boolean, _)) => Type::Boolean,
        Some((TypeCheck::Temporal(Temporal::Iso(shape)), _)) => match shape {
            DateTimeShape::Date => Type::Date,
            DateTimeShape::Time => Type::Time,
            DateTimeShape::DateTime => Type::Timestamp,
        },
        _ => Type::Text,
    };
    let has_no_zone = |constraint: &Constraint| matches!(constraint, Constraint::Zone(false));
    let mut constraints = values.constraints.iter();
    let is_local = constraints.any(|(constraint, _)| has_no_zone(constraint));
    (ty, is_local)
}

/// Writes the good rows of one chunk.
pub(crate) struct Translator<'t> {
    translation: &'t Translation,
    reader: Reader,
    kernel: Kernel,
    vector: Vector,
    builder: Option<columns::Builder>,
    scratch: Vec<u8>,
    known: HashSet<&'t [String]>,
}

impl<'t> Translator<'t> {
    pub(crate) fn new(translation: &'t Translation, kernel: Kernel) -> Translator<'t> {
        let Translation {
            to,
            columns,
            from,
            point,
            nulls,
            ..
        } = translation;
        Translator {
            translation,
            reader: Reader::new(*from, *point, nulls.clone(), kernel),
            kernel,
            vector: Vector::default(),
            builder: matches!(to, To::Columns(_)).then(|| columns::Builder::new(columns)),
            scratch: Vec::new(),
            known: columns
                .iter()
                .map(|column| column.path.as_slice())
                .collect(),
        }
    }

    /// Appends the rows of a block whose bits are set in `good`: as lines to `out`, or to the rows that
    /// [`finish`](Self::finish) gives.
    ///
    /// # Errors
    /// The first row, of the block, that cannot be written.
    pub(crate) fn write(
        &mut self,
        block: &Block<'_>,
        good: &[u64],
        out: &mut Vec<u8>,
    ) -> Result<(), Misfit> {
        if self.translation.may_lose_keys {
            self.find_lost_keys(block, good)?;
        }
        match self.translation.to {
            To::Columns(_) => self.build(block, good),
            To::Lines(lines) => {
                for_each_bit(good, |row| self.write_line(block, row, lines, out));
                Ok(())
            }
        }
    }

    /// The rows so far, if they are no lines.
    ///
    /// # Errors
    /// Why they cannot be put together.
    pub(crate) fn finish(self) -> Result<Option<columns::Rows>, Misfit> {
        let rows = self.builder.map(columns::Builder::finish).transpose();
        rows.map_err(|error| Misfit::rows(error.to_string()))
    }

    fn build(&mut self, block: &Block<'_>, good: &[u64]) -> Result<(), Misfit> {
        let Some(builder) = &mut self.builder else {
            return Ok(());
        };
        let mut first: Option<Misfit> = None;
        for (at, column) in self.translation.columns.iter().enumerate() {
            let (place, ty) = (column.place, column.ty);
            let read = self
                .reader
                .read_declared(block, place, ty, good, &mut self.vector);
            let found = match read {
                Err(misfit) => Misfit::value(misfit.row, &column.name, ty, &misfit.text),
                Ok(()) => {
                    let bytes = block.column(place).bytes;
                    match builder.add(at, &self.vector, bytes, good) {
                        Ok(()) => continue,
                        Err(error) => Misfit::rows(error.to_string()),
                    }
                }
            };
            if first.as_ref().is_none_or(|first| found.row < first.row) {
                first = Some(found);
            }
        }
        first.map_or(Ok(()), Err)
    }

    fn write_line(&mut self, block: &Block<'_>, row: usize, lines: Lines, out: &mut Vec<u8>) {
        let translation = self.translation;
        let from = translation.from.as_ref();
        match lines {
            Lines::Delimited(to) => {
                let start = out.len();
                for (at, column) in translation.columns.iter().enumerate() {
                    if at > 0 {
                        out.push(to.delimiter);
                    }
                    let place = (row, column.place);
                    write_delimited_field(block, place, from, &to, &mut self.scratch, out);
                }
                if out.len() == start {
                    // Without a quote it would be a blank line, and those are no records.
                    csv::write_field(b"", &to, out);
                }
                out.push(b'\n');
            }
            Lines::Json { .. } => {
                let mut object = Vec::new();
                for (key, column) in translation.keys.iter().zip(&translation.columns) {
                    object.extend_from_slice(key);
                    let place = (row, column.place);
                    if self.is_null(block, row, column) {
                        object.extend_from_slice(b"null");
                        continue;
                    }
                    let read_as = (column.ty, translation.point);
                    write_json_field(block, place, from, read_as, &mut self.scratch, &mut object);
                }
                object.push(b'}');
                lines.push_json(&object, out);
            }
        }
    }

    fn is_null(&mut self, block: &Block<'_>, row: usize, column: &Column) -> bool {
        match block.kind(row, column.place) {
            Kind::Null | Kind::Missing => true,
            Kind::Text => {
                let raw = block.column(column.place).field(row);
                let text = match &self.translation.from {
                    Some(dialect) => csv::decode(raw, dialect, &mut self.scratch),
                    None => raw,
                };
                self.translation.nulls.is_null(text, column.ty)
            }
            _ => false,
        }
    }

    /// Fails for keys of good records that none of the columns takes.
    fn find_lost_keys(&self, block: &Block<'_>, good: &[u64]) -> Result<(), Misfit> {
        let mut records = Vec::new();
        for_each_bit(good, |row| {
            records.extend_from_slice(block.bytes[block.record(row)].trim_ascii());
            records.push(b'\n');
        });
        let found = jsonl::discover(&records, KEYS_MAX, self.kernel);
        let mut fields = found.fields.iter();
        let lost = fields.find(|(path, kinds)| {
            let keys = path.keys();
            let is_taken = (0..=keys.len()).any(|depth| self.known.contains(&keys[..depth]));
            // Of an object without members nothing is lost but that it is there.
            let mut values = *kinds;
            values.remove(Kind::Object);
            values.remove(Kind::Null);
            let is_parent = || self.known.iter().any(|known| known.starts_with(keys));
            !(is_taken || values.is_empty() && is_parent())
        });
        match lost {
            None => Ok(()),
            Some((path, _)) => Err(Misfit::key(path.to_string())),
        }
    }
}
