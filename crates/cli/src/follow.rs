//! `--follow` of a topic: going on behind its end as messages come, whatever the verb does with them.
//!
//! The interruption ends the input and not the run, so that what was read is written and committed: [`Topics`](crate::topics::Topics) is told
//! to read until then, and the verb runs with a handle that nobody sets. A second interruption ends the process.

use std::path::PathBuf;

use clap::Args;
use tamis_engine::control::Cancel;

use crate::{Context, Error, Exit, Result, topics};

/// Whether a topic is followed.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct FollowArgs {
    /// Go on behind the end of a topic, as messages come; Ctrl-C ends it
    #[arg(long)]
    follow: bool,
}

/// When results of what is followed are there, and offsets can be committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Results {
    /// Again and again: [`Topics::written`](crate::topics::Topics::written) says of how many records.
    OnTheWay,
    /// When all is read.
    AtTheEnd,
}

impl FollowArgs {
    /// Whether it is asked for.
    pub(crate) fn is_on(self) -> bool {
        self.follow
    }

    /// Runs `verb`, which reads `inputs`, to the end of these or until somebody stops it.
    pub(crate) fn run(
        self,
        inputs: &[PathBuf],
        results: Results,
        context: &Context<'_>,
        verb: impl FnOnce(&Context<'_>) -> Result<Exit>,
    ) -> Result<Exit> {
        if !self.follow {
            return verb(context);
        }
        refuse_files(inputs)?;
        run(results, context, verb)
    }
}

/// Runs `verb`, which reads a topic, until somebody stops it.
pub(crate) fn run(
    results: Results,
    context: &Context<'_>,
    verb: impl FnOnce(&Context<'_>) -> Result<Exit>,
) -> Result<Exit> {
    context.globals.topics.follow(context.cancel, results);
    verb(&Context {
        globals: context.globals,
        printer: context.printer,
        cancel: &Cancel::new(),
    })
}

/// Fails unless there is one input, a topic.
fn refuse_files(inputs: &[PathBuf]) -> Result<()> {
    let message = match inputs {
        [input] if topics::is_meant(input) => return Ok(()),
        [input] if input.as_os_str() == "-" => {
            "`--follow` is for topics: standard input ends by itself".to_owned()
        }
        [input] => format!(
            "`--follow` is for topics here, and `{}` is none",
            input.display()
        ),
        _ => "`--follow` takes one input, a topic".to_owned(),
    };
    Err(Error::Usage {
        message,
        hint: Some(
            "name a topic, such as `kafka://HOST:PORT/TOPIC`; `tamis check` and `tamis logs` follow files as well"
                .to_owned(),
        ),
    })
}
