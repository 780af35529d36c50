//! `tamis topic describe`: partitions, offsets and settings of topics.

use clap::Args;
use serde_json::Value;
use tamis_contract::report::text::{Cell, Role};
use tamis_engine::human;

use super::super::outcomes::once;
use super::super::shown;
use super::contract::{self, Told};
use crate::args::{OutputFormat, OutputOptions};
use crate::kafka::Partition;
use crate::kafka::admin::{Admin, Setting};
use crate::kafka::offsets::Moment;
use crate::kafka::topics::Topic;
use crate::kafka::{ClusterOptions, Reader};
use crate::{Context, Exit, Result};

/// Say what topics are like: partitions, who has them, their offsets, and settings
///
/// Records are counted by offsets: what compaction removed between the earliest and the latest is counted, too.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis topic describe orders
  tamis topic describe orders --settings all
  tamis topic describe orders payments --json

Exit codes: 0 described; 2 usage, or no such topic; 3 the cluster cannot be reached; 130 interrupted.")]
pub(super) struct Options {
    /// What they are called
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,

    /// Which settings are shown: those that were set for the topic, or all that hold
    #[arg(long, value_enum, value_name = "own|all", default_value_t)]
    settings: Which,

    #[command(flatten)]
    output: OutputOptions,

    #[command(flatten)]
    cluster: ClusterOptions,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Which {
    #[default]
    Own,
    All,
}

/// All that is told of a topic.
struct Described {
    topic: Topic,
    /// The earliest and the latest offset of each partition; `None` of one that nobody serves.
    offsets: Vec<Option<(i64, i64)>>,
    settings: Vec<Setting>,
    /// What its records are held against.
    contract: Option<Told>,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let cluster = options.cluster.cluster(context)?;
    let reader = cluster.reader()?;
    let topics = reader.topics_named(&once(&options.names))?;
    let admin = cluster.admin()?;
    let described: Vec<_> = topics
        .into_iter()
        .map(|topic| Described::of(topic, options.settings, &reader, &admin))
        .collect::<Result<_>>()?;
    if options.output.format() == OutputFormat::Json {
        let topics = described.iter().map(Described::document);
        let document = shown::object([("topics", topics.collect())]);
        shown::document(&context.printer, document)?;
        return Ok(Exit::Good);
    }
    let pages: Vec<_> = described.iter().map(Described::page).collect();
    context.printer.data(&pages.join("\n"))?;
    Ok(Exit::Good)
}

impl Described {
    fn of(topic: Topic, which: Which, reader: &Reader, admin: &Admin) -> Result<Described> {
        let is_served = |id: i32| {
            topic
                .partitions
                .iter()
                .any(|it| it.id == id && it.leader >= 0)
        };
        let served: Vec<Partition> = topic
            .all_partitions()
            .filter(|partition| is_served(partition.id))
            .collect();
        let earliest = reader.offsets_at(&served, Moment::Earliest)?;
        let latest = reader.offsets_at(&served, Moment::Latest)?;
        let mut known = earliest.into_iter().zip(latest);
        let offsets = topic.partitions.iter();
        let offsets = offsets
            .map(|it| if it.leader >= 0 { known.next() } else { None })
            .collect();
        let mut settings = admin.settings(&topic.name)?;
        let contract = Told::of(&settings);
        settings.retain(|setting| which == Which::All || setting.is_own);
        Ok(Described {
            topic,
            offsets,
            settings,
            contract,
        })
    }

    fn records(&self) -> i64 {
        let known = self.offsets.iter().flatten();
        known.map(|(earliest, latest)| latest - earliest).sum()
    }

    fn page(&self) -> String {
        let topic = &self.topic;
        let records = u64::try_from(self.records()).unwrap_or(0);
        let mut page = format!(
            "{}: {}, {}, {}\n\n",
            shown::shown(&topic.name),
            shown::counted(topic.partitions.len() as u64, "partition"),
            shown::counted(topic.replication_factor() as u64, "replica"),
            shown::counted(records, "record"),
        );
        let mut table = shown::heading([
            ">partition",
            ">leader",
            "replicas",
            "in sync",
            ">earliest",
            ">latest",
            ">records",
        ]);
        for (partition, offsets) in topic.partitions.iter().zip(&self.offsets) {
            let leader = i64::from(partition.leader);
            let records = offsets.map(|(earliest, latest)| latest - earliest);
            table.row([
                shown::number(Some(partition.id.into())),
                shown::number(Some(leader).filter(|leader| *leader >= 0)),
                shown::text(&brokers(&partition.replicas)),
                shown::text(&brokers(&partition.in_sync)),
                shown::number(offsets.map(|(earliest, _)| earliest)),
                shown::number(offsets.map(|(_, latest)| latest)),
                Cell::right(
                    Role::Value,
                    records.map_or("-".to_owned(), |it| human::count(it.unsigned_abs())),
                ),
            ]);
        }
        shown::add(&table, &mut page);
        if let Some(contract) = &self.contract {
            page.push('\n');
            page.push_str(&contract.line());
        }
        let is_told = |it: &&Setting| self.contract.is_none() || !contract::is_told(it);
        let settings: Vec<_> = self.settings.iter().filter(is_told).collect();
        if !settings.is_empty() {
            page.push('\n');
            let mut table = shown::heading(["setting", "value"]);
            for setting in settings {
                let value = setting.value.as_deref().unwrap_or("(secret)");
                table.row([shown::text(&setting.name), shown::text(value)]);
            }
            shown::add(&table, &mut page);
        }
        page
    }

    fn document(&self) -> Value {
        let topic = &self.topic;
        let partitions = topic.partitions.iter().zip(&self.offsets);
        let partitions = partitions.map(|(partition, offsets)| {
            Value::from(shown::object([
                ("partition", partition.id.into()),
                ("leader", partition.leader.into()),
                ("replicas", partition.replicas.as_slice().into()),
                ("in_sync", partition.in_sync.as_slice().into()),
                ("earliest", offsets.map(|(earliest, _)| earliest).into()),
                ("latest", offsets.map(|(_, latest)| latest).into()),
            ]))
        });
        let settings = self.settings.iter().map(|setting| {
            Value::from(shown::object([
                ("name", setting.name.as_str().into()),
                ("value", setting.value.as_deref().into()),
                ("is_own", setting.is_own.into()),
            ]))
        });
        shown::object([
            ("name", topic.name.as_str().into()),
            ("is_internal", topic.is_internal().into()),
            ("replication_factor", topic.replication_factor().into()),
            ("records", self.records().into()),
            ("partitions", partitions.collect()),
            (
                "contract",
                self.contract.as_ref().map(Told::document).into(),
            ),
            ("settings", settings.collect()),
        ])
        .into()
    }
}

fn brokers(ids: &[i32]) -> String {
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    ids.join(",")
}
