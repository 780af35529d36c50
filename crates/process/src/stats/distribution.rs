//! Quantiles and histograms, from whatever is known of where values lie.
//!
//! Three things may be known: all values with their counts, the buckets of a sketch, or a sample. Each becomes a list of
//! *steps* in the order of the values; a quantile is the step that holds the value of that rank, and a histogram has each
//! step in one bin, or, where a step is wider than that, its parts in several.

use tamis_contract::model::LogicalType;
use tamis_contract::report::shown_value;
use tamis_engine::kernel::Moment;
use tamis_engine::number::Decimal;
use tamis_formats::calendar::DAY_SECONDS;
use tamis_formats::moment::write_moment;
use tamis_formats::vector::Type;

use super::report::{Basis, Bin, Histogram, Quantile, Quantiles, Scalar};
use tamis_engine::sketch::Bucket;

/// The quantiles that are listed.
const QUANTILES: [f64; 7] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];

/// Bins of a histogram; fewer where there are fewer values to tell apart.
const BINS_MAX: usize = 24;

/// What values lie on.
#[derive(Clone, Debug)]
pub(super) enum Axis {
    /// Numbers.
    Numbers {
        least: Decimal,
        greatest: Decimal,
        are_integers: bool,
    },
    /// Dates and times.
    Moments {
        first: Moment,
        last: Moment,
        shape: MomentShape,
    },
}

/// How a moment is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MomentShape {
    /// `2024-02-29`.
    Date,
    /// `23:59:59`.
    Time,
    /// `2024-02-29T23:59:59Z`.
    Timestamp,
}

/// Where values lie.
#[derive(Clone, Debug)]
pub(super) struct Distribution<'v> {
    axis: Axis,
    basis: Basis,
    /// In the order of the values.
    steps: Vec<Step<'v>>,
}

/// Values that are not told apart.
#[derive(Clone, Debug)]
struct Step<'v> {
    from: f64,
    to: f64,
    count: u64,
    value: Representative<'v>,
}

/// What stands for the values of a step. It is written out when it is shown: of thousands, a few are.
#[derive(Clone, Debug)]
enum Representative<'v> {
    /// The number that all of them are.
    Number(Decimal),
    /// The middle of a bucket of numbers.
    Middle(f64),
    /// The text of a moment.
    Text(&'v [u8]),
}

impl<'v> Distribution<'v> {
    /// That of all numbers, each with its count.
    pub(super) fn of_numbers(axis: Axis, mut values: Vec<(Decimal, u64)>) -> Distribution<'v> {
        values.sort();
        let steps = values.into_iter().map(|(number, count)| {
            let at = to_f64(&number);
            Step {
                from: at,
                to: at,
                count,
                value: Representative::Number(number),
            }
        });
        let basis = Basis {
            exact: true,
            ..Basis::default()
        };
        Distribution {
            axis,
            basis,
            steps: steps.collect(),
        }
    }

    /// That of numbers in buckets.
    pub(super) fn of_buckets(axis: Axis, buckets: Vec<Bucket>, error: f64) -> Distribution<'v> {
        let Axis::Numbers {
            least, greatest, ..
        } = &axis
        else {
            unreachable!("only numbers have buckets");
        };
        let (low, high) = (to_f64(least), to_f64(greatest));
        let steps = buckets.into_iter().map(|bucket| Step {
            from: bucket.from.max(low),
            to: bucket.to.min(high),
            count: bucket.count,
            value: Representative::Middle(bucket.middle()),
        });
        let basis = Basis {
            relative_error: Some(error),
            ..Basis::default()
        };
        Distribution {
            steps: steps.collect(),
            axis,
            basis,
        }
    }

    /// That of `total` moments, or of a sample of them; `None` if there are none.
    pub(super) fn of_moments(
        axis: Axis,
        mut values: Vec<(Moment, &'v [u8], u64)>,
        total: u64,
        sample: Option<u64>,
    ) -> Option<Distribution<'v>> {
        values.sort();
        let scale = sample.map_or(1.0, |sample| total as f64 / sample.max(1) as f64);
        let steps: Vec<Step<'_>> = values
            .into_iter()
            .map(|(moment, text, count)| Step {
                from: seconds(moment),
                to: seconds(moment),
                count: (count as f64 * scale).round() as u64,
                value: Representative::Text(text),
            })
            .collect();
        let basis = Basis {
            exact: sample.is_none(),
            relative_error: None,
            sample,
        };
        let is_something = !steps.is_empty();
        is_something.then_some(Distribution { axis, basis, steps })
    }

    /// The quantiles: for each the smallest value that at least this part of the values is not larger than.
    pub(super) fn quantiles(&self) -> Quantiles {
        let total: u64 = self.steps.iter().map(|step| step.count).sum();
        let values = QUANTILES.iter().filter_map(|&quantile| {
            let rank = ((quantile * total as f64).ceil() as u64).max(1);
            let mut seen = 0;
            let step = self.steps.iter().find(|step| {
                seen += step.count;
                seen >= rank
            });
            let step = step.or(self.steps.last())?;
            Some(Quantile {
                quantile,
                value: self.shown(&step.value),
            })
        });
        Quantiles {
            basis: self.basis,
            values: values.collect(),
        }
    }

    /// What is shown of the values of a step.
    fn shown(&self, value: &Representative<'_>) -> Scalar {
        match (value, &self.axis) {
            (Representative::Number(number), _) => Scalar::Number(number.to_string()),
            (Representative::Text(text), _) => Scalar::Text(shown_value(text)),
            (
                &Representative::Middle(middle),
                Axis::Numbers {
                    least,
                    greatest,
                    are_integers,
                },
            ) => {
                let middle = match are_integers {
                    true => middle.round(),
                    false => middle,
                };
                Scalar::Number(if middle <= to_f64(least) {
                    least.to_string()
                } else if middle >= to_f64(greatest) {
                    greatest.to_string()
                } else {
                    rounded(middle)
                })
            }
            (Representative::Middle(_), Axis::Moments { .. }) => {
                unreachable!("only numbers have buckets")
            }
        }
    }

    /// The histogram.
    pub(super) fn histogram(&self) -> Histogram {
        let bounds = self.bounds();
        let bins = bounds.len() - 1;
        let (first, width) = (bounds[0], bounds[1] - bounds[0]);
        let bin_of = |at: f64| {
            let offset = at - first;
            let bin = match offset.is_finite() {
                true => offset / width,
                // Numbers so far apart that no double is their difference.
                false => at / width - first / width,
            };
            (bin as usize).min(bins - 1)
        };
        let mut counts = vec![0.0_f64; bins];
        for step in &self.steps {
            let (from, to) = (bin_of(step.from), bin_of(step.to));
            if from == to {
                counts[from] += step.count as f64;
                continue;
            }
            for bin in from..=to {
                let low = step.from.max(bounds[bin]);
                let high = if bin == to { step.to } else { bounds[bin + 1] };
                let part = (high - low).max(0.0) / (step.to - step.from);
                counts[bin] += part * step.count as f64;
            }
        }
        let bins = bounds.windows(2).zip(counts).map(|(pair, count)| Bin {
            from: self.bound(pair[0]),
            to: self.bound(pair[1]),
            count: count.round() as u64,
        });
        Histogram {
            basis: self.basis,
            bins: bins.collect(),
        }
    }

    /// Where bins begin and end: two bounds at least, all the same distance apart.
    fn bounds(&self) -> Vec<f64> {
        let (low, high, unit) = match &self.axis {
            Axis::Numbers {
                least,
                greatest,
                are_integers,
            } => (
                to_f64(least),
                to_f64(greatest),
                f64::from(u8::from(*are_integers)),
            ),
            Axis::Moments { first, last, shape } => {
                let unit = match shape {
                    MomentShape::Date => 86_400.0,
                    MomentShape::Time | MomentShape::Timestamp => 1.0,
                };
                (seconds(*first), seconds(*last), unit)
            }
        };
        // Of whole numbers, a bin takes as many as its neighbours: its width is whole too.
        if unit > 0.0 && (high - low).is_finite() {
            let units = ((high - low) / unit).floor() + 1.0;
            let width = (units / BINS_MAX as f64).ceil();
            let bins = (units / width).ceil().max(1.0) as usize;
            return (0..=bins.min(BINS_MAX))
                .map(|bin| low + unit * width * bin as f64)
                .collect();
        }
        if low == high {
            return vec![low, low + low.abs().max(1.0)];
        }
        let bins = BINS_MAX as f64;
        let inner = (0..BINS_MAX).map(|bin| match high - low {
            range if range.is_finite() => low + range / bins * bin as f64,
            // No double is their difference.
            _ => low / bins * (BINS_MAX - bin) as f64 + high / bins * bin as f64,
        });
        inner.chain([high]).collect()
    }

    fn bound(&self, at: f64) -> Scalar {
        match &self.axis {
            // Behind the last of all doubles there is no bound.
            Axis::Numbers { .. } => Scalar::Number(rounded(at.clamp(f64::MIN, f64::MAX))),
            Axis::Moments { shape, .. } => Scalar::Text(shape.write(at as i64)),
        }
    }
}

impl MomentShape {
    pub(super) fn of(logical_type: LogicalType) -> MomentShape {
        match logical_type {
            LogicalType::Date => MomentShape::Date,
            LogicalType::Time => MomentShape::Time,
            _ => MomentShape::Timestamp,
        }
    }

    /// A moment so many seconds after 1970-01-01T00:00:00Z, or after midnight for a time of day.
    fn write(self, seconds: i64) -> String {
        const MICROS: i64 = 1_000_000;
        let (ty, value) = match self {
            MomentShape::Date => (Type::Date, seconds.div_euclid(DAY_SECONDS)),
            MomentShape::Time => (Type::Time, seconds.rem_euclid(DAY_SECONDS) * MICROS),
            MomentShape::Timestamp => (Type::Timestamp, seconds.saturating_mul(MICROS)),
        };
        let mut text = Vec::new();
        write_moment(ty, value, &mut text);
        String::from_utf8(text).expect("it is written in ASCII")
    }
}

/// The nearest double; of numbers beyond all of them, the last one.
fn to_f64(number: &Decimal) -> f64 {
    number.to_f64().clamp(f64::MIN, f64::MAX)
}

fn seconds(moment: Moment) -> f64 {
    moment.seconds as f64 + f64::from(moment.nanos) / 1e9
}

/// Six significant digits, without exponent: nothing here is known better than that.
fn rounded(value: f64) -> String {
    let rounded: f64 = format!("{value:.5e}").parse().expect("it was just written");
    let text = format!("{rounded}");
    if text == "-0" { "0".to_owned() } else { text }
}
