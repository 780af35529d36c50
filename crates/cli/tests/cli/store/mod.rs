//! `tamis store`: versions of a folder, from the outside.

mod beside;
mod disk;
mod faults;
mod full;
mod keep;
mod kill;
mod look;
mod million;
mod names;
mod out;
mod perf;
mod resume;
mod rights;
mod settings;
mod stage;
mod stop;
mod story;
mod transfer;
mod uri;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::shell::{Ran, Shell};

/// A folder in which a store is used, by somebody whose name, clock and settings are known.
pub(crate) struct Drops(pub(crate) Shell);

impl Drops {
    /// A folder without a store.
    pub(crate) fn bare() -> Drops {
        Drops(Shell::new())
    }

    /// A folder with an empty store.
    pub(crate) fn new() -> Drops {
        let drops = Drops::bare();
        assert_eq!(drops.store("init").code, Some(0));
        drops
    }

    /// A store with two commits: of `a.csv` and `deep/b.csv`, then of a changed `a.csv` and a new `c.csv`.
    pub(crate) fn with_history() -> Drops {
        let drops = Drops::new();
        drops.write("a.csv", "id\n1\n");
        drops.write("deep/b.csv", "id\n2\n");
        drops.commit("first");
        drops.write("a.csv", "id\n1\n3\n");
        drops.write("c.csv", "id\n4\n");
        drops.commit("second");
        drops
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.folder.path().join(name)
    }

    /// Puts a file somewhere below.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it is in the folder")).expect("there is room");
        fs::write(path, text).expect("there is room");
    }

    /// Adds everything, and commits it.
    pub(crate) fn commit(&self, message: &str) {
        let added = self.store("add -A");
        assert_eq!(added.code, Some(0), "{added}");
        let committed = self.run(&["commit", "-m", message]);
        assert_eq!(committed.code, Some(0), "{committed}");
    }

    /// `tamis store`, ready to be given arguments.
    pub(crate) fn command(&self) -> Command {
        let mut command = self.0.command();
        command.arg("store").env("TAMIS_AUTHOR", "tester");
        command.env("TZ", "UTC").env("XDG_CONFIG_HOME", "/nowhere");
        command
    }

    /// Runs it with these arguments, split at spaces.
    pub(crate) fn store(&self, arguments: &str) -> Ran {
        self.run(&arguments.split_whitespace().collect::<Vec<_>>())
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command().args(arguments).output();
        Ran::from(output.expect("tamis starts"))
    }

    /// Runs it in a folder below.
    pub(crate) fn store_in(&self, folder: &str, arguments: &str) -> Ran {
        let mut command = self.command();
        command.current_dir(self.path(folder));
        let output = command.args(arguments.split_whitespace()).output();
        Ran::from(output.expect("tamis starts"))
    }

    /// The document that a run prints.
    pub(crate) fn json(&self, arguments: &str) -> Value {
        let ran = self.store(&format!("{arguments} --json"));
        let document: Value = serde_json::from_str(&ran.stdout).expect("it is JSON");
        assert_eq!(document["schema_version"], 1);
        document
    }

    /// A run in one text, without what differs from run to run: ids, dates, the folder, what is stored.
    pub(crate) fn shown(&self, ran: &Ran) -> String {
        let folder = self.0.folder.path().canonicalize().expect("it is there");
        let text = ran
            .to_string()
            .replace(&*folder.to_string_lossy(), "[folder]");
        let lines = text.lines().map(|line| match line {
            line if line.starts_with("Date: ") => "Date:   [date]".to_owned(),
            line => without_ids(line),
        });
        lines.map(|line| line + "\n").collect()
    }
}

/// The line with `[id]` for ids, and without sizes behind the last semicolon if they end with what is stored.
fn without_ids(line: &str) -> String {
    let line = match line.rsplit_once("; ") {
        Some((rest, last)) if last.ends_with(" stored") => format!("{rest}; [sizes]"),
        _ => line.to_owned(),
    };
    let mut text = String::new();
    for part in line.split_inclusive(|it: char| !it.is_ascii_alphanumeric()) {
        let word = part.trim_end_matches(|it: char| !it.is_ascii_alphanumeric());
        let is_id = [10, 64].contains(&word.len()) && word.bytes().all(|it| it.is_ascii_hexdigit());
        match is_id {
            true => text.push_str(&part.replace(word, "[id]")),
            false => text.push_str(part),
        }
    }
    text
}
