//! Messages: a record batch from its metadata and its body.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::reader::RecordBatchDecoder;
use arrow_ipc::{CompressionType, Message, MetadataVersion};
use arrow_schema::SchemaRef;
use bytes::Bytes;

use super::layout::wanted_buffers;
use crate::arrow::region::{Region, freeze};
use crate::parquet::message as text_of;

/// The values that keys of columns stand for, by the dictionary's number.
pub(super) type Dictionaries = HashMap<i64, ArrayRef>;

/// What batches of a file or stream are decoded by.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    pub(super) schema: SchemaRef,
    /// The columns that are decoded, by their index, in order.
    pub(super) roots: Arc<[usize]>,
}

/// The bytes behind a message's metadata.
#[derive(Clone, Debug)]
pub(super) enum Body {
    /// In memory.
    Read(Bytes),
    /// From this byte of the file on.
    At(Region, u64),
}

/// No batch has more rows (the most that other implementations of Arrow must be able to read).
const ROWS_MAX: i64 = i32::MAX as i64;

/// A buffer that unpacks to less is never refused.
const BUFFER_BYTES_ALWAYS: u64 = 16 << 20;

/// The flatbuffer of a message: what stands behind its length, and the marker before that.
pub(super) fn parse(metadata: &[u8]) -> Result<Message<'_>, String> {
    arrow_ipc::root_as_message(metadata)
        .map_err(|error| format!("its metadata is damaged ({})", text_of(error)))
}

/// Decodes the wanted columns of the record batch that `metadata` speaks of.
pub(super) fn decode(
    metadata: &[u8],
    body: &Body,
    columns: &Columns,
    dictionaries: &Dictionaries,
) -> Result<RecordBatch, String> {
    let message = parse(metadata)?;
    let batch = message.header_as_record_batch().ok_or_else(|| {
        format!(
            "a record batch was expected, found {:?}",
            message.header_type()
        )
    })?;
    rows_of(&batch)?;
    let wanted = match message.version() {
        MetadataVersion::V5 => {
            let counts = batch.variadicBufferCounts();
            wanted_buffers(
                &columns.schema,
                &columns.roots,
                counts.iter().flat_map(|counts| counts.iter()),
            )
        }
        _ => None,
    };
    let data = load(&message, &batch, body, wanted.as_deref())?;
    RecordBatchDecoder::try_new(
        &data,
        batch,
        Arc::clone(&columns.schema),
        dictionaries,
        &message.version(),
    )
    .and_then(|decoder| {
        decoder
            .with_projection(Some(&columns.roots))
            .read_record_batch()
    })
    .map_err(text_of)
}

/// The rows of a batch, as far as there can be so many.
pub(super) fn rows_of(batch: &arrow_ipc::RecordBatch<'_>) -> Result<usize, String> {
    match (0..=ROWS_MAX).contains(&batch.length()) {
        true => Ok(batch.length() as usize),
        false => Err(format!("it claims {} rows", batch.length())),
    }
}

/// The body of a batch with its wanted buffers in their places; `None`: all are wanted.
fn load(
    message: &Message<'_>,
    batch: &arrow_ipc::RecordBatch<'_>,
    body: &Body,
    wanted: Option<&[bool]>,
) -> Result<Buffer, String> {
    let len = u64::try_from(message.bodyLength())
        .map_err(|_| format!("it claims a body of {} bytes", message.bodyLength()))?;
    let buffers = batch.buffers().ok_or("it has no list of buffers")?;
    let ranges = buffers.iter().enumerate().filter_map(|(index, buffer)| {
        let is_wanted = wanted.is_none_or(|wanted| wanted.get(index).copied().unwrap_or(true));
        is_wanted.then(|| (buffer.offset(), buffer.length()))
    });
    let mut inside = Vec::new();
    for (offset, length) in ranges {
        let start = u64::try_from(offset).ok();
        let end = start.and_then(|start| start.checked_add(u64::try_from(length).ok()?));
        match (start, end) {
            (Some(start), Some(end)) if end <= len => inside.push(start..end),
            _ => {
                return Err(format!(
                    "a buffer of {length} bytes at byte {offset} is not in its body of {len} bytes"
                ));
            }
        }
    }
    let data = match body {
        Body::Read(bytes) if bytes.len() as u64 == len => Buffer::from(bytes.clone()),
        Body::Read(bytes) => {
            return Err(format!(
                "its body has {} bytes and claims {len}",
                bytes.len()
            ));
        }
        Body::At(region, start) => {
            let cut_off =
                || format!("its body of {len} bytes at byte {start} goes past the end of the file");
            let all = *start..start.saturating_add(len);
            let mut buffer = region.buffer(&all).ok_or_else(cut_off)?;
            for range in &inside {
                let place = range.start as usize..range.end as usize;
                let read = region.read_into(start + range.start, &mut buffer[place]);
                read.ok_or_else(cut_off)?;
            }
            Buffer::from(freeze(buffer))
        }
    };
    if let Some(compression) = batch.compression() {
        // What lz4 can do at most; zstd could do more, and data that does is one value repeated.
        let expansion_max = match compression.codec() {
            CompressionType::LZ4_FRAME => 256,
            _ => 1032,
        };
        for range in inside {
            let packed = &data[range.start as usize..range.end as usize];
            check_claim(packed, expansion_max)?;
        }
    }
    Ok(data)
}

/// Holds the size that a compressed buffer claims to unpack to, in its first eight bytes, against its own.
pub(super) fn check_claim(packed: &[u8], expansion_max: u64) -> Result<(), String> {
    let Some(prefix) = packed.first_chunk() else {
        return Ok(());
    };
    // Negative: it is not compressed after all.
    let Ok(plain) = u64::try_from(i64::from_le_bytes(*prefix)) else {
        return Ok(());
    };
    let most = (packed.len() as u64).saturating_mul(expansion_max);
    if plain > most.max(BUFFER_BYTES_ALWAYS) {
        return Err(format!(
            "a buffer of {} bytes claims to unpack to {plain}: more than can be, or than is taken without doubt",
            packed.len()
        ));
    }
    Ok(())
}

/// Decodes the dictionary that `metadata` speaks of and adds it.
pub(super) fn add_dictionary(
    metadata: &[u8],
    body: &Body,
    schema: &SchemaRef,
    dictionaries: &mut Dictionaries,
) -> Result<(), String> {
    let message = parse(metadata)?;
    let dictionary = message.header_as_dictionary_batch().ok_or_else(|| {
        format!(
            "a dictionary was expected, found {:?}",
            message.header_type()
        )
    })?;
    let batch = dictionary.data().ok_or("the dictionary is empty")?;
    let data = load(&message, &batch, body, None)?;
    arrow_ipc::reader::read_dictionary(&data, dictionary, schema, dictionaries, &message.version())
        .map_err(text_of)
}
