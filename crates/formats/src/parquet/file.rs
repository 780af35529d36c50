//! An opened Parquet file and its pieces.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::StructArray;
use arrow_schema::{Field, SchemaRef, TimeUnit};
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, RowSelection, RowSelector,
};
use parquet::arrow::{FieldLevels, ProjectionMask, parquet_to_arrow_field_levels};
use parquet::basic::{Encoding, Type};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use tamis_engine::source::RandomAccess;

use super::chunk::Chunk;
use super::interval::is_cut_short;
use super::leaves::{leaf_count_of, leaf_range, pruned, time_units, with_keys};
use super::message;
use super::pages::OneRowGroup;
use crate::Error;
use crate::arrow::Leaf;
use crate::arrow::file::{BatchFile, Piece, PieceSize, Selection, VisitArray, decode};
use crate::arrow::proof::Statistics;
use crate::arrow::region::Region;
use crate::sniff::Format;

/// Rows of an array: with some columns it stays in a second-level cache.
const BATCH_ROWS: usize = 16 << 10;

/// A row group is not cut into pieces of fewer rows only to keep threads busy: each of them unpacks the dictionaries anew.
const PIECE_ROWS_MIN: usize = 64 << 10;

/// An opened file; see the module.
#[derive(Debug)]
pub struct ParquetFile {
    region: Region,
    metadata: ArrowReaderMetadata,
}

impl ParquetFile {
    /// Reads the footer of a file.
    ///
    /// # Errors
    /// [`Producer`](tamis_engine::Error::Producer) for a footer that is damaged or speaks of what the file does not have,
    /// and whatever reading it gives.
    pub fn open(access: Box<dyn RandomAccess>) -> tamis_engine::Result<ParquetFile> {
        let region = Region::new(access);
        let chunk = Chunk::of_file(region.clone());
        let loaded = decode(
            || "footer".to_owned(),
            || {
                let metadata = ArrowReaderMetadata::load(&chunk, ArrowReaderOptions::new())
                    .map_err(message)?;
                check_footer(metadata.metadata(), region.len_bytes())?;
                Ok(metadata)
            },
        );
        match loaded {
            Ok(metadata) => Ok(ParquetFile { region, metadata }),
            Err(error) => Err(region.error(error)),
        }
    }

    fn footer(&self) -> &Arc<ParquetMetaData> {
        self.metadata.metadata()
    }

    /// The column chunks that the wanted columns are made of, by their index; the smallest of all, if none is wanted: rows
    /// are counted, not believed.
    fn chunks_of(&self, wanted: &[Leaf]) -> Vec<usize> {
        let fields = self.metadata.schema().fields();
        let mut chunks = vec![false; leaf_count_of(fields)];
        for leaf in wanted {
            chunks[leaf_range(fields, leaf.path())].fill(true);
        }
        let mut indices: Vec<usize> = (0..chunks.len()).filter(|&at| chunks[at]).collect();
        if indices.is_empty() {
            let size = |&at: &usize| -> i64 {
                let row_groups = self.footer().row_groups().iter();
                row_groups
                    .map(|group| group.column(at).uncompressed_size() >> 16)
                    .sum()
            };
            indices.extend((0..chunks.len()).min_by_key(size));
        }
        indices
    }

    /// Whether a column is stored as keys of a dictionary throughout, and so can be had as such: a key is read in a
    /// fraction of the time that a text takes, and what is asked of all texts is asked of those in the dictionary.
    fn is_keyed(&self, chunk: usize) -> bool {
        let mut groups = self.footer().row_groups().iter();
        groups.all(|group| {
            let chunk = group.column(chunk);
            let has_only = |encoding| {
                let pages = chunk.page_encoding_stats_mask();
                pages.is_some_and(|pages| pages.is_only(encoding))
            };
            chunk.dictionary_page_offset().is_some()
                && chunk.column_type() == Type::BYTE_ARRAY
                && chunk.column_descr().max_rep_level() == 0
                && (has_only(Encoding::RLE_DICTIONARY) || has_only(Encoding::PLAIN_DICTIONARY))
        })
    }

    /// The rows of each piece: a row group and some of its rows.
    fn cuts(&self, rows_max: usize, threads: usize) -> Vec<(usize, Range<usize>)> {
        let groups = self.footer().row_groups();
        let rows: usize = groups.iter().map(|group| group.num_rows() as usize).sum();
        let mut rows_max = rows_max.max(1);
        if threads > 1 && groups.len() < 4 * threads {
            rows_max = rows_max.min((rows / (4 * threads)).max(PIECE_ROWS_MIN));
        }
        let mut cuts = Vec::with_capacity(groups.len());
        for (index, group) in groups.iter().enumerate() {
            let rows = group.num_rows() as usize;
            // Pieces of equal size; half a piece more is better than a piece of a few rows.
            let count = ((rows + rows_max / 2) / rows_max).max(1);
            let start_of = |piece: usize| (rows as u128 * piece as u128 / count as u128) as usize;
            cuts.extend((0..count).map(|piece| (index, start_of(piece)..start_of(piece + 1))));
        }
        cuts
    }
}

impl BatchFile for ParquetFile {
    fn name(&self) -> &str {
        self.region.access().name()
    }

    fn format(&self) -> Format {
        Format::Parquet
    }

    fn schema(&self) -> &SchemaRef {
        self.metadata.schema()
    }

    fn rows(&self) -> Option<u64> {
        let groups = self.footer().row_groups().iter();
        Some(groups.map(|group| group.num_rows() as u64).sum())
    }

    fn backend(&self) -> &'static str {
        self.region.access().backend()
    }

    fn len_bytes(&self) -> Option<u64> {
        Some(self.region.len_bytes())
    }

    fn select(
        &self,
        wanted: &[Leaf],
        rows_max: usize,
        threads: usize,
    ) -> tamis_engine::Result<Selection<'_>> {
        if let Some(leaf) = wanted
            .iter()
            .find(|leaf| is_cut_short(self.footer(), &leaf.data_type))
        {
            return Err(self.region.error(Error::NotWhole {
                column: leaf.name.clone(),
                data_type: "INTERVAL".to_owned(),
                reason: "of which months would be lost",
            }));
        }
        let fields = self.metadata.schema().fields();
        let chunks = self.chunks_of(wanted);
        let leaves = wanted
            .iter()
            .map(|leaf| leaf.moved(pruned(fields, leaf.path(), &chunks)))
            .collect();
        let schema = self.footer().file_metadata().schema_descr();
        let mask = ProjectionMask::leaves(schema, chunks.iter().copied());
        let keyed = with_keys(fields, &mut (0..), &|chunk| self.is_keyed(chunk));
        let levels = decode(
            || "footer".to_owned(),
            || parquet_to_arrow_field_levels(schema, mask, Some(&keyed)).map_err(message),
        );
        let levels = levels.map_err(|error| self.region.error(error))?;
        let columns = Arc::new(Columns {
            chunks,
            units: time_units(fields),
            levels,
        });
        let pieces = self
            .cuts(rows_max, threads)
            .into_iter()
            .map(move |(group, rows)| {
                Ok(Box::new(RowGroupPiece {
                    region: self.region.fork(),
                    metadata: Arc::clone(self.footer()),
                    columns: Arc::clone(&columns),
                    group,
                    rows,
                }) as Box<dyn Piece>)
            });
        Ok(Selection {
            leaves,
            pieces: Box::new(pieces),
        })
    }

    fn statistics(&self, leaf: &Leaf) -> Option<Statistics> {
        let chunks = leaf_range(self.metadata.schema().fields(), leaf.path());
        let field = Field::new(&leaf.name, leaf.data_type.clone(), true);
        let of_chunk = || {
            let schema = self.footer().file_metadata().schema_descr();
            let groups = self.footer().row_groups();
            let converter = StatisticsConverter::from_column_index(chunks.start, &field, schema)
                .map_err(message)?
                .with_missing_null_counts_as_zero(false);
            let nulls = converter.row_group_null_counts(groups).map_err(message)?;
            Ok(Statistics {
                least: converter.row_group_mins(groups).map_err(message)?,
                greatest: converter.row_group_maxes(groups).map_err(message)?,
                nulls: nulls.iter().collect(),
            })
        };
        // Statistics that cannot be read say nothing.
        let found = decode(|| "footer".to_owned(), of_chunk).ok();
        found.filter(|_| chunks.len() == 1)
    }

    fn verify(&self) -> tamis_engine::Result<()> {
        self.region.access().verify()
    }
}

/// What is read of every row group.
#[derive(Debug)]
struct Columns {
    /// Indices of column chunks.
    chunks: Vec<usize>,
    /// The units that moments are decoded to, by the index of the column chunk.
    units: Vec<Option<TimeUnit>>,
    levels: FieldLevels,
}

/// Some rows of a row group.
struct RowGroupPiece {
    region: Region,
    metadata: Arc<ParquetMetaData>,
    columns: Arc<Columns>,
    group: usize,
    rows: Range<usize>,
}

impl RowGroupPiece {
    fn reader(&self) -> Result<ParquetRecordBatchReader, String> {
        let row_group = OneRowGroup {
            region: self.region.clone(),
            metadata: Arc::clone(&self.metadata),
            index: self.group,
            units: &self.columns.units,
        };
        let all = self.metadata.row_group(self.group).num_rows() as usize;
        let selection = (self.rows != (0..all)).then(|| {
            RowSelection::from(vec![
                RowSelector::skip(self.rows.start),
                RowSelector::select(self.rows.len()),
            ])
        });
        ParquetRecordBatchReader::try_new_with_row_groups(
            &self.columns.levels,
            &row_group,
            BATCH_ROWS.min(self.rows.len().max(1)),
            selection,
        )
        .map_err(message)
    }

    fn visit_batches(&self, visit: &mut VisitArray<'_>) -> Result<(), Error> {
        let place = || format!("row group {}", self.group);
        let mut reader = decode(place, || self.reader())?;
        let mut rows = 0;
        loop {
            let batch = decode(place, || reader.next().transpose().map_err(message))?;
            let Some(batch) = batch else { break };
            rows += batch.num_rows();
            visit(&StructArray::from(batch))?;
        }
        let expected = self.rows.len();
        if rows != expected {
            return Err(Error::Damaged {
                place: place(),
                message: format!("it has {rows} rows where the footer says {expected}"),
            });
        }
        Ok(())
    }
}

impl Piece for RowGroupPiece {
    fn size(&self) -> PieceSize {
        let group = self.metadata.row_group(self.group);
        let share = |bytes: i64| {
            let all = group.num_rows().max(1) as u128;
            (bytes.max(0) as u128 * self.rows.len() as u128 / all) as u64
        };
        let chunks = self.columns.chunks.iter();
        PieceSize {
            stored_bytes: share(group.compressed_size()),
            plain_bytes: share(chunks.map(|&at| group.column(at).uncompressed_size()).sum()),
        }
    }

    fn row_group(&self) -> usize {
        self.group
    }

    fn visit(self: Box<Self>, visit: &mut VisitArray<'_>) -> tamis_engine::Result<()> {
        let visited = self.visit_batches(visit);
        visited.map_err(|error| self.region.error(error))
    }
}

/// Holds what the footer says of sizes and places against the file, so that the rest may rely on it.
fn check_footer(footer: &ParquetMetaData, len_bytes: u64) -> Result<(), String> {
    let mut rows: i64 = 0;
    for (index, group) in footer.row_groups().iter().enumerate() {
        check_row_group(group, len_bytes)
            .map_err(|message| format!("row group {index}: {message}"))?;
        rows = rows
            .checked_add(group.num_rows())
            .ok_or_else(|| format!("row group {index} has too many rows"))?;
    }
    Ok(())
}

fn check_row_group(group: &RowGroupMetaData, len_bytes: u64) -> Result<(), String> {
    if group.num_rows() < 0 {
        return Err(format!("it claims {} rows", group.num_rows()));
    }
    for chunk in group.columns() {
        let start = chunk
            .dictionary_page_offset()
            .unwrap_or(chunk.data_page_offset());
        let end = start.checked_add(chunk.compressed_size());
        let is_inside = start >= 0
            && chunk.compressed_size() >= 0
            && end.is_some_and(|end| end as u64 <= len_bytes);
        if !is_inside || chunk.uncompressed_size() < 0 {
            return Err(format!(
                "column `{}` claims {} bytes from byte {start} on, and the file has {len_bytes}",
                chunk.column_path(),
                chunk.compressed_size(),
            ));
        }
    }
    Ok(())
}
