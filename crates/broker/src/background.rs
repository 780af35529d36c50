//! Threads that work now and then, until they are told that it is over.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

/// Such a thread; it ends with this, or when it is told to.
#[derive(Debug)]
pub(crate) struct Background {
    ending: Arc<Ending>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Background {
    /// Starts a thread of this name.
    pub(crate) fn start(
        name: &str,
        run: impl FnOnce(&Ending) + Send + 'static,
    ) -> std::io::Result<Background> {
        let ending = Arc::new(Ending::default());
        let is_ending = ending.clone();
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || run(&is_ending))?;
        Ok(Background {
            ending,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Ends the thread, and waits for what it is in the middle of.
    pub(crate) fn end(&self) {
        self.ending.end();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // A panic there was told of by its own message.
            let _ = thread.join();
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.end();
    }
}

/// Tells a thread that waits for its next turn that there is none.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    is_over: Mutex<bool>,
    has_ended: Condvar,
}

impl Ending {
    /// Says that it is over.
    fn end(&self) {
        *self.lock() = true;
        self.has_ended.notify_all();
    }

    /// Whether it is.
    pub(crate) fn is_over(&self) -> bool {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.is_over.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a moment, or for none; `false`: this is the end.
    pub(crate) fn wait_until(&self, due: Option<Instant>) -> bool {
        let mut is_over = self.lock();
        while !*is_over {
            let Some(due) = due else {
                let waited = self.has_ended.wait(is_over);
                is_over = waited.unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.has_ended.wait_timeout(is_over, left);
            is_over = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        !*is_over
    }
}
