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
