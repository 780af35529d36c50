//! An Arrow stream: messages one after the other.
//!
//! Whoever asks for the next piece reads the next message; decoding is the piece's own affair and so happens on any
//! thread. A dictionary holds for the batches behind it until the next one of its number, so it is decoded at once and
//! batches take along those of their time.

use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::StructArray;
use arrow_ipc::MessageHeader;
use arrow_schema::SchemaRef;
use bytes::Bytes;
use tamis_engine::Error as EngineError;
use tamis_engine::source::{ByteStream, Opened, RandomStream};

use super::file::{schema_of, select_roots};
use super::message::{self, Body, Columns, Dictionaries};
use crate::Error;
use crate::arrow::Leaf;
use crate::arrow::file::{BatchFile, Piece, PieceSize, Selection, VisitArray, decode};
use crate::arrow::region::producer;
use crate::sniff::Format;

/// An opened stream; see the module.
#[derive(Debug)]
pub struct IpcStream {
    name: String,
    backend: &'static str,
    len_bytes: Option<u64>,
    schema: SchemaRef,
    /// Behind the schema; `None` when somebody has it.
    tape: Mutex<Option<Tape>>,
}

impl IpcStream {
    /// Reads the schema of a stream, or of a file that can only be read as one.
    ///
    /// # Errors
    /// [`Producer`](EngineError::Producer) when the stream does not begin with a schema, and whatever reading it gives.
    pub fn open(opened: Opened) -> tamis_engine::Result<IpcStream> {
        let stream: Box<dyn ByteStream> = match opened {
            Opened::Stream(stream) => stream,
            Opened::Random(access) => Box::new(RandomStream::new(access)),
        };
        let (name, backend) = (stream.name().to_owned(), stream.backend());
        let len_bytes = stream.raw_len_bytes();
        let mut tape = Tape {
            stream,
            position: 0,
            head: Vec::new(),
        };
        tape.skip_magic()?;
        let place = || "schema".to_owned();
        let damaged = |message: &str| {
            let message = message.to_owned();
            let place = place();
            producer(&name, Error::Damaged { place, message })
        };
        let first = tape.next(&place)?;
        let first = first.ok_or_else(|| damaged("the stream is empty"))?;
        let schema = decode(place, || {
            let message = message::parse(&first.metadata)?;
            let schema = message.header_as_schema();
            schema_of(schema.ok_or("the stream does not begin with one")?)
        });
        Ok(IpcStream {
            schema: Arc::new(schema.map_err(|error| producer(&name, error))?),
            name,
            backend,
            len_bytes,
            tape: Mutex::new(Some(tape)),
        })
    }
}

impl BatchFile for IpcStream {
    fn name(&self) -> &str {
        &self.name
    }

    fn format(&self) -> Format {
        Format::ArrowStream
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn rows(&self) -> Option<u64> {
        None
    }

    fn backend(&self) -> &'static str {
        self.backend
    }

    fn len_bytes(&self) -> Option<u64> {
        self.len_bytes
    }

    fn select(
        &self,
        wanted: &[Leaf],
        _rows_max: usize,
        _threads: usize,
    ) -> tamis_engine::Result<Selection<'_>> {
        let tape = self
            .tape
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let tape = tape.ok_or_else(|| EngineError::Unsupported {
            input: self.name.clone(),
            reason: "a stream is read once; open it again".to_owned(),
        })?;
        let (roots, leaves) = select_roots(wanted, &self.schema);
        let pieces = StreamPieces {
            name: &self.name,
            tape,
            columns: Columns {
                schema: Arc::clone(&self.schema),
                roots,
            },
            dictionaries: Arc::default(),
            batches: 0,
        };
        Ok(Selection {
            leaves,
            pieces: Box::new(pieces),
        })
    }

    fn verify(&self) -> tamis_engine::Result<()> {
        // A stream that changes says so when it is read.
        Ok(())
    }
}

/// The record batches of a stream.
struct StreamPieces<'s> {
    name: &'s str,
    tape: Tape,
    columns: Columns,
    dictionaries: Arc<Dictionaries>,
    batches: usize,
}

impl<'s> StreamPieces<'s> {
    fn next_piece(&mut self) -> tamis_engine::Result<Option<Box<dyn Piece + 's>>> {
        let index = self.batches;
        let place = || format!("record batch {index}");
        while let Some(found) = self.tape.next(&place)? {
            let kind = decode(place, || Ok(message::parse(&found.metadata)?.header_type()));
            let failed = |error| producer(self.name, error);
            match kind.map_err(failed)? {
                MessageHeader::DictionaryBatch => {
                    let dictionaries = Arc::make_mut(&mut self.dictionaries);
                    let schema = &self.columns.schema;
                    let body = Body::Read(found.body);
                    let added = decode(
                        || format!("dictionary before record batch {index}"),
                        || message::add_dictionary(&found.metadata, &body, schema, dictionaries),
                    );
                    added.map_err(failed)?;
                }
                _ => {
                    self.batches += 1;
                    return Ok(Some(Box::new(StreamPiece {
                        name: self.name,
                        index,
                        metadata: found.metadata,
                        body: found.body,
                        columns: self.columns.clone(),
                        dictionaries: Arc::clone(&self.dictionaries),
                    })));
                }
            }
        }
        Ok(None)
    }
}

impl<'s> Iterator for StreamPieces<'s> {
    type Item = tamis_engine::Result<Box<dyn Piece + 's>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_piece().transpose()
    }
}

/// One record batch, read and not yet decoded.
struct StreamPiece<'s> {
    name: &'s str,
    index: usize,
    metadata: Bytes,
    body: Bytes,
    columns: Columns,
    dictionaries: Arc<Dictionaries>,
}

impl Piece for StreamPiece<'_> {
    fn size(&self) -> PieceSize {
        let body_bytes = self.body.len() as u64;
        PieceSize {
            stored_bytes: self.metadata.len() as u64 + body_bytes,
            plain_bytes: body_bytes,
        }
    }

    fn visit(self: Box<Self>, visit: &mut VisitArray<'_>) -> tamis_engine::Result<()> {
        let body = Body::Read(self.body);
        let decoded = decode(
            || format!("record batch {}", self.index),
            || message::decode(&self.metadata, &body, &self.columns, &self.dictionaries),
        );
        decoded
            .and_then(|batch| visit(&StructArray::from(batch)))
            .map_err(|error| producer(self.name, error))
    }
}

/// A message as it came.
struct Found {
    metadata: Bytes,
    body: Bytes,
}

/// The bytes of a stream in order.
#[derive(Debug)]
struct Tape {
    stream: Box<dyn ByteStream>,
    position: u64,
    /// Bytes that were looked at and belong to the first message.
    head: Vec<u8>,
}

/// What is allocated at once for bytes that a length promises.
const STEP_BYTES: usize = 1 << 20;

/// What a file pads its magic word to, at least.
const PADDED_BYTES: usize = 8;

/// The marker before the length of a message's metadata.
const CONTINUATION: [u8; 4] = [0xFF; 4];

impl Tape {
    /// Skips what a file has in front of its messages: the magic word and zeros up to the alignment of its writer.
    fn skip_magic(&mut self) -> tamis_engine::Result<()> {
        let mut head = self.up_to(PADDED_BYTES)?;
        if head.starts_with(b"ARROW1") {
            head = self.up_to(PADDED_BYTES)?;
            while head == [0; PADDED_BYTES] {
                head = self.up_to(PADDED_BYTES)?;
            }
        }
        self.position -= head.len() as u64;
        self.head = head;
        Ok(())
    }

    /// The next message; `None` at the end of the stream.
    fn next(&mut self, place: &dyn Fn() -> String) -> tamis_engine::Result<Option<Found>> {
        let mut prefix = self.up_to(4)?;
        if prefix == CONTINUATION {
            prefix = self.up_to(4)?;
        }
        // A stream may end without its end mark, which is a length of zero.
        if prefix.is_empty() || prefix == [0; 4] {
            return Ok(None);
        }
        let Some(length) = prefix.first_chunk() else {
            return Err(self.cut_off(place));
        };
        let claimed = i32::from_le_bytes(*length);
        let length = usize::try_from(claimed)
            .map_err(|_| self.damaged(place, format!("it claims metadata of {claimed} bytes")))?;
        let metadata = self.exactly(length, place)?;
        let body_bytes = decode(place, || Ok(message::parse(&metadata)?.bodyLength()));
        let body_bytes = body_bytes.map_err(|error| producer(self.stream.name(), error))?;
        let length = usize::try_from(body_bytes)
            .map_err(|_| self.damaged(place, format!("it claims a body of {body_bytes} bytes")))?;
        let body = self.exactly(length, place)?;
        Ok(Some(Found { metadata, body }))
    }

    fn exactly(
        &mut self,
        length: usize,
        place: &dyn Fn() -> String,
    ) -> tamis_engine::Result<Bytes> {
        let bytes = self.up_to(length)?;
        match bytes.len() == length {
            true => Ok(Bytes::from(bytes)),
            false => Err(self.cut_off(place)),
        }
    }

    /// The next `length` bytes, or as many as there are: memory is taken for bytes that have come.
    fn up_to(&mut self, length: usize) -> tamis_engine::Result<Vec<u8>> {
        let rest = self.head.split_off(self.head.len().min(length));
        let mut bytes = std::mem::replace(&mut self.head, rest);
        let mut filled = bytes.len();
        bytes.resize(length.min(STEP_BYTES).max(filled), 0);
        while filled < length {
            if filled == bytes.len() {
                bytes.resize(length.min(2 * filled), 0);
            }
            match self.stream.read(&mut bytes[filled..])? {
                0 => break,
                read => filled += read,
            }
        }
        bytes.truncate(filled);
        self.position += filled as u64;
        Ok(bytes)
    }

    fn cut_off(&self, place: &dyn Fn() -> String) -> EngineError {
        self.damaged(
            place,
            format!("the stream ends in it, at byte {}", self.position),
        )
    }

    fn damaged(&self, place: &dyn Fn() -> String, message: String) -> EngineError {
        let place = place();
        producer(self.stream.name(), Error::Damaged { place, message })
    }
}
