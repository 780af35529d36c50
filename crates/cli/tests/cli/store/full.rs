//! Goal: a disk that gets full costs nothing that was kept, whatever was going on; with room again, it goes on.

use super::Drops;
use super::disk::SmallDisk;
use crate::data::{CONTRACT, good_csv};

const STORE: &str = "--store disk/store --work-tree tree";

/// Bytes that no compression shortens.
fn noise(seed: u64, len_bytes: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..len_bytes).map(|_| random.u8(..)).collect()
}

/// A store on a disk of 6 MB, with one commit of 1 MB.
fn kept(drops: &Drops) -> Option<SmallDisk<'_>> {
    let mut disk = SmallDisk::new(drops, "6m")?;
    drops.write("tree/kept", noise(1, 1_000_000));
    disk.succeed("init --bare disk/store");
    commit(&mut disk, "first");
    disk.succeed(&format!("{STORE} tag v1"));
    Some(disk)
}

/// Adds all of the tree, and commits it.
fn commit(disk: &mut SmallDisk<'_>, message: &str) {
    disk.succeed(&format!("{STORE} add -A"));
    disk.succeed(&format!("{STORE} commit -m {message}"));
}

/// That a store has so many commits, no damage, and the file of the first one as it was.
fn assert_sound(disk: &mut SmallDisk<'_>, store: &str, commits: usize) {
    disk.succeed(&format!("--store {store} verify --read-data"));
    let log = disk.succeed(&format!("--store {store} log --oneline"));
    assert_eq!(log.stdout.lines().count(), commits, "{log}");
    assert_has(disk, store, "v1:kept", "tree/kept");
}

/// That what is stored is what is in the file.
fn assert_has(disk: &mut SmallDisk<'_>, store: &str, stored: &str, file: &str) {
    let same = disk.sh(&format!(
        "\"$TAMIS\" store --store {store} cat {stored} | cmp - {file}"
    ));
    assert_eq!((same.code, same.stderr.as_str()), (Some(0), ""), "{stored}");
}

#[test]
fn faults_a_full_disk_stops_add_and_commit() {
    let drops = Drops::bare();
    let Some(mut disk) = kept(&drops) else { return };
    let add = format!("store {STORE} add -A");
    // More than there is room for, and then less.
    drops.write("tree/large", noise(2, 20_000_000));
    let ran = disk.fail_for_room(&add);
    insta::assert_snapshot!(drops.shown(&ran), @r"
    exit code: 3
    ----- stderr -----
    error: cannot write a pack to `[folder]/disk/store/packs`: No space left on device (os error 28)
    hint: nothing that was stored before is lost; free some space, and run it again
    ");
    assert_sound(&mut disk, "disk/store", 1);
    drops.write("tree/large", noise(3, 1_000_000));
    disk.succeed(&format!("{STORE} add -A"));
    disk.fill();
    disk.fail_for_room(&format!("store {STORE} commit -m second"));
    drops.write("tree/more", noise(4, 100_000));
    disk.fail_for_room(&add);
    assert_sound(&mut disk, "disk/store", 1);
    disk.make_room();
    commit(&mut disk, "second");
    assert_sound(&mut disk, "disk/store", 2);
    assert_has(&mut disk, "disk/store", "HEAD:large", "tree/large");
    assert_has(&mut disk, "disk/store", "HEAD:more", "tree/more");
}

#[test]
fn faults_a_full_disk_stops_a_collection() {
    let drops = Drops::bare();
    let Some(mut disk) = kept(&drops) else { return };
    // Packs of which some is needed: what is needed is to be written again.
    drops.write("tree/large", noise(2, 1_500_000));
    commit(&mut disk, "second");
    let halved = [noise(2, 700_000), noise(3, 300_000)].concat();
    drops.write("tree/large", halved);
    commit(&mut disk, "third");
    disk.succeed(&format!("{STORE} forget HEAD~1"));
    disk.fill();
    let collect = format!("store {STORE} gc --grace 0 --repack-below 100%");
    disk.fail_for_room(&collect);
    assert_sound(&mut disk, "disk/store", 2);
    disk.make_room();
    let collected = disk.tamis(&collect);
    assert_eq!(collected.code, Some(0), "{collected}");
    assert_sound(&mut disk, "disk/store", 2);
    assert_has(&mut disk, "disk/store", "HEAD:large", "tree/large");
}

#[test]
fn faults_a_full_disk_stops_a_transfer() {
    let drops = Drops::bare();
    let Some(mut disk) = kept(&drops) else { return };
    disk.succeed("init --bare disk/copy");
    disk.fill();
    for verb in ["--store disk/copy pull", "--store disk/store push"] {
        let other = match verb.ends_with("pull") {
            true => "disk/store",
            false => "disk/copy",
        };
        disk.fail_for_room(&format!("store {verb} {other}"));
        disk.succeed("--store disk/copy verify --read-data");
    }
    disk.make_room();
    disk.succeed("--store disk/copy pull disk/store");
    assert_sound(&mut disk, "disk/copy", 1);
}

#[test]
fn faults_a_full_disk_stops_what_comes_out() {
    let drops = Drops::bare();
    let Some(mut disk) = kept(&drops) else { return };
    assert_eq!(disk.sh("mkdir disk/out disk/whole").code, Some(0));
    disk.fill();
    for verb in [
        "get v1:kept -o disk/out",
        "get v1:kept -o disk/out --range 1..900000",
        "checkout v1 -o disk/whole",
    ] {
        disk.fail_for_room(&format!("store {STORE} {verb}"));
        // Not half of it either.
        let left = disk.sh("find disk/out disk/whole -type f");
        assert_eq!(left.stdout, "", "{verb}");
    }
    disk.make_room();
    disk.succeed(&format!("{STORE} get v1:kept -o disk/out"));
    disk.succeed(&format!("{STORE} checkout v1 -o disk/whole"));
    let same = disk.sh("cmp tree/kept disk/out/kept && cmp tree/kept disk/whole/kept");
    assert_eq!(same.code, Some(0), "{same}");
}

#[test]
fn faults_a_full_disk_stops_the_version_of_a_check() {
    let drops = Drops::bare();
    let Some(mut disk) = kept(&drops) else { return };
    drops.write("orders.odcs.yaml", CONTRACT);
    drops.write("orders.csv", good_csv(20_000));
    let check = "check orders.csv -c orders.odcs.yaml --good store:disk/store@main:good.csv";
    disk.fill();
    disk.fail_for_room(check);
    assert_sound(&mut disk, "disk/store", 1);
    disk.make_room();
    let checked = disk.tamis(check);
    assert_eq!(checked.code, Some(0), "{checked}");
    assert_sound(&mut disk, "disk/store", 2);
    assert_has(&mut disk, "disk/store", "HEAD:good.csv", "orders.csv");
}
