//! Running the binary, and what came of it.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

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
        self.run(&arguments.split_whitespace().collect::<Vec<_>>())
    }

    /// Runs `tamis` with these arguments, in which there may be spaces.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command().args(arguments).output();
        Ran::from(output.expect("tamis starts"))
    }

    /// Runs a verb with such arguments: its exit code, standard output and standard error.
    pub(crate) fn verb(&self, verb: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
        let Ran {
            code,
            stdout,
            stderr,
        } = self.run(&[&[verb], arguments].concat());
        (code, stdout, stderr)
    }

    /// Runs `tamis` with these bytes on its standard input.
    pub(crate) fn tamis_fed(&self, arguments: &str, input: &[u8]) -> Ran {
        let mut child = self.start(arguments);
        let mut stdin = child.stdin.take().expect("standard input is piped");
        std::thread::scope(|scope| {
            // It may end before it has read everything.
            scope.spawn(move || drop(stdin.write_all(input)));
            Ran::from(child.wait_with_output().expect("tamis ends"))
        })
    }

    /// Starts `tamis` with all three streams piped.
    pub(crate) fn start(&self, arguments: &str) -> Child {
        let mut command = self.command();
        command.args(arguments.split_whitespace());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(Stdio::piped());
        command.spawn().expect("tamis starts")
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
    pub(crate) fn write(&self, name: impl AsRef<OsStr>, text: impl AsRef<[u8]>) {
        std::fs::write(self.folder.path().join(name.as_ref()), text)
            .expect("the folder is writable");
    }
}

/// Says that a test, or what is left of it, cannot be done here, and why; also of a test that passes, of which nothing else is shown.
///
/// With `TAMIS_TEST_NO_SKIP=1` that is a failure. `cargo xtask test` sets it for root where nothing is lacking that these tests need, unless it is
/// set already (`TAMIS_TEST_NO_SKIP=0`).
pub(crate) fn skip(why: &str) {
    let test = thread::current().name().unwrap_or("a test").to_owned();
    let may_skip = std::env::var_os("TAMIS_TEST_NO_SKIP").is_none_or(|value| value != "1");
    assert!(
        may_skip,
        "{test} cannot be done: {why} (`TAMIS_TEST_NO_SKIP=0` lets it pass)"
    );
    // Standard error itself: what is printed there by macros is kept back.
    let _ = writeln!(std::io::stderr(), "skipped {test}: {why}");
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

/// All of a run in one text for snapshots: exit code, standard output, standard error. The line of figures, which
/// differs from run to run, is replaced.
impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let code = self
            .code
            .map_or("signal".to_owned(), |code| code.to_string());
        writeln!(f, "exit code: {code}")?;
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if text.is_empty() {
                continue;
            }
            writeln!(f, "----- {name} -----")?;
            for line in text.lines() {
                let is_figures = line.contains(" rows/s, ") && line.contains(" of memory");
                writeln!(f, "{}", if is_figures { "[figures]" } else { line })?;
            }
        }
        Ok(())
    }
}

/// The lines that a run prints, as they come.
pub(crate) fn lines_of(child: &mut Child) -> Receiver<String> {
    let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in stdout.lines() {
            // The test may have seen enough.
            let _ = sender.send(line.expect("output is UTF-8"));
        }
    });
    lines
}
