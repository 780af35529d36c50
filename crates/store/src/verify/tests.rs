//! A small store, and what verify says of it when single bytes of it are others.

mod made;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use tamis_engine::control::Cancel;

use super::*;
use crate::add::AddOptions;
use crate::chunker::Parameters;
use crate::disk::RealDisk;
use crate::id::CommitId;
use crate::pack::frame::Compression;
use crate::restore::RestoreOptions;
use crate::session::{CommitRequest, Session};
use crate::settings::Settings;
use crate::staging::Staging;

/// Paths and bytes of files.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// A work tree with its store, and what its commits hold.
pub(crate) struct Sample {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) commits: Vec<(CommitId, Files)>,
    files: Files,
}

pub(crate) fn settings() -> Settings {
    Settings {
        threads: 2,
        compression: Compression::Zstd(1),
        // Stores are opened by the hundred here.
        chunk_cache_bytes: 2 << 20,
        ..Settings::default()
    }
}

impl Sample {
    pub(crate) fn tree(&self) -> PathBuf {
        self.folder.path().join("tree")
    }

    pub(crate) fn store_folder(&self) -> PathBuf {
        self.tree().join(".tamis")
    }

    /// Three commits of texts, of what cannot be compressed, and of a file of many chunks; a tag; and a file that is staged only.
    pub(crate) fn new() -> Sample {
        let mut sample = Sample {
            folder: tempfile::tempdir().expect("a folder"),
            commits: Vec::new(),
            files: Files::new(),
        };
        fs::create_dir_all(sample.tree()).expect("a tree");
        let chunks = Parameters {
            min_bytes: 512,
            avg_bytes: 2048,
            max_bytes: 8192,
        };
        Store::init(&sample.store_folder(), chunks).expect("a new store");
        let mut random = fastrand::Rng::with_seed(7);
        let mut noise = |len: usize| (0..len).map(|_| random.u8(..)).collect::<Vec<u8>>();
        for number in 0..40 {
            let text = format!("line {number} of a text\n").repeat(20 + number);
            let path = format!("folder {}/text {number}", number % 4);
            sample.write(&path, text.as_bytes());
        }
        sample.write("large", &noise(200_000));
        sample.write("noise", &noise(3000));
        sample.write("empty", b"");
        sample.commit("first");
        sample.write("folder 1/more", &noise(900));
        sample.write("folder 1/text 1", b"another text");
        sample.commit("second");
        let mut large = sample.files["large"].clone();
        large.splice(90_000..90_003, noise(500));
        sample.write("large", &large);
        sample.commit("third");
        let store = sample.open();
        let tagged = sample.commits[0].0;
        store.refs().set_tag("v1", tagged).expect("a tag");
        let forgotten = BTreeSet::from([sample.commits[1].0]);
        store.refs().set_forgotten(&forgotten).expect("a list");
        sample.write("staged only", &noise(2000));
        sample.add(&store);
        sample
    }

    pub(crate) fn write(&mut self, path: &str, bytes: &[u8]) {
        let whole = self.tree().join(path);
        let parent = whole.parent().expect("it is in the tree");
        fs::create_dir_all(parent).expect("a folder");
        fs::write(&whole, bytes).expect("a file");
        // As if it had been left alone for long: or every stamp would be distrusted anyway.
        let before = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
        let file = fs::File::options().write(true).open(&whole);
        let set = file.and_then(|it| it.set_modified(before));
        set.expect("a time");
        self.files.insert(path.to_owned(), bytes.to_vec());
    }

    pub(crate) fn open(&self) -> Store {
        open(&self.store_folder()).expect("a sound store")
    }

    pub(crate) fn add(&self, store: &Store) {
        let mut session = Session::open(store, &self.tree()).expect("nobody else");
        let added = session.add(&[Vec::new()], &AddOptions::default());
        assert!(added.expect("it can be added").failures.is_empty());
    }

    fn commit(&mut self, message: &str) {
        let store = self.open();
        self.add(&store);
        let mut session = Session::open(&store, &self.tree()).expect("nobody else");
        let request = CommitRequest {
            message: message.to_owned(),
            author: "a tester".to_owned(),
            offset_minutes: 0,
            allows_empty: false,
        };
        let committed = session.commit(&request).expect("it can be committed");
        let id = committed.expect("something changed").id;
        self.commits.push((id, self.files.clone()));
    }

    /// Every file of the store that counts, by its path in it.
    pub(crate) fn files_of_store(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.store_folder()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder of the store") {
                let path = entry.expect("an entry").path();
                match path.is_dir() {
                    true => folders.push(path),
                    false if path.ends_with("lock") || path.ends_with("history.jsonl") => {}
                    false => files.push(path),
                }
            }
        }
        files.sort();
        files
    }
}

pub(crate) fn open(folder: &Path) -> Result<Store> {
    Store::open(folder, settings(), &Cancel::new())
}

pub(crate) fn read_data() -> VerifyOptions {
    VerifyOptions {
        read_data: true,
        ..VerifyOptions::default()
    }
}

/// Restores a commit. No file may have other bytes than it had, and those that are not there must be hurt.
pub(crate) fn check_restored(store: &Store, id: CommitId, files: &Files, hurt: &[Hurt]) {
    let Ok(commit) = store.refs().commit(id) else {
        let whole = Hurt {
            commit: Some(id),
            path: Vec::new(),
        };
        assert!(hurt.contains(&whole), "{id} is gone, and nobody says so");
        return;
    };
    let target = tempfile::tempdir().expect("a folder");
    let options = RestoreOptions::default();
    let restored = store.restore_tree(commit.root, target.path(), &options);
    restored.expect("the target can be written to");
    let hurt: HashSet<_> = hurt
        .iter()
        .filter(|it| it.commit == Some(id))
        .map(|it| String::from_utf8_lossy(&it.path).into_owned())
        .collect();
    for (path, bytes) in files {
        match fs::read(target.path().join(path)) {
            Ok(found) => assert!(found == *bytes, "`{path}` has other bytes"),
            Err(_) => {
                let is_told = hurt.contains("")
                    || Path::new(path)
                        .ancestors()
                        .any(|it| hurt.contains(it.to_str().expect("our own names")));
                assert!(is_told, "`{path}` of {id} is gone, and nobody says so");
            }
        }
    }
}

pub(crate) fn all_hurt(verified: &Verified) -> Vec<Hurt> {
    let hurt = verified.problems.iter().flat_map(|it| it.hurt.clone());
    hurt.collect()
}

/// Places in a file of `len` bytes: both ends closely, and some between.
pub(crate) fn places(len: usize, count: usize) -> Vec<usize> {
    let step = (len / count).max(1);
    let ends = (0..len.min(20))
        .step_by(3)
        .chain(len.saturating_sub(60)..len);
    let ends = ends.enumerate().filter(|(number, _)| number % 4 == 0);
    let mut places: Vec<_> = (0..len).step_by(step).chain(ends.map(|it| it.1)).collect();
    places.sort_unstable();
    places.dedup();
    places
}

#[test]
fn a_sound_store_has_no_problems() {
    let sample = Sample::new();
    let store = sample.open();
    let verified = store.verify(&read_data()).expect("nothing interrupts it");
    assert!(verified.is_sound(), "{:?}", verified.problems);
    assert!(verified.notes.is_empty(), "{:?}", verified.notes);
    // One of three is forgotten; everything was read.
    assert_eq!(verified.commits, 2);
    assert_eq!(
        verified.packs,
        store.objects().index().known_packs().len() as u64
    );
    let known = store.objects().index().known_packs();
    let plain: u64 = known.iter().map(|it| it.plain_bytes).sum();
    assert_eq!(verified.plain_bytes, plain);
    assert!(verified.chunks > 100 && verified.nodes > 10);
    let quick = store.verify(&VerifyOptions::default()).expect("as above");
    assert_eq!(
        (quick.nodes, quick.chunks),
        (verified.nodes, verified.chunks)
    );
    assert_eq!(quick.plain_bytes, 0);
}

#[test]
fn a_sample_is_a_share_and_can_be_drawn_again() {
    let sample = Sample::new();
    let store = sample.open();
    let drawn = |share, seed| {
        let options = VerifyOptions {
            sample: Some(share),
            seed,
            ..read_data()
        };
        let verified = store.verify(&options).expect("nothing interrupts it");
        (verified.stored_bytes, verified.sample_seed.expect("a seed"))
    };
    let all = store.verify(&read_data()).expect("as above").stored_bytes;
    assert_eq!(drawn(1.0, None).0, all);
    let (some, seed) = drawn(0.3, None);
    assert!(some > 0);
    assert_eq!(drawn(0.3, Some(seed)), (some, seed));
    // One long pack may be drawn last, and then all are.
    let shares: BTreeSet<_> = (0..20).map(|seed| drawn(0.3, Some(seed)).0).collect();
    assert!(shares.len() > 1 && shares.iter().all(|share| (1..=all).contains(share)));
    for none in [0.0, -0.5, 1.5, f64::NAN] {
        let options = VerifyOptions {
            sample: Some(none),
            ..read_data()
        };
        assert!(store.verify(&options).is_err(), "{none}");
    }
}

/// Whether a file may be cut or gone without a trace: the log may have been shorter before, and no table is as good as one.
fn may_pass(path: &Path, is_gone: bool) -> bool {
    path.ends_with("staging/log") || is_gone && path.ends_with("staging/table")
}

#[test]
fn a_bit_that_falls_over_is_found_and_harms_nothing_else() {
    let sample = Sample::new();
    let folder = sample.store_folder();
    for path in sample.files_of_store() {
        let sound = fs::read(&path).expect("a file of the store");
        for place in places(sound.len(), 12) {
            let mut damaged = sound.clone();
            damaged[place] ^= 1 << (place % 8);
            fs::write(&path, &damaged).expect("it can be written");
            let what = format!("byte {place} of {} of {}", sound.len(), path.display());
            let Ok(store) = open(&folder) else {
                continue;
            };
            let verified = store.verify(&read_data()).expect("nothing interrupts it");
            // The end of the log is what a power cut may have left, and told of.
            let is_noted = path.ends_with("staging/log")
                && place + 25 >= sound.len()
                && verified
                    .notes
                    .iter()
                    .any(|note| note.contains("staging/log"));
            assert!(!verified.is_sound() || is_noted, "{what}: not found");
            let hurt = all_hurt(&verified);
            for (id, files) in [&sample.commits[0], &sample.commits[2]] {
                check_restored(&store, *id, files, &hurt);
            }
        }
        fs::write(&path, &sound).expect("it can be written");
    }
}

#[test]
fn what_is_cut_or_gone_is_found() {
    let sample = Sample::new();
    let folder = sample.store_folder();
    for path in sample.files_of_store() {
        let sound = fs::read(&path).expect("a file of the store");
        let ends = [0, 1, 40, sound.len() / 2, sound.len() - 1];
        for end in ends.map(Some).into_iter().chain([None]) {
            match end {
                Some(end) => fs::write(&path, &sound[..end.min(sound.len() - 1)]),
                None => fs::remove_file(&path),
            }
            .expect("it can be changed");
            let Ok(store) = open(&folder) else {
                continue;
            };
            let verified = store.verify(&read_data()).expect("nothing interrupts it");
            // Nothing says that there were tags, or forgotten commits; without a manifest nothing is in the index.
            let is_untold = end.is_none() && (path.ends_with("v1") || path.ends_with("forgotten"));
            // Of a forgotten commit the file may go, which is no damage, and still told.
            let is_given_up = end.is_none() && path.ends_with(sample.commits[1].0.to_string());
            assert!(!is_given_up || verified.notes.iter().any(|it| it.contains("forgotten")));
            let is_untold = is_untold || is_given_up;
            assert!(
                !verified.is_sound() || may_pass(&path, end.is_none()) || is_untold,
                "{} cut to {end:?}",
                path.display()
            );
            let hurt = all_hurt(&verified);
            for (id, files) in [&sample.commits[0], &sample.commits[2]] {
                check_restored(&store, *id, files, &hurt);
            }
        }
        fs::write(&path, &sound).expect("it can be written");
    }
}

#[test]
fn what_is_staged_only_is_told_of_as_such() {
    let sample = Sample::new();
    let packs = sample.files_of_store().into_iter();
    let packs = packs.filter(|it| it.extension().is_some_and(|it| it == "data"));
    let newest = packs.max_by_key(|it| fs::metadata(it).and_then(|it| it.modified()).ok());
    fs::remove_file(newest.expect("there are packs")).expect("it is there");
    let verified = sample.open().verify(&VerifyOptions::default());
    let hurt = all_hurt(&verified.expect("nothing interrupts it"));
    let staged = Hurt {
        commit: None,
        path: b"staged only".to_vec(),
    };
    assert_eq!(hurt, [staged]);
}

#[test]
fn a_first_commit_that_was_cut_off_is_no_damage() {
    let store = crate::testing::TestStore::new();
    store.commit_files(&[("a", b"first")]);
    let staged = store.folder().join("staging/log");
    let branch = store.folder().join("refs/heads/main");
    let is_sound = || {
        let store = store.reopened(RealDisk::shared());
        let verified = store.verify(&read_data()).expect("nothing interrupts it");
        verified.is_sound()
    };
    assert!(is_sound());
    fs::remove_file(branch).expect("it is there");
    assert!(!is_sound(), "the staging follows a branch");
    fs::remove_file(&staged).expect("it is there");
    Staging::create(&store.folder().join("staging")).expect("there is none");
    assert!(!is_sound(), "the history names a commit");
    fs::remove_file(store.folder().join("history.jsonl")).expect("it is there");
    assert!(is_sound());
}
