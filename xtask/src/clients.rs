//! The clients of Kafka that people have, run against `tamis serve`.
//!
//! Those of Python come from PyPI and kcat from Debian. Kafka's own client, franz-go and kafkajs need the tools of their languages: where
//! those are not there, a line says so, and the others run. What is fetched and built lies below `target/`, and is not
//! fetched again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::command::{build_binary, output, program, require, root, succeeds, target};
use crate::debian;
use crate::librdkafka::Librdkafka;
use crate::maven::{self, Jars};
use crate::python::Python;

/// Kafka's own client, and a logger that is silent.
const JAVA: [&str; 2] = [
    "org.apache.kafka:kafka-clients:4.4.0",
    "org.slf4j:slf4j-nop:1.7.36",
];

/// `kafka-topics.sh` and its like, which some tests of librdkafka start.
const TOOLS: [&str; 2] = [
    "org.apache.kafka:kafka-tools:4.3.1",
    "org.slf4j:slf4j-nop:1.7.36",
];

/// Holds the broker to all clients that can run here.
pub(crate) fn test() -> Result<bool> {
    build_binary()?;
    debian::provide("kcat", "kcat");
    let mut script = script("run.py")?;
    if let Some(jars) = provided("Kafka's own client", maven::lacking(), java)? {
        script.arg("--java").arg(jars.class_path());
    }
    let go = lacking("go", "version", "golang");
    if let Some(binary) = provided("franz-go", go, franz_go)? {
        script.arg("--franz-go").arg(binary);
    }
    let node = lacking("node", "--version", "nodejs").or(lacking("npm", "--version", "npm"));
    if let Some(folder) = provided("kafkajs", node, kafkajs)? {
        script.arg("--kafkajs").arg(folder);
    }
    succeeds(&mut script)
}

/// Records for each time that a broker with a contract on its topic is killed, about.
const RECORDS_PER_KILL: u64 = 2_000;

/// Kills the broker under load, this many times with each durability, and holds it to what it said before; then one with a contract.
pub(crate) fn kills(cycles: u64) -> Result<bool> {
    build_binary()?;
    let mut script = script("crash.py")?;
    script.arg("--cycles").arg(cycles.to_string());
    if !succeeds(script.arg("--folder").arg(target()))? {
        return Ok(false);
    }
    let records = cycles.saturating_mul(RECORDS_PER_KILL);
    let mut script = self::script("crash_contracts.py")?;
    succeeds(script.arg("--records").arg(records.to_string()))
}

/// Runs librdkafka's own tests that need a broker, and puts the score into the document of clients.
pub(crate) fn score() -> Result<bool> {
    build_binary()?;
    let librdkafka = Librdkafka::build()?;
    librdkafka.make("tests", &["build"])?;
    let mut script = script("test_runner.py")?;
    script
        .arg("--runner")
        .arg(librdkafka.folder().join("tests"));
    script.arg("--version").arg(librdkafka.version());
    let tools = || Jars::with("kafka-topics", &TOOLS);
    if let Some(jars) = provided("what needs Kafka's own tools", maven::lacking(), tools)? {
        script.arg("--tools").arg(jars.class_path());
    }
    succeeds(script.args(["--write", "docs/broker-clients.md"]))
}

/// A script of `tests/clients`, with the clients of Python and the binary it is to test.
fn script(name: &str) -> Result<Command> {
    let requirements = Path::new("tests/clients/requirements.txt");
    let python = Python::with("broker-clients", requirements)?;
    let mut script = python.script(&format!("tests/clients/{name}"));
    script.arg("--tamis").arg(target().join("release/tamis"));
    Ok(script)
}

/// What `provide` makes, or a line that says why `client` is left out.
fn provided<T>(
    client: &str,
    lacking: Option<String>,
    provide: impl FnOnce() -> Result<T>,
) -> Result<Option<T>> {
    match lacking {
        None => provide().map(Some),
        Some(reason) => {
            eprintln!("NOTICE: {client} is left out: {reason}");
            Ok(None)
        }
    }
}

/// Says that `tool` is missing, if it is.
fn lacking(tool: &str, version: &str, package: &str) -> Option<String> {
    let is_there = program(tool).arg(version).output().is_ok();
    (!is_there).then(|| format!("{tool} is missing: install it (Debian: {package})"))
}

fn java() -> Result<Jars> {
    Jars::with("clients", &JAVA)
}

/// Builds the program that checks with franz-go.
fn franz_go() -> Result<PathBuf> {
    let binary = target().join("clients/franz-go");
    let mut build = program("go");
    build.current_dir(root().join("tests/clients/go"));
    build.args(["build", "-o"]).arg(&binary).arg(".");
    require(&mut build)?;
    Ok(binary)
}

/// Installs kafkajs and its codecs as the lock file says.
fn kafkajs() -> Result<PathBuf> {
    let folder = target().join("clients/node");
    let lock = "package-lock.json";
    let sources = root().join("tests/clients/node");
    let installed = folder.join("node_modules").join(".package-lock.json");
    let is_same = same_text(&folder.join(lock), &sources.join(lock));
    if is_same && installed.exists() {
        return Ok(folder);
    }
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for name in ["package.json", lock] {
        let source = sources.join(name);
        fs::copy(&source, folder.join(name))
            .map_err(|error| format!("{}: {error}", source.display()))?;
    }
    let mut install = program("npm");
    install.current_dir(&folder);
    output(install.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]))?;
    Ok(folder)
}

fn same_text(one: &Path, other: &Path) -> bool {
    match (fs::read(one), fs::read(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}
