//! The partial result of a check: a small value that adds up.
//!
//! A [`Partial`] holds *pieces*, sorted by input and ordinal. Neighbours are one piece: its counts are sums, and its
//! rows and lines count from its first record. So the partial of a whole input is one piece, in whatever order its
//! ranges came in. Behind the pieces stand the *chunks*, which have no place of their own; they are one piece as
//! well, in the order in which they were merged.
//!
//! Samples stand in the order of the report. Only as many are kept as the report may show: whatever is merged later
//! can push samples out, never bring one back, so that cutting early and cutting late give the same.
//!
//! Merging is associative; of positioned partials it is commutative too. `docs/partial.md` describes every field.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::PartialError;
use super::envelope::{seal, unseal};
use super::range::HeadFacts;

/// What checking some records gave; see the [module](super).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Partial {
    /// Fingerprint of the contract, with the version of the rule engine.
    pub(super) contract: String,
    /// The most samples that are kept.
    pub(super) samples_max: usize,
    /// Whether warnings make a row bad.
    pub(super) strict: bool,
    /// The plan that the pieces belong to; none if there are only chunks.
    pub(super) plan: Option<PlanName>,
    /// The inputs that the pieces are from, by their index.
    pub(super) inputs: BTreeMap<u32, Input>,
    pub(super) pieces: Vec<Piece>,
    pub(super) chunks: Option<Chunks>,
}

/// Which plan, and how many inputs it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PlanName {
    pub(super) id: String,
    pub(super) inputs: u32,
}

/// What a report says of an input, its rows apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Input {
    pub(super) name: String,
    pub(super) ranges: u32,
    pub(super) format: String,
    pub(super) compression: Option<String>,
    pub(super) len_bytes: u64,
    pub(super) head: HeadFacts,
    pub(super) notes: Vec<String>,
    pub(super) header_faults: Vec<HeaderFault>,
    /// Faults of the header that are only counted: numbers of rules, and how many more there are.
    pub(super) more_header_faults: Vec<(u32, u64)>,
}

/// Something wrong with a header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HeaderFault {
    pub(super) rule: u32,
    pub(super) column: String,
    pub(super) message: String,
}

/// Neighbouring ranges of one input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Piece {
    pub(super) input: u32,
    /// Ordinals of the ranges, from the first up to, and not including, the last.
    pub(super) ordinals: Range<u32>,
    #[serde(flatten)]
    pub(super) body: Body,
}

/// Records without a place, in the order in which they were merged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Chunks {
    pub(super) count: u64,
    /// `csv`, `jsonl`, ...; `mixed`.
    pub(super) format: String,
    pub(super) bytes: u64,
    pub(super) notes: Vec<String>,
    /// Faults of the chunks' headers, and how many chunks have them; sorted.
    pub(super) by_header: Vec<HeaderCount>,
    #[serde(flatten)]
    pub(super) body: Body,
}

/// How many chunks have a fault in their header.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct HeaderCount {
    pub(super) rule: u32,
    pub(super) column: String,
    pub(super) count: u64,
}

/// Counts, samples and keys of consecutive records.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Body {
    pub(super) rows: u64,
    pub(super) blank_lines: u64,
    pub(super) comments: u64,
    pub(super) newlines: u64,
    pub(super) invalid: u64,
    /// Violations of each rule, by its number.
    pub(super) by_rule: Vec<u64>,
    /// Rows counted towards each threshold, by its number.
    pub(super) metrics: Vec<u64>,
    /// Rows that each rule across columns could not be computed for, by its number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) not_computed: Vec<u64>,
    pub(super) samples: Vec<Sample>,
    /// Files of keys, in the order of their rows.
    pub(super) keys: Vec<KeyFile>,
}

/// A violation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sample {
    /// Rows of the body before it.
    pub(super) row: u64,
    /// It is a fault of the header of a chunk, whose first row that would be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) is_header: bool,
    /// Line ends of the body before it; none if the records are no text.
    pub(super) line: Option<u64>,
    /// From the start of the input, or of the first chunk; none if the records are no text.
    pub(super) byte_offset: Option<u64>,
    pub(super) rule: u32,
    /// The column of a fault in a chunk's header, or a key that the contract does not have; a rule names its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) column: Option<String>,
    pub(super) value: Option<String>,
    pub(super) message: String,
}

/// A file of keys in the shared folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeyFile {
    /// Its name in the folder.
    pub(super) name: String,
    /// Rows it covers, those without a key included.
    pub(super) rows: u64,
    /// Rows of the body before its first one.
    pub(super) first_row: u64,
    /// Line ends of the body before its first row.
    pub(super) first_line: u64,
    /// What to add to its byte offsets.
    pub(super) first_byte: u64,
    /// Whether its rows have lines and byte offsets.
    pub(super) is_text: bool,
    /// Whether its rows are elements of a JSON array and have byte offsets alone.
    #[serde(default)]
    pub(super) is_array: bool,
}

impl Partial {
    /// This partial and `other`, as if their records had been checked together. Chunks of `other` stand behind
    /// those of this one.
    ///
    /// # Errors
    /// [`PartialError`] when they do not go together: another contract, other options, another plan, or a range
    /// that both of them hold.
    pub fn merge(mut self, other: Partial) -> Result<Partial, PartialError> {
        self.must_go_with(&other)?;
        self.plan = self.plan.take().or(other.plan);
        self.inputs.extend(other.inputs);
        self.pieces = join(std::mem::take(&mut self.pieces), other.pieces, &self.inputs)?;
        self.chunks = match (self.chunks.take(), other.chunks) {
            (Some(before), Some(after)) => Some(before.then(after)),
            (one, other) => one.or(other),
        };
        self.bound_samples();
        Ok(self)
    }

    /// Merges any number of partials; the order matters for chunks only.
    ///
    /// # Errors
    /// As [`merge`](Self::merge), and [`PartialError::Nothing`] without any.
    pub fn merge_all(partials: impl IntoIterator<Item = Partial>) -> Result<Partial, PartialError> {
        // Like the digits of a binary counter: merging one by one would copy the first pieces again and again.
        let mut waiting: Vec<(u32, Partial)> = Vec::new();
        for partial in partials {
            let mut top = (0, partial);
            while let Some((level, before)) = waiting.pop_if(|(level, _)| *level == top.0) {
                top = (level + 1, before.merge(top.1)?);
            }
            waiting.push(top);
        }
        let mut merged: Option<Partial> = None;
        while let Some((_, before)) = waiting.pop() {
            merged = Some(match merged {
                Some(after) => before.merge(after)?,
                None => before,
            });
        }
        merged.ok_or(PartialError::Nothing { what: "partials" })
    }

    /// Rows in it.
    pub fn rows(&self) -> u64 {
        self.bodies()
            .fold(0, |rows, body| rows.saturating_add(body.rows))
    }

    /// Rows that break a rule; duplicates are found when partials are reduced.
    pub fn rows_invalid(&self) -> u64 {
        self.bodies()
            .fold(0, |rows, body| rows.saturating_add(body.invalid))
    }

    /// The plan it belongs to; `None` if it has no place in any.
    pub fn plan(&self) -> Option<&str> {
        self.plan.as_ref().map(|plan| plan.id.as_str())
    }

    /// The ranges in it: index of the input and ordinals, sorted.
    pub fn ranges(&self) -> impl Iterator<Item = (u32, Range<u32>)> + '_ {
        self.pieces
            .iter()
            .map(|piece| (piece.input, piece.ordinals.clone()))
    }

    /// Chunks without a place in it.
    pub fn chunks(&self) -> u64 {
        self.chunks.as_ref().map_or(0, |chunks| chunks.count)
    }

    /// Names of the files with its keys in the shared folder.
    pub fn key_files(&self) -> impl Iterator<Item = &str> {
        self.bodies()
            .flat_map(|body| body.keys.iter().map(|file| file.name.as_str()))
    }

    /// The partial as bytes, for [`from_bytes`](Self::from_bytes) on another machine.
    pub fn to_bytes(&self) -> Vec<u8> {
        seal("partial", self)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`PartialError::Unreadable`] and [`PartialError::Version`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Partial, PartialError> {
        let partial: Partial = unseal("partial", bytes)?;
        partial.must_be_sound()?;
        Ok(partial)
    }

    pub(super) fn bodies(&self) -> impl Iterator<Item = &Body> {
        let pieces = self.pieces.iter().map(|piece| &piece.body);
        pieces.chain(self.chunks.iter().map(|chunks| &chunks.body))
    }

    fn must_go_with(&self, other: &Partial) -> Result<(), PartialError> {
        if self.contract != other.contract {
            return Err(PartialError::OtherContract {
                what: "partial",
                found: other.contract.clone(),
                expected: self.contract.clone(),
            });
        }
        let options = [
            (
                "max_errors",
                self.samples_max.to_string(),
                other.samples_max.to_string(),
            ),
            ("strict", self.strict.to_string(), other.strict.to_string()),
        ];
        for (option, left, right) in options {
            if left != right {
                return Err(PartialError::OtherOptions {
                    option,
                    left,
                    right,
                });
            }
        }
        match (&self.plan, &other.plan) {
            (Some(left), Some(right)) if left != right => Err(PartialError::OtherPlan {
                left: left.id.clone(),
                right: right.id.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Drops the samples that no report of this partial, or of one merged from it, can show.
    pub(super) fn bound_samples(&mut self) {
        let mut left = self.samples_max;
        let pieces = self.pieces.iter_mut().map(|piece| &mut piece.body);
        for body in pieces.chain(self.chunks.iter_mut().map(|chunks| &mut chunks.body)) {
            body.samples.truncate(left);
            left -= body.samples.len();
        }
    }

    /// Refuses what passes for JSON and a checksum, and was never a partial.
    fn must_be_sound(&self) -> Result<(), PartialError> {
        let unsound = |reason: &str| {
            Err(PartialError::Unreadable {
                what: "partial",
                reason: reason.to_owned(),
            })
        };
        let in_order = |pair: &[Piece]| {
            (pair[0].input, pair[0].ordinals.end) <= (pair[1].input, pair[1].ordinals.start)
        };
        if !self.pieces.windows(2).all(in_order) {
            return unsound("its pieces are out of order");
        }
        for piece in &self.pieces {
            let Some(input) = self.inputs.get(&piece.input) else {
                return unsound("a piece is of an unknown input");
            };
            if piece.ordinals.is_empty() || piece.ordinals.end > input.ranges {
                return unsound("a piece has ranges that its input has not");
            }
        }
        if self.pieces.is_empty() != self.plan.is_none() {
            return unsound("pieces and plans go together");
        }
        if self.bodies().any(|body| body.invalid > body.rows) {
            return unsound("it has more bad rows than rows");
        }
        Ok(())
    }
}

/// All pieces in order, neighbours joined.
fn join(
    left: Vec<Piece>,
    right: Vec<Piece>,
    inputs: &BTreeMap<u32, Input>,
) -> Result<Vec<Piece>, PartialError> {
    let mut all = left;
    all.extend(right);
    all.sort_by_key(|piece| (piece.input, piece.ordinals.start));
    let mut joined: Vec<Piece> = Vec::with_capacity(all.len());
    for piece in all {
        match joined.last_mut() {
            Some(last) if last.input == piece.input && last.ordinals.end > piece.ordinals.start => {
                return Err(PartialError::Doubled {
                    input: format!("`{}`", inputs[&piece.input].name),
                    ordinal: piece.ordinals.start,
                });
            }
            Some(last)
                if last.input == piece.input && last.ordinals.end == piece.ordinals.start =>
            {
                last.ordinals.end = piece.ordinals.end;
                last.body.append(piece.body, 0);
            }
            _ => joined.push(piece),
        }
    }
    Ok(joined)
}

impl Body {
    /// Puts `next` behind this one; its byte offsets grow by `bytes`.
    pub(super) fn append(&mut self, next: Body, bytes: u64) {
        let (rows, newlines) = (self.rows, self.newlines);
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        let shift = |place: Option<u64>, by: u64| place.map(|place| place.saturating_add(by));
        self.samples
            .extend(next.samples.into_iter().map(|sample| Sample {
                row: sample.row.saturating_add(rows),
                line: shift(sample.line, newlines),
                byte_offset: shift(sample.byte_offset, bytes),
                ..sample
            }));
        self.keys.extend(next.keys.into_iter().map(|mut file| {
            add(&mut file.first_row, rows);
            add(&mut file.first_line, newlines);
            add(&mut file.first_byte, bytes);
            file
        }));
        add(&mut self.rows, next.rows);
        add(&mut self.blank_lines, next.blank_lines);
        add(&mut self.comments, next.comments);
        add(&mut self.newlines, next.newlines);
        add(&mut self.invalid, next.invalid);
        add_all(&mut self.by_rule, &next.by_rule);
        add_all(&mut self.metrics, &next.metrics);
        add_all(&mut self.not_computed, &next.not_computed);
    }
}

impl Chunks {
    fn then(mut self, next: Chunks) -> Chunks {
        self.body.append(next.body, self.bytes);
        self.count = self.count.saturating_add(next.count);
        self.bytes = self.bytes.saturating_add(next.bytes);
        if self.format != next.format {
            self.format = "mixed".to_owned();
        }
        for note in next.notes {
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
        for fault in next.by_header {
            let place = self.by_header.binary_search_by(|known| {
                (known.rule, &known.column).cmp(&(fault.rule, &fault.column))
            });
            match place {
                Ok(at) => {
                    let count = &mut self.by_header[at].count;
                    *count = count.saturating_add(fault.count);
                }
                Err(at) => self.by_header.insert(at, fault),
            }
        }
        self
    }
}

fn add_all(sums: &mut Vec<u64>, more: &[u64]) {
    if sums.len() < more.len() {
        sums.resize(more.len(), 0);
    }
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum = sum.saturating_add(*more);
    }
}
