//! The least and the greatest: of numbers by value, of moments by when, of texts byte by byte.

use std::collections::HashMap;

use tamis_engine::number::Decimal;
use tamis_formats::vector::{Values, Vector};

use super::bytes::{Input, put_bytes, put_u64};
use super::{Cells, Written};
use crate::group::decimals::Decimals;

/// Which end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::group) enum End {
    Least,
    Greatest,
}

impl End {
    #[inline(always)]
    fn is_beyond<T: PartialOrd + ?Sized>(self, one: &T, other: &T) -> bool {
        match self {
            End::Least => one < other,
            End::Greatest => one > other,
        }
    }
}

/// The ends of numbers.
#[derive(Debug)]
pub(in crate::group) struct NumberEnds {
    end: End,
    scale: u8,
    ends: Vec<Option<i64>>,
    /// Of numbers that fit no unit.
    others: HashMap<u32, Decimal>,
}

impl NumberEnds {
    pub(super) fn new(end: End) -> NumberEnds {
        NumberEnds {
            end,
            scale: 0,
            ends: Vec::new(),
            others: HashMap::new(),
        }
    }

    pub(super) fn reset(&mut self) {
        *self = NumberEnds::new(self.end);
    }

    pub(super) fn grow(&mut self, groups: usize) {
        self.ends.resize(groups, None);
    }

    pub(super) fn take(&mut self, groups: &[u32], numbers: &Decimals) {
        if numbers.scale > self.scale {
            self.set_scale(numbers.scale);
        }
        let end = self.end;
        let rows = groups.iter().zip(&numbers.mantissas).enumerate();
        for (row, (&group, &mantissa)) in rows {
            let known = &mut self.ends[group as usize];
            let is_beyond = known.is_none_or(|known| end.is_beyond(&mantissa, &known));
            if is_beyond && numbers.is_plain(row) {
                *known = Some(mantissa);
            }
        }
        for (row, number) in &numbers.others {
            self.take_other(groups[*row], number.clone());
        }
    }

    fn take_other(&mut self, group: u32, number: Decimal) {
        match self.others.get_mut(&group) {
            Some(known) if !self.end.is_beyond(&number, known) => {}
            Some(known) => *known = number,
            None => drop(self.others.insert(group, number)),
        }
    }

    fn set_scale(&mut self, scale: u8) {
        let factor = 10_i64.pow(u32::from(scale - self.scale));
        for group in 0..self.ends.len() {
            let Some(end) = self.ends[group] else {
                continue;
            };
            self.ends[group] = end.checked_mul(factor);
            if self.ends[group].is_none() {
                self.take_other(group as u32, decimal(end, self.scale));
            }
        }
        self.scale = scale;
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.ends.capacity() * size_of::<Option<i64>>() + self.others.len() * 96
    }

    fn end(&self, group: u32) -> Option<Decimal> {
        let plain = self.ends[group as usize].map(|end| decimal(end, self.scale));
        match (plain, self.others.get(&group)) {
            (Some(plain), Some(other)) => Some(match self.end.is_beyond(other, &plain) {
                true => other.clone(),
                false => plain,
            }),
            (plain, other) => plain.or_else(|| other.cloned()),
        }
    }

    pub(super) fn write(&self, group: u32, out: &mut Vec<u8>) {
        match (self.ends[group as usize], self.others.get(&group)) {
            (None, None) => out.push(0),
            (Some(end), None) => {
                out.extend_from_slice(&[1, self.scale]);
                put_u64(end.cast_unsigned(), out);
            }
            _ => {
                out.push(2);
                let end = self.end(group).expect("there is one");
                put_bytes(end.to_string().as_bytes(), out);
            }
        }
    }

    pub(super) fn absorb(&mut self, group: u32, input: &mut Input<'_>) {
        match input.u8() {
            0 => {}
            1 => {
                let scale = input.u8();
                if scale > self.scale {
                    self.set_scale(scale);
                }
                let mantissa = input.u64().cast_signed();
                let factor = 10_i64.pow(u32::from(self.scale - scale));
                match mantissa.checked_mul(factor) {
                    None => self.take_other(group, decimal(mantissa, scale)),
                    Some(mantissa) => {
                        let known = &mut self.ends[group as usize];
                        if known.is_none_or(|known| self.end.is_beyond(&mantissa, &known)) {
                            *known = Some(mantissa);
                        }
                    }
                }
            }
            _ => {
                let number = Decimal::parse(input.bytes()).expect("it was written so");
                self.take_other(group, number);
            }
        }
    }

    pub(super) fn finish(&self, group: u32, cells: &mut Cells) {
        match self.end(group) {
            Some(end) => cells.bare(end.to_string().as_bytes()),
            None => cells.null(),
        }
    }
}

pub(super) fn decimal(mantissa: i64, scale: u8) -> Decimal {
    Decimal::parse(format!("{mantissa}e-{scale}").as_bytes()).expect("it is written as a number")
}

/// The ends of doubles.
#[derive(Debug)]
pub(in crate::group) struct DoubleEnds {
    end: End,
    ends: Vec<Option<f64>>,
}

impl DoubleEnds {
    pub(super) fn new(end: End) -> DoubleEnds {
        DoubleEnds {
            end,
            ends: Vec::new(),
        }
    }

    pub(super) fn reset(&mut self) {
        *self = DoubleEnds::new(self.end);
    }

    pub(super) fn grow(&mut self, groups: usize) {
        self.ends.resize(groups, None);
    }

    pub(super) fn take(&mut self, groups: &[u32], vector: &Vector, values: &[f64]) {
        for (row, (&group, &value)) in groups.iter().zip(values).enumerate() {
            if !vector.is_null(row) {
                self.add(group, value);
            }
        }
    }

    fn add(&mut self, group: u32, value: f64) {
        let known = &mut self.ends[group as usize];
        if known.is_none_or(|known| self.end.is_beyond(&value, &known)) {
            *known = Some(value);
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.ends.capacity() * size_of::<Option<f64>>()
    }

    pub(super) fn write(&self, group: u32, out: &mut Vec<u8>) {
        match self.ends[group as usize] {
            None => out.push(0),
            Some(end) => {
                out.push(1);
                put_u64(end.to_bits(), out);
            }
        }
    }

    pub(super) fn absorb(&mut self, group: u32, input: &mut Input<'_>) {
        if input.u8() == 1 {
            let end = f64::from_bits(input.u64());
            self.add(group, end);
        }
    }

    pub(super) fn finish(&self, group: u32, cells: &mut Cells) {
        match self.ends[group as usize] {
            Some(end) => cells.double(end),
            None => cells.null(),
        }
    }
}

/// The ends of anything else: what it is ordered by, and how it is written.
///
/// Of values that are equal but written differently the order of the texts decides, so that the order of rows does not.
#[derive(Debug)]
pub(in crate::group) struct TextEnds {
    end: End,
    ends: Vec<Option<(i64, Box<[u8]>)>>,
    text_bytes: usize,
}

impl TextEnds {
    pub(super) fn new(end: End) -> TextEnds {
        TextEnds {
            end,
            ends: Vec::new(),
            text_bytes: 0,
        }
    }

    pub(super) fn reset(&mut self) {
        *self = TextEnds::new(self.end);
    }

    pub(super) fn grow(&mut self, groups: usize) {
        self.ends.resize(groups, None);
    }

    pub(super) fn take(&mut self, groups: &[u32], values: &mut Written<'_>) {
        let vector = values.vector;
        for (row, &group) in groups.iter().enumerate() {
            if group == 0 || vector.is_null(row) {
                continue;
            }
            let value = match &vector.values {
                Values::Date(values) | Values::Time(values) | Values::Timestamp(values) => {
                    values[row]
                }
                Values::Integer(values) => values[row],
                _ => 0,
            };
            // Most values are not beyond the end, and most of these can be told without their text.
            let known = &self.ends[group as usize];
            if known
                .as_ref()
                .is_some_and(|(known, _)| self.end.is_beyond(known, &value))
            {
                continue;
            }
            let text = values.text(row);
            let is_beyond = known.as_ref().is_none_or(|(known, known_text)| {
                self.end.is_beyond(&(value, text), &(*known, &**known_text))
            });
            if is_beyond {
                self.set(group, value, text);
            }
        }
    }

    fn set(&mut self, group: u32, value: i64, text: &[u8]) {
        let known = &mut self.ends[group as usize];
        self.text_bytes -= known.as_ref().map_or(0, |(_, text)| text.len() + 16);
        self.text_bytes += text.len() + 16;
        *known = Some((value, text.into()));
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.ends.capacity() * size_of::<Option<(i64, Box<[u8]>)>>() + self.text_bytes
    }

    pub(super) fn write(&self, group: u32, out: &mut Vec<u8>) {
        match &self.ends[group as usize] {
            None => out.push(0),
            Some((value, text)) => {
                out.push(1);
                put_u64(value.cast_unsigned(), out);
                put_bytes(text, out);
            }
        }
    }

    pub(super) fn absorb(&mut self, group: u32, input: &mut Input<'_>) {
        if input.u8() == 0 {
            return;
        }
        let (value, text) = (input.u64().cast_signed(), input.bytes());
        let known = self.ends[group as usize].as_ref();
        let is_beyond = known.is_none_or(|(known, known_text)| {
            self.end.is_beyond(&(value, text), &(*known, &**known_text))
        });
        if is_beyond {
            self.set(group, value, text);
        }
    }

    pub(super) fn finish(&self, group: u32, is_bare: bool, cells: &mut Cells) {
        match &self.ends[group as usize] {
            None => cells.null(),
            Some((_, text)) if is_bare => cells.bare(text),
            Some((_, text)) => cells.text(text),
        }
    }
}
