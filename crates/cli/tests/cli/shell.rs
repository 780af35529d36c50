//! Running the binary, and what came of it.

use std::ffi::OsStr;
use std::process::{Command, Output};

use tempfile::TempDir;

/// A folder of its own in which commands run.
pub(crate) struct Shell {
    /// Removed with everything in it when the test ends.
    pub(crate) folder: TempDir,
}

/// What a command left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Shell {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// `tamis` in the folder, ready to be given arguments.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tamis"));
        command.current_dir(self.folder.path()).env("NO_COLOR", "1");
        command
    }

    /// Runs `tamis` with these arguments, split at spaces.
    pub(crate) fn tamis(&self, arguments: &str) -> Ran {
        let Output {
            status,
            stdout,
            stderr,
        } = self
            .command()
            .args(arguments.split_whitespace())
            .output()
            .expect("tamis starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
        Ran {
            code: status.code(),
            stdout: text(stdout),
            stderr: text(stderr),
        }
    }

    /// The text of a file in the folder.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).expect("the file was written")
    }

    /// The names of all files in the folder, sorted.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).expect("the folder can be read");
        let mut names: Vec<_> = entries
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }

    /// Puts a file into the folder.
    pub(crate) fn write(&self, name: impl AsRef<OsStr>, text: &str) {
        std::fs::write(self.folder.path().join(name.as_ref()), text)
            .expect("the folder is writable");
    }
}
