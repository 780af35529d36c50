//! The merge half: parts in order to a sink.

use std::sync::atomic::AtomicU64;

use tamis_engine::framing::Framing;
use tamis_engine::pipeline::Flow;
use tamis_engine::sink::Sink;
use tamis_formats::csv;

use super::part::{Failure, Part};
use super::plan::{Encoding, Plan};
use super::take::Reservoir;
use super::worker::Worker;
use super::{Take, Written};
use crate::batches;
use crate::table::{Attempt, Misfit, Scanned, Start, Table};
use crate::{Error, Result};

/// Rows that are put back into columns at once.
pub(crate) const BATCH_ROWS: usize = 8 << 10;

/// One run under way.
pub(crate) struct Writer<'p> {
    plan: &'p Plan,
    output: Output,
    written: Written,
    /// What stands before the first row: written with it, so that a run that fails early has written nothing.
    header: Vec<u8>,
    /// What has been written ends a record.
    is_terminated: bool,
    misfit: Option<Misfit>,
    malformed: Option<Error>,
}

/// Where rows go.
enum Output {
    Bytes(Box<dyn Sink>),
    Batches(batches::Output),
}

impl<'p> Writer<'p> {
    pub(crate) fn new(plan: &'p Plan, sink: Box<dyn Sink>) -> Result<Writer<'p>> {
        Ok(Writer {
            plan,
            output: match &plan.target {
                Some(target) => Output::Batches(target.open(sink, plan.threads)),
                None => Output::Bytes(sink),
            },
            written: Written::default(),
            header: Vec::new(),
            is_terminated: true,
            misfit: None,
            malformed: None,
        })
    }

    pub(super) fn run(mut self, table: &mut Table<'_>) -> Result<Attempt<Written>> {
        let plan = self.plan;
        self.begin(table);
        let bound = AtomicU64::new(u64::MAX);
        let mut reservoir = match plan.take {
            Take::Sample { count, .. } => Some(Reservoir::new(count, &bound)),
            _ => None,
        };
        let wants_nothing = matches!(plan.take, Take::First(0) | Take::Sample { count: 0, .. });
        if !wants_nothing {
            self.written.scanned = table.scan_passing(
                &plan.wanted,
                &plan.passed,
                |layout| Worker::new(plan, layout, &bound),
                |worker, piece| worker.write(piece),
                |part, start| self.merge(part, start, &mut reservoir),
            )?;
        }
        if let Some(fault) = self.fault() {
            return fault.map(Attempt::Misfit);
        }
        if let Some(reservoir) = reservoir {
            let rows = reservoir.into_rows();
            self.written.rows = rows.len() as u64;
            let rows: Vec<_> = rows.collect();
            for (at, rows) in rows.chunks(BATCH_ROWS).enumerate() {
                self.put_rows(rows.iter().map(Vec::as_slice), at == 0)?;
            }
        }
        Ok(Attempt::Done(self.finish()?))
    }

    /// What was read.
    pub(crate) fn note_scanned(&mut self, scanned: Scanned) {
        self.written.scanned = scanned;
    }

    /// What ended the run before the inputs did: a value that does not fit, or a malformed record.
    pub(crate) fn fault(&mut self) -> Option<Result<Misfit>> {
        let misfit = self.misfit.take().map(Ok);
        misfit.or_else(|| self.malformed.take().map(Err))
    }

    /// Whether rows are put back into columns.
    pub(crate) fn is_columnar(&self) -> bool {
        matches!(self.output, Output::Batches(_))
    }

    /// Ends the output.
    pub(crate) fn finish(mut self) -> Result<Written> {
        self.end()?;
        match self.output {
            Output::Bytes(sink) => sink.finish()?,
            Output::Batches(output) => output.finish()?,
        }
        Ok(self.written)
    }

    /// Makes what stands before the first row.
    pub(crate) fn begin(&mut self, table: &Table<'_>) {
        let framing = match self.plan.encoding {
            Encoding::Delimited(dialect) => Framing::Quoted(dialect.quoting()),
            Encoding::Raw { .. } => table.framing(),
            Encoding::Json { .. } | Encoding::Batches(_) => Framing::Lines,
        };
        if let Output::Bytes(sink) = &mut self.output
            && !sink.begin_records(framing)
        {
            return;
        }
        match self.plan.encoding {
            Encoding::Raw { is_element: false } => {
                self.header = table.header_bytes().to_vec();
                let last = self.header.last();
                self.is_terminated = last.is_none_or(|byte| matches!(byte, b'\n' | b'\r'));
            }
            // A table without columns has no header either.
            Encoding::Delimited(dialect) if dialect.header && !self.plan.outputs.is_empty() => {
                for (at, output) in self.plan.outputs.iter().enumerate() {
                    if at > 0 {
                        self.header.push(dialect.delimiter);
                    }
                    csv::write_field(output.name.as_bytes(), &dialect, &mut self.header);
                }
                self.header.push(b'\n');
            }
            Encoding::Delimited(_)
            | Encoding::Json { is_element: false }
            | Encoding::Batches(_) => {}
            Encoding::Json { is_element: true } | Encoding::Raw { is_element: true } => {
                self.header.push(b'[');
            }
        }
    }

    /// Writes what is missing before the first row and behind the last.
    fn end(&mut self) -> tamis_engine::Result<()> {
        self.put_header()?;
        match (self.is_array(), self.written.rows) {
            (true, 0) => self.write(b"]\n"),
            (true, _) => self.write(b"\n]\n"),
            (false, _) => Ok(()),
        }
    }

    fn put_header(&mut self) -> tamis_engine::Result<()> {
        let header = std::mem::take(&mut self.header);
        self.write(&header)
    }

    /// Writes bytes; to an output of columns there are none to be written.
    fn write(&mut self, bytes: &[u8]) -> tamis_engine::Result<()> {
        match &mut self.output {
            Output::Bytes(sink) => sink.write_all(bytes),
            Output::Batches(_) => Ok(()),
        }
    }

    fn is_array(&self) -> bool {
        matches!(
            self.plan.encoding,
            Encoding::Raw { is_element: true } | Encoding::Json { is_element: true }
        )
    }

    pub(crate) fn merge(
        &mut self,
        part: Part,
        start: Start<'_>,
        reservoir: &mut Option<Reservoir<'_>>,
    ) -> tamis_engine::Result<Flow> {
        if start.input_rows == 0 && start.input_index > 0 {
            // A later input may follow one whose last record has no terminator.
            self.terminate()?;
        }
        let malformed = part.first_malformed.filter(|_| !self.plan.skips_malformed);
        let first_malformed = malformed.as_ref().map_or(u64::MAX, |(row, ..)| *row);
        let first_misfit = part.misfit.as_ref().map_or(u64::MAX, |(row, ..)| *row);
        // Whatever is wrong behind the last row that is wanted is not wrong.
        let is_enough = matches!(
            self.plan.take,
            Take::First(count) if self.written.rows + part.rows >= count
        );
        if !is_enough {
            if let Some((row, column, value)) = part.misfit
                && first_misfit < first_malformed
            {
                self.misfit = Some(Misfit {
                    input: start.input.to_owned(),
                    column,
                    row: start.input_rows + row + 1,
                    value,
                });
                return Ok(Flow::Stop);
            }
            if let Some((row, byte_offset, fault)) = malformed {
                self.malformed = Some(Error::Malformed {
                    input: start.input.to_owned(),
                    row: start.input_rows + row + 1,
                    byte_offset,
                    fault,
                });
                return Ok(Flow::Stop);
            }
        }
        if let Some(failure) = part.failure {
            let input = start.input.to_owned();
            self.malformed = Some(match failure {
                Failure::Columns(source) => Error::Format { input, source },
                Failure::TextsTooLarge(limit_bytes) => Error::TextsTooLarge { input, limit_bytes },
            });
            return Ok(Flow::Stop);
        }
        self.written.malformed += part.malformed;
        self.written.failed += part.failed;
        if let Some(reservoir) = reservoir {
            let mut from = 0;
            for (at, (&end, &draw)) in part.ends.iter().zip(&part.draws).enumerate() {
                let number = self.written.rows + at as u64;
                reservoir.offer(draw, number, &part.bytes[from..end]);
                from = end;
            }
            self.written.rows += part.rows;
            return Ok(Flow::Continue);
        }
        let is_first = self.written.rows == 0;
        match self.plan.take {
            Take::First(count) if self.written.rows + part.rows >= count => {
                let missing = count - self.written.rows;
                if let Output::Batches(output) = &mut self.output {
                    output.write(&part.batches, missing)?;
                    self.written.rows = count;
                    return Ok(Flow::Stop);
                }
                let end = match missing {
                    0 => 0,
                    missing => part.ends[missing as usize - 1],
                };
                self.put(&part.bytes[..end], is_first)?;
                self.written.rows = count;
                Ok(Flow::Stop)
            }
            _ => {
                match &mut self.output {
                    Output::Batches(output) => output.write(&part.batches, u64::MAX)?,
                    Output::Bytes(_) => self.put(&part.bytes, is_first)?,
                }
                self.written.rows += part.rows;
                Ok(Flow::Continue)
            }
        }
    }

    /// Writes rows that were moved one by one.
    pub(crate) fn put_rows<'r>(
        &mut self,
        rows: impl Iterator<Item = &'r [u8]>,
        is_first: bool,
    ) -> tamis_engine::Result<()> {
        match &mut self.output {
            Output::Batches(output) => output.write_rows(rows),
            Output::Bytes(_) => {
                let mut is_first = is_first;
                for row in rows {
                    self.put(row, is_first)?;
                    is_first = false;
                }
                Ok(())
            }
        }
    }

    /// Writes rows; the first ones of an array have no comma in front.
    pub(crate) fn put(&mut self, rows: &[u8], is_first: bool) -> tamis_engine::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        self.put_header()?;
        if self.is_array() {
            return self.write(&rows[usize::from(is_first)..]);
        }
        self.terminate()?;
        self.is_terminated = matches!(rows.last(), Some(b'\n' | b'\r'));
        self.write(rows)
    }

    fn terminate(&mut self) -> tamis_engine::Result<()> {
        if !self.is_terminated {
            self.is_terminated = true;
            self.put_header()?;
            self.write(b"\n")?;
        }
        Ok(())
    }
}
