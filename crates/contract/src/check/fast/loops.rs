//! One loop over one column: a kernel of the engine where there is one, a plain loop where not.

use std::collections::HashSet;

use tamis_engine::kernel::{
    DateTimeShape, DecimalRange, Empty, Kernel, Lengths, ShortSet, Spans, Template,
};
use tamis_formats::Block;

use crate::format::DateFormat;
use crate::pattern::{Pattern, Position, Shape};

/// One loop over a column.
#[derive(Clone, Debug)]
pub(super) enum Loop {
    Length {
        min: u32,
        max: u32,
    },
    /// The kernel's template, and the bytes it may start with.
    Template(Template, Position),
    Decimal(DecimalRange),
    DateTime(DateTimeShape),
    /// The kernel's set, and the bytes its members start with.
    ShortSet(ShortSet, Box<[u8]>),
    Set(HashSet<Box<[u8]>>),
    Pattern(Pattern),
    /// No loop is known: every row with a value is judged.
    Every,
}

impl Loop {
    /// The kernel where the pattern has a shape that it knows, or else the pattern itself.
    pub(super) fn of_pattern(pattern: &Pattern) -> Loop {
        let one = match pattern.shape() {
            shape @ Shape::Template(_) => Loop::of_template(shape),
            Shape::Set(texts) => {
                let short = Loop::short_set(&texts.iter().map(AsRef::as_ref).collect::<Vec<_>>());
                short.or_else(|| Some(Loop::Set(texts.iter().cloned().collect())))
            }
            _ => None,
        };
        one.unwrap_or_else(|| Loop::Pattern(pattern.clone()))
    }

    /// `None` if the kernel cannot hold it.
    fn of_template(shape: &Shape) -> Option<Loop> {
        let Shape::Template(positions) = shape else {
            return None;
        };
        let template = shape.kernel_template()?;
        Some(Loop::Template(template, positions[0].clone()))
    }

    /// A value has a format that is a part of ISO 8601 exactly if it is a real moment and every byte fits.
    pub(super) fn of_format(format: &DateFormat) -> Vec<Loop> {
        let loops = format.iso_shape().and_then(|iso| {
            let layout = Loop::of_template(&Shape::Template(iso.layout?))?;
            Some(vec![Loop::DateTime(iso.shape), layout])
        });
        loops.unwrap_or_else(|| vec![Loop::Every])
    }

    /// `None` if the texts are too many or too long for the kernel.
    pub(super) fn short_set(texts: &[&[u8]]) -> Option<Loop> {
        let firsts = texts
            .iter()
            .filter_map(|text| text.first())
            .copied()
            .collect();
        ShortSet::new(texts).map(|set| Loop::ShortSet(set, firsts))
    }

    /// Whether every field that starts with `quote`, the dialect's, is marked.
    pub(super) fn marks_quoted(&self, quote: u8) -> bool {
        match self {
            Loop::Length { .. } | Loop::Every => true,
            Loop::Template(_, first) => !first.contains(quote),
            Loop::Decimal(_) | Loop::DateTime(_) => quote != b'-' && !quote.is_ascii_digit(),
            Loop::ShortSet(_, firsts) => !firsts.contains(&quote),
            Loop::Set(texts) => texts.iter().all(|text| text.first() != Some(&quote)),
            Loop::Pattern(_) => false,
        }
    }

    /// Sets the bit of every row whose field does not pass.
    pub(super) fn mark(
        &self,
        block: &Block<'_>,
        at: usize,
        spans: &Spans<'_>,
        kernel: Kernel,
        empty: Empty,
        suspects: &mut [u64],
    ) {
        let null_matters = matches!(empty, Empty::Suspect);
        match self {
            Loop::Length { min, max } => {
                let lengths = Lengths {
                    min: *min,
                    max: *max,
                    quote: block.quote,
                    ascii: block.is_ascii(at),
                };
                kernel.mark_length(spans, lengths, empty, suspects);
            }
            Loop::Template(template, _) => kernel.mark_template(spans, template, empty, suspects),
            Loop::Decimal(range) => kernel.mark_decimal(spans, range, empty, suspects),
            Loop::DateTime(shape) => kernel.mark_date_time(spans, *shape, empty, suspects),
            Loop::ShortSet(set, _) => kernel.mark_set(spans, set, empty, suspects),
            Loop::Set(set) => mark_where(spans, suspects, |field| {
                if field.is_empty() {
                    null_matters
                } else {
                    !set.contains(field)
                }
            }),
            Loop::Pattern(pattern) => mark_where(spans, suspects, |field| {
                if field.is_empty() {
                    null_matters
                } else {
                    !pattern.is_match(field)
                }
            }),
            Loop::Every => mark_where(spans, suspects, |field| null_matters || !field.is_empty()),
        }
    }
}

/// Marks the rows whose field fulfils `is_suspect`.
pub(super) fn mark_where(
    spans: &Spans<'_>,
    suspects: &mut [u64],
    mut is_suspect: impl FnMut(&[u8]) -> bool,
) {
    for (word, marked) in suspects
        .iter_mut()
        .enumerate()
        .take(spans.rows.div_ceil(64))
    {
        let first = word * 64;
        for row in first..spans.rows.min(first + 64) {
            *marked |= u64::from(is_suspect(spans.field(row))) << (row - first);
        }
    }
}
