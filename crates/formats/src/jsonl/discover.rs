//! Which values records have, for those who do not know yet.

use std::collections::HashMap;

use tamis_engine::kernel::Kernel;

use super::lexer::{Lexer, Value};
use super::{Parser, Path, decode_string};
use crate::{Block, Kind, Malformed, Visitor};

/// The values found in some records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// Every path with the kinds of values it leads to, in the order of first appearance; what is
    /// inside an object stands together.
    pub fields: Vec<(Path, Kinds)>,
    /// Whether these are all paths: `false` if there were more than the limit.
    pub is_complete: bool,
}

/// A set of [`Kind`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds(u16);

impl Kinds {
    /// Adds a kind.
    pub fn insert(&mut self, kind: Kind) {
        self.0 |= 1 << kind as u16;
    }

    /// Takes a kind out.
    pub fn remove(&mut self, kind: Kind) {
        self.0 &= !(1 << kind as u16);
    }

    /// Whether a kind is in the set.
    pub fn contains(self, kind: Kind) -> bool {
        self.0 & 1 << kind as u16 != 0
    }

    /// Whether the set has no kinds.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Self {
        let mut set = Kinds::default();
        kinds.into_iter().for_each(|kind| set.insert(kind));
        set
    }
}

/// Lists the paths to all values in the well-formed records of `bytes` (whole lines).
///
/// Objects are looked into, so that their members are listed and not they themselves; an object
/// without members in any record is listed, and so is a path that is an object in some records and a
/// string, say, in others. An array is one value. At most `limit` keys are told apart; those that
/// come later are left out. An empty list means that there are no records with members.
///
/// ```
/// use tamis_engine::kernel::Kernel;
/// use tamis_formats::jsonl::discover;
///
/// let found = discover(br#"{"id": 1, "at": {"city": "Bonn", "lines": []}}"#, 1000, Kernel::detect());
/// let paths: Vec<String> = found.fields.iter().map(|(path, _)| path.to_string()).collect();
/// assert_eq!(paths, ["id", "at.city", "at.lines"]);
/// ```
pub fn discover(bytes: &[u8], limit: usize, kernel: Kernel) -> Discovery {
    let mut explorer = Explorer {
        kernel,
        limit,
        is_complete: true,
        members: vec![Member::default()],
        stops: Vec::new(),
    };
    // A parser that wants nothing still tells well-formed records from others.
    Parser::new(&[], kernel).parse(bytes, true, &mut explorer);
    let mut fields = Vec::new();
    explorer.list(0, &mut Vec::new(), &mut fields);
    Discovery {
        fields,
        is_complete: explorer.is_complete,
    }
}

struct Explorer {
    kernel: Kernel,
    limit: usize,
    is_complete: bool,
    /// The root and all keys told apart.
    members: Vec<Member>,
    stops: Vec<u8>,
}

#[derive(Default)]
struct Member {
    kinds: Kinds,
    inner: HashMap<String, usize>,
    /// `inner`, in order of appearance.
    order: Vec<(String, usize)>,
}

impl Visitor for Explorer {
    fn block(&mut self, block: &Block<'_>) {
        for row in 0..block.rows {
            let record = &block.bytes[block.record(row)];
            let mut stops = std::mem::take(&mut self.stops);
            self.kernel.json_stops(record, &mut stops);
            let lexer = Lexer::new(record, &stops);
            self.object(&lexer, lexer.space(0), 0);
            self.stops = stops;
        }
    }

    fn malformed(&mut self, _: &Malformed<'_>) {}
}

impl Explorer {
    /// Notes the members of the object at `at` and returns the offset behind it; `None` if it is
    /// not well-formed, which the parser has excluded.
    ///
    /// Recursion is bounded by the parser's limit on nesting.
    fn object(&mut self, lexer: &Lexer<'_>, at: usize, member: usize) -> Option<usize> {
        let mut at = lexer.space(at + 1);
        if lexer.byte(at) == b'}' {
            self.members[member].kinds.insert(Kind::Object);
            return Some(at + 1);
        }
        loop {
            let (key, value_at) = lexer.key(at).ok()?;
            let inner = self.inner(member, lexer, key);
            at = match inner {
                Some(inner) if lexer.byte(value_at) == b'{' => {
                    self.object(lexer, value_at, inner)?
                }
                _ => {
                    let value = lexer.value(value_at, 0).ok()?;
                    if let Some(inner) = inner {
                        self.members[inner].kinds.insert(value.kind);
                    }
                    value.next
                }
            };
            at = lexer.space(at);
            if lexer.byte(at) == b'}' {
                return Some(at + 1);
            }
            at = lexer.space(at + 1);
        }
    }

    /// The member of that key; `None` if it is new and there are too many.
    fn inner(&mut self, member: usize, lexer: &Lexer<'_>, key: Value) -> Option<usize> {
        let raw = &lexer.text()[key.start..key.end];
        let mut decoded = Vec::new();
        let name = match key.kind {
            Kind::EscapedString => decode_string(raw, &mut decoded),
            _ => raw,
        };
        let name = std::str::from_utf8(name).ok()?;
        if let Some(&known) = self.members[member].inner.get(name) {
            return Some(known);
        }
        if self.members.len() > self.limit {
            self.is_complete = false;
            return None;
        }
        let created = self.members.len();
        self.members.push(Member::default());
        let parent = &mut self.members[member];
        parent.inner.insert(name.to_owned(), created);
        parent.order.push((name.to_owned(), created));
        Some(created)
    }

    /// Lists what is inside a member, each path with its kinds.
    fn list(&self, member: usize, keys: &mut Vec<String>, fields: &mut Vec<(Path, Kinds)>) {
        for (key, inner) in &self.members[member].order {
            keys.push(key.clone());
            let mut kinds = self.members[*inner].kinds;
            if !self.members[*inner].order.is_empty() {
                // Its members stand for the object, and a null beside them says nothing more.
                kinds.remove(Kind::Object);
                let mut others = kinds;
                others.remove(Kind::Null);
                if others.is_empty() {
                    kinds = others;
                }
            }
            if !kinds.is_empty() {
                fields.push((Path::new(keys.iter().cloned()), kinds));
            }
            self.list(*inner, keys, fields);
            keys.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str, limit: usize) -> (Vec<(String, Kinds)>, bool) {
        let found = discover(text.as_bytes(), limit, Kernel::detect());
        let fields = found
            .fields
            .into_iter()
            .map(|(path, kinds)| (path.to_string(), kinds));
        (fields.collect(), found.is_complete)
    }

    /// Paths come in order of appearance, objects as their members, malformed records not at all.
    #[test]
    fn records_are_united() {
        let text = concat!(
            "{\"a\":1,\"b\":{\"x\":{}, \"y\" : [1,{\"z\":2}]}}\n",
            "{\"bad\":1,}\n",
            "{\"c\":true,\"b\":null,\"a\":\"\\n\"}\n",
            "{\"\\u0061\":null,\"b\":{\"w\":\"s\"},\"c\":{\"d.e\":1}}",
        );
        let expected: Vec<(String, Kinds)> = [
            ("a", vec![Kind::Number, Kind::EscapedString, Kind::Null]),
            ("b.x", vec![Kind::Object]),
            ("b.y", vec![Kind::Array]),
            ("b.w", vec![Kind::String]),
            ("c", vec![Kind::Boolean]),
            ("c[\"d.e\"]", vec![Kind::Number]),
        ]
        .into_iter()
        .map(|(path, kinds)| (path.to_owned(), kinds.into_iter().collect()))
        .collect();
        assert_eq!(fields(text, 100), (expected, true));
    }

    /// The number of paths is bounded, and it shows when some are left out.
    #[test]
    fn the_limit_holds() {
        let text = "{\"a\":1,\"b\":{\"c\":1}}\n{\"d\":1,\"a\":null}";
        let (found, is_complete) = fields(text, 2);
        assert_eq!(found.len(), 1);
        assert!(!is_complete);
        assert!(fields(text, 4).1);
        assert_eq!(fields("{}\n[]", 4), (vec![], true));
    }
}
