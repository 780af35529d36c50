//! `tamis user remove`: somebody who may not log in any more.

use clap::Args;
use tamis_broker::access::Users;
use tamis_engine::names;

use super::{Place, failed, usage};
use crate::{Context, Exit, Result};

/// Remove a user, whose connections end with their next request
#[derive(Debug, Args)]
pub(super) struct Options {
    /// What the user is called
    name: String,

    #[command(flatten)]
    place: Place,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let path = options.place.path(context)?;
    let name = names::show_bytes(options.name.as_bytes());
    let is_there = Users::read(&path).map_err(failed)?;
    let is_there = is_there.is_some_and(|it| it.has(&options.name));
    let is_gone = match is_there {
        true => Users::change(&path, |users| Ok(users.remove(&options.name))).map_err(failed)?,
        false => false,
    };
    match is_gone {
        true => {
            let path = names::show(&path);
            context
                .printer
                .say(&format!("removed `{name}` from `{path}`"));
            Ok(Exit::Good)
        }
        false => Err(usage(
            format!("there is no user `{name}`"),
            "`tamis user list` lists the users",
        )),
    }
}
