//! What the index costs: ids in flight (against `dashmap`), building a segment, and looking ids up in it.
//!
//! A segment is read by position first and then mapped, as in the CLI, which installs the handler of lost pages. Memory
//! for each id is printed once, since a criterion group measures time alone.

#![expect(
    clippy::print_stdout,
    reason = "a bench has nothing else to say memory with"
)]

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use dashmap::DashMap;
use tamis_store::disk::RealDisk;
use tamis_store::id::{FileId, ObjectId};
use tamis_store::index::inflight::InFlight;
use tamis_store::index::{Builder, Index, PackEntry, PackKind, Segment};

const THREAD_COUNT: usize = 2;
const IN_FLIGHT_IDS: usize = 5_000_000;
const SEGMENT_IDS: usize = 1_000_000;
const IDS_OF_A_PACK: usize = 500;
const LOOK_UPS: usize = 100_000;

/// A hash of an id as good as the id: its first eight bytes.
#[derive(Clone, Copy, Default)]
struct Prefix(u64);

impl std::hash::Hasher for Prefix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_be_bytes(*first);
        }
    }

    /// The length of an array comes first.
    fn write_usize(&mut self, _: usize) {}
}

fn ids(count: usize, seed: u64) -> Vec<ObjectId> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut id = || {
        let mut bytes = [0; 32];
        random.fill(&mut bytes);
        ObjectId(bytes)
    };
    (0..count).map(|_| id()).collect()
}

/// Runs `each` with every id, on all threads.
fn on_all<R>(ids: &[ObjectId], each: impl Fn(&ObjectId) -> R + Sync) {
    std::thread::scope(|scope| {
        for part in ids.chunks(ids.len().div_ceil(THREAD_COUNT)) {
            let each = &each;
            scope.spawn(move || {
                for id in part {
                    black_box(each(id));
                }
            });
        }
    });
}

fn in_flight(criterion: &mut Criterion) {
    let ids = ids(IN_FLIGHT_IDS, 1);
    let mut group = criterion.benchmark_group("in flight, 5 M ids, 2 threads");
    group.sample_size(10);
    group.throughput(Throughput::Elements(ids.len() as u64));

    let claim = |map: &InFlight| on_all(&ids, |id| map.claim(*id, 1));
    let new = InFlight::new;
    group.bench_function("claim, new", |bencher| {
        bencher.iter_batched_ref(new, |map| claim(map), BatchSize::PerIteration)
    });
    let map = InFlight::new();
    claim(&map);
    let each = map.memory_bytes() as f64 / map.len() as f64;
    println!("in flight: {each:.1} bytes of memory for each id");
    group.bench_function("claim, known", |bencher| bencher.iter(|| claim(&map)));
    drop(map);

    type Dash = DashMap<ObjectId, u32, std::hash::BuildHasherDefault<Prefix>>;
    let claim = |map: &Dash| on_all(&ids, |id| *map.entry(*id).or_insert(1));
    group.bench_function("dashmap, new", |bencher| {
        bencher.iter_batched_ref(Dash::default, |map| claim(map), BatchSize::PerIteration)
    });
    let map = Dash::default();
    claim(&map);
    // It does not say; its tables are those of `hashbrown` as well, with a byte for each slot, of which it fills seven eighths.
    let slots = map.capacity() as f64 * 8.0 / 7.0;
    let each = slots * (size_of::<(ObjectId, u32)>() + 1) as f64 / map.len() as f64;
    println!("dashmap: {each:.1} bytes of memory for each id");
    group.bench_function("dashmap, known", |bencher| bencher.iter(|| claim(&map)));
    group.bench_function("dashmap, known, get", |bencher| {
        bencher.iter(|| on_all(&ids, |id| map.get(id).map(|found| *found)))
    });
}

fn packs(ids: &[ObjectId]) -> impl Iterator<Item = (PackEntry, &[ObjectId])> {
    ids.chunks(IDS_OF_A_PACK).map(|ids| {
        let pack = PackEntry {
            id: FileId(ids[0].0),
            kind: PackKind::Data,
            entries: ids.len() as u32,
            file_bytes: 32 << 20,
            plain_bytes: 64 << 20,
        };
        (pack, ids)
    })
}

fn store() -> tempfile::TempDir {
    let store = tempfile::tempdir().expect("a temporary folder");
    for name in ["index", "tmp"] {
        fs::create_dir(store.path().join(name)).expect("a folder");
    }
    store
}

fn build(ids: &[ObjectId], store: &Path) -> FileId {
    let mut builder = Builder::new();
    for (pack, ids) in packs(ids) {
        builder.add_pack(pack, ids.iter().copied());
    }
    builder
        .write(&RealDisk::shared(), store)
        .expect("there is room")
}

fn segments(criterion: &mut Criterion) {
    let (known, unknown) = (ids(SEGMENT_IDS, 2), ids(SEGMENT_IDS, 3));
    let store = store();
    let mut group = criterion.benchmark_group("segment of 1 M ids");
    group.sample_size(10);
    group.measurement_time(Duration::from_secs(3));
    group.throughput(Throughput::Elements(SEGMENT_IDS as u64));
    group.bench_function("build, with fsync", |bencher| {
        bencher.iter(|| build(&known, store.path()))
    });
    let id = build(&known, store.path()).to_string();
    let path = store.path().join("index").join(id);
    let open = || Segment::open(&path).expect("it was just written");
    group.bench_function("verify", |bencher| bencher.iter(|| open().verify()));
    group.bench_function("all entries", |bencher| {
        bencher.iter(|| open().entries().filter(|entry| entry.is_ok()).count())
    });
    group.bench_function("merge with 300,000 more", |bencher| {
        bencher.iter_batched(
            two_layers,
            |(_store, index)| index.publish(),
            BatchSize::PerIteration,
        )
    });
    group.throughput(Throughput::Elements(LOOK_UPS as u64));
    for access in ["read", "mapped"] {
        if access == "mapped" {
            tamis_engine::mmap::install_fault_handler().expect("the handler can be installed");
        }
        let segment = open();
        for (name, ids) in [("found", &known), ("not there", &unknown)] {
            group.bench_function(format!("look up, {access}, {name}"), |bencher| {
                bencher.iter(|| look_up(&segment, &ids[..LOOK_UPS]))
            });
        }
    }
}

/// How many of `ids` are found, by one thread.
fn look_up(segment: &Segment, ids: &[ObjectId]) -> usize {
    let found = ids
        .iter()
        .map(|id| segment.find(id).expect("it can be read"));
    found.flatten().count()
}

/// An index with a segment of 1 M ids, and fresh packs with 300,000.
fn two_layers() -> (tempfile::TempDir, Index) {
    let store = store();
    let index = Index::open(store.path()).expect("an empty store has an index");
    for (count, seed, is_published) in [(SEGMENT_IDS, 4, true), (300_000, 5, false)] {
        for (pack, ids) in packs(&ids(count, seed)) {
            index.add_fresh(pack, ids.iter().copied());
        }
        if is_published {
            index.publish().expect("there is room");
        }
    }
    (store, index)
}

criterion_group!(benches, in_flight, segments);
criterion_main!(benches);
