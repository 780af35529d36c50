//! Messages, lists and maps as JSON text: for columns that hold such, and for people.
//!
//! The form is Protobuf's JSON mapping with the names of the schema, 64-bit integers as numbers, and only the fields that
//! are there, in the order of their numbers. The bytes have been judged by the [walker](super::walker); what could not
//! be read is left out.

use std::collections::HashMap;

use super::text;
use super::types::{Enum, Field, NONE, Node, Scalar, WellKnown};
use super::wire::{
    BYTES, DEPTH_MAX, FIXED32, FIXED64, GROUP, VARINT, fixed32, fixed64, group, payload, skip, tag,
    varint,
};

/// Writes the messages of one set of types.
#[derive(Clone, Copy, Debug)]
pub(super) struct Json<'t> {
    pub(super) nodes: &'t [Node],
    pub(super) enums: &'t [Enum],
    /// Texts longer than this are not written on.
    pub(super) bytes_max: usize,
}

/// One field as it stood on the wire.
#[derive(Clone, Copy, Debug)]
struct Found<'b> {
    /// The position of the field in its node.
    field: u32,
    value: Wire<'b>,
}

/// A value on the wire.
#[derive(Clone, Copy, Debug)]
enum Wire<'b> {
    /// A varint, or four or eight bytes.
    Number(u64),
    /// What stands behind a length, or in a group.
    Bytes(&'b [u8]),
}

impl Json<'_> {
    /// Writes a message.
    pub(super) fn message(&self, node: u32, bytes: &[u8], depth: u32, out: &mut Vec<u8>) {
        let node = &self.nodes[node as usize];
        if depth > DEPTH_MAX || out.len() > self.bytes_max {
            return out.extend_from_slice(b"null");
        }
        let found = fields(node, bytes, depth);
        if let Some(known) = node.known
            && self.well_known(known, node, &found, depth, out)
        {
            return;
        }
        out.push(b'{');
        let first = out.len();
        for group in found.chunk_by(|one, two| one.field == two.field) {
            let field = &node.fields[group[0].field as usize];
            let before = out.len();
            if before != first {
                out.push(b',');
            }
            string(field.name.as_bytes(), out);
            out.push(b':');
            if !self.field(field, group, depth, out) {
                out.truncate(before);
            }
        }
        out.push(b'}');
    }

    /// Writes what a column of lists, maps or messages holds: the field that `path` leads to, from the message `bytes` on.
    /// `false`: it is not there, and nothing was written.
    pub(super) fn column(&self, bytes: &[u8], path: &[u32], out: &mut Vec<u8>) -> bool {
        let mut messages = vec![bytes];
        let mut node = 0;
        for (depth, number) in (0..).zip(path) {
            let at = &self.nodes[node as usize];
            let Some(field) = at.fields.get(at.find(*number) as usize) else {
                return false;
            };
            let index = at.find(*number);
            let mut found = Vec::new();
            for message in messages {
                for value in in_order(at, message, depth) {
                    let other = &at.fields[value.field as usize];
                    let is_rival = other.type_oneof == field.type_oneof && field.type_oneof != NONE;
                    if value.field == index {
                        found.push(value);
                    } else if is_rival {
                        found.clear();
                    }
                }
            }
            if depth as usize + 1 == path.len() {
                return match (found.is_empty(), field.is_map, field.is_repeated) {
                    (true, _, false) => false,
                    (true, true, true) => {
                        out.extend_from_slice(b"{}");
                        true
                    }
                    (true, false, true) => {
                        out.extend_from_slice(b"[]");
                        true
                    }
                    (false, ..) => self.field(field, &found, depth, out),
                };
            }
            messages = found.iter().filter_map(Found::bytes).collect();
            node = field.child;
        }
        false
    }

    /// Writes all values of one field; `false` if none of them is one.
    fn field(&self, field: &Field, found: &[Found<'_>], depth: u32, out: &mut Vec<u8>) -> bool {
        if field.is_map {
            self.map(field, found, depth, out);
            return true;
        }
        if field.is_repeated {
            self.list(field, found, depth, out);
            return true;
        }
        if field.scalar == Scalar::Message {
            self.merged(field, found, depth, out);
            return true;
        }
        let mut values = found.iter().rev();
        values.any(|found| self.scalar(field, found.value, out))
    }

    /// Several messages for one field are one whose fields stand one after the other.
    fn merged(&self, field: &Field, found: &[Found<'_>], depth: u32, out: &mut Vec<u8>) {
        match found {
            [one] => self.message(field.child, one.bytes().unwrap_or_default(), depth + 1, out),
            several => {
                let all: Vec<&[u8]> = several.iter().filter_map(Found::bytes).collect();
                self.message(field.child, &all.concat(), depth + 1, out);
            }
        }
    }

    fn list(&self, field: &Field, found: &[Found<'_>], depth: u32, out: &mut Vec<u8>) {
        out.push(b'[');
        let first = out.len();
        let item = |value: Wire<'_>, out: &mut Vec<u8>| {
            let before = out.len();
            if before != first {
                out.push(b',');
            }
            let is_written = match (field.scalar, value) {
                (Scalar::Message, Wire::Bytes(bytes)) => {
                    self.message(field.child, bytes, depth + 1, out);
                    true
                }
                _ => self.scalar(field, value, out),
            };
            if !is_written {
                out.truncate(before);
            }
        };
        for found in found {
            match found.value {
                Wire::Bytes(bytes) if field.is_packable => {
                    let mut at = 0;
                    while at < bytes.len() && out.len() <= self.bytes_max {
                        let Some(value) = number(field.wire, bytes, &mut at) else {
                            break;
                        };
                        item(Wire::Number(value), out);
                    }
                }
                value => item(value, out),
            }
        }
        out.push(b']');
    }

    /// Writes the entries by their keys; of several with one key the last is the one that counts.
    fn map(&self, field: &Field, found: &[Found<'_>], depth: u32, out: &mut Vec<u8>) {
        let node = &self.nodes[field.child as usize];
        let [key, value] = node.fields.as_slice() else {
            return out.extend_from_slice(b"{}");
        };
        let mut entries: Vec<(Vec<u8>, Vec<Found<'_>>)> = Vec::with_capacity(found.len());
        for entry in found.iter().filter_map(Found::bytes) {
            let inner = fields(node, entry, depth + 1);
            let (keys, values) = inner.split_at(inner.partition_point(|found| found.field == 0));
            let mut text = Vec::new();
            let found = keys.last().map_or(key.zero(), |found| found.value);
            self.scalar(key, found, &mut text);
            if text.first() != Some(&b'"') {
                text.insert(0, b'"');
                text.push(b'"');
            }
            entries.push((text, values.to_vec()));
        }
        entries.sort_by(|(one, _), (two, _)| one.cmp(two));
        out.push(b'{');
        let first = out.len();
        for same in entries.chunk_by(|(one, _), (two, _)| one == two) {
            let (text, values) = &same[same.len() - 1];
            let before = out.len();
            if before != first {
                out.push(b',');
            }
            out.extend_from_slice(text);
            out.push(b':');
            let is_written = match (values.is_empty(), value.scalar) {
                (false, _) => self.field(value, values, depth + 1, out),
                (true, Scalar::Message) => {
                    self.message(value.child, &[], depth + 2, out);
                    true
                }
                (true, _) => self.scalar(value, value.zero(), out),
            };
            if !is_written {
                out.truncate(before);
            }
        }
        out.push(b'}');
    }

    /// Writes a scalar; `false` for a number that its closed enum does not have.
    fn scalar(&self, field: &Field, value: Wire<'_>, out: &mut Vec<u8>) -> bool {
        let value = match (field.scalar, value) {
            (Scalar::Text, Wire::Bytes(bytes)) => {
                string(bytes, out);
                return true;
            }
            (_, Wire::Bytes(bytes)) => {
                out.push(b'"');
                text::base64(bytes, out);
                out.push(b'"');
                return true;
            }
            (_, Wire::Number(value)) => value,
        };
        match field.scalar {
            Scalar::Enum(index) => {
                let kind = &self.enums[index as usize];
                match kind.name(value as i32) {
                    Some(name) => string(name.as_bytes(), out),
                    None if kind.is_closed => return false,
                    None => {
                        out.extend_from_slice(itoa::Buffer::new().format(value as i32).as_bytes())
                    }
                }
            }
            Scalar::Float => float(
                f64::from(f32::from_bits(value as u32)),
                |out| {
                    text::scalar(value, Scalar::Float, self.enums, out);
                },
                out,
            ),
            Scalar::Double => float(
                f64::from_bits(value),
                |out| {
                    text::scalar(value, Scalar::Double, self.enums, out);
                },
                out,
            ),
            scalar => {
                text::scalar(value, scalar, self.enums, out);
            }
        }
        true
    }

    /// Writes a message that has a JSON form of its own; `false` if it has none after all.
    fn well_known(
        &self,
        known: WellKnown,
        node: &Node,
        found: &[Found<'_>],
        depth: u32,
        out: &mut Vec<u8>,
    ) -> bool {
        let of = |index: u32| {
            let from = found.partition_point(|found| found.field < index);
            let to = found.partition_point(|found| found.field <= index);
            (node.fields.get(index as usize), &found[from..to])
        };
        match known {
            WellKnown::Timestamp | WellKnown::Duration => {
                let number = |index: u32| match of(index).1.last().map(|found| found.value) {
                    Some(Wire::Number(value)) => value,
                    _ => 0,
                };
                let mut written = Vec::new();
                let write = match known {
                    WellKnown::Timestamp => text::timestamp,
                    _ => text::duration,
                };
                if !write(number(0) as i64, number(1) as i32, &mut written) {
                    return false;
                }
                string(&written, out);
                true
            }
            WellKnown::Wrapper => match of(0) {
                (Some(field), []) => self.scalar(field, field.zero(), out),
                (Some(field), values) => self.field(field, values, depth, out),
                (None, _) => false,
            },
            WellKnown::Struct => match of(0) {
                (Some(field), values) if field.is_map => self.field(field, values, depth, out),
                _ => false,
            },
            WellKnown::ListValue => match of(0) {
                (Some(field), values) if field.is_repeated => self.field(field, values, depth, out),
                _ => false,
            },
            // All its fields are members of one oneof; the null is an enum of one value.
            WellKnown::Value => match found.last() {
                None => {
                    out.extend_from_slice(b"null");
                    true
                }
                Some(Found { field, .. }) => {
                    let (field, values) = of(*field);
                    match field {
                        Some(Field {
                            scalar: Scalar::Enum(_),
                            ..
                        }) => {
                            out.extend_from_slice(b"null");
                            true
                        }
                        Some(field) => self.field(field, values, depth, out),
                        None => false,
                    }
                }
            },
        }
    }
}

impl<'b> Found<'b> {
    fn bytes(&self) -> Option<&'b [u8]> {
        match self.value {
            Wire::Bytes(bytes) => Some(bytes),
            Wire::Number(_) => None,
        }
    }
}

impl Field {
    /// The value of a scalar that is not there.
    fn zero(&self) -> Wire<'static> {
        match self.scalar {
            Scalar::Text | Scalar::Bytes => Wire::Bytes(b""),
            _ => Wire::Number(0),
        }
    }
}

/// The known fields of a message, by their numbers; of the members of a oneof only the last.
fn fields<'b>(node: &Node, bytes: &'b [u8], depth: u32) -> Vec<Found<'b>> {
    let mut found = in_order(node, bytes, depth);
    if node.fields.iter().any(|field| field.type_oneof != NONE) {
        // From the end: the last member of a oneof stays, with what came for it before, up to a rival.
        let mut chosen: HashMap<u32, (u32, bool)> = HashMap::new();
        for found in found.iter_mut().rev() {
            let oneof = node.fields[found.field as usize].type_oneof;
            if oneof == NONE {
                continue;
            }
            let (member, is_over) = chosen.entry(oneof).or_insert((found.field, false));
            *is_over |= *member != found.field;
            if *is_over {
                found.field = NONE;
            }
        }
        found.retain(|found| found.field != NONE);
    }
    found.sort_by_key(|found| found.field);
    found
}

/// The known fields of a message as they come; of a message that is damaged, those before the damage.
fn in_order<'b>(node: &Node, bytes: &'b [u8], depth: u32) -> Vec<Found<'b>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let Ok((number, wire)) = tag(bytes, &mut at) else {
            break;
        };
        let index = node.find(number);
        let field = node.fields.get(index as usize);
        let is_known =
            field.is_some_and(|field| field.wire == wire || wire == BYTES && field.is_packable);
        if !is_known {
            match skip(bytes, &mut at, number, wire, depth) {
                Ok(()) => continue,
                Err(_) => break,
            }
        }
        let start = at;
        let value = match wire {
            BYTES => payload(bytes, &mut at)
                .ok()
                .map(|(from, to)| Wire::Bytes(&bytes[from..to])),
            GROUP => group(bytes, &mut at, number, depth + 1)
                .ok()
                .map(|end| Wire::Bytes(&bytes[start..end])),
            wire => self::number(wire, bytes, &mut at).map(Wire::Number),
        };
        let Some(value) = value else { break };
        found.push(Found {
            field: index,
            value,
        });
    }
    found
}

/// One number of this wire type.
fn number(wire: u8, bytes: &[u8], at: &mut usize) -> Option<u64> {
    match wire {
        VARINT => varint(bytes, at).ok(),
        FIXED32 => fixed32(bytes, at).ok().map(u64::from),
        FIXED64 => fixed64(bytes, at).ok(),
        _ => None,
    }
}

/// What is no number in JSON is a string.
fn float(value: f64, write: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
    match value {
        _ if value.is_nan() => out.extend_from_slice(b"\"NaN\""),
        f64::INFINITY => out.extend_from_slice(b"\"Infinity\""),
        f64::NEG_INFINITY => out.extend_from_slice(b"\"-Infinity\""),
        _ => write(out),
    }
}

/// Writes a JSON string.
pub(super) fn string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}
