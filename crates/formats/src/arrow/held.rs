//! Which types a format of columns has: all of Arrow's go into Arrow files, and not all into Parquet.

use arrow_schema::{DataType, IntervalUnit, Schema};

use super::write::BatchFormat;
use crate::Error;
use crate::sniff::Format;

/// Fails for a column whose values the format cannot hold: the library notices late, or panics.
///
/// # Errors
/// [`Error::NotHeld`].
pub(super) fn check(format: BatchFormat, schema: &Schema) -> Result<(), Error> {
    let BatchFormat::Parquet(_) = format else {
        return Ok(());
    };
    let mut fields = schema.fields().iter();
    match fields.find(|field| !is_in_parquet(field.data_type())) {
        None => Ok(()),
        Some(field) => Err(Error::NotHeld {
            column: field.name().clone(),
            data_type: field.data_type().to_string(),
            format: Format::Parquet,
        }),
    }
}

fn is_in_parquet(data_type: &DataType) -> bool {
    match data_type {
        DataType::Union(..) | DataType::Interval(IntervalUnit::MonthDayNano) => false,
        DataType::Struct(members) => {
            let mut members = members.iter();
            members.len() > 0 && members.all(|member| is_in_parquet(member.data_type()))
        }
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _)
        | DataType::RunEndEncoded(_, item) => is_in_parquet(item.data_type()),
        DataType::Dictionary(_, values) => is_in_parquet(values),
        _ => true,
    }
}
