//! Why a contract cannot be that of a topic.

use tamis_contract::check::CheckError;
use tamis_contract::diagnostic::ContractError;
use tamis_contract::odcs::BadSetting;

/// What is said of a contract at most: error messages of old versions of requests end at 32,767 bytes.
pub(crate) const SAID_BYTES_MAX: usize = 4_000;

/// Why a contract cannot be that of a topic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadContract {
    /// There is none, and records are to be held against one.
    #[error(
        "`tamis.on.invalid` asks for a contract and there is none (set `tamis.contract`, or `tamis.on.invalid` to `off`)"
    )]
    Missing,
    /// It cannot be a setting.
    #[error("`tamis.contract`: {0}")]
    Setting(#[from] BadSetting),
    /// It is no contract.
    #[error("this is no contract:\n{0}")]
    Unreadable(String),
    /// The object that is asked for is not in it.
    #[error("`tamis.contract.object`: {0}")]
    Object(String),
    /// It has rules that one record alone cannot be held against.
    #[error(
        "{0} (take them out of the contract of the topic; `tamis check` holds all records against them)"
    )]
    Rules(String),
    /// The topic of dead letters cannot be called what it would have to be.
    #[error("the dead letters of this topic have no place: {0}")]
    Letters(crate::topics::BadName),
    /// In the topic of dead letters they would replace each other.
    #[error("`{0}` is compacted, and takes no dead letters (set its `cleanup.policy` to `delete`)")]
    Compacted(String),
}

impl BadContract {
    pub(super) fn unreadable(error: &ContractError) -> BadContract {
        BadContract::Unreadable(cut(error.to_string(), SAID_BYTES_MAX))
    }

    pub(super) fn rules(error: &CheckError) -> BadContract {
        BadContract::Rules(cut(error.to_string(), SAID_BYTES_MAX))
    }
}

/// The beginning of a text, of so many bytes at most.
pub(crate) fn cut(mut text: String, bytes_max: usize) -> String {
    if text.len() > bytes_max {
        text.truncate(text.floor_char_boundary(bytes_max));
        text.push_str(" ...");
    }
    text
}
