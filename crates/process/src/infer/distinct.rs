//! The distinct values of a column, as long as they are few.

/// More values than this are no list anybody would maintain, unless somebody says so.
pub(super) const VALUES_MAX_DEFAULT: usize = 20;

/// The most values that can be asked for: each value is compared with all of them.
pub(super) const VALUES_MAX_LIMIT: usize = 1000;

/// A longer value is prose and no code.
const VALUE_BYTES_MAX: usize = 64;

/// A small set of texts. One text too many, or too long, and it is [`Distinct::Many`] for good: whether that
/// happens depends on the values alone, not on their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Distinct {
    /// All values, in the order of their first appearance.
    Few(Vec<Known>),
    /// Too many to list.
    Many,
}

/// A value, behind its first bytes: these tell most values apart without a look at the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    start: u64,
    text: Box<[u8]>,
}

impl Default for Distinct {
    fn default() -> Distinct {
        Distinct::Few(Vec::new())
    }
}

impl Distinct {
    /// Adds a value to at most `values_max`.
    #[inline]
    pub(super) fn insert(&mut self, value: &[u8], values_max: usize) {
        let Distinct::Few(values) = self else { return };
        let start = start_of(value);
        let is_same = |known: &Known| {
            let is_whole = value.len() <= 8 && known.text.len() == value.len();
            known.start == start && (is_whole || *known.text == *value)
        };
        if values.iter().any(is_same) {
            return;
        }
        if values.len() >= values_max || value.len() > VALUE_BYTES_MAX {
            *self = Distinct::Many;
        } else {
            values.push(Known {
                start,
                text: value.into(),
            });
        }
    }

    /// Adds the values of `other`, which come later.
    pub(super) fn merge(&mut self, other: Distinct, values_max: usize) {
        match other {
            Distinct::Many => *self = Distinct::Many,
            Distinct::Few(values) => values
                .iter()
                .for_each(|value| self.insert(&value.text, values_max)),
        }
    }

    /// The values in the order of their bytes; `None` if they are too many.
    pub(super) fn sorted(&self) -> Option<Vec<String>> {
        let Distinct::Few(values) = self else {
            return None;
        };
        let mut texts: Vec<String> = values
            .iter()
            .map(|value| String::from_utf8_lossy(&value.text).into_owned())
            .collect();
        texts.sort();
        Some(texts)
    }
}

/// The first eight bytes, or all there are.
#[inline]
fn start_of(value: &[u8]) -> u64 {
    match value.first_chunk() {
        Some(start) => u64::from_le_bytes(*start),
        None => value
            .iter()
            .rev()
            .fold(0, |word, &byte| word << 8 | u64::from(byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_is_small_or_gives_up() {
        let mut few = Distinct::default();
        for text in ["b", "a", "b"] {
            few.insert(text.as_bytes(), 20);
        }
        assert_eq!(few.sorted(), Some(vec!["a".to_owned(), "b".to_owned()]));

        for text in ["a\0", "12345678", "123456789", "123456780"] {
            few.insert(text.as_bytes(), 20);
        }
        assert_eq!(few.sorted().map(|values| values.len()), Some(6));
        let mut many = few.clone();
        (0..20).for_each(|number| many.insert(number.to_string().as_bytes(), 20));
        assert_eq!(many.sorted(), None);
        few.merge(many, 20);
        assert_eq!(few, Distinct::Many);

        let mut long = Distinct::default();
        long.insert(&[b'x'; VALUE_BYTES_MAX + 1], 20);
        assert_eq!(long, Distinct::Many);
    }
}
