//! `tamis topic alter`: other settings, more partitions.

use clap::Args;

use super::super::shown::shown;
use super::contract::{self, ContractOptions, Told};
use crate::kafka::admin::Admin;
use crate::kafka::{ClusterOptions, parse_pair};
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
  tamis topic alter orders --contract orders.odcs.yaml --on-invalid tag
  tamis topic alter orders --no-contract

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
    contract: ContractOptions,

    /// Take the contract off: records are stored as they come
    #[arg(long, help_heading = "Contract (Tamis' own broker)", conflicts_with_all = ["contract", "object", "payload", "on_invalid", "dry_run"])]
    no_contract: bool,

    #[command(flatten)]
    cluster: ClusterOptions,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    options.validate()?;
    let cluster = options.cluster.cluster(context)?;
    let reader = cluster.reader()?;
    let topics = reader.topics_named(std::slice::from_ref(&options.name))?;
    let admin = cluster.admin()?;
    let name = shown(&options.name);
    let now = topics.iter().map(|topic| topic.partitions.len()).sum();
    // Before anything is changed: what is refused leaves the topic as it is.
    let wanted = options.wanted_partitions(now)?;
    let Changes { set, unset } = options.changes(&admin, context)?;
    if !set.is_empty() || !unset.is_empty() {
        admin.alter(&options.name, &set, &unset)?;
        context
            .printer
            .say(&format!("topic `{name}`: settings changed"));
    }
    if let Some(wanted) = wanted {
        if wanted > now {
            admin.add_partitions(&options.name, wanted)?;
        }
        context.printer.say(&format!(
            "topic `{name}`: {wanted} partitions, {now} before"
        ));
    }
    Ok(Exit::Good)
}

/// Settings that are to be others.
struct Changes {
    set: Vec<(String, String)>,
    unset: Vec<String>,
}

impl Options {
    /// How many partitions the topic, which has `now`, is to have.
    fn wanted_partitions(&self, now: usize) -> Result<Option<usize>> {
        let wanted = self.partitions.map(|it| it as usize);
        if wanted.is_some_and(|it| it < now) {
            let name = shown(&self.name);
            return Err(Error::Usage {
                message: format!("the topic `{name}` has {now} partitions, and cannot have fewer"),
                hint: Some("a new topic can: `tamis topic create`".to_owned()),
            });
        }
        Ok(wanted)
    }

    /// What is to be set and unset.
    fn changes(&self, admin: &Admin, context: &Context<'_>) -> Result<Changes> {
        let (mut set, mut unset) = (self.set.clone(), self.unset.clone());
        if self.no_contract {
            unset.extend(contract::names());
        }
        if !self.contract.is_empty() {
            let before = admin.settings(&self.name)?;
            let lone = self.contract.lone_option();
            if let (false, None, Some(option)) =
                (self.contract.has_contract(), Told::of(&before), lone)
            {
                let name = shown(&self.name);
                return Err(Error::Usage {
                    message: format!(
                        "`{option}` is about a contract, and the topic `{name}` has none"
                    ),
                    hint: Some("`--contract FILE` gives it one".to_owned()),
                });
            }
            let names = std::slice::from_ref(&self.name);
            set.extend(self.contract.settings(names, &before, context)?);
        }
        Ok(Changes { set, unset })
    }

    fn validate(&self) -> Result<()> {
        let usage = |message: String, hint: Option<&str>| {
            Err(Error::Usage {
                message,
                hint: hint.map(str::to_owned),
            })
        };
        let has_settings = !self.set.is_empty() || !self.unset.is_empty();
        let has_contract = self.no_contract || !self.contract.is_empty();
        if !has_settings && !has_contract && self.partitions.is_none() {
            let hint = "`--set NAME=VALUE`, `--unset NAME`, `--contract FILE` and `--partitions N` say what";
            return usage("what is to be changed?".to_owned(), Some(hint));
        }
        let is_both = |name: &&String| self.set.iter().any(|(set, _)| set == *name);
        match self.unset.iter().find(is_both) {
            Some(name) => usage(format!("`{name}` is both set and unset"), None),
            None => Ok(()),
        }
    }
}
