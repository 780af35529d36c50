//! Base64 (RFC 4648 §4) read back.

/// The bytes that `text` stands for, with its padding; `None` if it is no base64.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let padding = text.iter().rev().take_while(|&&it| it == b'=').count();
    if padding > 2 {
        return None;
    }
    let digits = &text[..text.len() - padding];
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    for four in digits.chunks(4) {
        let mut bits = 0;
        for (at, &digit) in four.iter().enumerate() {
            bits |= value(digit)? << (18 - 6 * at);
        }
        let len = four.len() * 3 / 4;
        let all = bits.to_be_bytes();
        bytes.extend_from_slice(&all[1..=len]);
        // Bits that stand for nothing are not set.
        if all[len + 1..].iter().any(|&byte| byte != 0) {
            return None;
        }
    }
    Some(bytes)
}

fn value(digit: u8) -> Option<u32> {
    Some(match digit {
        b'A'..=b'Z' => u32::from(digit - b'A'),
        b'a'..=b'z' => u32::from(digit - b'a') + 26,
        b'0'..=b'9' => u32::from(digit - b'0') + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use tamis_scan::names::base64;

    use super::*;

    #[test]
    fn what_was_encoded_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        for len in 0..all.len() {
            let bytes = &all[255 - len..];
            assert_eq!(decode(base64(bytes).as_bytes()).as_deref(), Some(bytes));
        }
        for wrong in ["A", "AA=A", "A===", "====", "AB==", "AAB=", "AA A", "AA=="] {
            let is_good = wrong == "AA==";
            assert_eq!(decode(wrong.as_bytes()).is_some(), is_good, "{wrong}");
        }
    }
}
