//! What the statistics of a file show of its columns, for whoever trusts them.
//!
//! A row group says what its least and greatest values are and how many are null, and nobody has checked that. If all between these ends
//! breaks no rule, a column of the row group need not be read. Floats are always read: their statistics leave NaN out.

use arrow_array::{Array, ArrayRef};

use super::file::BatchFile;
use super::{Leaf, Spare};

/// What a file says of the values of a column, an entry for each of its row groups.
#[derive(Clone, Debug)]
pub struct Statistics {
    /// The least ones; null where nothing is said.
    pub least: ArrayRef,
    /// The greatest ones; null where nothing is said.
    pub greatest: ArrayRef,
    /// How many are null.
    pub nulls: Vec<Option<u64>>,
}

/// Which columns need not be read, in which row groups.
#[derive(Clone, Debug, Default)]
pub struct Proof {
    /// For each row group, each of the wanted columns. None: all are read.
    groups: Vec<Vec<bool>>,
}

impl Proof {
    /// What the statistics of `file` show of these columns.
    pub fn new(file: &dyn BatchFile, wanted: &[Option<(&Leaf, Spare)>]) -> Proof {
        let mut groups: Vec<Vec<bool>> = Vec::new();
        for (column, (leaf, spare)) in wanted.iter().enumerate().filter_map(looked_at) {
            let Some(statistics) = file.statistics(leaf) else {
                continue;
            };
            let shown = spare.is_shown_by(&statistics);
            groups.resize_with(shown.len(), || vec![false; wanted.len()]);
            for (group, is_shown) in groups.iter_mut().zip(shown) {
                group[column] = is_shown;
            }
        }
        Proof { groups }
    }

    /// In how many row groups a column is not read, and how many there are; 0 of 0 where nothing is known.
    pub fn counts(&self) -> (usize, usize) {
        let shown = self.groups.iter().filter(|group| group.contains(&true));
        (shown.count(), self.groups.len())
    }

    /// Columns that are not read in some row group, each choice once; the first for row groups without a choice of their own.
    pub(super) fn choices(&self, columns: usize) -> Vec<Vec<bool>> {
        /// Row groups of sorted data differ in few ways; where they differ in more, the others are read.
        const CHOICES_MAX: usize = 16;
        let mut choices = vec![vec![false; columns]];
        for group in &self.groups {
            if choices.len() < CHOICES_MAX && !choices.contains(group) {
                choices.push(group.clone());
            }
        }
        choices
    }

    /// Which of `choices` is that of a row group.
    pub(super) fn choice(&self, choices: &[Vec<bool>], group: usize) -> usize {
        let own = self.groups.get(group);
        let at = own.and_then(|own| choices.iter().position(|choice| choice == own));
        at.unwrap_or(0)
    }
}

/// A column that somebody looks at, with its index.
fn looked_at<'w, 'l>(
    (index, wanted): (usize, &'w Option<(&'l Leaf, Spare)>),
) -> Option<(usize, &'w (&'l Leaf, Spare))> {
    wanted.as_ref().map(|wanted| (index, wanted))
}

impl Spare {
    /// For each row group, whether all values of a column are spared if what the file says of them is so.
    fn is_shown_by(&self, statistics: &Statistics) -> Vec<bool> {
        let Statistics {
            least,
            greatest,
            nulls,
        } = statistics;
        let is_float = least.data_type().is_floating();
        let has_no_wrong_nulls = |count: &Option<u64>| self.nulls || *count == Some(0);
        let mut shown: Vec<bool> = nulls.iter().map(has_no_wrong_nulls).collect();
        for ends in [least, greatest] {
            let mut suspects = Vec::new();
            let is_known = self.mark_values(ends.as_ref(), 0..ends.len(), &mut suspects);
            for (group, shown) in shown.iter_mut().enumerate() {
                let is_right = || suspects[group / 64] >> (group % 64) & 1 == 0;
                *shown &= is_known && !is_float && ends.is_valid(group) && is_right();
            }
        }
        shown
    }
}
