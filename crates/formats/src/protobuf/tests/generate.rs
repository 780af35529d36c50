//! Random messages: values of every type, and what encoders may do but seldom do.

use fastrand::Rng;
use prost::Message;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};

/// Makes random messages; the same ones for the same seed.
pub(super) struct Generator {
    random: Rng,
}

impl Generator {
    pub(super) fn new(seed: u64) -> Generator {
        Generator {
            random: Rng::with_seed(seed),
        }
    }

    pub(super) fn flip(&mut self) -> bool {
        self.random.bool()
    }

    /// A message on the wire: now and then as several that are to be merged, with unknown fields between them.
    pub(super) fn encoded(&mut self, of: &MessageDescriptor) -> Vec<u8> {
        let mut bytes = self.message(of, 0).encode_to_vec();
        while self.random.u8(..4) == 0 {
            let unknown: [&[u8]; 4] = [
                &[0xF8, 0x3F, 5],
                &[0xFA, 0x3F, 2, 0xFF, 0],
                &[0xFB, 0x3F, 0x08, 1, 0xFC, 0x3F],
                &[],
            ];
            bytes.extend_from_slice(unknown[self.random.usize(..4)]);
            bytes.extend(self.message(of, 0).encode_to_vec());
        }
        bytes
    }

    /// The message with some bytes changed, lost or doubled.
    pub(super) fn damaged(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        for _ in 0..self.random.usize(1..4) {
            if bytes.is_empty() {
                bytes.push(self.random.u8(..));
                continue;
            }
            let at = self.random.usize(..bytes.len());
            match self.random.u8(..4) {
                0 => bytes[at] = self.random.u8(..),
                1 => bytes[at] ^= 1 << self.random.u8(..8),
                2 => bytes.truncate(at),
                _ => bytes.insert(at, self.random.u8(..)),
            }
        }
        bytes
    }

    fn message(&mut self, of: &MessageDescriptor, depth: usize) -> DynamicMessage {
        let mut message = DynamicMessage::new(of.clone());
        match of.full_name() {
            "google.protobuf.Timestamp" => {
                let seconds = self.random.i64(-62_135_596_800..=253_402_300_799);
                message.set_field_by_name("seconds", Value::I64(seconds));
                let nanos = [0, 500_000_000, 1000, 999_999_999][self.random.usize(..4)];
                message.set_field_by_name("nanos", Value::I32(nanos));
                return message;
            }
            "google.protobuf.Duration" => {
                let seconds = self.random.i64(-100_000..=100_000);
                message.set_field_by_name("seconds", Value::I64(seconds));
                let nanos = [0, 500_000_000, 1000, 999_999_999][self.random.usize(..4)];
                let nanos = nanos * if seconds < 0 { -1 } else { 1 };
                message.set_field_by_name("nanos", Value::I32(nanos));
                return message;
            }
            _ => {}
        }
        for field in of.fields() {
            if self.random.u8(..3) > 0 && depth < 4 {
                let value = self.field(&field, depth);
                message.set_field(&field, value);
            }
        }
        // A `google.protobuf.Value` without a value is null, and has no JSON form elsewhere.
        if of.full_name() == "google.protobuf.Value" && message.fields().next().is_none() {
            message.set_field_by_name("bool_value", Value::Bool(true));
        }
        message
    }

    fn field(&mut self, field: &FieldDescriptor, depth: usize) -> Value {
        let kind = field.kind();
        let count = self.random.usize(..4);
        if field.is_map() {
            let Kind::Message(entry) = &kind else {
                unreachable!("a map has entries")
            };
            let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field());
            let entries = (0..count).filter_map(|_| {
                let key = match self.value(&key.kind(), depth) {
                    Value::String(text) => MapKey::String(text),
                    Value::I32(number) => MapKey::I32(number),
                    _ => return None,
                };
                Some((key, self.value(&value.kind(), depth)))
            });
            return Value::Map(entries.collect());
        }
        if field.is_list() {
            return Value::List((0..count).map(|_| self.value(&kind, depth)).collect());
        }
        self.value(&kind, depth)
    }

    fn value(&mut self, kind: &Kind, depth: usize) -> Value {
        let bits = self.random.u64(..) >> self.random.u8(..64);
        let zero = self.random.u8(..5) == 0;
        let bits = if zero { 0 } else { bits };
        match kind {
            Kind::Bool => Value::Bool(bits & 1 == 1),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(bits as i32),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(bits as i64),
            Kind::Uint32 | Kind::Fixed32 => Value::U32(bits as u32),
            Kind::Uint64 | Kind::Fixed64 => Value::U64(bits),
            Kind::Float => Value::F32(self.random.i16(..).into()),
            Kind::Double => Value::F64(f64::from(self.random.i32(..)) / 256.0),
            Kind::String => Value::String(self.text()),
            Kind::Bytes => Value::Bytes(self.text().into_bytes().into()),
            Kind::Enum(descriptor) => {
                let all: Vec<i32> = descriptor.values().map(|value| value.number()).collect();
                Value::EnumNumber(all[self.random.usize(..all.len())])
            }
            Kind::Message(message) => Value::Message(self.message(message, depth + 1)),
        }
    }

    fn text(&mut self) -> String {
        let letters = ['a', 'Z', '0', ' ', '"', '\\', '\n', 'é', '漢', '🙂'];
        let count = self.random.usize(..12);
        (0..count)
            .map(|_| letters[self.random.usize(..letters.len())])
            .collect()
    }
}
