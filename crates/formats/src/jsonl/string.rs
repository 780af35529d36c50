//! Escapes in JSON strings: their grammar, and what they stand for.
//!
//! As in serde_json's strings a surrogate must be one half of a pair: `"\ud83d\ude00"` is a smiling
//! face, `"\ud83d"` alone is an error.

use super::lexer::Stop;

/// Decodes the span of a [`Kind::EscapedString`](crate::Kind::EscapedString) into `scratch`, whose
/// former content is lost.
///
/// The span of any well-formed record decodes completely. Elsewhere, a backslash that begins no valid
/// escape is kept as it stands.
///
/// ```
/// let mut scratch = Vec::new();
/// let text = tamis_formats::jsonl::decode_string(br#"say \"\u00e9\""#, &mut scratch);
/// assert_eq!(text, "say \"é\"".as_bytes());
/// ```
pub fn decode_string<'s>(raw: &[u8], scratch: &'s mut Vec<u8>) -> &'s [u8] {
    scratch.clear();
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', &raw[at..]) {
        scratch.extend_from_slice(&raw[at..at + found]);
        at += found;
        match escape(raw, at) {
            Ok((character, next)) => {
                scratch.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                at = next;
            }
            Err(_) => {
                scratch.push(b'\\');
                at += 1;
            }
        }
    }
    scratch.extend_from_slice(&raw[at..]);
    scratch
}

/// The key of a well-formed record whose opening quote stands at `offset`, decoded; `scratch` may hold it.
///
/// ```
/// let mut scratch = Vec::new();
/// let key = tamis_formats::jsonl::key_at(br#"{"a\n": 1}"#, 1, &mut scratch);
/// assert_eq!(key, b"a\n");
/// ```
pub fn key_at<'s>(bytes: &'s [u8], offset: usize, scratch: &'s mut Vec<u8>) -> &'s [u8] {
    let text = bytes.get(offset + 1..).unwrap_or_default();
    let mut end = 0;
    let mut is_plain = true;
    while let Some(&byte) = text.get(end).filter(|&&byte| byte != b'"') {
        let is_escape = byte == b'\\';
        is_plain &= !is_escape;
        end += 1 + usize::from(is_escape);
    }
    let raw = &text[..end.min(text.len())];
    if is_plain {
        raw
    } else {
        decode_string(raw, scratch)
    }
}

/// Reads the escape whose backslash stands at `at`: its character and the offset behind it.
pub(super) fn escape(text: &[u8], at: usize) -> Result<(char, usize), Stop> {
    let character = match text.get(at + 1) {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\x08',
        Some(b'f') => '\x0c',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unicode_escape(text, at),
        _ => return Stop::err(at + 1, "a valid escape"),
    };
    Ok((character, at + 2))
}

/// Reads `\uXXXX`, or a pair of them that stands for one character.
fn unicode_escape(text: &[u8], at: usize) -> Result<(char, usize), Stop> {
    let first = hex_digits(text, at + 2)?;
    if let Some(character) = char::from_u32(first) {
        return Ok((character, at + 6));
    }
    let second = match text.get(at + 6..at + 8) {
        Some(br"\u") if first < 0xdc00 => hex_digits(text, at + 8)?,
        _ => return Stop::err(at, "a pair of surrogates"),
    };
    if !(0xdc00..0xe000).contains(&second) {
        return Stop::err(at + 6, "the second half of a pair of surrogates");
    }
    let scalar = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    let character = char::from_u32(scalar).expect("a pair of surrogates is a character");
    Ok((character, at + 12))
}

/// Four hexadecimal digits.
fn hex_digits(text: &[u8], at: usize) -> Result<u32, Stop> {
    let mut value = 0;
    for position in at..at + 4 {
        let digit = text
            .get(position)
            .and_then(|&byte| char::from(byte).to_digit(16));
        match digit {
            Some(digit) => value = value << 4 | digit,
            None => return Stop::err(position, "four hexadecimal digits"),
        }
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::decode_string;

    /// Every escape decodes to what serde_json makes of it.
    #[test]
    fn decodes_as_serde_json_does() {
        let mut scratch = Vec::new();
        for raw in [
            r#"\"\\\/\b\f\n\r\t"#,
            r"\u0000\u0041\u00e9\uFFFF\ud83d\ude00\uDBFF\uDFFF",
            r"plain é \\u0041 \\",
            "",
        ] {
            let expected: String = serde_json::from_str(&format!("\"{raw}\"")).unwrap();
            assert_eq!(
                decode_string(raw.as_bytes(), &mut scratch),
                expected.as_bytes()
            );
        }
    }

    /// A span that no parser would have given is no reason to panic.
    #[test]
    fn keeps_what_is_no_escape() {
        let mut scratch = Vec::new();
        for raw in [
            r"\",
            r"\x",
            r"\u12",
            r"\ud83d",
            r"\ud83d\u0041",
            r"\udc00\ud83d\ude0",
        ] {
            assert_eq!(
                decode_string(raw.as_bytes(), &mut scratch),
                raw.replace(r"\u0041", "A").as_bytes()
            );
        }
    }
}
