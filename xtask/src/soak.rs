//! `cargo xtask soak`: look for trouble for as long as told.
//!
//! The tests of faults run over and over, the property tests run once with many more cases
//! (`TAMIS_SOAK`), so do the tests of the Python package, the broker is killed under load
//! and held to librdkafka's own tests, and every fuzz target runs its time. What came of it is appended to
//! `docs/SOAK.md`, one line each, with the commit.

use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use crate::command::{
    cargo, output, program, require, root, succeeds, target as build_folder, watch,
};
use crate::options::Options;
use crate::{Result, clients, package};

/// How many times as many cases the property tests run: some minutes in all.
pub(crate) const SOAK_FACTOR: &str = "20";

/// How often the broker is killed with each durability, unless told otherwise: a quarter of an hour in all.
const KILLS: u64 = 200;

/// One line of the record.
#[derive(Debug)]
struct Finding {
    what: String,
    minutes: u64,
    /// How often it ran.
    runs: String,
    passed: bool,
}

pub(crate) fn run(options: &Options) -> Result<bool> {
    let minutes = options.number("minutes", 5)?;
    let mut findings = Vec::new();
    if !options.has("fuzz") {
        findings.extend([fault_loop(minutes)?, property_tests()?]);
        findings.push(kills(options.number("kills", KILLS)?)?);
        findings.push(librdkafka_tests()?);
        findings.extend(python_tests()?);
    }
    for target in fuzz_targets()? {
        findings.push(fuzz(&target, minutes)?);
    }
    record(&findings)?;
    let failed = findings.iter().filter(|finding| !finding.passed).count();
    eprintln!("{} passed, {failed} failed", findings.len() - failed);
    Ok(failed == 0)
}

/// The tests called `fault`, again and again.
fn fault_loop(minutes: u64) -> Result<Finding> {
    let end = Instant::now() + Duration::from_secs(60 * minutes);
    let (mut rounds, mut passed) = (0, true);
    while passed && (rounds == 0 || Instant::now() < end) {
        // Behind `--`, because a name before it makes cargo build test binaries that no manifest wants.
        passed = succeeds(cargo("test --release --workspace -- fault").env("TAMIS_SOAK", "1"))?;
        rounds += 1;
    }
    Ok(Finding {
        what: "fault tests".to_owned(),
        minutes,
        runs: format!("{rounds} rounds"),
        passed,
    })
}

/// All tests once, the property tests with many more cases.
fn property_tests() -> Result<Finding> {
    let start = Instant::now();
    let passed = succeeds(cargo("test --release --workspace").env("TAMIS_SOAK", SOAK_FACTOR))?;
    let minutes = start.elapsed().as_secs().div_ceil(60);
    Ok(Finding {
        what: "property tests".to_owned(),
        minutes,
        runs: "1 round".to_owned(),
        passed,
    })
}

/// The broker, killed under load again and again.
fn kills(cycles: u64) -> Result<Finding> {
    let start = Instant::now();
    let passed = clients::kills(cycles)?;
    Ok(Finding {
        what: "broker, killed under load".to_owned(),
        minutes: start.elapsed().as_secs().div_ceil(60),
        runs: format!("{cycles} kills each, fsync and `write.caching`"),
        passed,
    })
}

/// librdkafka's own tests against the broker: those that fail are known, each with its reason.
fn librdkafka_tests() -> Result<Finding> {
    let start = Instant::now();
    let passed = clients::score()?;
    Ok(Finding {
        what: "librdkafka's tests, against the broker".to_owned(),
        minutes: start.elapsed().as_secs().div_ceil(60),
        runs: "1 round, see broker-clients.md".to_owned(),
        passed,
    })
}

/// The tests of the Python package and of its adapters.
fn python_tests() -> Result<Vec<Finding>> {
    let suites = package::soak()?.into_iter().map(|(name, tally)| Finding {
        what: format!("python tests, {name}"),
        minutes: tally.elapsed().as_secs().div_ceil(60),
        runs: format!("{} tests", tally.count()),
        passed: tally.finish(),
    });
    Ok(suites.collect())
}

/// The names of the fuzz targets, after their files.
fn fuzz_targets() -> Result<Vec<String>> {
    let folder = root().join("fuzz/fuzz_targets");
    let entries =
        fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut names: Vec<String> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    if !names.is_empty() {
        prepare_fuzzing()?;
    }
    Ok(names)
}

/// The fuzzer needs a nightly compiler and a cargo command, which are installed if they are missing.
fn prepare_fuzzing() -> Result<()> {
    if !output(program("rustup").args(["toolchain", "list"]))?.contains("nightly") {
        require(program("rustup").args([
            "toolchain",
            "install",
            "nightly",
            "--profile",
            "minimal",
        ]))?;
    }
    if !succeeds(&mut cargo("fuzz --version"))? {
        require(&mut cargo("install cargo-fuzz --locked"))?;
    }
    Ok(())
}

fn fuzz(target: &str, minutes: u64) -> Result<Finding> {
    // What is found goes to the first folder; the seeds in the repository stay a few.
    let corpus = build_folder().join("fuzz-corpus").join(target);
    fs::create_dir_all(&corpus).map_err(|error| format!("{}: {error}", corpus.display()))?;
    let mut command = program("cargo");
    command.args(["+nightly", "fuzz", "run", target]);
    command.arg(corpus).arg(format!("fuzz/corpus/{target}"));
    command
        .arg("--")
        .arg(format!("-max_total_time={}", 60 * minutes))
        // A thread that is just ending holds memory, which is taken for a leak.
        .args(["-detect_leaks=0", "-timeout=20", "-print_final_stats=1"]);
    let mut runs = String::from("none");
    // libFuzzer talks on standard error.
    let mut shell = program("sh");
    shell
        .args(["-c", "exec \"$@\" 2>&1", "sh"])
        .arg(command.get_program())
        .args(command.get_args());
    // The archive that libdeflate is linked from defines its names twice, which is no fault of ours. Leaks are looked for at the
    // very end as well, where threads may still be ending.
    shell.env("ASAN_OPTIONS", "detect_odr_violation=0:detect_leaks=0");
    // `CARGO` and the like name the compiler that runs us, and would be taken over the nightly one.
    shell.env_remove("CARGO").env_remove("RUSTUP_TOOLCHAIN");
    let passed = watch(&mut shell, |line| {
        if let Some(count) = line.strip_prefix("stat::number_of_executed_units:") {
            runs = format!("{} inputs", count.trim());
        }
    })?;
    Ok(Finding {
        what: format!("fuzz `{target}`"),
        minutes,
        runs,
        passed,
    })
}

/// Appends the findings to the record.
fn record(findings: &[Finding]) -> Result<()> {
    let path = root().join("docs/SOAK.md");
    let date = output(program("date").args(["-u", "+%F"]))?;
    let commit = output(program("git").args(["rev-parse", "--short", "HEAD"]))?;
    let mut file = fs::File::options()
        .append(true)
        .open(&path)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    for Finding {
        what,
        minutes,
        runs,
        passed,
    } in findings
    {
        let result = if *passed { "passed" } else { "**failed**" };
        writeln!(
            file,
            "| {date} | {commit} | {what} | {minutes} min | {runs} | {result} |"
        )
        .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}
