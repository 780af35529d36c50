//! What is no violation but good to know: what was skipped, what was decided.

use serde::{Deserialize, Serialize};

/// One remark about the run or an input.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Note {
    /// The input it is about; `null` for the run.
    pub input: Option<String>,
    /// What it is about.
    pub kind: NoteKind,
    /// How many, where it counts something.
    pub count: Option<u64>,
    /// The remark, for people.
    pub message: String,
}

/// What a note is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NoteKind {
    /// Lines without any field, skipped.
    BlankLines,
    /// Comment lines, skipped.
    Comments,
    /// The character encoding the input was read in.
    Encoding,
    /// How the CSV is written, where nobody said.
    Dialect,
    /// Columns of the input that the contract does not name.
    Columns,
    /// An input without records.
    Empty,
    /// An input that was followed went on in another file, or in the same one from its start.
    Replaced,
    /// A rule across columns could not be computed for some rows, which count as not breaking it.
    NotComputed,
    /// Messages of a topic that are no records, or that are read as something else than was sent.
    Messages,
    /// Offsets of a group that are committed because their records are judged.
    Offsets,
    /// A limit of the run took effect.
    Limit,
}
