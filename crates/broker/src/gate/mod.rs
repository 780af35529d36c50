//! Contracts on topics: what a producer sends is held against the contract of its topic before any of it is stored.
//!
//! A topic that has a contract has a [`Gate`]: the rules of the contract, compiled, and what becomes of records that break them. It is
//! made when the settings change, and swapped as a whole; a batch is judged by the one it began with. A batch goes through these
//! steps, on a thread on which nobody else waits:
//!
//! 1. *Check* as any batch: header, checksum, size, keys.
//! 2. *Unpack*, within limits (`unpacked.rs`): first with little memory, which most batches fit.
//! 3. *Judge* (`judge.rs`): some thousand records at a time, so that what is said of them takes little memory too.
//! 4. *Append* (`admit.rs`): as it came, if all keep the contract. If not, nothing of it is (`reject`); or without those that break
//!    it, which are made durable in the topic of dead letters before anybody is told (`dead-letter`, `letters.rs`); or with headers
//!    that say which they are (`tag`).
//!
//! No contract means that nothing passes: a topic that is to have a gate, and whose contract is not there or cannot be compiled (by
//! an older version, say), refuses all records and says why.
//!
//! Not here: how values are checked (`tamis-contract`), the protocol (`api/produce`).

mod admit;
mod error;
mod judge;
mod letters;
mod unpacked;

use tamis_contract::check::{Check, CheckError, MessageCheck, Payload, Unchecked};
use tamis_contract::odcs::{self, from_setting, to_setting};
use uuid::Uuid;

use crate::metrics::Fate;
use crate::topics::Settings;
pub(crate) use admit::{Admitted, Arrived, Refused};
pub use error::BadContract;
pub(crate) use error::{SAID_BYTES_MAX, cut};
pub(crate) use letters::letters_name;

/// Names of settings.
pub(crate) const CONTRACT: &str = "tamis.contract";
pub(crate) const OBJECT: &str = "tamis.contract.object";
pub(crate) const REVISION: &str = "tamis.contract.revision";
pub(crate) const PAYLOAD: &str = "tamis.payload";
pub(crate) const ON_INVALID: &str = "tamis.on.invalid";
const DRY_RUN: &str = "tamis.dry.run";

/// What [`ON_INVALID`] is where there is no contract, and where there is one.
pub(crate) const OFF: &str = "off";
pub(crate) const REJECT: &str = "reject";

/// What the records of a topic are held against, and what becomes of those that break it.
#[derive(Debug)]
pub(crate) struct Gate {
    on_invalid: OnInvalid,
    /// Whether records are checked and counted, and nothing else becomes of them.
    is_dry_run: bool,
    /// Or why there are none: then nothing passes.
    rules: Result<Rules, String>,
}

/// What becomes of records that break the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnInvalid {
    /// Their batch is refused.
    Reject,
    /// They go to the topic of dead letters.
    DeadLetter,
    /// They are stored with headers that say so.
    Tag,
}

/// A contract, compiled.
#[derive(Debug)]
struct Rules {
    check: MessageCheck,
    /// Its id and version.
    contract: String,
    revision: String,
    /// What tells dead letters by these rules from those by others (`letters.rs`).
    mark: i64,
}

impl Gate {
    /// The gate of a topic that has these settings; `None`: it has none. What is wrong with its contract is told, and then nothing passes.
    pub(crate) fn of(topic: &str, id: Uuid, settings: &Settings) -> Option<Gate> {
        let on_invalid = OnInvalid::of(settings)?;
        let rules = Rules::compile(topic, id, settings).map_err(|error| {
            tracing::error!(topic, %error, "refuses all records: its contract cannot be used");
            format!("topic `{topic}` refuses all records: {error}")
        });
        Some(Gate {
            on_invalid,
            is_dry_run: settings.value(DRY_RUN).map(str::trim) == Some("true"),
            rules,
        })
    }

    /// Whether nothing passes, since its contract is not there or cannot be used.
    pub(crate) fn is_shut(&self) -> bool {
        self.rules.is_err()
    }

    /// What becomes of records that break the contract.
    pub(crate) fn fate(&self) -> Fate {
        match self.on_invalid {
            _ if self.is_dry_run => Fate::Passed,
            OnInvalid::Reject => Fate::Rejected,
            OnInvalid::DeadLetter => Fate::DeadLetter,
            OnInvalid::Tag => Fate::Tagged,
        }
    }
}

/// Whether a topic may be given these settings.
///
/// # Errors
/// [`BadContract`]; what is wrong with a contract that was there `before` is no reason to change nothing else.
pub(crate) fn check(
    topic: &str,
    before: &Settings,
    settings: &Settings,
) -> Result<(), BadContract> {
    if settings.is_held_against_other(before) && settings.value(CONTRACT).is_some() {
        Rules::compile(topic, Uuid::nil(), settings)?;
    }
    if has_letters(settings) {
        letters::check_name(topic)?;
    }
    Ok(())
}

/// Whether a topic with these settings has one of dead letters.
pub(crate) fn has_letters(settings: &Settings) -> bool {
    OnInvalid::of(settings) == Some(OnInvalid::DeadLetter)
}

/// What is held of a contract that is set to this; `None`: none.
///
/// # Errors
/// [`BadContract::Setting`].
pub(crate) fn held(value: &str) -> Result<Option<String>, BadContract> {
    let text = from_setting(value)?;
    match text.trim().is_empty() {
        true => Ok(None),
        false => Ok(Some(to_setting(&text)?.into_owned())),
    }
}

/// Whether both are the same contract, packed or not.
pub(crate) fn is_same_text(one: &str, other: &str) -> bool {
    match (from_setting(one), from_setting(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

impl OnInvalid {
    /// What settings say; `None`: records are not looked at.
    fn of(settings: &Settings) -> Option<OnInvalid> {
        match settings.value(ON_INVALID).map(str::trim) {
            Some(OFF) => None,
            Some("dead-letter") => Some(OnInvalid::DeadLetter),
            Some("tag") => Some(OnInvalid::Tag),
            Some(_) => Some(OnInvalid::Reject),
            None => settings.value(CONTRACT).map(|_| OnInvalid::Reject),
        }
    }
}

impl Rules {
    fn compile(topic: &str, id: Uuid, settings: &Settings) -> Result<Rules, BadContract> {
        let value = settings.value(CONTRACT).ok_or(BadContract::Missing)?;
        let text = from_setting(value)?;
        let reading = odcs::read(CONTRACT, text.as_bytes());
        let reading = reading.map_err(|it| BadContract::unreadable(&it))?;
        let contract = reading.contract;
        let object = contract.object(settings.value(OBJECT).map(str::trim), topic);
        let object = object.map_err(|it| BadContract::Object(it.to_string()))?;
        let rules = |error: CheckError| BadContract::rules(&error);
        let check = Check::compile(&contract, object, Unchecked::Refuse).map_err(rules)?;
        let payload = match settings.value(PAYLOAD).map(str::trim) {
            Some("csv") => Payload::Csv,
            _ => Payload::Json,
        };
        let revision = settings.value(REVISION).unwrap_or("1").to_owned();
        Ok(Rules {
            check: MessageCheck::new(&check, payload).map_err(rules)?,
            contract: format!("{} {}", contract.id, contract.version),
            mark: letters::mark(id, &revision),
            revision,
        })
    }
}
