//! Plain values of descriptive keys: carried from reading to writing, never interpreted.

/// A YAML value as written: numbers keep their text, mappings their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number, as its text: exact whatever its size.
    Number(String),
    /// Any other scalar.
    Text(String),
    /// A sequence.
    List(Vec<Value>),
    /// A mapping, in the order of the file.
    Map(Extra),
}

/// Descriptive keys in the order of the file.
pub type Extra = Vec<(String, Value)>;
