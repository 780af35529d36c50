//! The stores that are compared, and how each is told what to do.

use std::path::{Path, PathBuf};

use crate::command::{program, target};

/// A store; its command lines are for the shell.
///
/// Names in braces stand for: `{store}` the store's folder, `{from}` the folder that is added, `{version}` a name for what that makes, `{out}` the
/// folder that a version is restored into. An empty line is what the tool cannot do, or is not asked to.
#[derive(Debug)]
pub(super) struct Tool {
    /// In the tables.
    pub(super) name: &'static str,
    pub(super) program: &'static str,
    /// Debian's package of the program; ours has none.
    pub(super) package: Option<&'static str>,
    pub(super) medium: Medium,
    /// Whether nothing is compressed.
    pub(super) stores_all_bytes: bool,
    pub(super) init: &'static str,
    /// Adds a folder and makes a version of it.
    pub(super) add: &'static str,
    /// Restores the version `one`, which another came after.
    pub(super) restore: &'static str,
    /// Reads and checks all data.
    pub(super) verify: &'static str,
}

/// Where a store lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Medium {
    Disk,
    Memory,
}

/// Ours, as it is by default.
pub(super) const TAMIS: Tool = Tool {
    name: "tamis",
    program: "tamis",
    package: None,
    medium: Medium::Disk,
    stores_all_bytes: false,
    init: "tamis --quiet store init --bare {store}",
    add: "tamis --quiet store --store {store} --work-tree {from} add -A && \
          tamis --quiet store --store {store} --work-tree {from} commit -m {version}",
    restore: "tamis --quiet store --store {store} checkout HEAD~1 -o {out}",
    verify: "tamis --quiet store --store {store} verify --read-data --json",
};

/// The same without compression, as far as its speed is asked for.
const UNCOMPRESSED: Tool = Tool {
    name: "tamis, uncompressed",
    stores_all_bytes: true,
    add: "tamis --quiet store --store {store} --work-tree {from} add -A --compression none && \
          tamis --quiet store --store {store} --work-tree {from} commit -m {version}",
    ..TAMIS
};

const RESTIC: Tool = Tool {
    name: "restic",
    program: "restic",
    package: Some("restic"),
    medium: Medium::Disk,
    stores_all_bytes: false,
    init: "restic -q init --repo {store}",
    add: "cd {from} && restic -q backup --repo {store} --tag {version} .",
    restore: "restic -q restore latest --repo {store} --tag one --target {out}",
    verify: "restic -q check --repo {store} --read-data",
};

const BORG: Tool = Tool {
    name: "borg",
    program: "borg",
    package: Some("borgbackup"),
    medium: Medium::Disk,
    stores_all_bytes: false,
    init: "borg init -e none {store}",
    add: "cd {from} && borg create {store}::{version} .",
    restore: "mkdir {out} && cd {out} && borg extract {store}::one",
    verify: "borg check --verify-data {store}",
};

const GIT: Tool = Tool {
    name: "git",
    program: "git",
    package: Some("git"),
    medium: Medium::Disk,
    stores_all_bytes: false,
    init: "git --git-dir={store} init -q",
    // What a tree tells git to ignore is added as well: the others do.
    add: "cd {from} && git --git-dir={store} --work-tree=. add -A -f && \
          git --git-dir={store} --work-tree=. commit -q --allow-empty -m {version} && git --git-dir={store} tag {version}",
    restore: "mkdir {out} && cd {out} && \
              GIT_INDEX_FILE={store}/index-of-one git --git-dir={store} --work-tree=. checkout -q -f one -- .",
    verify: "git --git-dir={store} fsck --full --no-progress",
};

/// What the disk takes: the bytes, written and waited for.
const WRITE: Tool = Tool {
    name: "dd conv=fsync",
    program: "dd",
    package: Some("coreutils"),
    medium: Medium::Disk,
    stores_all_bytes: true,
    init: "mkdir {store}",
    add: "dd if={from}/large of={store}/{version} bs=1M conv=fsync",
    restore: "",
    verify: "",
};

/// Who keeps many small files.
pub(super) const OF_TREES: [Tool; 4] = [TAMIS, RESTIC, BORG, GIT];

/// Who keeps a large file; git would take minutes.
pub(super) const OF_LARGE_FILES: [Tool; 7] = [
    TAMIS,
    RESTIC,
    BORG,
    UNCOMPRESSED,
    WRITE,
    Tool {
        name: "tamis, uncompressed, in memory",
        medium: Medium::Memory,
        ..UNCOMPRESSED
    },
    Tool {
        name: "dd, in memory",
        medium: Medium::Memory,
        ..WRITE
    },
];

impl Tool {
    pub(super) fn is_tamis(&self) -> bool {
        self.program == TAMIS.program
    }

    pub(super) fn is_there(&self) -> bool {
        let path = match self.is_tamis() {
            true => binaries().join(self.program),
            false => PathBuf::from(self.program),
        };
        // restic knows no such option, and says so: it is there.
        program(path).arg("--version").output().is_ok()
    }
}

/// Where `tamis` is, for the `PATH` of the shell.
fn binaries() -> PathBuf {
    target().join("release")
}

/// Variables that the tools need; caches and configuration are kept in `scratch`.
pub(super) fn environment(scratch: &Path) -> Vec<(&'static str, String)> {
    let scratch = scratch.display().to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    [
        ("PATH", format!("{}:{path}", binaries().display())),
        ("HOME", scratch.clone()),
        ("XDG_CACHE_HOME", scratch.clone()),
        ("XDG_CONFIG_HOME", scratch.clone()),
        ("RESTIC_PASSWORD", "bench".to_owned()),
        ("BORG_BASE_DIR", scratch),
        (
            "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK",
            "yes".to_owned(),
        ),
        ("BORG_RELOCATED_REPO_ACCESS_IS_OK", "yes".to_owned()),
        ("GIT_CONFIG_GLOBAL", "/dev/null".to_owned()),
        ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
        ("GIT_CONFIG_COUNT", "1".to_owned()),
        ("GIT_CONFIG_KEY_0", "gc.auto".to_owned()),
        ("GIT_CONFIG_VALUE_0", "0".to_owned()),
        ("GIT_AUTHOR_NAME", "bench".to_owned()),
        ("GIT_AUTHOR_EMAIL", "bench@localhost".to_owned()),
        ("GIT_COMMITTER_NAME", "bench".to_owned()),
        ("GIT_COMMITTER_EMAIL", "bench@localhost".to_owned()),
    ]
    .into()
}
