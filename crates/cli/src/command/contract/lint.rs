//! `tamis contract lint`: is this a contract, and what of it can be checked?

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use tamis_contract::diagnostic::{ContractText, Diagnostic, Level};
use tamis_contract::model::Contract;
use tamis_engine::human;

use crate::args::{OutputFormat, OutputOptions};
use crate::{Context, Error, Exit, Result, contract_file, diagnostics};

/// Find what is wrong with contracts
///
/// Errors make a contract unusable. Warnings are probably not what was meant. Rules that Tamis
/// does not check are listed as well.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 all contracts can be used; 2 one cannot; 3 one cannot be read.

Example:
  tamis contract lint contracts/*.odcs.yaml")]
pub(crate) struct Options {
    /// Contracts, `-` for standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    output: OutputOptions,
}

/// What there is to say about one file.
struct Findings {
    text: ContractText,
    /// The contract, if it can be used.
    contract: Option<Contract>,
    diagnostics: Vec<Diagnostic>,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let mut exit = Exit::Good;
    let mut results = Vec::new();
    for path in &options.files {
        let findings = match contract_file::load(path, context) {
            Ok(reading) => Findings {
                diagnostics: diagnostics::of_reading(&reading),
                text: reading.source_text,
                contract: Some(reading.contract),
            },
            Err(Error::Contract(error)) => {
                exit = exit.max(Exit::Usage);
                Findings {
                    text: error.source_text,
                    contract: None,
                    diagnostics: error.diagnostics,
                }
            }
            Err(error) => {
                // The other contracts are looked at all the same.
                context.printer.error(&error);
                exit = exit.max(error.exit());
                continue;
            }
        };
        match options.output.format() {
            OutputFormat::Text => context.printer.data(&findings.to_text())?,
            OutputFormat::Json => results.push(findings.to_json()),
        }
    }
    if options.output.format() == OutputFormat::Json {
        let report = json!({ "schema_version": 1, "files": results });
        context.printer.data(&format!("{report:#}\n"))?;
    }
    Ok(exit)
}

impl Findings {
    fn count(&self, level: Level) -> usize {
        self.diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.level == level)
            .count()
    }

    fn to_text(&self) -> String {
        let mut text = String::new();
        if !self.diagnostics.is_empty() {
            text = diagnostics::render(&self.text, &self.diagnostics);
            text.push('\n');
        }
        text.push_str(&format!("{}: {}\n", self.text.name, self.summary()));
        text
    }

    /// `1 object, 19 columns, 1 warning`.
    fn summary(&self) -> String {
        let mut parts = Vec::new();
        if let Some(contract) = &self.contract {
            let columns = contract
                .objects
                .iter()
                .map(|object| object.properties.len())
                .sum();
            parts.push(counted(contract.objects.len(), "object"));
            parts.push(counted(columns, "column"));
        }
        for level in [Level::Error, Level::Warning, Level::Note] {
            let count = self.count(level);
            if count > 0 {
                parts.push(counted(count, level.name()));
            }
        }
        parts.join(", ")
    }

    fn to_json(&self) -> Value {
        let diagnostics = self.diagnostics.iter().map(|diagnostic| {
            let (line, column) = self.text.line_column(diagnostic.span.start);
            json!({
                "level": diagnostic.level.name(),
                "code": diagnostic.code,
                "message": diagnostic.message,
                "help": diagnostic.help,
                "line": line,
                "column": column,
                "byte_start": diagnostic.span.start,
                "byte_end": diagnostic.span.end,
            })
        });
        json!({
            "name": self.text.name,
            "valid": self.contract.is_some(),
            "errors": self.count(Level::Error),
            "warnings": self.count(Level::Warning),
            "diagnostics": diagnostics.collect::<Vec<_>>(),
        })
    }
}

fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", human::count(count as u64))
}
