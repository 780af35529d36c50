//! Why a check could not be made.

use super::PartialError;
use crate::model::UncheckedRule;

/// A check could not be compiled or run to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The contract has rules that cannot be checked.
    #[error("{} of the contract cannot be checked: {}", counted(.rules.len()), described(.rules))]
    Unchecked {
        /// These.
        rules: Vec<UncheckedRule>,
    },
    /// Records are to be judged one by one, and the contract has rules about all of them together.
    #[error("{} of the contract cannot be judged record by record: {}", counted(.rules.len()), described(.rules))]
    NeedsAllRecords {
        /// These.
        rules: Vec<UncheckedRule>,
    },
    /// An input's format cannot be settled.
    #[error("`{input}`: {source}")]
    Format {
        /// Name of the input.
        input: String,
        /// What is wrong.
        source: tamis_formats::Error,
    },
    /// The values of messages are UTF-8, and the contract says that its CSV is not.
    #[error(
        "the contract says that its records are in `{encoding}`, and the values of messages are read as UTF-8"
    )]
    Encoding {
        /// What the contract says.
        encoding: String,
    },
    /// Several inputs are to be written into one file, and their headers differ.
    #[error(
        "`{input}` has another header or format than the inputs before it, so its records cannot go into the same --good or --bad file"
    )]
    HeadersDiffer {
        /// Name of the input.
        input: String,
    },
    /// Good or bad records cannot be written into a file of that name, or one of them cannot.
    #[error("`{output}`: {reason}")]
    Output {
        /// Name of the output.
        output: String,
        /// What is not possible, and the way out.
        reason: String,
    },
    /// Parts of a check do not go together.
    #[error(transparent)]
    Partial(#[from] PartialError),
    /// Reading or writing failed.
    #[error(transparent)]
    Engine(#[from] tamis_engine::Error),
}

fn counted(rules: usize) -> String {
    if rules == 1 {
        "1 rule".to_owned()
    } else {
        format!("{rules} rules")
    }
}

fn described(rules: &[UncheckedRule]) -> String {
    let one =
        |rule: &UncheckedRule| format!("`{}` of `{}` ({})", rule.rule, rule.location, rule.reason);
    rules.iter().map(one).collect::<Vec<_>>().join("; ")
}
