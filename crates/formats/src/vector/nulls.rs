//! Texts that stand for null.

use super::Type;
use crate::value::COMMON_NULLS;

/// Which texts of a CSV field stand for null, beside the empty one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nulls {
    texts: Vec<String>,
    /// Somebody said so: then they are null in text columns too.
    are_declared: bool,
    len_bytes_max: usize,
    /// None of them could be a value of another type than text: no `-1`, no `1900-01-01`.
    pub(super) are_no_values: bool,
}

impl Nulls {
    /// The common ones.
    pub fn common() -> Nulls {
        Nulls::new(COMMON_NULLS.map(str::to_owned).to_vec(), false)
    }

    /// Exactly these.
    pub fn declared(texts: Vec<String>) -> Nulls {
        Nulls::new(texts, true)
    }

    fn new(texts: Vec<String>, are_declared: bool) -> Nulls {
        Nulls {
            len_bytes_max: texts.iter().map(String::len).max().unwrap_or(0),
            are_no_values: texts.iter().all(|text| {
                let is_text = |point| Type::of_text(text.as_bytes(), point) == Type::Text;
                text.is_empty() || is_text(b'.') && is_text(b',')
            }),
            texts,
            are_declared,
        }
    }

    /// How long a null of a text column is at most.
    pub(super) fn text_len_max(&self) -> usize {
        if self.are_declared {
            self.len_bytes_max
        } else {
            0
        }
    }

    /// Whether `text` is null in a column of that type.
    #[inline]
    pub fn is_null(&self, text: &[u8], ty: Type) -> bool {
        text.is_empty()
            || text.len() <= self.len_bytes_max
                && (self.are_declared || ty != Type::Text)
                && self.texts.iter().any(|null| null.as_bytes() == text)
    }
}
