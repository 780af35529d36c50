//! Bytes as they are typed: `\t`, `\n`, `\x1f`.

/// For clap: text with escapes, at least one byte of it.
pub(super) fn parse_separator(text: &str) -> Result<Vec<u8>, String> {
    match unescape(text)? {
        bytes if bytes.is_empty() => Err("expected at least one character".to_owned()),
        bytes => Ok(bytes),
    }
}

/// Text with escapes, which may be nothing.
pub(super) fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let (byte, behind) = escape(rest)
            .ok_or("expected `\\t`, `\\n`, `\\r`, `\\0`, `\\xHH` or `\\\\` at a backslash")?;
        bytes.push(byte);
        rest = behind;
    }
    Ok(bytes)
}

/// What stands behind a backslash, and what follows.
fn escape(rest: &[u8]) -> Option<(u8, &[u8])> {
    let (&letter, behind) = rest.split_first()?;
    let byte = match letter {
        b't' => b'\t',
        b'n' => b'\n',
        b'r' => b'\r',
        b'0' => 0,
        b'\\' => b'\\',
        b'x' => {
            let (digits, behind) = behind.split_at_checked(2)?;
            let value = |digit: u8| char::from(digit).to_digit(16);
            let byte = value(digits[0])? * 16 + value(digits[1])?;
            return Some((u8::try_from(byte).ok()?, behind));
        }
        _ => return None,
    };
    Some((byte, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_bytes() {
        assert_eq!(
            unescape(r"a\t\n\\\x1f\0ü").unwrap(),
            "a\t\n\\\x1f\0ü".as_bytes()
        );
        for wrong in [r"\", r"\q", r"\x", r"\x1", r"\xgg", r"\x+1"] {
            assert!(unescape(wrong).is_err(), "{wrong}");
        }
        assert!(parse_separator("").is_err());
    }
}
