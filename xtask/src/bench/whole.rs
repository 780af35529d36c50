//! Whole processes: what one takes, and where it writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::Result;
use crate::command::{output, program, target};

/// What one run took.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) seconds: f64,
    /// Of the process with its children.
    pub(super) peak_rss_bytes: u64,
    /// The exit code, or of a signal its negative number.
    pub(super) exit: i64,
}

/// Ready to run a command line with [`run`]; its standard output goes to the file `printed`.
pub(super) fn timed(printed: &str, line: &[String]) -> Command {
    let mut command = program("python3");
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command.arg("benches/peers/command.py").arg(printed);
    command.args(line).env("LC_ALL", "C");
    command
}

/// Runs what [`timed`] made.
pub(super) fn run(mut timed: Command) -> Result<Run> {
    let report = output(&mut timed)?;
    let report: Value =
        serde_json::from_str(&report).map_err(|error| format!("command.py: {error}"))?;
    Ok(Run {
        seconds: report["seconds"].as_f64().unwrap_or(f64::NAN),
        peak_rss_bytes: report["peak_rss_bytes"].as_u64().unwrap_or_default(),
        exit: report["exit"].as_i64().unwrap_or(i64::MIN),
    })
}

/// A folder for what is written; it goes with this value.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// In memory where there is such a place.
    pub(super) fn in_memory() -> Result<Self> {
        let memory = Path::new("/dev/shm");
        match memory.is_dir() {
            true => Self::below(memory),
            false => Self::below(&target()),
        }
    }

    /// In a folder of the disk, or whatever that lies on.
    pub(super) fn below(parent: &Path) -> Result<Self> {
        let scratch = Self(parent.join(format!("tamis-bench-{}", std::process::id())));
        scratch.clear()?;
        Ok(scratch)
    }

    /// Makes it empty, so that nobody finds an old file to replace.
    pub(super) fn clear(&self) -> Result<()> {
        let _ = fs::remove_dir_all(&self.0);
        fs::create_dir(&self.0).map_err(|error| format!("{}: {error}", self.0.display()))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// [`path`](Self::path), for a command line.
    pub(super) fn file(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
