//! The contract model: what a contract says, free of the file it came from.
//!
//! A [`Contract`] holds [`Object`]s (tables), an object holds [`Property`]s (columns), a property
//! holds [`Constraints`] that every value must meet, and both hold [`Quality`] rules that count.
//! The words are those of the Open Data Contract Standard (ODCS), because that is the file format
//! people write; the model itself knows no YAML. Three ways lead here:
//!
//! - the reader of ODCS files ([`crate::odcs`]),
//! - the Rust builder ([`Contract::builder`]),
//! - inference from data, which uses the builder.
//!
//! Keys of the standard that describe but do not check (owner, tags, servers, ...) travel in
//! `extra` as plain [`Value`]s, so that writing a contract loses nothing. Rules we cannot check
//! are kept too, and listed in [`Contract::unchecked`]: nothing is dropped silently.

mod builder;
mod constraints;
mod contract;
mod decimal;
mod facts;
mod object;
mod property;
mod quality;
mod value;

pub use builder::ContractBuilder;
pub use constraints::{Bound, BoundValue, Constraints, Inclusion};
pub use contract::{Contract, ObjectChoiceError, UncheckedKind, UncheckedRule};
pub use decimal::parse_decimal;
pub use facts::{CsvFacts, DuplicateColumns, ExtraColumns};
pub use object::Object;
pub use property::{LogicalType, Property};
pub use quality::{Metric, Operator, Quality, QualityKind, Severity, Unit};
pub use value::{Extra, Value};
