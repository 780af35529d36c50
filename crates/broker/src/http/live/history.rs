//! The points of the charts: one a second, the last [`POINTS_MAX`] of them.

use std::collections::{BTreeMap, VecDeque};

/// A quarter of an hour.
pub(super) const POINTS_MAX: usize = 900;

/// A figure for each of [`COLUMNS`] at one moment. What is not known is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Point {
    /// Milliseconds since 1970.
    pub(super) at_ms: i64,
    /// Of all topics, a second.
    pub(super) records_in: f64,
    pub(super) records_out: f64,
    pub(super) bytes_in: f64,
    pub(super) bytes_out: f64,
    /// Records that broke the contracts of their topics, a second.
    pub(super) bad: f64,
    /// Milliseconds that requests took which were answered since the point before.
    pub(super) produce_p50_ms: Option<f64>,
    pub(super) produce_p99_ms: Option<f64>,
    pub(super) fetch_p50_ms: Option<f64>,
    pub(super) fetch_p99_ms: Option<f64>,
    /// Of the group that is furthest behind in a topic.
    pub(super) lag_worst: f64,
    /// Of all groups in all topics.
    pub(super) lag_sum: f64,
    /// Processors that were busy with us.
    pub(super) cores: Option<f64>,
    pub(super) memory_bytes: Option<f64>,
}

/// A figure by its name.
type Column = (&'static str, fn(&Point) -> Option<f64>);

/// As the page calls them.
const COLUMNS: &[Column] = &[
    ("at_ms", |it| Some(it.at_ms as f64)),
    ("records_in", |it| Some(it.records_in)),
    ("records_out", |it| Some(it.records_out)),
    ("bytes_in", |it| Some(it.bytes_in)),
    ("bytes_out", |it| Some(it.bytes_out)),
    ("bad", |it| Some(it.bad)),
    ("produce_p50_ms", |it| it.produce_p50_ms),
    ("produce_p99_ms", |it| it.produce_p99_ms),
    ("fetch_p50_ms", |it| it.fetch_p50_ms),
    ("fetch_p99_ms", |it| it.fetch_p99_ms),
    ("lag_worst", |it| Some(it.lag_worst)),
    ("lag_sum", |it| Some(it.lag_sum)),
    ("cores", |it| it.cores),
    ("memory_bytes", |it| it.memory_bytes),
];

impl Point {
    /// Its figures by their names.
    pub(super) fn named(&self) -> BTreeMap<&'static str, Option<f64>> {
        let named = COLUMNS.iter().map(|(name, of)| (*name, shown(of(self))));
        named.collect()
    }
}

/// The last points.
#[derive(Debug, Default)]
pub(super) struct History {
    points: VecDeque<Point>,
}

impl History {
    /// Takes one, and forgets the oldest.
    pub(super) fn push(&mut self, point: Point) {
        if self.points.len() == POINTS_MAX {
            self.points.pop_front();
        }
        self.points.push_back(point);
    }

    /// The last one.
    pub(super) fn last(&self) -> Point {
        self.points.back().copied().unwrap_or_default()
    }

    /// All of them by column, oldest first.
    pub(super) fn columns(&self) -> BTreeMap<&'static str, Vec<Option<f64>>> {
        let of_all = |of: fn(&Point) -> Option<f64>| {
            let figures = self.points.iter().map(of);
            figures.map(shown).collect()
        };
        let columns = COLUMNS.iter().map(|(name, of)| (*name, of_all(*of)));
        columns.collect()
    }
}

/// No chart shows a thousandth, and each digit is sent.
fn shown(figure: Option<f64>) -> Option<f64> {
    figure.map(|it| (it * 1000.0).round() / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_points_are_kept() {
        let mut history = History::default();
        assert_eq!(history.last(), Point::default());
        for at_ms in 0..POINTS_MAX as i64 + 10 {
            history.push(Point {
                at_ms,
                records_in: 1.23456,
                ..Point::default()
            });
        }
        let columns = history.columns();
        assert!(columns.values().all(|it| it.len() == POINTS_MAX));
        let times = &columns["at_ms"];
        assert_eq!((times[0], times[POINTS_MAX - 1]), (Some(10.0), Some(909.0)));
        assert_eq!(columns["records_in"][0], Some(1.235));
        assert_eq!(columns["fetch_p99_ms"][0], None);
        assert_eq!(history.last().named()["at_ms"], Some(909.0));
    }
}
