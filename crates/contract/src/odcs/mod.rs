//! Reading and writing the Open Data Contract Standard, version 3 (3.0, 3.1 and 3.2).
//!
//! Reading goes text → tree with places (`yaml`) → model: one file per noun of the standard
//! (`contract`, `object`, `property`, `options`, `quality`, `facts`). They share a `Reader`, which
//! collects findings, and `Fields`, which hands out the keys of a mapping one by one so that a key
//! nobody asked for is noticed: an unknown key is an error, never ignored, because a misspelt
//! `minimun` would otherwise pass every row.
//!
//! A *rule* we understand but cannot check (a SQL query, a foreign key) is no error here: it goes
//! to [`Contract::unchecked`], and the check decides.
//!
//! ```
//! let text = b"
//! apiVersion: v3.2.0
//! kind: DataContract
//! id: orders
//! version: 1.0.0
//! schema:
//!   - name: orders
//!     properties:
//!       - name: amount
//!         logicalType: number
//!         logicalTypeOptions: {minimum: 0.01}
//! ";
//! let reading = tamis_contract::odcs::read("orders.odcs.yaml", text)?;
//! assert_eq!(reading.contract.objects[0].properties[0].name, "amount");
//! assert!(reading.diagnostics.is_empty());
//! # Ok::<(), tamis_contract::diagnostic::ContractError>(())
//! ```

mod contract;
mod emit;
mod facts;
mod fields;
mod object;
mod options;
mod property;
mod quality;
mod reader;
mod setting;
#[cfg(test)]
mod tests;
mod write;
mod yaml;

use crate::diagnostic::{ContractError, ContractText, Diagnostic, Level};
use crate::model::Contract;

pub use setting::{
    BadSetting, SETTING_BYTES_MAX, SETTING_TEXT_BYTES_MAX, from_setting, to_setting,
};
pub use write::to_yaml;

/// Largest contract read; the largest published ones are a few hundred KiB.
pub const TEXT_BYTES_MAX: usize = 8 << 20;

/// A contract that can be used, and what there is to say about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The contract.
    pub contract: Contract,
    /// What was read.
    pub source_text: ContractText,
    /// Warnings and notes, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a contract; `name` is what to call the input in messages.
///
/// # Errors
/// [`ContractError`] with every finding, if at least one of them is an error.
pub fn read(name: &str, bytes: &[u8]) -> Result<Reading, ContractError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut source_text = ContractText {
        name: name.to_owned(),
        text: String::new(),
    };
    let refused = |source_text, code, message: String, span| {
        let diagnostic = Diagnostic {
            level: Level::Error,
            code,
            message,
            span,
            help: None,
        };
        Err(ContractError {
            source_text,
            diagnostics: vec![diagnostic],
        })
    };
    if bytes.len() > TEXT_BYTES_MAX {
        let message = format!("larger than {} MiB: not a contract", TEXT_BYTES_MAX >> 20);
        return refused(source_text, "too-large", message, 0..0);
    }
    source_text.text = String::from_utf8_lossy(bytes).into_owned();
    if let Err(error) = std::str::from_utf8(bytes) {
        let at = error.valid_up_to();
        let message = format!("not UTF-8 (byte {at}); a contract is UTF-8 text");
        return refused(
            source_text,
            "not-utf8",
            message,
            at..at + char::REPLACEMENT_CHARACTER.len_utf8(),
        );
    }
    let (contract, mut diagnostics) = reader::read(&source_text.text);
    for diagnostic in &mut diagnostics {
        // Some point at a first byte, which may begin a longer character: whoever draws them slices the text.
        let (text, span) = (&source_text.text, &mut diagnostic.span);
        *span = text.floor_char_boundary(span.start)..text.ceil_char_boundary(span.end);
    }
    diagnostics.sort_by_key(|diagnostic| (diagnostic.span.start, diagnostic.span.end));
    match contract {
        Some(contract)
            if diagnostics
                .iter()
                .all(|diagnostic| diagnostic.level < Level::Error) =>
        {
            Ok(Reading {
                contract,
                source_text,
                diagnostics,
            })
        }
        _ => Err(ContractError {
            source_text,
            diagnostics,
        }),
    }
}
