//! The type of a column from the classes its values belong to.

use tamis_contract::model::LogicalType;
use tamis_formats::value::{Class, Classes};

/// Which values mix: in CSV all are texts, in JSON a number is never a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Typing {
    /// CSV.
    Text,
    /// JSON lines.
    Json,
}

/// The narrowest type that all values have; `None` when there are no values, or no such type.
pub(crate) fn logical_type(classes: Classes, typing: Typing) -> Option<LogicalType> {
    use Class::{Array, Boolean, Date, Integer, Number, Object, Text, Time, Timestamp};
    let narrow: [(&[Class], LogicalType); 8] = [
        (&[Integer], LogicalType::Integer),
        (&[Integer, Number], LogicalType::Number),
        (&[Boolean], LogicalType::Boolean),
        (&[Date], LogicalType::Date),
        (&[Timestamp], LogicalType::Timestamp),
        (&[Time], LogicalType::Time),
        (&[Object], LogicalType::Object),
        (&[Array], LogicalType::Array),
    ];
    let found = narrow.iter().find(|(allowed, _)| classes.are_only(allowed));
    let is_text = match typing {
        Typing::Text => !classes.is_empty(),
        Typing::Json => classes.are_only(&[Date, Timestamp, Time, Text]),
    };
    let fallback = is_text.then_some(LogicalType::String);
    found.map(|&(_, logical_type)| logical_type).or(fallback)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_widen() {
        let of = |classes: &[Class], typing| {
            let mut set = Classes::default();
            classes.iter().for_each(|&class| set.insert(class));
            logical_type(set, typing)
        };
        use Class::{Boolean, Date, Integer, Number, Padded, Text, Timestamp, Unreadable};
        use LogicalType as Type;
        for typing in [Typing::Text, Typing::Json] {
            assert_eq!(of(&[], typing), None);
            assert_eq!(of(&[Integer], typing), Some(Type::Integer));
            assert_eq!(of(&[Integer, Number], typing), Some(Type::Number));
            assert_eq!(of(&[Date, Timestamp], typing), Some(Type::String));
        }
        assert_eq!(of(&[Integer, Padded], Typing::Text), Some(Type::String));
        assert_eq!(of(&[Integer, Text], Typing::Text), Some(Type::String));
        assert_eq!(of(&[Integer, Text], Typing::Json), None);
        assert_eq!(of(&[Integer, Boolean], Typing::Json), None);
        assert_eq!(of(&[Integer, Unreadable], Typing::Json), None);
    }
}
