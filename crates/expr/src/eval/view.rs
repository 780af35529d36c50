//! Operands as the loops see them: a slice, or one value for all rows; and the loops that all steps share.

use tamis_formats::vector::{Texts, Values, Vector};

use crate::program::Scalar;

/// The values of an operand.
#[derive(Clone, Copy)]
pub(super) struct View<'v> {
    pub(super) presence: Presence<'v>,
    /// Empty, or a bit for each row.
    pub(super) failed: &'v [u64],
    pub(super) data: Data<'v>,
}

/// Which rows have a value.
#[derive(Clone, Copy)]
pub(super) enum Presence<'v> {
    All,
    None,
    Bits(&'v [u64]),
}

#[derive(Clone, Copy)]
pub(super) enum Data<'v> {
    /// No row has a value.
    Null,
    Bits(&'v [u64]),
    Integers(&'v [i64]),
    Numbers(&'v [f64]),
    Texts(&'v Texts, &'v [u8]),
    Scalar(&'v Scalar),
}

/// Numbers of one kind: one for each row, or one for all.
#[derive(Clone, Copy)]
pub(super) enum Lane<'v, T> {
    Rows(&'v [T]),
    One(T),
}

/// Texts: one for each row, or one for all.
#[derive(Clone, Copy)]
pub(super) enum TextLane<'v> {
    Rows(&'v Texts, &'v [u8]),
    One(&'v [u8]),
}

impl<'v> View<'v> {
    pub(super) fn of(vector: &'v Vector, bytes: &'v [u8], failed: &'v [u64]) -> View<'v> {
        let data = match &vector.values {
            Values::Null => Data::Null,
            Values::Boolean(bits) => Data::Bits(bits),
            Values::Integer(values)
            | Values::Date(values)
            | Values::Time(values)
            | Values::Timestamp(values) => Data::Integers(values),
            Values::Number(values) => Data::Numbers(values),
            Values::Text(texts) => Data::Texts(texts, bytes),
        };
        View {
            presence: Presence::Bits(&vector.present),
            failed,
            data,
        }
    }

    pub(super) fn constant(scalar: &'v Scalar) -> View<'v> {
        View {
            presence: match scalar {
                Scalar::Null => Presence::None,
                _ => Presence::All,
            },
            failed: &[],
            data: Data::Scalar(scalar),
        }
    }
}

impl Presence<'_> {
    /// The bits of 64 rows. Behind the last row of all they are anything.
    #[inline]
    pub(super) fn word(self, index: usize) -> u64 {
        match self {
            Presence::All => u64::MAX,
            Presence::None => 0,
            Presence::Bits(bits) => bits[index],
        }
    }

    /// Takes away the rows that have no value.
    pub(super) fn restrict(self, rows: &mut [u64]) {
        match self {
            Presence::All => {}
            Presence::None => rows.fill(0),
            Presence::Bits(bits) => rows
                .iter_mut()
                .zip(bits)
                .for_each(|(row, bits)| *row &= bits),
        }
    }
}

impl<'v> Data<'v> {
    /// 64 truth values.
    #[inline]
    pub(super) fn bits(self, index: usize) -> u64 {
        match self {
            Data::Bits(bits) => bits[index],
            Data::Scalar(Scalar::Boolean(true)) => u64::MAX,
            Data::Scalar(Scalar::Boolean(false) | Scalar::Null) | Data::Null => 0,
            _ => panic!("the checker saw a boolean here"),
        }
    }

    pub(super) fn integers(self) -> Lane<'v, i64> {
        match self {
            Data::Integers(values) => Lane::Rows(values),
            Data::Scalar(Scalar::Integer(value)) => Lane::One(*value),
            Data::Scalar(Scalar::Null) | Data::Null => Lane::One(0),
            _ => panic!("the checker saw an integer or a moment here"),
        }
    }

    pub(super) fn numbers(self) -> Lane<'v, f64> {
        match self {
            Data::Numbers(values) => Lane::Rows(values),
            Data::Scalar(Scalar::Number(value)) => Lane::One(*value),
            Data::Scalar(Scalar::Null) | Data::Null => Lane::One(0.0),
            _ => panic!("the checker saw a number here"),
        }
    }

    pub(super) fn texts(self) -> TextLane<'v> {
        match self {
            Data::Texts(texts, bytes) => TextLane::Rows(texts, bytes),
            Data::Scalar(Scalar::Text(text)) => TextLane::One(text),
            Data::Scalar(Scalar::Null) | Data::Null => TextLane::One(b""),
            _ => panic!("the checker saw a text here"),
        }
    }
}

impl<'v> TextLane<'v> {
    /// The text of a row; of one without a value, any.
    #[inline]
    pub(super) fn get(self, row: usize) -> &'v [u8] {
        match self {
            TextLane::Rows(texts, bytes) => texts.get(row, bytes),
            TextLane::One(text) => text,
        }
    }
}

impl<T: Copy> Lane<'_, T> {
    #[inline]
    pub(super) fn get(self, row: usize) -> T {
        match self {
            Lane::Rows(values) => values[row],
            Lane::One(value) => value,
        }
    }
}

/// A bit for each of so many rows, zeros behind the last.
pub(super) fn ones(rows: usize, out: &mut Vec<u64>) {
    out.clear();
    out.resize(rows.div_ceil(64), u64::MAX);
    if let Some(last) = out.last_mut().filter(|_| !rows.is_multiple_of(64)) {
        *last = (1 << (rows % 64)) - 1;
    }
}

/// Adds bits; either may be empty for none.
pub(super) fn union(bits: &mut Vec<u64>, more: &[u64]) {
    if bits.is_empty() {
        bits.extend_from_slice(more);
    } else {
        bits.iter_mut()
            .zip(more)
            .for_each(|(bits, more)| *bits |= more);
    }
}

/// 64 flags as bits, the first the lowest. Eight at a time: the product brings the lowest bits of eight bytes together.
#[inline]
fn word_of(flags: &[u8; 64]) -> u64 {
    let mut word = 0;
    for (index, eight) in flags.as_chunks::<8>().0.iter().enumerate() {
        let bits = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        word |= bits << (8 * index);
    }
    word
}

/// Appends a bit for each row.
pub(super) fn pack<A: Copy>(
    values: Lane<'_, A>,
    rows: usize,
    out: &mut Vec<u64>,
    test: impl Fn(A) -> bool,
) {
    match values {
        Lane::Rows(values) => {
            let (chunks, rest) = values[..rows].as_chunks::<64>();
            let mut flags = [0; 64];
            for chunk in chunks {
                for (flag, &value) in flags.iter_mut().zip(chunk) {
                    *flag = u8::from(test(value));
                }
                out.push(word_of(&flags));
            }
            if !rest.is_empty() {
                let bits = rest
                    .iter()
                    .enumerate()
                    .map(|(bit, &value)| u64::from(test(value)) << bit);
                out.push(bits.fold(0, |word, bit| word | bit));
            }
        }
        Lane::One(value) => {
            ones(rows, out);
            if !test(value) {
                out.fill(0);
            }
        }
    }
}

/// Appends a bit for each row, of two operands.
pub(super) fn pack_two<A: Copy, B: Copy>(
    left: Lane<'_, A>,
    right: Lane<'_, B>,
    rows: usize,
    out: &mut Vec<u64>,
    test: impl Fn(A, B) -> bool,
) {
    match (left, right) {
        (left, Lane::One(right)) => pack(left, rows, out, |left| test(left, right)),
        (Lane::One(left), right) => pack(right, rows, out, |right| test(left, right)),
        (Lane::Rows(left), Lane::Rows(right)) => {
            let (chunks, rest) = left[..rows].as_chunks::<64>();
            let (other_chunks, other_rest) = right[..rows].as_chunks::<64>();
            let mut flags = [0; 64];
            for (chunk, other) in chunks.iter().zip(other_chunks) {
                for ((flag, &left), &right) in flags.iter_mut().zip(chunk).zip(other) {
                    *flag = u8::from(test(left, right));
                }
                out.push(word_of(&flags));
            }
            if !rest.is_empty() {
                let pairs = rest.iter().zip(other_rest).enumerate();
                let bits = pairs.map(|(bit, (&left, &right))| u64::from(test(left, right)) << bit);
                out.push(bits.fold(0, |word, bit| word | bit));
            }
        }
    }
}

/// Appends a value for each row.
pub(super) fn map<A: Copy, O: Copy>(
    values: Lane<'_, A>,
    rows: usize,
    out: &mut Vec<O>,
    of: impl Fn(A) -> O,
) {
    match values {
        Lane::Rows(values) => out.extend(values[..rows].iter().map(|&value| of(value))),
        Lane::One(value) => out.resize(out.len() + rows, of(value)),
    }
}

/// Appends a value for each row, of two operands.
pub(super) fn map_two<A: Copy, B: Copy, O: Copy>(
    left: Lane<'_, A>,
    right: Lane<'_, B>,
    rows: usize,
    out: &mut Vec<O>,
    of: impl Fn(A, B) -> O,
) {
    match (left, right) {
        (left, Lane::One(right)) => map(left, rows, out, |left| of(left, right)),
        (Lane::One(left), right) => map(right, rows, out, |right| of(left, right)),
        (Lane::Rows(left), Lane::Rows(right)) => {
            let pairs = left[..rows].iter().zip(&right[..rows]);
            out.extend(pairs.map(|(&left, &right)| of(left, right)));
        }
    }
}

/// Appends a value for each row, and a bit that says whether there is none.
pub(super) fn try_map<A: Copy, O: Copy>(
    values: Lane<'_, A>,
    rows: usize,
    out: &mut Vec<O>,
    bad: &mut Vec<u64>,
    of: impl Fn(A) -> (O, bool),
) {
    match values {
        Lane::Rows(values) => try_map_rows(&values[..rows], out, bad, of),
        Lane::One(value) => try_fill(of(value), rows, out, bad),
    }
}

/// As [`try_map`], of two operands.
pub(super) fn try_map_two<A: Copy, B: Copy, O: Copy>(
    left: Lane<'_, A>,
    right: Lane<'_, B>,
    rows: usize,
    out: &mut Vec<O>,
    bad: &mut Vec<u64>,
    of: impl Fn(A, B) -> (O, bool),
) {
    match (left, right) {
        (Lane::Rows(left), Lane::One(right)) => {
            try_map_rows(&left[..rows], out, bad, |left| of(left, right));
        }
        (Lane::One(left), Lane::Rows(right)) => {
            try_map_rows(&right[..rows], out, bad, |right| of(left, right));
        }
        (Lane::One(left), Lane::One(right)) => try_fill(of(left, right), rows, out, bad),
        (Lane::Rows(left), Lane::Rows(right)) => {
            for (left, right) in left[..rows].chunks(64).zip(right[..rows].chunks(64)) {
                let mut word = 0;
                let pairs = left.iter().zip(right).enumerate();
                out.extend(pairs.map(|(bit, (&left, &right))| {
                    let (value, is_bad) = of(left, right);
                    word |= u64::from(is_bad) << bit;
                    value
                }));
                bad.push(word);
            }
        }
    }
}

fn try_map_rows<A: Copy, O: Copy>(
    values: &[A],
    out: &mut Vec<O>,
    bad: &mut Vec<u64>,
    of: impl Fn(A) -> (O, bool),
) {
    for chunk in values.chunks(64) {
        let mut word = 0;
        out.extend(chunk.iter().enumerate().map(|(bit, &value)| {
            let (value, is_bad) = of(value);
            word |= u64::from(is_bad) << bit;
            value
        }));
        bad.push(word);
    }
}

fn try_fill<O: Copy>(
    (value, is_bad): (O, bool),
    rows: usize,
    out: &mut Vec<O>,
    bad: &mut Vec<u64>,
) {
    out.resize(out.len() + rows, value);
    ones(rows, bad);
    if !is_bad {
        bad.fill(0);
    }
}

/// Takes the rows away that a loop could not compute, and notes them as failed. What it says of rows without a value is
/// nothing.
pub(super) fn fail(bad: &[u64], present: &mut [u64], failed: &mut Vec<u64>) {
    let is_any = bad
        .iter()
        .zip(&*present)
        .any(|(bad, present)| bad & present != 0);
    if !is_any {
        return;
    }
    if failed.is_empty() {
        failed.resize(present.len(), 0);
    }
    for ((bad, present), failed) in bad.iter().zip(present).zip(failed) {
        *failed |= bad & *present;
        *present &= !bad;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_become_bits_in_order() {
        for seed in 0..64_u32 {
            let expected = 0x9E37_79B9_7F4A_7C15_u64.rotate_left(seed);
            let flags: [u8; 64] = std::array::from_fn(|bit| (expected >> bit & 1) as u8);
            assert_eq!(word_of(&flags), expected);
        }
    }

    #[test]
    fn rows_behind_the_last_have_no_bit() {
        let mut out = Vec::new();
        for (rows, last) in [(0, None), (1, Some(1)), (64, Some(u64::MAX)), (65, Some(1))] {
            ones(rows, &mut out);
            assert_eq!(out.last().copied(), last, "{rows}");
        }
        let values: Vec<i64> = (0..130).collect();
        out.clear();
        pack(Lane::Rows(&values), 130, &mut out, |value| value % 3 == 0);
        assert_eq!(out.len(), 3);
        assert_eq!(out[2], 0b10);
    }
}
