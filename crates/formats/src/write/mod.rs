//! Records back to bytes: fields of CSV, values of JSON.
//!
//! Bytes that need not change are copied as they came; this is for those that must, since they go from one format to
//! another. CSV fields are written by [`csv::write_field`](crate::csv::write_field), moments by
//! [`write_moment`](crate::moment::write_moment).

mod json;

pub use json::{write_json_number, write_json_string};
