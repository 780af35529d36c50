//! From the blocks of one chunk to its [`Part`].
//!
//! Here is what the steps share and in which order they come; the steps themselves are in the modules beside this one.

use tamis_engine::pipeline::Chunk;
use tamis_formats::{Block, Malformed, Visitor};

use super::{Pass, Worker};
use crate::check::findings::Findings;
use crate::check::outputs::{GoodRows, Translator};
use crate::check::part::{BadRecords, Details, Part};

/// Takes the parser's blocks and builds the part.
pub(super) struct Gather<'a> {
    pub(super) pass: &'a Pass<'a>,
    pub(super) worker: &'a mut Worker,
    pub(super) part: Part,
    /// Writes good rows in another format, if that is wanted.
    pub(super) translator: Option<Translator<'a>>,
    /// Rows before the block at hand.
    pub(super) rows: u64,
    /// First row of the chunk, counted over the run; known in the second pass only.
    pub(super) first_row: u64,
    /// Where line ends have been counted up to, and how many there were.
    pub(super) line_at: (usize, u64),
    /// The same for the details of keys, which are taken after the samples.
    pub(super) detail_line_at: (usize, u64),
}

impl<'a> Gather<'a> {
    pub(super) fn new(
        pass: &'a Pass<'a>,
        worker: &'a mut Worker,
        chunk: Chunk<'_>,
        first_row: u64,
    ) -> Gather<'a> {
        let buffer = || {
            let mut buffer = pass.pool.take(chunk.bytes.len());
            buffer.clear();
            buffer
        };
        let part = Part {
            totals: Default::default(),
            invalid: 0,
            by_rule: vec![0; pass.compiled.rules.len()],
            metrics: vec![0; pass.compiled.metrics.len()],
            not_computed: vec![0; pass.compiled.expressions.len()],
            samples: Vec::new(),
            findings: pass.wants_findings.then(Findings::default),
            good: pass.good.are_wanted().then(buffer),
            good_rows: Vec::new(),
            columns: Vec::new(),
            misfit: None,
            bad: pass.wants_bad.then(|| BadRecords {
                bytes: pass.pool.take(0),
                records: Vec::new(),
                reasons: Vec::new(),
            }),
            keys: vec![
                Vec::new();
                if pass.wants_keys {
                    pass.compiled.unique.len()
                } else {
                    0
                }
            ],
            details: vec![
                Details::default();
                if pass.wants_details {
                    pass.compiled.unique.len()
                } else {
                    0
                }
            ],
            first_bad_end: None,
            byte_offset: chunk.byte_offset,
        };
        Gather {
            pass,
            worker,
            part,
            translator: match &pass.good {
                GoodRows::Translated(translation) => {
                    Some(Translator::new(translation, pass.kernel))
                }
                _ => None,
            },
            rows: 0,
            first_row,
            line_at: (0, 0),
            detail_line_at: (0, 0),
        }
    }

    /// What all blocks came to.
    pub(super) fn into_part(self) -> Part {
        let mut part = self.part;
        // Behind a misfit the columns have different numbers of rows, and nobody will write them.
        let translator = self.translator.filter(|_| part.misfit.is_none());
        match translator.map(Translator::finish).transpose() {
            Ok(rows) => part.columns.extend(rows.flatten()),
            Err(misfit) => part.misfit = Some(misfit),
        }
        part
    }
}

impl Visitor for Gather<'_> {
    fn block(&mut self, block: &Block<'_>) {
        for column in 0..self.pass.compiled.columns.len() {
            if let Some(at) = self.pass.layout.place(column) {
                self.check_column(block, column, at);
            }
        }
        self.check_expressions(block);
        self.find_extra_keys(block);
        self.find_duplicates(block);
        self.settle(block);
        // Behind `settle`, which knows the bad rows of the block.
        self.take_keys(block);
        self.rows += block.rows as u64;
    }

    fn malformed(&mut self, record: &Malformed<'_>) {
        self.take_malformed(record);
    }
}
