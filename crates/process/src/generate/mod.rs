//! Test data to order: transactions, good and bad, with a contract and a known answer; and [access logs](AccessLog).
//!
//! A [`Recipe`] says how many rows, how many of them bad, which seed and which format. Every row is a
//! pure function of the seed and its number, so that any number of threads writes the same bytes;
//! [`Recipe::write`] makes chunks of rows on all cores and writes them in order.
//!
//! Bad rows have exactly one [`Fault`] each. The [`Manifest`] counts them, and a check of the data
//! against [`contract()`] must find those and no others.
//!
//! ```
//! use std::num::NonZero;
//! use tamis_engine::control::{Cancel, Progress};
//! use tamis_engine::sink::NullSink;
//! use tamis_process::generate::{Format, Recipe};
//!
//! let recipe = Recipe { rows: 1_000, bad_rate: 0.01, seed: 1, format: Format::Csv };
//! let threads = NonZero::new(2).unwrap();
//! let manifest = recipe.write(&mut NullSink, threads, &Cancel::new(), &Progress::new())?;
//! assert_eq!((manifest.rows, manifest.bad_rows()), (1_000, 11));
//! # Ok::<(), tamis_process::Error>(())
//! ```

mod access;
mod contract;
mod encode;
mod fault;
mod manifest;
mod memo;
mod parallel;
mod random;
mod row;
mod text;

use std::num::NonZero;

use tamis_engine::control::{Cancel, Progress};
use tamis_engine::sink::Sink;

pub use access::AccessLog;
pub use contract::{Uniqueness, contract, is_generated_contract};
pub use fault::Fault;
pub use manifest::{Manifest, RuleCount};

use crate::{Error, Result};
use encode::Encoder;
use parallel::Maker;
use random::RowRandom;
use row::{DISTINCT_IDS, Row};

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values with a header, as RFC 4180 has them, but with `\n` line ends.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

/// What to generate.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// Number of rows, at most 10^10.
    pub rows: u64,
    /// The probability of a row to be bad, from 0 to 1.
    pub bad_rate: f64,
    /// Other seeds give other values.
    pub seed: u64,
    /// How rows are written.
    pub format: Format,
}

impl Recipe {
    /// Writes the data set to `sink`, which is left to the caller to finish, with `threads` workers
    /// beside the calling thread.
    ///
    /// Rows and bytes are counted in `progress` chunk by chunk. About 1 MiB of chunks per worker is
    /// in memory at a time.
    ///
    /// # Errors
    /// [`Error::TooManyRows`] and [`Error::BadRate`] for a recipe that cannot be followed,
    /// [`Error::Engine`] if `sink` fails, and soon after `cancel` is cancelled.
    pub fn write(
        &self,
        sink: &mut dyn Sink,
        threads: NonZero<usize>,
        cancel: &Cancel,
        progress: &Progress,
    ) -> Result<Manifest> {
        if self.rows > DISTINCT_IDS {
            return Err(Error::TooManyRows {
                rows: self.rows,
                limit: DISTINCT_IDS,
            });
        }
        if !(0.0..=1.0).contains(&self.bad_rate) {
            return Err(Error::BadRate {
                rate: self.bad_rate,
            });
        }
        let maker = RowMaker {
            seed: self.seed,
            bad_below: bad_below(self.bad_rate),
            encoder: Encoder::new(self.format),
        };
        parallel::write(&maker, self.rows, sink, threads, cancel, progress)
    }
}

/// Bits of the draw that decides whether a row is bad: as many as a probability has.
const RATE_BITS: u32 = 53;

/// A draw of [`RATE_BITS`] bits below this makes a bad row.
fn bad_below(rate: f64) -> u64 {
    (rate * (1u64 << RATE_BITS) as f64) as u64
}

/// Makes the rows of one data set, in any order.
#[derive(Debug)]
struct RowMaker {
    seed: u64,
    bad_below: u64,
    encoder: Encoder,
}

impl Maker for RowMaker {
    fn header(&self) -> &[u8] {
        self.encoder.header()
    }

    fn push(&self, number: u64, out: &mut Vec<u8>) -> Option<Fault> {
        let random = RowRandom::new(self.seed, number);
        let is_bad = random.draw(3) >> (u64::BITS - RATE_BITS) < self.bad_below;
        let fault = is_bad.then(|| {
            Fault::ALL[random::below(random.draw(4) as u32, Fault::ALL.len() as u32) as usize]
        });
        self.encoder
            .push_row(&Row::new(self.seed, number, random, fault), out);
        fault
    }
}
