//! Quotes in lists: names and texts of expressions.
//!
//! A double quote begins a name where one may stand, if nothing else stands behind what it quotes: at the start of an item, behind
//! `!`, `:` and `as`, and behind the bracket of a function. All other quotes are those of texts in expressions, where a
//! backslash makes the next character literal. So `"a\"` is the column `a\`, and `"a\"" + b` an expression.

/// The name that a text is, if it is one in double quotes.
pub(crate) fn quoted(text: &str) -> Option<String> {
    let is_whole = text.starts_with('"') && quoted_end(text, 0) == Some(text.len());
    is_whole.then(|| text[1..text.len() - 1].replace("\"\"", "\""))
}

/// Where a name ends whose quote stands at `open`.
fn quoted_end(text: &str, open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        at += text[at..].find('"')? + 1;
        match text[at..].starts_with('"') {
            true => at += 1,
            false => return Some(at),
        }
    }
}

/// How a name is written in a list.
pub(crate) fn written(name: &str) -> String {
    let is_plain = |it: char| it.is_alphanumeric() || matches!(it, '_' | '.' | '-');
    match !name.is_empty() && name.chars().all(is_plain) {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// A list without what is in quotes.
pub(super) struct Scan {
    /// Bytes that stand outside of quotes, with their places.
    pub(super) plain: Vec<(usize, u8)>,
    /// A quote that is never closed.
    pub(super) open_quote: Option<usize>,
}

impl Scan {
    pub(super) fn of(text: &str) -> Scan {
        let bytes = text.as_bytes();
        let mut plain = Vec::new();
        let mut depth = 0_usize;
        // Whether a name may begin here.
        let mut is_start = true;
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if matches!(byte, b'"' | b'\'') {
                let name_end = quoted_end(text, at).filter(|&end| ends_name(&text[end..]));
                let end = match name_end.filter(|_| is_start && byte == b'"') {
                    Some(end) => end,
                    None => match literal_end(text, at) {
                        Some(end) => end,
                        None => {
                            return Scan {
                                plain,
                                open_quote: Some(at),
                            };
                        }
                    },
                };
                is_start = false;
                at = end;
                continue;
            }
            plain.push((at, byte));
            is_start = match byte {
                b' ' | b'\t' | b'\r' | b'\n' => {
                    is_start || depth == 0 && text[..at].ends_with(" as")
                }
                b'(' => depth == 0,
                b',' | b':' => depth == 0,
                b'!' => is_start,
                _ => false,
            };
            match byte {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            at += 1;
        }
        Scan {
            plain,
            open_quote: None,
        }
    }

    /// The bytes that stand in no brackets either.
    pub(super) fn outside(self) -> impl Iterator<Item = (usize, u8)> {
        let mut depth = 0_usize;
        self.plain.into_iter().filter(move |(_, byte)| match byte {
            b'(' | b'[' | b'{' => {
                depth += 1;
                false
            }
            b')' | b']' | b'}' => {
                depth = depth.saturating_sub(1);
                false
            }
            _ => depth == 0,
        })
    }
}

/// Whether a name may end before `rest`.
fn ends_name(rest: &str) -> bool {
    let behind = rest.trim_start();
    let is_word = |word: &str| {
        let after = behind.strip_prefix(word);
        after.is_some_and(|after| after.is_empty() || after.starts_with([' ', '\t', ',']))
    };
    let is_spaced = behind.len() < rest.len();
    behind.is_empty()
        || behind.starts_with([',', ':', ')'])
        || is_spaced && ["as", "asc", "desc", "nulls"].into_iter().any(is_word)
}

/// Where a text of an expression ends whose quote stands at `open`: as in CEL a backslash makes the next byte literal, but not behind
/// an `r`.
fn literal_end(text: &str, open: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let is_raw = text[..open].ends_with(['r', 'R']);
    let mut at = open + 1;
    loop {
        match *bytes.get(at)? {
            b'\\' if !is_raw => at += 2,
            byte if byte == bytes[open] => return Some(at + 1),
            _ => at += 1,
        }
    }
}
