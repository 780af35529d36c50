//! The map half: one piece to the bytes of its rows.

use std::sync::atomic::{AtomicU64, Ordering};

use tamis_expr::{Evaluator, Input, RESULT_BYTES_MAX};
use tamis_formats::vector::{Misfit, Reader, Vector, ones};
use tamis_formats::write::write_json_string;
use tamis_formats::{Block, Malformed, Visitor};

use super::Take;
use super::encode::Rows;
use super::part::{Failure, Part};
use super::plan::{Computed, Encoding, From, Plan};
use super::take::{draw, draw_max};
use crate::batches::{self, Gatherer, Target};
use crate::table::{Layout, Piece};

/// What the output of a piece may take beside [`OUTPUT_GROWTH_MAX`] times the piece, if something is computed: it is
/// held until those before it are written.
const OUTPUT_BYTES_MAX: usize = 512 << 20;

/// How many times as large as what was read.
const OUTPUT_GROWTH_MAX: usize = 8;

/// The scratch of one thread.
pub(crate) struct Worker<'p> {
    plan: &'p Plan,
    layout: Layout,
    reader: Reader,
    /// The values of the wanted columns, where the plan has them read.
    vectors: Vec<Vector>,
    filter: Evaluator,
    computed: Vec<Evaluator>,
    /// The rows of a piece, where they are written in columns.
    gatherer: Option<Gatherer>,
    /// In front of each column's value in JSON.
    keys: Vec<Vec<u8>>,
    /// A bit for each row of a block: whether it is written.
    chosen: Vec<u64>,
    scratch: Vec<u8>,
    /// No row with a greater hash will be in the sample.
    draw_bound: &'p AtomicU64,
}

impl<'p> Worker<'p> {
    pub(crate) fn new(plan: &'p Plan, layout: &Layout, draw_bound: &'p AtomicU64) -> Worker<'p> {
        let keys = plan.outputs.iter().enumerate().map(|(at, output)| {
            let mut key = vec![if at == 0 { b'{' } else { b',' }];
            write_json_string(output.name.as_bytes(), &mut key);
            key.push(b':');
            key
        });
        Worker {
            plan,
            layout: layout.clone(),
            reader: plan.readers.of(layout),
            vectors: vec![Vector::default(); plan.wanted.len()],
            filter: Evaluator::new(plan.kernel),
            computed: plan
                .computed
                .iter()
                .map(|_| Evaluator::new(plan.kernel))
                .collect(),
            gatherer: plan.target.as_ref().map(Target::gatherer),
            keys: keys.collect(),
            chosen: Vec::new(),
            scratch: Vec::new(),
            draw_bound,
        }
    }

    /// Writes the rows of a piece.
    pub(super) fn write(&mut self, piece: Piece<'_>) -> tamis_engine::Result<Part> {
        let mut pass = self.pass(&piece);
        piece.visit(&mut pass)?;
        pass.end_batches();
        Ok(pass.part)
    }

    /// Hands the rows of a piece to `gather`, block by block; the part has none of them.
    ///
    /// For plans that keep the ends of rows.
    pub(crate) fn write_to(
        &mut self,
        piece: Piece<'_>,
        gather: &mut dyn Gather,
    ) -> tamis_engine::Result<Part> {
        let pass = self.pass(&piece);
        let mut gathering = Gathering { pass, gather };
        piece.visit(&mut gathering)?;
        Ok(gathering.pass.part)
    }

    fn pass(&mut self, piece: &Piece<'_>) -> Pass<'_, 'p> {
        Pass {
            byte_offset: piece.byte_offset(),
            input: piece.input_index(),
            place: piece.place(),
            read_bytes: 0,
            part: Part::new(self.plan.pool.take_vec(self.plan.output_bytes)),
            worker: self,
        }
    }
}

/// Takes rows one by one, with the values that were read for them.
pub(crate) trait Gather {
    /// Takes rows of a block, whose wanted columns are in these `fields` and have these values, where the plan has them read.
    fn take(&mut self, block: &Block<'_>, fields: &[usize], vectors: &[Vector], taken: Taken<'_>);
}

/// The rows of a block that are written.
pub(crate) struct Taken<'t> {
    /// Rows of the piece before the block.
    pub(crate) seen: u64,
    chosen: &'t [u64],
    bytes: &'t [u8],
    ends: &'t [usize],
}

impl<'t> Taken<'t> {
    /// Each row of the block with the bytes it is written as.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (usize, &'t [u8])> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let ranges = starts.zip(self.ends);
        let bytes = self.bytes;
        ones(self.chosen).zip(ranges.map(move |(start, &end)| &bytes[start..end]))
    }
}

/// One piece under way, its rows to somebody who gathers them.
struct Gathering<'g, 'w, 'p> {
    pass: Pass<'w, 'p>,
    gather: &'g mut dyn Gather,
}

impl Visitor for Gathering<'_, '_, '_> {
    fn block(&mut self, block: &Block<'_>) {
        let seen = self.pass.part.seen;
        self.pass.block(block);
        let Pass { worker, part, .. } = &mut self.pass;
        if part.ends.is_empty() {
            return;
        }
        let taken = Taken {
            seen,
            chosen: &worker.chosen,
            bytes: &part.bytes,
            ends: &part.ends,
        };
        self.gather
            .take(block, &worker.layout.fields, &worker.vectors, taken);
        part.bytes.clear();
        part.ends.clear();
    }

    fn malformed(&mut self, record: &Malformed<'_>) {
        self.pass.malformed(record);
    }
}

/// One piece under way.
struct Pass<'w, 'p> {
    worker: &'w mut Worker<'p>,
    byte_offset: u64,
    input: usize,
    /// Where the piece stands in its input.
    place: u64,
    /// Bytes of the blocks that were encoded.
    read_bytes: usize,
    part: Part,
}

impl Visitor for Pass<'_, '_> {
    fn block(&mut self, block: &Block<'_>) {
        // What follows a value that does not fit, or a record that is none, will not be written.
        let is_faulty = self.part.misfit.is_some() || self.part.failure.is_some();
        if !is_faulty && !self.is_broken() && !self.is_full() {
            self.take_block(block);
        }
        self.part.seen += block.rows as u64;
    }

    fn malformed(&mut self, record: &Malformed<'_>) {
        self.part.note_malformed(record, self.byte_offset);
    }
}

impl Pass<'_, '_> {
    fn is_broken(&self) -> bool {
        self.part.malformed > 0 && !self.worker.plan.skips_malformed
    }

    fn is_full(&self) -> bool {
        matches!(self.worker.plan.take, Take::First(count) if self.part.rows >= count)
    }

    fn take_block(&mut self, block: &Block<'_>) {
        if let Err((column, misfit)) = self.worker.read(block) {
            self.part.note_misfit(misfit.row, column, &misfit.text);
            return;
        }
        let mut chosen = std::mem::take(&mut self.worker.chosen);
        self.worker
            .choose(block, &mut chosen, &mut self.part.failed);
        self.draw(block, &mut chosen);
        match self.worker.plan.encoding {
            Encoding::Raw { is_element } if is_element || self.worker.plan.needs_ends() => {
                self.copy_one_by_one(block, &chosen, is_element);
            }
            Encoding::Raw { .. } => self.copy_runs(block, &chosen),
            Encoding::Delimited(to) => {
                self.encode(block, &chosen, |rows, worker, row, out| {
                    rows.write_delimited(worker.plan, row, &to, worker.scratch, out);
                });
            }
            Encoding::Batches(_) => self.gather(block, &chosen),
            Encoding::Json { is_element } => {
                self.encode(block, &chosen, |rows, worker, row, out| {
                    if is_element {
                        out.extend_from_slice(b",\n");
                    }
                    rows.write_object(worker.plan, worker.keys, row, worker.scratch, out);
                    if !is_element {
                        out.push(b'\n');
                    }
                });
            }
        }
        self.worker.chosen = chosen;
    }

    /// Takes rows that are not drawn out of the chosen ones.
    fn draw(&mut self, block: &Block<'_>, chosen: &mut [u64]) {
        let (seed, max) = match self.worker.plan.take {
            Take::All | Take::First(_) => return,
            Take::Fraction { rate, seed } => (seed, draw_max(rate)),
            Take::Sample { seed, .. } => {
                (seed, Some(self.worker.draw_bound.load(Ordering::Relaxed)))
            }
        };
        let keeps_draws = matches!(self.worker.plan.take, Take::Sample { .. });
        for row in 0..block.rows {
            if chosen[row / 64] >> (row % 64) & 1 == 0 {
                continue;
            }
            // Rows that lie nowhere stand where they were counted.
            let place = match (block.apart, block.records) {
                (Some(_), None) => self.place + self.part.seen + row as u64,
                _ => self.place + block.record(row).start as u64,
            };
            let drawn = draw(seed, self.input, place);
            if max.is_none_or(|max| drawn > max) {
                chosen[row / 64] &= !(1 << (row % 64));
            } else if keeps_draws {
                self.part.draws.push(drawn);
            }
        }
    }

    /// Copies the chosen records, neighbours at once.
    fn copy_runs(&mut self, block: &Block<'_>, chosen: &[u64]) {
        let out = &mut self.part.bytes;
        if block.records.is_some() {
            // Between JSON lines there may be blank ones.
            for row in ones(chosen) {
                out.extend_from_slice(&block.bytes[block.record(row)]);
                self.part.rows += 1;
            }
            return;
        }
        let mut run: Option<(usize, usize)> = None;
        let copy = |(first, last): (usize, usize), out: &mut Vec<u8>| {
            let bytes = block.record(first).start..block.record(last).end;
            out.extend_from_slice(&block.bytes[bytes]);
        };
        for row in ones(chosen) {
            self.part.rows += 1;
            run = match run {
                Some((first, last)) if last + 1 == row => Some((first, row)),
                Some(done) => {
                    copy(done, out);
                    Some((row, row))
                }
                None => Some((row, row)),
            };
        }
        if let Some(done) = run {
            copy(done, out);
        }
    }

    fn copy_one_by_one(&mut self, block: &Block<'_>, chosen: &[u64], is_element: bool) {
        for row in ones(chosen) {
            if self.is_full() {
                return;
            }
            let record = &block.bytes[block.record(row)];
            let out = &mut self.part.bytes;
            if is_element {
                out.extend_from_slice(b",\n");
                out.extend_from_slice(record.trim_ascii());
            } else {
                out.extend_from_slice(record);
                if self.worker.plan.keeps_ends() && !matches!(record.last(), Some(b'\n' | b'\r')) {
                    // The last record of an input may stand anywhere.
                    out.push(b'\n');
                }
            }
            self.end_row();
        }
    }

    fn encode(
        &mut self,
        block: &Block<'_>,
        chosen: &[u64],
        mut write: impl FnMut(&Rows<'_>, &mut Encoder<'_>, usize, &mut Vec<u8>),
    ) {
        let take = self.worker.plan.take;
        let keeps_ends = self.worker.plan.needs_ends();
        self.read_bytes += block.bytes.len();
        let bytes_max = match self.worker.plan.computed.is_empty() {
            true => usize::MAX,
            false => OUTPUT_BYTES_MAX + OUTPUT_GROWTH_MAX * self.read_bytes,
        };
        self.compute(block, chosen, |rows, encoder, part| {
            for row in ones(chosen) {
                if matches!(take, Take::First(count) if part.rows >= count) {
                    break;
                }
                write(rows, encoder, row, &mut part.bytes);
                if part.bytes.len() > bytes_max {
                    part.failure = Some(Failure::TextsTooLarge(bytes_max));
                    break;
                }
                part.rows += 1;
                if keeps_ends {
                    part.ends.push(part.bytes.len());
                }
            }
        });
    }

    /// Puts the chosen rows into columns.
    fn gather(&mut self, block: &Block<'_>, chosen: &[u64]) {
        let has_arrays = self.worker.layout.has_arrays;
        self.compute(block, chosen, |rows, encoder, part| {
            let Some(gatherer) = &mut encoder.gatherer else {
                return;
            };
            let from = |at: usize| match encoder.plan.outputs[at].from {
                From::Stored(column) if has_arrays => batches::From::Origin(rows.fields[column]),
                From::Column(column) | From::Stored(column) => {
                    let bytes = block.column(rows.fields[column]).bytes;
                    batches::From::Vector(&rows.vectors[column], bytes)
                }
                From::Computed(computed) => {
                    let (vector, bytes) = rows.computed[computed];
                    batches::From::Vector(vector, bytes)
                }
            };
            let gathered = gatherer.add(block, chosen, from).and_then(|()| {
                let target = encoder.plan.target.as_ref();
                target.map_or(Ok(()), |target| {
                    target.encode(gatherer, &mut part.bytes, &mut part.ends)
                })
            });
            part.failure = gathered.err().map(Failure::Columns);
            part.rows += ones(chosen).count() as u64;
        });
    }

    /// Ends the columns of a piece.
    fn end_batches(&mut self) {
        let Some(gatherer) = &mut self.worker.gatherer else {
            return;
        };
        match gatherer.finish() {
            Ok(batches) => self.part.batches = batches,
            Err(error) => {
                self.part.failure.get_or_insert(Failure::Columns(error));
            }
        }
    }

    /// Computes what is to be computed of a block, and hands its rows to `take`.
    fn compute(
        &mut self,
        block: &Block<'_>,
        chosen: &[u64],
        take: impl FnOnce(&Rows<'_>, &mut Encoder<'_>, &mut Part),
    ) {
        let Worker {
            plan,
            layout,
            vectors,
            computed: evaluators,
            gatherer,
            keys,
            scratch,
            ..
        } = &mut *self.worker;
        let inputs: Vec<Vec<Input<'_>>> = plan
            .computed
            .iter()
            .map(|computed| inputs(computed, block, &layout.fields, vectors))
            .collect();
        let mut computed = Vec::with_capacity(evaluators.len());
        for ((evaluator, plan), inputs) in evaluators.iter_mut().zip(&plan.computed).zip(&inputs) {
            let values = evaluator.evaluate(&plan.expression, inputs, block.rows);
            let failed = ones(values.failed).filter(|row| chosen[row / 64] >> (row % 64) & 1 == 1);
            self.part.failed += failed.count() as u64;
            if values.is_too_large {
                self.part.failure = Some(Failure::TextsTooLarge(RESULT_BYTES_MAX));
                return;
            }
            computed.push((values.vector, values.bytes));
        }
        let rows = Rows {
            block,
            dialect: layout.dialect.as_ref(),
            fields: &layout.fields,
            vectors,
            computed: &computed,
        };
        let mut encoder = Encoder {
            plan,
            gatherer,
            keys,
            scratch,
        };
        take(&rows, &mut encoder, &mut self.part);
    }

    fn end_row(&mut self) {
        self.part.rows += 1;
        if self.worker.plan.needs_ends() {
            self.part.ends.push(self.part.bytes.len());
        }
    }
}

/// What writing a row takes beside the row.
struct Encoder<'e> {
    plan: &'e Plan,
    gatherer: &'e mut Option<Gatherer>,
    keys: &'e [Vec<u8>],
    scratch: &'e mut Vec<u8>,
}

impl Worker<'_> {
    /// Reads the values that are needed; fails with the column of the table.
    fn read(&mut self, block: &Block<'_>) -> Result<(), (usize, Misfit)> {
        for (at, ty) in self.plan.types.iter().enumerate() {
            if self.layout.has_arrays && self.plan.passed[at] {
                continue;
            }
            if let Some(ty) = *ty {
                let (field, vector) = (self.layout.fields[at], &mut self.vectors[at]);
                if self.plan.written[at] && vector.note_present(block, field, ty) {
                    continue;
                }
                let read = self.reader.read(block, field, ty, vector);
                read.map_err(|misfit| (self.plan.wanted[at], misfit))?;
            }
        }
        Ok(())
    }

    /// Sets the bits of the rows that the filter lets through, and counts those it could not tell.
    fn choose(&mut self, block: &Block<'_>, chosen: &mut Vec<u64>, failed: &mut u64) {
        chosen.clear();
        let Some(filter) = &self.plan.filter else {
            chosen.resize(block.rows.div_ceil(64), u64::MAX);
            if let (Some(last), odd @ 1..) = (chosen.last_mut(), block.rows % 64) {
                *last = (1 << odd) - 1;
            }
            return;
        };
        let inputs = inputs(filter, block, &self.layout.fields, &self.vectors);
        let selected = self.filter.select(&filter.expression, &inputs, block.rows);
        *failed += selected.failed_count();
        chosen.extend_from_slice(selected.rows);
    }
}

/// The columns that an expression reads.
fn inputs<'i>(
    computed: &Computed,
    block: &Block<'i>,
    fields: &[usize],
    vectors: &'i [Vector],
) -> Vec<Input<'i>> {
    let inputs = computed.inputs.iter().map(|&at| Input {
        vector: &vectors[at],
        bytes: block.column(fields[at]).bytes,
    });
    inputs.collect()
}
