//! `tamis consumer-group reset`: a group goes on elsewhere.

use clap::Args;
use serde_json::Value;

use super::super::outcomes::once;
use super::super::shown;
use super::target::{Known, Target};
use crate::args::{OutputFormat, OutputOptions};
use crate::kafka::Partition;
use crate::kafka::offsets::Moment;
use crate::kafka::topics::Topic;
use crate::kafka::{ClusterOptions, Reader};
use crate::{Context, Error, Exit, Result};

/// Have a group go on elsewhere: its members read from there when they start again
///
/// Nobody may be in the group meanwhile, because members go on with their own offsets. A group that is not there is made.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis consumer-group reset billing --topic orders --to earliest --dry-run
  tamis consumer-group reset billing --topic orders --partition 2 --to 1500
  tamis consumer-group reset billing --topic orders --to -100
  tamis consumer-group reset billing --topic orders --to '2h ago'

A place is `earliest`, `latest`, an offset, `+N` or `-N` (records from where the group is), or the first record of a time: ISO 8601 \
(`2026-11-20T14:30:00Z`, `2026-11-20`), `14:30`, `2h ago`. What lies outside of a partition becomes its nearest end.

Exit codes: 0 done; 2 usage, or no such topic; 3 the cluster cannot be reached; 11 the group has members; 130 interrupted.")]
pub(super) struct Options {
    /// What it is called
    #[arg(value_name = "GROUP", value_parser = super::parse_name)]
    name: String,

    /// Whose offsets; may be given several times
    #[arg(long, short, required = true, value_name = "TOPIC")]
    topic: Vec<String>,

    /// This partition alone; may be given several times
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    partition: Vec<i32>,

    /// Where it goes on
    #[arg(long, value_name = "PLACE", allow_hyphen_values = true)]
    to: Target,

    /// Only say what would be done
    #[arg(long, short = 'n')]
    dry_run: bool,

    #[command(flatten)]
    output: OutputOptions,

    #[command(flatten)]
    cluster: ClusterOptions,
}

/// One partition's change.
struct Change {
    partition: Partition,
    before: Option<i64>,
    after: i64,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let cluster = options.cluster.cluster(context)?;
    let reader = cluster.reader_of(&options.name)?;
    let topics = reader.topics_named(&once(&options.topic))?;
    if let Some(group) = reader
        .group(&options.name)?
        .filter(|group| !group.is_empty())
    {
        return Err(Error::Cluster {
            message: format!(
                "the group `{}` is {} and has {}, which go on with their own offsets",
                shown::shown(&group.name),
                shown::shown(&group.state),
                super::members(&group),
            ),
            hint: Some("stop them first, and wait until the group has noticed".to_owned()),
            exit: Exit::Locked,
        });
    }
    let partitions = options.partitions(&topics)?;
    let changes = options.changes(partitions, &reader)?;
    if !options.dry_run {
        let offsets = changes.iter().map(|it| (it.partition.clone(), it.after));
        reader.commit(&offsets.collect::<Vec<_>>())?;
    }
    options.tell(&changes, context)?;
    Ok(Exit::Good)
}

impl Options {
    fn partitions(&self, topics: &[Topic]) -> Result<Vec<Partition>> {
        let mut all = Vec::new();
        for topic in topics {
            let is_there = |id: &i32| topic.partitions.iter().any(|it| it.id == *id);
            if let Some(id) = self.partition.iter().find(|id| !is_there(id)) {
                return Err(Error::Usage {
                    message: format!(
                        "the topic `{}` has no partition {id}",
                        shown::shown(&topic.name)
                    ),
                    hint: Some(format!(
                        "it has {}, and the first of them is 0",
                        topic.partitions.len()
                    )),
                });
            }
            let is_meant = |id| self.partition.is_empty() || self.partition.contains(&id);
            all.extend(topic.all_partitions().filter(|it| is_meant(it.id)));
        }
        Ok(all)
    }

    fn changes(&self, partitions: Vec<Partition>, reader: &Reader) -> Result<Vec<Change>> {
        let earliest = reader.offsets_at(&partitions, Moment::Earliest)?;
        let latest = reader.offsets_at(&partitions, Moment::Latest)?;
        let committed = reader.committed(&partitions)?;
        let timed = match self.to.moment() {
            Some(moment) => Some(reader.offsets_at(&partitions, moment)?),
            None => None,
        };
        let changes = partitions.into_iter().enumerate().map(|(at, partition)| {
            let known = Known {
                earliest: earliest[at],
                latest: latest[at],
                committed: committed[at],
            };
            Change {
                partition,
                before: committed[at],
                after: self.to.offset(known, timed.as_ref().map(|timed| timed[at])),
            }
        });
        Ok(changes.collect())
    }

    fn tell(&self, changes: &[Change], context: &Context<'_>) -> Result<()> {
        if self.output.format() == OutputFormat::Json {
            let partitions = changes.iter().map(|change| {
                Value::from(shown::object([
                    ("topic", change.partition.topic.as_str().into()),
                    ("partition", change.partition.id.into()),
                    ("before", change.before.into()),
                    ("after", change.after.into()),
                ]))
            });
            let document = shown::object([
                ("name", self.name.as_str().into()),
                ("is_dry_run", self.dry_run.into()),
                ("partitions", partitions.collect()),
            ]);
            return shown::document(&context.printer, document);
        }
        let mut table = shown::heading(["topic", ">partition", ">before", ">after"]);
        for change in changes {
            table.row([
                shown::text(&change.partition.topic),
                shown::number(Some(change.partition.id.into())),
                shown::number(change.before),
                shown::number(Some(change.after)),
            ]);
        }
        let mut page = String::new();
        shown::add(&table, &mut page);
        context.printer.data(&page)?;
        if self.dry_run {
            context
                .printer
                .say("nothing was changed; this is what would be done");
        }
        Ok(())
    }
}
