//! The first and the last value, in the order of the input.

use super::bytes::{Input, put_bytes, put_u64};
use super::ends::decimal;
use super::{Cells, Written};
use crate::group::decimals::Decimals;

/// Which of the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::group) enum Pick {
    First,
    Last,
}

/// The picked values of all groups.
#[derive(Debug)]
pub(in crate::group) struct Picks {
    pick: Pick,
    /// Where each stands, and its text.
    picks: Vec<Option<(u64, Box<[u8]>)>>,
    text_bytes: usize,
}

impl Picks {
    pub(super) fn new(pick: Pick) -> Picks {
        Picks {
            pick,
            picks: Vec::new(),
            text_bytes: 0,
        }
    }

    pub(super) fn reset(&mut self) {
        *self = Picks::new(self.pick);
    }

    pub(super) fn grow(&mut self, groups: usize) {
        self.picks.resize(groups, None);
    }

    /// Takes values of rows that stand behind all rows taken before; the first stands at `order`.
    pub(super) fn take(&mut self, groups: &[u32], order: u64, values: &mut Written<'_>) {
        for (row, &group) in groups.iter().enumerate() {
            if self.wants(group) && !values.vector.is_null(row) {
                self.set(group, order + row as u64, values.text(row));
            }
        }
    }

    /// As [`take`](Self::take), for numbers.
    pub(super) fn take_numbers(&mut self, groups: &[u32], order: u64, numbers: &Decimals) {
        let mut others = numbers.others.iter().peekable();
        for (row, &group) in groups.iter().enumerate() {
            let other = others.next_if(|(other, _)| *other == row);
            if !self.wants(group) {
                continue;
            }
            if let Some((_, number)) = other {
                self.set(group, order + row as u64, number.to_string().as_bytes());
            } else if numbers.is_plain(row) {
                let number = decimal(numbers.mantissas[row], numbers.scale);
                self.set(group, order + row as u64, number.to_string().as_bytes());
            }
        }
    }

    fn wants(&self, group: u32) -> bool {
        group != 0 && (self.pick == Pick::Last || self.picks[group as usize].is_none())
    }

    fn set(&mut self, group: u32, order: u64, text: &[u8]) {
        let known = &mut self.picks[group as usize];
        match known {
            // The last value comes often; its buffer mostly fits the next one.
            Some((known_order, known)) if known.len() == text.len() => {
                *known_order = order;
                known.copy_from_slice(text);
            }
            _ => {
                self.text_bytes -= known.as_ref().map_or(0, |(_, text)| text.len() + 16);
                self.text_bytes += text.len() + 16;
                *known = Some((order, text.into()));
            }
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.picks.capacity() * size_of::<Option<(u64, Box<[u8]>)>>() + self.text_bytes
    }

    pub(super) fn write(&self, group: u32, out: &mut Vec<u8>) {
        match &self.picks[group as usize] {
            None => out.push(0),
            Some((order, text)) => {
                out.push(1);
                put_u64(*order, out);
                put_bytes(text, out);
            }
        }
    }

    /// `rank` says what the orders stand for.
    pub(super) fn absorb(&mut self, group: u32, input: &mut Input<'_>, rank: &dyn Fn(u64) -> u64) {
        if input.u8() == 0 {
            return;
        }
        let (order, text) = (input.u64(), input.bytes());
        let is_wanted = self.picks[group as usize]
            .as_ref()
            .is_none_or(|(known, _)| match self.pick {
                Pick::First => rank(order) < rank(*known),
                Pick::Last => rank(order) > rank(*known),
            });
        if is_wanted {
            self.set(group, order, text);
        }
    }

    pub(super) fn finish(&self, group: u32, is_bare: bool, cells: &mut Cells) {
        match &self.picks[group as usize] {
            None => cells.null(),
            Some((_, text)) if is_bare => cells.bare(text),
            Some((_, text)) => cells.text(text),
        }
    }
}
