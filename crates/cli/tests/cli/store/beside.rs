//! Goal: processes that read see no wrong byte, and fail for no version that is there, whatever other processes add, commit, forget and
//! collect meanwhile.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::Drops;

/// Files of a version, each of so many lines.
const LINES: [usize; 4] = [1, 50, 3_000, 40_000];
/// Versions that are there at a time.
const LIVING: usize = 3;

/// A version: everything in it follows from its number.
struct Version {
    id: String,
    number: usize,
    /// Set before anybody is told to forget it.
    is_forgotten: AtomicBool,
}

/// Versions that can be read.
#[derive(Default)]
struct Versions(Mutex<Vec<Arc<Version>>>);

/// A file of a version: some of it is in others, too.
fn text(number: usize, lines: usize) -> String {
    let lines = (0..lines).map(|line| match line % 7 {
        0 => format!("{line} of version {number}\n"),
        _ => format!("{line}\n"),
    });
    lines.collect()
}

fn write(drops: &Drops, number: usize, versions: &Versions) {
    for lines in LINES {
        drops.write(&format!("tree/{lines}"), text(number, lines));
    }
    let succeed = |arguments: &str| {
        let ran = drops.store(arguments);
        assert_eq!(ran.code, Some(0), "{arguments}: {ran}");
        ran.stdout
    };
    succeed("add tree");
    succeed(&format!("commit -m {number}"));
    let log = succeed("log -n 1 --oneline");
    let id = log.split(' ').next().expect("an id").to_owned();
    let mut living = versions.0.lock().expect("nobody panics");
    living.push(Arc::new(Version {
        id,
        number,
        is_forgotten: AtomicBool::new(false),
    }));
    let forgotten = (living.len() > LIVING).then(|| living.remove(0));
    drop(living);
    if let Some(version) = forgotten {
        version.is_forgotten.store(true, Ordering::SeqCst);
        succeed(&format!("forget {}", version.id));
    }
    succeed("gc --grace 0 --repack-below 100%");
}

/// Reads a version in one of the ways in which that is done.
fn read(drops: &Drops, version: &Version, reader: usize, random: &mut fastrand::Rng) {
    let Version { id, number, .. } = version;
    let lines = LINES[random.usize(..LINES.len())];
    let expected = text(*number, lines);
    let out = format!("out-{reader}");
    let (ran, is_right) = match random.u8(..4) {
        0 => {
            let ran = drops.store(&format!("cat {id}:tree/{lines}"));
            let is_right = ran.stdout == expected;
            (ran, is_right)
        }
        1 => {
            let ran = drops.store(&format!("get {id}:tree/{lines} -o {out} --force"));
            let got = fs::read_to_string(drops.path(&out).join(lines.to_string()));
            (ran, got.is_ok_and(|it| it == expected))
        }
        2 => {
            let ran = drops.store(&format!("checkout {id} -o {out}/all --force"));
            let is_right = LINES.iter().all(|&lines| {
                let path = drops.path(&out).join(format!("all/tree/{lines}"));
                fs::read_to_string(path).is_ok_and(|it| it == text(*number, lines))
            });
            (ran, is_right)
        }
        _ => {
            let ran = drops.store(&format!("ls {id}:tree"));
            let is_right = ran.stdout.lines().count() == LINES.len();
            (ran, is_right)
        }
    };
    let is_forgotten = version.is_forgotten.load(Ordering::SeqCst);
    match ran.code {
        Some(0) => assert!(is_right, "{id}: {lines} lines: {ran}"),
        _ => assert!(is_forgotten, "{id}: {ran}"),
    }
}

#[test]
fn faults_readers_notice_nothing_of_writers() {
    let drops = Drops::new();
    let versions = Versions::default();
    let (is_done, reads) = (AtomicBool::new(false), AtomicUsize::new(0));
    let seconds = std::env::var("TAMIS_SOAK").map_or(4, |it| 10 * it.parse().unwrap_or(6));
    let end = Instant::now() + Duration::from_secs(seconds);
    thread::scope(|scope| {
        let (drops, versions, is_done, reads) = (&drops, &versions, &is_done, &reads);
        let mut readers = Vec::new();
        for reader in 0..2 {
            readers.push(scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(reader as u64);
                while !is_done.load(Ordering::Relaxed) {
                    let living = versions.0.lock().expect("nobody panics").clone();
                    if let Some(version) = random.choice(&living) {
                        read(drops, version, reader, &mut random);
                        reads.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }));
        }
        readers.push(scope.spawn(move || {
            while !is_done.load(Ordering::Relaxed) {
                let verified = drops.store("verify --read-data");
                assert_eq!(verified.code, Some(0), "{verified}");
            }
        }));
        let mut number = 0;
        while (Instant::now() < end || number < 2 * LIVING)
            && !readers.iter().any(|it| it.is_finished())
        {
            write(drops, number, versions);
            number += 1;
        }
        is_done.store(true, Ordering::Relaxed);
    });
    assert!(reads.into_inner() > LIVING);
}
