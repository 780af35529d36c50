//! The memo column: mostly empty, sometimes a plain text, and one row in ten a text that CSV must quote.
//!
//! The texts are written once, plainly, and encoded for both formats when the generator starts.

use super::encode;

/// Texts that CSV writes as they are.
const PLAIN: [&str; 8] = [
    "rent",
    "invoice 2025",
    "refund",
    "café",
    "coffee",
    "salary March",
    "birthday gift",
    "order no 7",
];

/// Texts with commas, quotes and line ends, which CSV must quote.
const AWKWARD: [&str; 8] = [
    "rent, March and April",
    "the \"good\" chairs",
    "two lines:\nhere is the second",
    "\"quoted\"",
    "bike, blue\n26\" wheels, \"as new\"",
    "1,5 kg of tea",
    "thanks!\n\nSee you, Zoë",
    "ends in a quote\"",
];

/// Of 65,536 rows, those with an awkward memo: 10 %.
const AWKWARD_SHARE: u16 = 6_554;

/// Of 65,536 rows, those with a plain memo: 20 %.
const PLAIN_SHARE: u16 = 13_107;

/// The memos, encoded for one format.
#[derive(Debug)]
pub(super) struct Memos {
    none: Vec<u8>,
    plain: Vec<Vec<u8>>,
    awkward: Vec<Vec<u8>>,
}

impl Memos {
    /// The memos as fields of a CSV file.
    pub(super) fn csv() -> Self {
        Self::encoded(Vec::new(), encode::csv_field)
    }

    /// The memos as JSON values.
    pub(super) fn json() -> Self {
        Self::encoded(b"null".to_vec(), encode::json_string)
    }

    fn encoded(none: Vec<u8>, encode: fn(&str) -> Vec<u8>) -> Self {
        let all = |texts: &[&str]| texts.iter().map(|text| encode(text)).collect();
        Self {
            none,
            plain: all(&PLAIN),
            awkward: all(&AWKWARD),
        }
    }

    /// The encoded memo of a row that drew `bits`.
    pub(super) fn choose(&self, bits: u16) -> &[u8] {
        if bits < AWKWARD_SHARE {
            &self.awkward[bits as usize % AWKWARD.len()]
        } else if bits < AWKWARD_SHARE + PLAIN_SHARE {
            &self.plain[bits as usize % PLAIN.len()]
        } else {
            &self.none
        }
    }
}
