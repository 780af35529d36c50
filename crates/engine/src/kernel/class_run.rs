//! Runs of byte classes: `_[0-9][0-9][0-9]` somewhere in a text.
//!
//! Every byte of a block is classified once, for all classes together; each class then gives a mask
//! of the block, and the masks, shifted by their positions in the run, have a common bit where a run
//! starts. Blocks overlap by the length of a run less one, so that nothing is carried from one to the
//! next.
//!
//! A run of letters of either case, `[Ll][Oo][Cc][Kk]`, needs no tables: a block is read once for each position, and compared
//! with one byte after a bit is set in all of it. That is three to four times as fast.

use super::simd::{ByteClasses, CLASSES_MAX, Folded};
use super::{Kernel, dispatch};

/// The most positions of a [`ClassRun`].
const POSITIONS_MAX: usize = 8;

/// A set of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByteSet([u64; 4]);

impl ByteSet {
    /// No byte at all.
    pub const EMPTY: ByteSet = ByteSet([0; 4]);

    /// All these bytes.
    pub fn of(bytes: impl IntoIterator<Item = u8>) -> ByteSet {
        let mut set = ByteSet::EMPTY;
        for byte in bytes {
            set.insert(byte);
        }
        set
    }

    /// Adds a byte.
    pub fn insert(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    /// Whether `byte` is one of these.
    pub fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }

    /// The bytes of either.
    pub fn union(self, other: ByteSet) -> ByteSet {
        ByteSet(std::array::from_fn(|word| self.0[word] | other.0[word]))
    }

    /// How many these are.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes, in order.
    pub fn iter(&self) -> impl Iterator<Item = u8> {
        self.0
            .into_iter()
            .zip([0, 64, 128, 192])
            .flat_map(|(word, first)| {
                let mut rest = word;
                std::iter::from_fn(move || {
                    let byte = (rest != 0).then(|| first + rest.trailing_zeros() as u8);
                    rest &= rest.wrapping_sub(1);
                    byte
                })
            })
    }
}

/// One to several sequences of two to eight byte classes; a run is a stretch of bytes that has one of
/// them, byte by byte.
#[derive(Clone, Debug)]
pub struct ClassRun {
    classes: ByteClasses,
    sequences: Vec<[Position; POSITIONS_MAX]>,
    /// The length of the longest sequence.
    positions_max: usize,
    /// The sequence, if there is one alone and it is of letters. Past its end it is repeated.
    letters: Option<[(usize, Folded); POSITIONS_MAX]>,
}

/// One byte of a run. Past the end of a sequence its first position is repeated, which asks nothing new.
#[derive(Clone, Copy, Debug)]
struct Position {
    class: u8,
    offset: u8,
}

impl ClassRun {
    /// `None` unless there are sequences, each has two to eight classes, none of them empty, and all
    /// together have at most eight different ones.
    pub fn new(sequences: &[&[ByteSet]]) -> Option<ClassRun> {
        let mut sets: Vec<ByteSet> = Vec::new();
        let mut table = [0; 256];
        let mut placed = Vec::new();
        for sequence in sequences {
            if !(2..=POSITIONS_MAX).contains(&sequence.len()) {
                return None;
            }
            let mut positions = Vec::new();
            for (offset, set) in (0..).zip(*sequence) {
                let class = sets
                    .iter()
                    .position(|known| known == set)
                    .unwrap_or(sets.len());
                if class == CLASSES_MAX || set.is_empty() {
                    return None;
                }
                if class == sets.len() {
                    sets.push(*set);
                    set.iter()
                        .for_each(|byte| table[usize::from(byte)] |= 1 << class);
                }
                positions.push(Position {
                    class: class as u8,
                    offset,
                });
            }
            let first = positions[0];
            placed.push(std::array::from_fn(|index| {
                *positions.get(index).unwrap_or(&first)
            }));
        }
        Some(ClassRun {
            classes: ByteClasses::new(table),
            sequences: placed,
            positions_max: sequences.iter().map(|sequence| sequence.len()).max()?,
            letters: match sequences {
                [sequence] => letters(sequence),
                _ => None,
            },
        })
    }

    /// Whether a run starts at `at`.
    pub fn is_at(&self, bytes: &[u8], at: usize) -> bool {
        let has = |position: &Position| {
            bytes
                .get(at + usize::from(position.offset))
                .is_some_and(|&byte| {
                    self.classes.table[usize::from(byte)] >> position.class & 1 == 1
                })
        };
        self.sequences
            .iter()
            .any(|sequence| sequence.iter().all(has))
    }
}

/// `None` unless each class is one byte, or two that differ in one bit.
fn letters(sequence: &[ByteSet]) -> Option<[(usize, Folded); POSITIONS_MAX]> {
    let fold = |set: &ByteSet| Folded::new(set.iter());
    let folded: Vec<_> = sequence.iter().map(fold).collect::<Option<_>>()?;
    Some(std::array::from_fn(|index| {
        let offset = index % folded.len();
        (offset, folded[offset])
    }))
}

impl Kernel {
    /// Where the first run at or after `from` starts.
    pub fn find_class_run(self, run: &ClassRun, bytes: &[u8], from: usize) -> Option<usize> {
        dispatch!(self, find_class_run(run: &ClassRun, bytes: &[u8], from: usize) -> Option<usize>)
    }
}

mod scalar {
    use super::ClassRun;

    pub(super) fn find_class_run(run: &ClassRun, bytes: &[u8], from: usize) -> Option<usize> {
        (from..bytes.len()).find(|&at| run.is_at(bytes, at))
    }
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use super::{ClassRun, POSITIONS_MAX, Position};
    use crate::kernel::simd::{BLOCK_BYTES, Folded, Simd, low_bits};

    #[inline(always)]
    pub(super) fn find_class_run<S: Simd>(
        simd: S,
        run: &ClassRun,
        bytes: &[u8],
        from: usize,
    ) -> Option<usize> {
        // Unrolled for each length: a loop over the positions takes twice as long.
        match run.positions_max {
            2 => find::<S, 2>(simd, run, bytes, from),
            3 => find::<S, 3>(simd, run, bytes, from),
            4 => find::<S, 4>(simd, run, bytes, from),
            5 => find::<S, 5>(simd, run, bytes, from),
            6 => find::<S, 6>(simd, run, bytes, from),
            7 => find::<S, 7>(simd, run, bytes, from),
            _ => find::<S, POSITIONS_MAX>(simd, run, bytes, from),
        }
    }

    #[inline(always)]
    fn find<S: Simd, const POSITIONS: usize>(
        simd: S,
        run: &ClassRun,
        bytes: &[u8],
        from: usize,
    ) -> Option<usize> {
        if let Some(letters) = &run.letters {
            let letters = letters.first_chunk::<POSITIONS>()?;
            return find_letters(simd, run, letters, bytes, from);
        }
        let tables = simd.tables(&run.classes);
        let (_, is_exact) = simd.class_bits(&run.classes);
        let (first, others) = run.sequences.split_first()?;
        let first = Masks::<POSITIONS>::new(simd, run, first);
        // Further on, a long sequence may be cut off that starts before a short one.
        let stride = BLOCK_BYTES + 1 - POSITIONS;
        let mut at = from;
        while let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
            let classified = simd.classify(simd.load(block), tables);
            let mut starts = first.starts(simd, classified);
            for sequence in others {
                starts |= Masks::<POSITIONS>::new(simd, run, sequence).starts(simd, classified);
            }
            starts &= low_bits(stride);
            while starts != 0 {
                let start = at + starts.trailing_zeros() as usize;
                if is_exact || run.is_at(bytes, start) {
                    return Some(start);
                }
                starts &= starts - 1;
            }
            at += stride;
        }
        (at..bytes.len()).find(|&start| run.is_at(bytes, start))
    }

    #[inline(always)]
    fn find_letters<S: Simd, const POSITIONS: usize>(
        simd: S,
        run: &ClassRun,
        letters: &[(usize, Folded); POSITIONS],
        bytes: &[u8],
        from: usize,
    ) -> Option<usize> {
        // Most blocks have not even the first three.
        let first: &[_; 3] = run.letters.as_ref()?.first_chunk()?;
        let mut at = from;
        while let Some(window) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
            let mut starts = simd.starts_of_letters(window, first);
            if starts != 0 && POSITIONS > first.len() {
                starts &= simd.starts_of_letters(window, letters);
            }
            if starts != 0 {
                return Some(at + starts.trailing_zeros() as usize);
            }
            at += BLOCK_BYTES;
        }
        (at..bytes.len()).find(|&start| run.is_at(bytes, start))
    }

    /// The bits of the class at each position, and the position.
    struct Masks<const POSITIONS: usize>([(u8, u32); POSITIONS]);

    impl<const POSITIONS: usize> Masks<POSITIONS> {
        #[inline(always)]
        fn new<S: Simd>(simd: S, run: &ClassRun, sequence: &[Position; POSITIONS_MAX]) -> Self {
            let (bits, _) = simd.class_bits(&run.classes);
            let mut masks = [(0, 0); POSITIONS];
            for (mask, position) in masks.iter_mut().zip(sequence) {
                *mask = (
                    bits[position.class as usize % bits.len()],
                    u32::from(position.offset),
                );
            }
            Masks(masks)
        }

        #[inline(always)]
        fn starts<S: Simd>(&self, simd: S, classified: S::Block) -> u64 {
            let mut starts = !0;
            for &(bits, offset) in &self.0 {
                starts &= simd.any_bit(classified, bits) >> offset;
            }
            starts
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(sequences: &[&[ByteSet]]) -> ClassRun {
        ClassRun::new(sequences).expect("sequences of two to eight classes")
    }

    #[test]
    fn finds_the_first_of_several_sequences() {
        let digit = ByteSet::of(b'0'..=b'9');
        let lower = ByteSet::of(b'a'..=b'z');
        let run = run(&[&[ByteSet::of(*b"_"), digit, digit], &[lower, digit]]);
        for kernel in Kernel::available() {
            let find = |bytes: &[u8], from| kernel.find_class_run(&run, bytes, from);
            assert_eq!(find(b"A_1 _12 a1", 0), Some(4));
            assert_eq!(find(b"A_1 _12 a1", 5), Some(8));
            assert_eq!(find(b"A_1 _12 a1", 9), None);
            assert_eq!(find(b"_1", 0), None);
            assert_eq!(find(b"", 0), None);
        }
    }

    #[test]
    fn letters_are_found_wherever_they_stand() {
        let letter = |byte: u8| ByteSet::of([byte, byte ^ 0x20]);
        let run = run(&[&[letter(b'l'), ByteSet::of(*b"-"), letter(b'k')]]);
        assert!(run.letters.is_some());
        for kernel in Kernel::available() {
            for at in 0..200 {
                let mut text = vec![b'L'; at + 150];
                text[at..at + 3].copy_from_slice(b"l-K");
                assert_eq!(kernel.find_class_run(&run, &text, 0), Some(at), "{at}");
                assert_eq!(kernel.find_class_run(&run, &text, at + 1), None, "{at}");
                assert_eq!(kernel.find_class_run(&run, &text[..at + 3], 0), Some(at));
                assert_eq!(kernel.find_class_run(&run, &text[..at + 2], 0), None);
            }
        }
    }

    #[test]
    fn sets_give_their_bytes_in_order() {
        for bytes in [&[][..], &[0], &[63, 64, 128, 255]] {
            let set = ByteSet::of(bytes.iter().rev().copied());
            assert_eq!(set.iter().collect::<Vec<_>>(), bytes);
            assert_eq!((set.len(), set.is_empty()), (bytes.len(), bytes.is_empty()));
        }
        assert_eq!(ByteSet::of(0..=u8::MAX).iter().count(), 256);
    }

    #[test]
    fn too_many_classes_are_refused() {
        let sets: Vec<_> = (0..9).map(|byte| ByteSet::of([byte])).collect();
        assert!(ClassRun::new(&[&sets[..8]]).is_some());
        assert!(ClassRun::new(&[&sets[..5], &sets[5..]]).is_none());
        assert!(ClassRun::new(&[&sets[..1]]).is_none());
        assert!(ClassRun::new(&[&[sets[0], ByteSet::EMPTY]]).is_none());
        assert!(ClassRun::new(&[]).is_none());
    }
}
