//! What a text looks like: `AA-9999`.
//!
//! Capital letters become `A`, others `a`, digits `9`; everything else stands for itself. A run of more than
//! [`RUN_MAX`] is written with its length, `9{10}`.

use std::fmt::Write;

/// Longest run that is written out.
const RUN_MAX: usize = 4;

/// A shape longer than this ends in an ellipsis.
const SHAPE_CHARS_MAX: usize = 40;

/// Appends the shape of a text.
pub(super) fn write_shape(text: &[u8], shape: &mut String) {
    let begin = shape.len();
    let mut chars = 0;
    let text = String::from_utf8_lossy(text);
    let mut classes = text.chars().map(class_of).peekable();
    while let Some(class) = classes.next() {
        let mut run = 1;
        while classes.next_if_eq(&class).is_some() {
            run += 1;
        }
        let start = shape.len();
        if run <= RUN_MAX {
            shape.extend(std::iter::repeat_n(class, run));
        } else {
            let _ = write!(shape, "{class}{{{run}}}");
        }
        chars += shape[start..].chars().count();
        if chars > SHAPE_CHARS_MAX {
            let kept = shape[begin..].char_indices().nth(SHAPE_CHARS_MAX - 1);
            shape.truncate(begin + kept.map_or(0, |(end, _)| end));
            shape.push('…');
            return;
        }
    }
}

fn class_of(character: char) -> char {
    if character.is_ascii_digit() {
        '9'
    } else if character.is_uppercase() {
        'A'
    } else if character.is_alphabetic() {
        'a'
    } else {
        character
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape_of(text: &[u8]) -> String {
        let mut shape = String::new();
        write_shape(text, &mut shape);
        shape
    }

    #[test]
    fn texts_have_shapes() {
        for (text, shape) in [
            ("DE-1234", "AA-9999"),
            ("TX0000000001", "AA9{10}"),
            ("Müller, J.", "Aa{5}, A."),
            ("", ""),
        ] {
            assert_eq!(shape_of(text.as_bytes()), shape);
        }
        assert_eq!(shape_of("a1".repeat(100).as_bytes()).chars().count(), 40);
    }
}
