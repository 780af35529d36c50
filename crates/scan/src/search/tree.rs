//! Many files at once: folders are walked and their files searched by all threads.
//!
//! A file up to [`SMALL_BYTES_MAX`](super::small::SMALL_BYTES_MAX) is read whole into a buffer of its thread, which takes four system calls; most files are. Middling ones stay with their thread, in chunks. Larger
//! ones wait until the walk is over and are then searched one after the other, each on all cores. Inputs that are no files of a file system
//! come last, in their order.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use ignore::{DirEntry, WalkBuilder, WalkState};
use tamis_engine::pipeline::{self, Flow, Options};
use tamis_engine::source::{FileSource, ReadOptions, Source, StdinSource};

use super::input::{Found, Origin};
use super::inputs::{Inputs, Order};
use super::name::Name;
use super::one::{self, Reading};
use super::options::{Report, Search};
use super::output::{InputOutput, Output};
use super::small::{Ahead, Small};
use super::stats::Stats;
use crate::{Error, Result, Work};

/// What standard input is called.
const STDIN_NAME: &[u8] = b"<stdin>";

/// How all inputs together came out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    /// Whether what was asked for is in one of them.
    pub is_match: bool,
    /// Whether one of them could not be searched; each was told of.
    pub has_failed: bool,
    /// Whether there was an input at all.
    pub has_searched: bool,
    /// Counts, if they were asked for.
    pub stats: Stats,
    /// What it took.
    pub work: Work,
}

/// A search of many inputs.
pub(super) struct Job<'a> {
    pub(super) search: &'a Search,
    pub(super) inputs: &'a Inputs,
    pub(super) reading: &'a Reading,
    pub(super) output: &'a Output,
    on_error: &'a (dyn Fn(&Error) + Sync),
    state: Mutex<State>,
    /// The answer is known, or there will be none.
    is_decided: AtomicBool,
}

#[derive(Default)]
struct State {
    outcome: Outcome,
    /// Inputs that all threads are needed for.
    large: Vec<Input>,
    /// What ends the search.
    fatal: Option<Error>,
}

/// An input that was found.
#[derive(Debug)]
pub(super) struct Input {
    /// Where it is, or what it is called.
    pub(super) path: PathBuf,
    pub(super) origin: Origin,
    pub(super) place: Place,
}

/// What the bytes of an input come from.
#[derive(Debug)]
pub(super) enum Place {
    File,
    Stdin,
    /// Somebody else knows how to open it.
    Given(Box<dyn Source>),
}

/// An input that is no file of a file system, such as one in a store.
#[derive(Debug)]
pub struct Given {
    /// What it is called.
    pub name: PathBuf,
    /// Its bytes.
    pub source: Box<dyn Source>,
    /// Somebody named it; others were found in a folder.
    pub is_named: bool,
}

/// Searches all inputs, and what is `given` behind them. Those that cannot be read are told to `on_error`, and the others searched.
///
/// # Errors
/// Those that concern no input: of the output, or a cancellation.
pub fn search(
    search: &Search,
    inputs: &Inputs,
    given: &mut (dyn Iterator<Item = Result<Given>> + Send),
    reading: &Reading,
    output: &Output,
    on_error: &(dyn Fn(&Error) + Sync),
) -> Result<Outcome> {
    let job = Job {
        search,
        inputs,
        reading,
        output,
        on_error,
        state: Mutex::default(),
        is_decided: AtomicBool::new(false),
    };
    match (&inputs.walk, &inputs.single, inputs.order) {
        (None, ..) => {}
        (_, Some(path), _) => {
            let place = match path.as_os_str() == "-" {
                true => Place::Stdin,
                false => Place::File,
            };
            job.search_large(&Input {
                path: path.clone(),
                origin: Origin::Named,
                place,
            });
        }
        (Some(walk), None, None) => job.search_as_found(walk),
        (Some(walk), None, Some(order)) => job.search_in_order(walk, order)?,
    }
    let mut given = given.filter_map(|it| job.input_of_given(it));
    job.search_each(&mut given)?;
    let State { outcome, fatal, .. } = job
        .state
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    match fatal {
        Some(error) => Err(error),
        None => {
            reading.cancel.check()?;
            Ok(outcome)
        }
    }
}

impl Job<'_> {
    fn search_as_found(&self, walk: &WalkBuilder) {
        let mut walk = walk.clone();
        walk.threads(self.reading.threads);
        walk.build_parallel().run(|| {
            let mut small = Small::new(self);
            Box::new(move |entry| {
                if self.is_over() {
                    return WalkState::Quit;
                }
                if let Some(input) = self.input_of(entry) {
                    small.search_or_postpone(input);
                }
                WalkState::Continue
            })
        });
        loop {
            let next = self.lock().large.pop();
            let Some(input) = next.filter(|_| !self.is_over()) else {
                return;
            };
            self.search_large(&input);
        }
    }

    /// Searches what a walk finds in `order`.
    fn search_in_order(&self, walk: &WalkBuilder, order: Order) -> Result<()> {
        let mut walk = walk.clone();
        if order == Order::Path {
            walk.sort_by_file_name(|a, b| a.cmp(b));
        }
        let mut inputs = walk.build().filter_map(|entry| self.input_of(entry));
        match order {
            Order::Path => self.search_each(&mut inputs),
            _ => self.search_each(&mut by_time(order, inputs).into_iter()),
        }
    }

    /// Searches inputs in their order; small ones ahead of time, as long as their rows are few.
    fn search_each(&self, inputs: &mut (dyn Iterator<Item = Input> + Send)) -> Result<()> {
        let mut inputs = inputs.take_while(|_| !self.is_over()).peekable();
        if inputs.peek().is_none() {
            return Ok(());
        }
        let options = Options {
            threads: self.reading.threads,
            cancel: self.reading.cancel.clone(),
            ..Options::default()
        };
        pipeline::run_items(
            "inputs",
            inputs.map(Ok),
            &options,
            || Small::new(self),
            |small, input| Ok(small.search_ahead(input)),
            |ahead| {
                match ahead {
                    Ahead::Done(found, rows) => {
                        let mut output = self.output.input();
                        output.buffer().extend_from_slice(&rows);
                        output.finish()?;
                        self.note(Ok(found));
                    }
                    Ahead::Failed(error) => self.note(Err(error)),
                    Ahead::Postponed(input) => self.search_large(&input),
                }
                Ok(match self.is_over() {
                    true => Flow::Stop,
                    false => Flow::Continue,
                })
            },
        )?;
        Ok(())
    }

    /// The input behind an entry of the walk: named files of any kind, and regular files found.
    fn input_of(&self, entry: std::result::Result<DirEntry, ignore::Error>) -> Option<Input> {
        let entry = match entry {
            Ok(entry) => entry,
            Err(source) => {
                self.failed(&Error::Walk { source });
                return None;
            }
        };
        if let Some(source) = entry.error() {
            self.failed(&Error::Walk {
                source: source.clone(),
            });
        }
        let is_named = entry.depth() == 0;
        let is_file = entry.file_type().is_some_and(|kind| kind.is_file());
        // Most entries are files that were found: they are not looked at.
        if !(entry.is_stdin() || is_file || is_named && !entry.path().is_dir()) {
            return None;
        }
        Some(Input {
            place: match entry.is_stdin() {
                true => Place::Stdin,
                false => Place::File,
            },
            path: entry.into_path(),
            origin: if is_named {
                Origin::Named
            } else {
                Origin::Found
            },
        })
    }

    fn input_of_given(&self, given: Result<Given>) -> Option<Input> {
        match given {
            Ok(given) => Some(Input {
                path: given.name,
                origin: match given.is_named {
                    true => Origin::Named,
                    false => Origin::Found,
                },
                place: Place::Given(given.source),
            }),
            Err(error) => {
                self.failed(&error);
                None
            }
        }
    }

    /// Searches an input on all cores.
    fn search_large(&self, input: &Input) {
        let mut output = self.output.input();
        // No other input is searched meanwhile, and rows are shown when they are found.
        output.take_output();
        self.note(self.search_source(input, self.reading, output));
    }

    pub(super) fn search_source(
        &self,
        input: &Input,
        reading: &Reading,
        output: InputOutput<'_>,
    ) -> Result<Found> {
        let name = self.name(input);
        let search = |source: &dyn Source, output| {
            one::search(self.search, source, &name, input.origin, reading, output)
        };
        let read = self.inputs.read.clone();
        match &input.place {
            Place::Stdin => search(
                &StdinSource::new(ReadOptions { live: true, ..read }),
                output,
            ),
            Place::File => search(&FileSource::new(&input.path, read), output),
            Place::Given(source) => search(source.as_ref(), output),
        }
    }

    pub(super) fn name(&self, input: &Input) -> Name {
        let path = match (&input.place, self.inputs.is_implied) {
            (Place::Stdin, _) => return Name::new(STDIN_NAME, self.search),
            (Place::File, true) => input.path.strip_prefix("./").unwrap_or(&input.path),
            _ => &input.path,
        };
        Name::new(path.as_os_str().as_bytes(), self.search)
    }

    /// Takes note of how an input came out.
    pub(super) fn note(&self, found: Result<Found>) {
        match found {
            Ok(found) => {
                let mut outcome = Outcome::default();
                self.add(found, &mut outcome);
                self.take(outcome);
            }
            Err(error) if error.is_of_run() => {
                self.lock().fatal.get_or_insert(error);
                self.is_decided.store(true, Ordering::Relaxed);
            }
            Err(error) => {
                self.lock().outcome.has_searched = true;
                self.failed(&error);
            }
        }
    }

    /// Takes note of how an input came out in an outcome that nobody else sees: files are many, and threads are not to wait for
    /// each other at each of them.
    pub(super) fn add(&self, found: Found, outcome: &mut Outcome) {
        outcome.has_searched = true;
        outcome.is_match |= found.is_match;
        outcome.stats += found.stats;
        outcome.work += found.work;
        let ends = self.search.report == Report::Quiet && self.search.ends_at_first_match();
        if ends && found.is_match {
            self.is_decided.store(true, Ordering::Relaxed);
        }
    }

    /// Takes note of what [`add`](Self::add) has gathered.
    pub(super) fn take(&self, outcome: Outcome) {
        let all = &mut self.lock().outcome;
        all.has_searched |= outcome.has_searched;
        all.is_match |= outcome.is_match;
        all.stats += outcome.stats;
        all.work += outcome.work;
    }

    fn failed(&self, error: &Error) {
        (self.on_error)(error);
        self.lock().outcome.has_failed = true;
    }

    /// Leaves an input for when the walk is over.
    pub(super) fn postpone(&self, input: Input) {
        self.lock().large.push(input);
    }

    /// Whether nothing further is to be searched.
    fn is_over(&self) -> bool {
        self.is_decided.load(Ordering::Relaxed) || self.reading.cancel.is_cancelled()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn by_time(order: Order, inputs: impl Iterator<Item = Input>) -> Vec<Input> {
    let mut timed: Vec<_> = inputs
        .map(|input| {
            let metadata = input.path.metadata();
            let time = metadata.and_then(|metadata| match order {
                Order::Accessed => metadata.accessed(),
                Order::Created => metadata.created(),
                _ => metadata.modified(),
            });
            (time.ok(), input)
        })
        .collect();
    // Inputs without a time, such as streams, come last.
    timed.sort_by_key(|(time, _)| (time.is_none(), *time));
    timed.into_iter().map(|(_, input)| input).collect()
}
