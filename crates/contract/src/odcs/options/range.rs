//! `minimum`, `maximum` and their exclusive forms, which 3.0 and 3.1 of the standard write differently.

use std::cmp::Ordering;
use std::ops::Range;

use crate::model::{Bound, BoundValue, Constraints, Inclusion};
use crate::odcs::fields::Fields;
use crate::odcs::reader::Reader;
use crate::odcs::yaml::{Data, Node, Scalar};

/// Whether an option sets the lower or the upper end of the range.
#[derive(Clone, Copy)]
enum End {
    Minimum,
    Maximum,
}

impl Reader<'_> {
    /// Reads both ends of the range and refuses an empty one.
    pub(super) fn range(
        &mut self,
        fields: &mut Fields<'_>,
        constraints: &mut Constraints,
        value: impl Fn(&mut Self, &str, &Node) -> Option<BoundValue>,
        compare: impl Fn(&BoundValue, &BoundValue) -> Option<Ordering>,
    ) {
        let minimum = self.end(fields, End::Minimum, &value, &compare);
        let maximum = self.end(fields, End::Maximum, &value, &compare);
        if let (Some((min, _)), Some((max, span))) = (&minimum, &maximum) {
            let is_point =
                min.inclusion == Inclusion::Inclusive && max.inclusion == Inclusion::Inclusive;
            let is_empty = match compare(&min.value, &max.value) {
                Some(Ordering::Greater) => true,
                Some(Ordering::Equal) => !is_point,
                _ => false,
            };
            if is_empty {
                self.error(
                    "contradiction",
                    span,
                    "no value lies between the minimum and the maximum",
                );
            }
        }
        constraints.minimum = minimum.map(|(bound, _)| bound);
        constraints.maximum = maximum.map(|(bound, _)| bound);
    }

    /// One end of the range: `minimum`, and `exclusiveMinimum` in both its spellings.
    fn end(
        &mut self,
        fields: &mut Fields<'_>,
        end: End,
        value: &impl Fn(&mut Self, &str, &Node) -> Option<BoundValue>,
        compare: &impl Fn(&BoundValue, &BoundValue) -> Option<Ordering>,
    ) -> Option<(Bound, Range<usize>)> {
        let (inclusive_key, exclusive_key) = match end {
            End::Minimum => ("minimum", "exclusiveMinimum"),
            End::Maximum => ("maximum", "exclusiveMaximum"),
        };
        let limit = fields.take(inclusive_key);
        let mut bound = limit.and_then(|node| {
            Some((
                Bound::inclusive(value(self, inclusive_key, node)?),
                node.span.clone(),
            ))
        });
        let Some(node) = fields.take(exclusive_key) else {
            return bound;
        };
        // 3.0 writes a flag beside the limit; 3.1 and later write the limit itself.
        if let Data::Scalar {
            kind: Scalar::Boolean(is_exclusive),
            ..
        } = node.data
        {
            match &mut bound {
                Some((bound, _)) if is_exclusive => bound.inclusion = Inclusion::Exclusive,
                None if is_exclusive && limit.is_none() => {
                    let help = format!(
                        "add `{inclusive_key}`, or write the limit itself: `{exclusive_key}: 0`"
                    );
                    self.error_with_help(
                        "contradiction",
                        &node.span,
                        format!("`{exclusive_key}: true` without `{inclusive_key}`"),
                        help,
                    );
                }
                _ => {}
            }
            return bound;
        }
        let exclusive = value(self, exclusive_key, node)
            .map(|value| (Bound::exclusive(value), node.span.clone()));
        match (bound, exclusive) {
            (Some(inclusive), Some(exclusive)) => {
                let help = "keep one of them; the narrower one is used";
                self.warning(
                    "contradiction",
                    &node.span,
                    format!("`{inclusive_key}` and `{exclusive_key}` are both given"),
                    help,
                );
                let order =
                    compare(&exclusive.0.value, &inclusive.0.value).unwrap_or(Ordering::Equal);
                let exclusive_is_narrower = match end {
                    End::Minimum => order.is_ge(),
                    End::Maximum => order.is_le(),
                };
                Some(if exclusive_is_narrower {
                    exclusive
                } else {
                    inclusive
                })
            }
            (inclusive, exclusive) => inclusive.or(exclusive),
        }
    }
}
