//! A first look at the text, before the parser: tokens, brackets that match, and how deep it nests.
//!
//! The parser says "mismatched input" with a list of twenty tokens, and builds a tree as deep as the text wants. Here the
//! usual mistakes get a sentence of their own, and what nests too deeply is refused before anything recurses over it.

use std::ops::Range;

use crate::ExprError;

/// The longest text, in bytes. A list of a hundred thousand numbers fits.
pub(crate) const TEXT_BYTES_MAX: usize = 1 << 20;

/// How deep a tree may get: operators in a chain and brackets around them, `a + b + c` counting 2.
///
/// The parser needs less than 2 KiB of stack for a level, and runs on a stack that holds sixteen times as much.
pub(crate) const DEPTH_MAX: usize = 1000;

/// A piece of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) range: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A name or a keyword.
    Word,
    Number,
    /// A literal in quotes, or a name in backticks.
    Quoted,
    Open {
        /// The token that closes it.
        close: usize,
    },
    Close,
    Operator,
}

/// The tokens of a text whose brackets match.
#[derive(Clone, Debug, Default)]
pub(super) struct Tokens(pub(super) Vec<Token>);

impl Tokens {
    /// The token that begins at this byte, or the first one behind it.
    pub(super) fn at(&self, offset: usize) -> Option<(usize, &Token)> {
        let index = self.0.partition_point(|token| token.range.start < offset);
        self.0.get(index).map(|token| (index, token))
    }

    /// Where the bracket ends that opens at this byte.
    pub(super) fn end_of_bracket(&self, offset: usize) -> Option<usize> {
        match self.at(offset)?.1 {
            Token {
                kind: TokenKind::Open { close },
                range,
            } if range.start == offset => Some(self.0[*close].range.end),
            _ => None,
        }
    }

    /// The word that ends before this byte, nothing but spaces between.
    pub(super) fn word_before(&self, offset: usize) -> Option<Range<usize>> {
        let index = self.0.partition_point(|token| token.range.start < offset);
        let token = self.0.get(index.checked_sub(1)?)?;
        (token.kind == TokenKind::Word).then(|| token.range.clone())
    }
}

/// Cuts a text into tokens.
///
/// # Errors
/// What is too long or too deep, quotes and brackets that do not match, and characters that stand for nothing.
pub(super) fn scan(text: &str) -> Result<Tokens, ExprError> {
    if text.len() > TEXT_BYTES_MAX {
        let message = format!(
            "an expression of {} bytes: the longest one has {TEXT_BYTES_MAX}",
            text.len()
        );
        return Err(ExprError::new(0..0, message));
    }
    let mut scanner = Scanner {
        text,
        at: 0,
        tokens: Vec::new(),
        open: Vec::new(),
        depth: 0,
    };
    while let Some(token) = scanner.next_token()? {
        scanner.take(token)?;
    }
    if let Some(&(index, _)) = scanner.open.last() {
        let range = scanner.tokens[index].range.clone();
        let message = format!("`{}` is not closed", &text[range.clone()]);
        return Err(ExprError::new(range, message));
    }
    Ok(Tokens(scanner.tokens))
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    tokens: Vec<Token>,
    /// Brackets that are open: the token, and the depth outside of it.
    open: Vec<(usize, usize)>,
    depth: usize,
}

impl Scanner<'_> {
    fn rest(&self) -> &[u8] {
        &self.text.as_bytes()[self.at..]
    }

    fn next_token(&mut self) -> Result<Option<Token>, ExprError> {
        self.skip_space();
        let start = self.at;
        let kind = match self.rest() {
            [] => return Ok(None),
            [b'"' | b'\'' | b'`', ..] => self.quoted(0)?,
            [b'r' | b'R' | b'b' | b'B', b'"' | b'\'', ..] => self.quoted(1)?,
            [b'r' | b'R', b'b' | b'B', b'"' | b'\'', ..]
            | [b'b' | b'B', b'r' | b'R', b'"' | b'\'', ..] => self.quoted(2)?,
            [b'a'..=b'z' | b'A'..=b'Z' | b'_', ..] => self.word(TokenKind::Word),
            [b'0'..=b'9', ..] => self.word(TokenKind::Number),
            [b'(' | b'[' | b'{', ..] => self.operator(1, TokenKind::Open { close: 0 }),
            [b')' | b']' | b'}', ..] => self.operator(1, TokenKind::Close),
            [b'&', b'&', ..] | [b'|', b'|', ..] | [b'=' | b'!' | b'<' | b'>', b'=', ..] => {
                self.operator(2, TokenKind::Operator)
            }
            [
                b'+' | b'-' | b'*' | b'/' | b'%' | b'<' | b'>' | b'!' | b'?' | b':' | b',' | b'.',
                ..,
            ] => self.operator(1, TokenKind::Operator),
            _ => return Err(self.stray()),
        };
        Ok(Some(Token {
            kind,
            range: start..self.at,
        }))
    }

    /// Spaces and `// comments`.
    fn skip_space(&mut self) {
        loop {
            match self.rest() {
                [b' ' | b'\t' | b'\n' | b'\r' | b'\x0c', ..] => self.at += 1,
                [b'/', b'/', comment @ ..] => {
                    let end = comment.iter().position(|&byte| byte == b'\n');
                    self.at += 2 + end.unwrap_or(comment.len());
                }
                _ => return,
            }
        }
    }

    fn word(&mut self, kind: TokenKind) -> TokenKind {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        self.at += self.rest().iter().take_while(|byte| is_part(byte)).count();
        kind
    }

    fn operator(&mut self, len: usize, kind: TokenKind) -> TokenKind {
        self.at += len;
        kind
    }

    /// A literal in quotes, behind a prefix of so many letters.
    fn quoted(&mut self, prefix: usize) -> Result<TokenKind, ExprError> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let is_raw = bytes[start..start + prefix]
            .iter()
            .any(|letter| letter.eq_ignore_ascii_case(&b'r'));
        let open = start + prefix;
        let quote = bytes[open];
        let is_triple = quote != b'`' && bytes[open..].starts_with(&[quote; 3]);
        let len = if is_triple { 3 } else { 1 };
        let mut at = open + len;
        loop {
            match &bytes[at.min(bytes.len())..] {
                rest if rest.starts_with(&[quote; 3][..len]) => {
                    self.at = at + len;
                    return Ok(TokenKind::Quoted);
                }
                [b'\\', _, ..] if !is_raw && quote != b'`' => at += 2,
                [] | [b'\n' | b'\r', ..] if !is_triple || at >= bytes.len() => {
                    let end = self.text.floor_char_boundary(at.min(bytes.len()));
                    return Err(ExprError::new(start..end, "this quote is not closed"));
                }
                _ => at += 1,
            }
        }
    }

    /// A character that stands for nothing.
    fn stray(&self) -> ExprError {
        let found = self.text[self.at..].chars().next().unwrap_or(' ');
        let span = self.at..self.at + found.len_utf8();
        if found.is_alphanumeric() {
            return self.odd_name();
        }
        let error = ExprError::new(span, format!("unexpected `{}`", found.escape_debug()));
        match found {
            '=' => error.with_help("equality is `==`"),
            '&' => error.with_help("a logical and is `&&`"),
            '|' => error.with_help("a logical or is `||`"),
            '“' | '”' | '„' | '‘' | '’' | '‚' | '´' => {
                error.with_help("texts stand in straight quotes: `'text'` or `\"text\"`")
            }
            _ => error,
        }
    }

    /// A word with letters beyond ASCII, which no identifier of CEL has.
    fn odd_name(&self) -> ExprError {
        let is_part = |found: char| found.is_alphanumeric() || found == '_';
        let word = self
            .tokens
            .last()
            .filter(|last| last.kind == TokenKind::Word && last.range.end == self.at);
        let start = word.map_or(self.at, |word| word.range.start);
        let rest = &self.text[start..];
        let name = &rest[..rest.find(|found| !is_part(found)).unwrap_or(rest.len())];
        let message = format!("`{name}` has letters that a name cannot have here");
        let error = ExprError::new(start..start + name.len(), message);
        error.with_help(format!("a column of that name is `row['{name}']`"))
    }

    fn take(&mut self, token: Token) -> Result<(), ExprError> {
        let index = self.tokens.len();
        let text = &self.text[token.range.clone()];
        match token.kind {
            TokenKind::Open { .. } => {
                self.open.push((index, self.depth));
                self.depth += 1;
            }
            TokenKind::Close => {
                let open = self.open.pop();
                let matches = |&(open, _): &(usize, usize)| {
                    let opened = &self.text[self.tokens[open].range.clone()];
                    matches!((opened, text), ("(", ")") | ("[", "]") | ("{", "}"))
                };
                let Some((open, depth)) = open.filter(matches) else {
                    let message = format!("`{text}` closes nothing");
                    return Err(ExprError::new(token.range, message));
                };
                self.tokens[open].kind = TokenKind::Open { close: index };
                // What follows may go on with the chain (`a.b().c`), so its brackets count on.
                self.depth = depth + 1;
            }
            // Each part of a list, and each term of `&&` and `||`, begins anew: these become flat or balanced.
            TokenKind::Operator if matches!(text, "," | "&&" | "||") => {
                self.depth = self.open.last().map_or(0, |&(_, depth)| depth + 1);
            }
            TokenKind::Operator => self.depth += 1,
            TokenKind::Word if text == "in" => self.depth += 1,
            _ => {}
        }
        if self.depth > DEPTH_MAX {
            let message = format!("nested too deeply: more than {DEPTH_MAX} operators in one term");
            return Err(ExprError::new(token.range, message));
        }
        self.tokens.push(token);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        let tokens = scan(text).unwrap().0;
        tokens.into_iter().map(|token| &text[token.range]).collect()
    }

    #[test]
    fn texts_fall_into_tokens() {
        assert_eq!(
            words("a_1>=-2.5 // c\n&&x.f( 'it''s', r'\\' )"),
            [
                "a_1", ">=", "-", "2", ".", "5", "&&", "x", ".", "f", "(", "'it'", "'s'", ",",
                "r'\\'", ")"
            ]
        );
        assert_eq!(
            words(r#" '\'' """a"b""" bR'x' `a b`"#),
            [r"'\''", r#""""a"b""""#, "bR'x'", "`a b`"]
        );
    }

    #[test]
    fn brackets_find_each_other() {
        let tokens = scan("f(a[1], (b))").unwrap();
        assert_eq!(tokens.end_of_bracket(1), Some(12));
        assert_eq!(tokens.end_of_bracket(3), Some(6));
        assert_eq!(tokens.end_of_bracket(0), None);
        assert_eq!(tokens.word_before(1), Some(0..1));
        assert_eq!(tokens.word_before(8), None);
    }

    #[test]
    fn chains_are_bounded_and_lists_are_not() {
        let list = format!("x in [{}]", vec!["-1"; 50_000].join(", "));
        assert!(scan(&list).is_ok());
        assert!(scan(&vec!["x == 1"; 10_000].join(" || ")).is_ok());
        for deep in [
            "+a".repeat(1001),
            ".b()".repeat(501),
            "a?b:".repeat(501),
            "(".repeat(1001),
            "!".repeat(1001),
        ] {
            let error = scan(&deep).unwrap_err();
            assert!(error.message.contains("too deeply"), "{error}");
        }
        let error = scan(&" ".repeat(TEXT_BYTES_MAX + 1)).unwrap_err();
        assert!(error.message.contains("1048577 bytes"), "{error}");
    }
}
