//! An opened Arrow file and its record batches.

use std::sync::Arc;

use arrow_array::StructArray;
use arrow_ipc::Block;
use arrow_schema::{Schema, SchemaRef};
use bytes::Bytes;
use tamis_engine::source::RandomAccess;

use super::message::{self, Body, Columns, Dictionaries};
use crate::Error;
use crate::arrow::Leaf;
use crate::arrow::file::{BatchFile, Piece, PieceSize, Selection, VisitArray, decode};
use crate::arrow::region::Region;
use crate::parquet::message as text_of;
use crate::sniff::Format;

/// What a file ends with: the length of its footer and the magic word.
const TRAILER_BYTES: u64 = 10;

/// An opened file; see the module.
#[derive(Debug)]
pub struct IpcFile {
    region: Region,
    schema: SchemaRef,
    blocks: Vec<Place>,
    dictionaries: Arc<Dictionaries>,
}

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    start: u64,
    metadata_bytes: u64,
    body_bytes: u64,
}

impl Place {
    /// The place that a footer speaks of, if the file has it.
    fn of(block: &Block, len_bytes: u64) -> Result<Place, String> {
        let place = || {
            let place = Place {
                start: block.offset().try_into().ok()?,
                metadata_bytes: block.metaDataLength().try_into().ok()?,
                body_bytes: block.bodyLength().try_into().ok()?,
            };
            let end = place.body_start().checked_add(place.body_bytes)?;
            (end <= len_bytes).then_some(place)
        };
        place().ok_or_else(|| {
            format!(
                "a message of {} and {} bytes at byte {} is not in the file, which has {len_bytes}",
                block.metaDataLength(),
                block.bodyLength(),
                block.offset()
            )
        })
    }

    fn body_start(&self) -> u64 {
        self.start.saturating_add(self.metadata_bytes)
    }

    /// The flatbuffer of the message, without the marker and the length before it.
    fn metadata(&self, region: &Region) -> Result<Bytes, String> {
        let bytes = region.read(self.start..self.body_start());
        let bytes = bytes.ok_or("it cannot be read")?;
        let prefix_bytes = match bytes.get(..4) {
            Some([0xFF, 0xFF, 0xFF, 0xFF]) => 8,
            _ => 4,
        };
        match bytes.len() >= prefix_bytes {
            true => Ok(bytes.slice(prefix_bytes..)),
            false => Err("its metadata is cut off".to_owned()),
        }
    }

    fn body(&self, region: &Region) -> Body {
        Body::At(region.clone(), self.body_start())
    }
}

impl IpcFile {
    /// Reads the footer of a file, and its dictionaries.
    ///
    /// # Errors
    /// [`Producer`](tamis_engine::Error::Producer) for a footer that is damaged or speaks of what the file does not have,
    /// and whatever reading it gives.
    pub fn open(access: Box<dyn RandomAccess>) -> tamis_engine::Result<IpcFile> {
        let region = Region::new(access);
        let opened = decode(|| "footer".to_owned(), || read_footer(&region));
        let (schema, blocks, dictionary_blocks) = opened.map_err(|error| region.error(error))?;
        let mut dictionaries = Dictionaries::new();
        for (index, place) in dictionary_blocks.iter().enumerate() {
            let added = decode(
                || format!("dictionary {index}"),
                || {
                    let metadata = place.metadata(&region)?;
                    let body = place.body(&region);
                    message::add_dictionary(&metadata, &body, &schema, &mut dictionaries)
                },
            );
            added.map_err(|error| region.error(error))?;
        }
        Ok(IpcFile {
            region,
            schema,
            blocks,
            dictionaries: Arc::new(dictionaries),
        })
    }
}

type FooterParts = (SchemaRef, Vec<Place>, Vec<Place>);

fn read_footer(region: &Region) -> Result<FooterParts, String> {
    let len_bytes = region.len_bytes();
    let no_footer = || "the file does not end in one (is it cut off?)".to_owned();
    let trailer_start = len_bytes.checked_sub(TRAILER_BYTES).ok_or_else(no_footer)?;
    let trailer = region
        .read(trailer_start..len_bytes)
        .ok_or_else(no_footer)?;
    let (length, magic) = trailer.split_first_chunk().ok_or_else(no_footer)?;
    if magic != b"ARROW1" {
        return Err(no_footer());
    }
    let length = i32::from_le_bytes(*length);
    let start = u64::try_from(length)
        .ok()
        .and_then(|length| trailer_start.checked_sub(length))
        .ok_or_else(|| format!("it claims {length} bytes, and the file has {len_bytes}"))?;
    let bytes = region.read(start..trailer_start).ok_or_else(no_footer)?;
    let footer =
        arrow_ipc::root_as_footer(&bytes).map_err(|error| format!("it is damaged ({error})"))?;
    let schema = schema_of(footer.schema().ok_or("it has no schema")?)?;
    let (batches, dictionaries) = (footer.recordBatches(), footer.dictionaries());
    Ok((
        Arc::new(schema),
        places(batches.iter().flatten(), len_bytes)?,
        places(dictionaries.iter().flatten(), len_bytes)?,
    ))
}

fn places<'b>(
    blocks: impl Iterator<Item = &'b Block>,
    len_bytes: u64,
) -> Result<Vec<Place>, String> {
    blocks.map(|block| Place::of(block, len_bytes)).collect()
}

/// The columns that a flatbuffer describes.
pub(super) fn schema_of(schema: arrow_ipc::Schema<'_>) -> Result<Schema, String> {
    if schema.endianness() != arrow_ipc::Endianness::Little {
        return Err("it was written on a big-endian machine, which is not supported".to_owned());
    }
    arrow_ipc::convert::try_fb_to_schema(schema).map_err(text_of)
}

impl BatchFile for IpcFile {
    fn name(&self) -> &str {
        self.region.access().name()
    }

    fn format(&self) -> Format {
        Format::ArrowFile
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn rows(&self) -> Option<u64> {
        // Each batch knows, and none is read for it.
        None
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
        _rows_max: usize,
        _threads: usize,
    ) -> tamis_engine::Result<Selection<'_>> {
        let (roots, leaves) = select_roots(wanted, &self.schema);
        let columns = Columns {
            schema: Arc::clone(&self.schema),
            roots,
        };
        let pieces = self.blocks.iter().enumerate().map(move |(index, place)| {
            Ok(Box::new(FilePiece {
                region: self.region.fork(),
                place: *place,
                index,
                columns: columns.clone(),
                dictionaries: Arc::clone(&self.dictionaries),
            }) as Box<dyn Piece>)
        });
        Ok(Selection {
            leaves,
            pieces: Box::new(pieces),
        })
    }

    fn verify(&self) -> tamis_engine::Result<()> {
        self.region.access().verify()
    }
}

/// The columns of a schema that the wanted ones are or are part of, and the wanted ones as they lie among these. If none
/// is wanted, the first column is read: rows are counted, not believed.
pub(super) fn select_roots(wanted: &[Leaf], schema: &Schema) -> (Arc<[usize]>, Vec<Leaf>) {
    let mut roots: Vec<usize> = wanted.iter().map(|leaf| leaf.path()[0]).collect();
    roots.sort_unstable();
    roots.dedup();
    if roots.is_empty() && !schema.fields().is_empty() {
        roots.push(0);
    }
    let moved = wanted.iter().map(|leaf| {
        let mut path = leaf.path().to_vec();
        path[0] = roots.partition_point(|&root| root < path[0]);
        leaf.moved(path)
    });
    let moved = moved.collect();
    (roots.into(), moved)
}

/// One record batch.
struct FilePiece {
    region: Region,
    place: Place,
    index: usize,
    columns: Columns,
    dictionaries: Arc<Dictionaries>,
}

impl FilePiece {
    fn visit_batch(&self, visit: &mut VisitArray<'_>) -> Result<(), Error> {
        let batch = decode(
            || format!("record batch {}", self.index),
            || {
                let metadata = self.place.metadata(&self.region)?;
                let body = self.place.body(&self.region);
                message::decode(&metadata, &body, &self.columns, &self.dictionaries)
            },
        )?;
        visit(&StructArray::from(batch))
    }
}

impl Piece for FilePiece {
    fn size(&self) -> PieceSize {
        PieceSize {
            stored_bytes: self.place.body_bytes + self.place.metadata_bytes,
            plain_bytes: self.place.body_bytes,
        }
    }

    fn visit(self: Box<Self>, visit: &mut VisitArray<'_>) -> tamis_engine::Result<()> {
        let visited = self.visit_batch(visit);
        visited.map_err(|error| self.region.error(error))
    }
}
