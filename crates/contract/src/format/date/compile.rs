//! From the letters of a JDK pattern to the items that read a value.

use super::{DateFormatError, Field, Item, Length, Minutes, OffsetStyle};

/// Brackets inside brackets: more than anybody writes, few enough for the stack.
const MAX_DEPTH: usize = 8;

/// Compiles a whole pattern.
pub(super) fn items(pattern: &str) -> Result<Vec<Item>, DateFormatError> {
    if pattern.is_empty() {
        return Err(error(
            pattern,
            0,
            0,
            "an empty date pattern matches nothing",
            None,
        ));
    }
    // The innermost open bracket is last; the list below all of them is the pattern itself.
    let mut open: Vec<(usize, Vec<Item>)> = vec![(0, Vec::new())];
    let mut at = 0;
    while let Some(letter) = pattern[at..].chars().next() {
        let start = at;
        let item = match letter {
            '\'' => {
                let (text, end) = quoted(pattern, at)?;
                at = end;
                Item::Literal(text.into_bytes().into())
            }
            '[' => {
                if open.len() > MAX_DEPTH {
                    return Err(error(
                        pattern,
                        at,
                        at + 1,
                        "optional parts are nested too deeply",
                        None,
                    ));
                }
                at += 1;
                open.push((start, Vec::new()));
                continue;
            }
            ']' => {
                let (_, inner) = open.pop().filter(|_| !open.is_empty()).ok_or_else(|| {
                    error(
                        pattern,
                        start,
                        start + 1,
                        "`]` closes nothing",
                        Some("quote it to mean the character: `']'`"),
                    )
                })?;
                at += 1;
                Item::Optional(inner)
            }
            '{' | '}' | '#' => {
                let help = "put it between single quotes to mean the character";
                return Err(error(
                    pattern,
                    at,
                    at + 1,
                    "a reserved character",
                    Some(help),
                ));
            }
            letter if letter.is_ascii_alphabetic() => {
                at += pattern[at..]
                    .bytes()
                    .take_while(|&byte| byte == letter as u8)
                    .count();
                field(pattern, start, at, letter)?
            }
            other => {
                at += other.len_utf8();
                Item::Literal(pattern.as_bytes()[start..at].into())
            }
        };
        open.last_mut()
            .expect("the pattern's own list is never popped")
            .1
            .push(item);
    }
    match open.pop() {
        Some((_, items)) if open.is_empty() => Ok(items),
        Some((start, _)) => Err(error(
            pattern,
            start,
            start + 1,
            "`[` is never closed",
            None,
        )),
        None => unreachable!("the pattern's own list is never popped"),
    }
}

/// The text between the quotes that open at `start`, and where they end; `''` is one quote.
fn quoted(pattern: &str, start: usize) -> Result<(String, usize), DateFormatError> {
    let mut text = String::new();
    let mut rest = pattern[start + 1..].char_indices().peekable();
    if pattern[start + 1..].starts_with('\'') {
        return Ok(("'".to_owned(), start + 2));
    }
    while let Some((offset, letter)) = rest.next() {
        match letter {
            '\'' if rest.next_if(|&(_, next)| next == '\'').is_some() => text.push('\''),
            '\'' => return Ok((text, start + 1 + offset + 1)),
            other => text.push(other),
        }
    }
    Err(error(
        pattern,
        start,
        pattern.len(),
        "the quote is never closed",
        None,
    ))
}

/// The item that a run of one letter stands for.
fn field(pattern: &str, start: usize, end: usize, letter: char) -> Result<Item, DateFormatError> {
    let count = end - start;
    let unsupported = |help: &str| {
        let message = format!(
            "`{}` is not supported in a date pattern",
            &pattern[start..end]
        );
        Err(error(pattern, start, end, &message, Some(help)))
    };
    // One letter allows fewer digits than the largest value has; more letters fix the number of digits.
    let number = |field, digits: usize| match count {
        1 => Ok(Item::Number {
            field,
            min: 1,
            max: digits as u8,
        }),
        _ if count == digits => Ok(Item::Number {
            field,
            min: digits as u8,
            max: digits as u8,
        }),
        _ => unsupported(&format!("write one letter, or {digits}")),
    };
    let iso = |zulu| match count {
        1 => Ok(Item::Offset(OffsetStyle::Iso {
            minutes: Minutes::Optional,
            colon: false,
            zulu,
        })),
        2 => Ok(Item::Offset(OffsetStyle::Iso {
            minutes: Minutes::Required,
            colon: false,
            zulu,
        })),
        3 => Ok(Item::Offset(OffsetStyle::Iso {
            minutes: Minutes::Required,
            colon: true,
            zulu,
        })),
        _ => unsupported("offsets with seconds are not read; use `XXX`"),
    };
    match letter {
        'y' | 'u' => match count {
            2 => Ok(Item::ShortYear),
            1 => Ok(Item::Number {
                field: Field::Year,
                min: 1,
                max: 4,
            }),
            4 => Ok(Item::Number {
                field: Field::Year,
                min: 4,
                max: 4,
            }),
            _ => unsupported("write `yyyy`, or `yy` for two digits"),
        },
        'M' | 'L' => match count {
            3 => Ok(Item::MonthName(Length::Short)),
            4 => Ok(Item::MonthName(Length::Full)),
            _ => number(Field::Month, 2),
        },
        'E' => match count {
            1..=3 => Ok(Item::DayName(Length::Short)),
            4 => Ok(Item::DayName(Length::Full)),
            _ => unsupported("write `EEE` or `EEEE`"),
        },
        'd' => number(Field::Day, 2),
        'D' => number(Field::DayOfYear, 3),
        'H' => number(Field::Hour, 2),
        'h' => number(Field::HalfDayHour, 2),
        'm' => number(Field::Minute, 2),
        's' => number(Field::Second, 2),
        'S' if count <= 9 => Ok(Item::Fraction {
            min: count as u8,
            max: count as u8,
        }),
        'S' => unsupported("a second has nine decimal places here"),
        'a' if count == 1 => Ok(Item::HalfDay),
        'X' => iso(true),
        'x' => iso(false),
        'Z' => match count {
            1..=3 => Ok(Item::Offset(OffsetStyle::Loose)),
            5 => Ok(Item::Offset(OffsetStyle::Iso {
                minutes: Minutes::Required,
                colon: true,
                zulu: true,
            })),
            _ => unsupported("use `XXX` for an offset such as `+01:00`"),
        },
        // The standard's own examples leave this letter unquoted.
        'T' if count == 1 => Ok(Item::Literal((*b"T").into())),
        'z' | 'V' | 'v' | 'O' => {
            unsupported("time zone names need a database; use `XXX` for an offset such as `+01:00`")
        }
        'Y' | 'w' | 'W' => unsupported("week dates are not read; `yyyy` is the calendar year"),
        _ => unsupported("put literal letters between single quotes"),
    }
}

fn error(
    pattern: &str,
    start: usize,
    end: usize,
    message: &str,
    help: Option<&str>,
) -> DateFormatError {
    let span = start..end.min(pattern.len());
    DateFormatError {
        span,
        message: message.to_owned(),
        help: help.map(str::to_owned),
    }
}
