//! Which column chunks fields are stored in: they are numbered as the leaves of the schema come.

use std::ops::{Range, RangeFrom};

use arrow_schema::{DataType, Field, Fields};

/// How many column chunks values of this type are stored in.
fn leaf_count(data_type: &DataType) -> usize {
    match data_type {
        DataType::Struct(fields) => leaf_count_of(fields),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => leaf_count(item.data_type()),
        DataType::Dictionary(_, values) => leaf_count(values),
        DataType::RunEndEncoded(_, values) => leaf_count(values.data_type()),
        _ => 1,
    }
}

/// How many column chunks these fields are stored in.
pub(super) fn leaf_count_of(fields: &Fields) -> usize {
    fields
        .iter()
        .map(|field| leaf_count(field.data_type()))
        .sum()
}

/// The fields, with a type of keys for texts whose column chunk `is_keyed`; `chunks` counts column chunks.
pub(super) fn with_keys(
    fields: &Fields,
    chunks: &mut RangeFrom<usize>,
    is_keyed: &dyn Fn(usize) -> bool,
) -> Fields {
    let keyed = fields.iter().map(|field| {
        let data_type = match field.data_type() {
            DataType::Struct(members) => DataType::Struct(with_keys(members, chunks, is_keyed)),
            text @ (DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Binary
            | DataType::LargeBinary) => match chunks.next().is_some_and(is_keyed) {
                true => DataType::Dictionary(Box::new(DataType::Int32), Box::new(text.clone())),
                false => text.clone(),
            },
            other => {
                chunks.start += leaf_count(other);
                other.clone()
            }
        };
        Field::clone(field).with_data_type(data_type)
    });
    keyed.collect()
}

/// The column chunks of the field at `path`.
pub(super) fn leaf_range(fields: &Fields, path: &[usize]) -> Range<usize> {
    let Some((&first, members)) = path.split_first() else {
        return 0..leaf_count_of(fields);
    };
    let before: usize = fields[..first]
        .iter()
        .map(|field| leaf_count(field.data_type()))
        .sum();
    let inner = match fields[first].data_type() {
        DataType::Struct(fields) if !members.is_empty() => leaf_range(fields, members),
        data_type => 0..leaf_count(data_type),
    };
    before + inner.start..before + inner.end
}

/// Where the field at `path` lies when of all column chunks only `chunks` (in order) are there: a field without any is
/// left out.
pub(super) fn pruned(fields: &Fields, path: &[usize], chunks: &[usize]) -> Vec<usize> {
    let has_any = |range: Range<usize>| {
        let at = chunks.partition_point(|&chunk| chunk < range.start);
        chunks.get(at).is_some_and(|&chunk| chunk < range.end)
    };
    (0..path.len())
        .map(|depth| {
            let sibling = |index: usize| [&path[..depth], &[index]].concat();
            (0..path[depth])
                .filter(|&index| has_any(leaf_range(fields, &sibling(index))))
                .count()
        })
        .collect()
}
