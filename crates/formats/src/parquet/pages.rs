//! The pages of one row group, doubted before they are decoded.
//!
//! Decoders allocate for as many values as a page says it has, and the delta encodings say so a second time, inside of the
//! page. Neither may be more than the column chunk has. Keys need their dictionary, and levels their bytes: decoders rely on
//! both. A dictionary is the first page of its column chunk, and the only one of its kind (parquet.thrift,
//! `dictionary_page_offset`).

#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow_schema::TimeUnit;
use bytes::Bytes;
use parquet::arrow::arrow_reader::RowGroups;
use parquet::basic::{Encoding, Type};
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::serialized_reader::SerializedPageReader;

use super::chunk::{Chunk, varint};
use super::{message, refused};
use crate::arrow::region::Region;

/// One row group, as the decoder asks for it.
pub(super) struct OneRowGroup<'u> {
    pub(super) region: Region,
    pub(super) metadata: Arc<ParquetMetaData>,
    pub(super) index: usize,
    /// The units that moments are decoded to, by the index of the column chunk.
    pub(super) units: &'u [Option<TimeUnit>],
}

impl OneRowGroup<'_> {
    fn row_group(&self) -> &RowGroupMetaData {
        self.metadata.row_group(self.index)
    }
}

impl RowGroups for OneRowGroup<'_> {
    fn num_rows(&self) -> usize {
        self.row_group().num_rows() as usize
    }

    fn column_chunks(&self, column: usize) -> Result<Box<dyn PageIterator>> {
        let row_group = self.row_group();
        let chunk = row_group.column(column);
        let reader = Arc::new(Chunk::of_column(self.region.clone(), chunk.compression()));
        let pages = SerializedPageReader::new(reader, chunk, self.num_rows(), None)?;
        let unit = self.units.get(column).copied().flatten();
        let doubted = Doubted::new(pages, chunk, unit);
        Ok(Box::new(OneChunk(Some(Box::new(doubted)))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(std::iter::once(self.row_group()))
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}

/// The pages of one column chunk, as an iterator of one.
struct OneChunk(Option<Box<dyn PageReader>>);

impl Iterator for OneChunk {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(Ok)
    }
}

impl PageIterator for OneChunk {}

/// Pages that are looked at before the decoder gets them.
struct Doubted {
    pages: SerializedPageReader<Chunk>,
    /// What errors call it.
    column: String,
    /// What INT96 timestamps are counted in, if it holds some.
    moments: Option<TimeUnit>,
    /// The greatest levels of repetition and of definition.
    levels_max: [i16; 2],
    /// Values and nulls in the column chunk, as its footer says.
    values_max: u64,
    /// The dictionary was among the pages so far.
    has_dictionary: bool,
    /// A data page was.
    has_data: bool,
}

impl Doubted {
    /// Pages whose moments, if there are any, are decoded to `unit`.
    fn new(
        pages: SerializedPageReader<Chunk>,
        chunk: &ColumnChunkMetaData,
        unit: Option<TimeUnit>,
    ) -> Doubted {
        let descriptor = chunk.column_descr();
        let has_moments = descriptor.physical_type() == Type::INT96;
        Doubted {
            pages,
            column: descriptor.path().string(),
            moments: unit.filter(|_| has_moments),
            levels_max: [descriptor.max_rep_level(), descriptor.max_def_level()],
            values_max: chunk.num_values().max(0) as u64,
            has_dictionary: false,
            has_data: false,
        }
    }

    fn named(&self, error: ParquetError) -> ParquetError {
        refused(format!("column `{}`: {}", self.column, message(error)))
    }

    /// Notes that a page comes, read or skipped.
    fn pass(&mut self, is_dictionary: bool) -> Result<()> {
        if !is_dictionary {
            self.has_data = true;
            return Ok(());
        }
        if self.has_dictionary {
            return Err(refused("it has a second dictionary".to_owned()));
        }
        if self.has_data {
            return Err(refused(
                "its dictionary comes behind data, not in front of it".to_owned(),
            ));
        }
        self.has_dictionary = true;
        Ok(())
    }

    fn check(&self, page: &Page) -> Result<()> {
        let values = u64::from(page.num_values());
        let values_max = match page {
            // A value of a dictionary takes at least a byte.
            Page::DictionaryPage { buf, .. } => buf.len() as u64,
            _ => self.values_max,
        };
        if values > values_max {
            return Err(refused(format!(
                "a page claims {values} values, and there can be {values_max} at most"
            )));
        }
        if let Page::DictionaryPage { buf, .. } = page {
            return self.check_moments(buf);
        }
        if let Page::DataPageV2 { num_nulls, .. } = page
            && u64::from(*num_nulls) > values
        {
            return Err(refused(format!(
                "a page claims {num_nulls} nulls among {values} values"
            )));
        }
        let body = self
            .body(page)
            .ok_or_else(|| refused("the levels of a page are longer than the page".to_owned()))?;
        match page.encoding() {
            Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY if !self.has_dictionary => {
                Err(refused(
                    "a page holds keys of a dictionary, and there is none before it".to_owned(),
                ))
            }
            encoding @ (Encoding::DELTA_BINARY_PACKED
            | Encoding::DELTA_LENGTH_BYTE_ARRAY
            | Encoding::DELTA_BYTE_ARRAY) => {
                check_delta(&body, encoding, values).ok_or_else(|| {
                    refused("a page claims more delta-encoded values than it has".to_owned())
                })
            }
            Encoding::PLAIN => self.check_moments(&body),
            _ => Ok(()),
        }
    }

    /// Refuses moments of twelve bytes that the decoder would take for others: it counts them in 64 bits, in nanoseconds unless
    /// the Arrow schema in the footer names a coarser unit.
    fn check_moments(&self, values: &[u8]) -> Result<()> {
        let Some(unit) = self.moments else {
            return Ok(());
        };
        if values.chunks_exact(12).all(|value| fits(value, unit)) {
            return Ok(());
        }
        Err(refused(match unit {
            TimeUnit::Nanosecond => {
                "an INT96 timestamp is outside of the years 1678 to 2261, which nanoseconds in 64 bits reach: \
                 write it as microseconds, or leave the column out"
                    .to_owned()
            }
            _ => format!(
                "an INT96 timestamp is outside of what 64 bits hold in the column's unit (`{unit}`): leave the column out"
            ),
        }))
    }

    /// The values of a data page, behind its levels.
    fn body(&self, page: &Page) -> Option<Bytes> {
        match page {
            Page::DataPage {
                buf,
                num_values,
                rep_level_encoding,
                def_level_encoding,
                ..
            } => {
                let mut start = 0_usize;
                let encodings = [*rep_level_encoding, *def_level_encoding];
                for (level_max, encoding) in self.levels_max.into_iter().zip(encodings) {
                    if level_max > 0 {
                        start = start.checked_add(levels_len(
                            buf.get(start..)?,
                            encoding,
                            *num_values,
                            level_max,
                        )?)?;
                    }
                }
                (start <= buf.len()).then(|| buf.slice(start..))
            }
            Page::DataPageV2 {
                buf,
                def_levels_byte_len,
                rep_levels_byte_len,
                ..
            } => {
                let start = *def_levels_byte_len as usize + *rep_levels_byte_len as usize;
                (start <= buf.len()).then(|| buf.slice(start..))
            }
            Page::DictionaryPage { .. } => None,
        }
    }
}

impl Iterator for Doubted {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Doubted {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.pages.get_next_page();
        let page = page.map_err(|error| self.named(error))?;
        if let Some(page) = &page {
            let passed = self.pass(page.is_dictionary_page());
            let checked = passed.and_then(|()| self.check(page));
            checked.map_err(|error| self.named(error))?;
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        let page = self.pages.peek_next_page();
        page.map_err(|error| self.named(error))
    }

    fn skip_next_page(&mut self) -> Result<()> {
        if let Some(page) = self.peek_next_page()? {
            let passed = self.pass(page.is_dict);
            passed.map_err(|error| self.named(error))?;
        }
        let skipped = self.pages.skip_next_page();
        skipped.map_err(|error| self.named(error))
    }

    fn supports_deferred_dictionary(&self) -> bool {
        self.pages.supports_deferred_dictionary()
    }

    fn take_deferred_dictionary(&mut self) -> Result<Option<Page>> {
        let page = self.pages.take_deferred_dictionary();
        let page = page.map_err(|error| self.named(error))?;
        if let Some(page) = &page {
            self.check(page).map_err(|error| self.named(error))?;
        }
        Ok(page)
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.pages.at_record_boundary()
    }
}

/// Whether 64 bits hold an INT96 timestamp in this unit since 1970: it has the nanoseconds of its day, then the Julian day.
fn fits(value: &[u8], unit: TimeUnit) -> bool {
    /// Of 1970-01-01.
    const EPOCH: i128 = 2_440_588;
    const DAY_SECONDS: i128 = 86_400;
    const SECOND_NANOS: i128 = 1_000_000_000;
    let (Some(nanos), Some(day)) = (value.first_chunk(), value.last_chunk()) else {
        return true;
    };
    let per_second = match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => SECOND_NANOS,
    };
    let days = i128::from(i32::from_le_bytes(*day)) - EPOCH;
    let of_day = i128::from(i64::from_le_bytes(*nanos)) / (SECOND_NANOS / per_second);
    i64::try_from(days * DAY_SECONDS * per_second + of_day).is_ok()
}

/// Bytes that the levels in front of `bytes` take, in a data page of the first version.
#[expect(deprecated, reason = "old files have levels of bits alone")]
fn levels_len(bytes: &[u8], encoding: Encoding, values: u32, level_max: i16) -> Option<usize> {
    if encoding == Encoding::BIT_PACKED {
        let bits = u64::from(i16::BITS - level_max.leading_zeros());
        return usize::try_from((u64::from(values) * bits).div_ceil(8)).ok();
    }
    // The hybrid of run lengths and bits, behind its length.
    let len = u32::from_le_bytes(*bytes.first_chunk()?);
    usize::try_from(len).ok()?.checked_add(4)
}

/// Whether the delta-encoded integers at the start of `body` are no more than `values_max`, and the suffix lengths behind
/// prefix lengths neither.
fn check_delta(body: &[u8], encoding: Encoding, values_max: u64) -> Option<()> {
    let behind = delta_end(body, values_max)?;
    if encoding == Encoding::DELTA_BYTE_ARRAY {
        delta_end(behind, values_max)?;
    }
    Some(())
}

/// What lies behind delta-encoded integers (Encodings.md, DELTA_BINARY_PACKED), if there are at most `values_max`.
fn delta_end(body: &[u8], values_max: u64) -> Option<&[u8]> {
    let (block_values, rest) = varint(body)?;
    let (miniblocks, rest) = varint(rest)?;
    let (count, rest) = varint(rest)?;
    let (_first, mut rest) = varint(rest)?;
    if count > values_max || miniblocks == 0 {
        return None;
    }
    let miniblock_values = block_values / miniblocks;
    let mut left = count.saturating_sub(1);
    while left > 0 {
        let (_min_delta, tail) = varint(rest)?;
        let (widths, mut tail) = tail.split_at_checked(usize::try_from(miniblocks).ok()?)?;
        for &width in widths {
            if left == 0 {
                // The widths of miniblocks that are not there may be anything.
                break;
            }
            let bits = u64::from(width).checked_mul(miniblock_values)?;
            // The last miniblock of a page may be cut short; whoever decodes it finds out.
            let len = usize::try_from(bits / 8).ok()?.min(tail.len());
            tail = &tail[len..];
            left = left.saturating_sub(miniblock_values.max(1));
        }
        rest = tail;
    }
    Some(rest)
}
