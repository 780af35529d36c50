//! Strings and numbers as RFC 8259 has them.

/// Appends `text` as a JSON string with its quotes. What is not UTF-8 becomes U+FFFD.
///
/// ```
/// let mut out = Vec::new();
/// tamis_formats::write::write_json_string(b"a \"b\"\n", &mut out);
/// assert_eq!(out, br#""a \"b\"\n""#);
/// ```
pub fn write_json_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    match simdutf8::basic::from_utf8(text) {
        Ok(_) => write_escaped(text, out),
        Err(_) => write_escaped(String::from_utf8_lossy(text).as_bytes(), out),
    }
    out.push(b'"');
}

/// Copies the stretches between bytes that must be escaped.
fn write_escaped(text: &[u8], out: &mut Vec<u8>) {
    let mut from = 0;
    for (at, &byte) in text.iter().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text[from..at]);
        from = at + 1;
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
        }
    }
    out.extend_from_slice(&text[from..]);
}

/// Appends a number as a column of numbers has it, `-? (digits [. [digits]] | . digits) exponent?` with `point` for the
/// point, as JSON writes it: all its digits stay, `.5` becomes `0.5` and `5.` becomes `5`.
pub fn write_json_number(text: &[u8], point: u8, out: &mut Vec<u8>) {
    let Some(at) = text.iter().position(|&byte| byte == point) else {
        out.extend_from_slice(text);
        return;
    };
    let (whole, fraction) = (&text[..at], &text[at + 1..]);
    out.extend_from_slice(whole);
    if !whole.last().is_some_and(u8::is_ascii_digit) {
        out.push(b'0');
    }
    if fraction.first().is_some_and(u8::is_ascii_digit) {
        out.push(b'.');
    }
    out.extend_from_slice(fraction);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_json_numbers() {
        let written = |text: &str, point| {
            let mut out = Vec::new();
            write_json_number(text.as_bytes(), point, &mut out);
            String::from_utf8(out).unwrap()
        };
        for (text, expected) in [
            ("-0", "-0"),
            ("1.50", "1.50"),
            (".5", "0.5"),
            ("-.5e3", "-0.5e3"),
            ("5.", "5"),
            ("5.E+2", "5E+2"),
        ] {
            assert_eq!(written(text, b'.'), expected);
            assert!(serde_json::from_str::<f64>(expected).is_ok());
        }
        assert_eq!(written("1,50", b','), "1.50");
    }

    proptest! {
        #[test]
        fn strings_read_back(text in any::<String>()) {
            let mut out = Vec::new();
            write_json_string(text.as_bytes(), &mut out);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }

        #[test]
        fn any_bytes_make_a_string(bytes in any::<Vec<u8>>()) {
            let mut out = Vec::new();
            write_json_string(&bytes, &mut out);
            let text = serde_json::from_slice::<String>(&out).unwrap();
            prop_assert_eq!(text, String::from_utf8_lossy(&bytes));
        }
    }
}
