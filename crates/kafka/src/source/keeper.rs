//! Keeps a member in its group while nothing is read.
//!
//! A group takes a member that asks for nothing for dead after some minutes, and gives its partitions away. Between the end of the stream
//! and the commit there may be a sort, or an output that is slow.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::consumer::Consumer;

/// How long it may take until the thread notices that it is to end.
const STEP: Duration = Duration::from_millis(50);

/// A thread that asks; it ends with this.
#[derive(Debug)]
pub(super) struct Keeper {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Begins; whatever still comes is thrown away, and nobody has been told that it was read. Without a thread the member is as
    /// good as it was.
    pub(super) fn start(consumer: Arc<Consumer>) -> Keeper {
        let is_over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_over);
        let keep = move || {
            while !seen.load(Ordering::Relaxed) {
                // What is wrong shows when offsets are committed.
                if consumer.poll(STEP).is_err() {
                    thread::sleep(STEP);
                }
            }
        };
        let thread = thread::Builder::new().name("tamis-kafka".to_owned());
        Keeper {
            is_over,
            thread: thread.spawn(keep).ok(),
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It holds nothing that a panic could leave half done.
            let _ = thread.join();
        }
    }
}
