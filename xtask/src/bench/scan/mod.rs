//! `cargo xtask bench --scan`: what the verbs that scan cost, beside the tools that do the same.
//!
//! 1. [`data`] makes what is scanned: the sources of a kernel as a tree, as one text, and twice as a tree with its copy; and the
//!    access log of a day.
//! 2. [`case`] names what is done with it and the command line of each tool. Every tool runs once in each round, as a whole
//!    process, from and to files in memory; Tamis with one thread as well.
//! 3. An answer of ripgrep or wc that is not ours ends the benchmark; another tool that differs is left out.
//! 4. [`report`] prints the medians.
//!
//! A peer that cannot be had is left out, and the table says so.

mod case;
mod data;
mod entry;
mod report;

use std::path::Path;

use super::whole::Scratch;
use super::{machine, publish};
use crate::Result;
use crate::command::build_binary;
use crate::debian::provide;
use crate::options::Options;
use crate::python::Python;
use data::Data;

/// Debian's packages of the peers: a tool and what it comes in.
const PEERS: [(&str, &str); 8] = [
    ("ugrep", "ugrep"),
    ("grep", "grep"),
    ("wc", "coreutils"),
    ("goaccess", "goaccess"),
    ("jdupes", "jdupes"),
    ("lz4", "lz4"),
    ("zstd", "zstd"),
    ("pigz", "pigz"),
];

pub(super) fn run(options: &Options) -> Result<bool> {
    let is_quick = options.has("quick");
    let rounds = options
        .number("rounds", if is_quick { 1 } else { 5usize })?
        .max(1);
    build_binary()?;
    let python = Python::with(
        "oracle-search",
        Path::new("tests/oracle/requirements-search.txt"),
    )?;
    for (tool, package) in PEERS {
        provide(tool, package);
    }
    let data = Data::make(is_quick)?;
    let scratch = Scratch::in_memory()?;
    let mut entries = entry::entries(&python, &data, &scratch, options.text("only"))?;
    for round in 1..=rounds {
        eprintln!("round {round} of {rounds}");
        entry::run_once(&data, &scratch, &mut entries)?;
    }
    let text = format!(
        "{} The sources of Linux 6.1 as one text ({:.0} MB) and as {} files, and an access log of {:.0} MB, in the page cache; \
         output goes to files in memory. Medians of {rounds} interleaved rounds (one for a peer that takes more than {} s); \
         peak memory is the most of all rounds.\n{}",
        machine()?,
        data.text_bytes as f64 / 1e6,
        data.tree_files,
        data.log_bytes as f64 / 1e6,
        entry::LONG_SECONDS,
        report::render(&data, &entries),
    );
    publish(&text, options, "scan-bench")
}
