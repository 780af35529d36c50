//! How often bytes follow each other in text: source code and logs.
//!
//! Only speed depends on these figures. Bytes are not independent: after a digit every second byte is
//! one. So the figures are those of a chain of seven kinds of bytes, and within a kind each byte has its
//! share; more than its share after another byte, unless it is a digit, because text is made of words.

use tamis_engine::kernel::ByteSet;

/// How many of 2^20 bytes are this ASCII byte, in 120 MB of source code and 40 MB of logs.
#[rustfmt::skip]
const ASCII: [u32; 128] = [
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1688, 24705, 1, 1, 69, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    177765, 1111, 20100, 2710, 408, 223, 1234, 3029, 10514, 10515, 4372, 1584, 13601, 7643, 15524, 16950,
    20990, 17707, 14913, 9318, 9068, 8351, 7440, 5678, 6328, 5623, 20812, 5330, 1361, 4673, 2210, 425,
    162, 5957, 1928, 5343, 3452, 8095, 2729, 2959, 2512, 5649, 220, 1870, 4891, 3836, 6307, 6069,
    6285, 218, 5267, 9398, 10386, 2362, 1519, 1357, 1860, 848, 781, 3699, 654, 3692, 48, 24647,
    1993, 27260, 9852, 20380, 16154, 54956, 12774, 8366, 10473, 28479, 901, 4738, 21824, 12163, 28732, 29718,
    16133, 1078, 28767, 31610, 41352, 17271, 5838, 4462, 4651, 6486, 1578, 2806, 457, 2803, 46, 2,
];

/// How many of 2^20 bytes are one byte that is not ASCII, on average.
const NON_ASCII: u32 = 40;

const KINDS: usize = 7;
const DIGITS: usize = 2;

/// Small letters, capitals, digits, blanks, other printable ASCII, bytes that are not ASCII, and the rest.
fn kind(byte: u8) -> usize {
    match byte {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => DIGITS,
        b' ' | b'\t' => 3,
        b'!'..=b'~' => 4,
        0x80.. => 5,
        _ => 6,
    }
}

/// How many of 1000 bytes after a byte of one kind are of another, in the same text.
const FOLLOWING: [[u16; KINDS]; KINDS] = [
    [753, 15, 18, 85, 125, 0, 5],
    [198, 594, 24, 42, 138, 0, 4],
    [40, 15, 561, 91, 287, 0, 6],
    [233, 85, 44, 461, 176, 1, 0],
    [221, 92, 145, 175, 266, 2, 99],
    [28, 27, 1, 53, 76, 589, 226],
    [117, 36, 41, 495, 162, 66, 83],
];

/// The share of a letter after another byte is its share of all letters to this power: a letter of text
/// tells about two thirds of what letters drawn at random tell.
const SURPRISE: f64 = 0.65;

/// How many of one byte are of each kind: the sums of [`ASCII`].
const KIND_RATES: [f64; KINDS] = [0.4253, 0.0974, 0.1005, 0.1711, 0.1768, 0.0049, 0.0237];

/// At how many of 2^20 bytes.
fn count(byte: u8) -> f64 {
    f64::from(*ASCII.get(usize::from(byte)).unwrap_or(&NON_ASCII))
}

/// The share of each kind of byte that a class has.
fn shares(class: ByteSet) -> [f64; KINDS] {
    let mut shares = [0.0; KINDS];
    for byte in class.iter() {
        shares[kind(byte)] += count(byte) / f64::from(1 << 20) / KIND_RATES[kind(byte)];
    }
    shares
}

/// A sequence of classes, and how often its windows are expected in text.
pub(super) struct Rates(Vec<Chances>);

/// How likely a byte is of a class, if its kind is known.
struct Chances {
    first: [f64; KINDS],
    after_another: [f64; KINDS],
}

impl Chances {
    fn of(class: ByteSet) -> Chances {
        let first = shares(class);
        Chances {
            first,
            after_another: std::array::from_fn(|kind| match (kind, first[kind]) {
                (DIGITS, share) | (_, share @ 0.0) => share,
                (_, share) => share.powf(SURPRISE),
            }),
        }
    }
}

impl Rates {
    pub(super) fn of(classes: &[ByteSet]) -> Rates {
        Rates(classes.iter().copied().map(Chances::of).collect())
    }

    /// At how many bytes of text the window of the first, the first two, ... classes from `start` on
    /// is expected to start, of one.
    pub(super) fn from(&self, start: usize) -> impl Iterator<Item = f64> {
        let mut here: Option<[f64; KINDS]> = None;
        self.0[start..].iter().map(move |chances| {
            let now: [f64; KINDS] = std::array::from_fn(|kind| match here {
                None => KIND_RATES[kind] * chances.first[kind],
                Some(_) if chances.after_another[kind] == 0.0 => 0.0,
                Some(before) => {
                    let arriving = (0..KINDS)
                        .map(|previous| before[previous] * f64::from(FOLLOWING[previous][kind]));
                    arriving.sum::<f64>() / 1000.0 * chances.after_another[kind]
                }
            });
            here = Some(now);
            now.iter().sum()
        })
    }
}

/// The rates of plain text, faster.
pub(super) struct TextRates {
    first: [f64; 256],
    after_another: [f64; 256],
}

impl TextRates {
    pub(super) fn new() -> TextRates {
        let chances: Vec<_> = (0..=u8::MAX)
            .map(|byte| (kind(byte), Chances::of(ByteSet::of([byte]))))
            .collect();
        let of = |byte: usize| &chances[byte];
        TextRates {
            first: std::array::from_fn(|byte| {
                KIND_RATES[of(byte).0] * of(byte).1.first[of(byte).0]
            }),
            after_another: std::array::from_fn(|byte| of(byte).1.after_another[of(byte).0]),
        }
    }

    /// As [`rate`].
    pub(super) fn rate(&self, text: &[u8]) -> f64 {
        let Some((&first, rest)) = text.split_first() else {
            return 1.0;
        };
        let mut previous = first;
        let mut rate = self.first[usize::from(first)];
        for &byte in rest {
            let following = FOLLOWING[kind(previous)][kind(byte)];
            rate *= f64::from(following) / 1000.0 * self.after_another[usize::from(byte)];
            previous = byte;
        }
        rate
    }
}

/// At how many bytes of text a run of these classes is expected to start, of one.
pub(super) fn rate(classes: &[ByteSet]) -> f64 {
    Rates::of(classes).from(0).last().unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_of_a_kind_are_all_of_it() {
        let all = shares(ByteSet::of(0..=u8::MAX));
        for share in all {
            assert!((share - 1.0).abs() < 0.02, "{all:?}");
        }
    }

    #[test]
    fn rare_is_rarer_than_common() {
        let rate = |text: &str| {
            let classes: Vec<_> = text.bytes().map(|byte| ByteSet::of([byte])).collect();
            rate(&classes)
        };
        assert!(rate("zq") < rate("ee") / 100.0);
        assert!(rate("PM_RESUME") < 1e-8);
        let plain = TextRates::new().rate(b"PM_RESUME");
        assert!((plain / rate("PM_RESUME") - 1.0).abs() < 1e-6);
        let digit = ByteSet::of(b'0'..=b'9');
        // Measured in source code: one in 190.
        let digits = super::rate(&[digit; 3]);
        assert!((0.002..0.05).contains(&digits), "{digits}");
    }
}
