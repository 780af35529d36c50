//! Names of entries: UTF-8 where a flag says so or where it is, else the characters of the first IBM PC.

/// Code page 437 from 128 on.
const HIGH: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
                    └┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// The name that `bytes` are.
pub(super) fn decode(bytes: &[u8], is_utf8: bool) -> String {
    match std::str::from_utf8(bytes) {
        Ok(name) => name.to_owned(),
        // It may have been cut inside a character.
        Err(error) if is_utf8 || error.error_len().is_none() => {
            String::from_utf8_lossy(bytes).into_owned()
        }
        Err(_) => bytes.iter().map(|&byte| character(byte)).collect(),
    }
}

fn character(byte: u8) -> char {
    match byte.checked_sub(128) {
        None => char::from(byte),
        Some(at) => HIGH.chars().nth(at.into()).unwrap_or('\u{fffd}'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_old_archives_are_read() {
        assert_eq!(HIGH.chars().count(), 128);
        assert_eq!(decode(b"caf\x82.txt", false), "café.txt");
        assert_eq!(decode("café".as_bytes(), false), "café");
        assert_eq!(decode(b"caf\x82", true), "caf\u{fffd}");
    }
}
