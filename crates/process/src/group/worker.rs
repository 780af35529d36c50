//! What happens to a piece of input: rows to groups, values to states.

use std::sync::Mutex;

use tamis_engine::kernel::Kernel;
use tamis_expr::{Evaluator, RESULT_BYTES_MAX};
use tamis_formats::csv::Dialect;
use tamis_formats::vector::{Misfit, Nulls, Reader, Vector};
use tamis_formats::{Block, Malformed, Visitor};

use super::aggregate::{From, Lane, Taken, Written};
use super::decimals::{Decimals, Writing};
use super::key::Context;
use super::plan::{Computed, Origin, Plan, Source};
use super::spilled::Spilled;
use super::state::{Groups, KeyInput};
use crate::order::{Tickets, order};
use crate::spill::SpillPlace;
use crate::table::{Layout, Piece, Readers};

/// Rows after which a worker looks at how much memory its groups take.
const ROWS_PER_LOOK: usize = 8192;

/// With less memory than this it looks after each block.
const MEMORY_TO_WATCH: usize = 1 << 20;

/// What all workers share.
pub(super) struct Shared<'s> {
    pub(super) plan: &'s Plan,
    pub(super) readers: Readers,
    pub(super) skips_malformed: bool,
    /// What the groups of one worker may take.
    pub(super) memory_bytes: usize,
    pub(super) place: SpillPlace,
    /// Pieces get numbers, by which it is known in the end where they stood.
    pub(super) tickets: Tickets,
    /// What workers leave behind, for the workers of the next input and for the end.
    pub(super) hands: Mutex<Vec<Hand>>,
}

/// What a worker has gathered.
#[derive(Debug)]
pub(super) struct Hand {
    pub(super) groups: Groups,
    pub(super) spilled: Option<Spilled>,
    arguments: Vec<Argument>,
}

/// The values of an argument in the block at hand.
#[derive(Debug)]
enum Argument {
    Numbers(Decimals),
    Values(Vector),
}

/// A worker of one input.
pub(super) struct Worker<'s> {
    shared: &'s Shared<'s>,
    /// There until the worker is done.
    hand: Option<Hand>,
    reader: Reader,
    dialect: Option<Dialect>,
    point: u8,
    nulls: Nulls,
    kernel: Kernel,
    rows_since_look: usize,
    /// Where the wanted columns are in blocks.
    fields: Vec<usize>,
    /// The values of those that expressions compute with.
    vectors: Vec<Vector>,
    filter: Evaluator,
    evaluators: Vec<Evaluator>,
}

/// What became of a piece.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// Its number.
    pub(super) ticket: u32,
    /// Records left out.
    pub(super) malformed: u64,
    /// Values that could not be computed.
    pub(super) failed: u64,
    pub(super) fault: Option<Fault>,
}

/// Why the run cannot go on. Rows count within the piece, from 0.
#[derive(Debug)]
pub(super) enum Fault {
    /// Texts that are computed take more than so many bytes.
    TextsTooLarge(usize),
    Misfit {
        row: u64,
        /// The column of the table.
        column: usize,
        value: String,
    },
    Malformed {
        row: u64,
        byte_offset: u64,
        fault: String,
    },
}

impl<'s> Worker<'s> {
    pub(super) fn new(shared: &'s Shared<'s>, layout: &Layout) -> Worker<'s> {
        let plan = shared.plan;
        let left = shared
            .hands
            .lock()
            .expect("no worker panics while it holds the lock")
            .pop();
        let mut hand = left.unwrap_or_else(|| Hand {
            groups: Groups::new(plan),
            spilled: None,
            arguments: plan
                .arguments
                .iter()
                .map(|argument| match argument.lane() {
                    Lane::Numbers => Argument::Numbers(Decimals::new(argument.ty)),
                    Lane::Doubles | Lane::Others => Argument::Values(Vector::default()),
                })
                .collect(),
        });
        hand.groups
            .keys
            .iter_mut()
            .for_each(|key| key.forget_fields());
        Worker {
            shared,
            hand: Some(hand),
            reader: shared.readers.of(layout),
            dialect: layout.dialect,
            point: shared.readers.point(),
            nulls: shared.readers.nulls().clone(),
            kernel: shared.readers.kernel(),
            rows_since_look: 0,
            fields: layout.fields.clone(),
            vectors: vec![Vector::default(); plan.wanted.len()],
            filter: Evaluator::new(shared.readers.kernel()),
            evaluators: plan
                .computed
                .iter()
                .map(|_| Evaluator::new(shared.readers.kernel()))
                .collect(),
        }
    }

    pub(super) fn take(&mut self, piece: Piece<'_>) -> tamis_engine::Result<Part> {
        let ticket = self.shared.tickets.next();
        let byte_offset = piece.byte_offset();
        let mut rows = Rows {
            worker: self,
            byte_offset,
            row: 0,
            part: Part {
                ticket,
                ..Part::default()
            },
            error: None,
        };
        piece.visit(&mut rows)?;
        match rows.error {
            Some(error) => Err(error),
            None => Ok(rows.part),
        }
    }

    fn hand(&mut self) -> &mut Hand {
        self.hand
            .as_mut()
            .expect("it is there until the worker is done")
    }

    /// Takes the rows of a block, the first of which stands at `order`. Returns how many values could not be computed.
    fn take_block(&mut self, block: &Block<'_>, order: u64) -> Result<u64, Trouble> {
        let plan = self.shared.plan;
        let hand = self
            .hand
            .as_mut()
            .expect("it is there until the worker is done");
        let mut misfits: Vec<(usize, Misfit)> = Vec::new();
        for (place, ty) in plan.types.iter().enumerate() {
            if let Some(ty) = *ty {
                let vector = &mut self.vectors[place];
                let read = self.reader.read(block, self.fields[place], ty, vector);
                misfits.extend(read.err().map(|misfit| (place, misfit)));
            }
        }
        if let Some(first) = first_of(&mut misfits) {
            return Err(Trouble::Misfit(plan.wanted[first.0], first.1));
        }
        let inputs = |computed: &Computed| -> Vec<tamis_expr::Input<'_>> {
            let inputs = computed.inputs.iter().map(|&place| tamis_expr::Input {
                vector: &self.vectors[place],
                bytes: block.column(self.fields[place]).bytes,
            });
            inputs.collect()
        };
        let mut failed = 0;
        let filter_inputs = plan.filter.as_ref().map(&inputs);
        let selected = plan.filter.as_ref().zip(filter_inputs.as_ref());
        let selected = selected.map(|(filter, inputs)| {
            let rows = self.filter.select(&filter.expression, inputs, block.rows);
            failed += rows.failed_count();
            rows.rows
        });
        let computed_inputs: Vec<_> = plan.computed.iter().map(inputs).collect();
        let mut evaluated = Vec::with_capacity(plan.computed.len());
        let with_inputs = plan.computed.iter().zip(&computed_inputs);
        for ((computed, inputs), evaluator) in with_inputs.zip(&mut self.evaluators) {
            let values = evaluator.evaluate(&computed.expression, inputs, block.rows);
            let is_selected = |word: usize| selected.map_or(u64::MAX, |selected| selected[word]);
            let words = values.failed.iter().enumerate();
            let counts = words.map(|(at, word)| u64::from((word & is_selected(at)).count_ones()));
            failed += counts.sum::<u64>();
            if values.is_too_large {
                return Err(Trouble::TextsTooLarge);
            }
            evaluated.push(values);
        }
        let computed = |at: usize| Written {
            vector: evaluated[at].vector,
            from: From::Computed {
                bytes: evaluated[at].bytes,
            },
            decoded: Vec::new(),
        };
        let mut keys: Vec<KeyInput<'_>> = plan
            .keys
            .iter()
            .map(|key| match key.origin {
                Origin::Column(place) => KeyInput::Column(self.fields[place]),
                Origin::Computed(at) => KeyInput::Values(computed(at)),
            })
            .collect();
        let mut context = Context {
            reader: &mut self.reader,
            dialect: self.dialect.as_ref(),
            point: self.point,
        };
        let found = hand
            .groups
            .find(block, &mut keys, selected, order, &mut context);
        let place = |source: &Source| match source.origin {
            Origin::Column(place) => place,
            Origin::Computed(_) => unreachable!("what is computed fits"),
        };
        let found = found.err().into_iter().flatten();
        misfits.extend(found.map(|(key, misfit)| (place(&plan.keys[key]), misfit)));
        let writing = Writing {
            dialect: self.dialect.as_ref(),
            point: self.point,
            nulls: &self.nulls,
            kernel: self.kernel,
        };
        for (argument, source) in hand.arguments.iter_mut().zip(&plan.arguments) {
            let read = match (argument, source.origin) {
                (Argument::Numbers(numbers), Origin::Column(place)) => {
                    numbers.read(block, self.fields[place], writing)
                }
                (Argument::Numbers(numbers), Origin::Computed(at)) => {
                    numbers.set(evaluated[at].vector);
                    Ok(())
                }
                (Argument::Values(vector), Origin::Column(place)) => {
                    self.reader
                        .read(block, self.fields[place], source.ty, vector)
                }
                (Argument::Values(_), Origin::Computed(_)) => Ok(()),
            };
            misfits.extend(read.err().map(|misfit| (place(source), misfit)));
        }
        if let Some(first) = first_of(&mut misfits) {
            return Err(Trouble::Misfit(plan.wanted[first.0], first.1));
        }
        let (groups, accumulators) = hand.groups.rows_and_accumulators();
        for (accumulator, &(_, argument)) in accumulators.iter_mut().zip(&plan.states) {
            let Some(argument) = argument else {
                accumulator.take(groups, order, Taken::Rows);
                continue;
            };
            match (&hand.arguments[argument], plan.arguments[argument].origin) {
                (Argument::Numbers(numbers), _) => {
                    accumulator.take(groups, order, Taken::Numbers(numbers));
                }
                (Argument::Values(_), Origin::Computed(at)) => {
                    accumulator.take(groups, order, Taken::Values(&mut computed(at)));
                }
                (Argument::Values(vector), Origin::Column(place)) => {
                    let mut written = Written {
                        vector,
                        from: From::Block {
                            block,
                            column: self.fields[place],
                            dialect: self.dialect.as_ref(),
                        },
                        decoded: Vec::new(),
                    };
                    accumulator.take(groups, order, Taken::Values(&mut written));
                }
            }
        }
        Ok(failed)
    }

    /// Moves the groups to disk if they take too much memory, now and then: after so many rows more.
    fn look(&mut self, rows: usize) -> tamis_engine::Result<()> {
        let shared = self.shared;
        self.rows_since_look += rows;
        if self.rows_since_look < ROWS_PER_LOOK && shared.memory_bytes > MEMORY_TO_WATCH {
            return Ok(());
        }
        self.rows_since_look = 0;
        let hand = self.hand();
        if hand.groups.memory_bytes() <= shared.memory_bytes {
            return Ok(());
        }
        hand.spill(&shared.place)
    }
}

impl Hand {
    /// Moves all groups to disk.
    pub(super) fn spill(&mut self, place: &SpillPlace) -> tamis_engine::Result<()> {
        let spilled = match &mut self.spilled {
            Some(spilled) => spilled,
            none => none.insert(Spilled::new(place)?),
        };
        spilled.append(&self.groups)?;
        self.groups.clear();
        Ok(())
    }
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        if let (Some(hand), Ok(mut hands)) = (self.hand.take(), self.shared.hands.lock()) {
            hands.push(hand);
        }
    }
}

/// Why the rows of a block cannot be taken.
enum Trouble {
    /// A value that is not of its type, and the column of the table it is in.
    Misfit(usize, Misfit),
    /// Texts that are computed take more than [`RESULT_BYTES_MAX`].
    TextsTooLarge,
}

/// The misfit of the first row: whatever the cut of the input into blocks, it is the same.
fn first_of(misfits: &mut Vec<(usize, Misfit)>) -> Option<(usize, Misfit)> {
    misfits.drain(..).min_by_key(|(_, misfit)| misfit.row)
}

/// The rows of a piece, one block after the other.
struct Rows<'r, 's> {
    worker: &'r mut Worker<'s>,
    byte_offset: u64,
    /// Rows of the piece so far.
    row: u64,
    part: Part,
    error: Option<tamis_engine::Error>,
}

impl Rows<'_, '_> {
    fn is_over(&self) -> bool {
        self.error.is_some() || self.part.fault.is_some()
    }
}

impl Visitor for Rows<'_, '_> {
    fn block(&mut self, block: &Block<'_>) {
        if self.is_over() {
            return;
        }
        let order = order(self.part.ticket, self.row);
        match self.worker.take_block(block, order) {
            Ok(failed) => self.part.failed += failed,
            Err(Trouble::TextsTooLarge) => {
                self.part.fault = Some(Fault::TextsTooLarge(RESULT_BYTES_MAX));
                return;
            }
            Err(Trouble::Misfit(column, misfit)) => {
                self.part.fault = Some(Fault::Misfit {
                    row: self.row + misfit.row as u64,
                    column,
                    value: String::from_utf8_lossy(&misfit.text).into_owned(),
                });
                return;
            }
        }
        self.row += block.rows as u64;
        self.error = self.worker.look(block.rows).err();
    }

    fn malformed(&mut self, record: &Malformed<'_>) {
        if self.is_over() {
            return;
        }
        if self.worker.shared.skips_malformed {
            self.part.malformed += 1;
        } else {
            self.part.fault = Some(Fault::Malformed {
                row: self.row,
                byte_offset: self.byte_offset + record.range.start as u64,
                fault: record.fault.describe(self.byte_offset),
            });
        }
        self.row += 1;
    }
}
