//! Files that hold the same bytes, and what can be done about it.
//!
//! A file is compared with as few others, and read as little, as will do:
//!
//! 1. [`walk`](crate::walk) finds all files. Only those of the same **size** can be the same.
//! 2. Names of one **inode** are one file and are read once ([`candidates`]).
//! 3. **Prefix**: small files are read whole here, since opening a file costs more than reading 16 KiB of it. Of larger ones
//!    4 KiB are.
//! 4. **Suffix**: of large files 4 KiB at the end, because files of one format often begin alike.
//! 5. **All** of it: BLAKE3, several files at a time, or all cores on one that is large ([`stages`], [`read`]).
//! 6. If wanted, a **comparison** byte by byte ([`compare`]).
//!
//! Files are read in the order of their inodes, which on a disk that turns is the order in which they lie. Digests are kept for
//! the next time ([`cache`]), under what the file system says of the file, so that an unchanged tree is not read again.
//!
//! [`act`](mod@act) replaces copies by links, or removes them. It trusts nothing that was found before: both files are opened and
//! compared once more, right before.

pub mod act;
pub mod cache;
mod candidates;
mod compare;
mod read;
pub mod report;
mod stages;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::path::PathBuf;
use std::time::SystemTime;

use tamis_engine::control::{Cancel, Progress};
use tamis_engine::digest::DigestOptions;

use crate::walk::{FileId, Tree, WalkOptions, walk};
use crate::{Error, Result};
use act::{Outcome, act};
use cache::Cache;
use candidates::{Candidate, Candidates};
use report::Plan;

/// What is searched, and how.
#[derive(Clone, Debug)]
pub struct DupesOptions {
    /// Folders (or files) whose files are originals, never to be touched.
    pub references: Vec<PathBuf>,
    /// The folders and files that copies are looked for in.
    pub roots: Vec<PathBuf>,
    /// Smaller files are left out.
    pub len_bytes_min: u64,
    /// Larger files are left out.
    pub len_bytes_max: u64,
    /// Which files are wanted, see [`WalkOptions::globs`].
    pub globs: Vec<String>,
    /// Whether folders on other devices are left out.
    pub one_file_system: bool,
    /// Whether names of one file are duplicates, too.
    pub lists_hard_links: bool,
    /// Whether files of the same digest are compared byte by byte.
    pub compares: bool,
    /// Where digests are kept for the next time.
    pub cache: Option<PathBuf>,
    /// Worker threads.
    pub threads: usize,
    /// Stops it from outside.
    pub cancel: Cancel,
    /// Watches it: files found as records, bytes as they are read.
    pub progress: Progress,
}

impl Default for DupesOptions {
    fn default() -> DupesOptions {
        DupesOptions {
            references: Vec::new(),
            roots: Vec::new(),
            len_bytes_min: 1,
            len_bytes_max: u64::MAX,
            globs: Vec::new(),
            one_file_system: false,
            lists_hard_links: false,
            compares: false,
            cache: None,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            cancel: Cancel::new(),
            progress: Progress::new(),
        }
    }
}

/// What was found.
#[derive(Debug)]
pub struct Found {
    /// All files that were looked at.
    pub tree: Tree,
    candidates: Candidates,
    /// Ranges of the candidates: those that waste most first.
    groups: Vec<Range<u32>>,
    reference_count: usize,
    lists_hard_links: bool,
    /// Folders and files that could not be read.
    pub failures: Vec<Error>,
    /// Files that were gone when they were to be read.
    pub vanished: u64,
    /// Bytes that were read to find all that.
    pub read_bytes: u64,
    /// What is wrong with the cache, for people.
    pub notes: Vec<String>,
}

/// Files that hold the same bytes.
#[derive(Clone, Debug)]
pub struct Group {
    /// Their size.
    pub len_bytes: u64,
    /// Their BLAKE3 digest; of a single file with several names none was made.
    pub digest: Option<[u8; 32]>,
    /// Two or more. The first one is the original: a file of a reference, else the first in the order of the arguments.
    pub copies: Vec<Copy>,
}

/// A file of a group.
#[derive(Clone, Debug)]
pub struct Copy {
    /// Its names, those that were found.
    pub names: Vec<FileId>,
    /// One of them is in a reference.
    pub is_reference: bool,
}

impl Group {
    /// How many copies could go.
    pub fn superfluous(&self) -> u64 {
        let kept = self.copies.iter().filter(|copy| copy.is_reference).count();
        (self.copies.len() - kept.max(1)) as u64
    }

    /// The bytes that would be free without them.
    pub fn wasted_bytes(&self) -> u64 {
        self.len_bytes * self.superfluous()
    }
}

/// Finds files that are the same.
///
/// # Errors
/// [`Interrupted`](tamis_engine::Error::Interrupted) once cancelled; [`Error::Glob`]. Files that cannot be read are in
/// [`Found::failures`].
pub fn find(options: &DupesOptions) -> Result<Found> {
    let began = SystemTime::now();
    let walk_options = WalkOptions {
        threads: options.threads,
        one_file_system: options.one_file_system,
        globs: options.globs.clone(),
        cancel: options.cancel.clone(),
        progress: options.progress.clone(),
    };
    // References come first, so that a file that is in both is one of theirs.
    let roots = [&options.references[..], &options.roots].concat();
    let sizes = options.len_bytes_min..=options.len_bytes_max;
    let mut tree = walk(&roots, &walk_options, |stamp| {
        sizes.contains(&stamp.len_bytes)
    })?;
    let failures = std::mem::take(&mut tree.failures).into_iter();
    let mut found = Found {
        candidates: Candidates::of(&tree, options.lists_hard_links),
        tree,
        groups: Vec::new(),
        reference_count: options.references.len(),
        lists_hard_links: options.lists_hard_links,
        failures: failures
            .map(|(path, source)| Error::Look { path, source })
            .collect(),
        vanished: 0,
        read_bytes: 0,
        notes: Vec::new(),
    };
    let mut cache = match &options.cache {
        Some(path) => Cache::open(path, &mut found.notes)?,
        None => Cache::default(),
    };
    stages::run(&mut found, &mut cache, began, options)?;
    found.form_groups();
    if options.compares {
        compare::split_groups(&mut found, options)?;
    }
    if let Some(path) = &options.cache
        && let Err(error) = cache.write(path)
    {
        found
            .notes
            .push(format!("the digests are not kept: {error}"));
    }
    found.sort_groups();
    Ok(found)
}

impl Found {
    /// The groups, those that waste most first.
    pub fn groups(&self) -> impl Iterator<Item = Group> + '_ {
        self.groups.iter().map(|range| self.group(range))
    }

    /// The groups, and what came of acting on each, if `plan` says so; ends early once cancelled.
    pub fn carry_out(
        &self,
        plan: Option<Plan>,
        cancel: &Cancel,
    ) -> impl Iterator<Item = (Group, Vec<Outcome>)> {
        let groups = self.groups().take_while(|_| !cancel.is_cancelled());
        groups.map(move |group| {
            let mut outcomes = Vec::new();
            if let Some(Plan {
                action,
                is_applied: true,
            }) = plan
            {
                // Whoever cancelled knows it.
                let _ = act(&group, &self.tree, action, cancel, &mut outcomes);
            }
            (group, outcomes)
        })
    }

    /// How many groups there are.
    pub fn group_count(&self) -> usize {
        self.groups.len()
    }

    fn members(&self, range: &Range<u32>) -> &[Candidate] {
        &self.candidates.all[range.start as usize..range.end as usize]
    }

    fn group(&self, range: &Range<u32>) -> Group {
        let members = self.members(range);
        let mut copies: Vec<Copy> = Vec::with_capacity(members.len());
        for member in members {
            let names = self.candidates.names(member);
            let is_reference = names.iter().any(|&name| self.is_reference(name));
            let each = if self.lists_hard_links {
                1
            } else {
                names.len()
            };
            copies.extend(names.chunks(each).map(|names| Copy {
                names: names.to_vec(),
                is_reference,
            }));
        }
        copies.sort_by_key(|copy| (!copy.is_reference, copy.names[0]));
        Group {
            len_bytes: members[0].len_bytes,
            digest: members[0].digest(),
            copies,
        }
    }

    fn is_reference(&self, name: FileId) -> bool {
        self.tree.root(name) < self.reference_count
    }

    /// Runs of candidates with the same digest; those of references alone are left out.
    fn form_groups(&mut self) {
        let groups = self.candidates.groups();
        let groups = groups.map(|range| range.start as u32..range.end as u32);
        self.groups = groups.filter(|range| self.is_of_interest(range)).collect();
    }

    fn is_of_interest(&self, range: &Range<u32>) -> bool {
        let names = self
            .members(range)
            .iter()
            .flat_map(|it| self.candidates.names(it));
        names.into_iter().any(|&name| !self.is_reference(name))
    }

    fn sort_groups(&mut self) {
        let mut groups = std::mem::take(&mut self.groups);
        groups.sort_by_cached_key(|range| {
            let group = self.group(range);
            (
                std::cmp::Reverse(group.wasted_bytes()),
                group.copies[0].names[0],
            )
        });
        self.groups = groups;
    }

    fn fail(&mut self, error: Error) {
        match error.is_not_found() {
            true => self.vanished += 1,
            false => self.failures.push(error),
        }
    }
}

fn digest_options(options: &DupesOptions) -> DigestOptions {
    DigestOptions {
        threads: options.threads,
        cancel: options.cancel.clone(),
        progress: options.progress.clone(),
    }
}
