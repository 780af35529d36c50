//! Why partial results do not go together.

use std::ops::Range;

/// A partial result, a range or a plan cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PartialError {
    /// The bytes are not what [`to_bytes`](super::Partial::to_bytes) wrote.
    #[error("these bytes are no serialised {what}: {reason}")]
    Unreadable {
        /// What was expected: `partial`, `range`, ...
        what: &'static str,
        /// What is wrong with them.
        reason: String,
    },
    /// Written by another version of Tamis.
    #[error(
        "this {what} has version {found}, this build reads version {expected}: use the same Tamis on all machines"
    )]
    Version {
        /// What was read.
        what: &'static str,
        /// Version it has.
        found: u64,
        /// Version wanted.
        expected: u64,
    },
    /// Made with another contract, or with another version of the rules.
    #[error("this {what} was made with contract {found}, not with {expected}")]
    OtherContract {
        /// What was given.
        what: &'static str,
        /// Fingerprint it has, with the version of the rule engine.
        found: String,
        /// Fingerprint wanted.
        expected: String,
    },
    /// Partials of one check were made with options that change the answer.
    #[error(
        "these partials were made with different options: `{option}` is {left} in one and {right} in the other"
    )]
    OtherOptions {
        /// Name of the option.
        option: &'static str,
        /// Its value here.
        left: String,
        /// Its value there.
        right: String,
    },
    /// Partials of two plans.
    #[error("these partials belong to two plans ({left} and {right}): reduce each plan by itself")]
    OtherPlan {
        /// One plan.
        left: String,
        /// The other.
        right: String,
    },
    /// Some ranges were never mapped, or never scanned.
    #[error("{} of input {input} missing: {}", counted(.ordinals), listed(.ordinals))]
    Missing {
        /// Name or number of the input.
        input: String,
        /// Ordinals of the ranges.
        ordinals: Vec<Range<u32>>,
    },
    /// A range was given twice.
    #[error("range {ordinal} of input {input} was given twice")]
    Doubled {
        /// Name or number of the input.
        input: String,
        /// Ordinal of the range.
        ordinal: u32,
    },
    /// There is nothing to plan or to reduce.
    #[error("there are no {what}")]
    Nothing {
        /// Of what there is none.
        what: &'static str,
    },
    /// The contract has rules that compare rows of different chunks.
    #[error(
        "the contract says that {rules} must not repeat, which no chunk can tell by itself: pass a folder that all workers and the reducer share (`spill_dir`)"
    )]
    NoSharedFolder {
        /// The columns that must be unique.
        rules: String,
    },
    /// A file of keys is not there or is not whole.
    #[error("the file of keys `{file}` in the shared folder cannot be used: {reason}")]
    Keys {
        /// Name of the file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// An option that no part of an input can obey by itself.
    #[error(
        "a check in parts cannot end at the first bad row (`fail_fast`): parts do not know of each other"
    )]
    FailFast,
}

impl PartialError {
    /// One run of ranges is missing.
    pub(super) fn missing(input: String, ordinals: Range<u32>) -> PartialError {
        PartialError::Missing {
            input,
            ordinals: std::iter::once(ordinals).collect(),
        }
    }
}

fn counted(ordinals: &[Range<u32>]) -> &'static str {
    match ordinals {
        [one] if one.len() == 1 => "a range",
        _ => "ranges",
    }
}

fn listed(ordinals: &[Range<u32>]) -> String {
    let one = |range: &Range<u32>| match range.len() {
        1 => range.start.to_string(),
        _ => format!("{} to {}", range.start, range.end - 1),
    };
    let shown = ordinals
        .iter()
        .take(10)
        .map(one)
        .collect::<Vec<_>>()
        .join(", ");
    if ordinals.len() > 10 {
        format!("{shown}, ...")
    } else {
        shown
    }
}
