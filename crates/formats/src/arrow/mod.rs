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
//! A text that is empty and not null is a [`Kind::String`], so that nobody takes it for null; a reader may be told to take it
//! for null nevertheless ([`EmptyText`]).
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
#[cfg(feature = "parquet")]
mod leaf;
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
use arrow_schema::DataType;

use crate::block::{Column, Kinds};
use crate::columns::{BLOCK_ROWS, Batch};
use crate::{Block, Error, Kind};
use dictionary::Dictionary;
#[cfg(feature = "parquet")]
pub(crate) use leaf::every_leaf;
pub use leaf::{Leaf, leaves};
pub use spare::{Right, Spare, Texts};
#[cfg(feature = "parquet")]
pub use stretch::Stretch;
use text::{Loaded, Text};

/// Rows of a [`Slice`]: enough to be worth a thread's while, few enough that one batch keeps all threads busy.
const SLICE_ROWS: usize = 32 << 10;

/// What a text without a single character is, where it is not null.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmptyText {
    /// A value, as in JSON.
    #[default]
    Value,
    /// Null, as in CSV.
    Null,
}

/// Which columns of the batches of a schema go where in the blocks.
#[derive(Clone, Debug)]
pub struct Reader {
    columns: Arc<[Wanted]>,
    empty_text: EmptyText,
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
    /// [`Error::NoText`] for a column whose text is asked for and whose type has none.
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
                kind: match (leaf.kind(), &spare.values) {
                    (Ok(kind), _) => kind,
                    // Nobody asks what passes unread.
                    (Err(_), Right::All) => Kind::Text,
                    (Err(_), _) => return Err(leaf.has_no_text()),
                },
                path: Some(leaf.path.clone()),
                spare,
            }),
        });
        Ok(Reader {
            columns: wanted.collect::<Result<_, Error>>()?,
            empty_text: EmptyText::default(),
        })
    }

    /// The same, with other empty texts.
    #[must_use]
    pub fn with_empty_text(self, empty_text: EmptyText) -> Reader {
        Reader { empty_text, ..self }
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
                if let (DataType::Union(..), Some(1..)) = (
                    array.data_type(),
                    nulls.as_ref().map(NullBuffer::null_count),
                ) {
                    return Some(Err(Error::NotWhole {
                        column: wanted.name.clone(),
                        data_type: array.data_type().to_string(),
                        reason: "which cannot be null where the struct around them is",
                    }));
                }
                if matches!(wanted.spare.values, Right::All) {
                    // Values that are passed on unread need be no text at all.
                    *known = None;
                } else if !known.as_ref().is_some_and(|known| known.is_of(array)) {
                    let (name, spare) = (&wanted.name, &wanted.spare);
                    let dictionary = Dictionary::of(name, array, spare, self.empty_text);
                    *known = match dictionary.transpose() {
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
            empty_text: self.empty_text,
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
    empty_text: EmptyText,
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
            None => {
                let loaded = text.load(array, nulls, rows);
                let loaded = loaded.map_err(|error| error.within(&wanted.name))?;
                loaded.checked(&wanted.name, array.data_type())
            }
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
                kinds: match (loaded.kinds, self.batch.empty_text) {
                    (Some(kinds), EmptyText::Value) => Kinds::Each(kinds),
                    _ => Kinds::All(wanted.kind),
                },
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
