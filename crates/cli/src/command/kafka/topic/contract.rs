//! The contract of a topic of Tamis' broker: given with a file, told in a line.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::Value;
use tamis_contract::check::{Check, CheckError, MessageCheck, Payload, Unchecked};
use tamis_contract::odcs::{self, from_setting, to_setting};
use tamis_engine::names;

use super::super::shown;
use crate::kafka::admin::Setting;
use crate::{Context, Error, Result, contract_file};

/// Settings that the broker knows.
const CONTRACT: &str = "tamis.contract";
const OBJECT: &str = "tamis.contract.object";
const REVISION: &str = "tamis.contract.revision";
const PAYLOAD: &str = "tamis.payload";
const ON_INVALID: &str = "tamis.on.invalid";
const DRY_RUN: &str = "tamis.dry.run";

/// All but what the broker counts.
const SETTABLE: [&str; 5] = [CONTRACT, OBJECT, PAYLOAD, ON_INVALID, DRY_RUN];

/// What the records of a topic are held against before they are stored.
#[derive(Debug, Args)]
#[command(next_help_heading = "Contract (Tamis' own broker)")]
pub(super) struct ContractOptions {
    /// Hold every record against this contract before it is stored
    #[arg(long, value_name = "FILE")]
    contract: Option<PathBuf>,

    /// The contract's object that describes the records [default: the only one, or the one named like the topic]
    #[arg(long, value_name = "NAME")]
    object: Option<String>,

    /// How the values of records are written [default: json]
    #[arg(long, value_enum, value_name = "json|csv")]
    payload: Option<Written>,

    /// What becomes of records that break the contract: their batch is refused, they go to the topic `NAME.dlq`, they are stored with
    /// headers that say so, or nobody looks [default: reject]
    #[arg(long, value_enum, value_name = "reject|dead-letter|tag|off")]
    on_invalid: Option<OnInvalid>,

    /// Only count: records are stored as they came; `=false` ends that
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    dry_run: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Written {
    Json,
    Csv,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OnInvalid {
    Reject,
    DeadLetter,
    Tag,
    Off,
}

impl ContractOptions {
    /// Whether nothing is asked for.
    pub(super) fn is_empty(&self) -> bool {
        self.contract.is_none() && self.lone_option().is_none()
    }

    /// Whether a contract is given.
    pub(super) fn has_contract(&self) -> bool {
        self.contract.is_some()
    }

    /// An option that says something of a contract, if one is given.
    pub(super) fn lone_option(&self) -> Option<&'static str> {
        let given = [
            (self.object.is_some(), "--object"),
            (self.payload.is_some(), "--payload"),
            (self.on_invalid.is_some(), "--on-invalid"),
            (self.dry_run.is_some(), "--dry-run"),
        ];
        given.iter().find(|(is_given, _)| *is_given).map(|it| it.1)
    }

    /// The settings that say so. Contracts are read, and held against what a broker can check record by record, for each of `topics`;
    /// `before` is what is set already.
    pub(super) fn settings(
        &self,
        topics: &[String],
        before: &[Setting],
        context: &Context<'_>,
    ) -> Result<Vec<(String, String)>> {
        let mut settings = Vec::new();
        let mut set = |name: &str, value: String| settings.push((name.to_owned(), value));
        if let Some(path) = &self.contract {
            let reading = contract_file::load(path, context)?;
            let text = &reading.source_text;
            context.printer.findings(text, &reading.diagnostics);
            for topic in topics {
                self.check(&reading.contract, topic, before)?;
            }
            let value = to_setting(&text.text).map_err(|error| self.refused(&error, None))?;
            set(CONTRACT, value.into_owned());
        }
        if let Some(object) = &self.object {
            set(OBJECT, object.clone());
        }
        let word = |value: Option<clap::builder::PossibleValue>| {
            value.map(|it| it.get_name().to_owned()).unwrap_or_default()
        };
        if let Some(payload) = self.payload {
            set(PAYLOAD, word(payload.to_possible_value()));
        }
        if let Some(on_invalid) = self.on_invalid {
            set(ON_INVALID, word(on_invalid.to_possible_value()));
        }
        if let Some(dry_run) = self.dry_run {
            set(DRY_RUN, dry_run.to_string());
        }
        Ok(settings)
    }

    /// Whether a broker can hold each record against it.
    fn check(
        &self,
        contract: &tamis_contract::model::Contract,
        topic: &str,
        before: &[Setting],
    ) -> Result<()> {
        let object = self.object.as_deref().or(own(before, OBJECT));
        let object = contract.object(object, topic);
        let object = object.map_err(|error| self.refused(&error, None))?;
        let check = Check::compile(contract, object, Unchecked::Refuse);
        let is_csv = match self.payload {
            Some(payload) => payload == Written::Csv,
            None => own(before, PAYLOAD) == Some("csv"),
        };
        let payload = if is_csv { Payload::Csv } else { Payload::Json };
        let checked = check.and_then(|it| MessageCheck::new(&it, payload));
        match checked {
            Ok(_) => Ok(()),
            Err(error) => Err(self.refused(&error, hint(&error))),
        }
    }

    fn refused(&self, error: &dyn std::fmt::Display, hint: Option<&str>) -> Error {
        let path = self.contract.as_deref().unwrap_or("-".as_ref());
        Error::Usage {
            message: format!("`{}`: {error}", names::show(path)),
            hint: hint.map(str::to_owned),
        }
    }
}

/// What to do about a contract that records of a topic cannot be held against.
fn hint(error: &CheckError) -> Option<&'static str> {
    match error {
        CheckError::NeedsAllRecords { .. } => Some(
            "a broker sees one record at a time: take these rules out of the contract of the topic, `tamis check` holds all records against them",
        ),
        CheckError::Unchecked { .. } => Some(
            "a broker lets nothing pass that it cannot check: take these rules out of the contract of the topic",
        ),
        CheckError::Encoding { .. } => {
            Some("take the encoding out of the contract of the topic, and send UTF-8")
        }
        _ => None,
    }
}

/// What is to be unset for there to be no contract.
pub(super) fn names() -> impl Iterator<Item = String> {
    SETTABLE.iter().map(|it| (*it).to_owned())
}

/// The value of a setting that was set for the topic.
fn own<'s>(settings: &'s [Setting], name: &str) -> Option<&'s str> {
    let setting = settings.iter().find(|it| it.name == name && it.is_own)?;
    setting.value.as_deref()
}

/// What a topic is held against, as far as its settings say.
#[derive(Debug)]
pub(super) struct Told {
    /// `None`: it cannot be read.
    contract: Option<(String, String)>,
    revision: String,
    on_invalid: String,
    payload: String,
    is_dry_run: bool,
}

impl Told {
    /// `None`: there is no contract.
    pub(super) fn of(settings: &[Setting]) -> Option<Told> {
        let value = |name: &str| {
            let setting = settings.iter().find(|it| it.name == name);
            let value = setting.and_then(|it| it.value.clone());
            value.unwrap_or_default()
        };
        let held = value(CONTRACT);
        if held.is_empty() {
            return None;
        }
        let text = from_setting(&held).ok();
        let reading = text.and_then(|it| odcs::read(CONTRACT, it.as_bytes()).ok());
        Some(Told {
            contract: reading.map(|it| (it.contract.id, it.contract.version)),
            revision: value(REVISION),
            on_invalid: value(ON_INVALID),
            payload: value(PAYLOAD),
            is_dry_run: value(DRY_RUN) == "true",
        })
    }

    /// `contract orders 1.2.0, revision 3, json, dead-letter`.
    pub(super) fn line(&self) -> String {
        let contract = match &self.contract {
            Some((id, version)) => shown::shown(&format!("{id} {version}")).to_string(),
            None => "that cannot be read".to_owned(),
        };
        let (revision, payload, on_invalid) = (&self.revision, &self.payload, &self.on_invalid);
        let dry_run = if self.is_dry_run { " (dry run)" } else { "" };
        format!("contract {contract}, revision {revision}, {payload}, {on_invalid}{dry_run}\n")
    }

    pub(super) fn document(&self) -> Value {
        let (id, version) = self.contract.clone().unzip();
        shown::object([
            ("id", id.into()),
            ("version", version.into()),
            ("revision", self.revision.parse::<u64>().ok().into()),
            ("payload", self.payload.as_str().into()),
            ("on_invalid", self.on_invalid.as_str().into()),
            ("dry_run", self.is_dry_run.into()),
        ])
        .into()
    }
}

/// Whether a setting is told as a part of the contract, and not by itself.
pub(super) fn is_told(setting: &Setting) -> bool {
    setting.name == REVISION || SETTABLE.contains(&setting.name.as_str())
}
