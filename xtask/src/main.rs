//! The commands of Tamis's developers.
//!
//! - `cargo xtask test` runs everything that must hold before a change lands, as CI does;
//! - `cargo xtask soak` looks for trouble for as long as it is told to: fault loops and fuzzing;
//! - `cargo xtask bench` measures `tamis check` beside its peers, or counts its instructions.
//!
//! Steps are run one after the other, with their output passed on, and nothing here needs more than
//! the Rust toolchain, a C compiler, Python 3.11, valgrind, Chromium for the live page and, for Spark, Java 17. The last three are installed where we may. The broker
//! is held to clients in Java, Go and JavaScript too where their tools are (Maven, Go, Node.js).

mod bench;
mod clients;
mod command;
mod debian;
mod librdkafka;
mod maven;
mod options;
mod package;
mod page;
mod python;
mod soak;
mod tally;
mod test;

use std::process::ExitCode;

use options::Options;

const USAGE: &str = "\
Usage: cargo xtask <COMMAND>

  test                                   format, lints, all tests, model checks, docs, the oracle, the Python package
  soak [--minutes M] [--kills N] [--fuzz]
                                         fault loops and fuzz targets, M minutes each [default: 5], and the broker killed N times
                                         with each durability [default: 200], or
                                         the fuzz targets alone; appends what came of it to docs/SOAK.md
  bench [--python] [--rows N] [--rounds R] [--peers] [--write FILE]
                                         time `tamis check` on N rows [default: 15000000], R rounds
                                         [default: 5], and the peers; put the tables into FILE.
                                         With --python the package's validators, on 5000000 rows
  bench --process [--quick] [--rows N] [--rounds R] [--write FILE]
                                         time the verbs that process data beside DuckDB, Polars, pyarrow and chdb, on
                                         a gigabyte or, to try it, on a hundredth of it
  bench --scan [--quick] [--only TITLE] [--rounds R] [--write FILE]
                                         time the verbs that scan beside ripgrep, ugrep, grep, wc, GoAccess, jdupes, lz4
                                         and zstd, on the sources of Linux; --only times the cases whose titles have TITLE
  bench --store [--quick] [--full] [--only TITLE] [--rounds R] [--write FILE]
                                         time the store beside restic, borg and git, on two versions of the sources of Linux and
                                         a large file; --full adds a file of 50 GB, --only times what has TITLE in its title:
                                         `many small files`, `a large file`, `strategies`, `ranges`
  bench --broker [--quick] [--full] [--only PARTS] [--rounds R] [--write FILE]
                                         measure the broker beside Apache Kafka and Tansu; --full does it more often and adds
                                         what takes gigabytes; --only measures some of `throughput`, `floor`, `clients`, `small`,
                                         `latency`, `groups`, `storage`, `limits`, with commas between them
  bench --kernels [--write FILE]         time every kernel with every instruction set
  bench --techniques [--rows N] [--rounds R] [--write FILE]
                                         time a check with and without each technique that an option turns off
  bench --regress [--write]              count instructions, and fail where they are 3 % more than in the committed
                                         baseline; --write renews it";

/// What a command ends with: an answer, or the reason why it could not go on.
type Result<T> = std::result::Result<T, String>;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let outcome = match command.as_str() {
        "test" => Options::parse(arguments, &[]).and_then(|_| test::run()),
        "soak" => Options::parse(arguments, &["minutes", "kills", "fuzz?"])
            .and_then(|options| soak::run(&options)),
        "bench" => {
            let arguments: Vec<_> = arguments.collect();
            let known: &[&str] = match arguments.iter().any(|argument| argument == "--regress") {
                true => &["regress?", "write?"],
                false => &[
                    "python?",
                    "process?",
                    "scan?",
                    "store?",
                    "broker?",
                    "full?",
                    "only",
                    "quick?",
                    "kernels?",
                    "techniques?",
                    "rows",
                    "rounds",
                    "peers?",
                    "write",
                ],
            };
            Options::parse(arguments.into_iter(), known).and_then(|options| bench::run(&options))
        }
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::from(2)
        }
    }
}
