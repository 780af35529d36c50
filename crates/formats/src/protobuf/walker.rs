//! One message: every byte of it judged, wanted values noted in cells.
//!
//! A message is well formed when a parser that knows its type would take it: tags, lengths and groups are right, in all
//! messages in it as well, whether or not a column asks for them; strings are UTF-8; known fields have the wire
//! type of their type (parsers differ on the last one: some take such a field for an unknown one, and lose it).
//! Unknown fields are passed over.

use super::plan::{ABSENT, DEFAULT, PRESENT, Plan};
use super::types::{Field, NONE, Node, Scalar};
use super::wire::{
    BYTES, DEPTH_MAX, FIXED32, FIXED64, GROUP, GROUP_END, Problem, Stop, VARINT, fixed32, fixed64,
    payload, skip, tag, varint,
};

/// Walks through messages, one after the other, and fills the cells of one row after the other.
#[derive(Debug, Default)]
pub(super) struct Walker {
    /// The values of all cells, row after row. Those of texts and bytes are their range: the start in the upper half,
    /// the end in the lower.
    pub(super) values: Vec<u64>,
    /// Their states.
    pub(super) states: Vec<u8>,
    /// For each cell whether one of its texts is not ASCII.
    pub(super) is_wide: Vec<bool>,
    /// The first cell of the row at hand.
    base: usize,
    /// The number of the record at hand.
    record: u64,
    /// For each node the last record that had it.
    entered: Vec<u64>,
    /// For each oneof the last record that had a member of it, and which.
    chosen: Vec<(u64, u32)>,
}

/// Where a message lies: in which node, and in how many others.
#[derive(Clone, Copy)]
struct Place {
    node: u32,
    depth: u32,
    /// The field number of the group that this is, or 0.
    group: u32,
}

impl Walker {
    pub(super) fn new(plan: &Plan, rows: usize) -> Walker {
        let cells = plan.template.len();
        Walker {
            values: vec![0; cells * rows],
            states: vec![ABSENT; cells * rows],
            is_wide: vec![false; cells],
            base: 0,
            record: 0,
            entered: vec![0; plan.nodes.len()],
            chosen: vec![(0, NONE); plan.oneofs],
        }
    }

    /// Reads the message `bytes[start..]` into the cells of `row`.
    ///
    /// # Errors
    /// Why it is no message of this type; the row's cells then mean nothing.
    pub(super) fn record(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        start: usize,
        row: usize,
    ) -> Result<(), Stop> {
        let cells = plan.template.len();
        self.base = row * cells;
        self.record += 1;
        self.values[self.base..self.base + cells].fill(0);
        self.states[self.base..self.base + cells].copy_from_slice(&plan.template);
        let place = Place {
            node: plan.root,
            depth: 0,
            group: 0,
        };
        self.message(plan, bytes, start, place).map(drop)
    }

    /// Reads a message up to the end of `bytes`, or a group up to its end; where that is.
    fn message(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        mut at: usize,
        place: Place,
    ) -> Result<usize, Stop> {
        let node = &plan.nodes[place.node as usize];
        while at < bytes.len() {
            let start = at;
            let (number, wire) = tag(bytes, &mut at)?;
            if wire == GROUP_END {
                return match number == place.group {
                    true => Ok(at),
                    false => Problem::GroupEnd.at(start),
                };
            }
            let index = node.find(number);
            let Some(field) = node.fields.get(index as usize) else {
                skip(bytes, &mut at, number, wire, place.depth)?;
                continue;
            };
            if field.wire != wire {
                if wire > FIXED32 {
                    return Problem::WireType(wire).at(start);
                }
                if wire == BYTES && field.is_packable {
                    let (from, to) = payload(bytes, &mut at)?;
                    check_packed(field, &bytes[..to], from)?;
                    self.set(plan, place.node, index, field, 1);
                    continue;
                }
                let problem = Problem::FieldType {
                    node: place.node,
                    field: index,
                    wire,
                };
                return problem.at(start);
            }
            match wire {
                VARINT => {
                    let value = varint(bytes, &mut at)?;
                    if is_value(plan, field, value) {
                        self.set(plan, place.node, index, field, value);
                    }
                }
                FIXED64 => {
                    let value = fixed64(bytes, &mut at)?;
                    self.set(plan, place.node, index, field, value);
                }
                FIXED32 => {
                    let value = fixed32(bytes, &mut at)?;
                    self.set(plan, place.node, index, field, u64::from(value));
                }
                BYTES => {
                    let (from, to) = payload(bytes, &mut at)?;
                    match field.scalar {
                        Scalar::Text => self.check_text(field, bytes, from, to)?,
                        Scalar::Message => {
                            self.set(plan, place.node, index, field, 1);
                            self.child(plan, &bytes[..to], from, field, place.depth, 0)?;
                        }
                        _ => {}
                    }
                    if field.scalar != Scalar::Message {
                        let range = (from as u64) << 32 | to as u64;
                        self.set(plan, place.node, index, field, range);
                    }
                }
                GROUP => {
                    self.set(plan, place.node, index, field, 1);
                    at = self.child(plan, bytes, at, field, place.depth, number)?;
                }
                _ => unreachable!("no field has wire type {wire}"),
            }
        }
        match place.group {
            0 => Ok(at),
            _ => Problem::Cut.at(at),
        }
    }

    /// Reads a message in a message.
    fn child(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        from: usize,
        field: &Field,
        depth: u32,
        group: u32,
    ) -> Result<usize, Stop> {
        if depth >= DEPTH_MAX {
            return Problem::Depth.at(from);
        }
        let node = &plan.nodes[field.child as usize];
        if node.is_wanted {
            self.enter(node, field.child);
        }
        let place = Place {
            node: field.child,
            depth: depth + 1,
            group,
        };
        self.message(plan, bytes, from, place)
    }

    /// A message that wanted columns lie in is there: what it does not say is the default.
    fn enter(&mut self, node: &Node, index: u32) {
        let entered = &mut self.entered[index as usize];
        if *entered == self.record {
            return;
        }
        *entered = self.record;
        for &(cell, state) in &node.defaults {
            self.values[self.base + cell as usize] = 0;
            self.states[self.base + cell as usize] = state;
        }
    }

    #[inline(always)]
    fn set(&mut self, plan: &Plan, node: u32, index: u32, field: &Field, value: u64) {
        if field.oneof != NONE {
            self.choose(plan, node, index, field.oneof);
        }
        if field.cell != NONE {
            let cell = self.base + field.cell as usize;
            self.values[cell] = value | field.mark;
            self.states[cell] = PRESENT;
        }
    }

    /// Of the members of a oneof only the last one is there.
    fn choose(&mut self, plan: &Plan, node: u32, index: u32, oneof: u32) {
        let chosen = &mut self.chosen[oneof as usize];
        let before = std::mem::replace(chosen, (self.record, index));
        if before.0 == self.record && before.1 != index {
            self.clear(plan, node, before.1);
        }
    }

    /// Forgets a field, and all in it.
    fn clear(&mut self, plan: &Plan, node: u32, index: u32) {
        let node = &plan.nodes[node as usize];
        let field = &node.fields[index as usize];
        if field.cell != NONE {
            let default = node.defaults.iter().find(|(cell, _)| *cell == field.cell);
            let state = match default {
                Some((_, DEFAULT)) => DEFAULT,
                _ => ABSENT,
            };
            self.states[self.base + field.cell as usize] = state;
        }
        let child = plan.nodes.get(field.child as usize);
        if let Some(child) = child.filter(|child| child.is_wanted) {
            self.entered[field.child as usize] = 0;
            for inner in 0..child.fields.len() as u32 {
                self.clear(plan, field.child, inner);
            }
            for &(cell, _) in &child.defaults {
                self.states[self.base + cell as usize] = ABSENT;
            }
        }
    }

    /// Checks that a text is UTF-8, and notes whether it is ASCII.
    #[inline(always)]
    fn check_text(
        &mut self,
        field: &Field,
        bytes: &[u8],
        from: usize,
        to: usize,
    ) -> Result<(), Stop> {
        let text = &bytes[from..to];
        if text.is_ascii() {
            return Ok(());
        }
        if field.cell != NONE {
            self.is_wide[field.cell as usize] = true;
        }
        match simdutf8::compat::from_utf8(text) {
            Ok(_) => Ok(()),
            Err(error) => Problem::Utf8.at(from + error.valid_up_to()),
        }
    }
}

/// Whether a number is a value of its field: one that a closed enum does not know is taken for an unknown field.
#[inline(always)]
fn is_value(plan: &Plan, field: &Field, value: u64) -> bool {
    match field.scalar {
        Scalar::Enum(index) => {
            let kind = &plan.enums[index as usize];
            !kind.is_closed || kind.name(value as i32).is_some()
        }
        _ => true,
    }
}

/// Checks that the bytes from `from` to their end are values without tags.
fn check_packed(field: &Field, bytes: &[u8], from: usize) -> Result<(), Stop> {
    let width = match field.wire {
        FIXED32 => 4,
        FIXED64 => 8,
        _ => {
            let mut at = from;
            while at < bytes.len() {
                varint(bytes, &mut at)?;
            }
            return Ok(());
        }
    };
    match (bytes.len() - from) % width {
        0 => Ok(()),
        _ => Problem::Packed.at(bytes.len()),
    }
}
