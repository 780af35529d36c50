//! From the text of a pattern to its elements.

use memchr::{memchr, memchr2};

use super::super::keys::{Role, role_of};

/// A format that the user describes; see the [story](super) of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    pub(super) elements: Vec<Element>,
    text: String,
}

/// A piece of a pattern. Between two fields there is a literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Element {
    Literal(Literal),
    /// A field of that name; the empty one is of no interest.
    Field {
        name: String,
    },
}

/// Bytes that stand in every line; a space stands for one or more spaces and tabs. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Literal(Vec<u8>);

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn compile(text: &str) -> Result<Pattern, String> {
        let mut elements = Vec::new();
        let mut literal = Vec::new();
        let mut rest = text;
        let place = |rest: &str| text.len() - rest.len();
        while let Some(at) = rest.find(['{', '}']) {
            push_literal(&mut literal, &rest[..at]);
            let brace = &rest[at..];
            if brace.starts_with("{{") || brace.starts_with("}}") {
                literal.push(brace.as_bytes()[0]);
                rest = &brace[2..];
                continue;
            }
            let end = match brace.find('}') {
                Some(end) if end > 0 => end,
                Some(_) => {
                    return Err(format!(
                        "the `}}` at byte {} closes nothing: a brace of the log is written `}}}}`",
                        place(brace)
                    ));
                }
                None => {
                    return Err(format!(
                        "the `{{` at byte {} is not closed: a brace of the log is written `{{{{`",
                        place(brace)
                    ));
                }
            };
            let name = &brace[1..end];
            if !name.chars().all(is_of_name) {
                return Err(format!(
                    "`{name}` at byte {} is no name of a field: expected letters, digits and `_.-@`",
                    place(brace) + 1
                ));
            }
            match (literal.is_empty(), elements.last()) {
                (false, _) => {
                    elements.push(Element::Literal(Literal(std::mem::take(&mut literal))))
                }
                (true, Some(_)) => {
                    return Err(format!(
                        "nothing between the fields at byte {}: where does the first of them end?",
                        place(brace)
                    ));
                }
                (true, None) => {}
            }
            elements.push(Element::Field {
                name: name.to_owned(),
            });
            rest = &brace[end + 1..];
        }
        push_literal(&mut literal, rest);
        if !literal.is_empty() {
            elements.push(Element::Literal(Literal(literal)));
        }
        let pattern = Pattern {
            elements,
            text: text.to_owned(),
        };
        if pattern.fields().next().is_none() {
            return Err(
                "it has no field: expected some like `{time} {level} {message}`".to_owned(),
            );
        }
        Ok(pattern)
    }

    /// The names of its fields.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.elements.iter().filter_map(|element| match element {
            Element::Field { name } if !name.is_empty() => Some(name.as_str()),
            _ => None,
        })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the field of that name is read as a time.
    pub(super) fn is_time(&self, name: &str) -> bool {
        role_of(name.as_bytes()) == Some(Role::Time)
    }
}

/// Adds text, the spaces in a row as one.
fn push_literal(literal: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        let byte = if byte == b'\t' { b' ' } else { byte };
        if byte != b' ' || literal.last() != Some(&b' ') {
            literal.push(byte);
        }
    }
}

fn is_of_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | '-' | '@')
}

impl Literal {
    /// Where it ends, if it stands at `at`.
    pub(super) fn match_at(&self, line: &[u8], mut at: usize) -> Option<usize> {
        for &byte in &self.0 {
            if byte != b' ' {
                if line.get(at) != Some(&byte) {
                    return None;
                }
                at += 1;
                continue;
            }
            let blanks = line.get(at..)?.iter();
            let count = blanks.take_while(|it| matches!(it, b' ' | b'\t')).count();
            if count == 0 {
                return None;
            }
            at += count;
        }
        Some(at)
    }

    /// Where it stands next, at `from` or behind.
    pub(super) fn find(&self, line: &[u8], from: usize) -> Option<usize> {
        let first = self.0[0];
        let mut at = from;
        loop {
            let rest = line.get(at..)?;
            at += match first {
                b' ' => memchr2(b' ', b'\t', rest)?,
                byte => memchr(byte, rest)?,
            };
            if self.match_at(line, at).is_some() && !(first == b'"' && is_escaped(&line[from..at]))
            {
                return Some(at);
            }
            at += 1;
        }
    }
}

/// Whether what follows these bytes is escaped by a backslash at their end.
fn is_escaped(before: &[u8]) -> bool {
    let backslashes = before.iter().rev().take_while(|byte| **byte == b'\\');
    backslashes.count() % 2 == 1
}
