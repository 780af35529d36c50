//! A megabyte from end to end: what somebody waits who runs a verb on a small file.

use std::process::Stdio;
use std::time::Instant;

use super::super::table::median;
use super::data::{folder, tamis};
use crate::Result;
use crate::command::require;

/// Rows of a megabyte of transactions.
const ROWS: u64 = 15_600;

/// Times for the median: some milliseconds each.
const TIMES: usize = 41;

/// Command lines; `{}` is the file's name without its extension.
const COMMANDS: [&str; 6] = [
    "check {}.csv --contract {}.odcs.yaml",
    "stats {}.csv",
    "infer {}.csv",
    "group {}.csv --by country --agg sum(amount),count()",
    "filter {}.csv --where amount>5000",
    "sort {}.csv --by amount",
];

/// Median seconds of a whole process for each command line.
pub(super) fn measure() -> Result<Vec<(&'static str, f64)>> {
    let file = folder()?.join("megabyte");
    let mut generate = tamis();
    generate.args([
        "gen",
        "transactions",
        "--bad-rate",
        "0",
        "--quiet",
        "--rows",
    ]);
    generate.arg(ROWS.to_string());
    require(generate.arg("--output").arg(file.with_extension("csv")))?;
    let file = file.display().to_string();
    let mut seconds = vec![Vec::new(); COMMANDS.len()];
    for round in 0..=TIMES {
        for (line, seconds) in COMMANDS.iter().zip(&mut seconds) {
            let words = line.split(' ').map(|word| word.replace("{}", &file));
            let mut command = tamis();
            command.args(words).arg("--quiet").stdout(Stdio::null());
            let start = Instant::now();
            let status = command
                .status()
                .map_err(|error| format!("{line}: {error}"))?;
            // The first round reads the program from the disk.
            if round > 0 {
                seconds.push(start.elapsed().as_secs_f64());
            }
            if !status.success() {
                return Err(format!("tamis {line}: {status}"));
            }
        }
    }
    let medians = seconds.into_iter().map(median);
    Ok(COMMANDS.into_iter().zip(medians).collect())
}

/// A line for each command.
pub(super) fn render(medians: &[(&str, f64)]) -> String {
    let mut text =
        String::from("**A file of one megabyte**, the whole process\n\n| | time |\n|---|---|\n");
    for (line, seconds) in medians {
        let line = line.replace("{}", "transactions");
        text += &format!("| `tamis {line}` | {:.1} ms |\n", seconds * 1e3);
    }
    text
}
