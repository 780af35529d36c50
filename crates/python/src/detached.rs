//! Long work, without the interpreter lock and open to Ctrl-C.
//!
//! ```text
//!   calling thread (Python's)                     worker thread
//!   Desk::run ──────── spawns ──────────────────► work(…)            no lock held
//!      │ waits without the lock                     │
//!      │◄─────────── Message::Call ─────────────────┤ Caller::call: "read 512 KiB of that file object"
//!      │ takes the lock, runs it, replies ─────────►│
//!      │ 20 times a second: signals, `watch`        │
//!      │◄─────────── Message::Wake ─────────────────┘ done
//! ```
//!
//! 1. Python code (file objects, iterators, callbacks) runs on the thread that called us and on no other: such objects
//!    are often bound to their thread, and only there can Ctrl-C interrupt them.
//! 2. The first exception, be it of that code, of a signal handler or of `watch`, ends the run: it is kept, and is what
//!    [`Desk::run`] ends in, untouched. Calls that come after it are not run. Whoever waits for one gets
//!    [`Error::Interrupted`], which ends the run as any failed read does; the other two cancel it.
//! 3. A panic, of the worker or of what it has the calling thread do, becomes `tamis.InternalError`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use tamis_engine::control::Cancel;
use tamis_engine::{Error, Result};

use crate::error;

/// How often the calling thread looks after signals.
const TICK: Duration = Duration::from_millis(50);

/// Python code to be run on the calling thread.
type Job = Box<dyn FnOnce(Python<'_>) + Send>;

enum Message {
    Call(Job),
    Wake,
}

/// The calling thread, as itself sees it: runs what its workers ask for.
pub(crate) struct Desk {
    messages: Receiver<Message>,
    caller: Caller,
}

/// How [`Desk::serve`] came to its end.
#[derive(PartialEq, Eq)]
pub(crate) enum Served {
    Undisturbed,
    Interrupted,
}

/// The calling thread, as its workers see it.
#[derive(Clone)]
pub(crate) struct Caller {
    messages: Sender<Message>,
    raised: Arc<Mutex<Option<PyErr>>>,
    cancel: Cancel,
}

impl Desk {
    /// A desk whose runs `cancel` stops.
    pub(crate) fn new(cancel: Cancel) -> Desk {
        let (sender, messages) = mpsc::channel();
        let caller = Caller {
            messages: sender,
            raised: Arc::default(),
            cancel,
        };
        Desk { messages, caller }
    }

    /// A handle for workers.
    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Runs `work` on a thread of its own until it ends; `watch` is called about 20 times a second.
    ///
    /// # Errors
    /// The first exception that Python code raised meanwhile; `tamis.InternalError` if `work` panics.
    pub(crate) fn run<T: Send>(
        &mut self,
        py: Python<'_>,
        watch: impl FnMut(Python<'_>) -> PyResult<()>,
        work: impl FnOnce() -> T + Send,
    ) -> PyResult<T> {
        let is_done = AtomicBool::new(false);
        let caller = self.caller.clone();
        let ended = thread::scope(|scope| {
            let worker = || {
                let _wakes = WakesOnDrop(&caller, &is_done);
                work()
            };
            let worker = thread::Builder::new()
                .name("tamis".to_owned())
                .spawn_scoped(scope, worker)
                // Python's own exception for this.
                .map_err(|source| {
                    PyRuntimeError::new_err(format!("cannot start a thread: {source}"))
                })?;
            self.serve(py, watch, || is_done.load(Ordering::Acquire));
            py.detach(|| worker.join())
                .map_err(|panicked| error::internal(py, &panic_message(&*panicked)))
        });
        match self.caller.take_raised() {
            Some(raised) => Err(raised),
            None => ended,
        }
    }

    /// Runs what workers ask for, and `watch` every now and then, until `is_over`. That is looked at after each call,
    /// after [`Caller::wake`], and 20 times a second. Says whether a signal handler or `watch` raised; the run then
    /// ends in that, and is cancelled.
    pub(crate) fn serve(
        &mut self,
        py: Python<'_>,
        mut watch: impl FnMut(Python<'_>) -> PyResult<()>,
        mut is_over: impl FnMut() -> bool,
    ) -> Served {
        let mut served = Served::Undisturbed;
        let mut ticked = Instant::now();
        while !is_over() {
            let messages = &mut self.messages;
            let wait = TICK.saturating_sub(ticked.elapsed());
            // Our own `caller` keeps the channel open: an error is a timeout.
            let message = py.detach(move || messages.recv_timeout(wait));
            if let Ok(Message::Call(job)) = message
                && !self.caller.has_raised()
                && let Err(panicked) = catch_unwind(AssertUnwindSafe(|| job(py)))
            {
                self.caller
                    .raise(error::internal(py, &panic_message(&*panicked)));
            }
            if ticked.elapsed() >= TICK {
                ticked = Instant::now();
                let outcome = py
                    .check_signals()
                    .and_then(|()| match self.caller.has_raised() {
                        true => Ok(()),
                        false => watch(py),
                    });
                if let Err(raised) = outcome {
                    self.caller.raise(raised);
                    served = Served::Interrupted;
                }
            }
        }
        served
    }
}

impl Caller {
    /// Runs `job` on the calling thread and waits for what it gives.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when it raises (the run ends in its exception), or when the run is over.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        job: impl FnOnce(Python<'_>) -> PyResult<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, replied) = mpsc::channel();
        let caller = self.clone();
        let job = move |py: Python<'_>| match job(py) {
            Ok(given) => {
                // Nobody waits any more if the worker panicked.
                let _ = reply.send(given);
            }
            // The error ends the run in its turn: what was read before is still worth something.
            Err(raised) => caller.keep(raised),
        };
        self.messages
            .send(Message::Call(Box::new(job)))
            .map_err(|_| Error::Interrupted)?;
        replied.recv().map_err(|_| Error::Interrupted)
    }

    /// Makes the calling thread look whether it is over.
    pub(crate) fn wake(&self) {
        // If nobody listens any more there is nobody to wake.
        let _ = self.messages.send(Message::Wake);
    }

    /// Ends the run at once in this exception, unless an earlier one does.
    fn raise(&self, raised: PyErr) {
        self.cancel.cancel();
        self.keep(raised);
    }

    fn keep(&self, raised: PyErr) {
        self.lock().get_or_insert(raised);
    }

    /// The exception that the run is to end in, if there is one.
    pub(crate) fn take_raised(&self) -> Option<PyErr> {
        self.lock().take()
    }

    /// What stops the run.
    pub(crate) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    fn has_raised(&self) -> bool {
        self.lock().is_some()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<PyErr>> {
        self.raised.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the wait of the calling thread, also when the worker panics.
struct WakesOnDrop<'a>(&'a Caller, &'a AtomicBool);

impl Drop for WakesOnDrop<'_> {
    fn drop(&mut self) {
        // Pairs with the load in `Desk::run`: who sees it true finds the worker at its end.
        self.1.store(true, Ordering::Release);
        self.0.wake();
    }
}

/// What a panic said.
pub(crate) fn panic_message(panicked: &(dyn std::any::Any + Send)) -> String {
    let text = panicked
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned());
    text.or_else(|| panicked.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}
