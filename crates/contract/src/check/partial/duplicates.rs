//! Which rows of the run repeat a key: what the second pass of a check on one machine does, from files of keys.
//!
//! For each unique rule the files are read a few partitions at a time, as many as fit the memory budget, and given
//! to a [`UniqueIndex`]; what is too large even so, it spills. A row goes in as twice its number in the run, plus one
//! if another rule makes it bad already: that keeps the order of rows, on which the first occurrence depends, and the
//! answer says which duplicates make one bad row more.

use std::num::NonZero;
use std::ops::Range;
use std::path::Path;

use super::keys::{KeyReader, PARTITIONS};
use super::stretch::Stretch;
use super::value::KeyFile;
use crate::check::rule::RuleId;
use crate::check::{Check, CheckError, CheckOptions};
use crate::model::Severity;
use crate::unique::{Duplicates, UniqueIndex};

/// Bytes that a key takes while duplicates are looked for.
const ENTRY_BYTES: u64 = 24;

/// What there is to say about duplicates.
pub(super) struct Found {
    /// For each unique rule; its members are doubled row numbers, of which only the number of members is of use.
    pub(super) duplicates: Vec<Duplicates>,
    /// Violations of each rule that come on top of those the parts counted.
    pub(super) by_rule: Vec<u64>,
    /// For each input, rows that nothing but a duplicate makes bad.
    pub(super) invalid: Vec<u64>,
    /// For each rule, the first duplicates.
    pub(super) samples: Vec<Duplicate>,
}

/// A duplicate to show.
pub(super) struct Duplicate {
    /// Which input.
    pub(super) stretch: usize,
    /// Rows of the input before it.
    pub(super) row: u64,
    pub(super) rule: RuleId,
    /// Line ends of the input's body before it.
    pub(super) line: Option<u64>,
    pub(super) byte_offset: Option<u64>,
    pub(super) value: String,
}

impl Found {
    /// The answer for a contract without unique rules.
    pub(super) fn none(check: &Check, stretches: &[Stretch<'_>]) -> Found {
        Found {
            duplicates: Vec::new(),
            by_rule: vec![0; check.compiled.rules.len()],
            invalid: vec![0; stretches.len()],
            samples: Vec::new(),
        }
    }
}

/// A file of keys with its place in the run.
struct Placed<'a> {
    reader: KeyReader,
    file: &'a KeyFile,
    stretch: usize,
    /// Row of the run that its rows count from.
    first_row: u64,
}

/// Finds all duplicates among the rows of `stretches`, whose files of keys lie in `folder`.
pub(super) fn find(
    check: &Check,
    stretches: &[Stretch<'_>],
    folder: &Path,
    options: &CheckOptions,
) -> Result<Found, CheckError> {
    let unique = &check.compiled.unique;
    let mut files = Vec::new();
    for (stretch, place) in stretches.iter().enumerate() {
        for file in &place.body.keys {
            files.push(Placed {
                reader: KeyReader::open(folder, &file.name, unique.len())?,
                file,
                stretch,
                first_row: place.first_row.saturating_add(file.first_row),
            });
        }
    }
    let bad_from = if options.strict {
        Severity::Warning
    } else {
        Severity::Error
    };
    let mut found = Found::none(check, stretches);
    for (index, unique) in unique.iter().enumerate() {
        let duplicates = find_one(&files, index, folder, options)?;
        if let Some(rule) = unique.rule {
            found.by_rule[rule.0 as usize] = duplicates.count();
            let first = duplicates.range(0..u64::MAX).take(options.samples_max);
            let rows: Vec<u64> = first.map(|marked| marked >> 1).collect();
            show(
                &files,
                stretches,
                (index, rule),
                &rows,
                folder,
                &mut found.samples,
            )?;
        }
        found.duplicates.push(duplicates);
    }
    let makes_bad = unique
        .iter()
        .zip(&found.duplicates)
        .filter(|(unique, _)| {
            unique
                .rule
                .is_some_and(|rule| check.compiled.rules.get(rule).severity >= bad_from)
        })
        .map(|(_, duplicates)| duplicates);
    for_each_newly_bad(makes_bad, |row| {
        let stretch = stretches.partition_point(|stretch| stretch.first_row <= row);
        // An input without rows begins where the next one does, so the last of them is meant.
        found.invalid[stretch - 1] += 1;
    });
    Ok(found)
}

/// The duplicates of one unique rule, as doubled row numbers.
fn find_one(
    files: &[Placed<'_>],
    rule: usize,
    folder: &Path,
    options: &CheckOptions,
) -> Result<Duplicates, CheckError> {
    let mut counts = vec![0; PARTITIONS as usize];
    for file in files {
        file.reader.count(rule, &mut counts);
    }
    let threads = NonZero::new(options.threads).unwrap_or(NonZero::<usize>::MIN);
    let mut all = Duplicates::default();
    for partitions in groups(&counts, options.memory_bytes as u64) {
        let mut index = UniqueIndex::new(options.memory_bytes, options.spill_dir.clone());
        for file in files {
            options.cancel.check()?;
            let first = file.first_row.saturating_mul(2);
            file.reader
                .entries(folder, rule, partitions.clone(), |entries| {
                    index.push(entries.map(|(key, marked)| (key, first.saturating_add(marked))))
                })?;
        }
        all.union_with(index.finish(threads)?);
    }
    Ok(all)
}

/// Runs of partitions whose keys fit into `memory_bytes` together, or that are one partition alone.
fn groups(counts: &[u64], memory_bytes: u64) -> Vec<Range<u32>> {
    // An index grows by a quarter at a time, so that up to a fifth of it may be unused.
    let entries_max = memory_bytes / ENTRY_BYTES / 5 * 4;
    let mut groups: Vec<Range<u32>> = Vec::new();
    let mut entries: u64 = 0;
    for (partition, &count) in (0..).zip(counts) {
        match groups.last_mut() {
            Some(group) if entries.saturating_add(count) <= entries_max => {
                group.end = partition + 1;
                entries += count;
            }
            _ => {
                groups.push(partition..partition + 1);
                entries = count;
            }
        }
    }
    groups
}

/// Adds what a report says of these rows of the run, ascending.
fn show(
    files: &[Placed<'_>],
    stretches: &[Stretch<'_>],
    (index, rule): (usize, RuleId),
    rows: &[u64],
    folder: &Path,
    shown: &mut Vec<Duplicate>,
) -> Result<(), CheckError> {
    let mut rest = rows;
    for file in files {
        let end = file.first_row.saturating_add(file.file.rows);
        let here = rest.partition_point(|&row| row < end);
        let in_file: Vec<u64> = rest[..here]
            .iter()
            .map(|row| row.saturating_sub(file.first_row))
            .collect();
        rest = &rest[here..];
        if in_file.is_empty() {
            continue;
        }
        let before = file.first_row - stretches[file.stretch].first_row;
        for detail in file.reader.details(folder, index, &in_file)? {
            shown.push(Duplicate {
                stretch: file.stretch,
                row: before.saturating_add(detail.row),
                rule,
                line: (file.file.is_text && !file.file.is_array)
                    .then(|| file.file.first_line.saturating_add(detail.line)),
                byte_offset: file
                    .file
                    .is_text
                    .then(|| file.file.first_byte.saturating_add(detail.byte_offset)),
                value: detail.value,
            });
        }
    }
    Ok(())
}

/// Calls `visit` once with every row of the run that is among the duplicates and that no other rule makes bad.
fn for_each_newly_bad<'d>(
    duplicates: impl Iterator<Item = &'d Duplicates>,
    mut visit: impl FnMut(u64),
) {
    let mut sets: Vec<_> = duplicates
        .map(|duplicates| {
            let is_newly_bad = |marked: &u64| marked & 1 == 0;
            duplicates
                .range(0..u64::MAX)
                .filter(is_newly_bad)
                .peekable()
        })
        .collect();
    while let Some(next) = sets.iter_mut().filter_map(|set| set.peek().copied()).min() {
        for set in &mut sets {
            set.next_if_eq(&next);
        }
        visit(next >> 1);
    }
}
