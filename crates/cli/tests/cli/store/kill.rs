//! Goal: a process that is killed at any moment costs nothing that was told of before, and whoever comes next just goes on.
//!
//! A round kills each verb that changes a store or puts files somewhere, one after the other. After each of them, before anybody has gone on, the
//! store has no damage, and every version and tag that was told of is there. What was killed can be done again, and then is done.
//!
//! Moments are drawn; how long a verb takes is learned, so that about half of them are killed on the way, whatever the machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::Drops;
use crate::data::{CONTRACT, good_csv};
use crate::shell::Ran;

/// The files of a version.
pub(super) type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Versions that are there at a time.
const LIVING: usize = 3;
/// How long a verb is let run at most, as long as nothing is known of it.
const PATIENCE: Duration = Duration::from_millis(30);

const ADD: &str = "add -A";
const GC: &str = "gc --grace 0 --repack-below 100%";
const PUSH: &str = "push ../pushed";
const PULL: &str = "pull --store ../pulled .tamis";
const REPAIR: &str = "repair --read-data";

/// Rounds of killing; `TAMIS_SOAK` makes three hundred of them.
fn rounds() -> usize {
    match std::env::var_os("TAMIS_SOAK") {
        Some(_) => 300,
        None => 3,
    }
}

/// All files in a folder but those of a store.
pub(super) fn files_of(folder: &Path) -> Files {
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
                let below = path.strip_prefix(folder).expect("it is below");
                files.insert(below.to_owned(), bytes);
            }
        }
    }
    files
}

/// Runs `tamis store` in the work tree, and it succeeds.
pub(super) fn succeed(drops: &Drops, arguments: &str) -> Ran {
    let ran = drops.store_in("tree", arguments);
    assert_eq!(ran.code, Some(0), "{arguments}: {ran}");
    ran
}

/// Starts `tamis store` in the work tree.
pub(super) fn start(drops: &Drops, arguments: &str) -> Child {
    let mut command = drops.command();
    command.args(arguments.split_whitespace());
    start_in_tree(drops, command)
}

fn start_in_tree(drops: &Drops, mut command: Command) -> Child {
    command.current_dir(drops.path("tree"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("tamis starts")
}

/// A version that was told of.
struct Version {
    id: String,
    tag: String,
    files: Files,
}

/// Stores whose users are killed.
struct Killed {
    drops: Drops,
    random: fastrand::Rng,
    /// How long each verb is let run at most.
    patience: BTreeMap<String, Duration>,
    /// How many were killed on the way.
    count: usize,
    /// Oldest first.
    versions: Vec<Version>,
}

impl Killed {
    fn new() -> Killed {
        let drops = Drops::bare();
        drops.write("orders.odcs.yaml", CONTRACT);
        drops.write("tree/0/first", "first");
        succeed(&drops, "init");
        succeed(&drops, ADD);
        succeed(&drops, "commit -m first");
        succeed(&drops, "init --bare ../pushed");
        succeed(&drops, "clone .tamis ../pulled");
        Killed {
            drops,
            random: fastrand::Rng::with_seed(6),
            patience: BTreeMap::new(),
            count: 0,
            versions: Vec::new(),
        }
    }

    fn succeed(&self, arguments: &str) -> Ran {
        succeed(&self.drops, arguments)
    }

    /// Writes some files anew, and removes some.
    fn change(&mut self) {
        let random = &mut self.random;
        for _ in 0..40 {
            let name = format!("tree/{}/{}", random.u8(..6), random.u8(..40));
            if random.u8(..8) == 0 {
                // It may not be there.
                let _ = fs::remove_file(self.drops.path(&name));
                continue;
            }
            let len = [10, 3_000, 60_000, 600_000][random.usize(..4)];
            let text: Vec<u8> = match random.bool() {
                true => (0..random.usize(..len)).map(|_| random.u8(..)).collect(),
                false => name.bytes().cycle().take(random.usize(..len)).collect(),
            };
            self.drops.write(&name, text);
        }
    }

    /// Starts `tamis store`, and kills it some time later; whether it had ended, and so told that all is done.
    fn kill(&mut self, arguments: &str) -> bool {
        let child = start(&self.drops, arguments);
        self.kill_child(child, arguments)
    }

    fn kill_child(&mut self, mut child: Child, arguments: &str) -> bool {
        let verb = arguments.split(' ').next().unwrap_or_default().to_owned();
        let patience = self.patience.entry(verb).or_insert(PATIENCE);
        thread::sleep(patience.mul_f64(self.random.f64()));
        let ended = child.try_wait().expect("it was started");
        // It may have ended meanwhile.
        let _ = child.kill();
        let ran = Ran::from(child.wait_with_output().expect("it was started"));
        let is_done = ended.is_some();
        if is_done {
            assert_eq!(ran.code, Some(0), "{arguments}: {ran}");
        }
        *patience = patience.mul_f64(if is_done { 0.8 } else { 1.25 });
        self.count += usize::from(!is_done);
        is_done
    }

    /// That a store has no damage.
    fn assert_whole(&self, store: &str) {
        let verified = self.succeed(&format!("verify --read-data --store {store}"));
        assert!(verified.stderr.contains("no damage"), "{verified}");
    }

    /// That the store has no damage, and all that was told of.
    fn assert_sound(&self, killed: &str) {
        self.assert_whole(".tamis");
        let log = self.succeed("log --oneline").stdout;
        let tags = self.succeed("tag").stdout;
        for Version { id, tag, .. } in &self.versions {
            let is_listed = log.lines().any(|line| line.starts_with(id.as_str()));
            assert!(is_listed, "{id} after `{killed}`: {log}");
            let is_tagged = tags.lines().any(|line| {
                let mut words = line.split_whitespace();
                words.next() == Some(tag) && words.next() == Some(id)
            });
            assert!(is_tagged, "{tag} after `{killed}`: {tags}");
        }
    }

    /// Where the branch of a store is, if it has any commit.
    fn head(&self, store: &str) -> Option<String> {
        let log = format!("log -n 1 --oneline --store {store}");
        let ran = self.drops.store_in("tree", &log);
        let line = (ran.code == Some(0)).then_some(ran.stdout)?;
        line.split(' ').next().map(str::to_owned)
    }

    fn newest(&self) -> &Version {
        self.versions.last().expect("there are some")
    }

    /// What is staged and committed: whatever was killed before, the version is that of the work tree.
    fn kill_those_that_commit(&mut self, round: usize) {
        self.change();
        self.kill(ADD);
        self.assert_sound(ADD);
        let before = self.head(".tamis");
        let is_done = self.kill("commit -m killed --allow-empty");
        self.assert_sound("commit");
        assert!(!is_done || self.head(".tamis") != before);
        self.kill_check(round);
        self.kill(GC);
        self.assert_sound(GC);
        self.succeed(ADD);
        self.kill_rm();
        self.succeed(ADD);
        self.succeed("commit -m whole --allow-empty");
        let id = self.head(".tamis").expect("it was just made");
        let tag = format!("round-{round}");
        let tagging = format!("tag {tag}");
        let is_done = self.kill(&tagging);
        self.assert_sound("tag");
        let tags = self.succeed("tag").stdout;
        assert!(!is_done || tags.contains(&tag), "{tags}");
        // The same again is no error.
        self.succeed(&tagging);
        let files = files_of(&self.drops.path("tree"));
        self.versions.push(Version { id, tag, files });
    }

    /// Good records become a version, all of them or none.
    fn kill_check(&mut self, round: usize) {
        let before = self.head(".tamis");
        let good = good_csv(20_000 + round);
        self.drops.write("orders.csv", &good);
        let check = "check ../orders.csv -c ../orders.odcs.yaml --good store:main:good.csv";
        let mut command = self.drops.0.command();
        command.args(check.split(' '));
        let child = start_in_tree(&self.drops, command);
        let is_done = self.kill_child(child, check);
        self.assert_sound("check");
        match self.head(".tamis") == before {
            true => assert!(!is_done, "no version was made"),
            false => assert!(self.succeed("cat HEAD:good.csv").stdout == good),
        }
    }

    /// The work tree keeps what is taken out, and the next `add` takes it in again.
    fn kill_rm(&mut self) {
        let before = files_of(&self.drops.path("tree"));
        let folder = before.keys().next().and_then(|it| it.parent());
        let rm = format!("rm {}", folder.expect("it is in one").display());
        let is_done = self.kill(&rm);
        self.assert_sound("rm");
        assert!(files_of(&self.drops.path("tree")) == before);
        let status = self.succeed("status").stdout;
        assert!(!is_done || status.contains("deleted"), "{status}");
    }

    /// Other stores get all of it, or go on from where they were.
    fn kill_those_that_copy(&mut self) {
        for (copying, copy) in [(PUSH, "../pushed"), (PULL, "../pulled")] {
            let before = self.head(copy);
            let is_done = self.kill(copying);
            self.assert_whole(copy);
            let (head, newest) = (self.head(copy), &self.newest().id);
            let has_all = head.as_ref() == Some(newest);
            assert!(has_all || (!is_done && head == before), "{copying}");
        }
        self.assert_sound("push");
        self.kill_clone();
    }

    /// What looks like a clone is one, or can be made one.
    fn kill_clone(&mut self) {
        let is_done = self.kill("clone .tamis ../cloned");
        let newest = self.newest().id.clone();
        let has_all = self.head("../cloned").as_ref() == Some(&newest);
        assert!(has_all || !is_done);
        if !has_all {
            let again = self.drops.store_in("tree", "clone .tamis ../cloned");
            if again.code != Some(0) {
                // There is a store already, though it has not all of it.
                assert!(again.stderr.contains("is a store already"), "{again}");
                self.assert_whole("../cloned");
                self.succeed("pull --store ../cloned .tamis");
            }
        }
        self.assert_whole("../cloned");
        assert_eq!(self.head("../cloned"), Some(newest));
        let tags = |store| self.succeed(&format!("tag --store {store}")).stdout;
        assert_eq!(tags("../cloned"), tags(".tamis"));
        fs::remove_dir_all(self.drops.path("cloned")).expect("it is ours");
    }

    /// What is put somewhere can be put there again, whatever is there of it; that which was in place before it was killed is whole.
    fn kill_checkout(&mut self) {
        let version = self.random.usize(..self.versions.len());
        let id = self.versions[version].id.clone();
        let out = self.drops.path("out");
        // Into a folder that is not there; and in place of what has other bytes.
        for is_forced in [false, true] {
            let checkout = match is_forced {
                false => format!("checkout {id} -o ../out"),
                true => format!("checkout {id} -o ../out --force"),
            };
            if is_forced {
                let newest = format!("checkout {} -o ../out", self.newest().id);
                self.succeed(&newest);
            }
            self.kill(&checkout);
            self.assert_sound("checkout");
            let files = &self.versions[version].files;
            let others = is_forced.then(|| &self.newest().files);
            let left = if out.exists() {
                files_of(&out)
            } else {
                Files::new()
            };
            for (path, bytes) in left {
                let is_new = files.get(&path) == Some(&bytes);
                let is_old = others.is_some_and(|it| it.get(&path) == Some(&bytes));
                assert!(is_new || is_old || is_draft(&path), "{}", path.display());
            }
            self.succeed(&format!("checkout {id} -o ../out --force"));
            let after = files_of(&out);
            let is_whole = files
                .iter()
                .all(|(path, bytes)| after.get(path) == Some(bytes));
            assert!(is_whole, "{checkout}");
            fs::remove_dir_all(&out).expect("it is ours");
        }
    }

    /// Whether nothing or the index is gone, a mended store is whole.
    fn kill_repair(&mut self) {
        self.kill(REPAIR);
        self.assert_sound(REPAIR);
        let manifest = self.drops.path("tree/.tamis/index/manifest");
        fs::remove_file(manifest).expect("it is there");
        self.kill(REPAIR);
        self.succeed(REPAIR);
        self.assert_sound(REPAIR);
    }

    /// Of a version that is given up the tag goes first; all others stay.
    fn kill_forget(&mut self) {
        if self.versions.len() < LIVING {
            return;
        }
        let Version { id, tag, .. } = self.versions.remove(0);
        let untag = format!("tag -d {tag}");
        let is_done = self.kill(&untag);
        self.assert_sound(&untag);
        let is_there = self.succeed("tag").stdout.contains(&format!("{tag} "));
        assert!(!(is_done && is_there));
        if is_there {
            self.succeed(&untag);
        }
        let forget = format!("forget {id}");
        let is_done = self.kill(&forget);
        self.assert_sound(&forget);
        let shown = self.drops.store_in("tree", &format!("show {id}"));
        match shown.code {
            Some(0) => {
                assert!(!is_done, "{shown}");
                self.succeed(&forget);
            }
            _ => assert!(shown.stderr.contains("was forgotten"), "{shown}"),
        }
    }
}

/// Whether a file is what a killed process has not given its name yet.
fn is_draft(path: &Path) -> bool {
    let name = path.file_name().expect("it is a file").to_string_lossy();
    name.starts_with(".tamis-")
}

#[test]
fn faults_killed_processes_cost_no_version() {
    let mut killed = Killed::new();
    for round in 0..rounds() {
        killed.kill_those_that_commit(round);
        killed.kill_those_that_copy();
        killed.kill_checkout();
        killed.kill_repair();
        killed.kill_forget();
    }
    assert!(killed.count > rounds(), "{} were killed", killed.count);
    for (copying, copy) in [(PUSH, "../pushed"), (PULL, "../pulled")] {
        killed.succeed(copying);
        killed.assert_whole(copy);
        assert_eq!(killed.head(copy), killed.head(".tamis"));
    }
}
