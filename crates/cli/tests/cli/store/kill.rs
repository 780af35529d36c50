//! Goal: processes that are killed or stopped at any moment cost no finished version, and whoever comes next just goes on.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use super::Drops;
use crate::faults::signal;
use crate::shell::Ran;

/// The files of a version.
type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Rounds of killing; `TAMIS_SOAK` makes three hundred of them.
fn rounds() -> usize {
    match std::env::var_os("TAMIS_SOAK") {
        Some(_) => 300,
        None => 8,
    }
}

fn files_of(folder: &Path) -> Files {
    let mut files = Files::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(next).expect("the folder can be read") {
            let path = entry.expect("an entry").path();
            let is_store = path.file_name().is_some_and(|name| name == ".tamis");
            if path.is_dir() && !is_store {
                waiting.push(path);
            } else if path.is_file() {
                let bytes = fs::read(&path).expect("the file can be read");
                files.insert(
                    path.strip_prefix(folder).expect("it is below").to_owned(),
                    bytes,
                );
            }
        }
    }
    files
}

/// Writes some files anew, and removes some.
fn change(drops: &Drops, random: &mut fastrand::Rng) {
    for _ in 0..40 {
        let name = format!("tree/{}/{}", random.u8(..6), random.u8(..40));
        if random.u8(..8) == 0 {
            // It may not be there.
            let _ = fs::remove_file(drops.path(&name));
            continue;
        }
        let len = [10, 3_000, 60_000, 900_000][random.usize(..4)];
        let text: Vec<u8> = match random.bool() {
            true => (0..random.usize(..len)).map(|_| random.u8(..)).collect(),
            false => name.bytes().cycle().take(random.usize(..len)).collect(),
        };
        drops.write(&name, text);
    }
}

/// Starts a command in the work tree.
fn start(drops: &Drops, arguments: &str) -> Child {
    let mut command = drops.command();
    command.current_dir(drops.path("tree"));
    command.args(arguments.split_whitespace());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("tamis starts")
}

/// Starts a command, and kills it some time later, perhaps when it has ended.
fn kill(drops: &Drops, arguments: &str, random: &mut fastrand::Rng) {
    let mut child = start(drops, arguments);
    thread::sleep(Duration::from_micros(random.u64(..60_000)));
    // It may have ended.
    let _ = child.kill();
    child.wait().expect("it was started");
}

fn succeed(drops: &Drops, arguments: &str) -> Ran {
    let ran = drops.store_in("tree", arguments);
    assert_eq!(ran.code, Some(0), "{arguments}: {ran}");
    ran
}

#[test]
fn faults_killed_processes_cost_no_version() {
    let drops = Drops::bare();
    let mut random = fastrand::Rng::with_seed(6);
    fs::create_dir(drops.path("tree")).expect("there is room");
    succeed(&drops, "init");
    succeed(&drops, "clone .tamis ../copy");
    let mut versions: BTreeMap<String, Files> = BTreeMap::new();
    for round in 0..rounds() {
        change(&drops, &mut random);
        kill(&drops, "add -A", &mut random);
        kill(&drops, "commit -m killed", &mut random);
        kill(&drops, "gc --grace 0 --repack-below 100%", &mut random);
        kill(&drops, "pull --store ../copy .tamis", &mut random);
        // Before anybody has gone on.
        succeed(&drops, "verify --read-data");
        succeed(&drops, "verify --read-data --store ../copy");
        succeed(&drops, "add -A");
        succeed(&drops, "commit -m whole --allow-empty");
        let log = succeed(&drops, "log -n 1 --oneline");
        let id = log.stdout.split(' ').next().expect("an id").to_owned();
        versions.insert(id.clone(), files_of(&drops.path("tree")));
        let newest = id;
        let verified = succeed(&drops, "verify --read-data");
        assert!(verified.stderr.contains("no damage"), "{verified}");
        let (id, files) = versions
            .iter()
            .nth(random.usize(..versions.len()))
            .expect("one");
        let out = format!("out-{round}");
        succeed(&drops, &format!("checkout {id} -o ../{out}"));
        assert!(
            files_of(&drops.path(&out)) == *files,
            "round {round}, version {id}"
        );
        fs::remove_dir_all(drops.path(&out)).expect("it is ours");
        if versions.len() > 1 {
            // The branch is at the newest one.
            let forgotten = versions.keys().find(|id| **id != newest);
            let forgotten = forgotten.expect("there are some").clone();
            succeed(&drops, &format!("forget {forgotten}"));
            versions.remove(&forgotten);
        }
    }
    succeed(&drops, "pull --store ../copy .tamis");
    succeed(&drops, "verify --read-data --store ../copy");
}

#[test]
fn faults_a_stopped_writer_survives_a_collection() {
    let drops = Drops::bare();
    let mut random = fastrand::Rng::with_seed(7);
    fs::create_dir(drops.path("tree")).expect("there is room");
    succeed(&drops, "init");
    let large: Vec<u8> = (0..30_000_000).map(|_| random.u8(..)).collect();
    // What is in the store, and needed by nobody but the writer that is stopped while it relies on it.
    drops.write("tree/large", &large);
    succeed(&drops, "add -A");
    succeed(&drops, "commit -m first");
    let first = succeed(&drops, "log -n 1 --oneline").stdout;
    fs::remove_file(drops.path("tree/large")).expect("it is there");
    drops.write("tree/small", "small");
    succeed(&drops, "add -A");
    succeed(&drops, "commit -m second");
    let first = first.split(' ').next().expect("an id");
    succeed(&drops, &format!("forget {first}"));
    for wait_ms in [5, 20, 60, 150] {
        drops.write("tree/large", [&large[..], &[wait_ms]].concat());
        let writer = start(&drops, "add -A");
        thread::sleep(Duration::from_millis(wait_ms.into()));
        signal(&writer, "STOP");
        let collected = drops.store_in("tree", "gc --grace 0 --repack-below 100%");
        assert_eq!(collected.code, Some(0), "{collected}");
        signal(&writer, "CONT");
        let added = Ran::from(writer.wait_with_output().expect("it ends"));
        assert_eq!(added.code, Some(0), "{added}");
        succeed(&drops, "verify --read-data");
        succeed(&drops, "commit -m third --allow-empty");
        let out = format!("out-{wait_ms}");
        succeed(&drops, &format!("checkout HEAD -o ../{out}"));
        assert!(
            files_of(&drops.path(&out)) == files_of(&drops.path("tree")),
            "{wait_ms} ms"
        );
    }
}
