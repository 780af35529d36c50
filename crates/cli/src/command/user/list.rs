//! `tamis user list`: their names.

use clap::Args;
use tamis_broker::access::Users;
use tamis_engine::names;

use super::{Place, failed};
use crate::{Context, Exit, Result};

/// List the users, one a line
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let path = options.place.path(context)?;
    let users = Users::read(&path).map_err(failed)?;
    let Some(users) = users else {
        let path = names::show(&path);
        context
            .printer
            .say(&format!("there is no file `{path}`, so there are no users"));
        return Ok(Exit::Good);
    };
    let lines = users.names().map(|it| format!("{it}\n"));
    context.printer.data(&lines.collect::<String>())?;
    Ok(Exit::Good)
}
