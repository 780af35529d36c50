//! `tamis consumer-group list`: which groups there are.

use clap::Args;
use serde_json::Value;
use tamis_contract::report::text::{Cell, Role};

use super::super::shown;
use crate::args::{OutputFormat, OutputOptions};
use crate::kafka::ClusterOptions;
use crate::kafka::groups::Group;
use crate::{Context, Exit, Result};

/// List the groups, what they are doing and how many are in them
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis consumer-group list
  tamis consumer-group list --json

Exit codes: 0 listed; 2 usage; 3 the cluster cannot be reached; 130 interrupted.")]
pub(super) struct Options {
    #[command(flatten)]
    output: OutputOptions,

    #[command(flatten)]
    cluster: ClusterOptions,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let cluster = options.cluster.cluster(context)?;
    let groups = cluster.reader()?.groups()?;
    if options.output.format() == OutputFormat::Json {
        let groups = groups.iter().map(document);
        let document = shown::object([("groups", groups.collect())]);
        shown::document(&context.printer, document)?;
        return Ok(Exit::Good);
    }
    if groups.is_empty() {
        context.printer.say("there are no groups");
        return Ok(Exit::Good);
    }
    let mut table = shown::heading(["group", "state", ">members", "protocol"]);
    for group in &groups {
        table.row([
            shown::text(&group.name),
            shown::text(&group.state),
            Cell::right(Role::Plain, group.members.len().to_string()),
            shown::text(&group.protocol),
        ]);
    }
    let mut page = String::new();
    shown::add(&table, &mut page);
    context.printer.data(&page)?;
    Ok(Exit::Good)
}

fn document(group: &Group) -> Value {
    shown::object([
        ("name", group.name.as_str().into()),
        ("state", group.state.as_str().into()),
        ("members", group.members.len().into()),
        ("protocol", group.protocol.as_str().into()),
        ("protocol_type", group.protocol_type.as_str().into()),
    ])
    .into()
}
