//! `tamis store`: every version of the files of a folder, each byte once.
//!
//! One file per verb, as everywhere. What they share:
//!
//! - `place` finds the store and its work tree, and makes paths in them of what was typed;
//! - `share` reads shares and times;
//! - `spec` reads `REF:PATH`, `bytes` ranges of bytes, and copies them, `content` puts them into JSON;
//! - `setup` opens the store;
//! - `changes` tells what differs between two trees, `placed` what became of files that were put in place;
//! - `shown` and `json` print names, times and entries for people and for programs;
//! - `progress` draws how far a command is.

mod add;
mod bytes;
mod cat;
mod changes;
mod checkout;
mod commit;
mod content;
mod diff;
mod forget;
mod gc;
mod get;
mod init;
mod json;
mod log;
mod ls;
mod place;
mod placed;
mod progress;
mod repair;
mod rm;
mod setup;
mod share;
mod show;
mod shown;
mod size;
mod spec;
mod status;
mod tag;
mod transfer;
mod unstage;
mod verify;

use clap::{Args, Subcommand};

use crate::{Context, Exit, Result};
use place::Place;

/// Keep every version of files, each byte once
///
/// Files are cut where their content says so, and each piece is kept once, compressed. Versions are commits, named by a hash that vouches for
/// every byte. A store is the folder `.tamis` in the folder whose files it keeps, or a folder of its own.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis store init
  tamis store add -A && tamis store commit -m 'drops of monday'
  tamis store log
  tamis store diff HEAD~1 HEAD
  tamis store get HEAD~3:drops/orders.csv -o before/
  tamis store checkout v1 -o release/

A REF is `HEAD` or `main`, a tag, or the first digits of a commit's id; `~N` behind it
is its Nth ancestor. Settings are read from `tamis.toml` and the environment:
docs/configuration.md. The guide is docs/store.md.

Exit codes: 0 done; 1 damage, or differences found; 2 usage, or no store; 3 done, but
something could not be read or written; 11 locked by another process; 130 interrupted.")]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,

    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Init(init::Options),
    Add(add::Options),
    Status(status::Options),
    Unstage(unstage::Options),
    Rm(rm::Options),
    Commit(commit::Options),
    Log(log::Options),
    Show(show::Options),
    Ls(ls::Options),
    Get(get::Options),
    Cat(cat::Options),
    Diff(diff::Options),
    Checkout(checkout::Options),
    Tag(tag::Options),
    Forget(forget::Options),
    Gc(gc::Options),
    Size(size::Options),
    Verify(verify::Options),
    Repair(repair::Options),
    Push(transfer::PushOptions),
    Pull(transfer::PullOptions),
    Clone(transfer::CloneOptions),
}

pub(crate) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let place = &options.place;
    match &options.verb {
        Verb::Init(options) => init::run(options, place, context),
        Verb::Add(options) => add::run(options, place, context),
        Verb::Status(options) => status::run(options, place, context),
        Verb::Unstage(options) => unstage::run(options, place, context),
        Verb::Rm(options) => rm::run(options, place, context),
        Verb::Commit(options) => commit::run(options, place, context),
        Verb::Log(options) => log::run(options, place, context),
        Verb::Show(options) => show::run(options, place, context),
        Verb::Ls(options) => ls::run(options, place, context),
        Verb::Get(options) => get::run(options, place, context),
        Verb::Cat(options) => cat::run(options, place, context),
        Verb::Diff(options) => diff::run(options, place, context),
        Verb::Checkout(options) => checkout::run(options, place, context),
        Verb::Tag(options) => tag::run(options, place, context),
        Verb::Forget(options) => forget::run(options, place, context),
        Verb::Gc(options) => gc::run(options, place, context),
        Verb::Size(options) => size::run(options, place, context),
        Verb::Verify(options) => verify::run(options, place, context),
        Verb::Repair(options) => repair::run(options, place, context),
        Verb::Push(options) => transfer::push(options, place, context),
        Verb::Pull(options) => transfer::pull(options, place, context),
        Verb::Clone(options) => transfer::clone(options, place, context),
    }
}
