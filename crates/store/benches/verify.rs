//! `verify` with data: plain bytes that are read, unpacked and held against their ids in a second.
//!
//! Text that compresses to about a third, as sources do, and noise, which is stored as it is: what takes unpacking, and what is hashing
//! alone. From the page cache, so that no disk is measured.

use std::fs;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tamis_engine::control::Cancel;
use tamis_store::add::AddOptions;
use tamis_store::chunker::Parameters;
use tamis_store::session::Session;
use tamis_store::settings::Settings;
use tamis_store::store::Store;
use tamis_store::verify::VerifyOptions;

const BYTES: usize = 128 << 20;
const WORDS: [&str; 16] = [
    "return ", "self", ".", "folder", "(", ")", ";\n", "    ", "let ", "match ", " => ", "path",
    "Ok(", "error", "bytes", "&mut ",
];

fn text(random: &mut fastrand::Rng) -> Vec<u8> {
    let mut text = Vec::with_capacity(BYTES + 64);
    while text.len() < BYTES {
        match random.u8(..4) {
            0 => text.extend(format!("{:x}", random.u16(..)).bytes()),
            _ => text.extend(WORDS[random.usize(..WORDS.len())].bytes()),
        }
    }
    text
}

fn verify(criterion: &mut Criterion) {
    let mut random = fastrand::Rng::with_seed(3);
    let noise = (0..BYTES).map(|_| random.u8(..)).collect();
    let mut group = criterion.benchmark_group("verify");
    group.sample_size(10);
    for (name, bytes) in [("text", text(&mut random)), ("noise", noise)] {
        let folder = tempfile::tempdir().expect("a folder");
        let store_folder = folder.path().join(".tamis");
        Store::init(&store_folder, Parameters::default()).expect("a new store");
        fs::write(folder.path().join("file"), &bytes).expect("a file");
        let store = Store::open(&store_folder, Settings::default(), &Cancel::new());
        let store = store.expect("a store");
        let mut session = Session::open(&store, folder.path()).expect("nobody else");
        let added = session.add(&[Vec::new()], &AddOptions::default());
        added.expect("it can be added");
        let options = VerifyOptions {
            read_data: true,
            ..VerifyOptions::default()
        };
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let verified = store.verify(black_box(&options));
                assert!(verified.is_ok_and(|it| it.is_sound()));
            });
        });
    }
    group.finish();
}

criterion_group!(benches, verify);
criterion_main!(benches);
