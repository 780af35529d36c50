//! The Python package: its wheel, its tests, and its adapters on the real engines.
//!
//! 1. [`wheel`] builds the wheel as users get it, with the same release profile and in the same build folder as the binary, so
//!    that all crates below the two are compiled once.
//! 2. [`test()`] installs it into an environment of its own and runs pytest, the type checkers and the linter there.
//! 3. [`test_engine`] does so for each of Ray, Dask and Spark, whose packages would not all fit together for ever: an
//!    environment each, half a gigabyte. Spark needs Java.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Result;
use crate::command::{require, succeeds, target};
use crate::debian::install;
use crate::python::Python;
use crate::soak::SOAK_FACTOR;
use crate::tally::Tally;

/// What the tests need, tools included.
const REQUIREMENTS: &str = "python/tests/requirements.txt";

/// The engines with an adapter; each has `python/tests/test_NAME.py` and `python/tests/requirements-NAME.txt`.
const ENGINES: [&str; 3] = ["ray", "dask", "spark"];

/// Oldest Java that Spark runs on.
const JAVA_VERSION_MIN: u32 = 17;
const JAVA_PACKAGE: &str = "openjdk-17-jre-headless";

/// How much of the tests to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What fits into a run before each change.
    Short,
    /// All, the properties with many times as many examples.
    Soak,
}

/// The environment with the wheel and the test tools in it.
pub(crate) fn environment() -> Result<Python> {
    let python = Python::with("python", Path::new(REQUIREMENTS))?;
    python.install(&wheel(&python)?)?;
    Ok(python)
}

/// Everything about the package.
pub(crate) fn test(tally: &mut Tally) {
    match environment() {
        Ok(python) => {
            test_package(tally, &python, Extent::Short);
            check(tally, &python);
        }
        // Without the wheel there is nothing to test.
        Err(reason) => return tally.fail("python", &reason),
    }
    for engine in ENGINES {
        test_engine(tally, engine, Extent::Short);
    }
}

/// The tests of the package, and those of each adapter, with all they have; by name.
pub(crate) fn soak() -> Result<Vec<(&'static str, Tally)>> {
    let python = environment()?;
    let mut suites = vec![("package", Tally::default())];
    test_package(&mut suites[0].1, &python, Extent::Soak);
    for engine in ENGINES {
        let mut tally = Tally::default();
        test_engine(&mut tally, engine, Extent::Soak);
        suites.push((engine, tally));
    }
    Ok(suites)
}

fn test_package(tally: &mut Tally, python: &Python, extent: Extent) {
    pytest(tally, "python", python, &["python/tests"], extent);
    // The examples in the docstrings of the wheel that is installed.
    let examples = ["--doctest-modules", "--pyargs", "tamis"];
    if extent == Extent::Short {
        pytest(tally, "python examples", python, &examples, extent);
    }
}

/// Types, stubs, lints and format.
fn check(tally: &mut Tally, python: &Python) {
    let mut step = |name: &str, module: &str, arguments: &[&str]| {
        tally.step(name, succeeds(python.module(module).args(arguments)));
    };
    step("python types", "mypy", &["--strict", "python/tamis"]);
    step(
        "python stubs",
        "mypy.stubtest",
        &[
            "tamis",
            "--allowlist",
            "python/tests/stubtest-allowlist.txt",
        ],
    );
    step("python lints", "ruff", &["check", "--no-cache", "."]);
    step(
        "python format",
        "ruff",
        &["format", "--no-cache", "--check", "."],
    );
}

/// The tests of one adapter, beside its engine.
fn test_engine(tally: &mut Tally, engine: &str, extent: Extent) {
    match engine_environment(engine) {
        Ok(python) => {
            let file = format!("python/tests/test_{engine}.py");
            pytest(tally, engine, &python, &[&file], extent);
        }
        Err(reason) => tally.fail(engine, &reason),
    }
}

fn engine_environment(engine: &str) -> Result<Python> {
    if engine == "spark" {
        require_java()?;
    }
    let requirements = format!("python/tests/requirements-{engine}.txt");
    let python = Python::with(&format!("{engine}-python"), Path::new(&requirements))?;
    python.install(&newest_wheel()?)?;
    Ok(python)
}

/// Runs tests and counts them.
fn pytest(tally: &mut Tally, name: &str, python: &Python, arguments: &[&str], extent: Extent) {
    let mut command = python.module("pytest");
    command.args(["--quiet", "--tb=short", "-rfE", "-p", "no:cacheprovider"]);
    match extent {
        Extent::Short => command.args(["-m", "not soak"]),
        Extent::Soak => command.env("TAMIS_SOAK", SOAK_FACTOR),
    };
    tally.pytest(name, command.args(arguments));
}

/// Builds the wheel.
fn wheel(python: &Python) -> Result<PathBuf> {
    let folder = wheels();
    // Of what lies there already one would not know which is the new one.
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let mut build = python.module("maturin");
    build.args(["build", "--release", "--locked", "--out"]);
    require(build.arg(&folder))?;
    newest_wheel()
}

/// The wheel that was built last.
pub(crate) fn newest_wheel() -> Result<PathBuf> {
    let folder = wheels();
    let entries = std::fs::read_dir(&folder);
    let entries = entries.map_err(|error| format!("{}: {error}", folder.display()))?;
    let is_wheel = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "whl");
    let mut wheels = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let wheel = wheels.find(is_wheel);
    wheel.ok_or_else(|| format!("{}: there is no wheel", folder.display()))
}

fn wheels() -> PathBuf {
    target().join("wheels")
}

/// Spark's Java; installed if it is missing and we may.
fn require_java() -> Result<()> {
    let missing = match java_version() {
        Some(version) if version >= JAVA_VERSION_MIN => return Ok(()),
        Some(version) => {
            format!("Spark needs Java {JAVA_VERSION_MIN} or later and this is {version}")
        }
        None => format!("Spark needs Java {JAVA_VERSION_MIN} or later and there is none"),
    };
    install(JAVA_PACKAGE, &missing)
}

/// The major version of the `java` in use: of `JAVA_HOME`, as Spark has it, or else in the path.
fn java_version() -> Option<u32> {
    let home = std::env::var_os("JAVA_HOME").map(|home| Path::new(&home).join("bin/java"));
    let java = home.unwrap_or_else(|| "java".into());
    // `java -version` talks on standard error.
    let answer = Command::new(java)
        .arg("-version")
        .stdout(Stdio::null())
        .output()
        .ok()?;
    parse_java_version(&String::from_utf8_lossy(&answer.stderr))
}

/// From `openjdk version "17.0.12" 2024-07-16`; 8 calls itself `1.8.0`.
fn parse_java_version(text: &str) -> Option<u32> {
    let (_, version) = text.split_once("version \"")?;
    let version = version.strip_prefix("1.").unwrap_or(version);
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_says_its_version_in_two_ways() {
        let new = "openjdk version \"17.0.12\" 2024-07-16\nOpenJDK Runtime Environment";
        assert_eq!(parse_java_version(new), Some(17));
        assert_eq!(parse_java_version("java version \"1.8.0_392\""), Some(8));
        assert_eq!(parse_java_version("openjdk version \"25\""), Some(25));
        assert_eq!(parse_java_version("java: not found"), None);
    }
}
