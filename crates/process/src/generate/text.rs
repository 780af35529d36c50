//! Short texts written by hand: digits from a table, no formatting machinery.
//!
//! A row is six of these. `format!` would cost more than everything else in the generator together.

/// A text of at most 24 bytes, held in place. Empty stands for a field without a value.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Text {
    bytes: [u8; CAPACITY],
    len: usize,
}

/// The longest text: an account id that is too long.
pub(super) const CAPACITY: usize = 24;

impl Text {
    /// The bytes of the text.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Whether there is no value.
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends `bytes`, which must fit.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// Appends `value` (below 100) as two digits.
    pub(super) fn push_pair(&mut self, value: u32) {
        self.push(&PAIRS[value as usize]);
    }

    /// Appends `value` without leading zeros.
    pub(super) fn push_number(&mut self, mut value: u32) {
        let mut digits = [0; 10];
        let mut start = digits.len();
        loop {
            start -= 1;
            digits[start] = b'0' + (value % 10) as u8;
            value /= 10;
            if value == 0 {
                break;
            }
        }
        self.push(&digits[start..]);
    }

    /// Appends `value` (below 10^10) as ten digits.
    pub(super) fn push_ten_digits(&mut self, value: u64) {
        let (high, low) = ((value / 100_000) as u32, (value % 100_000) as u32);
        for five in [high, low] {
            self.push(&[b'0' + (five / 10_000) as u8]);
            self.push_pair(five / 100 % 100);
            self.push_pair(five % 100);
        }
    }

    /// Cuts the text to its first `len` bytes.
    pub(super) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }
}

/// `00` to `99`.
static PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut value = 0;
    while value < 100 {
        pairs[value] = [b'0' + (value / 10) as u8, b'0' + (value % 10) as u8];
        value += 1;
    }
    pairs
};

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Text)) -> String {
        let mut text = Text::default();
        write(&mut text);
        String::from_utf8(text.as_bytes().to_vec()).expect("digits are ASCII")
    }

    #[test]
    fn numbers_are_written_as_format_writes_them() {
        for value in [0, 9, 10, 99, 100, 12_345, 1_000_000, u32::MAX] {
            assert_eq!(written(|text| text.push_number(value)), value.to_string());
        }
        for value in [0, 7, 99_999, 100_000, 1_234_567_890, 9_999_999_999] {
            assert_eq!(
                written(|text| text.push_ten_digits(value)),
                format!("{value:010}")
            );
        }
    }
}
