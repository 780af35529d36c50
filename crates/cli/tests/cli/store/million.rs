//! Goal: a folder of very many files costs little memory, and a change in it costs little.
//!
//! With `TAMIS_SOAK` there are 86,000 of them, as many as a tree of Linux has, and then a million.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use super::Drops;

const MEMORY_KIB_MAX: u64 = 200_000;
/// What is to be read is listed first, since its sizes decide how, and what is verified is all of it; so these grow with the files, and may
/// take more if there are more than [`FEW`].
const ALL_KIB_MAX: u64 = 450_000;
const FEW: usize = 100_000;
/// A changed name rewrites a node of each level, and no node is longer than 256 KiB.
const REWRITTEN_BYTES_MAX: u64 = 1 << 20;

/// Runs a command, which succeeds, and takes little memory; what it printed.
fn measured(drops: &Drops, arguments: &str) -> String {
    measured_below(MEMORY_KIB_MAX, drops, arguments)
}

fn measured_below(kib_max: u64, drops: &Drops, arguments: &str) -> String {
    let mut command = drops.command();
    command.args(arguments.split_whitespace());
    let output = fs::File::create(drops.path("output")).expect("there is room");
    command.stdout(output).stderr(Stdio::null());
    let mut child = command.spawn().expect("tamis starts");
    let status = format!("/proc/{}/status", child.id());
    let mut peak_kib = 0;
    let ended = loop {
        // The peak is kept by the kernel, so that only what comes after the last look is missed.
        let text = fs::read_to_string(&status).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = peak.and_then(|it| it.trim().strip_suffix(" kB")?.parse().ok());
        peak_kib = number.unwrap_or(peak_kib);
        if let Some(ended) = child.try_wait().expect("it was started") {
            break ended;
        }
        thread::sleep(Duration::from_millis(1));
    };
    let expected = i32::from(arguments.starts_with("diff"));
    assert_eq!(ended.code(), Some(expected), "{arguments}");
    assert!(peak_kib < kib_max, "{arguments}: {peak_kib} KiB");
    eprintln!("{arguments}: {peak_kib} KiB");
    drops.0.read("output")
}

fn pack_bytes(drops: &Drops) -> u64 {
    let packs = fs::read_dir(drops.path(".tamis/packs")).expect("it is there");
    let lengths = packs.map(|it| it.and_then(|it| it.metadata()).expect("it is there").len());
    lengths.sum()
}

#[test]
fn a_folder_of_very_many_files_takes_little_memory() {
    let counts = match std::env::var_os("TAMIS_SOAK") {
        Some(_) => &[86_000, 1_000_000][..],
        None => &[20_000],
    };
    for &files in counts {
        keep(files);
    }
}

/// Goes with so many files through all that is done to a folder.
fn keep(files: usize) {
    let all_kib_max = match files <= FEW {
        true => MEMORY_KIB_MAX,
        false => ALL_KIB_MAX,
    };
    let drops = Drops::new();
    fs::create_dir(drops.path("tree")).expect("there is room");
    for number in 0..files {
        fs::write(drops.path(&format!("tree/{number}")), number.to_string())
            .expect("there is room");
    }
    // So that nothing is read again because it has just been written.
    thread::sleep(Duration::from_millis(2100));
    let added = measured_below(all_kib_max, &drops, "add tree --json");
    assert!(
        added.contains(&format!("\"staged\": {}", files + 1)),
        "{added}"
    );
    measured(&drops, "commit -m all");
    let unchanged = measured(&drops, "add tree --json");
    assert!(unchanged.contains("\"staged\": 0"), "{unchanged}");
    assert!(unchanged.contains("\"bytes\": 0"), "{unchanged}");
    let before = pack_bytes(&drops);
    drops.write("tree/7777", "changed");
    let changed = measured(&drops, "add tree --json");
    assert!(changed.contains("\"bytes\": 7,"), "{changed}");
    measured(&drops, "commit -m one");
    let rewritten = pack_bytes(&drops) - before;
    assert!(rewritten < REWRITTEN_BYTES_MAX, "{rewritten} bytes");
    assert_eq!(measured(&drops, "ls HEAD:tree").lines().count(), files);
    assert_eq!(measured(&drops, "diff HEAD~1 HEAD"), "M\ttree/7777\n");
    measured(&drops, "status");
    measured_below(all_kib_max, &drops, "verify --read-data");
    fs::remove_dir_all(drops.path("tree")).expect("it is ours");
    measured(&drops, "checkout HEAD -o out");
    let restored = fs::read_dir(drops.path("out/tree")).expect("it is there");
    assert_eq!(restored.count(), files);
    assert_eq!(drops.0.read("out/tree/7777"), "changed");
    assert_eq!(drops.0.read("out/tree/7778"), "7778");
}
