//! The pages of one row group, doubted before they are decoded.
//!
//! Decoders allocate for as many values as a page says it has, and the delta encodings say so a second time, inside of the
//! page. Neither may be more than the column chunk has.

use std::sync::Arc;

use bytes::Bytes;
use parquet::arrow::arrow_reader::RowGroups;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::serialized_reader::SerializedPageReader;

use super::chunk::{Chunk, varint};
use super::{message, refused};
use crate::arrow::region::Region;

/// One row group, as the decoder asks for it.
pub(super) struct OneRowGroup {
    pub(super) region: Region,
    pub(super) metadata: Arc<ParquetMetaData>,
    pub(super) index: usize,
}

impl OneRowGroup {
    fn row_group(&self) -> &RowGroupMetaData {
        self.metadata.row_group(self.index)
    }
}

impl RowGroups for OneRowGroup {
    fn num_rows(&self) -> usize {
        self.row_group().num_rows() as usize
    }

    fn column_chunks(&self, column: usize) -> Result<Box<dyn PageIterator>> {
        let row_group = self.row_group();
        let chunk = row_group.column(column);
        let reader = Arc::new(Chunk::of_column(self.region.clone(), chunk.compression()));
        let pages = SerializedPageReader::new(reader, chunk, self.num_rows(), None)?;
        let descriptor = chunk.column_descr();
        Ok(Box::new(OneChunk(Some(Box::new(Doubted {
            pages,
            column: descriptor.path().string(),
            has_repetition: descriptor.max_rep_level() > 0,
            has_definition: descriptor.max_def_level() > 0,
            values_max: chunk.num_values().max(0) as u64,
        })))))
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
    has_repetition: bool,
    has_definition: bool,
    /// Values and nulls in the column chunk, as its footer says.
    values_max: u64,
}

impl Doubted {
    fn named(&self, error: ParquetError) -> ParquetError {
        refused(format!("column `{}`: {}", self.column, message(error)))
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
        let is_delta = matches!(
            page.encoding(),
            Encoding::DELTA_BINARY_PACKED
                | Encoding::DELTA_LENGTH_BYTE_ARRAY
                | Encoding::DELTA_BYTE_ARRAY
        );
        if is_delta && !matches!(page, Page::DictionaryPage { .. }) {
            let body = self.body(page).ok_or_else(|| {
                refused("the levels of a page are longer than the page".to_owned())
            })?;
            check_delta(&body, page.encoding(), values).ok_or_else(|| {
                refused("a page claims more delta-encoded values than it has".to_owned())
            })?;
        }
        Ok(())
    }

    /// The values of a data page, behind its levels.
    fn body(&self, page: &Page) -> Option<Bytes> {
        match page {
            Page::DataPage { buf, .. } => {
                let mut start = 0;
                // Levels in the hybrid of run lengths and bits, behind their length; the older encoding of levels never
                // comes together with a delta encoding.
                for has_levels in [self.has_repetition, self.has_definition] {
                    if has_levels {
                        let len = u32::from_le_bytes(*buf.get(start..)?.first_chunk()?);
                        start += 4 + len as usize;
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
            self.check(page).map_err(|error| self.named(error))?;
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        let page = self.pages.peek_next_page();
        page.map_err(|error| self.named(error))
    }

    fn skip_next_page(&mut self) -> Result<()> {
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
