//! What is said of the messages of a batch.

use std::sync::Arc;

use crate::check::compile::Compiled;
use crate::model::Severity;

/// Violations of a batch that are listed with their texts. Behind them only reasons and counts are kept: a message can be
/// full of violations, and what is said of a batch should not be larger than the batch.
pub const VIOLATIONS_MAX: usize = 1000;

/// Of the rules that a message breaks so many bytes are told ([`BadMessage::reason`]): a contract may have thousands.
pub const REASON_BYTES_MAX: usize = 1000;

/// What is wrong with the messages of a batch: nothing of those not named.
#[derive(Clone, Debug)]
pub struct Verdicts {
    pub(super) compiled: Arc<Compiled>,
    pub(super) total: usize,
    pub(super) bad: Vec<BadMessage>,
    /// Violations of each rule.
    pub(super) by_rule: Vec<u64>,
}

/// A message that breaks a rule of severity error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadMessage {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// What it breaks, in the order of reports, warnings too; without what is behind the first [`VIOLATIONS_MAX`] of the
    /// batch.
    pub violations: Vec<Violation>,
    pub(super) reason: String,
}

/// One rule that a message breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The column; `None` for a rule about the record.
    pub column: Option<String>,
    /// The rule in the contract's own word.
    pub rule: String,
    /// The value as reports show it; `None` when it is null, or the fault is no value.
    pub value: Option<String>,
    /// What was expected, for people: `must be at least 0.01`. Bytes are counted from the start of the value, behind
    /// a schema id.
    pub message: String,
    /// What breaking it means.
    pub severity: Severity,
}

impl Verdicts {
    /// Messages judged.
    pub fn total(&self) -> usize {
        self.total
    }

    /// The bad ones, in the order of the batch.
    pub fn bad(&self) -> &[BadMessage] {
        &self.bad
    }

    /// How often each rule was broken, warnings too: column, word and count, in the order of reports. The columns are those
    /// of the contract; a key that came with a record is none of them.
    pub fn by_rule(&self) -> impl Iterator<Item = (Option<&str>, &str, u64)> {
        let counted = self.compiled.rules.iter().zip(&self.by_rule);
        let broken = counted.filter(|(_, count)| **count > 0);
        broken.map(|(rule, count)| (rule.column.as_deref(), &*rule.word, *count))
    }
}

impl BadMessage {
    /// The rules that make it bad, as a file of bad records names them: `amount: minimum; country: invalidValues`. Behind
    /// [`REASON_BYTES_MAX`] bytes it ends with ` ...`.
    pub fn reason(&self) -> String {
        self.reason.clone()
    }
}
