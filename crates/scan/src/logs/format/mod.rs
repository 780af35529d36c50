//! The formats of log lines, and the parsers that turn a line into an [`Event`].
//!
//! | format | file | begins with |
//! |---|---|---|
//! | `combined`, `common` | [`access`] | a client, a time in brackets, a request in quotes |
//! | `rfc5424`, `rfc3164` | [`syslog`] | a priority in angle brackets, or a time and a host |
//! | `json` | [`json`] | a brace |
//! | `logfmt` | [`logfmt`] | a name and `=` |
//! | `glog` | [`glog`] | a letter for the level and the day |
//! | `text` | [`text`] | a time |
//! | a [`Pattern`] | [`pattern`] | what the user says |
//!
//! A [`Parser`] keeps what helps with the next line (the second of the last time, the order of names) and nothing that
//! changes what a line means. A line that it cannot read is no error: it may go on with the record before it, which
//! [`Parser::continues`] tells.

mod access;
mod detect;
mod glog;
mod json;
mod keys;
mod logfmt;
pub mod pattern;
mod syslog;
#[cfg(test)]
mod tests;
mod text;

use std::fmt;
use std::sync::Arc;

pub use pattern::Pattern;

pub(crate) use detect::{Detected, HEAD_BYTES, detect, judge};

use super::event::Event;
use super::number::Unit;
use super::time::Clock;
use access::{Access, Field};
use glog::Glog;
use json::Named;
use keys::{Role, role_of};
use syslog::{Dialect, Syslog};
use text::Timed;

/// A format of log lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// NCSA common and combined, as Apache and nginx write them, with and without a virtual host in front and more behind.
    Access,
    /// Syslog by RFC 5424.
    Rfc5424,
    /// Syslog by RFC 3164, and files of rsyslog and journald.
    Rfc3164,
    /// One JSON object a line.
    Json,
    /// `name=value` pairs.
    Logfmt,
    /// glog and klog.
    Glog,
    /// Anything that begins with a time.
    Text,
    /// As the user says.
    Pattern(Arc<Pattern>),
}

impl Format {
    /// The formats that are looked for, those that say more of a line first.
    pub const DETECTED: [Format; 7] = [
        Format::Rfc5424,
        Format::Access,
        Format::Rfc3164,
        Format::Glog,
        Format::Json,
        Format::Logfmt,
        Format::Text,
    ];

    /// Names for `--log-format`.
    pub const NAMES: [(&str, Format); 9] = [
        ("combined", Format::Access),
        ("common", Format::Access),
        ("syslog", Format::Rfc3164),
        ("rfc3164", Format::Rfc3164),
        ("rfc5424", Format::Rfc5424),
        ("json", Format::Json),
        ("logfmt", Format::Logfmt),
        ("glog", Format::Glog),
        ("text", Format::Text),
    ];

    /// The format of that name.
    pub fn by_name(name: &str) -> Option<Format> {
        let known = Format::NAMES.into_iter().find(|(known, _)| *known == name);
        known.map(|(_, format)| format)
    }

    /// The fields that `--by` finds in records of this format; `None` where these are what the records say.
    pub fn fields(&self) -> Option<Vec<&str>> {
        Some(match self {
            Format::Access => Field::NAMES.iter().map(|(name, _)| *name).collect(),
            Format::Rfc3164 => syslog::FIELDS.to_vec(),
            Format::Glog => glog::FIELDS.to_vec(),
            Format::Text => text::FIELDS.to_vec(),
            Format::Pattern(pattern) => pattern.fields().collect(),
            Format::Rfc5424 | Format::Json | Format::Logfmt => return None,
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Access => "combined",
            Format::Rfc5424 => "rfc5424",
            Format::Rfc3164 => "rfc3164",
            Format::Json => "json",
            Format::Logfmt => "logfmt",
            Format::Glog => "glog",
            Format::Text => "text",
            Format::Pattern(_) => "pattern",
        })
    }
}

/// The name of the field to group by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct By(Option<Arc<str>>);

impl By {
    /// The field of that name, or none.
    pub fn new(name: Option<&str>) -> By {
        By(name.map(Into::into))
    }

    /// The name.
    pub fn name(&self) -> Option<&str> {
        self.0.as_deref()
    }

    fn as_bytes(&self) -> Option<&[u8]> {
        self.name().map(str::as_bytes)
    }

    /// Whether values are paths, whose queries are left out.
    pub(super) fn is_path(&self) -> bool {
        let role = self.as_bytes().and_then(role_of);
        role == Some(Role::Path)
    }

    /// Whether records of this format can have the field.
    pub(super) fn is_in(&self, format: &Format) -> bool {
        let Some(name) = self.name() else {
            return true;
        };
        let role = role_of(name.as_bytes());
        let means = |field: &str| {
            let is_pattern = matches!(format, Format::Pattern(_));
            is_pattern && role.is_some_and(|it| it.name() == name) && role_name(field) == Some(name)
        };
        format
            .fields()
            .is_none_or(|fields| fields.iter().any(|field| *field == name || means(field)))
    }
}

fn role_name(field: &str) -> Option<&'static str> {
    role_of(field.as_bytes()).map(Role::name)
}

/// Reads the lines of one input, one after the other.
#[derive(Clone, Debug)]
pub struct Parser(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Access(Access),
    Syslog(Syslog),
    Json(Named),
    Logfmt(Named),
    Glog(Glog),
    Text(Timed),
    Pattern(Arc<Pattern>, Named),
}

impl Parser {
    /// A parser for lines of `format` whose times are on `clock`.
    pub(crate) fn new(format: &Format, clock: Clock, by: &By, unit: Option<Unit>) -> Parser {
        let by = by.clone();
        Parser(match format {
            Format::Access => {
                let field = by.name().and_then(|name| {
                    let known = Field::NAMES.into_iter().find(|(known, _)| *known == name);
                    known.map(|(_, field)| field)
                });
                Kind::Access(Access::new(clock, field, unit))
            }
            Format::Rfc5424 => Kind::Syslog(Syslog::new(Dialect::Rfc5424, clock, by)),
            Format::Rfc3164 => Kind::Syslog(Syslog::new(Dialect::Rfc3164, clock, by)),
            Format::Json => Kind::Json(Named::new(clock, by, unit)),
            Format::Logfmt => Kind::Logfmt(Named::new(clock, by, unit)),
            Format::Glog => Kind::Glog(Glog::new(clock, by)),
            Format::Text => Kind::Text(Timed::new(clock, by)),
            Format::Pattern(pattern) => {
                Kind::Pattern(Arc::clone(pattern), Named::new(clock, by, unit))
            }
        })
    }

    /// The record that a line is or begins; `line` has no line end. `None` if it is none of this format.
    #[inline]
    pub fn parse<'l>(&mut self, line: &'l [u8]) -> Option<Event<'l>> {
        match &mut self.0 {
            Kind::Access(access) => access.parse(line),
            Kind::Syslog(syslog) => syslog.parse(line),
            Kind::Json(named) => named.parse(line),
            Kind::Logfmt(named) => logfmt::parse(named, line),
            Kind::Glog(glog) => glog.parse(line),
            Kind::Text(timed) => timed.parse(line),
            Kind::Pattern(pattern, named) => pattern.parse(named, line),
        }
    }

    /// Whether a line that is no record goes on with the one before it: a line of a stack trace. A line that begins as
    /// records do is a broken record; requests of a web server are never continued.
    pub fn continues(&mut self, line: &[u8]) -> bool {
        if line
            .first()
            .is_some_and(|byte| matches!(byte, b' ' | b'\t'))
        {
            return !matches!(self.0, Kind::Access(_));
        }
        match &mut self.0 {
            Kind::Access(_) => false,
            Kind::Syslog(syslog) => !syslog.begins(line),
            Kind::Json(_) => line.first() != Some(&b'{'),
            Kind::Logfmt(_) => !logfmt::begins(line),
            Kind::Glog(_) => !Glog::begins(line),
            Kind::Text(timed) => timed.parse(line).is_none(),
            Kind::Pattern(pattern, named) => match pattern.begins(named, line) {
                Some(begins) => !begins,
                None => is_of_trace(line),
            },
        }
    }
}

/// Whether a line that is not indented belongs to a stack trace nevertheless.
fn is_of_trace(line: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 6] = [
        b"Caused by:",
        b"Suppressed:",
        b"Traceback (most recent call last)",
        b"... ",
        b"goroutine ",
        b"}",
    ];
    BEGINNINGS
        .iter()
        .any(|beginning| line.starts_with(beginning))
}
