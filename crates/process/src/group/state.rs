//! The groups that a worker has met, with the states of their aggregates.
//!
//! A key column numbers its distinct values ([`KeyColumn`]). With one such column a group is the number of its value; with more, pairs
//! of numbers are numbered in turn: (country, year) makes a number, (that, month) another one. So a row finds its group
//! by one lookup of a word for each column, whatever the values are.

use tamis_formats::Block;
use tamis_formats::vector::Misfit;
use xxhash_rust::xxh3::xxh3_64;

use super::aggregate::bytes::{Input, put_bytes, put_u64};
use super::aggregate::{Accumulator, Cells, Written};
use super::key::{Context, KeyColumn};
use super::plan::Plan;
use super::words::{NONE, Words};

/// Groups with their states. Group 0 is none.
#[derive(Debug)]
pub(super) struct Groups {
    pub(super) keys: Vec<KeyColumn>,
    /// What joins the groups of the columns before with each further column.
    joins: Vec<Join>,
    /// Where the first row of each group stands.
    firsts: Vec<u64>,
    pub(super) accumulators: Vec<Accumulator>,
    /// The groups of the block at hand.
    rows: Vec<u32>,
    /// The numbers of a column of it.
    numbers: Vec<u32>,
}

/// Where the values of a key are.
pub(super) enum KeyInput<'k> {
    /// In that column of the block.
    Column(usize),
    Values(Written<'k>),
}

/// Pairs of numbers with their numbers.
#[derive(Debug)]
struct Join {
    words: Words,
    /// The pair of each number.
    pairs: Vec<(u32, u32)>,
}

impl Groups {
    pub(super) fn new(plan: &Plan) -> Groups {
        let keys: Vec<KeyColumn> = plan.keys.iter().map(|key| KeyColumn::new(key.ty)).collect();
        let joins = (1..keys.len()).map(|_| Join::new()).collect();
        let mut groups = Groups {
            keys,
            joins,
            firsts: Vec::new(),
            accumulators: plan.accumulators(),
            rows: Vec::new(),
            numbers: Vec::new(),
        };
        groups.clear();
        groups
    }

    /// Forgets all groups and gives their memory back.
    pub(super) fn clear(&mut self) {
        self.keys.iter_mut().for_each(KeyColumn::clear);
        self.joins.iter_mut().for_each(|join| *join = Join::new());
        self.firsts = vec![0];
        for accumulator in &mut self.accumulators {
            accumulator.reset();
        }
        self.grow();
    }

    /// Without keys there is one group, even of no rows.
    pub(super) fn ensure_one(&mut self) {
        if self.keys.is_empty() && self.len() == 0 {
            self.firsts.push(0);
            self.grow();
        }
    }

    /// How many groups there are.
    pub(super) fn len(&self) -> usize {
        self.firsts.len() - 1
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let keys = self.keys.iter().map(KeyColumn::memory_bytes).sum::<usize>();
        let joins = self.joins.iter().map(Join::memory_bytes).sum::<usize>();
        let states = self.accumulators.iter().map(Accumulator::memory_bytes);
        keys + joins + 8 * self.firsts.capacity() + states.sum::<usize>()
    }

    /// Finds the group of each row by its keys, 0 for rows that are not `selected`; the first row stands at `order`.
    ///
    /// # Errors
    /// The first misfit of each key column that has one, with its number.
    pub(super) fn find(
        &mut self,
        block: &Block<'_>,
        inputs: &mut [KeyInput<'_>],
        selected: Option<&[u64]>,
        order: u64,
        context: &mut Context<'_>,
    ) -> Result<(), Vec<(usize, Misfit)>> {
        let mut misfits = Vec::new();
        if self.keys.is_empty() {
            let is_selected = |row: usize| {
                selected.is_none_or(|selected| selected[row / 64] >> (row % 64) & 1 == 1)
            };
            self.rows.clear();
            self.rows
                .extend((0..block.rows).map(|row| u32::from(is_selected(row))));
        }
        for (at, (key, input)) in self.keys.iter_mut().zip(inputs).enumerate() {
            let out = match at {
                0 => &mut self.rows,
                _ => &mut self.numbers,
            };
            let numbered = match input {
                KeyInput::Column(column) => key.numbers(block, *column, selected, context, out),
                KeyInput::Values(values) => {
                    key.numbers_of_values(values, selected, out);
                    Ok(())
                }
            };
            if let Err(misfit) = numbered {
                misfits.push((at, misfit));
            } else if at > 0 && misfits.is_empty() {
                self.joins[at - 1].join(&mut self.rows, &self.numbers);
            }
        }
        if !misfits.is_empty() {
            return Err(misfits);
        }
        if self.count() > self.len() {
            for (row, &group) in self.rows.iter().enumerate() {
                // Groups are numbered in the order of their first rows.
                if group as usize == self.firsts.len() {
                    self.firsts.push(order + row as u64);
                }
            }
            self.grow();
        }
        Ok(())
    }

    /// The groups of the rows that [`find`](Self::find) saw, and what takes their values.
    pub(super) fn rows_and_accumulators(&mut self) -> (&[u32], &mut [Accumulator]) {
        (&self.rows, &mut self.accumulators)
    }

    /// The groups that keys have been numbered for.
    fn count(&self) -> usize {
        match (self.joins.last(), self.keys.first()) {
            (Some(join), _) => join.pairs.len() - 1,
            (None, Some(key)) => key.values().len(),
            (None, None) => 1,
        }
    }

    fn grow(&mut self) {
        let groups = self.firsts.len();
        self.accumulators
            .iter_mut()
            .for_each(|accumulator| accumulator.grow(groups));
    }

    /// Appends the values of a group's key.
    fn write_key(&self, group: u32, out: &mut Vec<u8>) {
        self.each_number(group, |key, number| match key.values().get(number) {
            None => out.push(0),
            Some(text) => {
                out.push(1);
                put_bytes(text, out);
            }
        });
    }

    /// The numbers of a group's values, by column.
    fn each_number(&self, group: u32, mut visit: impl FnMut(&KeyColumn, u32)) {
        let mut numbers = [NONE; 8];
        let mut more = Vec::new();
        let numbers: &mut [u32] = match self.keys.len() {
            count @ 0..=8 => &mut numbers[..count],
            count => {
                more.resize(count, NONE);
                &mut more
            }
        };
        let mut rest = group;
        for (at, join) in self.joins.iter().enumerate().rev() {
            let (before, number) = join.pairs[rest as usize];
            numbers[at + 1] = number;
            rest = before;
        }
        if let Some(first) = numbers.first_mut() {
            *first = rest;
        }
        self.keys
            .iter()
            .zip(&*numbers)
            .for_each(|(key, &number)| visit(key, number));
    }

    /// Appends a group and its states.
    pub(super) fn write(&self, group: u32, out: &mut Vec<u8>) {
        self.write_key(group, out);
        put_u64(self.firsts[group as usize], out);
        self.accumulators
            .iter()
            .for_each(|accumulator| accumulator.write(group, out));
    }

    /// The hash of a written group's key, the same wherever the group was.
    pub(super) fn hash_of_written(bytes: &[u8], keys: usize) -> u64 {
        let mut input = Input(bytes);
        for _ in 0..keys {
            if input.u8() == 1 {
                input.bytes();
            }
        }
        xxh3_64(&bytes[..bytes.len() - input.0.len()])
    }

    /// Takes a group that was written; `rank` says what orders stand for.
    pub(super) fn absorb(&mut self, bytes: &[u8], rank: &dyn Fn(u64) -> u64) {
        let mut input = Input(bytes);
        let mut group = u32::from(self.keys.is_empty());
        for at in 0..self.keys.len() {
            let values = self.keys[at].values_mut();
            let number = match input.u8() {
                0 => values.intern_null(),
                _ => values.intern(input.bytes()),
            };
            group = match at {
                0 => number,
                _ => self.joins[at - 1].number(group, number),
            };
        }
        let first = input.u64();
        match self.firsts.get_mut(group as usize) {
            Some(known) if rank(first) < rank(*known) => *known = first,
            Some(_) => {}
            None => {
                self.firsts.push(first);
                self.grow();
            }
        }
        for accumulator in &mut self.accumulators {
            accumulator.absorb(group, &mut input, rank);
        }
    }

    /// Where the first row of a group stands.
    pub(super) fn first(&self, group: u32) -> u64 {
        self.firsts[group as usize]
    }

    /// What a group comes to: its key and its figures.
    pub(super) fn finish(&self, group: u32, plan: &Plan, cells: &mut Cells) {
        cells.clear();
        let mut keys = plan.keys.iter();
        self.each_number(group, |key, number| {
            let is_bare = keys.next().is_some_and(|key| key.is_bare());
            match key.values().get(number) {
                None => cells.null(),
                Some(text) if is_bare => cells.bare(text),
                Some(text) => cells.text(text),
            }
        });
        for figure in &plan.figures {
            let accumulator = &self.accumulators[figure.accumulator];
            accumulator.finish(group, figure.function, figure.is_bare, cells);
        }
    }
}

impl Join {
    fn new() -> Join {
        Join {
            words: Words::default(),
            pairs: vec![(NONE, NONE)],
        }
    }

    fn memory_bytes(&self) -> usize {
        self.words.memory_bytes() + 8 * self.pairs.capacity()
    }

    /// Replaces each of `rows` by the number of its pair with that of `numbers`.
    fn join(&mut self, rows: &mut [u32], numbers: &[u32]) {
        for (row, &number) in rows.iter_mut().zip(numbers) {
            *row = match *row {
                NONE => NONE,
                before => self.number(before, number),
            };
        }
    }

    #[inline]
    fn number(&mut self, before: u32, number: u32) -> u32 {
        let word = u64::from(before) << 32 | u64::from(number);
        match self.words.find(word) {
            NONE => {
                let new = self.pairs.len() as u32;
                self.pairs.push((before, number));
                self.words.insert(word, new);
                new
            }
            known => known,
        }
    }
}
