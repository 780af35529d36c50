//! Character classes: `[...]`, `\d` and single escaped characters.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

use super::PatternError;
use super::parse::Parser;

/// `.`: every character but the line ends of ECMA-262.
pub(super) fn any_but_line_ends() -> ClassUnicode {
    let mut class = ranges(&[('\n', '\n'), ('\r', '\r'), ('\u{2028}', '\u{2029}')]);
    class.negate();
    class
}

/// A class; its opening bracket, at `start`, has been read.
pub(super) fn parse(parser: &mut Parser<'_>, start: usize) -> Result<ClassUnicode, PatternError> {
    let negated = parser.take('^');
    let mut class = ClassUnicode::empty();
    loop {
        let item_start = parser.at;
        let Some(next) = parser.peek() else {
            parser.at = start + 1;
            return Err(parser.error(
                start,
                "`[` is never closed",
                Some(r"write `\[` to mean the character"),
            ));
        };
        if parser.take(']') {
            break;
        }
        let first = item(parser, next)?;
        // A hyphen makes a range unless it is the last character of the class.
        let is_range = parser.rest().starts_with('-') && !parser.rest().starts_with("-]");
        if !is_range {
            class.union(&first);
            continue;
        }
        parser.take('-');
        let Some(next) = parser.peek() else { continue };
        let last = item(parser, next)?;
        match (single(&first), single(&last)) {
            (Some(first), Some(last)) if first <= last => {
                class.push(ClassUnicodeRange::new(first, last))
            }
            (Some(_), Some(_)) => {
                return Err(parser.error(item_start, "the range runs backwards", None));
            }
            _ => {
                let help = Some(r"write `\-` to mean the hyphen");
                return Err(parser.error(
                    item_start,
                    "a range needs one character at each end",
                    help,
                ));
            }
        }
    }
    if negated {
        class.negate();
    }
    Ok(class)
}

/// One member of a class.
fn item(parser: &mut Parser<'_>, first: char) -> Result<ClassUnicode, PatternError> {
    let start = parser.at;
    parser.at += first.len_utf8();
    match first {
        // Inside a class `\b` is the backspace.
        '\\' if parser.take('b') => Ok(ranges(&[('\u{8}', '\u{8}')])),
        '\\' => escape(parser, start),
        character => Ok(ranges(&[(character, character)])),
    }
}

/// An escape that stands for one or several characters; its backslash, at `start`, has been read.
pub(super) fn escape(parser: &mut Parser<'_>, start: usize) -> Result<ClassUnicode, PatternError> {
    let Some(letter) = parser.peek() else {
        return Err(parser.error(
            start,
            "the pattern ends in a backslash",
            Some(r"write `\\` to mean the character"),
        ));
    };
    parser.at += letter.len_utf8();
    let one = |character| Ok(ranges(&[(character, character)]));
    match letter {
        'd' | 'D' => Ok(or_negated(letter == 'D', ranges(&[('0', '9')]))),
        'w' | 'W' => Ok(or_negated(
            letter == 'W',
            ranges(&[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')]),
        )),
        's' | 'S' => Ok(or_negated(
            letter == 'S',
            ranges(&[('\t', '\r'), (' ', ' ')]),
        )),
        'p' | 'P' => property(parser, start),
        't' => one('\t'),
        'n' => one('\n'),
        'v' => one('\u{b}'),
        'f' => one('\u{c}'),
        'r' => one('\r'),
        '0' if !parser
            .rest()
            .starts_with(|next: char| next.is_ascii_digit()) =>
        {
            one('\0')
        }
        'x' => one(hexadecimal(parser, start, 2)?),
        'u' if parser.take('{') => {
            let digits = parser
                .rest()
                .split_once('}')
                .map_or("", |(digits, _)| digits);
            let value = u32::from_str_radix(digits, 16)
                .ok()
                .filter(|_| !digits.starts_with('+'));
            parser.at += if value.is_some() { digits.len() + 1 } else { 0 };
            match value.and_then(char::from_u32) {
                Some(character) => one(character),
                None => Err(parser.error(start, r"expected a character as `\u{1F600}`", None)),
            }
        }
        'u' => one(hexadecimal(parser, start, 4)?),
        punctuation if !punctuation.is_alphanumeric() => one(punctuation),
        _ => Err(parser.error(
            start,
            "this escape is not part of the dialect",
            Some(r"write `\\` to mean the backslash"),
        )),
    }
}

/// The character written as `count` hexadecimal digits.
fn hexadecimal(parser: &mut Parser<'_>, start: usize, count: usize) -> Result<char, PatternError> {
    let digits = parser
        .rest()
        .get(..count)
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let value = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    parser.at += if value.is_some() { count } else { 0 };
    value.and_then(char::from_u32).ok_or_else(|| {
        let help = Some(r"write characters beyond U+FFFF as `\u{1F600}`");
        parser.error(
            start,
            &format!("expected {count} hexadecimal digits that name a character"),
            help,
        )
    })
}

/// `\p{...}`: the Unicode tables are those of the `regex-syntax` crate, and so are the names.
fn property(parser: &mut Parser<'_>, start: usize) -> Result<ClassUnicode, PatternError> {
    let length = parser
        .rest()
        .starts_with('{')
        .then(|| parser.rest().find('}'))
        .flatten();
    let Some(length) = length else {
        return Err(parser.error(start, r"expected a property as `\p{Letter}`", None));
    };
    parser.at += length + 1;
    let text = &parser.pattern[start..parser.at];
    match regex_syntax::parse(text).map(regex_syntax::hir::Hir::into_kind) {
        Ok(HirKind::Class(Class::Unicode(class))) => Ok(class),
        _ => Err(parser.error(
            start,
            "no such Unicode property",
            Some(r"for example `\p{Letter}` or `\p{Script=Greek}`"),
        )),
    }
}

fn or_negated(negated: bool, mut class: ClassUnicode) -> ClassUnicode {
    if negated {
        class.negate();
    }
    class
}

fn ranges(ranges: &[(char, char)]) -> ClassUnicode {
    ClassUnicode::new(
        ranges
            .iter()
            .map(|&(first, last)| ClassUnicodeRange::new(first, last)),
    )
}

/// The only character of the class, if it has just one.
fn single(class: &ClassUnicode) -> Option<char> {
    match class.ranges() {
        [only] if only.start() == only.end() => Some(only.start()),
        _ => None,
    }
}
