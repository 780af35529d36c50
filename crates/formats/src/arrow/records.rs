//! Files of record batches as files of records: their pieces as units that give blocks.

use arrow_array::StructArray;
use arrow_schema::DataType;

use super::file::{BatchFile, Piece, Pieces};
use super::proof::Proof;
use super::{Dictionaries, Leaf, Reader, Right, Spare, every_leaf};
use crate::columns::Batch;
use crate::file::{FileColumn, RecordFile, Unit, Units};
use crate::sniff::Format;
use crate::vector::Type;
use crate::{Totals, Visitor};

/// Rows of a unit, where nobody says how many: a row group as most write it.
pub const UNIT_ROWS: usize = 1 << 20;

/// Rows of a unit that is passed on as arrays, which stay in memory until they are written: a row group as we write it.
const PASSED_ROWS: usize = 128 << 10;

/// Threads that may want a unit each, where nobody says how many.
const UNIT_THREADS: usize = 8;

/// A file of record batches whose columns are all that have a name, members of structs among them.
#[derive(Debug)]
pub struct BatchRecords {
    file: Box<dyn BatchFile>,
    leaves: Vec<Leaf>,
    columns: Vec<FileColumn>,
}

impl BatchRecords {
    /// The records of `file`.
    pub fn new(file: Box<dyn BatchFile>) -> BatchRecords {
        let leaves = every_leaf(file.schema());
        let columns = leaves.iter().map(|leaf| FileColumn {
            name: leaf.name.clone(),
            ty: type_of(&leaf.data_type),
        });
        BatchRecords {
            columns: columns.collect(),
            leaves,
            file,
        }
    }
}

impl RecordFile for BatchRecords {
    fn format(&self) -> Format {
        self.file.format()
    }

    fn columns(&self) -> &[FileColumn] {
        &self.columns
    }

    fn backend(&self) -> &'static str {
        self.file.backend()
    }

    fn len_bytes(&self) -> Option<u64> {
        self.file.len_bytes()
    }

    fn rows(&self) -> Option<u64> {
        self.file.rows()
    }

    fn verify(&self) -> tamis_engine::Result<()> {
        self.file.verify()
    }

    fn units(&self, wanted: &[usize]) -> tamis_engine::Result<Units<'_>> {
        let wanted = wanted.iter().map(|&column| (column, Spare::default()));
        self.units_sparing(wanted, UNIT_ROWS)
    }

    fn units_passing(&self, wanted: &[usize], passed: &[bool]) -> tamis_engine::Result<Units<'_>> {
        let wanted = wanted.iter().zip(passed).map(|(&column, &is_passed)| {
            let spare = match is_passed {
                true => Spare {
                    values: Right::All,
                    nulls: true,
                },
                false => Spare::default(),
            };
            (column, spare)
        });
        self.units_sparing(wanted, PASSED_ROWS)
    }

    fn batches(&self) -> Option<&dyn BatchFile> {
        Some(self.file.as_ref())
    }

    fn data_types(&self) -> Vec<DataType> {
        let types = self.leaves.iter().map(|leaf| leaf.data_type.clone());
        types.collect()
    }
}

impl BatchRecords {
    /// The rows as blocks with these columns, each with what need not be looked at.
    fn units_sparing(
        &self,
        wanted: impl Iterator<Item = (usize, Spare)>,
        rows_max: usize,
    ) -> tamis_engine::Result<Units<'_>> {
        let wanted = wanted.map(|(column, spare)| Some((&self.leaves[column], spare)));
        let wanted: Vec<_> = wanted.collect();
        let (file, proof) = (self.file.as_ref(), Proof::default());
        units(
            file,
            &wanted,
            Arrays::Wanted,
            &proof,
            rows_max,
            UNIT_THREADS,
        )
    }
}

/// Which columns the arrays of a unit have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrays {
    /// Those that are wanted, and as few others as possible.
    Wanted,
    /// All of the file, as its schema has them.
    Whole,
}

/// The rows of `file` as blocks with these columns, each with what need not be looked at; `None`: a column that nobody
/// looks at, as in a row group one that `proof` has. Units have about `rows_max` rows at most where the format allows it, and
/// there are enough for `threads`.
///
/// # Errors
/// As [`BatchFile::select`]; [`Producer`](tamis_engine::Error::Producer) for a type that is no text, see [`Leaf::kind`].
pub fn units<'f>(
    file: &'f dyn BatchFile,
    wanted: &[Option<(&Leaf, Spare)>],
    arrays: Arrays,
    proof: &Proof,
    rows_max: usize,
    threads: usize,
) -> tamis_engine::Result<Units<'f>> {
    let choices = proof.choices(wanted.len());
    let mut readings = Vec::with_capacity(choices.len());
    for proven in &choices {
        let unproven = wanted.iter().zip(proven);
        let unproven = unproven.map(|(column, proven)| column.clone().filter(|_| !proven));
        let unproven: Vec<_> = unproven.collect();
        readings.push(reading(file, &unproven, arrays, rows_max, threads)?);
    }
    let proof = proof.clone();
    let units = std::iter::from_fn(move || {
        // All of them cut the file alike; each piece is read with the columns that its row group takes.
        let pieces = readings.iter_mut().map(|(pieces, _)| pieces.next());
        let pieces: Option<tamis_engine::Result<Vec<_>>> = pieces.collect();
        let mut pieces = match pieces? {
            Ok(pieces) => pieces,
            Err(error) => return Some(Err(error)),
        };
        let choice = proof.choice(&choices, pieces[0].row_group());
        Some(Ok(Box::new(PieceUnit {
            piece: pieces.swap_remove(choice),
            reader: readings[choice].1.clone(),
        }) as Box<dyn Unit>))
    });
    Ok(Box::new(units))
}

/// The pieces of a file with these columns, and what makes blocks of them.
fn reading<'f>(
    file: &'f dyn BatchFile,
    wanted: &[Option<(&Leaf, Spare)>],
    arrays: Arrays,
    rows_max: usize,
    threads: usize,
) -> tamis_engine::Result<(Pieces<'f>, Reader)> {
    let looked_at = wanted.iter().flatten();
    let mut leaves: Vec<Leaf> = looked_at.map(|(leaf, _)| (*leaf).clone()).collect();
    if arrays == Arrays::Whole {
        leaves.extend(every_leaf(file.schema()));
    }
    let selection = file.select(&leaves, rows_max, threads)?;
    let mut moved = selection.leaves.iter();
    let columns = wanted.iter().map(|column| {
        let (_, spare) = column.as_ref()?;
        let leaf = moved
            .next()
            .expect("there is one for each that is looked at");
        Some((leaf, spare.clone()))
    });
    let reader = Reader::new(columns);
    let reader = reader.map_err(|error| super::region::producer(file.name(), error))?;
    Ok((selection.pieces, reader))
}

/// A piece and what is wanted of it.
struct PieceUnit<'f> {
    piece: Box<dyn Piece + 'f>,
    reader: Reader,
}

impl Unit for PieceUnit<'_> {
    fn len_bytes(&self) -> u64 {
        self.piece.size().stored_bytes
    }

    fn plain_bytes(&self) -> u64 {
        self.piece.size().plain_bytes
    }

    fn visit(self: Box<Self>, visitor: &mut dyn Visitor) -> tamis_engine::Result<Totals> {
        self.visit_arrays(visitor, &mut |_| ())
    }

    fn visit_keeping(
        self: Box<Self>,
        visitor: &mut dyn Visitor,
        arrays: &mut Vec<StructArray>,
    ) -> tamis_engine::Result<Totals> {
        self.visit_arrays(visitor, &mut |array| arrays.push(array.clone()))
    }
}

impl PieceUnit<'_> {
    fn visit_arrays(
        self,
        visitor: &mut dyn Visitor,
        keep: &mut dyn FnMut(&StructArray),
    ) -> tamis_engine::Result<Totals> {
        let PieceUnit { piece, reader } = self;
        let mut rows = 0;
        let mut dictionaries = Dictionaries::default();
        piece.visit(&mut |array| {
            for slice in reader.slices_knowing(array, &mut dictionaries) {
                slice.for_each_block(&mut |block| {
                    rows += block.rows as u64;
                    visitor.block(block);
                })?;
            }
            keep(array);
            Ok(())
        })?;
        Ok(Totals {
            rows,
            ..Totals::default()
        })
    }
}

/// What values of this type are computed with. What has no type there is text: its JSON, or how it is written.
fn type_of(data_type: &DataType) -> Type {
    match data_type {
        DataType::Null => Type::Null,
        DataType::Boolean => Type::Boolean,
        integer if integer.is_integer() => Type::Integer,
        number if number.is_floating() || number.is_decimal() => Type::Number,
        DataType::Date32 | DataType::Date64 => Type::Date,
        DataType::Time32(_) | DataType::Time64(_) => Type::Time,
        DataType::Timestamp(..) => Type::Timestamp,
        DataType::Duration(_) => Type::Integer,
        DataType::Dictionary(_, values) => type_of(values),
        DataType::RunEndEncoded(_, values) => type_of(values.data_type()),
        _ => Type::Text,
    }
}
