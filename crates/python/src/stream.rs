//! Batches one by one: an iterator over a run that goes on behind it.
//!
//! ```text
//!   consumer's thread (Python's)                  run (a thread of ours, and its workers)
//!   Check::batches ──────── starts ─────────────► run_batches(…)
//!   __next__: waits at the desk   ◄── a batch ──── queue of QUEUED batches; full: the run waits
//!      │ runs the user's Python   ◄── Caller::call "the next bytes of that iterator"
//!   close, or the last reference goes: the queue and the desk close, the run is cancelled and joined
//! ```
//!
//! 1. The run is ahead of the consumer by at most [`QUEUED`] batches and the chunks in flight: a slow consumer slows
//!    the run down and makes it take no more memory.
//! 2. Python code of the input runs inside `__next__` and nowhere else (see [`crate::detached`]). What it raises ends
//!    the run, and comes out of `__next__` behind the batches that were ready before it.
//! 3. Closing the queue and the desk makes every wait of the run end, so that joining it takes no longer than one
//!    chunk does.

use std::mem;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TryRecvError};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use tamis_contract::check::{BatchOptions, CheckError, CheckOptions};
use tamis_contract::report::Report;
use tamis_engine::control::Cancel;
use tamis_engine::pipeline::Flow;
use tamis_engine::source::{FollowSource, Source};

use crate::check::{Check, Teller};
use crate::detached::{Caller, Desk, Served, panic_message};
use crate::reader::{Asked, Pace};
use crate::result::ValidationResult;
use crate::{error, source};

/// Batches that are ready before they are asked for: one, so that there is always one to take, and one in the making.
const QUEUED: usize = 1;

/// Adds the class.
pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ValidationStream>()
}

/// How an input is to be handed out.
pub(crate) struct StreamOptions {
    pub(crate) batches: BatchOptions,
    /// Go on as the file grows.
    pub(crate) follow: bool,
    pub(crate) format: Option<String>,
    pub(crate) progress: Option<Py<PyAny>>,
}

/// Has so many rows count as handled; whether to wait until that holds.
pub(crate) type Commit = Box<dyn Fn(Python<'_>, u64, bool) -> PyResult<()> + Send>;

/// An input of our own.
pub(crate) struct Given {
    pub(crate) input: Box<dyn Source>,
    /// What the input is cancelled by, if not by the run's own cancellation.
    pub(crate) cancel: Option<Cancel>,
    /// Ends the input where it is, if it goes on.
    pub(crate) stop: Cancel,
    pub(crate) commit: Option<Commit>,
}

/// Results of batch after batch. An iterator, and a context manager that closes it.
#[pyclass(module = "tamis", frozen)]
pub(crate) struct ValidationStream {
    state: Mutex<State>,
    /// Ends a followed input where it is.
    stop: Cancel,
}

enum State {
    Running(Box<Running>),
    /// The report of the whole run.
    Done(Box<Report>),
    /// Closed, or failed.
    Closed,
}

struct Running {
    /// Closes when the run is over.
    queue: Receiver<Report>,
    desk: Desk,
    cancel: Cancel,
    run: Option<JoinHandle<Result<Report, CheckError>>>,
    /// Somebody is in `__next__`, to be woken.
    is_waiting: Arc<AtomicBool>,
    teller: Teller,
    /// The Python object that the input asks for its bytes.
    asked: Option<Asked>,
    /// Who is told of rows that are handled ...
    commit: Option<Commit>,
    /// ... and how many have been handed out.
    handed: u64,
    /// Cancels the input, where the run's cancellation does not.
    input_cancel: Option<Cancel>,
    /// The process that the run is in.
    process: u32,
}

impl ValidationStream {
    /// Starts to check `given` with the rules and options of `check`.
    ///
    /// # Errors
    /// `TypeError` for what is no input, or cannot be followed.
    pub(crate) fn start(
        check: &Check,
        given: &Bound<'_, PyAny>,
        options: StreamOptions,
    ) -> PyResult<ValidationStream> {
        if given.is_instance_of::<PyList>() || given.is_instance_of::<PyTuple>() {
            return Err(PyTypeError::new_err("a stream is of one input"));
        }
        let check_options = check.options();
        let cancel = check_options.cancel.clone();
        let stop = Cancel::new();
        let desk = Desk::new(cancel.clone());
        let (input, asked) = if options.follow {
            (followed(given, &stop, &cancel)?, None)
        } else {
            let pace = Pace::Live(&check_options.progress);
            source::paced_source(given, pace, desk.caller())?
        };
        let given = Given {
            input,
            cancel: None,
            stop,
            commit: None,
        };
        ValidationStream::begin(check, check_options, (given, asked, desk), options)
    }

    /// The same for an input of our own.
    #[cfg(feature = "kafka")]
    pub(crate) fn start_given(
        check: &Check,
        given: Given,
        options: StreamOptions,
    ) -> PyResult<ValidationStream> {
        let check_options = check.options();
        let desk = Desk::new(check_options.cancel.clone());
        ValidationStream::begin(check, check_options, (given, None, desk), options)
    }

    fn begin(
        check: &Check,
        mut check_options: CheckOptions,
        (given, asked, desk): (Given, Option<Asked>, Desk),
        options: StreamOptions,
    ) -> PyResult<ValidationStream> {
        let cancel = check_options.cancel.clone();
        let Given {
            input,
            cancel: input_cancel,
            stop,
            commit,
        } = given;
        let inputs = [input];
        check_options.format = source::format(options.format.as_deref(), &inputs)?;
        let teller = Teller::new(options.progress, check_options.progress.clone());
        let (sender, queue) = mpsc::sync_channel(QUEUED);
        let is_waiting = Arc::<AtomicBool>::default();
        let sender = Sender {
            queue: Some(sender),
            caller: desk.caller().clone(),
            is_waiting: Arc::clone(&is_waiting),
        };
        let rules = check.rules().clone();
        let work = move || {
            let [input] = inputs;
            let mut hand_out = |batch| sender.send(batch);
            rules.run_batches(
                input.as_ref(),
                &check_options,
                &options.batches,
                &mut hand_out,
            )
        };
        let run = thread::Builder::new()
            .name("tamis".to_owned())
            .spawn(work)
            .map_err(|source| {
                // Python's own exception for this.
                PyRuntimeError::new_err(format!("cannot start a thread: {source}"))
            })?;
        Ok(ValidationStream {
            state: Mutex::new(State::Running(Box::new(Running {
                queue,
                desk,
                cancel,
                run: Some(run),
                is_waiting,
                teller,
                asked,
                commit,
                handed: 0,
                input_cancel,
                process: process::id(),
            }))),
            stop,
        })
    }

    fn end(&self, py: Python<'_>, is_handled: bool) -> PyResult<()> {
        let mut state = self.state()?;
        let State::Running(running) = &*state else {
            return Ok(());
        };
        let committed = match is_handled && !running.is_forked() {
            true => running.commit(py, true),
            false => Ok(()),
        };
        *state = State::Closed;
        committed
    }

    /// The state, for one thread at a time. A wait for it could be a wait for ourselves: the consumer's own iterator may
    /// ask for the next batch.
    fn state(&self) -> PyResult<std::sync::MutexGuard<'_, State>> {
        self.state
            .try_lock()
            .map_err(|_| PyRuntimeError::new_err("the stream is already being read"))
    }
}

#[pymethods]
impl ValidationStream {
    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    /// The result of the next batch.
    fn __next__(&self, py: Python<'_>) -> PyResult<Option<ValidationResult>> {
        let mut state = self.state()?;
        let State::Running(running) = &mut *state else {
            return Ok(None);
        };
        // Who asks for the next batch has handled those before.
        let next = running.commit(py, false).and_then(|()| running.next(py));
        match next {
            Ok(Some(batch)) => {
                running.handed += batch.rows.total;
                Ok(Some(batch.into()))
            }
            Ok(None) => {
                let ended = running.end(py);
                let ended = running.commit(py, true).and(ended);
                *state = State::Closed;
                match ended? {
                    Ok(report) => *state = State::Done(Box::new(report)),
                    // Stopped before the file had begun.
                    Err(CheckError::Engine(tamis_engine::Error::Interrupted))
                        if self.stop.is_cancelled() => {}
                    Err(error) => return Err(error::of_check(py, &error)),
                }
                Ok(None)
            }
            Err(raised) => {
                *state = State::Closed;
                Err(raised)
            }
        }
    }

    fn __enter__(this: Py<Self>) -> Py<Self> {
        this
    }

    /// Whoever gives the bytes or hears of the progress may hold this stream, which would then run for ever.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // Who is reading the stream holds it, so nothing of it is garbage then.
        let Ok(state) = self.state.try_lock() else {
            return Ok(());
        };
        let State::Running(running) = &*state else {
            return Ok(());
        };
        running.teller.traverse(&visit)?;
        running
            .asked
            .as_ref()
            .map_or(Ok(()), |asked| asked.traverse(&visit))
    }

    fn __exit__(
        &self,
        py: Python<'_>,
        _class: &Bound<'_, PyAny>,
        raised: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        // A batch whose handling raised is not handled.
        self.end(py, raised.is_none())
    }

    /// Ends the run, if it goes on; there are no more batches. Once the stream has come to its end by itself, its
    /// summary stays. The batch at hand counts as handled.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.end(py, true)
    }

    /// Ends a followed input where it is: the rows that were read are still handed out, and there is a summary. From
    /// any thread.
    fn stop(&self) {
        self.stop.cancel();
    }

    /// The result of the whole run, once all batches have been taken.
    fn summary(&self) -> PyResult<ValidationResult> {
        match &*self.state()? {
            State::Done(report) => Ok(report.as_ref().clone().into()),
            State::Running(_) => Err(PyRuntimeError::new_err(
                "there is a summary when all batches have been taken",
            )),
            State::Closed => Err(PyRuntimeError::new_err(
                "there is no summary: the stream was closed before its end",
            )),
        }
    }

    fn __repr__(&self) -> &'static str {
        match self.state.try_lock().as_deref() {
            Ok(State::Done(_)) => "<ValidationStream at its end>",
            Ok(State::Closed) => "<ValidationStream closed>",
            Ok(State::Running(_)) | Err(_) => "<ValidationStream running>",
        }
    }
}

impl Running {
    /// Waits for a batch or the end, `None`, and does meanwhile what the run asks for.
    fn next(&mut self, py: Python<'_>) -> PyResult<Option<Report>> {
        if self.is_forked() {
            return Err(PyRuntimeError::new_err(
                "the stream was begun before this process was forked, and goes on in the other one",
            ));
        }
        let Running {
            queue,
            desk,
            teller,
            is_waiting,
            ..
        } = self;
        // Pairs with the load in `Sender::wake`: who has sent before sees it, or else we see what was sent.
        is_waiting.store(true, Ordering::SeqCst);
        let mut found = None;
        let mut is_over = || {
            found = match queue.try_recv() {
                Ok(batch) => Some(Some(batch)),
                Err(TryRecvError::Disconnected) => Some(None),
                Err(TryRecvError::Empty) => None,
            };
            found.is_some()
        };
        let served = desk.serve(py, |py| teller.tell_if_due(py), &mut is_over);
        is_waiting.store(false, Ordering::SeqCst);
        // Ctrl-C is not kept back by a batch that came at the same time: nobody may ask for another one.
        if served == Served::Interrupted
            && let Some(raised) = desk.caller().take_raised()
        {
            return Err(raised);
        }
        // Where batches come quickly, nobody waited and nobody told.
        teller.tell_if_due(py)?;
        Ok(found.expect("the desk serves until it is there"))
    }

    /// Has all rows that were handed out count as handled.
    fn commit(&self, py: Python<'_>, waits: bool) -> PyResult<()> {
        let commit = self.commit.as_ref().filter(|_| self.handed > 0);
        commit.map_or(Ok(()), |commit| commit(py, self.handed, waits))
    }

    /// Whether this is a copy in a process that was forked, to which no thread of the run has come along.
    fn is_forked(&self) -> bool {
        self.process != process::id()
    }

    /// What the run ended in.
    fn end(&mut self, py: Python<'_>) -> PyResult<Result<Report, CheckError>> {
        let run = self.run.take().expect("it ends once");
        let ended = py.detach(|| run.join());
        if let Some(raised) = self.desk.caller().take_raised() {
            return Err(raised);
        }
        let report = ended.map_err(|panicked| error::internal(py, &panic_message(&*panicked)))?;
        self.teller.tell_end(py)?;
        Ok(report)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.is_forked() {
            // Whoever would be waited for is not here, and locks they held then are held for ever.
            mem::forget(self.run.take());
            mem::forget(mem::replace(&mut self.queue, mpsc::sync_channel(0).1));
            mem::forget(mem::replace(&mut self.desk, Desk::new(Cancel::new())));
            return;
        }
        self.cancel.cancel();
        if let Some(cancel) = &self.input_cancel {
            cancel.cancel();
        }
        // Closed by putting others in their places.
        self.queue = mpsc::sync_channel(0).1;
        self.desk = Desk::new(Cancel::new());
        // What it says in the end is of no interest any more.
        let mut join = || drop(self.run.take().map(JoinHandle::join));
        // Python's other threads go on meanwhile, unless Python itself is at its end.
        if Python::try_attach(|py| py.detach(&mut join)).is_none() {
            join();
        }
    }
}

/// The run's end of the queue.
struct Sender {
    queue: Option<SyncSender<Report>>,
    caller: Caller,
    is_waiting: Arc<AtomicBool>,
}

impl Sender {
    fn send(&self, batch: Report) -> Flow {
        let queue = self.queue.as_ref().expect("it closes when this is dropped");
        match queue.send(batch) {
            Ok(()) => {
                self.wake();
                Flow::Continue
            }
            Err(_) => Flow::Stop,
        }
    }

    /// Wakes nobody who does not wait: messages would pile up before a slow consumer.
    fn wake(&self) {
        if self.is_waiting.load(Ordering::SeqCst) {
            self.caller.wake();
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.queue = None;
        self.wake();
    }
}

/// The file that is to be followed.
fn followed(given: &Bound<'_, PyAny>, stop: &Cancel, cancel: &Cancel) -> PyResult<Box<dyn Source>> {
    let path = source::path(given)?
        .ok_or_else(|| PyTypeError::new_err("only the path of a file can be followed"))?;
    Ok(Box::new(FollowSource::new(
        path,
        stop.clone(),
        cancel.clone(),
    )))
}

/// Seconds as a duration.
///
/// # Errors
/// `ValueError` for what is none.
pub(crate) fn seconds(seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|error| {
        pyo3::exceptions::PyValueError::new_err(format!("`max_wait` of {seconds} seconds: {error}"))
    })
}
