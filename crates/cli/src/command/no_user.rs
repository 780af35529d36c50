//! `tamis user` in a build without the broker: says how to get one.

use std::ffi::OsString;

use clap::Args;

use crate::{Context, Error, Exit, Result};

/// Say who may log in to `tamis serve` (not in this build)
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// Whatever was asked for
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _rest: Vec<OsString>,
}

pub(super) fn run(_options: &Options, _context: &Context<'_>) -> Result<Exit> {
    Err(Error::Usage {
        message: "this build has no broker, and so no users".to_owned(),
        hint: Some("build with the Cargo feature `broker`, which is on by default".to_owned()),
    })
}
