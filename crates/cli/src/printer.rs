//! The only writer to the terminal: data on standard output, talk on standard error.

use std::io::{self, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

use crate::Error;
use crate::args::{Globals, When};

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
            self.stderr_line(line);
        }
    }

    /// The error that ends the run, and the way out if there is one.
    pub(crate) fn error(&self, error: &Error) {
        if error.is_silent() {
            return;
        }
        self.stderr_line(&format!("{ERROR}error:{ERROR:#} {}", error.chain()));
        if let Some(hint) = error.hint() {
            self.stderr_line(&format!("{HINT}hint:{HINT:#} {hint}"));
        }
    }

    fn stderr_line(&self, line: &str) {
        let mut stderr = AutoStream::new(io::stderr(), self.color).lock();
        // If nobody can hear us there is nobody to tell.
        let _ = writeln!(stderr, "{line}");
    }
}
