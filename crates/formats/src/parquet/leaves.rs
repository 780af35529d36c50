//! Which column chunks fields are stored in: they are numbered as the leaves of the schema come.

use std::ops::{Range, RangeFrom};

use arrow_schema::{DataType, Field, Fields, TimeUnit};

/// How many column chunks values of this type are stored in.
fn leaf_count(data_type: &DataType) -> usize {
    let mut count = 0;
    each_leaf(data_type, &mut |_| count += 1);
    count
}

/// Shows the type that each column chunk of values of this type is decoded to.
fn each_leaf(data_type: &DataType, visit: &mut dyn FnMut(&DataType)) {
    match data_type {
        DataType::Struct(fields) => fields
            .iter()
            .for_each(|field| each_leaf(field.data_type(), visit)),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => each_leaf(item.data_type(), visit),
        DataType::Dictionary(_, values) => each_leaf(values, visit),
        DataType::RunEndEncoded(_, values) => each_leaf(values.data_type(), visit),
        leaf => visit(leaf),
    }
}

/// The units that the column chunks of these fields are decoded to, where they hold moments.
pub(super) fn time_units(fields: &Fields) -> Vec<Option<TimeUnit>> {
    let mut units = Vec::new();
    for field in fields {
        each_leaf(field.data_type(), &mut |leaf| {
            units.push(match leaf {
                DataType::Timestamp(unit, _) => Some(*unit),
                _ => None,
            });
        });
    }
    units
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
