//! A stream of messages as a file of records.

use std::sync::{Arc, Mutex, PoisonError};

use tamis_engine::Error as EngineError;
use tamis_engine::pipeline::{CHUNK_BYTES_DEFAULT, RECORD_BYTES_MAX_DEFAULT};
use tamis_engine::source::{ByteStream, Opened, RandomAccess};

use super::cut::{Cutter, Cutting, Input, Run};
use super::fault::fault;
use super::framing::{Framing, Head};
use super::json::{Json, string};
use super::plan::Plan;
use super::rows::Rows;
use super::schema::Schema;
use super::text;
use crate::file::{FileColumn, RecordFile, Unit, Units};
use crate::sniff::Format;
use crate::{Malformed, Totals, Visitor};

/// What a stream of messages is, and how it is to be read.
#[derive(Clone, Debug)]
pub struct StreamOptions {
    /// The type of its messages.
    pub schema: Arc<Schema>,
    /// How they are told apart.
    pub framing: Framing,
    /// About how much of the stream one thread takes at a time.
    pub unit_bytes: usize,
    /// A message longer than this is an error.
    pub record_bytes_max: usize,
}

impl StreamOptions {
    /// A length-delimited stream of messages.
    pub fn new(schema: Arc<Schema>) -> StreamOptions {
        StreamOptions {
            schema,
            framing: Framing::Varint,
            unit_bytes: CHUNK_BYTES_DEFAULT,
            record_bytes_max: RECORD_BYTES_MAX_DEFAULT,
        }
    }
}

/// An opened stream of messages.
#[derive(Debug)]
pub struct ProtobufFile {
    name: String,
    options: StreamOptions,
    input: Start,
}

/// Where the bytes come from.
#[derive(Debug)]
enum Start {
    /// From an input that can be read as often as one likes.
    Random(Box<dyn RandomAccess>),
    /// From one that is read once, and then is gone.
    Once(Mutex<Option<Box<dyn ByteStream>>>),
}

/// Offsets in a run have 32 bits; and what is made of it has a little room.
const RECORD_BYTES_MAX: usize = 1 << 31;

impl ProtobufFile {
    /// The messages of an input at its start.
    pub fn new(opened: Opened, options: StreamOptions) -> ProtobufFile {
        let (name, input) = match opened {
            Opened::Random(access) => (access.name().to_owned(), Start::Random(access)),
            Opened::Stream(stream) => {
                let name = stream.name().to_owned();
                (name, Start::Once(Mutex::new(Some(stream))))
            }
        };
        ProtobufFile {
            name,
            options,
            input,
        }
    }
}

impl RecordFile for ProtobufFile {
    fn format(&self) -> Format {
        Format::Protobuf
    }

    fn columns(&self) -> &[FileColumn] {
        self.options.schema.columns()
    }

    fn rows(&self) -> Option<u64> {
        None
    }

    /// The runs of messages. Those of a stream that cannot be read twice are there once.
    fn units(&self, wanted: &[usize]) -> Result<Units<'_>, EngineError> {
        let input = match &self.input {
            Start::Random(access) => Input::Random(access.as_ref(), 0),
            Start::Once(stream) => {
                let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
                Input::Stream(stream.take().ok_or_else(|| EngineError::Unsupported {
                    input: self.name.clone(),
                    reason: "a stream of messages can be read once only".to_owned(),
                })?)
            }
        };
        let StreamOptions {
            schema,
            framing,
            unit_bytes,
            record_bytes_max,
        } = &self.options;
        let cutting = Cutting {
            framing: *framing,
            unit_bytes: (*unit_bytes).max(1),
            record_bytes_max: (*record_bytes_max).min(RECORD_BYTES_MAX),
        };
        let readers = Arc::new(Readers {
            plan: Plan::new(&schema.types, &schema.leaves, wanted),
            framing: *framing,
            idle: Mutex::new(Vec::new()),
        });
        let runs = Cutter::new(&self.name, input, cutting);
        let name = self.name.as_str();
        Ok(Box::new(runs.map(move |run| {
            let unit = Messages {
                run: run?,
                readers: readers.clone(),
                name,
            };
            Ok(Box::new(unit) as Box<dyn Unit>)
        })))
    }

    fn show_record(&self, record: &[u8], out: &mut Vec<u8>) {
        let framing = self.options.framing;
        let message = message_in(framing, record);
        let types = &self.options.schema.types;
        let is_whole = message.is_some_and(|message| {
            let plan = Plan::new(types, &[], &[]);
            let mut rows = Rows::new(&plan);
            rows.walker.record(&plan, message, 0, 0).is_ok()
        });
        match message.filter(|_| is_whole) {
            Some(message) => {
                let json = Json {
                    nodes: &types.nodes,
                    enums: &types.enums,
                    bytes_max: usize::MAX,
                };
                json.message(0, message, 0, out);
            }
            None => {
                let mut shown = Vec::new();
                text::base64(record, &mut shown);
                string(&shown, out);
            }
        }
    }
}

/// What all units of a pass share.
struct Readers {
    plan: Plan,
    framing: Framing,
    /// Buffers that no unit uses at the moment.
    idle: Mutex<Vec<Rows>>,
}

/// A run of messages, not yet read.
struct Messages<'f> {
    run: Run,
    readers: Arc<Readers>,
    name: &'f str,
}

impl Unit for Messages<'_> {
    fn len_bytes(&self) -> u64 {
        self.run.bytes.len() as u64
    }

    fn byte_offset(&self) -> Option<u64> {
        Some(self.run.byte_offset)
    }

    fn visit(self: Box<Self>, visitor: &mut dyn Visitor) -> Result<Totals, EngineError> {
        let idle = || {
            let idle = self.readers.idle.lock();
            idle.unwrap_or_else(PoisonError::into_inner)
        };
        let rows = idle().pop();
        let mut rows = rows.unwrap_or_else(|| Rows::new(&self.readers.plan));
        let totals = self.readers.read(&self.run.bytes, &mut rows, visitor);
        let totals = totals.map_err(|source| EngineError::Producer {
            input: self.name.to_owned(),
            source: Box::new(source),
        })?;
        idle().push(rows);
        Ok(totals)
    }
}

impl Readers {
    fn read(
        &self,
        bytes: &[u8],
        rows: &mut Rows,
        visitor: &mut dyn Visitor,
    ) -> Result<Totals, crate::Error> {
        let Readers { plan, framing, .. } = self;
        let mut totals = Totals::default();
        let mut at = 0;
        while let Ok(Head::Known {
            prefix,
            message: len,
        }) = framing.head(&bytes[at..])
        {
            let range = at..at + prefix + len as usize;
            let covered = &bytes[..range.end];
            totals.rows += 1;
            let read = match framing.message_start(&covered[at + prefix..]) {
                Some(skipped) => {
                    let start = at + prefix + skipped;
                    let read = rows.walker.record(plan, covered, start, rows.next());
                    read.map(|()| start).map_err(|stop| fault(plan, stop))
                }
                None => Err(super::fault::no_header(at + prefix)),
            };
            at = range.end;
            match read {
                Ok(start) => {
                    if rows.push(&range, start) {
                        rows.flush(plan, bytes, visitor)?;
                    }
                }
                Err(fault) => {
                    rows.flush(plan, bytes, visitor)?;
                    visitor.malformed(&Malformed {
                        bytes,
                        range,
                        fault,
                    });
                }
            }
        }
        rows.flush(plan, bytes, visitor)?;
        Ok(totals)
    }
}

/// The message in a record, without what stands in front of it.
fn message_in(framing: Framing, record: &[u8]) -> Option<&[u8]> {
    let Ok(Head::Known { prefix, .. }) = framing.head(record) else {
        return None;
    };
    let covered = &record[prefix..];
    covered.get(framing.message_start(covered)?..)
}
