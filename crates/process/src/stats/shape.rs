//! What a text looks like: `AA-9999`.
//!
//! Capital letters become `A`, others `a`, digits `9`; everything else stands for itself. A run of more than
//! [`RUN_MAX`] is written with its length, `9{10}`.

/// Longest run that is written out.
const RUN_MAX: usize = 4;

/// A shape longer than this ends in an ellipsis.
const SHAPE_CHARS_MAX: usize = 40;

/// The shape of a text.
pub(super) fn shape_of(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut shape = String::new();
    let mut classes = text.chars().map(class_of).peekable();
    while let Some(class) = classes.next() {
        let mut run = 1;
        while classes.next_if_eq(&class).is_some() {
            run += 1;
        }
        if run <= RUN_MAX {
            shape.extend(std::iter::repeat_n(class, run));
        } else {
            shape.push_str(&format!("{class}{{{run}}}"));
        }
        if shape.chars().count() > SHAPE_CHARS_MAX {
            let kept: String = shape.chars().take(SHAPE_CHARS_MAX - 1).collect();
            return format!("{kept}…");
        }
    }
    shape
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
