//! `tamis topic create`: new topics.

use clap::Args;

use super::super::outcomes::{Words, once};
use super::contract::ContractOptions;
use crate::args::OutputOptions;
use crate::kafka::admin::TopicPlan;
use crate::kafka::{ClusterOptions, parse_pair};
use crate::{Context, Error, Exit, Result};

/// Make topics
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis topic create orders
  tamis topic create orders payments --partitions 12 --config retention.ms=3600000
  tamis topic create orders --contract orders.odcs.yaml --payload json --on-invalid dead-letter
  tamis topic create orders --if-not-exists --bootstrap kafka.example.com:9092 --replication-factor 3

Exit codes: 0 all are there; 2 usage, or the cluster refuses one; 3 the cluster cannot be reached; 130 interrupted.")]
pub(super) struct Options {
    /// What they are called
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,

    /// Partitions of each [default: as many as the cluster gives topics]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,

    /// Brokers that have each partition [default: as many as the cluster thinks good]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=i64::from(i16::MAX)))]
    replication_factor: Option<i32>,

    /// A setting by Kafka's name, such as `cleanup.policy=compact`; may be given several times
    #[arg(long, short, value_name = "NAME=VALUE", value_parser = parse_pair)]
    config: Vec<(String, String)>,

    /// Pass over topics that are there, whatever they are like
    #[arg(long)]
    if_not_exists: bool,

    #[command(flatten)]
    contract: ContractOptions,

    #[command(flatten)]
    output: OutputOptions,

    #[command(flatten)]
    cluster: ClusterOptions,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    if let (false, Some(option)) = (
        options.contract.has_contract(),
        options.contract.lone_option(),
    ) {
        return Err(Error::Usage {
            message: format!("`{option}` is about a contract, and there is none"),
            hint: Some("`--contract FILE` names it".to_owned()),
        });
    }
    let names = once(&options.names);
    let mut settings = options.config.clone();
    settings.extend(options.contract.settings(&names, &[], context)?);
    let cluster = options.cluster.cluster(context)?;
    let plan = TopicPlan {
        partitions: options.partitions,
        replication_factor: options.replication_factor,
        settings: &settings,
    };
    let outcomes = cluster.admin()?.create(&names, &plan)?;
    WORDS.tell(
        outcomes,
        options.if_not_exists,
        options.output.format(),
        context,
    )
}

const WORDS: Words = Words {
    noun: "topic",
    done: "created",
    already: "exists",
    refusal: |name| format!("the topic `{name}` exists"),
    hint: "`--if-not-exists` passes over topics that are there, `tamis topic alter` changes them",
};
