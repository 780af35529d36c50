//! How many cases a test tries.

use proptest::test_runner::Config;

/// How a property is tried with so many cases; `TAMIS_SOAK=n` tries `n` times as many.
pub(crate) fn cases(count: u32) -> Config {
    Config::with_cases(count.saturating_mul(soak_factor()))
}

/// The number in `TAMIS_SOAK`; 1 in a short run.
pub(crate) fn soak_factor() -> u32 {
    let factor = std::env::var("TAMIS_SOAK").ok();
    factor.map_or(1, |factor| factor.parse().expect("TAMIS_SOAK is a number"))
}
