//! Writers that are at work meanwhile, step by step: whichever of the two is first, nothing is lost.

use std::collections::HashSet;
use std::sync::Arc;

use super::*;
use crate::entry::{Body, Content, Entry, Run};
use crate::index::PackKind;
use crate::ingest::Ingest;
use crate::pack::PackedObject;
use crate::pack::write::PackWriter;
use crate::staging::StampInfo;

/// A pack of these chunks, as the sealer of an `add` leaves it.
pub(super) fn seal(store: &Store, chunks: &[Vec<u8>]) -> SealedPack {
    let (disk, folder) = (store.disk().clone(), store.folder().to_owned());
    let mut writer = PackWriter::new(&disk, folder, PackKind::Data).expect("a draft");
    let mut compressor = crate::pack::frame::Compressor::new(store.settings().compression, 4000);
    for chunk in chunks {
        let put = writer.put(ObjectId::of_chunk(chunk), chunk, &mut compressor);
        put.expect("the disk takes it");
    }
    writer.seal(&mut compressor).expect("the disk takes it")
}

/// Stages a file of these chunks, durably.
pub(super) fn stage(session: &mut Session<'_>, path: &str, chunks: &[PackedObject]) {
    let runs: Vec<_> = chunks
        .iter()
        .map(|it| Run {
            id: it.id,
            len_bytes: it.len_bytes,
            count: 1,
        })
        .collect();
    let entry = Entry {
        mode: 0o644,
        modified_ns: 0,
        attributes: Vec::new(),
        content: Content::File {
            len_bytes: runs.iter().map(|it| u64::from(it.len_bytes)).sum(),
            is_sparse: false,
            body: Body::Runs(runs),
        },
    };
    let stamp = StampInfo {
        changed_ns: 0,
        inode: 1,
        device: 1,
        is_trusted: true,
        has_more_names: false,
    };
    let staging = session.staging_mut();
    staging.put(path.as_bytes(), &entry, &stamp).expect("room");
    staging.sync().expect("room");
}

/// What an `add` puts objects in.
fn start(store: &Store) -> Ingest {
    Ingest::start(store).expect("a thread")
}

/// Puts a chunk that is in the index.
fn meet(ingest: &Ingest, chunk: &[u8]) -> PackedObject {
    let mut work = ingest.chunks().expect("a draft");
    let id = ingest.data().put(chunk, &mut work).expect("it is known");
    assert!(work.serials.is_empty(), "it is in a pack of before");
    work.finish();
    PackedObject {
        id,
        len_bytes: chunk.len() as u32,
    }
}

/// A store of which a chunk is garbage: that of a small file.
fn with_garbage() -> (Place, Vec<u8>, CommitId, Files) {
    let place = Place::new();
    let chunk = noise(1, 60);
    let first = place.commit(&files(&[("a", chunk.clone())]));
    let kept = files(&[("b", noise(2, 60))]);
    let second = place.commit(&kept);
    let store = place.open();
    store.forget_commits(&[first]).expect("it is no head");
    (place, chunk, second, kept)
}

/// After the writer: everything is there, now and after the trash is emptied.
fn assert_safe(place: &Place, chunk: &[u8], kept: &[(CommitId, Files)]) {
    for _ in 0..2 {
        assert_all_there(&place.store_folder(), kept);
        let mut store = place.open();
        let object = store
            .objects()
            .read(&ObjectId::of_chunk(chunk), PackKind::Data);
        assert_eq!(&*object.expect("it is there"), chunk);
        let collected = store.collect(&now()).expect("it can be collected");
        assert_eq!(
            (collected.is_postponed, collected.missing_chunks),
            (None, 0)
        );
    }
    assert!(objects_in(&place.store_folder(), "trash").is_empty());
}

/// Steps 2 to 4, to be ended by [`Store::replace`].
fn begin<'s>(store: &'s Store) -> (Marker<'s>, Plan, Vec<SealedPack>) {
    let young = store.adopt_for(&now()).expect("packs can be adopted");
    store.objects().index().refresh().expect("it is whole");
    let mut marker = Marker::new(store, store.objects(), Effect::Real);
    marker.look().expect("all is there");
    let mut plan = Plan::new(store.folder(), &marker, 1.0, &young).expect("it is whole");
    let progress = StoreProgress::default();
    let mut rewrite = Rewrite::new(store, &plan, &progress);
    let new = rewrite.round(&mut plan).expect("room");
    assert!(rewrite.is_done(), "it is little");
    (marker, plan, new)
}

#[test]
fn an_add_that_stages_before_the_publication_keeps_its_packs() {
    let (place, chunk, second, kept) = with_garbage();
    let (store, other) = (place.open(), place.open());
    let mut session = Session::open(&store, place.work()).expect("nobody else adds");
    let mut ingest = start(&store);
    let met = meet(&ingest, &chunk);
    let (mut marker, mut plan, new) = begin(&other);
    assert!(!plan.to_drop().is_empty());
    stage(&mut session, "c", &[met]);
    other
        .replace(&mut plan, new, &mut marker)
        .expect("it can be published");
    let objects = objects_in(&place.store_folder(), "packs");
    assert!(objects.contains(&met.id), "the pack was needed");
    ingest.settle().expect("there is room");
    ingest.publish(&store).expect("it can be published");
    drop((ingest, session));
    drop((marker, store));
    drop(other);
    assert_safe(&place, &chunk, &[(second, kept)]);
}

#[test]
fn an_add_that_publishes_after_it_rescues_its_packs() {
    let (place, chunk, second, kept) = with_garbage();
    let store = place.open();
    let mut session = Session::open(&store, place.work()).expect("nobody else adds");
    let mut ingest = start(&store);
    let met = meet(&ingest, &chunk);
    let collected = place.open().collect(&now()).expect("it can be collected");
    assert!(collected.is_postponed.is_some());
    assert!(objects_in(&place.store_folder(), "trash").contains(&met.id));
    stage(&mut session, "c", &[met]);
    ingest.settle().expect("there is room");
    ingest.publish(&store).expect("it can be published");
    assert!(objects_in(&place.store_folder(), "packs").contains(&met.id));
    drop((ingest, session));
    drop(store);
    assert_safe(&place, &chunk, &[(second, kept)]);
}

#[test]
fn an_add_that_dies_before_it_publishes_loses_nothing() {
    let (place, chunk, second, kept) = with_garbage();
    let store = place.open();
    let mut session = Session::open(&store, place.work()).expect("nobody else adds");
    let met = meet(&start(&store), &chunk);
    place.open().collect(&now()).expect("it can be collected");
    stage(&mut session, "c", &[met]);
    drop(session);
    drop(store);
    assert!(objects_in(&place.store_folder(), "trash").contains(&met.id));
    assert_safe(&place, &chunk, &[(second, kept)]);
}

#[test]
fn packs_of_an_add_that_were_adopted_and_dropped_come_back() {
    let (place, _, second, kept) = with_garbage();
    let store = place.open();
    let mut session = Session::open(&store, place.work()).expect("nobody else adds");
    let chunk = noise(7, 900);
    let sealed = seal(&store, std::slice::from_ref(&chunk));
    let day = options(Duration::from_secs(86_400));
    place.open().collect(&day).expect("it can be collected");
    let id = sealed.objects[0].id;
    let packs = || objects_in(&place.store_folder(), "packs").contains(&id);
    assert!(packs(), "it is young, and may be somebody's");
    place.open().collect(&now()).expect("it can be collected");
    assert!(!packs());
    stage(&mut session, "c", &sealed.objects);
    let published = store.publish(&[sealed], &HashSet::new());
    published.expect("it can be published");
    assert!(packs());
    drop(session);
    drop(store);
    assert_safe(&place, &chunk, &[(second, kept)]);
}

#[test]
fn packs_that_an_add_publishes_on_its_way_come_back() {
    let (place, _, second, kept) = with_garbage();
    let store = place.open();
    let mut session = Session::open(&store, place.work()).expect("nobody else adds");
    let mut ingest = start(&store);
    let chunk = noise(7, 900);
    let mut work = ingest.chunks().expect("a draft");
    let id = ingest.data().put(&chunk, &mut work).expect("there is room");
    let serials = work.finish();
    serials.iter().for_each(|it| ingest.seal_early(*it));
    while !ingest.sealed().has_all(&serials) {
        std::thread::yield_now();
    }
    let packs = ingest.take_sealed();
    assert_eq!(packs.len(), 1);
    let published = ingest.publish_sealed(&store, &packs);
    published.expect("it can be published");
    place.open().collect(&now()).expect("it can be collected");
    let packs = || objects_in(&place.store_folder(), "packs").contains(&id);
    assert!(!packs(), "nothing durable refers to it yet");
    let len_bytes = chunk.len() as u32;
    stage(&mut session, "c", &[PackedObject { id, len_bytes }]);
    ingest.settle().expect("there is room");
    ingest.publish(&store).expect("it can be published");
    assert!(packs());
    drop((ingest, session));
    drop(store);
    assert_safe(&place, &chunk, &[(second, kept)]);
}

#[test]
fn a_commit_keeps_or_rescues_the_folders_that_it_shares_with_garbage() {
    for is_first in [true, false] {
        let place = Place::new();
        let old = files(&[("a", noise(1, 9000)), ("b", noise(2, 50))]);
        let first = place.commit(&old);
        place.commit(&files(&[("b", noise(2, 50))]));
        let (store, other) = (place.open(), place.open());
        other.forget_commits(&[first]).expect("it is no head");
        place.write(&old);
        let mut session = Session::open(&store, place.work()).expect("nobody else adds");
        place.add(&mut session);
        let (mut marker, mut plan, new) = begin(&other);
        let third = match is_first {
            true => {
                let third = commit(&mut session);
                other
                    .replace(&mut plan, new, &mut marker)
                    .expect("it can be published");
                third
            }
            false => {
                other
                    .replace(&mut plan, new, &mut marker)
                    .expect("it can be published");
                commit(&mut session)
            }
        };
        drop(session);
        drop((marker, store));
        drop(other);
        assert_safe(&place, &noise(2, 50), &[(third, old)]);
    }
}

#[test]
fn a_look_after_the_publication_takes_things_out_of_the_trash() {
    let (place, chunk, ..) = with_garbage();
    let (store, other) = (place.open(), place.open());
    let mut session = Session::open(&store, place.work()).expect("nobody else adds");
    let met = meet(&start(&store), &chunk);
    let (mut marker, mut plan, new) = begin(&other);
    other
        .replace(&mut plan, new, &mut marker)
        .expect("it can be published");
    stage(&mut session, "c", &[met]);
    drop(session);
    drop(store);
    let emptied = trash::empty(&other, &mut marker, Duration::ZERO).expect("nobody else is there");
    assert_eq!(emptied.postponed, None);
    let objects = other.objects().read(&met.id, PackKind::Data);
    assert_eq!(&*objects.expect("it was rescued"), &chunk[..]);
}

#[test]
fn threads_that_add_and_collect_at_the_same_time_lose_nothing() {
    let place = Arc::new(Place::new());
    let is_done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let collector = {
        let (place, is_done) = (place.clone(), is_done.clone());
        std::thread::spawn(move || {
            let mut runs = 0;
            while !is_done.load(std::sync::atomic::Ordering::Relaxed) {
                place.open().collect(&now()).expect("it can be collected");
                runs += 1;
            }
            runs
        })
    };
    let mut random = fastrand::Rng::with_seed(5);
    let mut versions: Vec<(CommitId, Files)> = Vec::new();
    for _ in 0..25 {
        // Few different files, so that what was forgotten comes again.
        let mut chosen = Files::new();
        for name in ["a", "b", "c", "d"] {
            if random.bool() {
                chosen.insert(name.to_owned(), noise(random.u64(0..4), 3000));
            }
        }
        let id = place.commit(&chosen);
        versions.push((id, chosen));
        if versions.len() > 2 {
            let (old, _) = versions.remove(0);
            place.open().forget_commits(&[old]).expect("it is no head");
        }
    }
    is_done.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(collector.join().expect("it does not panic") > 0);
    assert_all_there(&place.store_folder(), &versions);
    place.open().collect(&now()).expect("it can be collected");
    assert_all_there(&place.store_folder(), &versions);
}
