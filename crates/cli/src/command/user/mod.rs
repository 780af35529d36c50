//! `tamis user`: who may log in to a broker that asks.

mod add;
mod list;
mod password;
mod remove;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use tamis_broker::access::Users;

use crate::config::Config;
use crate::{Context, Error, Exit, Result};

/// Say who may log in to `tamis serve --auth`
///
/// Users are in a file that only its owner can read, with what their passwords are checked against, and not the passwords. A broker that
/// runs takes notice when it changes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis user add alice
  tamis user add alice --replace --password-file new-password
  tamis user list --data /var/lib/tamis
  tamis user remove alice

Exit codes: 0 done; 1 the file is damaged; 2 usage, such as a user who is there already, or is not; 3 the file cannot be read or written.")]
pub(crate) struct Options {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Add(add::Options),
    List(list::Options),
    Remove(remove::Options),
}

/// Where the users are.
#[derive(Debug, Args)]
struct Place {
    /// The data folder of the broker [default: as of `tamis serve`, ./tamis-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// The file of users, if it is not in the data folder [default: `users.json` there]
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    users: Option<PathBuf>,
}

impl Place {
    /// The file: as it was typed, or as the broker is configured.
    fn path(&self, context: &Context<'_>) -> Result<PathBuf> {
        let configured = Config::of_process()?.serve(context.globals);
        Ok(match (&self.users, &self.data) {
            (Some(users), _) => users.clone(),
            (None, Some(data)) => Users::path_in(data),
            (None, None) if !configured.users.is_empty() => configured.users.into(),
            (None, None) => Users::path_in(configured.data.as_ref()),
        })
    }
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    match &options.verb {
        Verb::Add(options) => add::run(options, context),
        Verb::List(options) => list::run(options, context),
        Verb::Remove(options) => remove::run(options, context),
    }
}

/// What could not be done with the file.
fn failed(error: tamis_broker::Error) -> Error {
    use tamis_broker::Error as Broken;
    let (exit, hint) = match &error {
        Broken::BadUser { .. } | Broken::BadPassword { .. } => (Exit::Usage, None),
        Broken::Damaged { .. } => (
            Exit::Bad,
            Some("put a copy of it back, or remove it and add the users again"),
        ),
        _ => (
            Exit::Failure,
            Some("`--data DIR` or `--users FILE` names a place that may be written"),
        ),
    };
    Error::Serve {
        source: Box::new(error),
        hint,
        exit,
    }
}

fn usage(message: String, hint: &str) -> Error {
    Error::Usage {
        message,
        hint: Some(hint.to_owned()),
    }
}
