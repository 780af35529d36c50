//! Calling the parser, and saying in our words what it says in its own.

use std::ops::Range;

use cel::Env;
use cel::parser::ParseError;

use super::convert::Converter;
use super::scan::{Token, TokenKind, Tokens, scan};
use super::tree::Tree;
use crate::ExprError;

/// What is said about a text with a backslash that means nothing.
const ESCAPE: (&str, &str) = (
    "unknown escape in this text",
    "a backslash is `\\\\`; in `r'raw text'` it is itself",
);

/// Reads an expression.
///
/// # Errors
/// The first thing that is wrong with it.
pub(crate) fn parse(text: &str) -> Result<Tree, ExprError> {
    let tokens = scan(text)?;
    if tokens.0.is_empty() {
        return Err(ExprError::new(0..0, "the expression is empty"));
    }
    // No macros, and no optional values (`a.?b`).
    let parser = Env::default().with_optional_support(false).parser();
    let parsed = parser
        .enable_ident_escape_syntax(true)
        .parse_with_source_info(text);
    match parsed {
        Ok((expr, places)) => Converter {
            text,
            tokens: &tokens,
            places: &places,
        }
        .tree(&expr),
        Err(found) => {
            // Grammar first: what else is said follows from it.
            let is_syntax = |error: &&ParseError| error.msg.starts_with("Syntax error");
            let error = found.errors.iter().find(is_syntax).or(found.errors.first());
            Err(match error {
                Some(error) => said(text, &tokens, error),
                None => misfit(text, &tokens, 0),
            })
        }
    }
}

/// The parser's error in our words.
fn said(text: &str, tokens: &Tokens, error: &ParseError) -> ExprError {
    let offset = offset_of(text, error.pos);
    let token = |message: String| {
        let span = tokens
            .at(offset)
            .map_or(offset..offset, |(_, token)| token.range.clone());
        ExprError::new(span, message)
    };
    let message = error.msg.as_str();
    if message.starts_with("Recursion limit") {
        return ExprError::new(
            0..0,
            "nested too deeply: more than 96 brackets or conditions",
        );
    }
    if message.contains("int literal") {
        return token(
            "an integer goes from -9223372036854775808 to 9223372036854775807".to_owned(),
        )
        .with_help("with a point in it, it is a number: `1e20`, `12.0`");
    }
    if message.contains("double literal") {
        return token("this number is too large".to_owned());
    }
    if message.contains("string literal") || message.contains("bytes literal") {
        return token(ESCAPE.0.to_owned()).with_help(ESCAPE.1);
    }
    if let Some(name) = message.strip_prefix("reserved identifier: ") {
        return token(format!("`{name}` is a reserved word"))
            .with_help(format!("a column of that name is `row['{name}']`"));
    }
    if message.starts_with("unsupported syntax") {
        return token("there are no optional values here".to_owned());
    }
    misfit(text, tokens, offset)
}

/// A token that does not belong where it stands.
fn misfit(text: &str, tokens: &Tokens, offset: usize) -> ExprError {
    let Some((index, token)) = tokens.at(offset) else {
        let end = text.trim_end().len();
        return ExprError::new(end..end, "the expression ends where a value is expected");
    };
    let found = &text[token.range.clone()];
    if token.kind == TokenKind::Quoted && found.contains('\\') {
        return ExprError::new(token.range.clone(), ESCAPE.0).with_help(ESCAPE.1);
    }
    let error = ExprError::new(token.range.clone(), format!("unexpected `{found}`"));
    if found == "," {
        return match comma(text, &tokens.0[..index]) {
            Some(help) => error.with_help(help),
            None => error,
        };
    }
    let before = index
        .checked_sub(1)
        .map(|before| tokens.0[before].range.clone());
    match help(text, token, before) {
        Some(help) => error.with_help(help),
        None => error,
    }
}

/// What a comma was meant to be, by the tokens before it.
fn comma(text: &str, before: &[Token]) -> Option<&'static str> {
    let index = before.len();
    let is_open = |(_, token): &(usize, &Token)| matches!(token.kind, TokenKind::Open { close } if close > index);
    let open = before
        .iter()
        .enumerate()
        .rfind(is_open)
        .map(|(open, _)| open);
    let word = open.and_then(|open| before.get(open.checked_sub(1)?));
    if word.is_some_and(|word| &text[word.range.clone()] == "in") {
        return Some("a list stands in square brackets: `x in [1, 2]`");
    }
    let is_number = before
        .last()
        .is_some_and(|token| token.kind == TokenKind::Number);
    is_number.then_some("a number has a point: `1.5`")
}

/// What people write who come from elsewhere.
fn help(text: &str, token: &Token, before: Option<Range<usize>>) -> Option<&'static str> {
    let found = &text[token.range.clone()];
    let before = before.map_or("", |range| &text[range]);
    match (
        before.to_ascii_lowercase().as_str(),
        found.to_ascii_lowercase().as_str(),
    ) {
        (_, "and") => Some("a logical and is `&&`"),
        (_, "or") => Some("a logical or is `||`"),
        ("not", _) | (_, "not") => Some("a logical not is `!`"),
        (_, "is") => Some("to ask for null, write `x == null` or `x != null`"),
        (_, "like") => {
            Some("`x.startsWith('a')`, `x.endsWith('a')`, `x.contains('a')`, `x.matches('^a.*z$')`")
        }
        (_, "between") => Some("write `a <= x && x <= b`"),
        ("<", ">") => Some("inequality is `!=`"),
        ("*", "*") => Some("there is no power operator"),
        _ if found.starts_with('`') => Some("a column of an odd name is `row['its name']`"),
        _ => None,
    }
}

/// The byte at a line and a column, both from 1, columns counting characters.
fn offset_of(text: &str, (line, column): (isize, isize)) -> usize {
    let line = usize::try_from(line - 1).unwrap_or(0);
    let column = usize::try_from(column - 1).unwrap_or(0);
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = &text[start..];
    start
        + rest
            .char_indices()
            .nth(column)
            .map_or(rest.len(), |(at, _)| at)
}
