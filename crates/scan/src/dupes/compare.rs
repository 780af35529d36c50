//! Files held against each other byte by byte.

use std::fs::File;
use std::path::{Path, PathBuf};

use tamis_engine::control::Cancel;
use tamis_engine::pipeline::{Flow, Options, run_items};

use super::candidates::Candidate;
use super::read::{open, read_at};
use super::{DupesOptions, Found};
use crate::{Error, Result};

/// What is read of each file at a time.
const BUFFER_BYTES: usize = 128 << 10;

/// Whether two open files hold the same bytes.
///
/// # Errors
/// When one cannot be read, or once cancelled.
pub(super) fn is_equal(
    one: (&File, &Path),
    other: (&File, &Path),
    cancel: &Cancel,
) -> Result<bool> {
    let mut buffers = [vec![0; BUFFER_BYTES], vec![0; BUFFER_BYTES]];
    let mut offset = 0;
    loop {
        cancel.check()?;
        let [first, second] = &mut buffers;
        let count = read_at(one.0, one.1, first, BUFFER_BYTES, offset)?;
        let other_count = read_at(other.0, other.1, second, BUFFER_BYTES, offset)?;
        if first[..count] != second[..other_count] {
            return Ok(false);
        }
        if count < BUFFER_BYTES {
            return Ok(true);
        }
        offset += count as u64;
    }
}

/// Divides groups in which not all files are the same, whatever their digests say.
pub(super) fn split_groups(found: &mut Found, options: &DupesOptions) -> Result<()> {
    let run_options = Options {
        threads: options.threads,
        cancel: options.cancel.clone(),
        ..Options::default()
    };
    let mut split = Vec::with_capacity(found.groups.len());
    let mut failures = Vec::new();
    let this = &*found;
    run_items(
        "groups",
        this.groups.iter().map(Ok),
        &run_options,
        || (),
        |(), range| {
            let mut failures = Vec::new();
            let classes = classes(this, this.members(range), options, &mut failures);
            Ok((classes, failures))
        },
        |(classes, more)| {
            split.extend(classes);
            failures.extend(more);
            Ok(Flow::Continue)
        },
    )?;
    failures.into_iter().for_each(|error| found.fail(error));
    // The candidates in their new order.
    let mut all = Vec::with_capacity(found.candidates.all.len());
    let mut groups = Vec::with_capacity(split.len());
    for class in split {
        let start = all.len() as u32;
        all.extend(class);
        groups.push(start..all.len() as u32);
    }
    (found.candidates.all, found.groups) = (all, groups);
    found.groups = std::mem::take(&mut found.groups)
        .into_iter()
        .filter(|range| found.is_of_interest(range))
        .collect();
    Ok(())
}

/// The members of a group by what they hold. Those that are alone, or cannot be read, are left out.
fn classes(
    found: &Found,
    members: &[Candidate],
    options: &DupesOptions,
    failures: &mut Vec<Error>,
) -> Vec<Vec<Candidate>> {
    let mut classes: Vec<(File, PathBuf, Vec<Candidate>)> = Vec::new();
    'members: for member in members {
        let path = found.tree.path(found.candidates.names(member)[0]);
        let file = match open(&path) {
            Ok(file) => file,
            Err(error) => {
                failures.push(error);
                continue;
            }
        };
        for (first, first_path, class) in &mut classes {
            match is_equal((first, first_path), (&file, &path), &options.cancel) {
                Ok(false) => {}
                Ok(true) => {
                    class.push(*member);
                    continue 'members;
                }
                Err(error) => {
                    failures.push(error);
                    continue 'members;
                }
            }
        }
        classes.push((file, path, vec![*member]));
    }
    let is_group = |class: &Vec<Candidate>| found.candidates.is_group(class);
    classes
        .into_iter()
        .map(|(_, _, class)| class)
        .filter(is_group)
        .collect()
}
