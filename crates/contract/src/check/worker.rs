//! The map half of a check: one chunk to one [`Part`].
//!
//! Per block, for each column: the fast loops mark suspects ([`super::fast`]), each suspect is judged
//! ([`super::value`]), and the violations of all columns are put in the order of rows. Then good and bad
//! records are copied out and keys are taken, column after column as well.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use tamis_engine::kernel::{Kernel, Spans};
use tamis_engine::pipeline::Chunk;
use tamis_engine::pool::BufferPool;
use tamis_formats::{Block, Fault, Kind, Malformed, Totals, Visitor, csv, jsonl};

use super::CheckOptions;
use super::batches::lock;
use super::compile::Compiled;
use super::fast;
use super::findings::Findings;
use super::layout::Layout;
use super::part::{BadRecord, BadRecords, Detail, Details, KeyedRow, Part, Sample};
use super::rule::{RuleId, StructuralRules};
use super::value::Consequence;
use crate::model::Severity;
use crate::report::shown_value;
use crate::unique::{Duplicates, Key, SeenKeys};

/// When more than one row in this many is marked, quotes may be the reason, and taking them off first pays.
const UNQUOTE_FROM: usize = 4;

/// What all workers of a pass share.
pub(crate) struct Pass<'a> {
    pub(crate) compiled: &'a Compiled,
    pub(crate) layout: &'a Layout,
    pub(crate) kernel: Kernel,
    pub(crate) pool: BufferPool,
    /// The byte that ends a physical line.
    pub(crate) line_end: u8,
    /// Violations of this severity and above make a row bad.
    pub(crate) bad_from: Severity,
    pub(crate) samples_max: usize,
    /// Enough samples have been merged; set by the merge, so it may be noticed late, never early.
    pub(crate) samples_full: AtomicBool,
    pub(crate) wants_good: bool,
    pub(crate) wants_bad: bool,
    pub(crate) wants_keys: bool,
    /// Parts carry every violation.
    pub(crate) wants_findings: bool,
    /// The keys so far, when one worker looks at all chunks in order and there is no second pass.
    pub(crate) seen: Option<&'a Mutex<SeenKeys>>,
    /// Keys come with what a report says of their rows: whoever finds the duplicates has not got the input.
    pub(crate) wants_details: bool,
    pub(crate) fail_fast: bool,
    /// In the second pass: which rows of the run repeat a key, and where each chunk begins.
    pub(crate) known: Option<Known<'a>>,
}

/// What the first pass found out.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    /// For each unique rule.
    pub(crate) duplicates: &'a [Duplicates],
    /// First byte and first row (counted over the run) of each chunk of this input.
    pub(crate) chunks: &'a [(u64, u64)],
}

impl Known<'_> {
    /// The row, counted over the run, that the chunk at `byte_offset` starts with; `None` where the first
    /// pass had no chunk.
    fn first_row(&self, byte_offset: u64) -> Option<u64> {
        let at = self
            .chunks
            .binary_search_by_key(&byte_offset, |&(offset, _)| offset);
        at.ok().map(|at| self.chunks[at].1)
    }
}

/// The scratch of one thread.
pub(crate) struct Worker {
    /// Out of its place while it runs.
    parser: Option<Parser>,
    suspects: Vec<u64>,
    bad: Vec<u64>,
    fast: fast::Scratch,
    spans: Vec<u32>,
    decoded: Vec<u8>,
    found: Vec<Found>,
}

enum Parser {
    Csv(Box<csv::Parser>),
    Jsonl(Box<jsonl::Parser>),
    /// There is nothing to parse.
    Rows,
}

/// A violation in the block at hand.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    row: u32,
    rule: RuleId,
    /// Which of the block's extra keys; 0 for every other rule.
    extra_key: u32,
}

impl Worker {
    pub(crate) fn new(pass: &Pass<'_>) -> Worker {
        Worker {
            parser: Some(match pass.layout {
                Layout::Csv { dialect, width, .. } => {
                    // Nobody names a column when an input is empty, or a contract is and there is no header.
                    let columns = (*width).max(1);
                    Parser::Csv(Box::new(csv::Parser::new(*dialect, columns, pass.kernel)))
                }
                Layout::Jsonl {
                    paths,
                    refuses_extra_keys,
                } => {
                    let parser = jsonl::Parser::new(paths, pass.kernel);
                    Parser::Jsonl(Box::new(parser.noting_extra_keys(*refuses_extra_keys)))
                }
                Layout::Rows { .. } => Parser::Rows,
            }),
            suspects: Vec::new(),
            bad: Vec::new(),
            fast: fast::Scratch::default(),
            spans: Vec::new(),
            decoded: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Checks one chunk; `None` when the first pass did not come by it: it had stopped before (then so will
    /// this one), or the input is not what it was.
    pub(crate) fn check(&mut self, pass: &Pass<'_>, chunk: Chunk<'_>) -> Option<Part> {
        let first_row = match pass.known {
            None => 0,
            Some(known) => known.first_row(chunk.byte_offset)?,
        };
        let part = self.check_all(pass, chunk, first_row);
        Some(match part.first_bad_end {
            // Everything after the first bad record is as if it had not been read.
            Some(end) if pass.fail_fast && end < chunk.bytes.len() => {
                if let Some(seen) = pass.seen {
                    lock(seen).undo_chunk();
                }
                let upto = Chunk {
                    bytes: &chunk.bytes[..end],
                    at_end: false,
                    ..chunk
                };
                self.check_all(pass, upto, first_row)
            }
            _ => part,
        })
    }

    fn check_all(&mut self, pass: &Pass<'_>, chunk: Chunk<'_>, first_row: u64) -> Part {
        let mut parser = self.parser.take().expect("it is put back below");
        let mut gather = Gather::new(pass, self, chunk, first_row);
        let totals = match &mut parser {
            Parser::Csv(parser) => parser.parse(chunk.bytes, chunk.at_end, &mut gather),
            Parser::Jsonl(parser) => parser.parse(chunk.bytes, chunk.at_end, &mut gather),
            Parser::Rows => Totals::default(),
        };
        let mut part = gather.part;
        part.totals = totals;
        self.parser = Some(parser);
        part
    }
}

impl Worker {
    /// Checks rows that come as columns: `rows` hands their blocks on.
    pub(crate) fn check_rows<E>(
        &mut self,
        pass: &Pass<'_>,
        rows: impl FnOnce(&mut dyn Visitor) -> Result<(), E>,
    ) -> Result<Part, E> {
        let nowhere = Chunk {
            byte_offset: 0,
            bytes: &[],
            at_end: false,
        };
        let mut gather = Gather::new(pass, self, nowhere, 0);
        rows(&mut gather)?;
        gather.part.totals.rows = gather.rows;
        Ok(gather.part)
    }
}

impl<'a> Pass<'a> {
    /// A pass that judges rows and keeps samples, and nothing else.
    pub(crate) fn new(
        compiled: &'a Compiled,
        layout: &'a Layout,
        line_end: u8,
        options: &CheckOptions,
    ) -> Pass<'a> {
        let pooled_bytes = 8 * options.threads.max(1) * options.chunk_bytes.next_power_of_two();
        Pass {
            compiled,
            layout,
            kernel: options.kernel,
            pool: BufferPool::new(pooled_bytes),
            line_end,
            bad_from: if options.strict {
                Severity::Warning
            } else {
                Severity::Error
            },
            samples_max: options.samples_max,
            samples_full: AtomicBool::new(false),
            wants_good: false,
            wants_bad: false,
            wants_keys: false,
            wants_findings: false,
            seen: None,
            wants_details: false,
            fail_fast: false,
            known: None,
        }
    }

    /// Whether a violation of the rule makes its row bad.
    pub(crate) fn makes_bad(&self, rule: RuleId) -> bool {
        self.compiled.rules.get(rule).severity >= self.bad_from
    }
}

/// Takes the parser's blocks and builds the part.
struct Gather<'a> {
    pass: &'a Pass<'a>,
    worker: &'a mut Worker,
    part: Part,
    /// Rows before the block at hand.
    rows: u64,
    /// First row of the chunk, counted over the run; known in the second pass only.
    first_row: u64,
    /// Where line ends have been counted up to, and how many there were.
    line_at: (usize, u64),
    /// The same for the details of keys, which are taken after the samples.
    detail_line_at: (usize, u64),
}

impl<'a> Gather<'a> {
    fn new(
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
            samples: Vec::new(),
            findings: pass.wants_findings.then(Findings::default),
            good: pass.wants_good.then(buffer),
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
            rows: 0,
            first_row,
            line_at: (0, 0),
            detail_line_at: (0, 0),
        }
    }

    /// Finds the violations of one column.
    fn check_column(&mut self, block: &Block<'_>, column: usize, at: usize) {
        let rules = &self.pass.compiled.columns[column];
        if rules.fast.is_idle(block.only_kind(at)) {
            return;
        }
        if let Some(suspects) = block.suspects(at) {
            return for_each_bit(suspects, |row| self.judge(block, row, column, at));
        }
        let words = block.rows.div_ceil(64);
        let mut suspects = std::mem::take(&mut self.worker.suspects);
        suspects.clear();
        suspects.resize(words, 0);
        let raw = fast::Column {
            block,
            at,
            spans: block.column(at),
            has_quotes: false,
        };
        if !self.marks_raw(block, &rules.fast) {
            self.mark_unquoted(raw, &rules.fast, &mut suspects);
        } else {
            rules
                .fast
                .mark(&raw, self.pass.kernel, &mut self.worker.fast, &mut suspects);
            let marked: u32 = suspects.iter().map(|word| word.count_ones()).sum();
            if marked as usize * UNQUOTE_FROM > block.rows {
                suspects.fill(0);
                self.mark_unquoted(raw, &rules.fast, &mut suspects);
            }
        }
        for_each_bit(&suspects, |row| self.judge(block, row, column, at));
        self.worker.suspects = suspects;
    }

    /// Whether the loops can run over fields as they are: a field whose value is not its text is marked.
    fn marks_raw(&self, block: &Block<'_>, check: &fast::FastCheck) -> bool {
        match self.pass.layout {
            Layout::Csv { dialect, .. } if dialect.trim => false,
            Layout::Csv { .. } => block.quote.is_none_or(|quote| check.marks_quoted(quote)),
            Layout::Jsonl { .. } | Layout::Rows { .. } => true,
        }
    }

    /// Runs the loops over a column whose simple quotes have been taken off.
    fn mark_unquoted(
        &mut self,
        raw: fast::Column<'_>,
        check: &fast::FastCheck,
        suspects: &mut [u64],
    ) {
        let mut index = std::mem::take(&mut self.worker.spans);
        let unquoted = self.unquoted(raw.block, raw.at, &mut index);
        let fields = match unquoted {
            Some(spans) => fast::Column {
                spans,
                has_quotes: true,
                ..raw
            },
            None => raw,
        };
        check.mark(&fields, self.pass.kernel, &mut self.worker.fast, suspects);
        self.worker.spans = index;
    }

    /// The spans of a column that has quoted fields.
    fn unquoted<'s>(
        &self,
        block: &Block<'s>,
        at: usize,
        index: &'s mut Vec<u32>,
    ) -> Option<Spans<'s>> {
        match self.pass.layout {
            Layout::Csv { dialect, .. } => csv::unquote_column(block, at, dialect, index),
            Layout::Jsonl { .. } | Layout::Rows { .. } => None,
        }
    }

    fn judge(&mut self, block: &Block<'_>, row: usize, column: usize, at: usize) {
        let mut decoded = std::mem::take(&mut self.worker.decoded);
        let (kind, text) = self.value(block, row, at, &mut decoded);
        let Gather { part, worker, .. } = self;
        self.pass.compiled.columns[column].values.judge(
            kind,
            text,
            |consequence| match consequence {
                Consequence::Violation(rule) => worker.found.push(Found {
                    row: row as u32,
                    rule,
                    extra_key: 0,
                }),
                Consequence::Count(metric) => part.metrics[metric.0 as usize] += 1,
            },
        );
        self.worker.decoded = decoded;
    }

    /// The decoded value of a field.
    fn value<'v>(
        &self,
        block: &Block<'v>,
        row: usize,
        at: usize,
        scratch: &'v mut Vec<u8>,
    ) -> (Kind, &'v [u8]) {
        let kind = block.kind(row, at);
        let raw = block.column(at).field(row);
        let text = match (self.pass.layout, kind) {
            (Layout::Csv { dialect, .. }, _) => csv::decode(raw, dialect, scratch),
            (Layout::Jsonl { .. }, Kind::EscapedString) => jsonl::decode_string(raw, scratch),
            (Layout::Jsonl { .. } | Layout::Rows { .. }, _) => raw,
        };
        (kind, text)
    }

    /// Adds the violations of records with keys that the contract does not have and may not.
    fn find_extra_keys(&mut self, block: &Block<'_>) {
        let rule = self.pass.compiled.structural.extra_column;
        let found = block.extra_keys.iter().zip(0..).map(|(key, index)| Found {
            row: key.row,
            rule,
            extra_key: index,
        });
        self.worker.found.extend(found);
    }

    /// Adds the violations of rows whose key occurred before.
    fn find_duplicates(&mut self, block: &Block<'_>) {
        if let Some(seen) = self.pass.seen {
            self.find_repeats(block, &mut lock(seen));
        }
        let Some(known) = self.pass.known else { return };
        let first = self.first_row + self.rows;
        for (unique, duplicates) in self.pass.compiled.unique.iter().zip(known.duplicates) {
            let Some(rule) = unique.rule else { continue };
            for row in duplicates.range(first..first + block.rows as u64) {
                self.worker.found.push(Found {
                    row: (row - first) as u32,
                    rule,
                    extra_key: 0,
                });
            }
        }
    }

    /// The same where all rows before have been looked at.
    fn find_repeats(&mut self, block: &Block<'_>, seen: &mut SeenKeys) {
        self.for_each_key(block, |this, unique, row, key| {
            let is_repeat = seen.is_repeat(unique, key, this.rows + u64::from(row));
            if let (true, Some(rule)) = (is_repeat, this.pass.compiled.unique[unique].rule) {
                this.worker.found.push(Found {
                    row,
                    rule,
                    extra_key: 0,
                });
            }
        });
    }

    /// Takes the keys of the block's rows.
    fn take_keys(&mut self, block: &Block<'_>) {
        if !self.pass.wants_keys {
            return;
        }
        let lines = self.lines_of_rows(block);
        self.for_each_key(block, |this, unique, row, key| {
            let at = row as usize;
            this.part.keys[unique].push(KeyedRow {
                key,
                row: this.rows as u32 + row,
                is_bad: this.worker.bad[at / 64] >> (at % 64) & 1 == 1,
            });
            let rule = &this.pass.compiled.unique[unique];
            if let (true, Some(&line)) = (rule.rule.is_some(), lines.get(at)) {
                let value = this.shown(block, at, &rule.columns).unwrap_or_default();
                let details = &mut this.part.details[unique];
                details.text.push_str(&value);
                details.rows.push(Detail {
                    line,
                    offset: block.record(at).start,
                    text_end: details.text.len(),
                });
            }
        });
    }

    /// Calls `visit` with every unique rule's index and every row of the block that has a key for it.
    fn for_each_key(
        &mut self,
        block: &Block<'_>,
        mut visit: impl FnMut(&mut Gather<'_>, usize, u32, Key),
    ) {
        let mut scratch = [Vec::new(), Vec::new()];
        for (index, unique) in self.pass.compiled.unique.iter().enumerate() {
            let places: Option<Vec<_>> = unique
                .columns
                .iter()
                .map(|&column| self.pass.layout.place(column))
                .collect();
            let Some(places) = places else { continue };
            for row in 0..block.rows {
                let key = self.key(block, row, &unique.columns, &places, &mut scratch);
                if let Some(key) = key {
                    visit(self, index, row as u32, key);
                }
            }
        }
    }

    /// For each row, the line ends in the chunk before it; empty if details are not wanted.
    fn lines_of_rows(&mut self, block: &Block<'_>) -> Vec<u64> {
        if !self.pass.wants_details {
            return Vec::new();
        }
        let mut lines = Vec::with_capacity(block.rows);
        for row in 0..block.rows {
            let (at, count) = self.detail_line_at;
            let start = block.record(row).start.max(at);
            let more = self
                .pass
                .kernel
                .count_byte(&block.bytes[at..start], self.pass.line_end);
            self.detail_line_at = (start, count + more as u64);
            lines.push(self.detail_line_at.1);
        }
        lines
    }

    /// The key of the values of `columns`; `None` if one of them is null, which equals nothing.
    fn key(
        &self,
        block: &Block<'_>,
        row: usize,
        columns: &[usize],
        places: &[usize],
        [decoded, canonical]: &mut [Vec<u8>; 2],
    ) -> Option<Key> {
        let mut key: Option<Key> = None;
        for (&column, &at) in columns.iter().zip(places) {
            let values = &self.pass.compiled.columns[column].values;
            let (kind, text) = self.value(block, row, at, decoded);
            if values.is_null(kind, text) {
                return None;
            }
            let text = values.canonical(kind, text, canonical);
            key = Some(key.map_or_else(|| Key::of(text), |key| key.and(text)));
        }
        key
    }

    /// Counts the violations found in the block, marks its bad rows and keeps samples.
    fn settle(&mut self, block: &Block<'_>) {
        let mut found = std::mem::take(&mut self.worker.found);
        found.sort_unstable();
        self.worker.bad.clear();
        self.worker.bad.resize(block.rows.div_ceil(64), 0);
        for violation in &found {
            self.part.by_rule[violation.rule.0 as usize] += 1;
            if self.pass.makes_bad(violation.rule) {
                self.worker.bad[violation.row as usize / 64] |= 1 << (violation.row % 64);
            }
            self.sample(block, *violation);
        }
        self.part.invalid += self
            .worker
            .bad
            .iter()
            .map(|word| u64::from(word.count_ones()))
            .sum::<u64>();
        let first_bad = first_bit(&self.worker.bad);
        if let (None, Some(row)) = (self.part.first_bad_end, first_bad) {
            self.part.first_bad_end = Some(block.record(row).end);
        }
        self.copy_records(block, &found);
        found.clear();
        self.worker.found = found;
    }

    fn sample(&mut self, block: &Block<'_>, violation: Found) {
        if !self.wants_samples() {
            return;
        }
        let row = violation.row as usize;
        let rule = self.pass.compiled.rules.get(violation.rule);
        let columns = self.pass.compiled.columns_of(violation.rule);
        let mut value = self.shown(block, row, &columns);
        if violation.rule == self.pass.compiled.structural.extra_column {
            // The merge makes a column of it.
            let mut decoded = Vec::new();
            let offset = block.extra_keys[violation.extra_key as usize].offset;
            let key = jsonl::key_at(block.bytes, offset as usize, &mut decoded);
            value = Some(shown_value(key));
        }
        let offset = block.record(row).start;
        let line = self.line(block.bytes, offset);
        let row = self.rows + u64::from(violation.row);
        if let Some(findings) = &mut self.part.findings {
            return findings.push((row, line, offset), violation.rule, value.as_deref(), None);
        }
        self.part.samples.push(Sample {
            row,
            line,
            offset,
            rule: violation.rule,
            value,
            message: rule.expected.clone(),
        });
    }

    /// The values of `columns` as a report shows them; `None` if the record has none of them.
    fn shown(&self, block: &Block<'_>, row: usize, columns: &[usize]) -> Option<String> {
        let mut decoded = Vec::new();
        let values: Vec<Vec<u8>> = columns
            .iter()
            .filter_map(|&column| self.pass.layout.place(column))
            .filter(|&at| block.kind(row, at) != Kind::Missing)
            .map(|at| self.value(block, row, at, &mut decoded).1.to_vec())
            .collect();
        (!values.is_empty()).then(|| shown_value(&values.join(&b", "[..])))
    }

    fn wants_samples(&self) -> bool {
        self.part.findings.is_some()
            || self.part.samples.len() < self.pass.samples_max
                && !self.pass.samples_full.load(Ordering::Relaxed)
    }

    /// Line ends in the chunk before `offset`; asked for in ascending order.
    fn line(&mut self, bytes: &[u8], offset: usize) -> u64 {
        let (at, lines) = self.line_at;
        let more = self
            .pass
            .kernel
            .count_byte(&bytes[at..offset.max(at)], self.pass.line_end);
        self.line_at = (offset.max(at), lines + more as u64);
        self.line_at.1
    }

    /// Copies good records in runs and bad ones one by one.
    fn copy_records(&mut self, block: &Block<'_>, found: &[Found]) {
        if !self.pass.wants_good && !self.pass.wants_bad {
            return;
        }
        let bad = std::mem::take(&mut self.worker.bad);
        let mut violations = found.iter().peekable();
        let mut good_from = 0;
        for_each_bit(&bad, |row| {
            self.copy_good(block, good_from..row);
            good_from = row + 1;
            while violations
                .next_if(|violation| (violation.row as usize) < row)
                .is_some()
            {}
            let mut reasons = Vec::new();
            while let Some(violation) =
                violations.next_if(|violation| violation.row as usize == row)
            {
                if reasons.last() != Some(&violation.rule) {
                    reasons.push(violation.rule);
                }
            }
            let record = block.record(row);
            self.copy_bad(row as u64, &block.bytes[record], &reasons);
        });
        self.copy_good(block, good_from..block.rows);
        self.worker.bad = bad;
    }

    fn copy_good(&mut self, block: &Block<'_>, rows: std::ops::Range<usize>) {
        let Some(good) = &mut self.part.good else {
            return;
        };
        if block.records.is_some() {
            // JSON lines may have blank lines between them.
            for row in rows {
                good.extend_from_slice(&block.bytes[block.record(row)]);
            }
        } else if !rows.is_empty() {
            let bytes = block.record(rows.start).start..block.record(rows.end - 1).end;
            good.extend_from_slice(&block.bytes[bytes]);
        }
    }

    fn copy_bad(&mut self, row: u64, record: &[u8], reasons: &[RuleId]) {
        let row = self.rows + row;
        let pass = self.pass;
        let Some(bad) = &mut self.part.bad else {
            return;
        };
        bad.bytes.extend_from_slice(record);
        let is_reason = |rule: &&RuleId| pass.makes_bad(**rule);
        bad.reasons
            .extend(reasons.iter().filter(is_reason).copied());
        bad.records.push(BadRecord {
            row,
            bytes_end: bad.bytes.len(),
            reasons_end: bad.reasons.len(),
        });
    }
}

impl Visitor for Gather<'_> {
    fn block(&mut self, block: &Block<'_>) {
        for column in 0..self.pass.compiled.columns.len() {
            if let Some(at) = self.pass.layout.place(column) {
                self.check_column(block, column, at);
            }
        }
        self.find_extra_keys(block);
        self.find_duplicates(block);
        self.settle(block);
        // Behind `settle`, which knows the bad rows of the block.
        self.take_keys(block);
        self.rows += block.rows as u64;
    }

    fn malformed(&mut self, record: &Malformed<'_>) {
        let rule = structural_rule(&self.pass.compiled.structural, &record.fault);
        let offset = match &record.fault {
            Fault::UnclosedQuote { offset }
            | Fault::InvalidUtf8 { offset }
            | Fault::InvalidJson { offset, .. }
            | Fault::DuplicateKey { offset } => *offset,
            _ => record.range.start,
        };
        self.part.by_rule[rule.0 as usize] += 1;
        self.part.invalid += 1;
        self.part.first_bad_end.get_or_insert(record.range.end);
        let bytes = &record.bytes[record.range.clone()];
        if self.wants_samples() {
            let line = self.line(record.bytes, record.range.start);
            let value = shown_value(bytes.trim_ascii_end());
            match &mut self.part.findings {
                Some(findings) => {
                    let place = (self.rows, line, offset);
                    findings.push(place, rule, Some(&value), Some(&record.fault));
                }
                None => self.part.samples.push(Sample {
                    row: self.rows,
                    line,
                    offset,
                    rule,
                    value: Some(value),
                    message: message(&record.fault, self.part.byte_offset),
                }),
            }
        }
        self.copy_bad(0, bytes, &[rule]);
        self.rows += 1;
    }
}

/// The rule that a record with this fault breaks.
pub(crate) fn structural_rule(rules: &StructuralRules, fault: &Fault) -> RuleId {
    match fault {
        Fault::FieldCount { .. } => rules.field_count,
        Fault::UnclosedQuote { .. } => rules.unclosed_quote,
        Fault::InvalidUtf8 { .. } => rules.encoding,
        Fault::DuplicateKey { .. } => rules.duplicate_key,
        _ => rules.json,
    }
}

/// What is wrong with a record of the chunk that begins at `byte_offset`, for people.
pub(crate) fn message(fault: &Fault, byte_offset: u64) -> String {
    let byte = |offset: &usize| byte_offset + *offset as u64;
    match fault {
        Fault::FieldCount { found, expected } => {
            let fields = if *found == 1 { "field" } else { "fields" };
            format!("has {found} {fields}, the header has {expected}")
        }
        Fault::UnclosedQuote { offset } => {
            format!("a quote opened at byte {} is never closed", byte(offset))
        }
        Fault::InvalidUtf8 { offset } => format!("byte {} is not valid UTF-8", byte(offset)),
        Fault::InvalidJson { offset, message } => format!("{message} at byte {}", byte(offset)),
        Fault::DuplicateKey { offset } => format!("a key is repeated at byte {}", byte(offset)),
        _ => "is not a JSON object".to_owned(),
    }
}

/// Calls `visit` with the index of every set bit, ascending.
fn for_each_bit(words: &[u64], mut visit: impl FnMut(usize)) {
    for (index, &word) in words.iter().enumerate() {
        let mut left = word;
        while left != 0 {
            visit(index * 64 + left.trailing_zeros() as usize);
            left &= left - 1;
        }
    }
}

fn first_bit(words: &[u64]) -> Option<usize> {
    let index = words.iter().position(|&word| word != 0)?;
    Some(index * 64 + words[index].trailing_zeros() as usize)
}
