//! What is wrong so far, and which objects that costs.

use std::collections::HashMap;
use std::path::Path;

use super::{HURT_MAX, Hurt, Problem, Verified};
use crate::Error;
use crate::id::ObjectId;

/// So many problems are listed.
const PROBLEMS_MAX: usize = 10_000;

/// Number of a problem in its report.
pub(crate) type Number = usize;

/// Problems and notes, as they are found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    problems: Vec<Problem>,
    notes: Vec<String>,
    /// Objects that cannot be had, and by which problem.
    lost: HashMap<ObjectId, Number>,
    more_problems: u64,
}

impl Report {
    /// Adds a problem with a file of the store.
    pub(crate) fn problem(&mut self, path: &Path, detail: impl Into<String>) -> Number {
        if self.problems.len() >= PROBLEMS_MAX {
            self.more_problems += 1;
            return PROBLEMS_MAX - 1;
        }
        self.problems.push(Problem {
            path: path.to_owned(),
            detail: detail.into(),
            hurt: Vec::new(),
            hurt_count: 0,
        });
        self.problems.len() - 1
    }

    /// Adds an error as a problem: with the file that it names, or else with `path`.
    pub(crate) fn take(&mut self, path: &Path, error: Error) -> Number {
        match error {
            Error::Damaged {
                path,
                byte_offset,
                detail,
            } => self.problem(&path, format!("byte {byte_offset}: {detail}")),
            Error::Io {
                action,
                path,
                source,
            } => self.problem(&path, format!("cannot {action} it: {source}")),
            error => self.problem(path, error.to_string()),
        }
    }

    /// Says more of a problem.
    pub(crate) fn extend(&mut self, problem: Number, more: &str) {
        self.problems[problem].detail.push_str(more);
    }

    /// An object cannot be had because of this problem; the first that says so counts.
    pub(crate) fn lose(&mut self, id: ObjectId, problem: Number) {
        self.lost.entry(id).or_insert(problem);
    }

    /// Why an object cannot be had, if that is so.
    pub(crate) fn loss(&self, id: &ObjectId) -> Option<Number> {
        self.lost.get(id).copied()
    }

    /// Whether nothing is wrong so far.
    pub(crate) fn is_sound(&self) -> bool {
        self.problems.is_empty() && self.lost.is_empty()
    }

    pub(crate) fn has_losses(&self) -> bool {
        !self.lost.is_empty()
    }

    /// A problem hurts a file.
    pub(crate) fn hurt(&mut self, problem: Number, hurt: Hurt) {
        let problem = &mut self.problems[problem];
        problem.hurt_count += 1;
        if problem.hurt.len() < HURT_MAX {
            problem.hurt.push(hurt);
        }
    }

    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// Adds the notes of another one, which has nothing else.
    pub(crate) fn take_notes(&mut self, mut other: Report) {
        self.notes.append(&mut other.notes);
    }

    /// Puts everything into the result, and tells which objects are lost.
    pub(crate) fn finish(self, verified: Verified) -> (Verified, Vec<ObjectId>) {
        let verified = Verified {
            notes: self.notes,
            problems: self.problems,
            more_problems: self.more_problems,
            ..verified
        };
        (verified, self.lost.into_keys().collect())
    }
}
