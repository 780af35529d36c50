//! Values as a report shows them: short, and text whatever the bytes.

/// The longest value a report shows, in characters, the ellipsis included.
pub const SHOWN_CHARS_MAX: usize = 200;

/// Stands for the rest of a value that was cut.
const ELLIPSIS: char = '…';

/// The value as text of at most [`SHOWN_CHARS_MAX`] characters.
///
/// Bytes that are no UTF-8 become `U+FFFD`; a longer value loses its end to `…`. The cost does not
/// depend on the length of the value.
pub fn shown_value(value: &[u8]) -> String {
    // No character, valid or replaced, stands for more than four bytes, so this holds more
    // characters than can be shown, and what the cut itself damages is not among them.
    let head = &value[..value.len().min(4 * SHOWN_CHARS_MAX + 4)];
    shorten(&String::from_utf8_lossy(head), SHOWN_CHARS_MAX)
}

/// The text, cut to `chars_max` characters with an ellipsis at the end if it is longer.
pub(crate) fn shorten(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some(_) => text.chars().take(chars_max - 1).chain([ELLIPSIS]).collect(),
    }
}

/// The text on one line: control characters escaped, so that a value can neither break the layout
/// nor command the terminal.
pub(super) fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_text_of_bounded_length() {
        assert_eq!(shown_value(b""), "");
        assert_eq!(shown_value(b"caf\xe9 \xff"), "caf\u{fffd} \u{fffd}");
        assert_eq!(shown_value(&[b'x'; 200]), "x".repeat(200));
        let cut = shown_value(&[b'x'; 201]);
        assert_eq!((cut.chars().count(), cut.ends_with("x…")), (200, true));
        // Wide characters and broken bytes are cut between characters as well.
        let wide = shown_value("🦆".repeat(10_000).as_bytes());
        assert_eq!(
            (wide.chars().count(), wide.matches('🦆').count()),
            (200, 199)
        );
        assert_eq!(shown_value(&[0xff; 100_000]).chars().count(), 200);
    }

    #[test]
    fn a_value_cannot_command_the_terminal() {
        assert_eq!(
            on_one_line("a\tb\r\n\u{1b}[31m\u{9b}é"),
            "a\\tb\\r\\n\\u{1b}[31m\\u{9b}é"
        );
    }
}
