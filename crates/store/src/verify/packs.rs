//! Packs as their footers have them, against the index.

use std::hash::{BuildHasher, RandomState};

use tamis_engine::pipeline::{self, Flow, Options};

use super::{Report, VerifyOptions};
use crate::id::{FileId, ObjectId};
use crate::index::{Index, PackEntry};
use crate::pack::open::OpenPack;
use crate::store::Store;
use crate::{Error, Result, pack};

/// Opens a pack that the index knows; `None` if `gc` has taken it out of the index meanwhile.
pub(super) fn open(store: &Store, pack: &PackEntry) -> Result<Option<OpenPack>> {
    match OpenPack::find(store.folder(), pack.id, pack.kind) {
        Err(error) if error.is_not_found() => match is_known_still(store, pack.id)? {
            false => Ok(None),
            true => {
                let path = pack::path(store.folder(), pack.id, pack.kind);
                Err(Error::damaged(&path, 0, "it is gone"))
            }
        },
        opened => opened.map(Some),
    }
}

fn is_known_still(store: &Store, id: FileId) -> Result<bool> {
    let index = store.objects().index();
    index.refresh()?;
    Ok(index.known_packs().iter().any(|pack| pack.id == id))
}

/// Checks the footers of all packs; those that are sound come back, in the order of their ids.
pub(super) fn check(store: &Store, report: &mut Report) -> Result<Vec<PackEntry>> {
    let packs = store.objects().index().known_packs();
    let run = run_options(store);
    let mut sound = Vec::new();
    let mut broken = Vec::new();
    pipeline::run_items(
        "the store",
        packs.into_iter().map(Ok),
        &run,
        || (),
        |(), pack| Ok((pack, check_one(store, &pack))),
        |(pack, checked): (PackEntry, Result<Option<Vec<ObjectId>>>)| {
            match checked {
                Ok(Some(hidden)) => {
                    sound.push(pack);
                    lose_hidden(store, &pack, hidden, report);
                }
                Ok(None) => {}
                Err(error) => broken.push((pack, error)),
            }
            Ok(Flow::Continue)
        },
    )?;
    for (pack, error) in broken {
        let path = pack::path(store.folder(), pack.id, pack.kind);
        let problem = report.take(&path, error);
        lose_all(store.objects().index(), &pack, problem, report);
    }
    Ok(sound)
}

/// How work is spread over threads.
pub(super) fn run_options(store: &Store) -> Options {
    Options {
        threads: store.settings().thread_count(),
        cancel: store.cancel().clone(),
        ..Options::default()
    }
}

/// The objects of a pack that the index does not find; `None` if the pack was dropped meanwhile. What else is wrong is an error.
fn check_one(store: &Store, pack: &PackEntry) -> Result<Option<Vec<ObjectId>>> {
    let Some(open) = open(store, pack)? else {
        return Ok(None);
    };
    let damaged = |detail: String| Err(Error::damaged(&open.path, 0, detail));
    let is_in_trash = open.path.parent().is_some_and(|it| it.ends_with("trash"));
    if is_in_trash && is_known_still(store, pack.id)? {
        return damaged("it is in the trash, and the index looks for it".to_owned());
    }
    if open.footer.pack != *pack {
        return damaged("its footer and the index do not agree on what is in it".to_owned());
    }
    let index = store.objects().index();
    let objects = &open.footer.objects;
    let finds = |id: &ObjectId| match index.find(id) {
        Ok(Some(place)) if place.pack == pack.id => {
            let found = objects.get(place.entry as usize);
            found.is_some_and(|found| found.id == *id)
        }
        // Another pack has it as well.
        Ok(Some(_)) => true,
        Ok(None) | Err(_) => false,
    };
    let hidden = objects.iter().filter(|object| !finds(&object.id));
    let hidden: Vec<_> = hidden.map(|object| object.id).collect();
    let was_dropped = !hidden.is_empty() && !is_known_still(store, pack.id)?;
    Ok((!was_dropped).then_some(hidden))
}

fn lose_hidden(store: &Store, pack: &PackEntry, hidden: Vec<ObjectId>, report: &mut Report) {
    if hidden.is_empty() {
        return;
    }
    let name = pack::file_name(pack.id, pack.kind);
    let objects = match hidden.len() {
        1 => "an object".to_owned(),
        count => format!("{count} objects"),
    };
    let detail = format!("it does not find {objects} of {name}");
    let problem = report.problem(&store.folder().join("index"), detail);
    for id in hidden {
        report.lose(id, problem);
    }
}

/// Everything that the index looks for in a pack is lost.
fn lose_all(index: &Index, pack: &PackEntry, problem: usize, report: &mut Report) {
    for segment in index.segments() {
        if !segment.packs().iter().any(|it| it.id == pack.id) {
            continue;
        }
        // A segment that is damaged was told of.
        let entries = segment.entries().map_while(Result::ok);
        for entry in entries.filter(|it| it.place.pack == pack.id) {
            let found = index.find(&entry.id);
            if found.is_ok_and(|it| it.is_some_and(|place| place.pack == pack.id)) {
                report.lose(entry.id, problem);
            }
        }
    }
}

/// Packs whose payload is to be read.
pub(super) struct Chosen {
    pub(super) packs: Vec<PackEntry>,
    pub(super) seed: Option<u64>,
}

/// All packs, or some by chance.
pub(super) fn choose(mut packs: Vec<PackEntry>, options: &VerifyOptions) -> Result<Chosen> {
    let Some(share) = options.sample else {
        return Ok(Chosen { packs, seed: None });
    };
    // Of nothing there would be no damage to find.
    if share == 0.0 || !(0.0..=1.0).contains(&share) {
        return Err(Error::Usage {
            reason: format!(
                "a share of {share} was asked for, and not one of more than 0 and at most 1"
            ),
        });
    }
    // Below 2^53, so that it stays itself where numbers of JSON are doubles.
    let seed = options
        .seed
        .unwrap_or_else(|| RandomState::new().hash_one(0) >> 11);
    // Each pack's place in the draw depends on the seed and itself, so that a store that grew is drawn alike.
    packs.sort_by_cached_key(|pack| xxhash_rust::xxh3::xxh3_64_with_seed(&pack.id.0, seed));
    let total: u64 = packs.iter().map(|pack| pack.file_bytes).sum();
    let mut left = (total as f64 * share).ceil() as u64;
    packs.retain(|pack| {
        let is_chosen = left > 0;
        left = left.saturating_sub(pack.file_bytes);
        is_chosen
    });
    Ok(Chosen {
        packs,
        seed: Some(seed),
    })
}
