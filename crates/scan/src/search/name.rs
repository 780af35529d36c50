//! An input's name as it stands in the output, made once for all its lines.

use super::color::Color;
use super::json;
use super::options::{Report, Search};

/// The name of an input in all the forms that its rows need.
#[derive(Clone, Debug)]
pub(super) struct Name {
    /// As given.
    pub(super) bytes: Vec<u8>,
    /// What stands before a line that matches, up to the line number.
    pub(super) of_match: Vec<u8>,
    /// What stands before a line near one.
    pub(super) of_context: Vec<u8>,
    /// As a value of JSON.
    pub(super) json: Vec<u8>,
}

impl Name {
    pub(super) fn new(bytes: &[u8], search: &Search) -> Self {
        let mut name = Self {
            bytes: bytes.to_vec(),
            of_match: Vec::new(),
            of_context: Vec::new(),
            json: Vec::new(),
        };
        let style = &search.style;
        match search.report {
            Report::Json => json::write_data(&mut name.json, bytes),
            Report::Lines if style.names && !style.heading => {
                let ends = [(&mut name.of_match, b':'), (&mut name.of_context, b'-')];
                for (prefix, separator) in ends {
                    Color::Path.paint(style.color, prefix, bytes);
                    prefix.push(if style.null { 0 } else { separator });
                }
            }
            _ => {}
        }
        name
    }

    /// Writes the name and what follows it: a NUL byte if these are asked for, else `end`.
    pub(super) fn write(&self, out: &mut Vec<u8>, search: &Search, end: &[u8]) {
        Color::Path.paint(search.style.color, out, &self.bytes);
        out.extend_from_slice(if search.style.null { b"\0" } else { end });
    }
}
