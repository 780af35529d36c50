//! From candidates of the same size to candidates of the same bytes: each stage reads a little more of fewer files.
//!
//! What a stage reads depends on the size alone, so that files of one size are always known equally well: whole, or at the same
//! ends, or not at all. One exception: where the cache knows the digest of one of them, all others get theirs at once.

use std::time::SystemTime;

use tamis_engine::Error as Engine;
use tamis_engine::digest::{Algorithm, of_file};
use tamis_engine::pipeline::{Flow, Options, run_items};

use super::cache::Cache;
use super::candidates::{Candidates, Known};
use super::read::{END_BYTES, Reader, SHARED_FROM_BYTES, SUFFIX_FROM_BYTES, WHOLE_BYTES_MAX};
use super::{DupesOptions, Found, digest_options};
use crate::walk::Tree;
use crate::{Error, Result, names};

/// Files that a thread takes at a time: neighbours on the disk.
const BATCH: usize = 64;

/// What is read of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Prefix,
    Suffix,
    All,
}

/// What came of looking at a candidate, by its number.
type Seen = (u32, Result<([u8; 32], Known)>);

/// Reads as much of the candidates as it takes, and keeps those that are the same as others.
pub(super) fn run(
    found: &mut Found,
    cache: &mut Cache,
    began: SystemTime,
    options: &DupesOptions,
) -> Result<()> {
    take_from_cache(found, cache);
    for stage in [Look::Prefix, Look::Suffix, Look::All] {
        let wanted = wanted(&found.candidates, &found.tree, stage);
        let seen = look(found, wanted, options)?;
        settle(found, seen, cache, began);
        found.candidates.keep_groups();
    }
    Ok(())
}

/// Looks up digests. Where one of a size is known, the others will be read to their ends.
fn take_from_cache(found: &mut Found, cache: &mut Cache) {
    let (candidates, tree) = (&mut found.candidates, &found.tree);
    for at in 0..candidates.all.len() {
        let name = candidates.names(&candidates.all[at])[0];
        if let Some(digest) = cache.digest(&tree.file(name).stamp) {
            candidates.all[at].key = digest;
            candidates.all[at].known = Known::All;
        }
    }
}

/// Which candidates a stage is for, and what it reads of each.
fn wanted(candidates: &Candidates, tree: &Tree, stage: Look) -> Vec<(u32, Look)> {
    let mut wanted = Vec::new();
    for range in candidates.sizes() {
        let same = &candidates.all[range.clone()];
        let len_bytes = same[0].len_bytes;
        let has_digest = same.iter().any(|it| it.known == Known::All);
        // Alone with its size, but for its other names: there is nothing to compare it with.
        let is_alone = same.len() == 1;
        let look = match stage {
            Look::Prefix if has_digest || len_bytes <= WHOLE_BYTES_MAX => Look::All,
            Look::Prefix => Look::Prefix,
            Look::Suffix if len_bytes >= SUFFIX_FROM_BYTES => Look::Suffix,
            Look::Suffix => continue,
            Look::All => Look::All,
        };
        let unknown = range.filter(|&at| candidates.all[at].known != Known::All && !is_alone);
        wanted.extend(unknown.map(|at| (at as u32, look)));
    }
    // In the order of the inodes.
    wanted.sort_unstable_by_key(|&(at, _)| {
        let stamp = &tree
            .file(candidates.names(&candidates.all[at as usize])[0])
            .stamp;
        (stamp.device, stamp.inode)
    });
    wanted
}

/// Looks at candidates.
fn look(found: &mut Found, wanted: Vec<(u32, Look)>, options: &DupesOptions) -> Result<Vec<Seen>> {
    let size = |found: &Found, at: u32| found.candidates.all[at as usize].len_bytes;
    let bytes = |found: &Found, at: u32, look: Look| match look {
        Look::Prefix | Look::Suffix => END_BYTES as u64,
        Look::All => size(found, at),
    };
    let is_shared =
        |&(at, look): &(u32, Look)| look == Look::All && size(found, at) >= SHARED_FROM_BYTES;
    let (shared, single): (Vec<_>, Vec<_>) = wanted.into_iter().partition(is_shared);
    found.read_bytes += single
        .iter()
        .chain(&shared)
        .map(|&(at, look)| bytes(found, at, look))
        .sum::<u64>();
    let single_bytes = single
        .iter()
        .map(|&(at, look)| bytes(found, at, look))
        .sum();
    options.progress.add_raw_bytes_total(single_bytes);

    let mut seen: Vec<Seen> = Vec::with_capacity(single.len() + shared.len());
    let run_options = Options {
        threads: options.threads,
        cancel: options.cancel.clone(),
        ..Options::default()
    };
    let this = &*found;
    run_items(
        "files",
        single.chunks(BATCH).map(Ok),
        &run_options,
        Reader::new,
        |reader, batch| {
            let mut seen = Vec::with_capacity(batch.len());
            let mut read = 0;
            for &(at, look) in batch {
                seen.push((at, look_at(this, at, look, reader)));
                read += bytes(this, at, look);
            }
            Ok((seen, read))
        },
        |(batch, read): (Vec<Seen>, u64)| {
            seen.extend(batch);
            options.progress.add_raw_bytes(read);
            options.progress.add_plain_bytes(read);
            Ok(Flow::Continue)
        },
    )?;
    for (at, _) in shared {
        seen.push((at, digest_shared(found, at, options)));
        options.cancel.check()?;
    }
    Ok(seen)
}

/// Notes what was seen, and lets go of candidates that cannot be read.
fn settle(found: &mut Found, seen: Vec<Seen>, cache: &mut Cache, began: SystemTime) {
    for (at, result) in seen {
        if let Ok((digest, Known::All)) = &result {
            let candidate = &found.candidates.all[at as usize];
            let name = found.candidates.names(candidate)[0];
            cache.note(&found.tree.file(name).stamp, digest, began);
        }
        let candidate = &mut found.candidates.all[at as usize];
        match result {
            Ok((key, known)) => (candidate.key, candidate.known) = (key, known),
            Err(error) => {
                candidate.known = Known::Unreadable;
                found.fail(error);
            }
        }
    }
    found
        .candidates
        .all
        .retain(|it| it.known != Known::Unreadable);
}

fn look_at(found: &Found, at: u32, look: Look, reader: &mut Reader) -> Result<([u8; 32], Known)> {
    let candidate = &found.candidates.all[at as usize];
    let name = found.candidates.names(candidate)[0];
    let path = found.tree.path(name);
    let len_bytes = candidate.len_bytes;
    let mut key = candidate.key;
    match look {
        Look::Prefix => key[..16].copy_from_slice(&reader.prefix(&path)?),
        Look::Suffix => key[16..].copy_from_slice(&reader.suffix(&path, len_bytes)?),
        Look::All => return Ok((reader.digest(&path, len_bytes)?, Known::All)),
    }
    Ok((key, Known::Ends))
}

/// The digest of a large file, by all threads.
fn digest_shared(found: &Found, at: u32, options: &DupesOptions) -> Result<([u8; 32], Known)> {
    let candidate = &found.candidates.all[at as usize];
    let name = found.candidates.names(candidate)[0];
    let path = found.tree.path(name);
    let made = of_file(&path, Algorithm::Blake3, &digest_options(options))?;
    if made.stamp != found.tree.file(name).stamp {
        let input = names::show(&path).into_owned();
        return Err(Error::Engine(Engine::Changed {
            input,
            byte_offset: 0,
            detail: "it is not what it was when it was found".to_owned(),
        }));
    }
    Ok((*made.digest.as_bytes(), Known::All))
}
