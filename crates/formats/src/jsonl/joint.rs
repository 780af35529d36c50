//! What stands between two values of a record: punctuation, and mostly a key.
//!
//! ```text
//! {"id":"TX1","amount":12.5,"at":{"city":"Bonn"}}
//! ^^^^^^     ^^^^^^^^^^    ^^^^^^ ^^^^^^^^      ^^      five joints; the last two are `}` and `}`
//! ```
//!
//! A joint is a whole number of tokens and begins at a known place between tokens, so bytes equal to
//! those of a joint met before at the same place mean the same again. [`parse`] reads one token by
//! token; a [`Joint`] recognises it by a comparison.

use super::lexer::{Lexer, Stop};
use super::path::{ROOT, Tree};
use super::string::decode_string;
use crate::Kind;

/// Bytes of a joint that are compared at once.
pub(super) const WIDTH: usize = 32;

/// Between which tokens of which object a joint can stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The object, as a node of the tree.
    pub(super) object: usize,
    /// Before its opening brace; otherwise behind one of its values.
    pub(super) is_start: bool,
}

impl Place {
    /// Before a record.
    pub(super) const RECORD: Place = Place {
        object: ROOT,
        is_start: true,
    };
}

/// What follows a joint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A value nobody asked for.
    Unwanted,
    /// The value of this node of the tree.
    Wanted(usize),
    /// Nothing: the joint closed the object.
    Closed,
}

/// Where a joint led.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Behind the joint.
    pub(super) at: usize,
    /// The opening quote of its key.
    pub(super) key_at: usize,
    /// What comes now.
    pub(super) next: Next,
}

/// The bytes between two values and what they mean.
#[derive(Clone, Debug)]
pub(super) struct Joint {
    place: Place,
    next: Next,
    len: usize,
    /// Offset of the key in the joint.
    key: usize,
    /// The first bytes, zeros behind the end.
    head: [u8; WIDTH],
    /// `0xff` for each byte of `head` that counts.
    mask: [u8; WIDTH],
    /// What does not fit the head.
    tail: Box<[u8]>,
}

impl Joint {
    /// The joint that was parsed from `at` on, with this result.
    pub(super) fn new(text: &[u8], place: Place, at: usize, step: Step) -> Self {
        let bytes = &text[at..step.at];
        let (start, tail) = bytes.split_at(bytes.len().min(WIDTH));
        let (mut head, mut mask) = ([0; WIDTH], [0; WIDTH]);
        head[..start.len()].copy_from_slice(start);
        mask[..start.len()].fill(0xff);
        Self {
            place,
            next: step.next,
            len: bytes.len(),
            key: step.key_at - at,
            head,
            mask,
            tail: tail.into(),
        }
    }

    /// Goes over the joint if it stands at `at`. In the last few bytes of a text it never does.
    #[inline(always)]
    pub(super) fn step(&self, text: &[u8], place: Place, at: usize) -> Option<Step> {
        let (found, rest) = text.get(at..)?.split_first_chunk::<WIDTH>()?;
        // Without a branch for each byte, this becomes two or four vector instructions.
        let bytes = found.iter().zip(&self.head).zip(&self.mask);
        let difference = bytes.fold(0, |so_far, ((found, own), mask)| {
            so_far | (found ^ own) & mask
        });
        let is_same = difference == 0
            && self.place == place
            && (self.tail.is_empty() || rest.starts_with(&self.tail));
        is_same.then_some(Step {
            at: at + self.len,
            key_at: at + self.key,
            next: self.next,
        })
    }
}

/// Reads a joint token by token.
pub(super) fn parse(lexer: &Lexer<'_>, tree: &Tree, place: Place, at: usize) -> Result<Step, Stop> {
    let mut at = lexer.space(at);
    match (lexer.byte(at), place.is_start) {
        (b'{', true) => {
            at = lexer.space(at + 1);
            if lexer.byte(at) == b'}' {
                return Ok(closed(at));
            }
        }
        (b',', false) => at = lexer.space(at + 1),
        (b'}', false) => return Ok(closed(at)),
        (_, true) => return Stop::err(at, "`{`"),
        (_, false) => return Stop::err(at, "`,` or `}`"),
    }
    let (key, value_at) = lexer.key(at)?;
    let raw = &lexer.text()[key.start..key.end];
    let node = match key.kind {
        Kind::EscapedString => tree.child(place.object, decode_string(raw, &mut Vec::new())),
        _ => tree.child(place.object, raw),
    };
    Ok(Step {
        at: value_at,
        key_at: at,
        next: node.map_or(Next::Unwanted, Next::Wanted),
    })
}

/// Over the closing brace of an object.
fn closed(brace: usize) -> Step {
    Step {
        at: brace + 1,
        key_at: brace,
        next: Next::Closed,
    }
}
