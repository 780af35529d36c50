//! `tamis topic list`: which topics there are.

use clap::Args;
use serde_json::Value;
use tamis_contract::report::text::{Cell, Role};

use super::super::shown;
use crate::args::{OutputFormat, OutputOptions};
use crate::kafka::ClusterOptions;
use crate::kafka::topics::Topic;
use crate::{Context, Exit, Result};

/// List the topics
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis topic list
  tamis topic list --json --bootstrap kafka.example.com:9092

Exit codes: 0 listed; 2 usage; 3 the cluster cannot be reached; 130 interrupted.")]
pub(super) struct Options {
    /// Also the cluster's own, such as `__consumer_offsets`
    #[arg(long)]
    internal: bool,

    #[command(flatten)]
    output: OutputOptions,

    #[command(flatten)]
    cluster: ClusterOptions,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let cluster = options.cluster.cluster(context)?;
    let mut topics = cluster.reader()?.topics()?;
    topics.retain(|topic| options.internal || !topic.is_internal());
    if options.output.format() == OutputFormat::Json {
        let topics = topics.iter().map(document);
        let document = shown::object([("topics", topics.collect())]);
        shown::document(&context.printer, document)?;
        return Ok(Exit::Good);
    }
    if topics.is_empty() {
        context
            .printer
            .say("there are no topics; `tamis topic create NAME` makes one");
        return Ok(Exit::Good);
    }
    let mut table = shown::heading(["topic", ">partitions", ">replicas", ""]);
    for topic in &topics {
        let error = topic.error.as_deref().unwrap_or_default();
        table.row([
            shown::text(&topic.name),
            Cell::right(Role::Plain, topic.partitions.len().to_string()),
            Cell::right(Role::Plain, topic.replication_factor().to_string()),
            Cell::left(Role::Bad, error),
        ]);
    }
    let mut page = String::new();
    shown::add(&table, &mut page);
    context.printer.data(&page)?;
    Ok(Exit::Good)
}

fn document(topic: &Topic) -> Value {
    let mut document = shown::object([
        ("name", topic.name.as_str().into()),
        ("partitions", topic.partitions.len().into()),
        ("replication_factor", topic.replication_factor().into()),
        ("is_internal", topic.is_internal().into()),
    ]);
    if let Some(error) = &topic.error {
        document.insert("error".to_owned(), error.as_str().into());
    }
    document.into()
}
