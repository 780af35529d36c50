//! Cuts files into chunks where their content says so, so that an insertion moves few cuts and not all behind it.
//!
//! The rule is FastCDC 2020 with normalization level 1 (Xia et al., "The Design of Fast Content-Defined Chunking for Data
//! Deduplication Based Storage Systems", IEEE TPDS 31(9), 2020), and the cuts are those of the `fastcdc` crate, version 5,
//! `v2020`: stores depend on them for ever, and a test compares them.
//!
//! ```text
//! chunk   0 ........ min .............. avg .................... max
//!         not looked at |  strict mask  |       loose mask        | cut at the latest
//! ```
//!
//! The gear hash begins at `min`, and the first byte at which it has no bit of the mask is the first of the next chunk.
//! Two cases at a file's end belong to the rule: what is left and at most `min` long is one chunk, and the last byte of an odd
//! rest is not tested.
//!
//! ```
//! use tamis_store::chunker::{Chunker, Parameters};
//! let chunker = Chunker::new(Parameters::default())?;
//! let file = vec![7; 1_000_000];
//! let mut rest = &file[..];
//! while !rest.is_empty() {
//!     let (chunk, after) = rest.split_at(chunker.cut(rest));
//!     assert!(chunk.len() <= 262_144);
//!     rest = after;
//! }
//! # Ok::<(), tamis_store::Error>(())
//! ```
//!
//! - `gear` is the hash and its inner loop;
//! - [`segments`] lets all cores cut one file, with the same cuts;
//! - `survey` is what makes that cheap whatever is in the file.

mod gear;
pub mod segments;
mod survey;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::OnceLock;

use self::gear::Masks;
pub use self::segments::{Abandoned, Guard, Run, Segments};
use crate::{Error, Result};

/// The lengths that chunks may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// No chunk but a file's last one is shorter.
    pub min_bytes: u32,
    /// About how long chunks of ordinary data are; in truth a little longer, since `min_bytes` are skipped.
    pub avg_bytes: u32,
    /// No chunk is longer.
    pub max_bytes: u32,
}

impl Default for Parameters {
    /// 16 KiB, 64 KiB and 256 KiB.
    fn default() -> Parameters {
        Parameters {
            min_bytes: 16 << 10,
            avg_bytes: 64 << 10,
            max_bytes: 256 << 10,
        }
    }
}

impl Parameters {
    /// Whether chunks can be cut by these: even numbers in this order, 64 bytes to 1 MiB, 256 bytes to 4 MiB, 1 KiB to
    /// 16 MiB. These are the limits of the `fastcdc` crate.
    ///
    /// # Errors
    /// [`Error::Usage`] says which limit is not kept.
    pub fn validate(&self) -> Result<()> {
        let limits = [
            ("smallest chunk", self.min_bytes, 64..=1 << 20),
            ("chunk size aimed at", self.avg_bytes, 256..=4 << 20),
            ("largest chunk", self.max_bytes, 1024..=16 << 20),
        ];
        for (name, bytes, limit) in limits {
            if bytes % 2 != 0 || !limit.contains(&bytes) {
                let (least, most) = limit.into_inner();
                return Err(Error::Usage {
                    reason: format!(
                        "the {name} is {bytes}, not an even number of bytes from {least} to {most}"
                    ),
                });
            }
        }
        if self.min_bytes > self.avg_bytes || self.avg_bytes > self.max_bytes {
            return Err(Error::Usage {
                reason: format!(
                    "chunks of {} to {} bytes cannot be about {} long",
                    self.min_bytes, self.max_bytes, self.avg_bytes
                ),
            });
        }
        Ok(())
    }
}

/// Finds the ends of chunks; shared by any number of threads.
#[derive(Clone, Debug)]
pub struct Chunker {
    parameters: Parameters,
    masks: Masks,
    /// How long a chunk of zeros is; asked for by files with holes only.
    zeros_bytes: OnceLock<usize>,
}

/// Where in a chunk a cut is looked for: that decides how easily one is found.
#[derive(Clone, Copy, Debug)]
enum Half {
    /// Before the length aimed at.
    Early,
    /// From there on.
    Late,
}

impl Chunker {
    /// A chunker for chunks of these lengths.
    ///
    /// # Errors
    /// What [`Parameters::validate`] says.
    pub fn new(parameters: Parameters) -> Result<Chunker> {
        parameters.validate()?;
        Ok(Chunker {
            parameters,
            masks: Masks::for_average(parameters.avg_bytes),
            zeros_bytes: OnceLock::new(),
        })
    }

    /// The lengths that chunks may have.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Length of the first chunk of `bytes`, which hold `max_bytes` or reach to the end of the file; 0 if there are none.
    pub fn cut(&self, bytes: &[u8]) -> usize {
        let origin = self.parameters.min_bytes as usize;
        self.cut_by(bytes.len(), |range, half| {
            gear::first_match(bytes, origin, range, self.masks.of(half))
        })
    }

    /// Length of the first chunk of so many zeros as [`cut`](Self::cut) asks for.
    fn cut_zeros(&self) -> usize {
        let count = self.parameters.max_bytes as usize;
        *self.zeros_bytes.get_or_init(|| self.cut(&vec![0; count]))
    }

    /// The rule. `first_match` finds where the mask of a half first matches in a range, counted from the chunk's start.
    fn cut_by(
        &self,
        len_bytes: usize,
        mut first_match: impl FnMut(Range<usize>, Half) -> Option<usize>,
    ) -> usize {
        let min = self.parameters.min_bytes as usize;
        let remaining = len_bytes.min(self.parameters.max_bytes as usize);
        if remaining <= min {
            return remaining;
        }
        // The reference tests bytes in pairs, so it never tests the last one of an odd rest.
        let end = remaining & !1;
        let middle = end.min(self.parameters.avg_bytes as usize);
        first_match(min..middle, Half::Early)
            .or_else(|| first_match(middle..end, Half::Late))
            .unwrap_or(remaining)
    }
}
