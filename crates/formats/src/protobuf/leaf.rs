//! The columns of a message: its scalars, and those of the messages in it as `a.b`.

use prost_reflect::{FieldDescriptor, Kind as FieldKind, MessageDescriptor, Value};

use super::text;
use super::types::WellKnown;
use crate::Kind;
use crate::vector::Type;

/// A message with more columns shows what is left of its messages as objects: types that refer to each other often enough
/// have more columns than there is memory.
const COLUMNS_MAX: usize = 10_000;

/// Messages in messages in messages, ... further down are objects.
const DEPTH_MAX: usize = 32;

/// A column of a message.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    /// `customer.city`
    pub(super) name: String,
    /// The field numbers that lead to the value.
    pub(super) path: Vec<u32>,
    pub(super) form: Form,
    pub(super) ty: Type,
    /// What the value is where the message says nothing, if its schema says that (proto2).
    pub(super) default: Option<(Kind, String)>,
}

/// How a column's values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As the text of a scalar.
    Scalar,
    /// A `Timestamp`, as text in ISO 8601.
    Timestamp,
    /// A `Duration`, as seconds: `1.5s`.
    Duration,
    /// A message whose members are columns: only that it is there.
    Message,
    /// As JSON: lists, maps, and messages that are no columns of their own.
    Json,
}

/// All columns of a message, in the order its fields are declared; and the messages whose members they are, in the same form.
pub(super) fn leaves(message: &MessageDescriptor) -> (Vec<Leaf>, Vec<Leaf>) {
    let mut lister = Lister {
        leaves: Vec::new(),
        messages: Vec::new(),
        path: Vec::new(),
        within: Vec::new(),
    };
    lister.list(message, "");
    (lister.leaves, lister.messages)
}

struct Lister {
    leaves: Vec<Leaf>,
    messages: Vec<Leaf>,
    path: Vec<u32>,
    /// The types that the fields at hand lie in: a type in itself has no end.
    within: Vec<MessageDescriptor>,
}

impl Lister {
    fn list(&mut self, message: &MessageDescriptor, prefix: &str) {
        self.within.push(message.clone());
        let mut fields: Vec<_> = message.fields().collect();
        fields.sort_by_key(|field| field.path().last().copied());
        for field in fields {
            self.path.push(field.number());
            self.field(&field, format!("{prefix}{}", field.name()));
            self.path.pop();
        }
        self.within.pop();
    }

    fn field(&mut self, field: &FieldDescriptor, name: String) {
        let kind = field.kind();
        let (FieldKind::Message(message), false) = (&kind, field.is_list() || field.is_map())
        else {
            let form = match field.is_list() || field.is_map() {
                true => Form::Json,
                false => Form::Scalar,
            };
            let ty = match form {
                Form::Scalar => type_of(&kind),
                _ => Type::Text,
            };
            let default = declared_default(field);
            return self.add(name, form, ty, default);
        };
        match WellKnown::of(message.full_name()) {
            Some(WellKnown::Timestamp) => self.add(name, Form::Timestamp, Type::Timestamp, None),
            Some(WellKnown::Duration) => self.add(name, Form::Duration, Type::Text, None),
            Some(WellKnown::Wrapper) => {
                let Some(value) = message.get_field(1) else {
                    return self.add(name, Form::Json, Type::Text, None);
                };
                self.path.push(1);
                self.add(name, Form::Scalar, type_of(&value.kind()), None);
                self.path.pop();
            }
            Some(WellKnown::Struct | WellKnown::ListValue | WellKnown::Value) => {
                self.add(name, Form::Json, Type::Text, None);
            }
            None if message.fields().len() == 0
                || self.within.contains(message)
                || self.within.len() >= DEPTH_MAX
                || self.leaves.len() >= COLUMNS_MAX =>
            {
                self.add(name, Form::Json, Type::Text, None);
            }
            None => {
                self.list(message, &format!("{name}."));
                self.messages.push(Leaf {
                    name,
                    path: self.path.clone(),
                    form: Form::Message,
                    ty: Type::Text,
                    default: None,
                });
            }
        }
    }

    fn add(&mut self, name: String, form: Form, ty: Type, default: Option<(Kind, String)>) {
        self.leaves.push(Leaf {
            name,
            path: self.path.clone(),
            form,
            ty,
            default,
        });
    }
}

fn type_of(kind: &FieldKind) -> Type {
    match kind {
        FieldKind::Bool => Type::Boolean,
        FieldKind::Float | FieldKind::Double => Type::Number,
        FieldKind::String | FieldKind::Bytes | FieldKind::Enum(_) | FieldKind::Message(_) => {
            Type::Text
        }
        _ => Type::Integer,
    }
}

/// `[default = 5]`: what an absent field of proto2 is read as.
fn declared_default(field: &FieldDescriptor) -> Option<(Kind, String)> {
    field.field_descriptor_proto().default_value.as_ref()?;
    let number = |text: String| Some((Kind::Number, text));
    match field.default_value() {
        Value::Bool(value) => Some((Kind::Boolean, value.to_string())),
        Value::I32(value) => number(value.to_string()),
        Value::I64(value) => number(value.to_string()),
        Value::U32(value) => number(value.to_string()),
        Value::U64(value) => number(value.to_string()),
        Value::F32(value) => number(zmij::Buffer::new().format(value).to_owned()),
        Value::F64(value) => number(zmij::Buffer::new().format(value).to_owned()),
        Value::String(value) => Some((Kind::String, value)),
        Value::Bytes(value) => {
            let mut shown = Vec::new();
            text::base64(&value, &mut shown);
            Some((Kind::String, String::from_utf8(shown).ok()?))
        }
        Value::EnumNumber(number) => match field.kind() {
            FieldKind::Enum(descriptor) => {
                let value = descriptor.get_value(number)?;
                Some((Kind::String, value.name().to_owned()))
            }
            _ => None,
        },
        Value::Message(_) | Value::List(_) | Value::Map(_) => None,
    }
}
