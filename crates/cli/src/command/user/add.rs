//! `tamis user add`: another user, or another password.

use std::path::PathBuf;

use clap::Args;
use tamis_broker::access::{Users, check_user_name};
use tamis_engine::names;

use super::{Place, failed, password, usage};
use crate::{Context, Exit, Result};

/// Add a user, who may log in from now on
///
/// The password is asked for twice, without being shown. It is never an argument: others can read those. It has 8 characters or more; 15 are
/// better, and so is one that a program made up.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// What the user is called
    name: String,

    /// A file whose only line is the password; `-` is standard input, which is also read if it is no terminal
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,

    /// Give a user who is there already another password
    #[arg(long)]
    replace: bool,

    #[command(flatten)]
    place: Place,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let path = options.place.path(context)?;
    check_user_name(&options.name).map_err(failed)?;
    let known = Users::read(&path).map_err(failed)?;
    check_there(options, known.is_some_and(|it| it.has(&options.name)))?;
    let password = password::read(options.password_file.as_deref(), context)?;
    let changed = Users::change(&path, |users| {
        // Somebody else may have been faster while the password was typed.
        let is_there = users.has(&options.name);
        if is_there == options.replace {
            users.set(&options.name, &password)?;
        }
        Ok(is_there)
    });
    check_there(options, changed.map_err(failed)?)?;
    let done = if options.replace { "changed" } else { "added" };
    context.printer.say(&format!(
        "{done} `{}` in `{}`",
        names::show_bytes(options.name.as_bytes()),
        names::show(&path)
    ));
    Ok(Exit::Good)
}

fn check_there(options: &Options, is_there: bool) -> Result<()> {
    let name = names::show_bytes(options.name.as_bytes());
    match (is_there, options.replace) {
        (true, false) => Err(usage(
            format!("there is a user `{name}` already"),
            "`--replace` gives the user another password",
        )),
        (false, true) => Err(usage(
            format!("there is no user `{name}`"),
            "without `--replace` the user is added",
        )),
        _ => Ok(()),
    }
}
