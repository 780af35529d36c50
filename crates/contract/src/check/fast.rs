//! Sparing most rows the full judgement: one loop over a whole column at a time.
//!
//! For each column of a block [`FastCheck::mark`] sets a bit for every row that *may* break a rule or count
//! towards a metric. It may mark a row that is fine; it never misses one that is not. Marked rows are
//! judged one by one by [`ValueCheck`], which is the specification. On clean data nothing is marked, and a
//! row costs a few nanoseconds per column.

use std::collections::HashSet;

use tamis_engine::kernel::{
    self, DateTimeShape, DecimalRange, Empty, Kernel, Lengths, ShortSet, Spans, Template,
};
use tamis_formats::{Block, Kind};

use super::value::{Constraint, Side, Temporal, TypeCheck, ValueCheck};
use crate::format::DateFormat;
use crate::model::Inclusion;
use crate::pattern::{Pattern, Position, Shape};

/// The loops that one column needs.
#[derive(Clone, Debug, Default)]
pub(crate) struct FastCheck {
    loops: Vec<Loop>,
    /// Null leads to something, so rows with an empty field are marked.
    null_matters: bool,
    /// The absence of a JSON key leads to something.
    missing_matters: bool,
    /// Texts that lead to something although every loop would pass them.
    marked_texts: Vec<Box<[u8]>>,
    marked_short: Option<ShortSet>,
    /// In JSON, the kinds of value that need no judgement before the loops run.
    plain_kinds: PlainKinds,
}

/// One loop over a column.
#[derive(Clone, Debug)]
enum Loop {
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

/// JSON kinds that a column's type allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum PlainKinds {
    /// No type is asked for.
    #[default]
    Any,
    /// Only this one.
    One(Kind),
}

/// Scratch of [`FastCheck::mark`], kept from block to block.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    members: Vec<u64>,
}

/// One column of a block, for the loops.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column<'a> {
    pub(crate) block: &'a Block<'a>,
    /// Its place in the block.
    pub(crate) at: usize,
    /// Its fields, with simple quotes taken off.
    pub(crate) spans: Spans<'a>,
    /// Some fields may start with a quote and need decoding still.
    pub(crate) has_quotes: bool,
}

impl FastCheck {
    /// Chooses the loops for a column's rules.
    pub(crate) fn new(values: &ValueCheck) -> FastCheck {
        let mut check = FastCheck {
            null_matters: !values.on_null.is_empty(),
            missing_matters: !values.on_missing().is_empty(),
            plain_kinds: match &values.kind {
                None => PlainKinds::Any,
                Some((TypeCheck::String | TypeCheck::Temporal(_), _)) => {
                    PlainKinds::One(Kind::String)
                }
                Some((TypeCheck::Number | TypeCheck::Integer, _)) => PlainKinds::One(Kind::Number),
                Some((TypeCheck::Boolean, _)) => PlainKinds::One(Kind::Boolean),
                Some((TypeCheck::Object, _)) => PlainKinds::One(Kind::Object),
                Some((TypeCheck::Array, _)) => PlainKinds::One(Kind::Array),
            },
            ..FastCheck::default()
        };
        let nulls = values.null_texts.iter().filter(|_| check.null_matters);
        let missing = values.missing.iter().flat_map(|(texts, _)| texts);
        check.marked_texts = nulls.chain(missing).cloned().collect();
        let texts: Vec<&[u8]> = check.marked_texts.iter().map(AsRef::as_ref).collect();
        check.marked_short = ShortSet::new(&texts);
        check.choose_loops(values);
        check
    }

    /// Marks every row: the specification, for tests.
    #[cfg(test)]
    pub(crate) fn judge_all() -> FastCheck {
        FastCheck {
            loops: vec![Loop::Every],
            null_matters: true,
            missing_matters: true,
            ..FastCheck::default()
        }
    }

    fn choose_loops(&mut self, values: &ValueCheck) {
        let mut range = None;
        match &values.kind {
            None | Some((TypeCheck::String, _)) => {}
            Some((TypeCheck::Number, _)) => range = Some(Range::default()),
            Some((TypeCheck::Integer, _)) => {
                range = Some(Range {
                    integer_only: true,
                    ..Range::default()
                })
            }
            Some((TypeCheck::Boolean, _)) => {
                let words: [&[u8]; 6] = [b"true", b"false", b"True", b"False", b"TRUE", b"FALSE"];
                self.loops.extend(Loop::short_set(&words));
            }
            Some((TypeCheck::Temporal(Temporal::Iso(shape)), _)) => {
                self.loops.push(Loop::DateTime(*shape))
            }
            Some((TypeCheck::Temporal(Temporal::Format(format)), _)) => {
                self.loops.extend(Loop::of_format(format))
            }
            // In CSV nothing is an object or an array, and in JSON the kind has told.
            Some((TypeCheck::Object | TypeCheck::Array, _)) => {}
        }
        let mut length = None;
        for (constraint, _) in &values.constraints {
            match constraint {
                Constraint::Number(side, inclusion, limit) if range.is_some() => {
                    let bound = kernel::Bound {
                        value: limit.clone(),
                        exclusive: *inclusion == Inclusion::Exclusive,
                    };
                    range.get_or_insert_default().narrow(*side, bound);
                }
                Constraint::MinLength(min) => {
                    length.get_or_insert((0, u32::MAX)).0 = saturated(*min)
                }
                Constraint::MaxLength(max) => {
                    length.get_or_insert((0, u32::MAX)).1 = saturated(*max)
                }
                Constraint::Pattern(pattern) => self.loops.push(Loop::of_pattern(pattern)),
                Constraint::OneOf(allowed) => {
                    let texts: Vec<&[u8]> = allowed.iter().map(AsRef::as_ref).collect();
                    let short = Loop::short_set(&texts);
                    self.loops
                        .push(short.unwrap_or_else(|| Loop::Set(allowed.clone())));
                }
                _ => self.loops.push(Loop::Every),
            }
        }
        self.loops
            .extend(length.map(|(min, max)| Loop::Length { min, max }));
        self.loops
            .extend(range.map(|range| Loop::Decimal(range.build(values.decimal_char))));
        if self.loops.iter().any(|one| matches!(one, Loop::Every)) {
            self.loops = vec![Loop::Every];
        }
    }

    /// Whether no row of a column ever needs a look. `only_kind` is what all its values are, if they are all one.
    pub(crate) fn is_idle(&self, only_kind: Option<Kind>) -> bool {
        let type_matters = match (only_kind, self.plain_kinds) {
            (_, PlainKinds::Any) | (Some(Kind::Text), _) => false,
            (Some(kind), PlainKinds::One(plain)) => kind != plain,
            (None, PlainKinds::One(_)) => true,
        };
        let type_matters = type_matters || only_kind.is_none() && self.missing_matters;
        self.loops.is_empty() && !self.null_matters && self.marked_texts.is_empty() && !type_matters
    }

    /// Whether the loops mark every quoted field by themselves, so that they can run over raw fields.
    pub(crate) fn marks_quoted(&self, quote: u8) -> bool {
        self.loops.iter().any(|one| one.marks_quoted(quote))
    }

    /// Sets the bit of every row that needs a judgement.
    pub(crate) fn mark(
        &self,
        column: &Column<'_>,
        kernel: Kernel,
        scratch: &mut Scratch,
        suspects: &mut [u64],
    ) {
        let Column {
            block, spans, at, ..
        } = column;
        match (block.only_kind(*at), self.plain_kinds) {
            (Some(Kind::Text), _) | (Some(_), PlainKinds::Any) => {}
            (Some(kind), PlainKinds::One(plain)) if kind == plain => {}
            // Another kind than the type's: every value is wrong.
            (Some(_), _) => mark_where(spans, suspects, |field| !field.is_empty()),
            (None, _) => self.mark_kinds(column, suspects),
        }
        let empty = if self.null_matters {
            Empty::Suspect
        } else {
            Empty::Pass
        };
        if self.loops.is_empty() && self.null_matters {
            kernel.mark_empty(spans, suspects);
        }
        for one in &self.loops {
            one.mark(block, *at, spans, kernel, empty, suspects);
        }
        if !self.marked_texts.is_empty() {
            self.mark_texts(block, spans, kernel, scratch, suspects);
        }
        if let (Some(quote), true) = (block.quote, column.has_quotes) {
            mark_where(spans, suspects, |field| field.first() == Some(&quote));
        }
    }

    /// Where every value is of its own kind: marks those of another kind than the type's, and those whose text is not
    /// their value.
    fn mark_kinds(&self, column: &Column<'_>, suspects: &mut [u64]) {
        let Column {
            block, at, spans, ..
        } = column;
        let Some((kinds, stride)) = block.each_kind(*at) else {
            return;
        };
        for row in 0..block.rows {
            let kind = kinds[row * stride];
            let is_plain = match kind {
                Kind::Null => !self.null_matters,
                Kind::Missing => !self.missing_matters,
                Kind::EscapedString => {
                    self.loops.is_empty()
                        && self.marked_texts.is_empty()
                        && self.plain_kinds != PlainKinds::One(Kind::Number)
                }
                // Text is read as any type but these.
                Kind::Text => !matches!(
                    self.plain_kinds,
                    PlainKinds::One(Kind::Object | Kind::Array)
                ),
                // The loops take an empty text for null.
                Kind::String if spans.field(row).is_empty() => false,
                kind => {
                    self.plain_kinds == PlainKinds::Any || self.plain_kinds == PlainKinds::One(kind)
                }
            };
            suspects[row / 64] |= u64::from(!is_plain) << (row % 64);
        }
    }

    /// Marks fields that are one of `marked_texts`.
    fn mark_texts(
        &self,
        block: &Block<'_>,
        spans: &Spans<'_>,
        kernel: Kernel,
        scratch: &mut Scratch,
        suspects: &mut [u64],
    ) {
        match &self.marked_short {
            Some(texts) => {
                // The kernel marks what is *not* in the set; empty fields have been dealt with.
                scratch.members.clear();
                scratch.members.resize(block.rows.div_ceil(64), 0);
                kernel.mark_set(spans, texts, Empty::Suspect, &mut scratch.members);
                for (word, others) in scratch.members.iter().enumerate() {
                    let rows = (block.rows - word * 64).min(64);
                    suspects[word] |= !others & (u64::MAX >> (64 - rows));
                }
            }
            None => mark_where(spans, suspects, |field| {
                self.marked_texts.iter().any(|text| **text == *field)
            }),
        }
    }
}

impl Loop {
    fn of_pattern(pattern: &Pattern) -> Loop {
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
    fn of_format(format: &DateFormat) -> Vec<Loop> {
        let loops = format.iso_shape().and_then(|iso| {
            let layout = Loop::of_template(&Shape::Template(iso.layout?))?;
            Some(vec![Loop::DateTime(iso.shape), layout])
        });
        loops.unwrap_or_else(|| vec![Loop::Every])
    }

    /// `None` if the texts are too many or too long for the kernel.
    fn short_set(texts: &[&[u8]]) -> Option<Loop> {
        let firsts = texts
            .iter()
            .filter_map(|text| text.first())
            .copied()
            .collect();
        ShortSet::new(texts).map(|set| Loop::ShortSet(set, firsts))
    }

    /// Whether every field that starts with `quote`, the dialect's, is marked.
    fn marks_quoted(&self, quote: u8) -> bool {
        match self {
            Loop::Length { .. } | Loop::Every => true,
            Loop::Template(_, first) => !first.contains(quote),
            Loop::Decimal(_) | Loop::DateTime(_) => quote != b'-' && !quote.is_ascii_digit(),
            Loop::ShortSet(_, firsts) => !firsts.contains(&quote),
            Loop::Set(texts) => texts.iter().all(|text| text.first() != Some(&quote)),
            Loop::Pattern(_) => false,
        }
    }

    fn mark(
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
fn mark_where(spans: &Spans<'_>, suspects: &mut [u64], mut is_suspect: impl FnMut(&[u8]) -> bool) {
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

/// The bounds of a number column, the tighter of each kind.
#[derive(Default)]
struct Range {
    minimum: Option<kernel::Bound>,
    maximum: Option<kernel::Bound>,
    integer_only: bool,
}

impl Range {
    fn narrow(&mut self, side: Side, bound: kernel::Bound) {
        let slot = if side == Side::AtLeast {
            &mut self.minimum
        } else {
            &mut self.maximum
        };
        let is_tighter = slot.as_ref().is_none_or(|known| {
            let order = bound.value.cmp(&known.value);
            let further_in = if side == Side::AtLeast {
                order.is_gt()
            } else {
                order.is_lt()
            };
            further_in || order.is_eq() && bound.exclusive
        });
        if is_tighter {
            *slot = Some(bound);
        }
    }

    fn build(self, decimal_char: u8) -> DecimalRange {
        DecimalRange::new(
            self.minimum.as_ref(),
            self.maximum.as_ref(),
            self.integer_only,
        )
        .with_decimal_char(decimal_char)
    }
}

fn saturated(length: u64) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
