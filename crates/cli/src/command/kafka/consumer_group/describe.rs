//! `tamis consumer-group describe`: how far a group has read, and who reads.

use std::collections::BTreeSet;

use clap::Args;
use serde_json::Value;
use tamis_contract::report::text::{Cell, Role};
use tamis_engine::human;

use super::super::shown;
use crate::args::{OutputFormat, OutputOptions};
use crate::kafka::ClusterOptions;
use crate::kafka::Partition;
use crate::kafka::groups::{Group, Member};
use crate::kafka::offsets::Moment;
use crate::{Context, Exit, Result};

/// Say how far a group has read, and which member reads what
///
/// The lag of a partition is what is there behind the committed offset. A partition that a member has and of which nothing is committed
/// has none: where it begins is for the member to say.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis consumer-group describe billing
  tamis consumer-group describe billing --json | jq .total_lag

Exit codes: 0 described; 2 usage, or no such group; 3 the cluster cannot be reached; 130 interrupted.")]
pub(super) struct Options {
    /// What it is called
    #[arg(value_name = "GROUP", value_parser = super::parse_name)]
    name: String,

    #[command(flatten)]
    output: OutputOptions,

    #[command(flatten)]
    cluster: ClusterOptions,
}

/// A partition as the group sees it.
struct Row<'g> {
    partition: Partition,
    committed: Option<i64>,
    /// `None` of a partition that is gone.
    end: Option<i64>,
    member: Option<&'g Member>,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let cluster = options.cluster.cluster(context)?;
    let reader = cluster.reader_of(&options.name)?;
    let topics = reader.topics()?;
    let group = reader
        .group(&options.name)?
        .ok_or_else(|| super::unknown(&options.name))?;
    // Which partitions a group has offsets of can be asked for by their names alone.
    let there: BTreeSet<Partition> = topics
        .iter()
        .flat_map(crate::kafka::topics::Topic::all_partitions)
        .collect();
    let all: Vec<Partition> = there.iter().cloned().collect();
    let committed = reader.committed(&all)?;
    let mut rows: Vec<Row<'_>> = all
        .into_iter()
        .zip(committed)
        .map(|(partition, committed)| Row {
            member: holder(&group, &partition),
            partition,
            committed,
            end: None,
        })
        .collect();
    rows.retain(|row| row.committed.is_some() || row.member.is_some());
    let shown: Vec<Partition> = rows.iter().map(|row| row.partition.clone()).collect();
    let ends = reader.offsets_at(&shown, Moment::Latest)?;
    for (row, end) in rows.iter_mut().zip(ends) {
        row.end = Some(end);
    }
    if options.output.format() == OutputFormat::Json {
        shown::document(&context.printer, document(&group, &rows))?;
    } else {
        context.printer.data(&page(&group, &rows))?;
    }
    Ok(Exit::Good)
}

fn holder<'g>(group: &'g Group, partition: &Partition) -> Option<&'g Member> {
    let mut members = group.members.iter();
    members.find(|member| member.partitions.contains(partition))
}

impl Row<'_> {
    fn lag(&self) -> Option<i64> {
        Some((self.end? - self.committed?).max(0))
    }
}

fn total_lag(rows: &[Row<'_>]) -> i64 {
    rows.iter().filter_map(Row::lag).sum()
}

fn page(group: &Group, rows: &[Row<'_>]) -> String {
    let lag = total_lag(rows);
    let mut page = format!(
        "{}: {}, {}, lag {}\n",
        shown::shown(&group.name),
        shown::shown(&group.state),
        super::members(group),
        human::count(lag.unsigned_abs()),
    );
    let idle = group.members.iter().filter(|it| it.partitions.is_empty());
    for member in idle {
        let (id, host) = (shown::shown(&member.id), shown::shown(&member.host));
        page.push_str(&format!("{id} at {host} has no partition\n"));
    }
    if rows.is_empty() {
        page.push_str("it has committed nothing\n");
        return page;
    }
    page.push('\n');
    let mut table = shown::heading([
        "topic",
        ">partition",
        ">committed",
        ">end",
        ">lag",
        "member",
        "host",
    ]);
    for row in rows {
        let lag = row.lag();
        let role = if lag == Some(0) {
            Role::Good
        } else {
            Role::Value
        };
        let lag = lag.map_or("-".to_owned(), |it| human::count(it.unsigned_abs()));
        let of_member = |of: fn(&Member) -> &str| row.member.map_or("-", of);
        table.row([
            shown::text(&row.partition.topic),
            shown::number(Some(row.partition.id.into())),
            shown::number(row.committed),
            shown::number(row.end),
            Cell::right(role, lag),
            shown::text(of_member(|member| &member.id)),
            shown::text(of_member(|member| &member.host)),
        ]);
    }
    shown::add(&table, &mut page);
    page
}

fn document(group: &Group, rows: &[Row<'_>]) -> serde_json::Map<String, Value> {
    let partitions = rows.iter().map(|row| {
        Value::from(shown::object([
            ("topic", row.partition.topic.as_str().into()),
            ("partition", row.partition.id.into()),
            ("committed", row.committed.into()),
            ("end", row.end.into()),
            ("lag", row.lag().into()),
            ("member", row.member.map(|it| it.id.as_str()).into()),
        ]))
    });
    let members = group.members.iter().map(|member| {
        Value::from(shown::object([
            ("id", member.id.as_str().into()),
            ("client_id", member.client_id.as_str().into()),
            ("host", member.host.as_str().into()),
            ("partitions", member.partitions.len().into()),
        ]))
    });
    shown::object([
        ("name", group.name.as_str().into()),
        ("state", group.state.as_str().into()),
        ("protocol", group.protocol.as_str().into()),
        ("protocol_type", group.protocol_type.as_str().into()),
        ("total_lag", total_lag(rows).into()),
        ("members", members.collect()),
        ("partitions", partitions.collect()),
    ])
}
