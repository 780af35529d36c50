//! The columns at the start of an input: whether the first record names them, and how their numbers are written.
//!
//! A value is of one of four kinds, told from its text alone. Column by column the kind of the first record's value
//! is held against those below it:
//!
//! | first record | below | it is |
//! |---|---|---|
//! | text | numbers, moments or booleans only | a name |
//! | a number, moment or boolean | the same kind only | a value |
//! | text | the very same text again | a value |
//! | anything else | | neither |
//!
//! One name makes a header. Without any, one value makes the first record data. A whole number from 1800 to 2199 is
//! no value here: years are columns in many tables. If nothing tells, the first record is a header.

use tamis_engine::kernel::{DateTimeShape, parse_date_time};
use tamis_engine::number::Decimal;

use super::trial::Trial;
use crate::csv;

/// Records that are looked at.
const RECORDS_MAX: usize = 200;

/// What stands for null in many files; nothing is learnt from it.
const NULLS: [&[u8]; 9] = [
    b"NA", b"N/A", b"n/a", b"null", b"NULL", b"\\N", b"None", b"nan", b"NaN",
];

/// Values of the records that have the usual width, the first record among them.
pub(super) struct Columns {
    /// By record, then by column; decoded.
    rows: Vec<Vec<Vec<u8>>>,
}

/// What the first record is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum First {
    /// Names of columns: this one stands above values of another kind.
    Names,
    /// Values: this one, in this field (from 1).
    Values { field: usize, value: String },
    /// One or the other.
    Unclear,
}

/// Between the integer and the fraction of the numbers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Point {
    /// A point, or there are no fractions.
    Usual,
    /// A comma, as in this number.
    Comma { example: String },
    /// A comma that may group thousands as well, as in this number.
    Unclear { example: String },
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Null,
    Number,
    Moment,
    Boolean,
    Text,
}

impl Columns {
    pub(super) fn of(trial: &Trial<'_>) -> Columns {
        let usual = |&record: &usize| trial.widths[record] == trial.width;
        let records = (0..trial.widths.len()).filter(usual).take(RECORDS_MAX);
        let mut scratch = Vec::new();
        let decoded = |record: usize| {
            let fields = trial.fields(record);
            fields
                .map(|field| csv::decode(field, &trial.dialect, &mut scratch).to_vec())
                .collect()
        };
        Columns {
            rows: records.map(decoded).collect(),
        }
    }

    /// What the first record is; see the module.
    pub(super) fn first(&self) -> First {
        let Some((first, below)) = self.rows.split_first() else {
            return First::Unclear;
        };
        // Files joined together repeat their header.
        let below: Vec<_> = below.iter().filter(|row| *row != first).collect();
        let mut found = First::Unclear;
        for (column, value) in first.iter().enumerate() {
            let is_typed = |kind| !matches!(kind, Kind::Null | Kind::Text);
            let mut kinds = below
                .iter()
                .map(|row| kind_of(&row[column]))
                .filter(|&kind| kind != Kind::Null);
            let common = kinds
                .next()
                .filter(|&kind| is_typed(kind) && kinds.all(|other| other == kind));
            let is_value = match (kind_of(value), common) {
                (Kind::Text, Some(_)) => return First::Names,
                (Kind::Text, None) => below.iter().any(|row| row[column] == *value),
                (kind, common) => common == Some(kind) && !is_year(value),
            };
            if is_value && found == First::Unclear {
                found = First::Values {
                    field: column + 1,
                    value: String::from_utf8_lossy(value).into_owned(),
                };
            }
        }
        found
    }

    /// How fractions are written, where fields are not separated by commas.
    pub(super) fn point(&self) -> Point {
        let mut found = Point::Usual;
        let width = self.rows.first().map_or(0, Vec::len);
        for column in 0..width {
            let values = self.rows.iter().skip(1).map(|row| row[column].as_slice());
            let values: Vec<&[u8]> = values
                .filter(|value| kind_of(value) != Kind::Null)
                .collect();
            if values.iter().any(|value| kind_of(value) != Kind::Number) {
                continue;
            }
            if values.iter().any(|value| value.contains(&b'.')) {
                return Point::Usual;
            }
            let commas = || values.iter().filter(|value| value.contains(&b','));
            let text = |value: &&[u8]| String::from_utf8_lossy(value).into_owned();
            if let Some(example) = commas().find(|value| !is_group(value)).map(text) {
                found = Point::Comma { example };
            } else if let (Some(example), Point::Usual) = (commas().next().map(text), &found) {
                found = Point::Unclear { example };
            }
        }
        found
    }

    /// Whether each field but the first starts with a space or is empty, and some do.
    pub(super) fn are_padded(&self) -> bool {
        let mut fields = self.rows.iter().flat_map(|row| row.iter().skip(1));
        let is_padded = |field: &Vec<u8>| field.is_empty() || field.starts_with(b" ");
        self.rows
            .iter()
            .any(|row| row.iter().skip(1).any(|field| field.starts_with(b" ")))
            && fields.all(is_padded)
    }
}

/// One to three digits, a comma and three digits: `1,234` may be a thousand or one and a bit.
fn is_group(number: &[u8]) -> bool {
    let number = number.strip_prefix(b"-").unwrap_or(number);
    let comma = number.iter().position(|&byte| byte == b',');
    comma.is_some_and(|at| (1..=3).contains(&at) && number.len() == at + 4 && number[0] != b'0')
}

fn is_year(value: &[u8]) -> bool {
    value.len() == 4 && (b"1800"..=b"2199").contains(&value.first_chunk().expect("four digits"))
}

fn kind_of(value: &[u8]) -> Kind {
    let value = value.trim_ascii();
    if value.is_empty() || NULLS.contains(&value) {
        return Kind::Null;
    }
    if value.eq_ignore_ascii_case(b"true") || value.eq_ignore_ascii_case(b"false") {
        return Kind::Boolean;
    }
    let shapes = [
        DateTimeShape::Date,
        DateTimeShape::DateTime,
        DateTimeShape::Time,
    ];
    if shapes
        .iter()
        .any(|&shape| parse_date_time(value, shape).is_some())
    {
        return Kind::Moment;
    }
    let points = [b'.', b','];
    match points
        .iter()
        .any(|&point| Decimal::parse_with_point(value, point).is_some())
    {
        true => Kind::Number,
        false => Kind::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::Dialect;

    fn columns(text: &str) -> Columns {
        let dialect = Dialect {
            delimiter: b';',
            ..Dialect::csv()
        };
        Columns::of(&Trial::new(text.as_bytes(), true, dialect))
    }

    #[test]
    fn names_stand_above_values() {
        let names = [
            "id;name\n1;a\n2;b\n",
            "day;x\n2024-01-01;\n",
            "country;2019;is_x\nDE;1;true\n",
            "name;1.5\na;2.5\n\nx;y",
        ];
        for text in &names[..3] {
            assert_eq!(columns(text).first(), First::Names, "{text}");
        }
        // The text below a number makes the second column one of texts.
        assert_eq!(columns(names[3]).first(), First::Unclear);
    }

    #[test]
    fn values_are_like_those_below() {
        let values = |text: &str| match columns(text).first() {
            First::Values { field, value } => format!("{field} {value}"),
            other => format!("{other:?}"),
        };
        assert_eq!(values("1;a\n2;b\n"), "1 1");
        assert_eq!(values("a;2013-01-01\nb;NA\nc;2013-01-02\n"), "2 2013-01-01");
        assert_eq!(values("DE;x\nFR;y\nDE;z\n"), "1 DE");
        assert_eq!(values("a;b\nc;d\n"), "Unclear");
        assert_eq!(values("a;b\nc;d\na;b\n"), "Unclear");
        assert_eq!(values("country;2019;2020\nDE;1;2\n"), "Unclear");
        assert_eq!(values("1;2\n"), "Unclear");
        assert_eq!(values(""), "Unclear");
    }

    #[test]
    fn commas_in_numbers_are_told_from_groups() {
        let comma = |example: &str| Point::Comma {
            example: example.to_owned(),
        };
        let unclear = |example: &str| Point::Unclear {
            example: example.to_owned(),
        };
        assert_eq!(columns("a;b\n1;1,234\n2;0,5\n").point(), comma("0,5"));
        assert_eq!(
            columns("a;b\n1;1,234\n2;12,345\n").point(),
            unclear("1,234")
        );
        assert_eq!(columns("a;b\n1;x,y\n2;0,5\n").point(), Point::Usual);
        assert_eq!(columns("a;b\n1.5;1,5\n").point(), Point::Usual);
        assert_eq!(columns("a;b\n1;2\n").point(), Point::Usual);
    }
}
