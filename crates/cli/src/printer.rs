//! The only writer to the terminal: data on standard output, talk on standard error.

use std::io::{self, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

use tamis_contract::diagnostic::{ContractText, Diagnostic};
use tamis_contract::report::{Performance, text};
use tamis_engine::Error as Engine;
use tamis_process::Error as Process;

use crate::args::{Globals, When};
use crate::paint::Coloured;
use crate::{Error, Result, diagnostics};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// Writes for people, in colour where that is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    color: ColorChoice,
    quiet: bool,
}

impl Printer {
    pub(crate) fn new(globals: &Globals) -> Self {
        let color = match globals.color {
            // Looks at NO_COLOR, CLICOLOR and at whether there is a terminal.
            When::Auto => ColorChoice::Auto,
            When::Always => ColorChoice::Always,
            When::Never => ColorChoice::Never,
        };
        Self {
            color,
            quiet: globals.quiet,
        }
    }

    /// A line of talk, left out with `--quiet`.
    pub(crate) fn say(&self, line: &str) {
        if !self.quiet {
            self.stderr(&format!("{line}\n"));
        }
    }

    /// A line of talk that was asked for.
    pub(crate) fn notice(&self, line: &str) {
        self.stderr(&format!("{line}\n"));
    }

    /// What could not be done of a run that goes on.
    pub(crate) fn warn(&self, message: &str) {
        self.stderr(&format!("{ERROR}error:{ERROR:#} {message}\n"));
    }

    /// The error that ends the run, and the way out if there is one.
    pub(crate) fn error(&self, error: &Error) {
        if error.is_silent() {
            return;
        }
        if let Error::Process(Process::Expression { text, source }) = error {
            return self.stderr(&diagnostics::of_expression(text, source));
        }
        if let Error::Contract(error) | Error::Configuration(error) = error {
            return self.stderr(&diagnostics::render(&error.source_text, &error.diagnostics));
        }
        self.stderr(&format!("{ERROR}error:{ERROR:#} {}\n", error.chain()));
        if let Some(hint) = error.hint() {
            self.stderr(&format!("{HINT}hint:{HINT:#} {hint}\n"));
        }
    }

    /// A failure that does not end the run.
    pub(crate) fn failure(&self, message: &str) {
        self.stderr(&format!("{ERROR}error:{ERROR:#} {message}\n"));
    }

    /// The block that `--perf` asks for: what a run over so many records took.
    pub(crate) fn performance(&self, performance: &Performance, records: u64) {
        let mut page = String::new();
        text::write_performance(performance, records, &Coloured, &mut page)
            .expect("a string takes everything");
        self.notice(page.trim_end());
    }

    /// What a contract that can be used should hear, left out with `--quiet`.
    pub(crate) fn findings(&self, text: &ContractText, findings: &[Diagnostic]) {
        if !self.quiet && !findings.is_empty() {
            self.stderr(&diagnostics::render(text, findings));
        }
    }

    /// The result of a verb, on standard output.
    pub(crate) fn data(&self, text: &str) -> Result<()> {
        let mut stdout = AutoStream::new(io::stdout(), self.color).lock();
        let written = stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush());
        written.map_err(|source| {
            let output = "-".to_owned();
            Error::Engine(match source.kind() {
                io::ErrorKind::BrokenPipe => Engine::ClosedPipe { output },
                _ => Engine::Write { output, source },
            })
        })
    }

    fn stderr(&self, text: &str) {
        let mut stderr = AutoStream::new(io::stderr(), self.color).lock();
        // If nobody can hear us there is nobody to tell.
        let _ = stderr.write_all(text.as_bytes());
    }
}
