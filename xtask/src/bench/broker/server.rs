//! The brokers: each is one process with a folder of its own, on ports that are free, at the settings it comes with.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::probe::Probe;
use super::process::Process;
use crate::Result;
use crate::command::{program, target};

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Tamis,
    Kafka,
    Tansu,
}

impl Who {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Tamis => "Tamis",
            Self::Kafka => "Kafka",
            Self::Tansu => "Tansu",
        }
    }
}

/// A broker takes no longer to start.
const START_SECONDS: f64 = 60.0;

/// A broker that runs.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) process: Process,
    /// Where clients connect.
    pub(super) address: String,
    http: Option<String>,
    /// Seconds from its start until it answered.
    pub(super) start_seconds: f64,
}

impl Server {
    /// Starts ours.
    pub(super) fn tamis(folder: &Path) -> Result<Self> {
        let address = free_address()?;
        Self::tamis_with(folder, address.clone(), &["--listen", &address])
    }

    /// The same, with options that say where it listens.
    pub(super) fn tamis_with(folder: &Path, address: String, options: &[&str]) -> Result<Self> {
        let http = free_address()?;
        let mut command = program(target().join("release/tamis"));
        command.args(["serve", "--http", &http, "--log", "warn"]);
        command.args(options).arg("--data").arg(folder);
        let started = Instant::now();
        let process = start(&mut command, &folder.with_extension("log"))?;
        let mut server = Self {
            process,
            address,
            http: Some(http),
            start_seconds: 0.0,
        };
        while !server.get("/readyz").is_ok_and(|it| it.contains(" 200 ")) {
            if started.elapsed().as_secs_f64() > START_SECONDS || !server.process.is_alive() {
                return Err("`tamis serve` does not get ready".to_owned());
            }
            std::thread::sleep(Duration::from_micros(500));
        }
        server.start_seconds = started.elapsed().as_secs_f64();
        Ok(server)
    }

    /// Starts another's; it is ready when it answers.
    pub(super) fn other(
        command: &mut Command,
        address: String,
        log: &Path,
        probe: &Probe,
    ) -> Result<Self> {
        let started = Instant::now();
        let process = start(command, log)?;
        probe.run(&["ready", &address, &START_SECONDS.to_string()])?;
        Ok(Self {
            process,
            address,
            http: None,
            start_seconds: started.elapsed().as_secs_f64(),
        })
    }

    /// The sum of a metric over all its labels; only ours has some.
    pub(super) fn metric(&self, name: &str) -> f64 {
        let page = self.get("/metrics").unwrap_or_default();
        sum_of(&page, name)
    }

    fn get(&self, path: &str) -> Result<String> {
        let http = self.http.as_deref().ok_or("it has no metrics")?;
        let ask = || {
            let mut stream = TcpStream::connect(http)?;
            stream.set_read_timeout(Some(Duration::from_secs(10)))?;
            write!(
                stream,
                "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            )?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            std::io::Result::Ok(answer)
        };
        ask().map_err(|error| format!("http://{http}{path}: {error}"))
    }
}

/// The sum of all lines of a page of metrics that are of `name`.
fn sum_of(page: &str, name: &str) -> f64 {
    let values = page.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let is_it = rest.starts_with(['{', ' ']);
        is_it.then(|| rest.rsplit_once(' ')?.1.parse::<f64>().ok())?
    });
    values.sum()
}

/// An address where nobody listens.
pub(super) fn free_address() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    Ok(address.to_string())
}

fn start(command: &mut Command, log: &Path) -> Result<Process> {
    let error = |error: std::io::Error| format!("{}: {error}", log.display());
    let output = File::create(log).map_err(error)?;
    command.stdout(output.try_clone().map_err(error)?);
    command.stderr(output).stdin(Stdio::null());
    Process::start(command)
}

/// The binary of Tansu in the package that brings it.
pub(super) fn tansu_binary(package: &Path, folder: &Path) -> Result<PathBuf> {
    let binary = package.join("bin/tansu");
    let copy = folder.join("tansu");
    // What pip unpacks need not be a program yet.
    fs::copy(&binary, &copy).map_err(|error| format!("{}: {error}", binary.display()))?;
    let mut chmod = program("chmod");
    crate::command::require(chmod.arg("+x").arg(&copy))?;
    Ok(copy)
}

/// Tansu with what it keeps in memory, which is what the package has.
pub(super) fn tansu(binary: &Path, log: &Path, probe: &Probe) -> Result<Server> {
    let address = free_address()?;
    let url = format!("tcp://{address}");
    let mut command = program(binary);
    command.args([
        "broker",
        "--listener-url",
        &url,
        "--advertised-listener-url",
        &url,
    ]);
    command.args(["--storage-engine", "memory://tansu/"]);
    Server::other(&mut command, address, log, probe)
}

/// A number in an answer of a program of ours.
pub(super) fn number(answer: &Value, name: &str) -> Result<f64> {
    let found = answer[name].as_f64();
    found.ok_or_else(|| format!("there is no `{name}` in {answer}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_summed_over_its_labels_and_no_other_is() {
        let page = "# TYPE a counter\na{topic=\"x\"} 1\na{topic=\"y\"} 2.5\na_b 9\na 4\n";
        assert_eq!(sum_of(page, "a"), 7.5);
        assert_eq!(sum_of(page, "b"), 0.0);
    }
}
