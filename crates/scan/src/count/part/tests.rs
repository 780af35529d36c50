//! Counts do not depend on where a text is cut, nor on the kernel, and are those of a plain loop.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::count::character::BYTES_MAX;

/// Text in which everything that matters is common, broken characters included.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        4 => "[a-z]{1,9}".prop_map(String::into_bytes),
        4 => select(vec![&b" "[..], b"\n", b"\t", b"\r\n", b"\x0c", b"\x0b", b"\t\t", b"\0", b"\x01", b"\x7f"])
            .prop_map(<[u8]>::to_vec),
        3 => select(vec!["é", "界面", "\u{a0}", "\u{3000}", "\u{301}", "\u{2028}", "😀", "\u{378}", "\u{2003}"])
            .prop_map(|text| text.as_bytes().to_vec()),
        2 => select(vec![&b"\xff"[..], b"\xe2\x82", b"\x80", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xc0\x80"])
            .prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 0..8),
        1 => Just(vec![b'x'; 90]),
    ];
    vec(word, 0..60).prop_map(|words| words.concat())
}

/// The counts of a loop over the characters, one after the other.
fn plain(bytes: &[u8]) -> Counts {
    let mut counts = Counts {
        bytes: bytes.len() as u64,
        ..Counts::default()
    };
    let (mut column, mut in_word) = (0, false);
    for number in (Characters { bytes, at: 0 }).flatten() {
        counts.chars += 1;
        counts.lines += u64::from(number == 0x0A);
        let character = Character::of(number);
        let is_break = matches!(number, 0x0A | 0x0C | 0x0D);
        let is_space = character.is_space() || matches!(number, 0x09..=0x0D | 0x20);
        counts.longest_line = counts.longest_line.max(column);
        column = match number {
            _ if is_break => 0,
            0x09 => (column / 8 + 1) * 8,
            _ => column + character.width(),
        };
        if is_space {
            in_word = false;
        } else if character.is_of_word() {
            counts.words += u64::from(!in_word);
            in_word = true;
        }
    }
    counts.longest_line = counts.longest_line.max(column);
    counts
}

fn counted(bytes: &[u8], cuts: &[usize], kernel: Kernel) -> Counts {
    let mut scanner = Scanner::new(Wanted::ALL, kernel);
    let mut tally = Tally::default();
    for pair in cuts.windows(2) {
        let around = pair[0].saturating_sub(BYTES_MAX)..(pair[1] + BYTES_MAX).min(bytes.len());
        let owned = pair[0] - around.start..pair[1] - around.start;
        tally.add(&scanner.scan(&bytes[around], owned));
    }
    tally.finish()
}

proptest! {
    #[test]
    fn cuts_change_nothing(bytes in text(), mut cuts in vec(any::<prop::sample::Index>(), 0..20)) {
        let expected = plain(&bytes);
        let mut cuts: Vec<usize> = cuts.drain(..).map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let everywhere: Vec<usize> = (0..=bytes.len()).collect();
        for kernel in Kernel::available() {
            prop_assert_eq!(counted(&bytes, &[0, bytes.len()], kernel), expected, "{:?}", kernel);
            prop_assert_eq!(counted(&bytes, &cuts, kernel), expected, "{:?} {:?}", kernel, cuts);
            prop_assert_eq!(counted(&bytes, &everywhere, kernel), expected, "{:?}", kernel);
        }
    }
}

#[test]
fn pieces_of_a_long_text_fit_together() {
    // Characters lie across the ends of pieces of every size.
    let mut bytes = "é\t€ 😀x".repeat(9_000).into_bytes();
    bytes.insert(0, b'a');
    let expected = plain(&bytes);
    let found = counted(&bytes, &[0, 1, bytes.len()], Kernel::detect());
    assert_eq!(found, expected);
}
