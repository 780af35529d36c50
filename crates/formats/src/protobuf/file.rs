//! A stream of messages as a file of records.

use std::sync::{Arc, Mutex, PoisonError};

use tamis_engine::Error as EngineError;
use tamis_engine::source::{ByteStream, Opened, RandomAccess};

use super::cut::{Cutter, Cutting, Input, Run};
use super::fault::fault;
use super::framing::Head;
use super::json::{Json, string};
use super::plan::Plan;
use super::rows::Rows;
use super::schema::Schema;
use super::text;
use super::walker::Walker;
use crate::file::{FileColumn, RecordFile, Unit, Units};
use crate::messages::{Framing, MessageOptions};
use crate::sniff::Format;
use crate::{Malformed, Totals, Visitor};

/// An opened stream of messages.
#[derive(Debug)]
pub struct ProtobufFile {
    name: String,
    schema: Arc<Schema>,
    /// For messages by themselves, without columns.
    whole: Plan,
    options: MessageOptions,
    input: Start,
}

/// Where the bytes come from.
#[derive(Debug)]
enum Start {
    /// From an input that can be read as often as one likes.
    Random(Box<dyn RandomAccess>),
    /// From one that is read once, and then is gone.
    Once {
        stream: Mutex<Option<Box<dyn ByteStream>>>,
        backend: &'static str,
        raw_len_bytes: Option<u64>,
    },
}

/// Offsets in a run have 32 bits; and what is made of it has a little room.
const RECORD_BYTES_MAX: usize = 1 << 31;

impl ProtobufFile {
    /// The messages of an input at its start; `schema` is the one that `options` name.
    pub fn new(opened: Opened, schema: Arc<Schema>, options: MessageOptions) -> ProtobufFile {
        let (name, input) = match opened {
            Opened::Random(access) => (access.name().to_owned(), Start::Random(access)),
            Opened::Stream(stream) => {
                let name = stream.name().to_owned();
                let once = Start::Once {
                    backend: stream.backend(),
                    raw_len_bytes: stream.raw_len_bytes(),
                    stream: Mutex::new(Some(stream)),
                };
                (name, once)
            }
        };
        ProtobufFile {
            name,
            whole: Plan::new(&schema.types, &[], &[]),
            schema,
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
        self.schema.columns()
    }

    fn structures(&self) -> &[String] {
        self.schema.messages()
    }

    fn backend(&self) -> &'static str {
        match &self.input {
            Start::Random(access) => access.backend(),
            Start::Once { backend, .. } => backend,
        }
    }

    fn len_bytes(&self) -> Option<u64> {
        match &self.input {
            Start::Random(access) => Some(access.len_bytes()),
            Start::Once { raw_len_bytes, .. } => *raw_len_bytes,
        }
    }

    fn rows(&self) -> Option<u64> {
        None
    }

    /// The runs of messages. Those of a stream that cannot be read twice are there once.
    fn units(&self, wanted: &[usize]) -> Result<Units<'_>, EngineError> {
        let input = match &self.input {
            Start::Random(access) => Input::Random(access.as_ref(), 0),
            Start::Once { stream, .. } => {
                let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
                Input::Stream(stream.take().ok_or_else(|| EngineError::Unsupported {
                    input: self.name.clone(),
                    reason: "a stream of messages can be read once only".to_owned(),
                })?)
            }
        };
        let schema = &self.schema;
        let MessageOptions {
            framing,
            unit_bytes,
            record_bytes_max,
            ..
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

    fn verify(&self) -> Result<(), EngineError> {
        match &self.input {
            Start::Random(access) => access.verify(),
            // It said so itself when it was at its end.
            Start::Once { .. } => Ok(()),
        }
    }

    fn has_records(&self) -> bool {
        true
    }

    fn show_record(&self, record: &[u8], out: &mut Vec<u8>) {
        let framing = self.options.framing;
        let message = message_in(framing, record);
        let plan = &self.whole;
        let is_whole =
            message.is_some_and(|message| Walker::new(plan, 1).record(plan, message, 0, 0).is_ok());
        match message.filter(|_| is_whole) {
            Some(message) => {
                let json = Json {
                    nodes: &plan.nodes,
                    enums: &plan.enums,
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
        self.run.raw_bytes
    }

    fn plain_bytes(&self) -> u64 {
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
