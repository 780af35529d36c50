//! What is wrong with a message, for people.

use super::plan::Plan;
use super::types::{Field, Scalar};
use super::wire::{BYTES, DEPTH_MAX, FIXED32, FIXED64, GROUP, Problem, Stop, VARINT};
use crate::Fault;

/// The fault of a message that the walker stopped in.
pub(super) fn fault(plan: &Plan, stop: Stop) -> Fault {
    let message = match stop.problem {
        Problem::Utf8 => return Fault::InvalidUtf8 { offset: stop.at },
        Problem::Cut => "the message ends inside of a field".to_owned(),
        Problem::Varint => "expected a varint of at most ten bytes".to_owned(),
        Problem::Tag => "expected a field number from 1 to 536870911".to_owned(),
        Problem::WireType(wire) => format!("expected a wire type from 0 to 5, found {wire}"),
        Problem::Length => "a length reaches beyond the end of the message".to_owned(),
        Problem::Depth => format!("more than {DEPTH_MAX} messages lie in each other"),
        Problem::GroupEnd => "a group ends that did not begin".to_owned(),
        Problem::Packed => "a list ends inside of a value".to_owned(),
        Problem::FieldType { node, field, wire } => {
            let node = &plan.nodes[node as usize];
            let field = &node.fields[field as usize];
            format!(
                "field {} of `{}` is `{}`, {}, and the message has {} there (is the schema the right one?)",
                field.number,
                node.name,
                field.name,
                type_name(plan, field),
                wire_name(wire),
            )
        }
    };
    Fault::InvalidMessage {
        offset: stop.at,
        message,
    }
}

/// The fault of a message without the header of a schema registry.
pub(super) fn no_header(offset: usize) -> Fault {
    Fault::InvalidMessage {
        offset,
        message: "expected the header of a schema registry: a zero byte, the schema's number, the message's place in it"
            .to_owned(),
    }
}

fn type_name(plan: &Plan, field: &Field) -> String {
    match field.scalar {
        Scalar::Text => "a `string`".to_owned(),
        Scalar::Enum(_) => "an enum".to_owned(),
        Scalar::Message => format!("a `{}`", plan.nodes[field.child as usize].name),
        other => format!("a `{}`", format!("{other:?}").to_ascii_lowercase()),
    }
}

fn wire_name(wire: u8) -> &'static str {
    match wire {
        VARINT => "a varint",
        FIXED64 => "eight bytes",
        BYTES => "a length and bytes",
        GROUP => "a group",
        FIXED32 => "four bytes",
        _ => "something unknown",
    }
}
