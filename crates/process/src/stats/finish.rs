//! From what is known of a column to what is said of it.

use std::collections::HashMap;

use tamis_contract::model::LogicalType;
use tamis_contract::report::shown_value;
use tamis_engine::kernel::Moment;
use tamis_engine::number::Decimal;
use tamis_formats::value::{Reading, read_moment};

use super::column::{Column, Setting, Spread, State};
use super::dictionary::{Dictionary, Family};
use super::distribution::{Axis, Distribution};
use super::report::{Basis, ColumnStats, Distinct, Frequencies, Frequency, Scalar, Share, percent};
use super::sample::Sampled;
use super::shape::write_shape;
use crate::infer::typing::{self, Typing};

/// Most frequent values and shapes that are listed.
const TOP_MAX: usize = 10;

/// A value of a sample is listed from so many occurrences on: fewer are chance.
const SAMPLED_MIN: u64 = 3;

/// A column on its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finish<'a> {
    pub(super) setting: &'a Setting,
    /// Well-formed records.
    pub(super) rows: u64,
}

/// The values of a column, as far as they are known one by one.
enum Listed<'c> {
    All(&'c Dictionary),
    Sample(Vec<Sampled<'c>>),
}

impl Finish<'_> {
    /// What is said of a column whose null tokens are settled: `is_null` of a text.
    pub(super) fn column(
        self,
        name: String,
        mut column: Column,
        is_null: &dyn Fn(&[u8]) -> bool,
    ) -> ColumnStats {
        let wanted = self.setting.wanted;
        let spread = match &column.state {
            State::Few(dictionary) => Spread::of(dictionary, self.setting),
            State::Many(spread) => (**spread).clone(),
        };
        let logical_type = typing::logical_type(spread.classes, typing(column.is_untyped));
        let values = spread.values;
        let listed = match &column.state {
            State::Few(dictionary) => Listed::All(dictionary),
            State::Many(_) => {
                let mut sampled = column.sample.values();
                sampled.retain(|value| value.family != Family::Untyped || !is_null(value.text));
                Listed::Sample(sampled)
            }
        };
        let is_scalar = values > 0 && !matches!(logical_type, Some(LogicalType::Object));
        let numbers = match logical_type {
            Some(LogicalType::Integer | LogicalType::Number) => {
                spread.numbers.totals(values - spread.not_finite)
            }
            _ => None,
        };
        let (min, max) = match (&numbers, spread.moments.ends(), spread.texts.ends()) {
            (Some(totals), ..) => (number(&totals.least), number(&totals.greatest)),
            (None, Some((first, last)), _) if is_temporal(logical_type) => {
                (text(&first.1), text(&last.1))
            }
            (None, _, Some((least, greatest))) => (text(least), text(greatest)),
            (None, _, None) => (None, None),
        };
        let distinct = match (&column.state, &spread.distinct) {
            (State::Few(dictionary), _) => Some(Distinct {
                count: dictionary.len() as u64,
                exact: true,
                standard_error: None,
            }),
            (State::Many(_), Some(sketch)) => Some(Distinct {
                // An estimate may exceed what is possible, and never undercuts what is known.
                count: sketch.estimate().min(values),
                exact: false,
                standard_error: Some(self.setting.limits.distinct_error()),
            }),
            (State::Many(_), None) => None,
        };
        let distribution = self.distribution(&spread, &listed, logical_type, numbers.as_ref());
        let has_range = wanted.range && is_scalar;
        let lengths = spread.lengths.filter(|_| has_range);
        ColumnStats {
            name,
            logical_type: match logical_type {
                Some(logical_type) => logical_type.name(),
                None if values == 0 => "null",
                None => "mixed",
            },
            values,
            nulls: Share::of(self.rows.saturating_sub(values), self.rows),
            not_finite: spread.not_finite,
            distinct: distinct.filter(|_| wanted.distinct && (is_scalar || values == 0)),
            min: min.filter(|_| has_range),
            max: max.filter(|_| has_range),
            min_length: lengths.map(|(shortest, _)| shortest),
            max_length: lengths.map(|(_, longest)| longest),
            sum: numbers
                .as_ref()
                .filter(|_| wanted.sum)
                .map(|totals| Scalar::Number(totals.sum.clone())),
            mean: numbers
                .as_ref()
                .filter(|_| wanted.sum)
                .map(|totals| totals.mean),
            standard_deviation: numbers
                .as_ref()
                .filter(|_| wanted.deviation)
                .and_then(|totals| totals.deviation),
            quantiles: distribution
                .as_ref()
                .filter(|_| wanted.quantiles)
                .map(Distribution::quantiles),
            histogram: distribution
                .as_ref()
                .filter(|_| wanted.histogram)
                .map(Distribution::histogram),
            top: (wanted.top && is_scalar).then(|| top(&listed, values)),
            shapes: (wanted.shapes && logical_type == Some(LogicalType::String))
                .then(|| shapes(&listed, values)),
        }
    }

    /// Where the values of a column lie, if they lie on a line.
    fn distribution<'v>(
        self,
        spread: &Spread,
        listed: &'v Listed<'_>,
        logical_type: Option<LogicalType>,
        numbers: Option<&super::numbers::Totals>,
    ) -> Option<Distribution<'v>> {
        if !self.setting.wanted.needs_sketch() {
            return None;
        }
        let point = self.setting.point;
        if let Some(totals) = numbers {
            let axis = Axis::Numbers {
                least: totals.least.clone(),
                greatest: totals.greatest.clone(),
                are_integers: logical_type == Some(LogicalType::Integer),
            };
            return Some(match listed {
                Listed::All(dictionary) => {
                    let values = dictionary.values().filter_map(|known| {
                        let point = match known.family {
                            Family::Number => b'.',
                            _ => point,
                        };
                        let number = Decimal::parse_with_point(known.text, point)?;
                        Some((number, known.count))
                    });
                    Distribution::of_numbers(axis, values.collect())
                }
                Listed::Sample(_) => {
                    let buckets = spread.sketch.buckets().collect();
                    Distribution::of_buckets(axis, buckets, self.setting.limits.quantile_error())
                }
            });
        }
        let (first, last) = spread
            .moments
            .ends()
            .filter(|_| is_temporal(logical_type))?;
        let axis = Axis::Moments {
            first: first.0,
            last: last.0,
            shape: super::distribution::MomentShape::of(logical_type?),
        };
        let read = |text: &[u8]| -> Option<Moment> {
            match read_moment(text) {
                Reading::Moment(_, moment) => Some(moment),
                _ => None,
            }
        };
        let (values, sample): (Vec<(Moment, &[u8], u64)>, _) = match listed {
            Listed::All(dictionary) => {
                let values = dictionary.values();
                let values =
                    values.filter_map(|known| Some((read(known.text)?, known.text, known.count)));
                (values.collect(), None)
            }
            Listed::Sample(sampled) => {
                let values = sampled
                    .iter()
                    .filter_map(|value| Some((read(value.text)?, value.text, 1)));
                (values.collect(), Some(sampled.len() as u64))
            }
        };
        Distribution::of_moments(axis, values, spread.values, sample)
    }
}

fn typing(is_untyped: bool) -> Typing {
    match is_untyped {
        true => Typing::Text,
        false => Typing::Json,
    }
}

fn is_temporal(logical_type: Option<LogicalType>) -> bool {
    matches!(
        logical_type,
        Some(LogicalType::Date | LogicalType::Timestamp | LogicalType::Time)
    )
}

fn number(number: &Decimal) -> Option<Scalar> {
    Some(Scalar::Number(number.to_string()))
}

fn text(text: &[u8]) -> Option<Scalar> {
    Some(Scalar::Text(shown_value(text)))
}

/// The most frequent values.
fn top(listed: &Listed<'_>, values: u64) -> Frequencies {
    match listed {
        Listed::All(dictionary) => {
            // Most columns have far more values than are listed; only those that may be are written out.
            let mut counts: Vec<u64> = dictionary.values().map(|known| known.count).collect();
            let listed_from = match counts.len() {
                0..=TOP_MAX => 0,
                len => *counts.select_nth_unstable(len - TOP_MAX).1,
            };
            let counted = dictionary
                .values()
                .filter(|known| known.count >= listed_from);
            let counted = counted.map(|known| (shown_value(known.text), known.count));
            ranked(counted.collect(), values, exact())
        }
        Listed::Sample(sampled) => {
            // They are in the order of their texts; long ones that begin alike are told apart by their hashes.
            let same =
                sampled.chunk_by(|a, b| (a.family, a.text, a.hash) == (b.family, b.text, b.hash));
            let counted = same
                .filter(|same| same.len() as u64 >= SAMPLED_MIN)
                .map(|same| {
                    let end = if same[0].is_cut { "…" } else { "" };
                    (
                        format!("{}{end}", shown_value(same[0].text)),
                        same.len() as u64,
                    )
                });
            estimated(counted.collect(), values, sampled.len())
        }
    }
}

/// The most frequent shapes of texts.
fn shapes(listed: &Listed<'_>, values: u64) -> Frequencies {
    let mut counts: HashMap<String, u64> = HashMap::new();
    let mut shape = String::new();
    let mut add = |text: &[u8], count: u64| {
        shape.clear();
        write_shape(text, &mut shape);
        match counts.get_mut(&shape) {
            Some(known) => *known += count,
            None => {
                counts.insert(shape.clone(), count);
            }
        }
    };
    match listed {
        Listed::All(dictionary) => {
            dictionary
                .values()
                .for_each(|known| add(known.text, known.count));
            ranked(counts.into_iter().collect(), values, exact())
        }
        Listed::Sample(sampled) => {
            sampled.iter().for_each(|value| add(value.text, 1));
            counts.retain(|_, count| *count >= SAMPLED_MIN);
            estimated(counts.into_iter().collect(), values, sampled.len())
        }
    }
}

fn exact() -> Basis {
    Basis {
        exact: true,
        ..Basis::default()
    }
}

/// The largest counts first, of equal ones in the order of the texts.
fn ranked(mut counted: Vec<(String, u64)>, values: u64, basis: Basis) -> Frequencies {
    counted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counted.truncate(TOP_MAX);
    let listed = counted.into_iter().map(|(value, count)| Frequency {
        value,
        count,
        percent: percent(count, values),
    });
    Frequencies {
        basis,
        values: listed.collect(),
    }
}

/// Counts in a sample, scaled to all values.
fn estimated(mut counted: Vec<(String, u64)>, values: u64, sample: usize) -> Frequencies {
    let scale = values as f64 / sample.max(1) as f64;
    for (_, count) in &mut counted {
        *count = (*count as f64 * scale).round() as u64;
    }
    let basis = Basis {
        sample: Some(sample as u64),
        ..Basis::default()
    };
    ranked(counted, values, basis)
}
