//! Command lines of the shell, timed, in a place of their own.

use std::fs;
use std::path::{Path, PathBuf};

use super::tool::{Medium, environment};
use crate::Result;
use crate::bench::process::data::folder;
use crate::bench::sources::{create, failed, files};
use crate::bench::whole::{self, Run, Scratch};
use crate::command::{program, require};

/// More files than this are left where they are until everything has been timed.
///
/// For five seconds after an inode was freed, ext4 looks for another one to use, and where tens of thousands were freed at once that search makes
/// creating files five to ten times slower: a restore would pay for the tree that was removed before it.
const FILES_REMOVED_AT_ONCE: usize = 2000;

/// Runs command lines, and owns what they write.
#[derive(Debug)]
pub(super) struct Shell {
    disk: Scratch,
    memory: Scratch,
    environment: Vec<(&'static str, String)>,
}

impl Shell {
    pub(super) fn new() -> Result<Self> {
        let parent = folder()?.join("store");
        create(&parent)?;
        let disk = Scratch::below(&parent)?;
        let home = disk.path("home");
        create(&home)?;
        Ok(Self {
            memory: Scratch::in_memory()?,
            environment: environment(&home),
            disk,
        })
    }

    /// A path that nothing has, if names are not used twice.
    pub(super) fn path(&self, medium: Medium, name: &str) -> PathBuf {
        match medium {
            Medium::Disk => self.disk.path(name),
            Medium::Memory => self.memory.path(name),
        }
    }

    /// Runs `line` with `names` in it, once everything written before is on the disk; what it printed, too.
    pub(super) fn run(&self, line: &str, names: &[(&str, &Path)]) -> Result<(Run, String)> {
        require_quietly("sync")?;
        let line = names.iter().fold(line.to_owned(), |line, (name, path)| {
            line.replace(name, &path.display().to_string())
        });
        let [printed, complaints] = ["printed", "complaints"].map(|name| self.memory.file(name));
        let script = format!("exec 2> {complaints}; {line}");
        let words = ["sh", "-e", "-c", &script].map(ToOwned::to_owned);
        let mut command = whole::timed(&printed, &words);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let run = whole::run(command)?;
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        match run.exit {
            0 => Ok((run, read(&printed))),
            exit => Err(format!("{line}: exit {exit}\n{}", read(&complaints))),
        }
    }

    /// Removes a folder if that does not disturb what is timed next.
    pub(super) fn release(&self, folder: &Path) -> Result<()> {
        if !folder.exists() || files(folder)?.len() > FILES_REMOVED_AT_ONCE {
            return Ok(());
        }
        fs::remove_dir_all(folder).map_err(|error| failed(folder, &error))
    }
}

/// Bytes of all files below `folder`.
pub(super) fn stored_bytes(folder: &Path) -> Result<u64> {
    let lengths = files(folder)?.into_iter().map(|path| {
        let metadata = fs::metadata(&path);
        metadata
            .map(|it| it.len())
            .map_err(|error| failed(&path, &error))
    });
    lengths.sum()
}

/// Fails if two folders do not have the same names with the same contents.
pub(super) fn require_equal(one: &Path, other: &Path) -> Result<()> {
    let mut compare = program("diff");
    compare.args(["-r", "-q", "--no-dereference"]);
    // A link to a folder would be compared as a link.
    require(compare.arg(one.join(".")).arg(other.join(".")))
}

fn require_quietly(name: &str) -> Result<()> {
    let status = program(name).status();
    status.map(drop).map_err(|error| format!("{name}: {error}"))
}
