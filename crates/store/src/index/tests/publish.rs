//! An index over its publications: merges, other processes, packs that go, and power cuts.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

use super::*;
use crate::disk::Disk;
use crate::disk::lossy::LossyDisk;
use crate::testing::cases;

/// What happens to an index.
#[derive(Clone, Debug)]
enum Step {
    Add(Vec<ObjectId>),
    Publish,
    Reopen,
    /// The packs whose numbers leave this rest are dropped; one with these ids is added.
    Replace(usize, Vec<ObjectId>),
}

fn any_step() -> impl Strategy<Value = Step> {
    let ids = || prop::collection::vec(any_id(), 0..40);
    prop_oneof![
        4 => ids().prop_map(Step::Add),
        3 => Just(Step::Publish),
        1 => Just(Step::Reopen),
        1 => (0..3_usize, ids()).prop_map(|(rest, ids)| Step::Replace(rest, ids)),
    ]
}

/// An index and what it should know.
struct Model {
    store: TempDir,
    index: Index,
    packs: BTreeMap<FileId, (PackEntry, Vec<ObjectId>)>,
    /// Packs that would be lost if the process ended.
    unpublished: HashSet<FileId>,
    places: BTreeMap<ObjectId, Place>,
    /// What was in a dropped pack, according to the index, and was not added again.
    forgotten: HashSet<ObjectId>,
    next: u32,
}

impl Model {
    fn new() -> Model {
        let store = store();
        let index = Index::open(store.path()).expect("an empty store has an index");
        Model {
            store,
            index,
            packs: BTreeMap::new(),
            unpublished: HashSet::new(),
            places: BTreeMap::new(),
            forgotten: HashSet::new(),
            next: 0,
        }
    }

    /// Makes a pack, and says so to the model alone.
    fn pack(&mut self, ids: &[ObjectId]) -> PackEntry {
        let pack = pack(self.next, ids);
        self.next += 1;
        self.packs.insert(pack.id, (pack, ids.to_vec()));
        self.unpublished.insert(pack.id);
        pack
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Add(ids) => {
                let pack = self.pack(&ids);
                self.index.add_fresh(pack, ids.iter().copied());
                self.assert_found(&ids);
            }
            Step::Publish => {
                self.index.publish().expect("there is room");
                self.note_published();
            }
            Step::Reopen => {
                self.index = Index::open(self.store.path()).expect("it is whole");
                let lost = std::mem::take(&mut self.unpublished);
                self.packs.retain(|id, _| !lost.contains(id));
            }
            Step::Replace(rest, ids) => {
                let packs = self.packs.keys().enumerate();
                let dropped = packs.filter(|(number, _)| number % 3 == rest);
                let dropped = dropped.map(|(_, id)| *id).collect::<HashSet<_>>();
                self.packs.retain(|id, _| !dropped.contains(id));
                let pack = self.pack(&ids);
                let added = [(pack, ids.iter().copied())];
                let renewed = self.index.replace_packs(&dropped, added);
                renewed.expect("there is room");
                let places = self.places.iter();
                let gone = places.filter(|(_, place)| dropped.contains(&place.pack));
                self.forgotten.extend(gone.map(|(id, _)| *id));
                self.note_published();
                self.assert_found(&ids);
            }
        }
        self.check();
    }

    fn note_published(&mut self) {
        self.unpublished.clear();
        let index = &self.index;
        let is_lost = |id: &ObjectId| index.find(id).expect("it can be read").is_none();
        self.forgotten.retain(is_lost);
    }

    fn assert_found(&self, ids: &[ObjectId]) {
        let is_found = |id| self.index.find(id).expect("it can be read").is_some();
        assert!(ids.iter().all(is_found));
    }

    /// Every id is in a pack that has it; where it was, if that pack is still there; and nowhere if no pack has it.
    fn check(&mut self) {
        let mut places = BTreeMap::new();
        let held = self.packs.values().flat_map(|(_, ids)| ids);
        let held = held.copied().collect::<HashSet<_>>();
        for id in held.iter().chain(self.places.keys()) {
            let Some(place) = self.index.find(id).expect("it can be read") else {
                let may_be_lost = self.forgotten.contains(id) || !held.contains(id);
                assert!(may_be_lost, "{id} is lost");
                continue;
            };
            let (pack, ids) = &self.packs[&place.pack];
            assert_eq!(ids[place.entry as usize], *id);
            assert_eq!(pack.kind, place.kind);
            places.insert(*id, place);
        }
        self.places = places;
        let known = self.packs.values().map(|(pack, _)| *pack);
        assert!(self.index.known_packs().into_iter().eq(known));
        let unpublished = self.index.unpublished_count() > 0;
        assert!(!unpublished || !self.unpublished.is_empty());
    }

    /// What the disk has is whole, and nothing else is there.
    fn check_disk(&self) {
        let segments = self.index.segments();
        assert!(segments.len() <= 4);
        for segment in &segments {
            segment.verify().expect("it is whole");
        }
        let files = fs::read_dir(self.store.path().join("index")).expect("a folder");
        let manifest = usize::from(self.index.generation() > 0);
        assert_eq!(files.count(), segments.len() + manifest);
        let tmp = fs::read_dir(self.store.path().join("tmp")).expect("a folder");
        assert_eq!(tmp.count(), 0);
    }
}

proptest! {
    #![proptest_config(cases(32))]

    #[test]
    fn an_index_finds_what_it_was_given(steps in prop::collection::vec(any_step(), 1..24)) {
        let mut model = Model::new();
        steps.into_iter().for_each(|step| model.run(step));
        model.run(Step::Publish);
        model.run(Step::Reopen);
        model.check_disk();
    }
}

#[test]
fn many_publications_make_few_segments() {
    let mut model = Model::new();
    for turn in 0..40_u32 {
        model.run(Step::Add((turn * 5..turn * 5 + 8).map(id).collect()));
        model.run(Step::Publish);
    }
    assert_eq!(model.index.generation(), 40);
    model.check_disk();
    assert_eq!(model.index.publish().expect("there is nothing to do"), 40);
}

#[test]
fn large_segments_stay_until_newer_ones_grow() {
    let store = store();
    let index = Index::open(store.path()).expect("an empty store has an index");
    let mut next = 0;
    let mut publish = |count: u32| {
        let ids = (next..next + count).map(id).collect::<Vec<_>>();
        next += count;
        index.add_fresh(pack(next, &ids), ids);
        index.publish().expect("there is room");
        let segments = index.segments();
        segments
            .iter()
            .map(|segment| segment.entry_count())
            .collect::<Vec<_>>()
    };
    assert_eq!(publish(70_000), [70_000]);
    assert_eq!(publish(10), [10, 70_000]);
    assert_eq!(publish(8000), [8010, 70_000]);
    assert_eq!(publish(1000), [79_010]);
    assert_eq!(
        index
            .find(&id(70_005))
            .expect("it can be read")
            .map(|place| place.entry),
        Some(5)
    );
}

#[test]
fn processes_see_what_others_published() {
    let store = store();
    let open = || Index::open(store.path()).expect("it is whole");
    let (one, two) = (open(), open());
    let ids = (0..50).map(id).collect::<Vec<_>>();
    one.add_fresh(pack(1, &ids[..30]), ids[..30].iter().copied());
    two.add_fresh(pack(2, &ids[20..]), ids[20..].iter().copied());
    one.publish().expect("there is room");
    assert!(two.refresh().expect("it is whole"));
    assert!(!two.refresh().expect("it is whole"));
    assert_eq!(two.unpublished_count(), 30);
    // The segment of the first is merged into that of the second, and removed; the first still reads it.
    assert_eq!(two.publish().expect("there is room"), 2);
    let found = |index: &Index, id| index.find(id).expect("it can be read").is_some();
    assert!(ids[..30].iter().all(|id| found(&one, id)));
    assert!(!found(&one, &ids[40]));
    assert!(one.refresh().expect("it is whole"));
    for index in [&one, &two, &open()] {
        assert!(ids.iter().all(|id| found(index, id)));
        assert_eq!(index.known_packs().len(), 2);
    }
}

/// A store with nothing in it, on a disk that can fail.
fn lossy_store() -> (TempDir, LossyDisk, Index) {
    let store = tempfile::tempdir().expect("a temporary folder");
    let disk = LossyDisk::new(store.path());
    for name in ["index", "tmp"] {
        let made = disk.create_folder(&store.path().join(name));
        made.expect("there is room");
    }
    disk.sync_folder(store.path()).expect("it is there");
    let index = Index::open_on(disk.shared(), store.path());
    (store, disk, index.expect("an empty store has an index"))
}

#[test]
fn after_a_power_cut_the_old_or_the_new_index_is_there() {
    let old = (0..100).map(id).collect::<Vec<_>>();
    let new = (90..200).map(id).collect::<Vec<_>>();
    for steps in 0.. {
        let (_store, disk, index) = lossy_store();
        index.add_fresh(pack(0, &old), old.iter().copied());
        index.publish().expect("there is room");
        index.add_fresh(pack(1, &new), new.iter().copied());
        disk.die_after(steps);
        let published = index.publish();
        // Whoever goes on without power still finds everything.
        assert!(new.iter().all(|id| matches!(index.find(id), Ok(Some(_)))));
        let store = tempfile::tempdir().expect("a temporary folder");
        disk.crash(steps, store.path());
        let again = Index::open(store.path()).expect("one of the two is there");
        assert!(old.iter().all(|id| matches!(again.find(id), Ok(Some(_)))));
        let count = new
            .iter()
            .filter(|id| matches!(again.find(id), Ok(Some(_))));
        let count = count.count();
        let expected: &[usize] = match published {
            Ok(_) => &[110],
            Err(_) => &[10, 110],
        };
        assert!(expected.contains(&count), "{steps}: {count}");
        again.add_fresh(pack(2, &new), new.iter().copied());
        again.publish().expect("there is room");
        let files = fs::read_dir(store.path().join("index")).expect("a folder");
        assert_eq!(files.count(), 2, "{steps}");
        again.segments()[0].verify().expect("it is whole");
        if published.is_ok() && steps > 20 {
            break;
        }
    }
}

#[test]
fn a_publication_that_failed_can_be_repeated_if_it_is_known_what_is_on_the_disk() {
    let ids = (0..100).map(id).collect::<Vec<_>>();
    let mut poisoned = 0;
    for steps in 0..12 {
        let (_store, disk, index) = lossy_store();
        index.add_fresh(pack(0, &ids), ids.iter().copied());
        disk.fail(steps, nix::libc::EIO);
        let failed = index.publish();
        let Err(Error::Io { action, .. }) = failed else {
            assert!(failed.is_ok());
            continue;
        };
        match index.publish() {
            Ok(_) => assert_eq!(index.unpublished_count(), 0),
            Err(error) => {
                assert!(matches!(error, Error::Poisoned { .. }), "{error}");
                assert_eq!(action, "make durable");
                poisoned += 1;
            }
        }
    }
    // Two files and two times the folder.
    assert_eq!(poisoned, 4);
}

#[test]
fn a_damaged_segment_is_not_merged() {
    let store = store();
    let path = {
        let index = Index::open(store.path()).expect("an empty store has an index");
        let ids = (0..100).map(id).collect::<Vec<_>>();
        index.add_fresh(pack(0, &ids), ids);
        index.publish().expect("there is room");
        let segment = index.segments()[0].id();
        store.path().join("index").join(segment.to_string())
    };
    let mut bytes = fs::read(&path).expect("it was just written");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).expect("it can be written");
    let index = Index::open(store.path()).expect("its header is whole");
    index.add_fresh(pack(1, &[id(1000)]), [id(1000)]);
    let error = index
        .publish()
        .expect_err("what would be merged is damaged");
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
    assert!(index.find(&id(1000)).expect("it is in memory").is_some());
}

#[test]
fn nothing_is_missed_while_others_publish() {
    let store = store();
    let index = Index::open(store.path()).expect("an empty store has an index");
    let is_done = AtomicBool::new(false);
    index.add_fresh(pack(0, &[id(0)]), [id(0)]);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                assert!(index.find(&id(0)).expect("it can be read").is_some());
                // Segments come and go while their names are read.
                Index::open(store.path()).expect("it is whole at any time");
            }
        });
        for number in 1..60 {
            index.add_fresh(pack(number, &[id(number)]), [id(number)]);
            index.publish().expect("there is room");
            assert!(index.find(&id(number)).expect("it can be read").is_some());
        }
        is_done.store(true, Ordering::Relaxed);
    });
    assert_eq!(index.segments()[0].entry_count(), 60);
}
