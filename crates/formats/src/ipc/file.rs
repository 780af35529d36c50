//! An opened Arrow file and its record batches.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::StructArray;
use arrow_ipc::Block;
use arrow_schema::{Schema, SchemaRef};
use bytes::Bytes;
use tamis_engine::source::RandomAccess;

use super::cut::{self, Cutter};
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
    let footer = arrow_ipc::root_as_footer(&bytes)
        .map_err(|error| format!("it is damaged ({})", text_of(error)))?;
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
        rows_max: usize,
        _threads: usize,
    ) -> tamis_engine::Result<Selection<'_>> {
        let (roots, leaves) = select_roots(wanted, &self.schema);
        let columns = Columns {
            schema: Arc::clone(&self.schema),
            roots,
        };
        let pieces = self.blocks.iter().enumerate();
        let pieces = pieces.flat_map(move |(index, place)| {
            let piece = FilePiece {
                region: self.region.fork(),
                place: *place,
                index,
                cut: None,
                columns: columns.clone(),
                dictionaries: Arc::clone(&self.dictionaries),
            };
            let pieces = piece.pieces(rows_max).into_iter();
            pieces.map(|piece| Ok(Box::new(piece) as Box<dyn Piece>))
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

/// A batch of more bytes is divided.
const PIECE_BYTES: u64 = 16 << 20;

/// One record batch, or some rows of one.
#[derive(Clone)]
struct FilePiece {
    region: Region,
    place: Place,
    index: usize,
    cut: Option<Cut>,
    columns: Columns,
    dictionaries: Arc<Dictionaries>,
}

/// Some rows of a batch.
#[derive(Clone)]
struct Cut {
    rows: Range<usize>,
    /// Rows of the batch.
    of: usize,
}

impl FilePiece {
    fn cutter<'c>(&'c self, metadata: &'c [u8]) -> Result<Option<Cutter<'c>>, String> {
        let message = message::parse(metadata)?;
        let start = self.place.body_start();
        Cutter::new(
            &message,
            &self.region,
            start,
            &self.columns,
            &self.dictionaries,
        )
    }

    /// The batch in pieces, if it is large and can be cut.
    fn pieces(self, rows_max: usize) -> Vec<FilePiece> {
        if self.place.body_bytes <= PIECE_BYTES {
            return vec![self];
        }
        let rows = decode(String::new, || {
            let metadata = self.place.metadata(&self.region)?;
            Ok(self.cutter(&metadata)?.map(|cutter| cutter.rows()))
        });
        // Whoever reads the batch finds out what is wrong with it.
        let Ok(Some(of)) = rows else {
            return vec![self];
        };
        let count = (self.place.body_bytes / PIECE_BYTES) as usize + 1;
        let step = of.div_ceil(count).min(rows_max).max(1);
        let step = step.next_multiple_of(cut::ARRAY_ROWS);
        let pieces = (0..of.max(1)).step_by(step).map(|start| FilePiece {
            region: self.region.fork(),
            cut: Some(Cut {
                rows: start..of.min(start + step),
                of,
            }),
            ..self.clone()
        });
        pieces.collect()
    }

    fn visit_batch(&self, visit: &mut VisitArray<'_>) -> Result<(), Error> {
        let place = || format!("record batch {}", self.index);
        let metadata = decode(place, || self.place.metadata(&self.region))?;
        let Some(cutter) = decode(place, || self.cutter(&metadata))? else {
            let body = self.place.body(&self.region);
            let decoded = decode(place, || {
                message::decode(&metadata, &body, &self.columns, &self.dictionaries)
            });
            return visit(&StructArray::from(decoded?));
        };
        let rows = match &self.cut {
            Some(cut) => cut.rows.clone(),
            None => 0..cutter.rows(),
        };
        let mut start = rows.start;
        loop {
            let end = rows.end.min(start + cut::ARRAY_ROWS);
            visit(&decode(place, || cutter.read(start..end))?)?;
            if end == rows.end {
                return Ok(());
            }
            start = end;
        }
    }
}

impl Piece for FilePiece {
    fn size(&self) -> PieceSize {
        let share = |bytes: u64| match &self.cut {
            Some(Cut { rows, of }) => {
                (u128::from(bytes) * rows.len() as u128 / (*of).max(1) as u128) as u64
            }
            None => bytes,
        };
        PieceSize {
            stored_bytes: share(self.place.body_bytes + self.place.metadata_bytes),
            plain_bytes: share(self.place.body_bytes),
        }
    }

    fn visit(self: Box<Self>, visit: &mut VisitArray<'_>) -> tamis_engine::Result<()> {
        let visited = self.visit_batch(visit);
        visited.map_err(|error| self.region.error(error))
    }
}
