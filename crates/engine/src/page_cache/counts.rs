//! Counting hits without a word that all threads fight for.
//!
//! A hit costs about 20 ns, and adding to a word that another core has just added to costs more than that. So each
//! thread adds to one of a few words in cache lines of their own. These are plain statistics: nothing is ordered by
//! them, every access is relaxed, and they are no part of the protocol that is model-checked.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

const STRIPE_COUNT: usize = 16;

/// What [`Counters`](super::Counters) is summed from.
#[derive(Debug, Default)]
pub(super) struct Counts {
    stripes: [Stripe; STRIPE_COUNT],
}

/// Two cache lines, because they are fetched in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe {
    hits: AtomicU64,
    misses: AtomicU64,
    evictions: AtomicU64,
}

impl Counts {
    pub(super) fn add_hits(&self, count: u64) {
        self.stripe().hits.fetch_add(count, Relaxed);
    }

    pub(super) fn add_misses(&self, count: u64) {
        self.stripe().misses.fetch_add(count, Relaxed);
    }

    pub(super) fn add_eviction(&self) {
        self.stripe().evictions.fetch_add(1, Relaxed);
    }

    /// Hits, misses and evictions.
    pub(super) fn totals(&self) -> (u64, u64, u64) {
        let sum = |count: fn(&Stripe) -> &AtomicU64| {
            let counts = self
                .stripes
                .iter()
                .map(|stripe| count(stripe).load(Relaxed));
            counts.sum()
        };
        (
            sum(|stripe| &stripe.hits),
            sum(|stripe| &stripe.misses),
            sum(|stripe| &stripe.evictions),
        )
    }

    fn stripe(&self) -> &Stripe {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static OWN: usize = NEXT.fetch_add(1, Relaxed) % STRIPE_COUNT;
        }
        // While a thread ends its own number may be gone.
        &self.stripes[OWN.try_with(|own| *own).unwrap_or(0)]
    }
}
