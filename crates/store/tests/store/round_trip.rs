//! What goes in comes out: bytes, times, modes, attributes, holes and names, of every version.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::Duration;

use tamis_store::add::{AddOptions, Strategy};
use tamis_store::settings::Settings;

use crate::trees::{Repository, Tree, assert_same, snapshot, soak_factor};

#[test]
fn every_commit_comes_back() {
    for seed in 0..6 * soak_factor().unwrap_or(1) {
        let mut tree = Tree::new(seed, 60);
        let repository = Repository::new(Settings::default());
        let mut commits = Vec::new();
        for _ in 0..3 {
            let added = repository.add(tree.path(), &AddOptions::default());
            assert!(added.failures.is_empty(), "{seed}: {:?}", added.failures);
            commits.push((repository.commit(tree.path()), snapshot(tree.path())));
            tree.change(25);
        }
        for (id, expected) in commits {
            let restored = repository.restore(id).expect("it is whole");
            assert_same(&snapshot(restored.path()), &expected);
        }
    }
}

#[test]
fn holes_stay_holes() {
    let tree = tempfile::tempdir().expect("a temporary folder");
    let path = tree.path().join("sparse");
    let file = File::create(&path).expect("there is room");
    file.set_len(40 << 20).expect("there is room");
    let blocks = fs::metadata(&path).expect("it is there").blocks();
    let repository = Repository::new(Settings::default());
    repository.add(tree.path(), &AddOptions::default());
    let restored = repository.restore(repository.commit(tree.path()));
    let restored = restored.expect("it is whole");
    let metadata = fs::metadata(restored.path().join("sparse")).expect("it is there");
    assert_eq!(metadata.len(), 40 << 20);
    assert!(metadata.blocks() <= blocks + 16, "{}", metadata.blocks());
}

/// Data at the start, at the end, across blocks, and alone in the midst of nothing; read whole and in windows.
#[test]
fn islands_of_data_stay_where_they_are_and_holes_between_them_stay_holes() {
    const LEN_BYTES: u64 = 24 << 20;
    let islands: [(u64, usize); 5] = [
        (0, 100),
        (1 << 20, 300_000),
        ((9 << 20) + 4095, 2),
        ((16 << 20) + 17, 70_000),
        (LEN_BYTES - 1, 1),
    ];
    let tree = tempfile::tempdir().expect("a temporary folder");
    let file = File::create(tree.path().join("sparse")).expect("there is room");
    file.set_len(LEN_BYTES).expect("there is room");
    for (seed, (at, len_bytes)) in islands.into_iter().enumerate() {
        let mut rng = fastrand::Rng::with_seed(seed as u64);
        let bytes: Vec<u8> = (0..len_bytes).map(|_| rng.u8(1..)).collect();
        file.write_all_at(&bytes, at).expect("there is room");
    }
    file.sync_all().expect("there is room");
    let blocks = file.metadata().expect("it is there").blocks();
    for streaming_threshold_bytes in [1 << 20, 1 << 30] {
        let repository = Repository::new(Settings {
            threads: 3,
            memory_bytes: 16 << 20,
            window_threshold_bytes: 2 << 20,
            streaming_threshold_bytes,
            ..Settings::default()
        });
        repository.add(tree.path(), &AddOptions::default());
        let restored = repository.restore(repository.commit(tree.path()));
        let restored = restored.expect("it is whole");
        assert_same(&snapshot(restored.path()), &snapshot(tree.path()));
        let metadata = fs::metadata(restored.path().join("sparse")).expect("it is there");
        // A chunk may begin in a hole, and is written whole.
        let slack = 2 * 16 * islands.len() as u64;
        assert!(
            metadata.blocks() <= blocks + slack,
            "{} blocks instead of {blocks}",
            metadata.blocks()
        );
    }
}

#[test]
fn however_it_is_added_the_root_is_the_same() {
    for seed in 0..soak_factor().unwrap_or(1) {
        let tree = Tree::new(1000 + seed, 60);
        let mut large = vec![0; 900_000];
        fastrand::Rng::with_seed(seed).fill(&mut large);
        fs::write(tree.path().join("large"), large).expect("there is room");
        let mut roots = Vec::new();
        let strategies = [
            Strategy::Auto,
            Strategy::Individual,
            Strategy::Batch,
            Strategy::Streaming,
            Strategy::Hybrid,
        ];
        for (threads, strategy) in [1, 2, 7]
            .into_iter()
            .flat_map(|threads| strategies.map(|strategy| (threads, strategy)))
        {
            let settings = Settings {
                threads,
                // All files in one batch, and whole; or few, and in windows.
                batch_files: if threads == 7 { 3 } else { 500 },
                window_threshold_bytes: 30_000 * threads as u64,
                streaming_threshold_bytes: 100_000 * threads as u64,
                ..Settings::default()
            };
            let repository = Repository::new(settings);
            let options = AddOptions {
                strategy,
                ..AddOptions::default()
            };
            let added = repository.add(tree.path(), &options);
            assert!(added.failures.is_empty(), "{:?}", added.failures);
            let id = repository.commit(tree.path());
            let commit = repository.open().refs().commit(id).expect("it is whole");
            roots.push((commit.root, commit.totals, threads, strategy));
        }
        for root in &roots {
            assert_eq!((&root.0, &root.1), (&roots[0].0, &roots[0].1), "{root:?}");
        }
    }
}

#[test]
fn what_is_unchanged_is_not_read_again() {
    let tree = Tree::new(5, 60);
    let repository = Repository::new(Settings::default());
    // A file that has just been written is not trusted.
    std::thread::sleep(Duration::from_millis(2100));
    let first = repository.add(tree.path(), &AddOptions::default());
    assert!(first.staged > 0 && first.failures.is_empty());
    let second = repository.add(tree.path(), &AddOptions::default());
    assert_eq!(
        (second.staged, second.removed, second.plain_bytes),
        (0, 0, 0)
    );
    // Of folders, too, the stamp is settled.
    assert!(second.unchanged >= first.staged);
    fs::write(tree.path().join("one more"), b"1").expect("there is room");
    let third = repository.add(tree.path(), &AddOptions::default());
    assert_eq!((third.staged, third.plain_bytes), (1, 1));
}

#[test]
fn a_file_that_is_rewritten_in_the_same_tick_is_noticed() {
    let tree = tempfile::tempdir().expect("a temporary folder");
    let path = tree.path().join("racy");
    let repository = Repository::new(Settings::default());
    for round in 0..20_u8 {
        fs::write(&path, [round; 100]).expect("there is room");
        let modified = fs::metadata(&path).and_then(|it| it.modified());
        repository.add(tree.path(), &AddOptions::default());
        fs::write(&path, [round + 100; 100]).expect("there is room");
        let file = File::options().write(true).open(&path).expect("it is ours");
        let set = modified.and_then(|modified| file.set_modified(modified));
        set.expect("it is ours");
        repository.add(tree.path(), &AddOptions::default());
        // Now, because the next round would put right what this one missed.
        let restored = repository.restore(repository.commit(tree.path()));
        let restored = restored.expect("it is whole");
        assert_same(&snapshot(restored.path()), &snapshot(tree.path()));
        // Where the system's clock is so fine that all of this has times of its own, nothing else tells that it is not relied on.
        let again = repository.add(tree.path(), &AddOptions::default());
        assert_eq!(again.plain_bytes, 100, "it is read again");
    }
}
