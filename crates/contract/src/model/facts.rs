//! What a contract knows of the files behind an object.
//!
//! ODCS has no place for a delimiter, for the text that stands for null, or for columns that the contract does not
//! name, so these live in the `customProperties` of the schema object, which every other tool must ignore. A flag
//! of the same name on the command line overrides each of [`CsvFacts`].

use tamis_formats::input::DialectOptions;

/// How the CSV files of an object are written; `None` leaves the choice to the reader's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CsvFacts {
    /// Cell texts that stand for null besides the empty cell (`NA`).
    pub missing_values: Option<Vec<String>>,
    /// Separates fields.
    pub delimiter: Option<u8>,
    /// Opens and closes quoted fields; `Some(None)`: quoting is off.
    pub quote: Option<Option<u8>>,
    /// Makes the next byte literal; `Some(None)`: there is none.
    pub escape: Option<Option<u8>>,
    /// Starts a comment line; `Some(None)`: there is none.
    pub comment: Option<Option<u8>>,
    /// Whether the first record names the columns.
    pub header: Option<bool>,
    /// Whether spaces around a field are not part of it.
    pub trim: Option<bool>,
    /// Stands between the integer and the fraction of a number.
    pub decimal_char: Option<u8>,
    /// Character encoding of the file, as a label (`latin1`, `windows-1252`, `utf-16`).
    pub encoding: Option<String>,
}

impl CsvFacts {
    /// What they say of the dialect.
    pub fn dialect(&self) -> DialectOptions {
        DialectOptions {
            delimiter: self.delimiter,
            quote: self.quote,
            escape: self.escape,
            comment: self.comment,
            header: self.header,
            trim: self.trim,
        }
    }
}

/// What a column of the data means that the contract does not name: of a CSV header, or a key at the root of a
/// JSON record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtraColumns {
    /// Nothing: it is not looked at.
    Allow,
    /// A violation: `extraColumn`, of the header or of each record that has the key.
    Refuse,
}

impl ExtraColumns {
    /// Every meaning.
    pub const ALL: [Self; 2] = [Self::Allow, Self::Refuse];

    /// The word in a contract (`tamis.extraColumns`).
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Refuse => "refuse",
        }
    }
}

/// What a column means whose name stands further left as well. A contract tells columns by their names, so
/// it can describe the first of them only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DuplicateColumns {
    /// Nothing: it is not looked at.
    Allow,
    /// A violation: `duplicateColumn`.
    Refuse,
}

impl DuplicateColumns {
    /// Every meaning.
    pub const ALL: [Self; 2] = [Self::Allow, Self::Refuse];

    /// The word in a contract (`tamis.duplicateColumns`).
    pub fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Refuse => "refuse",
        }
    }
}

impl CsvFacts {
    /// These facts, and those of `other` where nothing is said here.
    #[must_use]
    pub fn or(self, other: &CsvFacts) -> CsvFacts {
        CsvFacts {
            missing_values: self.missing_values.or_else(|| other.missing_values.clone()),
            delimiter: self.delimiter.or(other.delimiter),
            quote: self.quote.or(other.quote),
            escape: self.escape.or(other.escape),
            comment: self.comment.or(other.comment),
            header: self.header.or(other.header),
            trim: self.trim.or(other.trim),
            decimal_char: self.decimal_char.or(other.decimal_char),
            encoding: self.encoding.or_else(|| other.encoding.clone()),
        }
    }
}
