//! The values of messages, a batch at a time, as fast as a file is checked.
//!
//! A broker gets its records in batches, and what it stores should have been judged before. One by one
//! ([`RecordCheck`](super::RecordCheck)) that costs a parser's start for each. Here the values are put one behind the
//! other, a line end behind each, and the [`Worker`] that checks the chunks of files judges them as one:
//!
//! 1. `line` says of each value what stands in the chunk for it, or what is wrong with it at once;
//! 2. `judge` fills chunks and has them judged; row *i* of a chunk is its value *i*;
//! 3. `verdicts` is what is said of those that break a rule.
//!
//! What a message says must not change what is said of its neighbours. In JSON a value can always be written on one line.
//! A CSV value with a line end inside its quotes, or with a quote that it does not close, cannot: where a chunk might not
//! have, or turns out not to have, a row for each value, values are judged each as a chunk of its own.
//!
//! ```
//! use tamis_contract::check::{Check, MessageCheck, Payload, Unchecked};
//! use tamis_contract::model::{Contract, Object, Property};
//!
//! let object = Object::new("orders")
//!     .property(Property::string("id").required())
//!     .property(Property::number("amount").minimum(1));
//! let contract = Contract::builder("orders").object(object.clone()).build();
//! let check = Check::compile(&contract, &object, Unchecked::Refuse)?;
//! let messages = MessageCheck::new(&check, Payload::Json)?;
//! let values = [&br#"{"id": "TX1", "amount": 5}"#[..], br#"{"id": "TX2", "amount": 0.5}"#];
//! let verdicts = messages.judge(values.map(Some));
//! let bad = &verdicts.bad()[0];
//! assert_eq!((verdicts.total(), bad.index, bad.reason()), (2, 1, "amount: minimum".to_owned()));
//! # Ok::<(), tamis_contract::check::CheckError>(())
//! ```

mod judge;
mod line;
#[cfg(test)]
mod tests;
mod verdicts;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tamis_formats::csv::Dialect;
use tamis_formats::encoding::Encoding;

use super::compile::Compiled;
use super::layout::Layout;
use super::record::needing_all_records;
use super::rule::RuleId;
#[cfg(doc)]
use super::worker::Worker;
use super::{Check, CheckError, CheckOptions};
use judge::{Desk, Judge};
pub use verdicts::{BadMessage, REASON_BYTES_MAX, VIOLATIONS_MAX, Verdicts, Violation};

/// How the value of a message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// One JSON object.
    Json,
    /// One CSV record, with the contract's columns in their order.
    Csv,
}

/// An object's rules for the values of messages; usable from several threads at once.
pub struct MessageCheck {
    compiled: Arc<Compiled>,
    payload: Payload,
    layout: Layout,
    options: CheckOptions,
    /// What a thread needs to judge. Dear to make; a few are kept and lent out.
    desks: Mutex<Vec<Desk>>,
}

impl MessageCheck {
    /// The rules of `check`, for values that are written like this.
    ///
    /// # Errors
    /// [`CheckError::NeedsAllRecords`] for what must be unique, and thresholds. For CSV also [`CheckError::Format`] if the
    /// contract's dialect makes no sense, and [`CheckError::Encoding`] if it is not in UTF-8.
    pub fn new(check: &Check, payload: Payload) -> Result<MessageCheck, CheckError> {
        let compiled = &check.compiled;
        let rules = needing_all_records(compiled);
        if !rules.is_empty() {
            return Err(CheckError::NeedsAllRecords { rules });
        }
        let layout = match payload {
            Payload::Json => Layout::jsonl(compiled),
            Payload::Csv => Layout::csv_by_position(compiled, dialect(compiled)?),
        };
        Ok(MessageCheck {
            compiled: Arc::new(compiled.clone()),
            payload,
            layout,
            options: CheckOptions {
                threads: 1,
                ..CheckOptions::default()
            },
            desks: Mutex::default(),
        })
    }

    /// Judges values in their order. `None` is a message without a value, and bad; whoever lets such pass leaves them out.
    ///
    /// What Confluent's serializers put in front of a value, a zero byte and four bytes of schema id, is skipped.
    pub fn judge<'m>(&self, values: impl IntoIterator<Item = Option<&'m [u8]>>) -> Verdicts {
        let kept = self.kept_desks().pop();
        let mut judge = Judge::new(self, kept);
        values.into_iter().for_each(|value| judge.take(value));
        let (verdicts, desk) = judge.finish();
        self.kept_desks().extend(desk);
        verdicts
    }

    /// The rule that a value breaks which is not one record.
    fn not_one_record(&self) -> RuleId {
        match self.payload {
            Payload::Json => self.compiled.structural.json,
            Payload::Csv => self.compiled.structural.field_count,
        }
    }

    fn kept_desks(&self) -> MutexGuard<'_, Vec<Desk>> {
        // Nothing is left half done by whoever panics while it holds the list.
        self.desks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MessageCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageCheck")
            .field("object", &self.compiled.object_name)
            .field("payload", &self.payload)
            .finish_non_exhaustive()
    }
}

/// How the contract says that its records are delimited.
fn dialect(compiled: &Compiled) -> Result<Dialect, CheckError> {
    let no_format = |source| CheckError::Format {
        input: "a message".to_owned(),
        source,
    };
    let label = compiled.csv.encoding.as_deref().unwrap_or("utf-8");
    if Encoding::parse(label).map_err(no_format)?.is_some() {
        let encoding = label.to_owned();
        return Err(CheckError::Encoding { encoding });
    }
    let dialect = compiled.csv.dialect().over(Dialect::csv());
    dialect.checked().map_err(no_format)
}
