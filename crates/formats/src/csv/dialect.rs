//! Which bytes mean what in a delimiter-separated input.

use tamis_engine::framing::{Quoting, Terminator};

use crate::Error;

/// How a delimiter-separated input is written.
///
/// Build one from [`Dialect::csv`] or [`Dialect::tsv`], change what differs, and have it
/// [checked](Dialect::checked) before use.
///
/// ```
/// use tamis_formats::csv::Dialect;
///
/// let dialect = Dialect { delimiter: b';', comment: Some(b'#'), ..Dialect::csv() }.checked()?;
/// assert!(Dialect { quote: Some(b';'), ..dialect }.checked().is_err());
/// # Ok::<(), tamis_formats::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Separates fields.
    pub delimiter: u8,
    /// Opens and closes a field that may hold delimiters and line ends; doubled inside, it stands
    /// for itself. `None`: no byte is a quote.
    pub quote: Option<u8>,
    /// Inside quotes, makes the next byte literal. Doubled quotes work as well.
    pub escape: Option<u8>,
    /// A line that starts with this byte is no record.
    pub comment: Option<u8>,
    /// ASCII whitespace at both ends of a value is not part of it, and spaces and tabs may stand
    /// between a delimiter and a quote.
    pub trim: bool,
    /// The first record names the columns.
    pub header: bool,
    /// What ends records.
    pub terminator: Terminator,
}

impl Dialect {
    /// RFC 4180 with a header: commas, double quotes.
    pub const fn csv() -> Dialect {
        Dialect {
            delimiter: b',',
            quote: Some(b'"'),
            escape: None,
            comment: None,
            trim: false,
            header: true,
            terminator: Terminator::Newline,
        }
    }

    /// Tabs between fields, else as [`csv`](Dialect::csv): spreadsheets quote TSV fields as well.
    pub const fn tsv() -> Dialect {
        Dialect {
            delimiter: b'\t',
            ..Dialect::csv()
        }
    }

    /// The part that decides where records end.
    pub fn quoting(&self) -> Quoting {
        Quoting {
            delimiter: self.delimiter,
            quote: self.quote,
            escape: self.escape,
            comment: self.comment,
            trim: self.trim,
            terminator: self.terminator,
        }
    }

    /// The last byte of a line.
    pub(crate) fn line_end(&self) -> u8 {
        match self.terminator {
            Terminator::Newline => b'\n',
            Terminator::CarriageReturn => b'\r',
        }
    }

    /// Physical line ends in `bytes`.
    pub(super) fn count_line_ends(&self, bytes: &[u8]) -> u64 {
        memchr::memchr_iter(self.line_end(), bytes).count() as u64
    }

    /// The dialect, once it is known to make sense.
    ///
    /// An escape equal to the quote, as some tools write it, says that quotes are doubled; that
    /// always works, so it becomes `None`.
    ///
    /// # Errors
    /// [`Error::NotAscii`], [`Error::LineEnd`], [`Error::SameByte`] or [`Error::EscapeWithoutQuote`].
    pub fn checked(self) -> Result<Dialect, Error> {
        let escape = self.escape.filter(|_| self.escape != self.quote);
        let special = [
            ("delimiter", Some(self.delimiter)),
            ("quote", self.quote),
            ("escape", escape),
            ("comment", self.comment),
        ];
        for (position, &(role, byte)) in special.iter().enumerate() {
            let Some(byte) = byte else { continue };
            if !byte.is_ascii() {
                return Err(Error::NotAscii { role, byte });
            }
            if matches!(byte, b'\n' | b'\r') {
                return Err(Error::LineEnd { role });
            }
            let before = &special[..position];
            if let Some(&(other, _)) = before.iter().find(|(_, other)| *other == Some(byte)) {
                return Err(Error::SameByte { role, other, byte });
            }
        }
        if escape.is_some() && self.quote.is_none() {
            return Err(Error::EscapeWithoutQuote);
        }
        Ok(Dialect { escape, ..self })
    }
}

impl Default for Dialect {
    fn default() -> Dialect {
        Dialect::csv()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_dialects_are_refused() {
        let csv = Dialect::csv();
        let refused = [
            Dialect {
                delimiter: b'"',
                ..csv
            },
            Dialect {
                delimiter: b'\n',
                ..csv
            },
            Dialect {
                delimiter: 0xA7,
                ..csv
            },
            Dialect {
                comment: Some(b','),
                ..csv
            },
            Dialect {
                escape: Some(b'\\'),
                quote: None,
                ..csv
            },
        ];
        for dialect in refused {
            assert!(dialect.checked().is_err(), "{dialect:?}");
        }
        assert_eq!(
            Dialect {
                delimiter: b'"',
                ..csv
            }
            .checked()
            .unwrap_err()
            .to_string(),
            "the quote and the delimiter cannot both be `\\\"`"
        );
    }

    #[test]
    fn an_escape_equal_to_the_quote_means_doubled_quotes() {
        let dialect = Dialect {
            escape: Some(b'"'),
            ..Dialect::csv()
        };
        assert_eq!(dialect.checked(), Ok(Dialect::csv()));
    }
}
