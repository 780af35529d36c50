//! The keys of a mapping, handed out one by one.
//!
//! Whoever reads a mapping asks for the keys it knows; [`Fields::finish`] then sorts the rest into
//! descriptive keys, which are carried along, and unknown ones, which are errors.

use std::ops::Range;

use crate::model::Extra;

use super::reader::Reader;
use super::yaml::{Data, Key, Node};

/// A mapping being read.
pub(super) struct Fields<'n> {
    entries: &'n [(Key, Node)],
    /// Keys asked for so far: what a misspelt key may have meant.
    asked: Vec<&'static str>,
    /// The whole mapping.
    pub(super) span: Range<usize>,
}

impl<'n> Fields<'n> {
    /// The keys of `node`, which must be a mapping; `what` names it in the message if it is not.
    pub(super) fn of(reader: &mut Reader<'_>, what: &str, node: &'n Node) -> Option<Self> {
        match &node.data {
            Data::Map(entries) => Some(Self {
                entries,
                asked: Vec::new(),
                span: node.span.clone(),
            }),
            _ => {
                reader.wrong_type(what, node, "a mapping");
                None
            }
        }
    }

    /// The value of a key; `None` if it is missing or null.
    pub(super) fn take(&mut self, name: &'static str) -> Option<&'n Node> {
        self.take_entry(name).map(|(_, node)| node)
    }

    /// The key and value of a key; `None` if it is missing or null.
    pub(super) fn take_entry(&mut self, name: &'static str) -> Option<(&'n Key, &'n Node)> {
        self.asked.push(name);
        self.entries
            .iter()
            .find(|(key, node)| key.text == name && !node.is_null())
            .map(|(key, node)| (key, node))
    }

    /// The text of a key.
    pub(super) fn text(&mut self, reader: &mut Reader<'_>, name: &'static str) -> Option<String> {
        self.take(name).and_then(|node| reader.text_of(name, node))
    }

    /// The boolean of a key.
    pub(super) fn boolean(&mut self, reader: &mut Reader<'_>, name: &'static str) -> Option<bool> {
        self.take(name)
            .and_then(|node| reader.boolean_of(name, node))
    }

    /// The whole number of a key.
    pub(super) fn count(&mut self, reader: &mut Reader<'_>, name: &'static str) -> Option<u64> {
        self.take(name).and_then(|node| reader.count_of(name, node))
    }

    /// The elements of a key's list, none if it is missing.
    pub(super) fn list(&mut self, reader: &mut Reader<'_>, name: &'static str) -> &'n [Node] {
        self.take(name)
            .map_or(&[], |node| reader.list_of(name, node))
    }

    /// Whether the mapping has a key, without asking for it.
    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|(key, _)| key.text == name)
    }

    /// Every entry nobody asked for.
    pub(super) fn rest(&self) -> impl Iterator<Item = &'n (Key, Node)> + use<'n, '_> {
        self.entries
            .iter()
            .filter(|(key, _)| !self.asked.contains(&key.text.as_str()))
    }

    /// Every entry.
    pub(super) fn all(&self) -> impl Iterator<Item = &'n (Key, Node)> + use<'n> {
        self.entries.iter()
    }

    /// Whether somebody asked for this key.
    pub(super) fn is_asked(&self, name: &str) -> bool {
        self.asked.contains(&name)
    }

    /// Carries the `descriptive` keys along and reports every other key nobody asked for.
    pub(super) fn finish(self, reader: &mut Reader<'_>, descriptive: &[&'static str]) -> Extra {
        let mut extra = Extra::new();
        for (key, node) in self.rest() {
            if descriptive.contains(&key.text.as_str()) {
                extra.push((key.text.clone(), node.value()));
            } else {
                let known: Vec<_> = self.asked.iter().chain(descriptive).copied().collect();
                reader.unknown("unknown-key", &key.span, "key", &key.text, &known);
            }
        }
        extra
    }
}
