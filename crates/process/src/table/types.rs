//! The types of columns: of the values there are, and of those that did not fit.

use std::collections::HashSet;

use tamis_engine::pipeline::Flow;
use tamis_formats::jsonl::{self, Path};
use tamis_formats::vector::{Reader, Type, Vector};
use tamis_formats::{Block, Malformed, Visitor};

use super::open::KEYS_MAX;
use super::{Layout, Readers, Table};
use crate::infer::tree::tree_order;
use crate::{Error, Result};

/// A value that is not of its column's type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The input's name.
    pub input: String,
    /// The column of the table.
    pub column: usize,
    /// The row of the input, from 1.
    pub row: u64,
    /// The value.
    pub value: String,
}

/// How a run that trusts its types ended.
#[derive(Debug)]
pub enum Attempt<T> {
    /// Well.
    Done(T),
    /// With a value of another type.
    Misfit(Misfit),
}

/// Runs `attempt`; should a value not fit its column's type, finds the types of all records in the `wanted` columns and
/// runs it again, if `may_repeat`: what the first run wrote must be as if it had not been.
///
/// # Errors
/// Those of `attempt`; [`Error::Misfit`] if it cannot be repeated, or the column's type is declared.
pub fn settle<T>(
    table: &mut Table<'_>,
    wanted: &[usize],
    may_repeat: bool,
    mut attempt: impl FnMut(&mut Table<'_>) -> Result<Attempt<T>>,
) -> Result<T> {
    let misfit = match attempt(table)? {
        Attempt::Done(done) => return Ok(done),
        Attempt::Misfit(misfit) => misfit,
    };
    if !may_repeat || !table.is_repeatable() || table.columns[misfit.column].is_declared {
        return Err(misfit.error(table));
    }
    table.read_types(wanted)?;
    match attempt(table)? {
        Attempt::Done(done) => Ok(done),
        Attempt::Misfit(misfit) => Err(misfit.error(table)),
    }
}

impl Misfit {
    /// What this means for whoever cannot widen the type.
    pub fn error(self, table: &Table<'_>) -> Error {
        let column = &table.columns[self.column];
        Error::Misfit {
            input: self.input,
            row: self.row,
            column: column.name.clone(),
            value: self.value,
            ty: column.ty,
            is_declared: column.is_declared,
        }
    }
}

impl Table<'_> {
    /// Finds the types of these columns in all records, but for those that are declared.
    ///
    /// # Errors
    /// As [`scan`](Table::scan).
    pub fn read_types(&mut self, wanted: &[usize]) -> Result<()> {
        let is_open = |column: &usize| !self.columns[*column].is_declared;
        let wanted: Vec<usize> = wanted.iter().copied().filter(is_open).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let readers = self.readers();
        let mut types = vec![Type::Null; wanted.len()];
        self.scan(
            &wanted,
            |layout| Typist::new(&readers, layout),
            |typist, piece| {
                typist.types.fill(Type::Null);
                piece.visit(typist)?;
                Ok(typist.types.clone())
            },
            |found, _| {
                for (ty, found) in types.iter_mut().zip(found) {
                    *ty = ty.join(found);
                }
                Ok(Flow::Continue)
            },
        )?;
        self.widen(&wanted, &types);
        Ok(())
    }

    /// Finds the columns that all records of JSON lines have together, with their types.
    ///
    /// # Errors
    /// As [`scan`](Table::scan); [`Error::TooManyKeys`].
    pub(super) fn discover(&mut self) -> Result<()> {
        let kernel = self.options.kernel;
        let mut paths = self.paths.clone();
        let mut are_known: HashSet<Path> = paths.iter().cloned().collect();
        let mut is_complete = true;
        self.scan(
            &[],
            |_| (),
            |(), piece| {
                let bytes = piece.bytes().unwrap_or_default();
                Ok(jsonl::discover(bytes, KEYS_MAX, kernel))
            },
            |found, _| {
                is_complete &= found.is_complete;
                for (path, _) in found.fields {
                    if are_known.insert(path.clone()) {
                        paths.push(path);
                    }
                }
                match is_complete && paths.len() <= KEYS_MAX {
                    true => Ok(Flow::Continue),
                    false => Ok(Flow::Stop),
                }
            },
        )?;
        let before = self.columns.len();
        // What is known keeps its place; the rest stands as if all records were one chunk.
        let keys: Vec<_> = paths.iter().map(|path| (path.keys(), 0)).collect();
        let added = tree_order(&keys).into_iter().filter(|&at| at >= before);
        let added: Vec<Path> = added.map(|at| paths[at].clone()).collect();
        paths.truncate(before);
        paths.extend(added);
        self.set_paths(paths, is_complete)?;
        let added: Vec<usize> = (before..self.columns.len()).collect();
        match added.is_empty() {
            true => Ok(()),
            false => self.read_types(&added),
        }
    }

    /// Widens types by those of more values.
    pub(super) fn widen(&mut self, wanted: &[usize], types: &[Type]) {
        for (&column, &ty) in wanted.iter().zip(types) {
            let column = &mut self.columns[column];
            if !column.is_declared {
                column.ty = column.ty.join(ty);
            }
        }
    }
}

/// Finds the types of the columns of blocks: reads each as what it was so far, and widens that while something does not
/// fit.
pub(super) struct Typist {
    fields: Vec<usize>,
    reader: Reader,
    vector: Vector,
    pub(super) types: Vec<Type>,
}

impl Typist {
    pub(super) fn new(readers: &Readers, layout: &Layout) -> Typist {
        Typist {
            fields: layout.fields.clone(),
            reader: readers.of(layout),
            vector: Vector::default(),
            types: vec![Type::Null; layout.fields.len()],
        }
    }
}

impl Visitor for Typist {
    fn block(&mut self, block: &Block<'_>) {
        for (&field, ty) in self.fields.iter().zip(&mut self.types) {
            // Ends: a misfit widens the type, and text takes everything.
            while let Err(misfit) = self.reader.read(block, field, *ty, &mut self.vector) {
                *ty = ty.join(misfit.ty);
            }
        }
    }

    /// What cannot be split into fields has no say.
    fn malformed(&mut self, _: &Malformed<'_>) {}
}
