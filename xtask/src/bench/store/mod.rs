//! `cargo xtask bench --store`: what a store costs, beside restic, borg and git.
//!
//! 1. [`data`] makes what is kept: the sources of two versions of Linux as many small files, a large file and its edited copy, and folders
//!    with files of other sizes; with `--full`, a file of 50 GB that is mostly holes.
//! 2. [`versions`] has each [`tool`] add one version and commit it, add it again unchanged, add the other version, restore the first one and
//!    verify everything. A restored folder that differs from the original ends the benchmark.
//! 3. [`strategy`] times every way in which `add` hands files to threads; [`range`] reads a megabyte out of a large file.
//! 4. [`report`] prints the medians, and [`goal`] what was to be reached.
//!
//! Every step is a whole process (of the shell, with what it starts), in a store on the disk unless the table says so, with what it reads in the
//! page cache and everything written before on the disk. Trees are removed when everything has been timed ([`shell`] says why).
//!
//! A peer that cannot be had is left out, and the table says so.

mod data;
mod goal;
mod range;
mod report;
mod shell;
mod strategy;
mod tool;
mod versions;

use super::{machine, publish};
use crate::Result;
use crate::command::build_binary;
use crate::debian::provide;
use crate::options::Options;
use data::Data;
use shell::Shell;
use tool::{OF_LARGE_FILES, OF_TREES};
use versions::Subject;

pub(super) fn run(options: &Options) -> Result<bool> {
    let is_quick = options.has("quick");
    let rounds = options
        .number("rounds", if is_quick { 1 } else { 3usize })?
        .max(1);
    let is_wanted = |title: &str| options.text("only").is_none_or(|only| title.contains(only));
    build_binary()?;
    for tool in OF_TREES.iter().chain(&OF_LARGE_FILES) {
        if let Some(package) = tool.package {
            provide(tool.program, package);
        }
    }
    let data = Data::make(is_quick, options.has("full"))?;
    let shell = Shell::new()?;
    let mut subjects = vec![
        Subject::new("many small files", "tree", &data.trees, true, &OF_TREES),
        Subject::new("a large file", "large", &data.large, false, &OF_LARGE_FILES),
    ];
    subjects.retain(|subject| is_wanted(subject.title));
    let mut workloads = match is_wanted("strategies") {
        true => strategy::workloads(&data),
        false => Vec::new(),
    };
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        for subject in &mut subjects {
            subject.run_once(&shell, round)?;
        }
        for workload in &mut workloads {
            workload.run_once(&shell, round)?;
        }
    }
    let mut ranges = Vec::new();
    if is_wanted("ranges") {
        ranges.push(range::measure(&shell, &data.large[0], "large")?);
        if let Some(sparse) = &data.sparse {
            ranges.push(range::measure(&shell, sparse, "sparse")?);
        }
    }
    // They are of the full size.
    let goals = match is_quick {
        true => String::new(),
        false => report::render_goals(&goal::goals(&subjects, &workloads, &ranges)),
    };
    let text = format!(
        "{} Linux 6.1 and then 6.12 as small files ({} and {} of them), and a file of {:.0} MB (programs and libraries, an eighth random) and then its copy with {} edits; \
         in the page cache, stores on the disk. Medians of {rounds} interleaved rounds (one for a peer whose first add takes more than {} s); \
         peak memory is the most of all rounds. No tree is removed before a restore: on ext4 that would make it several times slower.\n{}{goals}",
        machine()?,
        data.trees[0].files,
        data.trees[1].files,
        data.large[0].bytes as f64 / 1e6,
        data.edits(),
        versions::LONG_SECONDS,
        report::render(&subjects, &workloads, &ranges),
    );
    publish(&text, options, "store-bench")
}
