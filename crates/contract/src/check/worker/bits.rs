//! Sets of rows of a block: one bit a row, in words of 64.

/// Calls `visit` with the index of every set bit, ascending.
pub(in crate::check) fn for_each_bit(words: &[u64], mut visit: impl FnMut(usize)) {
    for (index, &word) in words.iter().enumerate() {
        let mut left = word;
        while left != 0 {
            visit(index * 64 + left.trailing_zeros() as usize);
            left &= left - 1;
        }
    }
}

/// The index of the first set bit.
pub(super) fn first_bit(words: &[u64]) -> Option<usize> {
    let index = words.iter().position(|&word| word != 0)?;
    Some(index * 64 + words[index].trailing_zeros() as usize)
}
