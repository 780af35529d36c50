//! What one store has, the other has after it, whatever was in between.

use std::fs;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::disk::RealDisk;
use crate::testing::{TestStore, cases, dying_disk, noise, read_whole, restored};

fn pushed(from: &TestStore, to: &TestStore) -> Transferred {
    push(&from.store, &to.store, &StoreProgress::default()).expect("they have not diverged")
}

/// That `to` has all commits of `from`, with all that is in them.
fn assert_has_all(from: &TestStore, to: &Store) {
    assert_eq!(to.refs().head().expect("it can be read"), from.head());
    let mut next = from.head();
    while let Some(id) = next {
        read_whole(to, id).expect("it is whole");
        assert!(restored(to, id) == restored(&from.store, id));
        next = from
            .store
            .refs()
            .commit(id)
            .expect("it is there")
            .parents
            .first()
            .copied();
    }
}

proptest! {
    #![proptest_config(cases(8))]

    #[test]
    fn any_history_arrives_whole_and_only_once(
        commits in vec(vec(("[ab]/[a-c]{1,2}", 0..60_000usize), 1..4), 1..6),
        pushes in vec(any::<bool>(), 6),
    ) {
        let (from, to) = (TestStore::new(), TestStore::new());
        for (number, files) in commits.iter().enumerate() {
            for (path, len_bytes) in files {
                let mut bytes = noise(1, *len_bytes);
                bytes.push(number as u8);
                from.write(path, bytes);
            }
            from.commit();
            if pushes[number] {
                pushed(&from, &to);
                assert_has_all(&from, &to.store);
            }
        }
        pushed(&from, &to);
        assert_has_all(&from, &to.store);
        let again = pushed(&from, &to);
        prop_assert_eq!((again.commits, again.chunks, again.nodes, again.stored_bytes), (0, 0, 0, 0));
        let target = tempfile::tempdir()?;
        let copy = target.path().join("copy");
        let progress = StoreProgress::default();
        let cloned = clone_store(&to.folder(), &copy, *to.store.settings(), &Cancel::new(), &progress)?;
        prop_assert_eq!((cloned.commits, cloned.head), (commits.len() as u64, from.head()));
        prop_assert!(cloned.are_cut_alike);
        assert_has_all(&from, &crate::testing::open(&copy, RealDisk::shared()));
    }
}

#[test]
fn only_what_is_new_is_copied() {
    let (from, to) = (TestStore::new(), TestStore::new());
    let large = noise(1, 500_000);
    from.commit_files(&[("large", &large), ("other/small", b"small")]);
    let first = pushed(&from, &to);
    assert!(
        first.plain_bytes == 500_005 && first.are_cut_alike,
        "{first:?}"
    );
    let mut changed = large.clone();
    changed[250_000] ^= 1;
    from.commit_files(&[("large", &changed), ("copy", &large)]);
    let second = pushed(&from, &to);
    assert!(second.commits == 1 && second.chunks <= 5, "{second:?}");
    // Some parts of the list, and the root.
    assert!(second.nodes <= 8, "{second:?}");
    assert_has_all(&from, &to.store);
}

#[test]
fn stores_that_cut_differently_say_so_and_still_share_chunks() {
    let from = TestStore::new();
    let to = TestStore::with_chunks(crate::chunker::Parameters::default());
    from.commit_files(&[("file", &noise(1, 100_000))]);
    assert!(!pushed(&from, &to).are_cut_alike);
    assert_has_all(&from, &to.store);
}

#[test]
fn diverged_branches_are_refused_and_left() {
    let (ours, theirs) = (TestStore::new(), TestStore::new());
    ours.commit_files(&[("a", b"common")]);
    pushed(&ours, &theirs);
    fs::write(theirs.work().join("a"), "common").expect("there is room");
    let our_head = ours.commit_files(&[("a", b"ours")]);
    let their_head = theirs.commit_files(&[("b", b"theirs")]);
    for (from, to) in [(&ours, &theirs), (&theirs, &ours)] {
        let refused = push(&from.store, &to.store, &StoreProgress::default());
        assert!(
            matches!(refused, Err(Error::Diverged { .. })),
            "{refused:?}"
        );
    }
    assert_eq!(
        (ours.head(), theirs.head()),
        (Some(our_head), Some(their_head))
    );
    // One that is merely ahead is no harm.
    let behind = TestStore::new();
    pushed(&ours, &behind);
    ours.commit_files(&[("a", b"more")]);
    let none = pull(&ours.store, &behind.store, &StoreProgress::default());
    assert_eq!(none.expect("there is nothing to do").commits, 0);
    assert_ne!(ours.head(), behind.head());
}

#[test]
fn tags_go_along_and_do_not_move() {
    let (from, to) = (TestStore::new(), TestStore::new());
    let first = from.commit_files(&[("a", b"1")]);
    let second = from.commit_files(&[("a", b"2")]);
    from.store.tag("v1", first).expect("it is free");
    from.store.tag("last", second).expect("it is free");
    from.store.tag("v1", first).expect("it is the same");
    assert!(from.store.tag("v1", second).is_err());
    assert!(from.store.tag("main", second).is_err());
    assert!(from.store.tag("none", CommitId([7; 32])).is_err());
    assert_eq!(pushed(&from, &to).tags, 2);
    assert_eq!(to.store.resolve("v1").expect("it came along").0, first);
    assert!(to.store.untag("last").expect("there is room"));
    assert!(!to.store.untag("last").expect("there is room"));
    to.store.tag("last", first).expect("it is free");
    let again = pushed(&from, &to);
    assert_eq!((again.tags, again.kept_tags), (0, vec!["last".to_owned()]));
    assert_eq!(to.store.resolve("last").expect("it is there").0, first);
}

#[test]
fn forgotten_commits_go_without_their_trees() {
    let (from, to) = (TestStore::new(), TestStore::new());
    let first = from.commit_files(&[("a", &noise(1, 200_000)), ("both/b", b"b")]);
    let second = from.commit_files(&[("a", &noise(2, 100_000))]);
    let forgotten = [first].into_iter().collect();
    from.store
        .refs()
        .set_forgotten(&forgotten)
        .expect("there is room");
    let done = pushed(&from, &to);
    assert_eq!((done.commits, done.plain_bytes), (2, 100_001));
    assert_eq!(
        to.store.refs().forgotten().expect("it can be read"),
        forgotten
    );
    assert!(to.store.resolve(&first.to_string()).is_err());
    read_whole(&to.store, second).expect("it is whole");
    assert!(read_whole(&to.store, first).is_err());
}

#[test]
fn a_transfer_that_is_cut_off_anywhere_goes_on() {
    let from = TestStore::new();
    from.commit_files(&[("a/large", &noise(1, 30_000)), ("b", b"b")]);
    from.commit_files(&[("a/large", &noise(2, 30_000)), ("c/d", b"d")]);
    from.store
        .tag("tag", from.head().expect("there is one"))
        .expect("it is free");
    let kept = TestStore::new();
    let mut steps = 0;
    loop {
        // One that was cut off before, and one that was not.
        let fresh = TestStore::new();
        let mut is_done = false;
        for to in [&kept, &fresh] {
            let store = to.reopened(dying_disk(&to.folder(), steps));
            is_done = push(&from.store, &store, &StoreProgress::default()).is_ok();
            drop(store);
            let store = to.reopened(RealDisk::shared());
            for (_, id) in store.refs().tags().expect("they can be read") {
                read_whole(&store, id).expect("it is whole");
            }
            if let Some(head) = store.refs().head().expect("it can be read") {
                read_whole(&store, head).expect("it is whole");
            }
        }
        pushed(&from, &fresh);
        assert_has_all(&from, &fresh.reopened(RealDisk::shared()));
        if is_done {
            break;
        }
        steps += 1;
    }
    assert!(steps > 10, "it took {steps} steps");
    assert_has_all(&from, &kept.reopened(RealDisk::shared()));
}

#[test]
fn packs_that_were_left_are_used() {
    let (from, to) = (TestStore::new(), TestStore::new());
    from.commit_files(&[("a", &noise(1, 300_000))]);
    // All packs are there, and nothing knows them.
    for pack in fs::read_dir(from.folder().join("packs")).expect("it is there") {
        let pack = pack.expect("it is there");
        let target = to.folder().join("packs").join(pack.file_name());
        fs::copy(pack.path(), target).expect("there is room");
    }
    let done = pushed(&from, &to);
    assert_eq!((done.commits, done.chunks, done.nodes), (1, 0, 0));
    assert_has_all(&from, &to.store);
}

#[test]
fn a_folder_in_the_target_says_nothing_of_what_is_in_it() {
    let (from, to) = (TestStore::new(), TestStore::new());
    from.commit_files(&[("a", &noise(1, 300_000)), ("b/c", b"c")]);
    // As an interrupted run may leave it: nodes, and no chunks.
    for pack in fs::read_dir(from.folder().join("packs")).expect("it is there") {
        let pack = pack.expect("it is there");
        if pack.path().extension().is_some_and(|it| it == "tree") {
            let target = to.folder().join("packs").join(pack.file_name());
            fs::copy(pack.path(), target).expect("there is room");
        }
    }
    let done = pushed(&from, &to);
    assert_eq!((done.nodes, done.plain_bytes), (0, 300_001));
    assert_has_all(&from, &to.store);
}

#[test]
fn what_gc_takes_away_meanwhile_is_brought_back() {
    let (from, to) = (TestStore::new(), TestStore::new());
    from.commit_files(&[("a", &noise(1, 100_000))]);
    let plan = Plan::new(&from.store, &to.store).expect("they have not diverged");
    let progress = StoreProgress::default();
    let mut run = Transfer {
        from: &from.store,
        to: &to.store,
        progress: &progress,
        ingest: Ingest::start(&to.store).expect("there is room"),
        relied_on: HashSet::new(),
        done: Transferred::default(),
    };
    run.copy_trees(&plan).expect("there is room");
    run.publish_packs().expect("there is room");
    // Nothing refers to these packs yet: they go to the trash, and out of the index.
    let packs = to.store.objects().index().known_packs();
    let ids: HashSet<_> = packs.iter().map(|it| it.id).collect();
    assert!(!ids.is_empty());
    for pack in &packs {
        let name = crate::pack::file_name(pack.id, pack.kind);
        let path = |folder: &str| to.folder().join(folder).join(&name);
        fs::rename(path("packs"), path("trash")).expect("there is room");
    }
    let none: [(crate::index::PackEntry, Vec<ObjectId>); 0] = [];
    to.store
        .objects()
        .index()
        .replace_packs(&ids, none)
        .expect("there is room");
    run.write_commits(&plan).expect("there is room");
    run.move_refs(&plan).expect("there is room");
    assert_has_all(&from, &to.reopened(RealDisk::shared()));
}

/// Three commits of one file each, and the files of commits in that store.
fn three_commits() -> (TestStore, [CommitId; 3]) {
    let store = TestStore::new();
    let names = [("a", b"1"), ("b", b"2"), ("c", b"3")];
    let ids = names.map(|(name, bytes)| store.commit_files(&[(name, bytes)]));
    (store, ids)
}

/// Takes the file of a commit away.
fn lose(store: &TestStore, id: CommitId) {
    let path = store.folder().join("commits").join(id.to_string());
    fs::remove_file(path).expect("it is there");
}

fn repair(store: &TestStore) -> crate::repair::Repaired {
    let options = crate::repair::RepairOptions::default();
    let settings = *store.store.settings();
    Store::repair(&store.folder(), settings, &options, &Cancel::new())
        .expect("nobody else is at it")
}

fn is_lost(result: Result<Transferred>, expected: CommitId) -> bool {
    matches!(result, Err(Error::LostCommit { id, .. }) if id == expected)
}

#[test]
fn a_lost_commit_is_named_and_repaired_stores_go_on_without_it() {
    let progress = StoreProgress::default();
    let (from, [first, second, third]) = three_commits();
    let before = TestStore::new();
    let early = from.reopened(RealDisk::shared());
    pushed(&from, &before);
    lose(&from, second);
    let empty = TestStore::new();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let copy = folder.path().join("copy");
    let cloned = clone_store(
        &from.folder(),
        &copy,
        *early.settings(),
        &Cancel::new(),
        &progress,
    );
    assert!(is_lost(cloned, second));
    assert!(!copy.exists(), "nothing is in the way of the next attempt");
    for (from, to) in [(&from, &empty), (&before, &from)] {
        assert!(is_lost(push(&from.store, &to.store, &progress), second));
    }
    let verified = from.store.verify(&Default::default()).expect("it is read");
    assert_eq!(verified.problems.len(), 1, "{verified:?}");
    let repaired = repair(&from);
    assert_eq!(repaired.lost_commits, [second]);
    assert!(repaired.verified.is_sound(), "{repaired:?}");
    assert!(repair(&from).lost_commits.is_empty(), "it is told of once");
    // What is ahead of the gap and what is behind it arrives, and nothing looks damaged there.
    pushed(&from, &empty);
    assert_eq!(empty.head(), Some(third));
    assert!(restored(&empty.store, third) == restored(&from.store, third));
    let verified = empty.store.verify(&Default::default()).expect("it is read");
    assert!(verified.is_sound(), "{verified:?}");
    pushed(&before, &from);
    assert_eq!(from.head(), before.head());
    // What the other has of before the gap comes back with a name that leads to it.
    before.store.tag("v1", second).expect("it is free");
    assert_eq!(pushed(&before, &from).commits, 2);
    assert_eq!(from.store.resolve("v1").expect("it is back").0, second);
    read_whole(&from.store, first).expect("it is whole");
    assert!(repair(&from).lost_commits.is_empty());
}

#[test]
fn a_copy_from_before_the_gap_is_brought_up_to_date() {
    let (from, to) = (TestStore::new(), TestStore::new());
    from.commit_files(&[("a", b"1")]);
    pushed(&from, &to);
    let second = from.commit_files(&[("b", b"2")]);
    let third = from.commit_files(&[("c", b"3")]);
    lose(&from, second);
    repair(&from);
    let none = pull(&from.store, &to.store, &StoreProgress::default());
    assert_eq!(none.expect("it is behind").commits, 0);
    assert_eq!(pushed(&from, &to).commits, 1);
    assert_eq!(to.head(), Some(third));
    assert!(
        to.store
            .verify(&Default::default())
            .expect("it is read")
            .is_sound()
    );
}

#[test]
fn no_tag_is_set_on_what_the_target_has_forgotten() {
    let (from, [first, ..]) = three_commits();
    let to = TestStore::new();
    pushed(&from, &to);
    to.store.forget_commits(&[first]).expect("it has no name");
    from.store.tag("v1", first).expect("it is free");
    let done = pushed(&from, &to);
    assert_eq!((done.tags, done.forgotten_tags), (0, vec!["v1".to_owned()]));
    assert_eq!(to.store.refs().tag("v1").expect("it can be read"), None);
}

#[test]
fn what_was_forgotten_of_a_transfer_that_was_cut_off_comes_again() {
    let (from, ids) = three_commits();
    let to = TestStore::new();
    // Commits are there that nothing leads to, as a kill leaves them, and a policy that knows of no branch took them.
    for id in ids {
        let commit = from.store.refs().commit(id).expect("it is there");
        to.store
            .refs()
            .write_commit(&commit)
            .expect("there is room");
    }
    let forgotten = ids.into_iter().collect();
    to.store
        .refs()
        .set_forgotten(&forgotten)
        .expect("there is room");
    pushed(&from, &to);
    to.store.resolve("HEAD").expect("it is not forgotten");
    assert_has_all(&from, &to.store);
}
