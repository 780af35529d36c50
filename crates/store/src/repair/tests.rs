//! A damaged store is usable again, with everything that could be had.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use tamis_engine::control::Cancel;

use super::names::mend_bit;
use super::*;
use crate::disk::lossy::LossyDisk;
use crate::id::CommitId;
use crate::pack::open::PackFile;
use crate::verify::tests::{
    Files, Sample, all_hurt, check_restored, open, places, read_data, settings,
};

/// A copy of a sample's store, to be damaged.
struct Copy {
    folder: tempfile::TempDir,
}

impl Copy {
    fn of(sample: &Sample) -> Copy {
        let folder = tempfile::tempdir().expect("a folder");
        copy_folder(&sample.store_folder(), folder.path());
        Copy { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn repair(&self) -> Repaired {
        self.repair_with(&RepairOptions {
            read_data: true,
            ..RepairOptions::default()
        })
    }

    fn repair_with(&self, options: &RepairOptions) -> Repaired {
        let repaired = Store::repair(self.path(), settings(), options, &Cancel::new());
        repaired.expect("a store of ours")
    }
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("it has a name"));
        match path.is_dir() {
            true => {
                fs::create_dir_all(&target).expect("a new folder");
                copy_folder(&path, &target);
            }
            false => drop(fs::copy(&path, &target).expect("a file")),
        }
    }
}

/// The commits that are not forgotten.
fn kept(sample: &Sample) -> [&(CommitId, Files); 2] {
    [&sample.commits[0], &sample.commits[2]]
}

/// The store works: everything that was not told of as lost is as it was, and more can be added.
fn check_usable(copy: &Copy, sample: &Sample, repaired: &Repaired, what: &str) {
    let store = open(copy.path()).unwrap_or_else(|error| panic!("{what}: {error}"));
    let verified = store.verify(&read_data()).expect("nothing interrupts it");
    let problems = &verified.problems;
    assert_eq!(problems.len(), repaired.verified.problems.len(), "{what}");
    // What is left is what is lost.
    let is_loss = |detail: &str| detail.contains("in none of them") || detail.contains("is gone");
    for problem in problems {
        assert!(is_loss(&problem.detail), "{what}: {problem:?}");
    }
    assert_eq!(
        problems.is_empty(),
        is_whole(repaired),
        "{what}: {problems:?}"
    );
    let mut hurt = all_hurt(&verified);
    for (id, _) in kept(sample) {
        if repaired.lost_commits.contains(id) {
            let commit = Some(*id);
            let path = Vec::new();
            hurt.push(crate::verify::Hurt { commit, path });
        }
    }
    for (id, files) in kept(sample) {
        check_restored(&store, *id, files, &hurt);
    }
    let session = crate::session::Session::open(&store, &sample.tree());
    let mut session = session.unwrap_or_else(|error| panic!("{what}: {error}"));
    let added = session.add(&[Vec::new()], &crate::add::AddOptions::default());
    assert!(
        added.expect("it can be added").failures.is_empty(),
        "{what}"
    );
}

fn is_whole(repaired: &Repaired) -> bool {
    repaired.lost_objects == 0
        && !repaired
            .verified
            .problems
            .iter()
            .any(|it| it.detail.contains("is gone"))
}

/// Whether nothing may be lost when a byte of this file is another.
fn is_redundant(path: &Path, place: usize) -> bool {
    let Some(file) = PackFile::named(path.to_owned()) else {
        return true;
    };
    let footer = file.open().expect("it is sound still").footer;
    let is_payload = |frame: &crate::pack::read::FramePlace| {
        let start = u64::from(frame.offset);
        let payload = start + frame.header.payload_offset()..start + frame.header.len_bytes();
        payload.contains(&(place as u64))
    };
    !footer.frames.iter().any(is_payload)
}

#[test]
fn a_sound_store_is_left_as_it_is() {
    let sample = Sample::new();
    let copy = Copy::of(&sample);
    let repaired = copy.repair();
    assert!(
        repaired.verified.is_sound() && repaired.notes.is_empty(),
        "{repaired:?}"
    );
    assert!(!repaired.rebuilt_index && repaired.moved.is_empty());
    check_usable(&copy, &sample, &repaired, "nothing was damaged");
}

#[test]
fn a_bit_that_fell_over_is_mended_or_costs_only_what_it_was_in() {
    let sample = Sample::new();
    let folder = sample.store_folder();
    for path in sample.files_of_store() {
        let sound = fs::read(&path).expect("a file of the store");
        for place in places(sound.len(), 3).into_iter().step_by(3) {
            let copy = Copy::of(&sample);
            let inside = path.strip_prefix(&folder).expect("it is in the store");
            let mut damaged = sound.clone();
            damaged[place] ^= 1 << (place % 8);
            fs::write(copy.path().join(inside), &damaged).expect("it can be written");
            let repaired = copy.repair();
            let what = format!("byte {place} of {} of {}", sound.len(), inside.display());
            if is_redundant(&path, place) {
                assert!(repaired.verified.is_sound(), "{what}: {repaired:?}");
            }
            check_usable(&copy, &sample, &repaired, &what);
        }
    }
}

#[test]
fn what_is_cut_or_gone_is_made_again_or_named() {
    let sample = Sample::new();
    let folder = sample.store_folder();
    for path in sample.files_of_store() {
        let sound = fs::read(&path).expect("a file of the store");
        for end in [Some(0), Some(sound.len() / 2), Some(sound.len() - 1), None] {
            let copy = Copy::of(&sample);
            let inside = path.strip_prefix(&folder).expect("it is in the store");
            let damaged = copy.path().join(inside);
            match end {
                Some(end) => fs::write(&damaged, &sound[..end]),
                None => fs::remove_file(&damaged),
            }
            .expect("it can be changed");
            let repaired = copy.repair();
            let what = format!("{} cut to {end:?}", inside.display());
            check_usable(&copy, &sample, &repaired, &what);
        }
    }
}

#[test]
fn a_repair_that_was_killed_goes_on() {
    let sample = Sample::new();
    let copy = Copy::of(&sample);
    let packs = copy.path().join("packs");
    for name in crate::refs::names_in(&packs).expect("a folder") {
        let renamed = packs.join(format!("{name}.damaged"));
        fs::rename(packs.join(&name), renamed).expect("a name");
    }
    let repaired = copy.repair();
    assert!(repaired.verified.is_sound(), "{repaired:?}");
    check_usable(&copy, &sample, &repaired, "all packs had another name");
}

#[test]
fn packs_that_changed_places_are_told_apart() {
    let sample = Sample::new();
    let copy = Copy::of(&sample);
    let packs = copy.path().join("packs");
    let mut names = crate::refs::names_in(&packs).expect("a folder");
    names.retain(|it| it.ends_with(".data"));
    let (first, second) = (packs.join(&names[0]), packs.join(&names[1]));
    let between = packs.join("between");
    fs::rename(&first, &between).expect("a name");
    fs::rename(&second, &first).expect("a name");
    fs::rename(&between, &second).expect("a name");
    let repaired = copy.repair();
    assert!(repaired.verified.is_sound(), "{repaired:?}");
    assert!(repaired.salvaged_objects > 0 && repaired.rebuilt_index);
    check_usable(&copy, &sample, &repaired, "packs changed places");
}

#[test]
fn frames_behind_a_damaged_head_are_found_without_a_footer() {
    let mut sample = Sample::new();
    // Several frames in one pack.
    let mut random = fastrand::Rng::with_seed(1);
    let noise: Vec<u8> = (0..2_000_000).map(|_| random.u8(..)).collect();
    sample.write("noise of some frames", &noise);
    sample.add(&sample.open());
    let copy = Copy::of(&sample);
    let packs = copy.path().join("packs");
    let names = crate::refs::names_in(&packs).expect("a folder");
    let longest = names
        .iter()
        .max_by_key(|name| fs::metadata(packs.join(name)).map_or(0, |it| it.len()))
        .expect("there are packs");
    let path = packs.join(longest);
    let file = PackFile::named(path.clone()).expect("a pack");
    let footer = file.open().expect("a sound one").footer;
    assert!(footer.frames.len() > 4);
    let mut bytes = fs::read(&path).expect("a pack");
    let hit = &footer.frames[1];
    bytes[hit.offset as usize + 9] ^= 4;
    let len = bytes.len();
    bytes[len - 3] ^= 1;
    fs::write(&path, &bytes).expect("it can be written");
    let repaired = copy.repair();
    let lost = u64::from(hit.header.entries);
    assert_eq!(repaired.lost_objects, lost);
    assert_eq!(
        repaired.salvaged_objects,
        footer.objects.len() as u64 - lost
    );
    check_usable(&copy, &sample, &repaired, "a head and the trailer");
}

#[test]
fn what_is_lost_is_added_again_from_the_work_tree() {
    let sample = Sample::new();
    let copy = Copy::of(&sample);
    let packs = copy.path().join("packs");
    for name in crate::refs::names_in(&packs).expect("a folder") {
        if name.ends_with(".data") {
            fs::remove_file(packs.join(name)).expect("it is there");
        }
    }
    let repaired = copy.repair();
    assert!(repaired.lost_objects > 100);
    let repaired = copy.repair_with(&RepairOptions {
        read_data: true,
        work_tree: Some(sample.tree()),
        ..RepairOptions::default()
    });
    // What the newest commit has is there again; of the first, a file was changed since.
    let head = Some(sample.commits[2].0);
    let hurt = all_hurt(&repaired.verified);
    assert!(
        !hurt.is_empty() && hurt.iter().all(|it| it.commit != head),
        "{hurt:?}"
    );
    let (id, files) = &sample.commits[2];
    check_restored(&open(copy.path()).expect("a store"), *id, files, &[]);
}

#[test]
fn what_is_missing_is_taken_out_of_the_trash() {
    let sample = Sample::new();
    let copy = Copy::of(&sample);
    let packs = copy.path().join("packs");
    for name in crate::refs::names_in(&packs).expect("a folder") {
        fs::rename(packs.join(&name), copy.path().join("trash").join(&name)).expect("a name");
    }
    let repaired = copy.repair();
    assert!(
        repaired.verified.is_sound() && repaired.rescued_packs > 2,
        "{repaired:?}"
    );
    check_usable(&copy, &sample, &repaired, "all packs were in the trash");
}

#[test]
fn the_branch_goes_to_the_newest_commit() {
    let sample = Sample::new();
    let copy = Copy::of(&sample);
    let branch = copy.path().join("refs/heads/main");
    fs::write(&branch, b"nothing of that kind").expect("it can be written");
    let repaired = copy.repair();
    let store = open(copy.path()).expect("a store");
    assert_eq!(
        store.refs().head().expect("a ref"),
        Some(sample.commits[2].0)
    );
    assert_eq!(repaired.moved.len(), 1);
    let kept = fs::read(&repaired.moved[0]).expect("it was kept");
    assert_eq!(kept, b"nothing of that kind");
}

#[test]
fn a_folder_that_is_no_store_stays_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = RepairOptions::default();
    let repaired = Store::repair(folder.path(), settings(), &options, &Cancel::new());
    assert!(matches!(repaired, Err(crate::Error::NoStore { .. })));
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

#[test]
fn a_store_that_is_in_use_is_not_repaired() {
    let sample = Sample::new();
    let store = sample.open();
    let _session = crate::session::Session::open(&store, &sample.tree()).expect("nobody else");
    let options = RepairOptions::default();
    let repaired = Store::repair(store.folder(), settings(), &options, &Cancel::new());
    assert!(matches!(repaired, Err(crate::Error::Locked { .. })));
}

/// Goal: who waits for the staging to be free gets it when all is mended, and not in between, where that would end the repair.
#[test]
fn nobody_gets_in_between() {
    let sample = Sample::new();
    for _ in 0..5 {
        let copy = Copy::of(&sample);
        let locks = Locks::new(copy.path(), &Cancel::new());
        let options = RepairOptions::default();
        let is_done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // Until `repair` has it.
                while options.progress.snapshot().phase == Phase::Discovery {
                    std::hint::spin_loop();
                }
                let mut taken = None;
                while !is_done.load(Ordering::Relaxed) {
                    taken = taken.or_else(|| locks.exclusive(Role::Staging, Wait::No).ok());
                }
            });
            let repaired = Store::repair(copy.path(), settings(), &options, &Cancel::new());
            is_done.store(true, Ordering::Relaxed);
            repaired.expect("it had the lock");
        });
    }
}

#[test]
fn one_bit_is_found_by_trying_and_two_are_not() {
    let sound = b"a file with a hash of its own";
    let hash = blake3::hash(sound);
    let is_right = |bytes: &[u8]| blake3::hash(bytes) == hash;
    for place in 0..sound.len() {
        let mut damaged = sound.to_vec();
        damaged[place] ^= 64;
        assert_eq!(mend_bit(&damaged, is_right).as_deref(), Some(&sound[..]));
        damaged[sound.len() - 1 - place] ^= 2;
        assert_eq!(mend_bit(&damaged, is_right), None);
    }
}

/// Goal: a repair may end anywhere, and take with it what was not durable; the next one finds all that could be had.
#[test]
fn a_repair_may_end_anywhere() {
    let sample = Sample::new();
    let damaged = Copy::of(&sample);
    let packs = damaged.path().join("packs");
    for name in crate::refs::names_in(&packs).expect("a folder") {
        let bytes = fs::read(packs.join(&name)).expect("a pack");
        // Without the end of its footer: every frame is whole.
        fs::write(packs.join(&name), &bytes[..bytes.len() - 8]).expect("it can be written");
    }
    fs::remove_file(damaged.path().join("index/manifest")).expect("it is there");
    for operations in (0..).step_by(7) {
        let copy = Copy {
            folder: tempfile::tempdir().expect("a folder"),
        };
        copy_folder(damaged.path(), copy.path());
        let disk = LossyDisk::new(copy.path());
        disk.die_after(operations);
        let (options, cancel) = (RepairOptions::default(), Cancel::new());
        let ended = Store::repair_on(disk.shared(), copy.path(), settings(), &options, &cancel);
        disk.heal();
        let after = Copy {
            folder: tempfile::tempdir().expect("a folder"),
        };
        disk.crash(operations, after.path());
        let repaired = after.repair();
        assert_eq!(repaired.lost_objects, 0, "after {operations} operations");
        check_usable(
            &after,
            &sample,
            &repaired,
            &format!("{operations} operations"),
        );
        if ended.is_ok() {
            assert!(operations > 50, "there are steps to end at");
            break;
        }
    }
}

/// Goal: what an earlier repair has left is not replaced by what that made of it, if that is damaged by now.
#[test]
fn what_is_to_be_saved_yet_is_not_replaced() {
    let sample = Sample::new();
    let copy = Copy::of(&sample);
    let packs = copy.path().join("packs");
    for name in crate::refs::names_in(&packs).expect("a folder") {
        let bytes = fs::read(packs.join(&name)).expect("a pack");
        let left = packs.join(format!("{name}.damaged"));
        fs::write(left, &bytes[..bytes.len() - 8]).expect("there is room");
        fs::write(packs.join(&name), vec![0; bytes.len()]).expect("there is room");
    }
    let repaired = copy.repair();
    assert_eq!(repaired.lost_objects, 0);
    check_usable(&copy, &sample, &repaired, "two of each pack");
}
