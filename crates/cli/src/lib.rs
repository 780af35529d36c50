//! The command line of Tamis: arguments, progress and printing around the crates that do the work.
//!
//! - [`args`] holds the options that all verbs share;
//! - `command/` has one file per verb: its options and its `run` side by side;
//! - `printer` is the only writer to the terminal, `page` keeps back what it prints, `progress` is the only bar on it;
//! - `output` puts files in place, whole or not at all; `contract_file` reads contracts;
//! - `inputs` makes sources of what was named, and says how they are read;
//! - [`config`] reads `tamis.toml`, and what the environment says in its place;
//! - `kafka` names clusters of Kafka, which the crate `tamis-kafka` speaks to;
//! - `absent` stands for verbs and inputs that a build was made without;
//! - `password` reads a password from a file;
//! - `packing` says which file becomes which when files are packed and unpacked;
//! - `stores` finds and opens stores, and makes sources and sinks of files in them;
//! - `topics` makes sources and sinks of topics, and commits the offsets of what was read when results are written;
//! - `follow` has topics go on behind their ends;
//! - `table` reads inputs as one table with typed columns, `rows` writes rows of it;
//! - `diagnostics` draws what is wrong with a contract or a configuration, `paint` has the colours.
//!
//! [`run`] is a function of its arguments and nothing else: it installs no signal handler and does
//! not exit. [`run_as_process`] does, for the binary and for the command of the Python package.

#[cfg(not(all(feature = "broker", feature = "kafka-client")))]
mod absent;
pub mod args;
mod command;
pub mod config;
mod contract_file;
mod diagnostics;
mod error;
mod exit;
mod follow;
mod inputs;
#[cfg(feature = "kafka-client")]
mod kafka;
mod messages;
mod output;
mod packing;
mod page;
mod paint;
#[cfg(any(feature = "broker", feature = "kafka-client"))]
mod password;
mod printer;
mod process;
mod progress;
mod rows;
mod stores;
mod table;
#[cfg_attr(feature = "kafka-client", path = "topics.rs")]
#[cfg_attr(not(feature = "kafka-client"), path = "no_topics.rs")]
mod topics;

use std::ffi::OsString;

use clap::Parser;

pub use error::Error;
pub use exit::Exit;
pub use process::run_as_process;
pub use tamis_engine::control::Cancel;

use args::Globals;
use command::Command;
use printer::Printer;

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// The gate for data: checks records against a contract at memory speed.
#[derive(Debug, Parser)]
#[command(
    name = "tamis",
    version,
    propagate_version = true,
    after_help = "Exit codes: 0 good; 1 the data is bad; 2 usage or contract error; 3 I/O or internal error; \
                  130 interrupted."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    globals: Globals,
}

/// What every verb gets: the shared options, the printer, and the handle that stops it.
#[derive(Debug)]
struct Context<'a> {
    globals: &'a Globals,
    printer: Printer,
    cancel: &'a Cancel,
}

/// Runs one command line, the program's name first, until done or until `cancel` is set.
///
/// Data goes to standard output, everything else to standard error.
pub fn run(arguments: impl IntoIterator<Item = OsString>, cancel: &Cancel) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // `--help` and `--version` come this way too, and are no errors. There is nobody to
            // tell if the terminal is gone.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Good
            };
        }
    };
    let globals = Globals {
        level: cli.globals.level.filter(|_| !cli.command.has_own_level()),
        ..cli.globals
    };
    let context = Context {
        globals: &globals,
        printer: Printer::new(&globals),
        cancel,
    };
    let result = globals
        .validate()
        .and_then(|()| cli.command.run(&context))
        // Whatever came of them is written now.
        .and_then(|exit| globals.topics.settle(exit, &context.printer));
    if globals.perf
        && let Some(page) = globals.read_stores.performance()
    {
        context.printer.notice(&page);
    }
    result.unwrap_or_else(|error| {
        context.printer.error(&error);
        error.exit()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_options_of_all_verbs_fit_together() {
        Cli::command().debug_assert();
    }
}
