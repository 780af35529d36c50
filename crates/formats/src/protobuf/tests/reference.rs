//! What a row should be, asked of a [`DynamicMessage`] by name.

use prost_reflect::{DynamicMessage, ReflectMessage, SerializeOptions, Value};
use serde_json::Value as Json;

use super::Cell;
use crate::Kind;
use crate::protobuf::Schema;

/// Compares a row of all columns with the message it comes from.
pub(super) fn compare(schema: &Schema, cells: &[Cell], message: &DynamicMessage) {
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
