//! Which fields of a message go to which columns.
//!
//! Every scalar that is asked for has a *cell*: 64 bits and a state for each row. The walker writes cells as it meets
//! fields, so that of several values for one field the last one stays, as Protobuf has it; when a block is full, the cells
//! of a column become texts together ([`rows`](super::rows)).
//!
//! The nodes of the message types are shared by everything that is only passed through. The messages that wanted columns
//! lie in get nodes of their own, copies whose fields know their cells.

use std::collections::HashMap;

use super::leaf::{Form, Leaf};
use super::types::{Enum, NONE, Node, Scalar, Types};
use crate::Kind;

/// The value is not there.
pub(super) const ABSENT: u8 = 0;
/// The cell holds the value, or zero: the default.
pub(super) const PRESENT: u8 = 1;
/// The value is the one that the schema declares for fields that are not there.
pub(super) const DEFAULT: u8 = 2;

/// A schema and the columns that are wanted, compiled.
#[derive(Debug)]
pub(super) struct Plan {
    /// The message types, then the messages that wanted columns lie in.
    pub(super) nodes: Vec<Node>,
    pub(super) enums: Vec<Enum>,
    /// The node of a record.
    pub(super) root: u32,
    pub(super) outputs: Vec<Output>,
    /// The state of all cells at the start of a record.
    pub(super) template: Vec<u8>,
    /// How many oneofs have wanted members.
    pub(super) oneofs: usize,
}

/// A wanted column.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub(super) form: Form,
    pub(super) scalar: Scalar,
    /// The first of its cells.
    pub(super) cell: u32,
    pub(super) default: Option<(Kind, String)>,
    /// The field numbers that lead to it.
    pub(super) path: Vec<u32>,
}

impl Plan {
    /// The plan for the columns `wanted`, by their positions in `leaves`.
    pub(super) fn new(types: &Types, leaves: &[Leaf], wanted: &[usize]) -> Plan {
        let mut plan = Plan {
            nodes: types.nodes.clone(),
            enums: types.enums.clone(),
            root: types.nodes.len() as u32,
            outputs: Vec::with_capacity(wanted.len()),
            template: Vec::new(),
            oneofs: 0,
        };
        plan.add_node(0);
        let mut placed = HashMap::new();
        for &leaf in wanted {
            let output = placed
                .entry(leaf)
                .or_insert_with(|| plan.place(&leaves[leaf]))
                .clone();
            plan.outputs.push(output);
        }
        plan.find_oneofs();
        for (cell, state) in plan.nodes[plan.root as usize].defaults.clone() {
            plan.template[cell as usize] = state;
        }
        plan
    }

    /// A copy of a type's node for a message that wanted columns lie in.
    fn add_node(&mut self, of: u32) -> u32 {
        let mut node = self.nodes[of as usize].clone();
        node.is_wanted = true;
        self.nodes.push(node);
        self.nodes.len() as u32 - 1
    }

    /// The wanted node of the messages of a field.
    fn descend(&mut self, node: u32, field: u32) -> u32 {
        let child = self.nodes[node as usize].fields[field as usize].child;
        if self.nodes[child as usize].is_wanted {
            return child;
        }
        let child = self.add_node(child);
        self.nodes[node as usize].fields[field as usize].child = child;
        child
    }

    fn place(&mut self, leaf: &Leaf) -> Output {
        let mut node = self.root;
        let (last, messages) = leaf.path.split_last().expect("a column has a field");
        for &number in messages {
            let field = self.nodes[node as usize].find(number);
            node = self.descend(node, field);
        }
        let field = self.nodes[node as usize].find(*last);
        let scalar = self.nodes[node as usize].fields[field as usize].scalar;
        let cell = match leaf.form {
            Form::Timestamp | Form::Duration => {
                let moment = self.descend(node, field);
                let seconds = self.add_cell(moment, 1, leaf);
                self.add_cell(moment, 2, leaf);
                seconds
            }
            Form::Scalar | Form::Message | Form::Json => self.add_cell(node, *last, leaf),
        };
        Output {
            form: leaf.form,
            scalar,
            cell,
            default: leaf.default.clone(),
            path: leaf.path.clone(),
        }
    }

    fn add_cell(&mut self, node: u32, number: u32, leaf: &Leaf) -> u32 {
        let cell = self.template.len() as u32;
        self.template.push(ABSENT);
        let node = &mut self.nodes[node as usize];
        let field = node.find(number);
        // A `google.protobuf.Timestamp` of somebody's own may lack its fields: then they are never there.
        if let Some(field) = node.fields.get_mut(field as usize) {
            field.cell = cell;
            field.mark = u64::from(leaf.form == Form::Json);
            let default = match (field.has_presence, &leaf.default) {
                (true, None) => None,
                (true, Some(_)) => Some(DEFAULT),
                (false, _) => Some(PRESENT),
            };
            node.defaults.extend(default.map(|state| (cell, state)));
        }
        cell
    }

    /// Numbers the oneofs that wanted columns depend on. A member that nobody asks for matters as well: it takes the place
    /// of one that is asked for.
    fn find_oneofs(&mut self) {
        for at in self.root as usize..self.nodes.len() {
            let node = &self.nodes[at];
            let is_wanted = |field: &super::types::Field| {
                let child = self.nodes.get(field.child as usize);
                field.cell != NONE || child.is_some_and(|child| child.is_wanted)
            };
            let fields = node.fields.iter();
            let mut numbers = HashMap::new();
            for field in fields.filter(|field| field.type_oneof != NONE && is_wanted(field)) {
                let next = (self.oneofs + numbers.len()) as u32;
                numbers.entry(field.type_oneof).or_insert(next);
            }
            self.oneofs += numbers.len();
            for field in &mut self.nodes[at].fields {
                field.oneof = numbers.get(&field.type_oneof).copied().unwrap_or(NONE);
            }
        }
    }
}
