//! Which buffers of a record batch belong to which column (Columnar.html, "Recursive flattening").

use arrow_schema::{DataType, Schema, UnionMode};

/// For each buffer of a batch whether it belongs to one of the columns `roots`; `variadic` counts the data buffers of
/// columns of views. `None` if the counts do not suffice.
pub(super) fn wanted_buffers(
    schema: &Schema,
    roots: &[usize],
    variadic: impl Iterator<Item = i64>,
) -> Option<Vec<bool>> {
    let mut variadic = variadic;
    let mut wanted = Vec::new();
    for (index, field) in schema.fields().iter().enumerate() {
        let mut count = 0;
        count_buffers(field.data_type(), &mut variadic, &mut count)?;
        wanted.resize(wanted.len() + count, roots.contains(&index));
    }
    Some(wanted)
}

/// Where the first node and the first buffer of a column are in the lists of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) node: usize,
    pub(super) buffer: usize,
}

/// Where each column starts; `variadic` and `None` as in [`wanted_buffers`].
pub(super) fn starts(schema: &Schema, variadic: impl Iterator<Item = i64>) -> Option<Vec<Start>> {
    let mut variadic = variadic;
    let mut next = Start::default();
    let fields = schema.fields().iter();
    fields
        .map(|field| {
            let start = next;
            next.node += count_nodes(field.data_type());
            count_buffers(field.data_type(), &mut variadic, &mut next.buffer)?;
            Some(start)
        })
        .collect()
}

/// Nodes of a column: one for itself and one for each that it is made of.
fn count_nodes(data_type: &DataType) -> usize {
    1 + match data_type {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => count_nodes(item.data_type()),
        DataType::Struct(members) => {
            let members = members.iter();
            members.map(|member| count_nodes(member.data_type())).sum()
        }
        DataType::RunEndEncoded(ends, values) => {
            count_nodes(ends.data_type()) + count_nodes(values.data_type())
        }
        DataType::Union(members, _) => {
            let members = members.iter();
            members
                .map(|(_, member)| count_nodes(member.data_type()))
                .sum()
        }
        _ => 0,
    }
}

/// No batch has more buffers: a column of views has one for each megabyte or so.
const BUFFERS_MAX: usize = 1 << 20;

fn count_buffers(
    data_type: &DataType,
    variadic: &mut impl Iterator<Item = i64>,
    count: &mut usize,
) -> Option<()> {
    let own = match data_type {
        DataType::Null | DataType::RunEndEncoded(..) => 0,
        DataType::Struct(_) | DataType::FixedSizeList(..) => 1,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Binary | DataType::LargeBinary => 3,
        DataType::Utf8View | DataType::BinaryView => usize::try_from(variadic.next()?).ok()? + 2,
        DataType::ListView(_) | DataType::LargeListView(_) => 3,
        // Since version 5 of the format without validity; older batches are read whole.
        DataType::Union(_, UnionMode::Sparse) => 1,
        DataType::Union(_, UnionMode::Dense) => 2,
        _ => 2,
    };
    *count = count
        .checked_add(own)
        .filter(|&count| count <= BUFFERS_MAX)?;
    match data_type {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => count_buffers(item.data_type(), variadic, count),
        DataType::Struct(members) => {
            let mut members = members.iter();
            members.try_for_each(|member| count_buffers(member.data_type(), variadic, count))
        }
        DataType::RunEndEncoded(ends, values) => {
            count_buffers(ends.data_type(), variadic, count)?;
            count_buffers(values.data_type(), variadic, count)
        }
        DataType::Union(members, _) => {
            let mut members = members.iter();
            members.try_for_each(|(_, member)| count_buffers(member.data_type(), variadic, count))
        }
        _ => Some(()),
    }
}
