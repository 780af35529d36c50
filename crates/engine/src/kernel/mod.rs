//! The SIMD loops, one signature each, with a scalar specification.
//!
//! A [`Kernel`] value proves that the CPU has the instructions; detect it once, pass it down, call
//! it once per chunk or per column of a block, and the dispatch costs nothing.

/// The instruction set the byte kernels run on. Holding one proves the CPU has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel(());

/// One column of a block: where the field of each row lies in `bytes`.
///
/// Row `r` spans `index[first + r * stride] + 1 .. index[first + r * stride + 1]` (wrapping: an index of
/// `u32::MAX` stands for "just before byte 0"). For CSV `index` holds every separator and terminator of the
/// block, `first` the column and `stride` the number of columns; for JSON it holds pairs (start - 1, end).
#[derive(Clone, Copy, Debug)]
pub struct Spans<'a> {
    /// The bytes the index points into.
    pub bytes: &'a [u8],
    /// Offsets into `bytes`.
    pub index: &'a [u32],
    /// Entry of row 0.
    pub first: usize,
    /// Entries from one row to the next.
    pub stride: usize,
    /// Number of rows.
    pub rows: usize,
    /// The field may end in a `\r` that belongs to the terminator (last column of a CRLF file): a trailing `\r` is cut off.
    pub trim_cr: bool,
}
