//! Files whose records come as Arrow arrays, piece by piece: what Parquet and Arrow IPC have in common.
//!
//! ```text
//! BatchFile ─ select(columns) ─► Piece, Piece, ...  ─ visit, on any thread ─► StructArray, StructArray, ...
//! ```
//!
//! A [`Piece`] is what one thread takes at a time: a row group or some rows of one, a record batch. Its rows come as
//! arrays of some ten thousand, so that a thread holds little and finds what it has just decoded in its cache.

use std::fmt::Debug;

use arrow_array::StructArray;
use arrow_schema::SchemaRef;

use super::proof::Statistics;
use super::{Leaf, panics};
use crate::Error;
use crate::sniff::Format;

/// A file of record batches.
pub trait BatchFile: Debug + Send + Sync {
    /// The input's name as the user gave it.
    fn name(&self) -> &str;

    /// Parquet or one of Arrow's.
    fn format(&self) -> Format;

    /// The columns.
    fn schema(&self) -> &SchemaRef;

    /// How many rows there are, if the file says so.
    fn rows(&self) -> Option<u64>;

    /// How its bytes are read, for `--perf`.
    fn backend(&self) -> &'static str;

    /// Its size as stored, if that is known.
    fn len_bytes(&self) -> Option<u64>;

    /// The pieces of the file in order, with these columns of [`schema`](BatchFile::schema) and as few others as possible;
    /// pieces of at most about `rows_max` rows where the format allows it, and enough of them for `threads`. Texts that are
    /// stored as keys of a dictionary may come as such, whatever the schema calls them.
    ///
    /// # Errors
    /// When the file cannot be read, or a second time if it is a stream.
    fn select(
        &self,
        wanted: &[Leaf],
        rows_max: usize,
        threads: usize,
    ) -> tamis_engine::Result<Selection<'_>>;

    /// What the file says of the values of a column of [`schema`](BatchFile::schema) in each row group, if it says anything. Nobody has checked it.
    fn statistics(&self, leaf: &Leaf) -> Option<Statistics> {
        let _ = leaf;
        None
    }

    /// Checks that the file is what was opened.
    ///
    /// # Errors
    /// [`Changed`](tamis_engine::Error::Changed).
    fn verify(&self) -> tamis_engine::Result<()>;
}

/// Some columns of a file.
pub struct Selection<'f> {
    /// The wanted columns, as they lie in the arrays of the pieces.
    pub leaves: Vec<Leaf>,
    /// The rows.
    pub pieces: Pieces<'f>,
}

/// The pieces of a file.
pub type Pieces<'f> =
    Box<dyn Iterator<Item = tamis_engine::Result<Box<dyn Piece + 'f>>> + Send + 'f>;

/// Takes the arrays of a piece, in order.
pub type VisitArray<'v> = dyn FnMut(&StructArray) -> Result<(), Error> + 'v;

/// Some consecutive rows of a file.
pub trait Piece: Send {
    /// What it takes to read it.
    fn size(&self) -> PieceSize;

    /// The row group that it is of, in files of such.
    fn row_group(&self) -> usize {
        0
    }

    /// Decodes the rows and hands them to `visit`, which may end it with an error.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged, and whatever `visit` returns.
    fn visit(self: Box<Self>, visit: &mut VisitArray<'_>) -> tamis_engine::Result<()>;
}

/// How large a piece is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PieceSize {
    /// Its share of the file, in bytes.
    pub stored_bytes: u64,
    /// The bytes of the wanted columns, decompressed.
    pub plain_bytes: u64,
}

/// Calls a library's decoder. On damaged input some panic where they should return an error, and then that is the error.
pub(crate) fn decode<T>(
    place: impl Fn() -> String,
    decoder: impl FnOnce() -> Result<T, String>,
) -> Result<T, Error> {
    panics::caught(decoder).map_err(|message| Error::Damaged {
        place: place(),
        message,
    })
}
