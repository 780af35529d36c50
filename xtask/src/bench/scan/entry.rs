//! Running the tools, and holding their answers against each other.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;

use super::case::{Answer, CASES, Case};
use super::data::Data;
use crate::Result;
use crate::bench::table::median;
use crate::bench::whole::{self, Run, Scratch};
use crate::command::{program, target};
use crate::python::Python;

/// A peer that takes longer runs in the first round only.
pub(super) const LONG_SECONDS: f64 = 5.0;

/// Peers with rules of their own for words and bytes that are no text.
const MAY_DIFFER: [&str; 2] = ["ugrep", "grep"];

/// One tool at one case.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) case: &'static Case,
    pub(super) tool: &'static str,
    /// Of Tamis; peers do as they do.
    pub(super) threads: Option<usize>,
    command: Vec<String>,
    pub(super) runs: Vec<Run>,
    /// Why the peer is left out.
    pub(super) failure: Option<String>,
}

/// Everything there is to run, in the order of a round; with `only`, the cases whose titles have it.
pub(super) fn entries(
    python: &Python,
    data: &Data,
    scratch: &Scratch,
    only: Option<&str>,
) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for case in CASES {
        if only.is_some_and(|only| !case.title.contains(only)) {
            continue;
        }
        for &(tool, line) in case.commands {
            let path = match tool {
                "tamis" => target().join("release/tamis"),
                "rg" => python.program("rg"),
                other => PathBuf::from(other),
            };
            let is_for_shell = [" | ", " > "].iter().any(|word| line.contains(word));
            let line = data.named(line).replace("{out}", &scratch.file("written"));
            let threads: &[Option<usize>] = match tool {
                "tamis" => &[Some(2), Some(1)],
                _ => &[None],
            };
            let is_there = program(&path).arg("--version").output().is_ok();
            for &threads in threads {
                let option = threads.map(|threads| format!("--threads {threads} "));
                let line = format!("{} {line}", option.unwrap_or_default());
                let command = match is_for_shell {
                    true => ["sh", "-c", &format!("{} {line}", path.display())]
                        .map(ToOwned::to_owned)
                        .to_vec(),
                    false => [path.display().to_string()]
                        .into_iter()
                        .chain(line.split_whitespace().map(ToOwned::to_owned))
                        .collect(),
                };
                entries.push(Entry {
                    case,
                    tool,
                    threads,
                    command,
                    runs: Vec::new(),
                    failure: (!is_there).then(|| "is not there".to_owned()),
                });
            }
        }
    }
    Ok(entries)
}

/// One round.
pub(super) fn run_once(data: &Data, scratch: &Scratch, entries: &mut [Entry]) -> Result<()> {
    let mut expected = None;
    for index in 0..entries.len() {
        let is_new_case = index == 0 || entries[index - 1].case.title != entries[index].case.title;
        if is_new_case {
            data.warm(entries[index].case.input)?;
            expected = None;
        }
        let entry = &mut entries[index];
        let is_long = entry
            .runs
            .first()
            .is_some_and(|run| run.seconds > LONG_SECONDS);
        if entry.failure.is_some() || is_long && entry.tool != "tamis" {
            continue;
        }
        scratch.clear()?;
        let printed = scratch.file("printed");
        let run = entry.run(&printed)?;
        let answer = answer(entry.case.answer, &printed)?;
        let (title, tool) = (entry.case.title, entry.tool);
        eprintln!(
            "  {title:40} {tool:10} {:8.3} s {:6.0} MB",
            run.seconds,
            run.peak_rss_bytes as f64 / 1e6,
        );
        entry.runs.push(run);
        let expected = expected.get_or_insert_with(|| answer.clone());
        if *expected == answer {
            continue;
        }
        let difference = format!("{answer} instead of {expected}");
        if !MAY_DIFFER.contains(&tool) {
            return Err(format!("{title}: {tool} answers {difference}"));
        }
        eprintln!("  {title:40} {tool:10} answers {difference}");
        entry.failure = Some("answers otherwise".to_owned());
    }
    Ok(())
}

impl Entry {
    fn run(&self, printed: &str) -> Result<Run> {
        let mut command = whole::timed(printed, &self.command);
        command.env_remove("RIPGREP_CONFIG_PATH");
        let run = whole::run(command)?;
        // 1: a search has found nothing, as others must then.
        match run.exit {
            0 | 1 => Ok(run),
            exit => Err(format!("{}: exit {exit}", self.command.join(" "))),
        }
    }

    pub(super) fn seconds(&self) -> f64 {
        median(self.runs.iter().map(|run| run.seconds).collect())
    }
}

/// Of what was printed, what must be the same: as text.
fn answer(kind: Answer, path: &str) -> Result<String> {
    let read = |error: std::io::Error| format!("{path}: {error}");
    let file = BufReader::new(fs::File::open(path).map_err(read)?);
    match kind {
        Answer::None => Ok(String::new()),
        Answer::Number => {
            let first = file.lines().next().transpose().map_err(read)?;
            let first = first.unwrap_or_default();
            Ok(first.split_whitespace().next().unwrap_or("0").to_owned())
        }
        Answer::LineCount(others) => {
            let lines = file.split(b'\n').count().saturating_sub(others);
            Ok(format!("{lines} lines"))
        }
        Answer::Bytes => digest(file).map_err(read),
        Answer::Lines => {
            let lines: std::io::Result<Vec<_>> = file.split(b'\n').collect();
            let mut lines = lines.map_err(read)?;
            lines.sort();
            digest(lines.join(&b'\n').as_slice()).map_err(read)
        }
    }
}

/// The length and a hash, FNV-1a of the words <http://www.isthe.com/chongo/tech/comp/fnv/>: nobody makes collisions here.
fn digest(mut bytes: impl Read) -> std::io::Result<String> {
    let mut buffer = vec![0; 1 << 20];
    let (mut len, mut hash) = (0, 0xcbf2_9ce4_8422_2325_u64);
    loop {
        let count = bytes.read(&mut buffer)?;
        if count == 0 {
            return Ok(format!("{len} bytes, {hash:x}"));
        }
        len += count;
        for &byte in &buffer[..count] {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
