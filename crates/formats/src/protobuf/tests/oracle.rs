//! What a row should be, asked of a [`DynamicMessage`] by name. The fuzz target asks it too.

use std::sync::Arc;

use prost_reflect::{DynamicMessage, ReflectMessage, SerializeOptions, Value};
use serde_json::Value as Json;
use tamis_engine::source::{MemorySource, Source};

use crate::file::RecordFile;
use crate::messages::MessageOptions;
use crate::protobuf::{ProtobufFile, Schema};
use crate::{Block, Kind, Malformed, Visitor};

/// A value as a block has it.
pub(super) type Cell = (Kind, String);

/// What a stream was found to hold.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Found {
    /// A row of values, or why there is none.
    pub(super) rows: Vec<Result<Vec<Cell>, String>>,
    /// The bytes of each record.
    pub(super) records: Vec<Vec<u8>>,
}

impl Visitor for Found {
    fn block(&mut self, block: &Block<'_>) {
        for row in 0..block.rows {
            let cells = (0..block.columns).map(|column| {
                let text = block.column(column).field(row);
                let text = String::from_utf8(text.to_vec()).expect("all text is UTF-8");
                assert!(!block.is_ascii(column) || text.is_ascii());
                (block.kind(row, column), text)
            });
            self.rows.push(Ok(cells.collect()));
            self.records.push(block.bytes[block.record(row)].to_vec());
        }
    }

    fn malformed(&mut self, record: &Malformed<'_>) {
        self.rows.push(Err(format!("{:?}", record.fault)));
        self.records
            .push(record.bytes[record.range.clone()].to_vec());
    }
}

/// Reads streams of one type of messages.
pub(super) struct Reader {
    pub(super) options: MessageOptions,
    pub(super) schema: Arc<Schema>,
}

impl Reader {
    pub(super) fn new(options: MessageOptions) -> Reader {
        let schema = Arc::new(Schema::read(&options.schema).expect("a valid schema"));
        Reader { options, schema }
    }

    /// Reads a stream, all of its columns or some.
    pub(super) fn read(
        &self,
        stream: &[u8],
        wanted: Option<&[usize]>,
    ) -> Result<Found, tamis_engine::Error> {
        let source = MemorySource::new("stream", stream.to_vec());
        let file = ProtobufFile::new(source.open()?, self.schema.clone(), self.options.clone());
        let all: Vec<usize> = (0..file.columns().len()).collect();
        let mut found = Found::default();
        let mut at = 0;
        for unit in file.units(wanted.unwrap_or(&all))? {
            let unit = unit?;
            assert_eq!(unit.byte_offset(), Some(at));
            at += unit.plain_bytes();
            let before = found.rows.len() as u64;
            let totals = unit.visit(&mut found)?;
            assert_eq!(totals.rows, found.rows.len() as u64 - before);
        }
        assert_eq!(found.records.concat(), stream, "every byte has a record");
        for (row, record) in found.rows.iter().zip(&found.records) {
            let mut shown = Vec::new();
            file.show_record(record, &mut shown);
            let shown: Json = serde_json::from_slice(&shown).expect("records are shown as JSON");
            assert_eq!(row.is_err(), shown.is_string(), "{shown}");
        }
        Ok(found)
    }

    /// Holds a stream to its messages, as the other one reads them.
    pub(super) fn assert_agrees(&self, stream: &[u8], messages: &[Vec<u8>]) {
        let found = self.read(stream, None).expect("a whole stream");
        assert_eq!(found.rows.len(), messages.len());
        for (row, bytes) in found.rows.iter().zip(messages) {
            let descriptor = self.schema.descriptor().clone();
            match (row, DynamicMessage::decode(descriptor, bytes.as_slice())) {
                (Ok(cells), Ok(message)) => compare(&self.schema, cells, &message),
                (Err(_), Err(_)) => {}
                // Its descriptor is not printed: that of a type in itself has no end.
                (row, message) => panic!("{row:?}\n{:?}\n{bytes:x?}", message.map(drop)),
            }
        }
    }
}

/// Compares a row of all columns with the message it comes from.
fn compare(schema: &Schema, cells: &[Cell], message: &DynamicMessage) {
    for (cell, column) in cells.iter().zip(schema.columns()) {
        let path: Vec<&str> = column.name.split('.').collect();
        let name = &column.name;
        match expected(message, &path) {
            Expected::Text(kind, text) => assert_eq!((cell.0, &cell.1), (kind, &text), "{name}"),
            Expected::Json(json) => {
                let found: Json = match cell.0 {
                    Kind::String => Json::String(cell.1.clone()),
                    Kind::Null => Json::Null,
                    _ => serde_json::from_str(&cell.1)
                        .unwrap_or_else(|error| panic!("{name}: {error} in {}", cell.1)),
                };
                assert!(is_same(&found, &json), "{name}:\n{found}\n{json}");
            }
            Expected::Nothing => assert_eq!(cell.0, Kind::Missing, "{name}: {cell:?}"),
            Expected::NotChecked => {}
        }
    }
}

enum Expected {
    Text(Kind, String),
    Json(Json),
    Nothing,
    /// A moment out of its range, which the other one refuses to show.
    NotChecked,
}

fn expected(message: &DynamicMessage, path: &[&str]) -> Expected {
    let (name, rest) = path.split_first().expect("a column has a field");
    let field = message.descriptor().get_field_by_name(name);
    let field = field.expect("columns are fields");
    let is_there = message.has_field(&field);
    let value = message.get_field(&field);
    if !rest.is_empty() {
        return match value.as_message() {
            Some(inner) if is_there => expected(inner, rest),
            _ => Expected::Nothing,
        };
    }
    let has_default = field.field_descriptor_proto().default_value.is_some();
    if field.supports_presence() && !is_there && !has_default {
        return Expected::Nothing;
    }
    let number = |text: String| Expected::Text(Kind::Number, text);
    match value.as_ref() {
        Value::Bool(value) => Expected::Text(Kind::Boolean, value.to_string()),
        Value::I32(value) => number(value.to_string()),
        Value::I64(value) => number(value.to_string()),
        Value::U32(value) => number(value.to_string()),
        Value::U64(value) => number(value.to_string()),
        Value::F32(value) => number(zmij::Buffer::new().format(*value).to_owned()),
        Value::F64(value) => number(zmij::Buffer::new().format(*value).to_owned()),
        Value::String(value) => Expected::Text(Kind::String, value.clone()),
        Value::EnumNumber(number) => {
            let descriptor = field.kind();
            let value = descriptor
                .as_enum()
                .and_then(|kind| kind.get_value(*number));
            match value {
                Some(value) => Expected::Text(Kind::String, value.name().to_owned()),
                None => Expected::Text(Kind::Number, number.to_string()),
            }
        }
        value => {
            let Some(json) = json(message, &field).filter(|_| !is_odd_moment(value)) else {
                return Expected::NotChecked;
            };
            match (json, value) {
                (Json::String(text), _) => Expected::Text(Kind::String, text),
                // A wrapper is its value.
                (Json::Bool(value), _) => Expected::Text(Kind::Boolean, value.to_string()),
                (json, _) => Expected::Json(json),
            }
        }
    }
}

/// Whether a value is a moment or a duration that the JSON mapping does not allow, and the other one shows nevertheless.
fn is_odd_moment(value: &Value) -> bool {
    let Some(message) = value.as_message() else {
        return false;
    };
    let part = |name| {
        message
            .get_field_by_name(name)
            .map(|value| value.into_owned())
    };
    let (Some(Value::I64(seconds)), Some(Value::I32(nanos))) = (part("seconds"), part("nanos"))
    else {
        return false;
    };
    match message.descriptor().name() {
        "Timestamp" => {
            !(-62_135_596_800..=253_402_300_799).contains(&seconds)
                || !(0..1_000_000_000).contains(&nanos)
        }
        _ => {
            seconds.unsigned_abs() > 315_576_000_000
                || nanos.unsigned_abs() >= 1_000_000_000
                || seconds.signum() * i64::from(nanos.signum()) < 0
        }
    }
}

/// The JSON form of one field, by another implementation.
fn json(message: &DynamicMessage, field: &prost_reflect::FieldDescriptor) -> Option<Json> {
    let mut alone = DynamicMessage::new(message.descriptor());
    alone.set_field(field, message.get_field(field).into_owned());
    let options = SerializeOptions::new()
        .stringify_64_bit_integers(false)
        .use_proto_field_name(true)
        .skip_default_fields(true);
    let whole = alone.serialize_with_options(serde_json::value::Serializer, &options);
    let whole = whole.ok()?;
    Some(match whole.get(field.name()) {
        Some(value) => value.clone(),
        None if field.is_map() => Json::Object(Default::default()),
        None if field.is_list() => Json::Array(Vec::new()),
        None => Json::String(String::new()),
    })
}

/// Numbers are the same if they are as 32-bit floats: the other one shows those with all digits of 64 bits.
fn is_same(one: &Json, other: &Json) -> bool {
    match (one, other) {
        (Json::Number(one), Json::Number(other)) => {
            one == other
                || one.as_f64() == other.as_f64()
                || one.as_f64().map(|one| one as f32) == other.as_f64().map(|other| other as f32)
        }
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, two)| is_same(one, two))
        }
        (Json::Object(one), Json::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, value)| other.get(key).is_some_and(|other| is_same(value, other)))
        }
        _ => one == other,
    }
}
