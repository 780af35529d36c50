//! What a report calls an input: all ranges of a file, or all chunks without a place.

use super::range::HeadFacts;
use super::value::{Body, Chunks, HeaderFault, Input, Partial};

/// Name of the input that all chunks without a place make up.
const CHUNKS: &str = "chunks";

/// One input of the run, with its place in it.
pub(super) struct Stretch<'a> {
    /// Rows of the run before it.
    pub(super) first_row: u64,
    pub(super) body: &'a Body,
    origin: Origin<'a>,
}

enum Origin<'a> {
    Input(&'a Input),
    Chunks(&'a Chunks),
}

/// The inputs of a complete partial, in the order of the run: those of the plan, then the chunks.
pub(super) fn stretches(partial: &Partial) -> Vec<Stretch<'_>> {
    let inputs = partial.pieces.iter().filter_map(|piece| {
        let input = partial.inputs.get(&piece.input)?;
        Some((&piece.body, Origin::Input(input)))
    });
    let chunks = partial
        .chunks
        .iter()
        .map(|chunks| (&chunks.body, Origin::Chunks(chunks)));
    let mut rows: u64 = 0;
    inputs
        .chain(chunks)
        .map(|(body, origin)| {
            let first_row = rows;
            rows = rows.saturating_add(body.rows);
            Stretch {
                first_row,
                body,
                origin,
            }
        })
        .collect()
}

impl<'a> Stretch<'a> {
    pub(super) fn name(&self) -> &'a str {
        match self.origin {
            Origin::Input(input) => &input.name,
            Origin::Chunks(_) => CHUNKS,
        }
    }

    pub(super) fn format(&self) -> &'a str {
        match self.origin {
            Origin::Input(input) => &input.format,
            Origin::Chunks(chunks) => &chunks.format,
        }
    }

    pub(super) fn compression(&self) -> Option<&'a str> {
        match self.origin {
            Origin::Input(input) => input.compression.as_deref(),
            Origin::Chunks(_) => None,
        }
    }

    pub(super) fn len_bytes(&self) -> u64 {
        match self.origin {
            Origin::Input(input) => input.len_bytes,
            Origin::Chunks(chunks) => chunks.bytes,
        }
    }

    pub(super) fn notes(&self) -> &'a [String] {
        match self.origin {
            Origin::Input(input) => &input.notes,
            Origin::Chunks(chunks) => &chunks.notes,
        }
    }

    /// What stands before the first record and is not in the body. (A chunk's body begins with its header.)
    pub(super) fn head(&self) -> HeadFacts {
        match self.origin {
            Origin::Input(input) => input.head,
            Origin::Chunks(_) => HeadFacts::default(),
        }
    }

    /// Faults of the one header; those of chunks are samples like others.
    pub(super) fn header_faults(&self) -> &'a [HeaderFault] {
        match self.origin {
            Origin::Input(input) => &input.header_faults,
            Origin::Chunks(_) => &[],
        }
    }

    /// How many more faults the one header has, by the rule's number.
    pub(super) fn more_header_faults(&self) -> &'a [(u32, u64)] {
        match self.origin {
            Origin::Input(input) => &input.more_header_faults,
            Origin::Chunks(_) => &[],
        }
    }

    /// Faults of headers by rule and column, and how often there are.
    pub(super) fn header_counts(&self) -> Vec<(u32, &'a str, u64)> {
        match self.origin {
            Origin::Input(input) => input
                .header_faults
                .iter()
                .map(|fault| (fault.rule, fault.column.as_str(), 1))
                .collect(),
            Origin::Chunks(chunks) => chunks
                .by_header
                .iter()
                .map(|fault| (fault.rule, fault.column.as_str(), fault.count))
                .collect(),
        }
    }

    /// The line, from 1, that `newlines` line ends of the body come before.
    pub(super) fn line(&self, newlines: u64) -> u64 {
        self.head()
            .newlines
            .saturating_add(newlines)
            .saturating_add(1)
    }
}
