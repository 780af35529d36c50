//! From the rules of a column to its loops.
//!
//! A rule that no loop is known for makes [`Loop::Every`] of them all: whoever judges every row anyway needs no other.

use tamis_engine::kernel::{self, DecimalRange};

use super::FastCheck;
use super::loops::Loop;
use crate::check::value::{Constraint, Side, Temporal, TypeCheck, ValueCheck};
use crate::model::Inclusion;

impl FastCheck {
    /// Adds the loops for the type and the constraints.
    pub(super) fn choose_loops(&mut self, values: &ValueCheck) {
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
            // The kind has told: in CSV nothing is an object or an array.
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
