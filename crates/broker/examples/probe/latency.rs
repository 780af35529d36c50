//! How long many things took.

use std::time::Duration;

use serde_json::{Value, json};

/// Times, in nanoseconds; one that is longer than four seconds counts as that.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies(Vec<u32>);

impl Latencies {
    pub(crate) fn note(&mut self, took: Duration) {
        self.0
            .push(u32::try_from(took.as_nanos()).unwrap_or(u32::MAX));
    }

    pub(crate) fn extend(&mut self, other: Latencies) {
        self.0.extend(other.0);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// In microseconds.
    pub(crate) fn summary(mut self) -> Value {
        self.0.sort_unstable();
        let quantile = |share: f64| {
            let at = (self.0.len() as f64 * share) as usize;
            let found = self.0.get(at.min(self.0.len().saturating_sub(1)));
            found.map_or(f64::NAN, |it| f64::from(*it) / 1e3)
        };
        json!({
            "p50_us": quantile(0.5),
            "p99_us": quantile(0.99),
            "p999_us": quantile(0.999),
            "max_us": quantile(1.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_all() {
        let mut latencies = Latencies::default();
        for microseconds in 1..=1000 {
            latencies.note(Duration::from_micros(microseconds));
        }
        let summary = latencies.summary();
        assert_eq!(summary["p50_us"], 501.0);
        assert_eq!(summary["p99_us"], 991.0);
        assert_eq!(summary["max_us"], 1000.0);
    }
}
