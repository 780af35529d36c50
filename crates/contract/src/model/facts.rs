//! What a contract knows of the CSV files behind an object.
//!
//! ODCS has no place for a delimiter or for the text that stands for null, so these live in the
//! `customProperties` of the schema object, which every other tool must ignore. A flag of the same
//! name on the command line overrides each of them.

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
