//! Arrow record batches as blocks: the columns that have rules, and no others.
//!
//! ```text
//! RecordBatch ─ the arrays of the wanted columns ─► Slice (some ten thousand rows) ─► Block, Block, ...
//! ```
//!
//! Text is used where it lies: of a `Utf8` array only the offsets are rewritten, from 2,048 rows at a time, so that they
//! fit 32 bits whatever the size of the array. Views that share no buffer are gathered; numbers and
//! moments are written as text ([`number`], [`moment`]), since that is what rules are held against. A string is
//! [`Kind::Text`], as a field of a CSV is; what has a type in Arrow keeps it. Of most numbers and moments it can be said
//! without a text that they are right ([`spare`]), and then none is written.
//!
//! Members of a struct are columns of their own, called `struct.member`. A list has no members here: its text is its JSON
//! ([`nested`]). Bytes are taken for text.

#[cfg(feature = "parquet")]
pub mod build;
#[cfg(feature = "parquet")]
pub(crate) mod cut;
pub(crate) mod dictionary;
#[cfg(feature = "parquet")]
pub mod file;
#[cfg(feature = "parquet")]
pub mod gather;
mod moment;
mod nested;
mod number;
#[cfg(feature = "parquet")]
pub(crate) mod open;
#[cfg(feature = "parquet")]
pub mod panics;
#[cfg(feature = "parquet")]
pub mod proof;
#[cfg(feature = "parquet")]
pub mod records;
#[cfg(feature = "parquet")]
pub(crate) mod region;
#[cfg(feature = "parquet")]
pub mod render;
#[cfg(feature = "parquet")]
pub mod row;
mod spare;
#[cfg(feature = "parquet")]
mod stretch;
mod text;
#[cfg(feature = "parquet")]
mod unpack;
#[cfg(feature = "parquet")]
pub mod write;

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StructArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Fields, Schema};

use crate::block::{Column, Kinds};
use crate::columns::{BLOCK_ROWS, Batch};
use crate::{Block, Error, Kind};
use dictionary::Dictionary;
pub use spare::{Right, Spare, Texts};
#[cfg(feature = "parquet")]
pub use stretch::Stretch;
use text::{Loaded, Text};

/// Rows of a [`Slice`]: enough to be worth a thread's while, few enough that one batch keeps all threads busy.
const SLICE_ROWS: usize = 32 << 10;

/// A column, or a member of a struct, with the name a contract knows it by.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaf {
    /// `amount`, or `customer.city` for a member.
    pub name: String,
    /// Its index in the schema, then in each struct.
    path: Vec<usize>,
    pub(crate) data_type: DataType,
}

/// The columns of `schema` under the names of a contract's: a struct is one column, unless `known` has names
/// of its members.
pub fn leaves(schema: &Schema, known: &[String]) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    add_leaves(schema.fields(), "", &[], known, &mut leaves);
    leaves
}

fn add_leaves(
    fields: &Fields,
    prefix: &str,
    parent: &[usize],
    known: &[String],
    leaves: &mut Vec<Leaf>,
) {
    for (index, field) in fields.iter().enumerate() {
        let name = format!("{prefix}{}", field.name());
        let path = [parent, &[index]].concat();
        let members = match field.data_type() {
            DataType::Struct(members) => {
                let prefix = format!("{name}.");
                let is_known = known.iter().any(|known| known.starts_with(&prefix));
                is_known.then_some((prefix, members))
            }
            _ => None,
        };
        if members.is_none() || known.contains(&name) {
            leaves.push(Leaf {
                name,
                path: path.clone(),
                data_type: field.data_type().clone(),
            });
        }
        if let Some((prefix, members)) = members {
            add_leaves(members, &prefix, &path, known, leaves);
        }
    }
}

/// All columns that are no structs, and the members of those that are.
#[cfg(feature = "parquet")]
pub(crate) fn every_leaf(schema: &Schema) -> Vec<Leaf> {
    fn add(fields: &Fields, prefix: &str, parent: &[usize], leaves: &mut Vec<Leaf>) {
        for (index, field) in fields.iter().enumerate() {
            let name = format!("{prefix}{}", field.name());
            let path = [parent, &[index]].concat();
            match field.data_type() {
                DataType::Struct(members) => add(members, &format!("{name}."), &path, leaves),
                data_type => leaves.push(Leaf {
                    name,
                    path,
                    data_type: data_type.clone(),
                }),
            }
        }
    }
    let mut leaves = Vec::new();
    add(schema.fields(), "", &[], &mut leaves);
    leaves
}

impl Leaf {
    /// Its index in the schema, then in each struct.
    #[cfg(feature = "parquet")]
    pub(crate) fn path(&self) -> &[usize] {
        &self.path
    }

    /// The same column at another place.
    #[cfg(feature = "parquet")]
    pub(crate) fn moved(&self, path: Vec<usize>) -> Leaf {
        Leaf {
            path,
            ..self.clone()
        }
    }

    /// What the values are.
    ///
    /// # Errors
    /// [`Error::UnsupportedType`] for intervals, unions and the like.
    pub fn kind(&self) -> Result<Kind, Error> {
        let data_type = match &self.data_type {
            DataType::Dictionary(_, values) => values,
            DataType::RunEndEncoded(_, values) => values.data_type(),
            other => other,
        };
        Ok(match data_type {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Kind::Text,
            // Writers that do not know better store texts as bytes.
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => Kind::Text,
            DataType::Boolean => Kind::Boolean,
            DataType::Null => Kind::Null,
            DataType::Struct(_) | DataType::Map(..) => Kind::Object,
            DataType::List(_)
            | DataType::LargeList(_)
            | DataType::ListView(_)
            | DataType::LargeListView(_)
            | DataType::FixedSizeList(..) => Kind::Array,
            number if number::is_number(number) => Kind::Number,
            moment if moment::is_moment(moment) => Kind::String,
            _ => {
                return Err(self.unsupported("cast it to a string or a number, or drop its rules"));
            }
        })
    }

    /// How two moments of a column of moments are written, one with a fraction and one without, if its type has fractions.
    /// All of the years 1 to 9999 are written like one of them.
    pub fn moments(&self) -> Option<[String; 2]> {
        moment::examples(&self.data_type)
    }

    /// The error for a column of this type.
    pub fn unsupported(&self, remedy: &'static str) -> Error {
        Error::UnsupportedType {
            column: self.name.clone(),
            data_type: self.data_type.to_string(),
            remedy,
        }
    }
}

/// Which columns of the batches of a schema go where in the blocks.
#[derive(Clone, Debug)]
pub struct Reader {
    columns: Arc<[Wanted]>,
}

/// A column of the blocks.
#[derive(Clone, Debug)]
struct Wanted {
    /// What errors call it.
    name: String,
    kind: Kind,
    /// Where it is in a batch; `None` if nobody looks at it.
    path: Option<Vec<usize>>,
    spare: Spare,
}

impl Reader {
    /// A reader of blocks with these columns, each with what need not be looked at; `None`: a column that is not there or
    /// that nobody looks at.
    ///
    /// # Errors
    /// As [`Leaf::kind`].
    pub fn new<'l>(
        columns: impl IntoIterator<Item = Option<(&'l Leaf, Spare)>>,
    ) -> Result<Reader, Error> {
        let wanted = columns.into_iter().map(|leaf| match leaf {
            // Text may be of any type, so no type is found to be wrong where nobody looks.
            None => Ok(Wanted {
                name: String::new(),
                kind: Kind::Text,
                path: None,
                spare: Spare::default(),
            }),
            Some((leaf, spare)) => Ok(Wanted {
                name: leaf.name.clone(),
                kind: leaf.kind()?,
                path: Some(leaf.path.clone()),
                spare,
            }),
        });
        Ok(Reader {
            columns: wanted.collect::<Result<_, Error>>()?,
        })
    }

    /// The rows of a batch of the schema (a record batch is a struct of its columns), cut so that many threads can look
    /// at them. Columns that nobody looks at are let go.
    pub fn slices(&self, batch: &StructArray) -> impl Iterator<Item = Slice> + use<> {
        self.slices_knowing(batch, &mut Dictionaries::default())
    }

    /// The same, knowing the dictionaries of the batch before, which has the same as a rule.
    pub fn slices_knowing(
        &self,
        batch: &StructArray,
        known: &mut Dictionaries,
    ) -> impl Iterator<Item = Slice> + use<> {
        let rows = batch.len();
        known.0.resize(self.columns.len(), None);
        let sources = self
            .columns
            .iter()
            .zip(&mut known.0)
            .map(|(wanted, known)| {
                let (first, members) = wanted.path.as_ref()?.split_first()?;
                let mut array = batch.column(*first);
                let mut nulls = NullBuffer::union(batch.nulls(), array.nulls());
                for &member in members {
                    array = array.as_struct().column(member);
                    // What is in a struct that is null is null.
                    nulls = NullBuffer::union(nulls.as_ref(), array.nulls());
                }
                if matches!(wanted.spare.values, Right::All) {
                    // Values that are passed on unread need be no text at all.
                    *known = None;
                } else if !known.as_ref().is_some_and(|known| known.is_of(array)) {
                    *known = match Dictionary::of(&wanted.name, array, &wanted.spare).transpose() {
                        Ok(dictionary) => dictionary.map(Arc::new),
                        Err(error) => return Some(Err(error)),
                    };
                }
                Some(Ok(Source {
                    array: Arc::clone(array),
                    nulls: nulls.filter(|nulls| nulls.null_count() > 0),
                    #[cfg(feature = "parquet")]
                    is_member: !members.is_empty(),
                    dictionary: known.clone(),
                }))
            });
        let batch = Arc::new(Sources {
            columns: Arc::clone(&self.columns),
            sources: sources.collect(),
        });
        (0..rows).step_by(SLICE_ROWS).map(move |first| Slice {
            batch: Arc::clone(&batch),
            rows: first..rows.min(first + SLICE_ROWS),
        })
    }
}

/// A stretch of rows of a batch.
#[derive(Clone, Debug)]
pub struct Slice {
    batch: Arc<Sources>,
    rows: Range<usize>,
}

/// A batch, without the columns that nobody looks at.
#[derive(Debug)]
struct Sources {
    columns: Arc<[Wanted]>,
    /// One for each of the columns.
    sources: Vec<Option<Result<Source, Error>>>,
}

/// What is known of the dictionaries of a batch, for those that follow: one for each column of the blocks.
#[derive(Debug, Default)]
pub struct Dictionaries(Vec<Option<Arc<Dictionary>>>);

/// A column of a batch.
#[derive(Debug)]
struct Source {
    array: ArrayRef,
    /// `None` if there are none.
    nulls: Option<NullBuffer>,
    /// It is a member of a struct, whose nulls are among these.
    #[cfg(feature = "parquet")]
    is_member: bool,
    /// The values, if the array holds keys of them.
    dictionary: Option<Arc<Dictionary>>,
}

impl Source {
    /// Finds or writes the text of these rows, as far as it is asked for.
    fn load<'s>(
        &'s self,
        wanted: &Wanted,
        rows: Range<usize>,
        text: &'s mut Text,
    ) -> Result<Loaded<'s>, Error> {
        let nulls = self.nulls.as_ref();
        let array = self.array.as_ref();
        if self.are_spare(wanted, rows.clone(), text) {
            return Ok(Loaded {
                suspects: Some(&text.suspects),
                ..Loaded::default()
            });
        }
        match &self.dictionary {
            Some(dictionary) => dictionary.load(&wanted.name, array, nulls, rows, text),
            None => text.load(array, nulls, rows)?.checked(&wanted.name),
        }
    }

    /// Whether it is known of all these rows that no rule finds anything wrong with them. Otherwise it is of those that are
    /// no suspects, if there are bits for these.
    fn are_spare(&self, wanted: &Wanted, rows: Range<usize>, text: &mut Text) -> bool {
        let (array, suspects) = (self.array.as_ref(), &mut text.suspects);
        suspects.clear();
        let is_marked = match &self.dictionary {
            Some(dictionary) => dictionary.mark_values(array, rows.clone(), suspects),
            None => wanted.spare.mark_values(array, rows.clone(), suspects),
        };
        if let (true, Some(nulls)) = (is_marked, &self.nulls) {
            wanted.spare.mark_nulls(nulls, rows, suspects);
        }
        is_marked && suspects.iter().all(|&word| word == 0)
    }
}

impl Slice {
    /// Whether there is no text that anybody asks for, so that all rows make one block.
    fn are_spare(&self, texts: &mut [Text]) -> bool {
        let columns = self.batch.columns.iter().zip(&self.batch.sources);
        let mut columns = columns.zip(texts);
        columns.all(|((wanted, source), text)| match source {
            None => true,
            Some(Ok(source)) => source.are_spare(wanted, self.rows.clone(), text),
            Some(Err(_)) => false,
        })
    }

    /// Calls `visit` with rows that fit into a block; a block of fewer rows if their text is too long for one.
    fn visit_rows(
        &self,
        rows: Range<usize>,
        texts: &mut [Text],
        visit: &mut dyn FnMut(&Block<'_>),
    ) -> Result<(), Error> {
        let mut columns = Vec::with_capacity(texts.len());
        let mut failed = None;
        for ((wanted, source), text) in self
            .batch
            .columns
            .iter()
            .zip(&self.batch.sources)
            .zip(texts.iter_mut())
        {
            let loaded = match source {
                // Nobody looks: there is no row that must be judged.
                None => Loaded {
                    suspects: Some(&[]),
                    ..Loaded::default()
                },
                Some(source) => {
                    let source = source.as_ref().map_err(Error::clone);
                    match source.and_then(|source| source.load(wanted, rows.clone(), text)) {
                        Ok(loaded) => loaded,
                        Err(error) => {
                            failed = Some(error);
                            break;
                        }
                    }
                }
            };
            columns.push(Column {
                bytes: loaded.bytes,
                index: loaded.index,
                kinds: Kinds::All(wanted.kind),
                ascii: loaded.ascii,
                suspects: loaded.suspects,
            });
        }
        match failed {
            None => {
                #[cfg(feature = "parquet")]
                let stretch = Stretch::new(self, &rows);
                visit(&Block {
                    #[cfg(feature = "parquet")]
                    origin: Some(&stretch),
                    ..Block::apart(&columns, rows.len())
                });
                Ok(())
            }
            Some(Error::ValueTooLong { .. }) if rows.len() > 1 => {
                drop(columns);
                let middle = rows.start + rows.len() / 2;
                self.visit_rows(rows.start..middle, texts, visit)?;
                self.visit_rows(middle..rows.end, texts, visit)
            }
            Some(error) => Err(error),
        }
    }
}

impl Batch for Slice {
    fn for_each_block(&self, visit: &mut dyn FnMut(&Block<'_>)) -> Result<(), Error> {
        let mut texts = vec![Text::default(); self.batch.columns.len()];
        if self.are_spare(&mut texts) {
            return self.visit_rows(self.rows.clone(), &mut texts, visit);
        }
        for first in self.rows.clone().step_by(BLOCK_ROWS) {
            let rows = first..self.rows.end.min(first + BLOCK_ROWS);
            self.visit_rows(rows, &mut texts, visit)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
