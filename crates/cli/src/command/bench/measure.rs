//! One run of a verb in a process of its own: the hidden verb that measures itself, and the call that starts it.
//!
//! A process of its own, because peak memory is that of a process, and so that no run finds what another left in
//! the allocator.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};
use tamis_engine::{Error as Engine, counters};
use tempfile::TempDir;

use super::events::Events;
use crate::{Context, Error, Exit, Result};

/// Runs a command line of Tamis and writes what it took as JSON: a step of `tamis bench`.
#[derive(Debug, Args)]
#[command(hide = true)]
pub(crate) struct Options {
    /// Where the figures go
    figures: PathBuf,

    /// The verb and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    command: Vec<OsString>,
}

pub(crate) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let arguments = std::iter::once("tamis".into()).chain(options.command.iter().cloned());
    let events = Events::start();
    let start = Instant::now();
    let exit = crate::run(arguments, context.cancel);
    let seconds = start.elapsed().as_secs_f64();
    let figures = json!({
        "seconds": seconds,
        "peak_rss_bytes": counters::peak_rss_bytes(),
        "events": events.read(),
    });
    let write = std::fs::write(&options.figures, figures.to_string());
    write.map_err(|source| {
        let output = options.figures.display().to_string();
        Engine::Write { output, source }
    })?;
    Ok(exit)
}

/// What a run took.
#[derive(Clone, Debug)]
pub(super) struct Figures {
    pub(super) seconds: f64,
    pub(super) peak_rss_bytes: u64,
    pub(super) cpu_seconds: Option<f64>,
    pub(super) page_faults: Option<u64>,
    pub(super) instructions: Option<u64>,
    pub(super) cycles: Option<u64>,
    pub(super) cache_misses: Option<u64>,
    /// Why there is no count of some events.
    pub(super) no_counters: Option<String>,
}

/// Starts processes of this program.
#[derive(Debug)]
pub(in crate::command) struct Runner {
    program: PathBuf,
    /// Removed with everything in it when the benchmark ends.
    pub(super) folder: TempDir,
}

impl Runner {
    pub(in crate::command) fn new() -> Result<Self> {
        let failed = |path: &str, source| Error::Read {
            path: path.into(),
            source,
        };
        Ok(Self {
            program: std::env::current_exe().map_err(|source| failed("/proc/self/exe", source))?,
            folder: tempfile::tempdir()
                .map_err(|source| failed(&std::env::temp_dir().to_string_lossy(), source))?,
        })
    }

    /// Runs a command line to its end; what it printed.
    pub(in crate::command) fn output(
        &self,
        arguments: &[OsString],
        context: &Context<'_>,
    ) -> Result<Vec<u8>> {
        let mut command = self.command();
        command.args(arguments).stdout(Stdio::piped());
        finish(command, context)
    }

    /// Runs a command line to its end, whatever it prints thrown away; what it complains of, if it fails.
    pub(super) fn try_out(
        &self,
        arguments: &[OsString],
        context: &Context<'_>,
    ) -> Result<Option<String>> {
        let mut command = self.command();
        command.args(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let output = wait(command, context)?;
        if output.status.success() {
            return Ok(None);
        }
        let talk = String::from_utf8_lossy(&output.stderr);
        let complaint = talk
            .lines()
            .next()
            .unwrap_or("it failed and did not say why");
        let complaint = complaint.strip_prefix("error: ").unwrap_or(complaint);
        Ok(Some(complaint.to_owned()))
    }

    /// Runs a command line to its end, whatever it prints thrown away; what it took.
    pub(super) fn measure(&self, arguments: &[OsString], context: &Context<'_>) -> Result<Figures> {
        let path = self.folder.path().join("figures.json");
        let mut command = self.command();
        command.arg("measure").arg(&path).args(arguments);
        command.stdout(Stdio::null());
        finish(command, context)?;
        let text = std::fs::read(&path).map_err(|source| Error::Read { path, source })?;
        let figures: Value = serde_json::from_slice(&text).expect("`measure` writes JSON");
        Ok(Figures::of(&figures))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        // The command of the Python package is a module of the interpreter that runs.
        if is_python(&self.program) {
            command.args(["-m", "tamis"]);
        }
        command.stdin(Stdio::null());
        command
    }
}

/// Whether a program is a Python interpreter (`python3.12`, `pypy`) and not the binary, whatever that is called.
fn is_python(program: &Path) -> bool {
    let name = program.file_name().unwrap_or_default();
    name.as_encoded_bytes().starts_with(b"py")
}

impl Figures {
    fn of(figures: &Value) -> Self {
        let event = |name: &str| figures["events"][name].as_u64();
        Self {
            seconds: figures["seconds"].as_f64().unwrap_or(f64::NAN),
            peak_rss_bytes: figures["peak_rss_bytes"].as_u64().unwrap_or_default(),
            cpu_seconds: event("cpu_ns").map(|ns| ns as f64 / 1e9),
            page_faults: event("page_faults"),
            instructions: event("instructions"),
            cycles: event("cycles"),
            cache_misses: event("cache_misses"),
            no_counters: figures["events"]["no_counters"].as_str().map(str::to_owned),
        }
    }
}

/// Waits for the process; an answer that data is bad is an answer.
fn finish(command: Command, context: &Context<'_>) -> Result<Vec<u8>> {
    let output = wait(command, context)?;
    match output.status.code() {
        Some(0 | 1) => Ok(output.stdout),
        Some(2) => Err(Error::Step { exit: Exit::Usage }),
        _ => Err(Error::Step {
            exit: Exit::Failure,
        }),
    }
}

/// Waits for the process, whatever its answer.
fn wait(mut command: Command, context: &Context<'_>) -> Result<Output> {
    let failed = |source| Error::Read {
        path: "/proc/self/exe".into(),
        source,
    };
    let child = command.spawn().map_err(failed)?;
    let output = child.wait_with_output().map_err(failed)?;
    // Ctrl-C goes to both.
    if context.cancel.is_cancelled() {
        return Err(Engine::Interrupted.into());
    }
    match output.status.code() {
        Some(130) => Err(Engine::Interrupted.into()),
        _ => Ok(output),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_may_be_called_anything() {
        for python in ["/usr/bin/python3", "/venv/bin/python3.12", "pypy", "python"] {
            assert!(is_python(Path::new(python)), "{python}");
        }
        for binary in [
            "/usr/bin/tamis",
            "tamis-0.2",
            "/opt/python/tm",
            "tamis (deleted)",
        ] {
            assert!(!is_python(Path::new(binary)), "{binary}");
        }
    }
}
