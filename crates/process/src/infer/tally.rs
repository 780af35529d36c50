//! The merge half: all parts so far, as columns by name.

use std::collections::HashMap;

use tamis_engine::control::Progress;
use tamis_engine::pipeline::Flow;

use super::InferOptions;
use super::column::Column;
use super::keys::{Candidates, Keys};
use super::nulls::Tokens;
use super::tree::{self, Member};
use super::worker::{Layout, Part};

/// What the inputs are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Texts in columns.
    Csv,
    /// Trees of values.
    Jsonl,
    /// Values in columns.
    File,
}

impl Kind {
    pub(super) fn of(layout: &Layout) -> Kind {
        match layout {
            Layout::Csv { .. } => Kind::Csv,
            Layout::Jsonl => Kind::Jsonl,
            Layout::File => Kind::File,
        }
    }
}

/// All parts so far.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) kind: Kind,
    /// Malformed records included.
    pub(super) rows_total: u64,
    pub(super) malformed: u64,
    /// Names of the columns of CSV and files, in the order of their first appearance.
    pub(super) names: Vec<String>,
    /// Where each of them is.
    places: HashMap<String, usize>,
    /// These columns.
    pub(super) columns: Vec<Column>,
    /// Those of JSON lines.
    pub(super) root: Member,
    pub(super) has_too_many_keys: bool,
    members: usize,
    /// Records that have a say, of the inputs before the one at hand.
    rows_before: u64,
    keys: Keys,
    /// The most values of a column that are listed.
    pub(super) listed_max: usize,
    /// Null tokens that are counted.
    tokens: usize,
}

impl Tally {
    pub(super) fn new(kind: Kind, tokens: &Tokens, options: &InferOptions) -> Tally {
        Tally {
            kind,
            rows_total: 0,
            malformed: 0,
            names: Vec::new(),
            places: HashMap::new(),
            columns: Vec::new(),
            root: Member::default(),
            has_too_many_keys: false,
            members: 0,
            rows_before: 0,
            keys: Keys::new(options.memory_bytes, options.spill_dir.clone()),
            listed_max: options.listed_max,
            tokens: tokens.texts.len(),
        }
    }

    /// Records that have a say.
    pub(super) fn rows(&self) -> u64 {
        self.rows_total - self.malformed
    }

    /// Whether there is a column of that name.
    pub(super) fn has_column(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// Which column each of the next input's is; `None`: it repeats a name.
    pub(super) fn start_input(
        &mut self,
        names: &[String],
        duplicates: &[usize],
    ) -> Vec<Option<usize>> {
        self.rows_before = self.rows();
        let mut places = Vec::with_capacity(names.len());
        for (index, name) in names.iter().enumerate() {
            if duplicates.binary_search(&index).is_ok() {
                places.push(None);
                continue;
            }
            let known = self.places.get(name).copied();
            places.push(Some(known.unwrap_or_else(|| {
                self.places.insert(name.clone(), self.names.len());
                self.names.push(name.clone());
                let mut column = Column::new(self.tokens);
                column.absent = self.rows_before;
                self.columns.push(column);
                self.names.len() - 1
            })));
        }
        places
    }

    /// Counts the rows in which an input lacks columns.
    pub(super) fn end_input(&mut self, places: &[Option<usize>]) {
        let mut is_there = vec![false; self.columns.len()];
        places
            .iter()
            .flatten()
            .for_each(|&place| is_there[place] = true);
        let rows = self.rows() - self.rows_before;
        let columns = self.columns.iter_mut().zip(is_there);
        for (column, _) in columns.filter(|(_, is_there)| !is_there) {
            column.absent += rows;
        }
    }

    /// Adds a part.
    ///
    /// # Errors
    /// [`tamis_engine::Error::Write`] when keys cannot be spilled.
    pub(super) fn merge(
        &mut self,
        part: Part,
        places: &[Option<usize>],
        candidates: &Candidates,
        progress: &Progress,
    ) -> tamis_engine::Result<Flow> {
        self.rows_total += part.totals.rows;
        self.malformed += part.malformed;
        progress.add_records(part.totals.rows);
        let Some(paths) = part.paths else {
            self.has_too_many_keys = true;
            return Ok(Flow::Stop);
        };
        match self.kind {
            Kind::Csv | Kind::File => {
                for (place, later) in places.iter().zip(part.columns) {
                    let Some(place) = *place else { continue };
                    let path = std::slice::from_ref(&self.names[place]);
                    let column = &mut self.columns[place];
                    add(
                        column,
                        later,
                        path,
                        &mut self.keys,
                        candidates,
                        self.listed_max,
                    )?;
                }
            }
            Kind::Jsonl => {
                for (path, later) in paths.iter().zip(part.columns) {
                    let member = self.root.insert(path.keys(), &mut self.members);
                    let column = &mut member.column;
                    add(
                        column,
                        later,
                        path.keys(),
                        &mut self.keys,
                        candidates,
                        self.listed_max,
                    )?;
                }
                self.has_too_many_keys = self.members > tree::KEYS_MAX;
            }
        }
        Ok(match self.has_too_many_keys {
            true => Flow::Stop,
            false => Flow::Continue,
        })
    }

    /// The keys of all columns.
    pub(super) fn take_keys(&mut self) -> Keys {
        std::mem::replace(&mut self.keys, Keys::new(0, None))
    }
}

/// Adds a column of the next part to what is known of it.
fn add(
    column: &mut Column,
    mut later: Column,
    path: &[String],
    keys: &mut Keys,
    candidates: &Candidates,
    listed_max: usize,
) -> tamis_engine::Result<()> {
    let number = *column.number.get_or_insert_with(|| keys.add_column());
    keys.take(number, later.keys.take(), &candidates.flag(path))?;
    column.merge(later, listed_max);
    Ok(())
}
