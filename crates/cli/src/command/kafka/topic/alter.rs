//! `tamis topic alter`: other settings, more partitions.

use clap::Args;

use super::super::shown::shown;
use crate::kafka::cluster::{Cluster, ClusterOptions, parse_pair};
use crate::{Context, Error, Exit, Result};

/// Change the settings of a topic, or give it more partitions
///
/// Settings that are not named stay as they are: those of the topic are read, changed, and all of them written, so that what somebody else
/// changes in between is lost. Records of a key go to another partition from then on if there are more of them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis topic alter orders --set retention.ms=3600000 --set cleanup.policy=delete
  tamis topic alter orders --unset retention.ms
  tamis topic alter orders --partitions 6

Exit codes: 0 done; 2 usage, no such topic, or the cluster refuses it; 3 the cluster cannot be reached; 130 interrupted.")]
pub(super) struct Options {
    /// What it is called
    #[arg(value_name = "NAME")]
    name: String,

    /// A setting by Kafka's name; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_pair)]
    set: Vec<(String, String)>,

    /// A setting that is to be the cluster's again; may be given several times
    #[arg(long, value_name = "NAME")]
    unset: Vec<String>,

    /// Partitions from now on: never fewer than before
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    partitions: Option<u32>,

    #[command(flatten)]
    cluster: ClusterOptions,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    options.validate()?;
    let cluster = Cluster::named(&options.cluster, context)?;
    let reader = cluster.reader()?;
    let topics = reader.topics_named(std::slice::from_ref(&options.name))?;
    let admin = cluster.admin()?;
    let name = shown(&options.name);
    if !options.set.is_empty() || !options.unset.is_empty() {
        admin.alter(&options.name, &options.set, &options.unset)?;
        context
            .printer
            .say(&format!("topic `{name}`: settings changed"));
    }
    if let Some(wanted) = options.partitions {
        let wanted = wanted as usize;
        let now = topics.iter().map(|topic| topic.partitions.len()).sum();
        if wanted < now {
            return Err(Error::Usage {
                message: format!("the topic `{name}` has {now} partitions, and cannot have fewer"),
                hint: Some("a new topic can: `tamis topic create`".to_owned()),
            });
        }
        if wanted > now {
            admin.add_partitions(&options.name, wanted)?;
        }
        context.printer.say(&format!(
            "topic `{name}`: {wanted} partitions, {now} before"
        ));
    }
    Ok(Exit::Good)
}

impl Options {
    fn validate(&self) -> Result<()> {
        let usage = |message: String, hint: Option<&str>| {
            Err(Error::Usage {
                message,
                hint: hint.map(str::to_owned),
            })
        };
        if self.set.is_empty() && self.unset.is_empty() && self.partitions.is_none() {
            let hint = "`--set NAME=VALUE`, `--unset NAME` and `--partitions N` say what";
            return usage("what is to be changed?".to_owned(), Some(hint));
        }
        let is_both = |name: &&String| self.set.iter().any(|(set, _)| set == *name);
        match self.unset.iter().find(is_both) {
            Some(name) => usage(format!("`{name}` is both set and unset"), None),
            None => Ok(()),
        }
    }
}
