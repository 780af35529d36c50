//! Files that may be the same as others, with what is known of their bytes.

use std::ops::Range;

use crate::walk::{FileId, Tree};

/// A file that may have duplicates: an inode and the names it was found by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    /// Its size.
    pub(super) len_bytes: u64,
    first_name: u32,
    name_count: u32,
    /// What was made of the bytes that were read: hashes of both ends, or the digest of all of them.
    pub(super) key: [u8; 32],
    pub(super) known: Known,
}

/// What the key of a candidate stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Known {
    Nothing,
    /// Some bytes at its ends.
    Ends,
    /// All of its bytes.
    All,
    /// Nothing ever will be known.
    Unreadable,
}

/// All candidates, sorted by size and key.
#[derive(Debug)]
pub(super) struct Candidates {
    /// The names of all files, those of an inode together.
    names: Vec<FileId>,
    pub(super) all: Vec<Candidate>,
    lists_hard_links: bool,
}

impl Candidate {
    /// The digest of its bytes, if that is known.
    pub(super) fn digest(&self) -> Option<[u8; 32]> {
        (self.known == Known::All).then_some(self.key)
    }
}

impl Candidates {
    /// The files of `tree` that are not alone with their size.
    pub(super) fn of(tree: &Tree, lists_hard_links: bool) -> Candidates {
        let mut names: Vec<FileId> = tree.ids().collect();
        let inode = |name: FileId| {
            let stamp = &tree.file(name).stamp;
            (stamp.len_bytes, stamp.device, stamp.inode)
        };
        names.sort_unstable_by_key(|&name| (inode(name), name));
        let mut all = Vec::new();
        let mut start = 0;
        for same in names.chunk_by(|&one, &other| inode(one) == inode(other)) {
            all.push(Candidate {
                len_bytes: tree.file(same[0]).stamp.len_bytes,
                first_name: start,
                name_count: same.len() as u32,
                key: [0; 32],
                known: Known::Nothing,
            });
            start += same.len() as u32;
        }
        let mut candidates = Candidates {
            names,
            all,
            lists_hard_links,
        };
        candidates.keep_groups();
        candidates.all.shrink_to_fit();
        candidates
    }

    /// The names of a candidate, in order.
    pub(super) fn names(&self, candidate: &Candidate) -> &[FileId] {
        let start = candidate.first_name as usize;
        &self.names[start..start + candidate.name_count as usize]
    }

    /// Sorts the candidates again and lets go of those whose key nobody shares.
    pub(super) fn keep_groups(&mut self) {
        let mut all = std::mem::take(&mut self.all);
        let rank = |it: &Candidate| (it.len_bytes, it.known, it.key);
        all.sort_unstable_by_key(|it| (rank(it), it.first_name));
        let (mut kept, mut start) = (0, 0);
        while start < all.len() {
            let same = all[start..]
                .iter()
                .take_while(|it| rank(it) == rank(&all[start]));
            let end = start + same.count();
            if self.is_group(&all[start..end]) {
                all.copy_within(start..end, kept);
                kept += end - start;
            }
            start = end;
        }
        all.truncate(kept);
        self.all = all;
    }

    pub(super) fn is_group(&self, same: &[Candidate]) -> bool {
        same.len() > 1 || self.lists_hard_links && same[0].name_count > 1
    }

    /// Runs of candidates with the same size and key.
    pub(super) fn groups(&self) -> impl Iterator<Item = Range<usize>> {
        self.runs(|one, other| one.key == other.key && one.len_bytes == other.len_bytes)
    }

    /// Runs of candidates of the same size.
    pub(super) fn sizes(&self) -> impl Iterator<Item = Range<usize>> {
        self.runs(|one, other| one.len_bytes == other.len_bytes)
    }

    fn runs(
        &self,
        is_same: impl FnMut(&Candidate, &Candidate) -> bool,
    ) -> impl Iterator<Item = Range<usize>> {
        self.all.chunk_by(is_same).scan(0, |start, same| {
            let range = *start..*start + same.len();
            *start = range.end;
            Some(range)
        })
    }
}
