//! Message types as tables: what the walker and the JSON writer look fields up in.
//!
//! A descriptor is made for questions by name; a parser asks by number, once for every field of every message. So every
//! type that can occur is compiled once into a [`Node`], and a [plan](super::plan) adds nodes of its own for the messages
//! that wanted columns lie in.

use std::collections::HashMap;

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, Syntax};

use super::wire;

/// No cell, no child, no oneof.
pub(super) const NONE: u32 = u32::MAX;

/// Field numbers below this are looked up in a table, the others by search.
const DENSE_NUMBERS: u32 = 256;

/// What a scalar is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    Bool,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Float,
    Double,
    Text,
    Bytes,
    /// The enum of this index.
    Enum(u32),
    /// No scalar: a message.
    Message,
}

/// A message type, or a message at a certain place in a record.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// The type's full name.
    pub(super) name: String,
    /// In ascending order of their numbers.
    pub(super) fields: Vec<Field>,
    /// For each small number its field, or `NONE`.
    dense: Vec<u32>,
    /// The types with a JSON form of their own.
    pub(super) known: Option<WellKnown>,
    /// For messages that wanted columns lie in: what their cells are when the message is there and they are not.
    pub(super) defaults: Vec<(u32, u8)>,
    /// Whether wanted columns lie in it.
    pub(super) is_wanted: bool,
}

/// A field of a message.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    pub(super) name: String,
    /// The wire type of one value.
    pub(super) wire: u8,
    pub(super) scalar: Scalar,
    pub(super) is_repeated: bool,
    pub(super) is_map: bool,
    /// Whether several values may stand in one run of bytes.
    pub(super) is_packable: bool,
    /// The value that is not written because it is the default may be told from none at all.
    pub(super) has_presence: bool,
    /// The node of its messages.
    pub(super) child: u32,
    /// Where a plan wants its value.
    pub(super) cell: u32,
    /// Ones for what is asked for as JSON, of which the cell only says that it is there.
    pub(super) mark: u64,
    /// Which of the plan's oneofs it is a member of.
    pub(super) oneof: u32,
    /// The real oneof of its type, by index in the message.
    pub(super) type_oneof: u32,
}

/// Types of `google.protobuf` that mean more than their fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WellKnown {
    Timestamp,
    Duration,
    /// `Int32Value` and its like: a message around one scalar.
    Wrapper,
    Struct,
    ListValue,
    Value,
}

impl WellKnown {
    pub(super) fn of(full_name: &str) -> Option<WellKnown> {
        Some(match full_name.strip_prefix("google.protobuf.")? {
            "Timestamp" => WellKnown::Timestamp,
            "Duration" => WellKnown::Duration,
            "Struct" => WellKnown::Struct,
            "ListValue" => WellKnown::ListValue,
            "Value" => WellKnown::Value,
            "BoolValue" | "BytesValue" | "DoubleValue" | "FloatValue" | "Int32Value"
            | "Int64Value" | "StringValue" | "UInt32Value" | "UInt64Value" => WellKnown::Wrapper,
            _ => return None,
        })
    }
}

/// The names of an enum's values.
#[derive(Clone, Debug)]
pub(super) struct Enum {
    /// Ascending; of names for the same number the first.
    names: Vec<(i32, String)>,
    /// Numbers from 0 on, without a gap, are found by index.
    is_gapless: bool,
    /// A number without a name is no value of a closed enum (proto2).
    pub(super) is_closed: bool,
}

impl Enum {
    fn new(descriptor: &EnumDescriptor) -> Enum {
        let values = descriptor.values();
        let mut names: Vec<_> = values
            .map(|value| (value.number(), value.name().to_owned()))
            .collect();
        names.sort_by_key(|(number, _)| *number);
        names.dedup_by_key(|(number, _)| *number);
        Enum {
            is_gapless: (0..).zip(&names).all(|(at, (number, _))| at == *number),
            is_closed: descriptor.parent_file().syntax() == Syntax::Proto2,
            names,
        }
    }

    pub(super) fn name(&self, number: i32) -> Option<&str> {
        let at = if self.is_gapless {
            usize::try_from(number).ok()?
        } else {
            let found = self
                .names
                .binary_search_by_key(&number, |(number, _)| *number);
            found.ok()?
        };
        self.names.get(at).map(|(_, name)| name.as_str())
    }
}

impl Node {
    /// The index of a field.
    #[inline(always)]
    pub(super) fn find(&self, number: u32) -> u32 {
        match self.dense.get(number as usize) {
            Some(&index) => index,
            None => self.find_sparse(number),
        }
    }

    fn find_sparse(&self, number: u32) -> u32 {
        let found = self
            .fields
            .binary_search_by_key(&number, |field| field.number);
        found.map_or(NONE, |at| at as u32)
    }
}

/// All types that can occur in a message.
#[derive(Clone, Debug, Default)]
pub(super) struct Types {
    /// The message itself is the first.
    pub(super) nodes: Vec<Node>,
    pub(super) enums: Vec<Enum>,
}

impl Types {
    /// The types that can be reached from `message`.
    pub(super) fn new(message: &MessageDescriptor) -> Types {
        let mut found = Found::default();
        found.node(message);
        let mut next = 0;
        while let Some(message) = found.messages.get(next).cloned() {
            let node = found.read(&message);
            found.types.nodes.push(node);
            next += 1;
        }
        found.types
    }
}

/// Types found so far; those of `messages` become nodes one after the other.
#[derive(Default)]
struct Found {
    types: Types,
    messages: Vec<MessageDescriptor>,
    message_places: HashMap<String, u32>,
    enum_places: HashMap<String, u32>,
}

impl Found {
    fn node(&mut self, message: &MessageDescriptor) -> u32 {
        let next = self.messages.len() as u32;
        let name = message.full_name().to_owned();
        *self.message_places.entry(name).or_insert_with(|| {
            self.messages.push(message.clone());
            next
        })
    }

    fn read(&mut self, message: &MessageDescriptor) -> Node {
        let mut fields: Vec<_> = message.fields().map(|field| self.field(&field)).collect();
        fields.sort_by_key(|field| field.number);
        let highest = fields.iter().map(|field| field.number);
        let highest = highest.filter(|number| *number < DENSE_NUMBERS).max();
        let mut dense = vec![NONE; highest.map_or(0, |number| number as usize + 1)];
        for (index, field) in (0..).zip(&fields) {
            if let Some(place) = dense.get_mut(field.number as usize) {
                *place = index;
            }
        }
        Node {
            name: message.full_name().to_owned(),
            fields,
            dense,
            known: WellKnown::of(message.full_name()),
            defaults: Vec::new(),
            is_wanted: false,
        }
    }

    fn field(&mut self, field: &FieldDescriptor) -> Field {
        let (scalar, wire) = match field.kind() {
            Kind::Bool => (Scalar::Bool, wire::VARINT),
            Kind::Int32 => (Scalar::Int32, wire::VARINT),
            Kind::Int64 => (Scalar::Int64, wire::VARINT),
            Kind::Uint32 => (Scalar::Uint32, wire::VARINT),
            Kind::Uint64 => (Scalar::Uint64, wire::VARINT),
            Kind::Sint32 => (Scalar::Sint32, wire::VARINT),
            Kind::Sint64 => (Scalar::Sint64, wire::VARINT),
            Kind::Fixed32 => (Scalar::Fixed32, wire::FIXED32),
            Kind::Fixed64 => (Scalar::Fixed64, wire::FIXED64),
            Kind::Sfixed32 => (Scalar::Sfixed32, wire::FIXED32),
            Kind::Sfixed64 => (Scalar::Sfixed64, wire::FIXED64),
            Kind::Float => (Scalar::Float, wire::FIXED32),
            Kind::Double => (Scalar::Double, wire::FIXED64),
            Kind::String => (Scalar::Text, wire::BYTES),
            Kind::Bytes => (Scalar::Bytes, wire::BYTES),
            Kind::Enum(kind) => (Scalar::Enum(self.place_of_enum(&kind)), wire::VARINT),
            Kind::Message(_) if field.is_group() => (Scalar::Message, wire::GROUP),
            Kind::Message(_) => (Scalar::Message, wire::BYTES),
        };
        let is_repeated = field.is_list() || field.is_map();
        let oneof = field.containing_oneof();
        let oneof = oneof.filter(|oneof| !oneof.is_synthetic());
        Field {
            number: field.number(),
            name: field.name().to_owned(),
            wire,
            scalar,
            is_repeated,
            is_map: field.is_map(),
            is_packable: is_repeated && wire != wire::BYTES && wire != wire::GROUP,
            has_presence: field.supports_presence(),
            child: match field.kind() {
                Kind::Message(message) => self.node(&message),
                _ => NONE,
            },
            cell: NONE,
            mark: 0,
            oneof: NONE,
            type_oneof: oneof
                .and_then(|oneof| oneof.path().last().map(|&index| index as u32))
                .unwrap_or(NONE),
        }
    }

    fn place_of_enum(&mut self, descriptor: &EnumDescriptor) -> u32 {
        let next = self.types.enums.len() as u32;
        let name = descriptor.full_name().to_owned();
        *self.enum_places.entry(name).or_insert_with(|| {
            self.types.enums.push(Enum::new(descriptor));
            next
        })
    }
}
