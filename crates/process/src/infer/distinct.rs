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
    Few(Vec<Box<[u8]>>),
    /// Too many to list.
    Many,
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
        if values.iter().any(|known| **known == *value) {
            return;
        }
        if values.len() >= values_max || value.len() > VALUE_BYTES_MAX {
            *self = Distinct::Many;
        } else {
            values.push(value.into());
        }
    }

    /// Adds the values of `other`, which come later.
    pub(super) fn merge(&mut self, other: Distinct, values_max: usize) {
        match other {
            Distinct::Many => *self = Distinct::Many,
            Distinct::Few(values) => values
                .iter()
                .for_each(|value| self.insert(value, values_max)),
        }
    }

    /// The values in the order of their bytes; `None` if they are too many.
    pub(super) fn sorted(&self) -> Option<Vec<String>> {
        let Distinct::Few(values) = self else {
            return None;
        };
        let mut texts: Vec<String> = values
            .iter()
            .map(|value| String::from_utf8_lossy(value).into_owned())
            .collect();
        texts.sort();
        Some(texts)
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
