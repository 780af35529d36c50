//! The SIMD loops, one signature each, with a scalar specification.
//!
//! A [`Kernel`] value proves that the CPU has the instructions; detect it once, pass it down, call
//! it once per chunk or per column of a block, and the dispatch costs nothing.
//!
//! ```
//! use tamis_engine::kernel::Kernel;
//! assert_eq!(Kernel::detect().count_byte(b"a\nb\n", b'\n'), 2);
//! ```
//!
//! There are two kinds of kernels:
//! - *byte kernels* read a stretch of input once, 64 bytes at a time: counting (`count`), words and
//!   widths of text (`text`), quotes (`quotes`), the structural index of CSV (`structure`), the ends of JSON strings
//!   and what nests (`json`), and runs of byte classes (`class_run`);
//! - *column kernels* (`columns`) visit the fields of one column of a block, given as [`Spans`],
//!   and set a bit for every row that needs a second look; those in `read` take values out of the others.
//!
//! Every kernel exists twice. The function in a `scalar` module says what the answer is, one byte
//! after the other. The function in a `wide` module is the fast one, written once and compiled for
//! each instruction set; what differs between these is behind the trait in `simd`. The property
//! tests in `tests.rs` hold every kernel of [`Kernel::available`] to the scalar one.

#![expect(
    unsafe_code,
    reason = "vector instructions; every use rests on the CPU check in `Kernel::available`"
)]

mod class_run;
mod columns;
mod count;
mod floats;
mod json;
mod quotes;
mod read;
mod simd;
mod spans;
mod structure;
#[cfg(test)]
mod tests;
mod text;

pub use class_run::{ByteSet, ClassRun};
pub use columns::date_time::{DateTimeShape, Moment, parse_date_time};
pub use columns::decimal::{Bound, DecimalRange};
pub use columns::length::Lengths;
pub use columns::set::ShortSet;
pub use columns::template::{Position, Template};
pub use json::{JsonNesting, JsonStrings};
pub use quotes::QuoteScan;
pub use spans::{Empty, Spans};
pub use structure::{IndexState, Indexed, Structure};

/// The instruction set the kernels run on. Holding one proves the CPU has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel(Isa);

/// Private, so that only [`Kernel::available`] decides which of these a `Kernel` can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Isa {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Kernel {
    /// Every kernel this CPU supports, slowest first: for tests and benches.
    pub fn available() -> Vec<Kernel> {
        let mut found = vec![Kernel(Isa::Scalar)];
        #[cfg(target_arch = "x86_64")]
        {
            let has_avx2 = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("bmi2")
                && is_x86_feature_detected!("lzcnt")
                && is_x86_feature_detected!("popcnt")
                && is_x86_feature_detected!("pclmulqdq");
            if has_avx2 {
                found.push(Kernel(Isa::Avx2));
            }
            let has_avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vbmi")
                && is_x86_feature_detected!("avx512vbmi2");
            if has_avx2 && has_avx512 {
                found.push(Kernel(Isa::Avx512));
            }
        }
        found
    }

    /// The fastest kernel this CPU supports.
    pub fn detect() -> Kernel {
        Kernel::available().pop().unwrap_or(Kernel::scalar())
    }

    /// The portable kernel: the specification of all others, one byte at a time.
    pub const fn scalar() -> Kernel {
        Kernel(Isa::Scalar)
    }

    /// The kernel of that [`name`](Self::name); `None` if there is none or the CPU lacks it.
    pub fn by_name(name: &str) -> Option<Kernel> {
        Kernel::available()
            .into_iter()
            .find(|kernel| kernel.name() == name)
    }

    /// `scalar`, `avx2` or `avx512`.
    pub const fn name(self) -> &'static str {
        match self.0 {
            Isa::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => "avx512",
        }
    }
}

/// Calls `scalar::name(..)`, or `wide::name(simd, ..)` compiled for the kernel's instruction set.
///
/// The two functions the macro declares are where the instruction set is switched on; `wide`
/// functions and all they call are `#[inline(always)]`, so that they are compiled inside of them.
/// Closures cannot be marked so: one that is not inlined turns each intrinsic into a call (the index
/// ran at a sixteenth of its speed), so the loops of `wide` have none.
macro_rules! dispatch {
    ($kernel:expr, $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)?) => {{
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,pclmulqdq")]
        fn avx2($($argument: $type),*) $(-> $result)? {
            // SAFETY: this function is compiled for, and only called with, AVX2 and the rest of that level.
            let simd = unsafe { $crate::kernel::simd::Avx2::assume() };
            wide::$name(simd, $($argument),*)
        }

        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt,pclmulqdq")]
        #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2")]
        fn avx512($($argument: $type),*) $(-> $result)? {
            // SAFETY: this function is compiled for, and only called with, that level of AVX-512.
            let simd = unsafe { $crate::kernel::simd::Avx512::assume() };
            wide::$name(simd, $($argument),*)
        }

        match $kernel.0 {
            $crate::kernel::Isa::Scalar => scalar::$name($($argument),*),
            // SAFETY: `Kernel::available` made this value after the CPU reported these instructions.
            #[cfg(target_arch = "x86_64")]
            $crate::kernel::Isa::Avx2 => unsafe { avx2($($argument),*) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            $crate::kernel::Isa::Avx512 => unsafe { avx512($($argument),*) },
        }
    }};
}
use dispatch;
