//! Intervals, of which the library may read a part.
//!
//! Parquet's have months, days and milliseconds; Arrow has a type for months, and one for days and milliseconds. A writer that
//! leaves its Arrow schema behind says which it is, and has stored nothing else. Of other writers nobody knows, and the library
//! takes days and milliseconds.

use arrow_schema::DataType;
use parquet::arrow::ARROW_SCHEMA_META_KEY;
use parquet::file::metadata::ParquetMetaData;

/// Whether only a part of values of this type would be read.
pub(super) fn is_cut_short(footer: &ParquetMetaData, data_type: &DataType) -> bool {
    let facts = footer.file_metadata().key_value_metadata();
    let is_stated =
        facts.is_some_and(|facts| facts.iter().any(|fact| fact.key == ARROW_SCHEMA_META_KEY));
    !is_stated && has_interval(data_type)
}

fn has_interval(data_type: &DataType) -> bool {
    match data_type {
        DataType::Interval(_) => true,
        DataType::Struct(members) => {
            let mut members = members.iter();
            members.any(|member| has_interval(member.data_type()))
        }
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => has_interval(item.data_type()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, IntervalDayTimeArray, RecordBatch};
    use arrow_buffer::IntervalDayTime;
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_writer::ArrowWriterOptions;
    use tamis_engine::source::{MemorySource, Opened, Source};

    use crate::arrow::every_leaf;
    use crate::arrow::file::BatchFile;
    use crate::parquet::ParquetFile;

    /// What selecting a column of intervals says.
    fn select(has_schema: bool) -> Result<(), String> {
        let took = IntervalDayTimeArray::from(vec![IntervalDayTime::new(1, 2)]);
        let batch = RecordBatch::try_from_iter([("took", Arc::new(took) as ArrayRef)]).unwrap();
        let options = ArrowWriterOptions::new().with_skip_arrow_metadata(!has_schema);
        let mut bytes = Vec::new();
        let writer = ArrowWriter::try_new_with_options(&mut bytes, batch.schema(), options);
        let mut writer = writer.unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let Opened::Random(access) = MemorySource::new("t.parquet", bytes).open().unwrap() else {
            unreachable!("memory is random access");
        };
        let file = ParquetFile::open(access).unwrap();
        let selected = file.select(&every_leaf(file.schema()), 1, 1);
        selected.map(drop).map_err(|error| match error {
            tamis_engine::Error::Producer { source, .. } => source.to_string(),
            other => other.to_string(),
        })
    }

    #[test]
    fn intervals_of_unknown_parts_are_refused() {
        assert_eq!(select(true), Ok(()));
        let error = select(false).unwrap_err();
        let known =
            "column `took` holds INTERVAL values, of which months would be lost: leave it out";
        assert!(error.starts_with(known), "{error}");
    }
}
