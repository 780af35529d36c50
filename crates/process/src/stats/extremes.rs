//! The first and the last text in the order of their bytes.
//!
//! Of a long text only the beginning is kept: what is cut off decides nothing, since cutting two texts at the same
//! length never turns their order around.

/// Bytes of a text that are kept.
const KEPT_BYTES: usize = 1024;

/// The smallest and the largest text so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Extremes {
    ends: Option<(Vec<u8>, Vec<u8>)>,
}

impl Extremes {
    /// Takes a text.
    pub(super) fn take(&mut self, text: &[u8]) {
        let text = &text[..text.len().min(KEPT_BYTES)];
        match &mut self.ends {
            None => self.ends = Some((text.to_vec(), text.to_vec())),
            Some((least, greatest)) => {
                if text < least.as_slice() {
                    replace(least, text);
                }
                if text > greatest.as_slice() {
                    replace(greatest, text);
                }
            }
        }
    }

    /// Takes those of another one.
    pub(super) fn merge(&mut self, other: &Extremes) {
        if let Some((least, greatest)) = &other.ends {
            self.take(least);
            self.take(greatest);
        }
    }

    /// Both, or nothing if there was no text.
    pub(super) fn ends(&self) -> Option<(&[u8], &[u8])> {
        let (least, greatest) = self.ends.as_ref()?;
        Some((least, greatest))
    }
}

/// Sorted input has a new maximum in every block: the buffer is used again.
fn replace(kept: &mut Vec<u8>, text: &[u8]) {
    kept.clear();
    kept.extend_from_slice(text);
}

/// Which of some texts, given with their [words](super::hash::word_at), are the smallest and the largest.
pub(super) fn find<'t>(words: &[u128], text: impl Fn(usize) -> &'t [u8]) -> Option<(usize, usize)> {
    // As a number with the first byte on top, a word is ordered like the text.
    let order = |word: u128| word.swap_bytes();
    let (mut least, mut greatest) = (0, 0);
    let first = order(*words.first()?);
    let (mut least_order, mut greatest_order) = (first, first);
    for (at, &word) in words.iter().enumerate().skip(1) {
        let this = order(word);
        if this <= least_order && (this < least_order || text(at) < text(least)) {
            (least, least_order) = (at, this);
        }
        if this >= greatest_order && (this > greatest_order || text(at) > text(greatest)) {
            (greatest, greatest_order) = (at, this);
        }
    }
    Some((least, greatest))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::hash::word_of;
    use super::*;

    proptest! {
        #[test]
        fn both_ways_find_the_ends(texts in vec(vec(prop_oneof![Just(0_u8), Just(b'a'), any::<u8>()], 0..24), 1..20)) {
            let words: Vec<u128> = texts.iter().map(|text| word_of(text)).collect();
            let (least, greatest) = find(&words, |at| &texts[at]).unwrap();
            prop_assert_eq!(texts.iter().min(), Some(&texts[least]));
            prop_assert_eq!(texts.iter().max(), Some(&texts[greatest]));
            let mut taken = Extremes::default();
            texts.iter().for_each(|text| taken.take(text));
            prop_assert_eq!(taken.ends(), Some((&*texts[least], &*texts[greatest])));
        }
    }

    #[test]
    fn long_texts_are_cut() {
        let mut long = Extremes::default();
        long.take(&[b'x'; 5000]);
        assert_eq!(long.ends().map(|(least, _)| least.len()), Some(KEPT_BYTES));
    }
}
