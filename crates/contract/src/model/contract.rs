//! The contract itself, and how the object that describes an input is chosen.

use std::ops::Range;

use super::{ContractBuilder, Extra, Object};

/// A data contract: what the records of one or several objects must look like.
#[derive(Clone, Debug, PartialEq)]
pub struct Contract {
    /// Version of the standard the contract is written in (`v3.2.0`).
    pub api_version: String,
    /// Identifier of the contract.
    pub id: String,
    /// Name for people.
    pub name: Option<String>,
    /// Version of the contract.
    pub version: String,
    /// `draft`, `active`, `deprecated`, ... (the standard leaves it open).
    pub status: Option<String>,
    /// The objects, in the order of the file.
    pub objects: Vec<Object>,
    /// Descriptive keys (`owner`, `description`, `servers`, ...), written back as they came.
    pub extra: Extra,
    /// Rules of the contract that Tamis does not check.
    pub unchecked: Vec<UncheckedRule>,
}

/// A rule that stands in the contract and is not checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UncheckedRule {
    /// Where the rule stands: `orders`, `orders.amount`, or empty for the contract as a whole.
    pub location: String,
    /// The rule in the contract's own word: `sql`, `relationships`, `uniqueItems`, ...
    pub rule: String,
    /// Why it is not checked.
    pub reason: String,
    /// Whether a check may go on without being asked.
    pub kind: UncheckedKind,
    /// Bytes of the contract that state the rule; empty for a contract built in code.
    pub span: Range<usize>,
}

/// How much an unchecked rule matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UncheckedKind {
    /// Prose (`type: text`): listed in reports, never in the way.
    Text,
    /// A rule somebody relies on: a check refuses to run without `--allow-unchecked`.
    Rule,
}

/// No single object of the contract describes the input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectChoiceError {
    /// The contract has no object at all.
    #[error("the contract describes no object: its `schema` is empty")]
    Empty,
    /// The object asked for is not there.
    #[error("the contract has no object `{name}`; it has {}", listed(.available))]
    Unknown {
        /// The name asked for.
        name: String,
        /// Names of the objects there are.
        available: Vec<String>,
    },
    /// Several objects, and none is called like the input.
    #[error("the contract has several objects and none is named `{file_stem}`; choose one with `--object`: {}", listed(.available))]
    Ambiguous {
        /// Stem of the input's file name.
        file_stem: String,
        /// Names of the objects there are.
        available: Vec<String>,
    },
}

impl Contract {
    /// Starts a contract in code; `id` is its identifier.
    pub fn builder(id: impl Into<String>) -> ContractBuilder {
        ContractBuilder::new(id.into())
    }

    /// The object that describes an input: the one called `name` if a name is given, else the only
    /// one, else the one whose `name` or `physicalName` is the input's file stem.
    ///
    /// # Errors
    /// [`ObjectChoiceError`] when that leaves no object, or more than one.
    pub fn object(
        &self,
        name: Option<&str>,
        file_stem: &str,
    ) -> Result<&Object, ObjectChoiceError> {
        let find = |wanted: &str| {
            let by_name = self.objects.iter().find(|object| object.name == wanted);
            by_name.or_else(|| {
                self.objects
                    .iter()
                    .find(|object| object.physical_name.as_deref() == Some(wanted))
            })
        };
        let available = || {
            self.objects
                .iter()
                .map(|object| object.name.clone())
                .collect()
        };
        match (name, self.objects.as_slice()) {
            (_, []) => Err(ObjectChoiceError::Empty),
            (Some(name), _) => find(name).ok_or_else(|| ObjectChoiceError::Unknown {
                name: name.to_owned(),
                available: available(),
            }),
            (None, [only]) => Ok(only),
            (None, _) => find(file_stem).ok_or_else(|| ObjectChoiceError::Ambiguous {
                file_stem: file_stem.to_owned(),
                available: available(),
            }),
        }
    }
}

/// `` `a`, `b` `` for messages.
fn listed(names: &[String]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
