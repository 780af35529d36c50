//! What differs between the instruction sets: 64 bytes at a time, as 64-bit masks.
//!
//! A value of a type that implements [`Simd`] is a proof that the CPU has the instructions, which
//! is why its methods are safe. The methods are `#[inline(always)]`: only inside a function
//! compiled for the instruction set do they become single instructions (see `dispatch!`).

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod classes;

pub(super) use classes::{ByteClasses, CLASSES_MAX, Folded};
#[cfg(target_arch = "x86_64")]
pub(super) use {avx2::Avx2, avx512::Avx512};

use std::mem::MaybeUninit;

/// Bytes in a block: one bit of a `u64` mask for each.
pub(super) const BLOCK_BYTES: usize = 64;

/// A block and the bytes behind it that may be asked for together with its last one.
pub(super) const WINDOW_BYTES: usize = BLOCK_BYTES + 7;

/// One instruction set. Bit `i` of a mask speaks of byte `i` of a block.
pub(super) trait Simd: Copy {
    /// 64 bytes in registers.
    type Block: Copy;

    /// The tables of a [`ByteClasses`] in registers.
    type Tables: Copy;

    /// Reads a block.
    fn load(self, bytes: &[u8; BLOCK_BYTES]) -> Self::Block;

    /// Which bytes equal `byte`.
    fn equal(self, block: Self::Block, byte: u8) -> u64;

    /// Which bytes are at most `byte`, as unsigned numbers.
    fn at_most(self, block: Self::Block, byte: u8) -> u64;

    /// Which bytes are not ASCII.
    fn non_ascii(self, block: Self::Block) -> u64;

    /// Which bytes start a character, i.e. are not UTF-8 continuation bytes (`0b10xx_xxxx`).
    fn char_starts(self, block: Self::Block) -> u64;

    /// Reads the tables that [`classify`](Self::classify) looks bytes up in.
    fn tables(self, classes: &ByteClasses) -> Self::Tables;

    /// For each byte the classes it may be of, as the bits of [`class_bits`](Self::class_bits).
    fn classify(self, block: Self::Block, tables: Self::Tables) -> Self::Block;

    /// The bits that stand for each class, and whether a byte that has one of them is of the class for
    /// certain.
    fn class_bits(self, classes: &ByteClasses) -> (&[u8; CLASSES_MAX], bool);

    /// Which bytes have one of `bits`.
    fn any_bit(self, block: Self::Block, bits: u8) -> u64;

    /// Where in the block that `window` starts with all `letters` are found, each at its offset, which is 7 at most.
    fn starts_of_letters<const COUNT: usize>(
        self,
        window: &[u8; WINDOW_BYTES],
        letters: &[(usize, Folded); COUNT],
    ) -> u64;

    /// Bit `i` of the result is the parity of bits `0..=i` of `mask`.
    fn prefix_xor(self, mask: u64) -> u64;

    /// Writes `base + i` for every set bit `i` of `mask`, in order, and returns how many these are.
    ///
    /// Entries past the returned count are left in any state.
    fn flatten(self, mask: u64, base: u32, out: &mut [MaybeUninit<u32>; BLOCK_BYTES]) -> usize;

    /// Smallest and largest number of `values` and of the pair given; NaN is skipped.
    fn min_max(self, values: &[f64], so_far: (f64, f64)) -> (f64, f64);
}

/// The whole blocks of `bytes`, and the rest copied into a block that ends in zeros.
#[inline(always)]
pub(super) fn blocks(bytes: &[u8]) -> (&[[u8; BLOCK_BYTES]], [u8; BLOCK_BYTES], usize) {
    let (blocks, rest) = bytes.as_chunks::<BLOCK_BYTES>();
    let mut last = [0; BLOCK_BYTES];
    last[..rest.len()].copy_from_slice(rest);
    (blocks, last, rest.len())
}

/// The lowest `count` bits, for `count <= 64`.
#[inline(always)]
pub(super) fn low_bits(count: usize) -> u64 {
    debug_assert!(count <= BLOCK_BYTES);
    if count == BLOCK_BYTES {
        !0
    } else {
        (1 << count) - 1
    }
}
