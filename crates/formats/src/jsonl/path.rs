//! Where in a record a value stands, and the tree that many such paths make.

use std::fmt;

/// The keys that lead from a record's root to a value, as in `customer.address.city`.
///
/// Only objects have keys: a path does not lead into arrays. The empty path is the record itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    keys: Vec<String>,
}

impl Path {
    /// A path from its keys, outermost first, as they are once decoded.
    pub fn new<K: Into<String>>(keys: impl IntoIterator<Item = K>) -> Self {
        Self {
            keys: keys.into_iter().map(Into::into).collect(),
        }
    }

    /// The keys, outermost first.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }
}

impl fmt::Display for Path {
    /// Keys joined by dots; a key that holds a dot or a quote, or is empty, as `["key"]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, key) in self.keys.iter().enumerate() {
            if key.is_empty() || key.contains(['.', '[', '"']) {
                write!(f, "[{key:?}]")?;
            } else {
                let dot = if position == 0 { "" } else { "." };
                write!(f, "{dot}{key}")?;
            }
        }
        Ok(())
    }
}

/// The record itself.
pub(super) const ROOT: usize = 0;

/// Paths as a tree: what to do with each key while walking through a record.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
}

/// A value that is wanted, or that wanted values are in.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// The object this value is in; the root is its own.
    pub(super) parent: usize,
    /// The column this value goes to.
    pub(super) column: Option<usize>,
    /// How many containers are open inside this value, itself included, if it is an object.
    pub(super) depth: usize,
    /// Wanted keys, sorted, with their nodes. Looked up only where a record differs from those before.
    children: Vec<(Box<[u8]>, usize)>,
}

impl Node {
    fn new(parent: usize, depth: usize) -> Self {
        Self {
            parent,
            column: None,
            depth,
            children: Vec::new(),
        }
    }

    /// Whether wanted values are inside this one.
    #[inline]
    pub(super) fn is_branch(&self) -> bool {
        !self.children.is_empty()
    }
}

impl Tree {
    /// The tree of some paths; the column of a path is its position. A path that comes twice gets
    /// its first column; the second is in the list of (copy, original).
    pub(super) fn new(paths: &[Path]) -> (Self, Vec<(usize, usize)>) {
        let mut tree = Self {
            nodes: vec![Node::new(ROOT, 1)],
        };
        let mut copies = Vec::new();
        for (column, path) in paths.iter().enumerate() {
            let mut node = ROOT;
            for key in path.keys() {
                node = tree.insert(node, key.as_bytes());
            }
            match tree.nodes[node].column {
                Some(original) => copies.push((column, original)),
                None => tree.nodes[node].column = Some(column),
            }
        }
        (tree, copies)
    }

    /// The node of a key, made if need be.
    fn insert(&mut self, parent: usize, key: &[u8]) -> usize {
        let created = self.nodes.len();
        let depth = self.nodes[parent].depth + 1;
        let children = &mut self.nodes[parent].children;
        match children.binary_search_by(|(known, _)| (**known).cmp(key)) {
            Ok(position) => children[position].1,
            Err(position) => {
                children.insert(position, (key.into(), created));
                self.nodes.push(Node::new(parent, depth));
                created
            }
        }
    }

    /// The node of a decoded key, if it is wanted.
    pub(super) fn child(&self, parent: usize, key: &[u8]) -> Option<usize> {
        let children = &self.nodes[parent].children;
        let position = children.binary_search_by(|(known, _)| (**known).cmp(key));
        position.ok().map(|position| children[position].1)
    }

    /// A node by its number.
    #[inline(always)]
    pub(super) fn node(&self, node: usize) -> &Node {
        &self.nodes[node]
    }

    /// Number of nodes.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }
}
