//! The threads that unpack pieces.
//!
//! They start when there is a second piece to unpack, take pieces from one queue, and answer through a channel that
//! each piece brings along; whoever reads the stream waits for the answer of the piece that is next. They touch
//! nothing but the pieces they are given, so they end as soon as nobody gives them any.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::bgzf::Blocks;
use super::pieces::{Piece, Task, Unpacked};
use super::zstd::Unpacker as ZstdUnpacker;
use crate::pool::BufferPool;

/// A piece in the queue: not given to anybody yet, or on its way.
pub(super) enum Ticket {
    Here(Piece),
    Away(Receiver<Unpacked>),
}

struct Job {
    piece: Piece,
    answer: SyncSender<Unpacked>,
}

/// The threads, and what they leave behind.
#[derive(Default)]
pub(super) struct Crew {
    /// 0: the reader does the work.
    threads_max: usize,
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
    is_dismissed: Arc<AtomicBool>,
    /// For what is unpacked by the reader itself.
    own: Unpacker,
    /// Buffers of packed bytes that were handed out.
    spare: Vec<Vec<u8>>,
}

impl Crew {
    /// So many threads may be started. The reader alone needs no help.
    pub(super) fn grow(&mut self, threads: usize) {
        self.threads_max = if threads > 1 { threads } else { 0 };
    }

    /// Pieces that may be on their way: one for each thread to work on, one for it to go on with, and what a slow one
    /// holds up.
    pub(super) fn queue_max(&self) -> usize {
        match self.threads_max {
            0 => 1,
            threads => 2 * threads + 2,
        }
    }

    /// Gives the piece to the threads, if there are any to be had.
    pub(super) fn hand_over(&mut self, ticket: &mut Ticket, pool: &BufferPool) {
        if self.jobs.is_none() {
            self.start(pool);
        }
        let (Ticket::Here(piece), Some(jobs)) = (&mut *ticket, &self.jobs) else {
            return;
        };
        let (answer, answered) = sync_channel(1);
        let job = Job {
            piece: std::mem::take(piece),
            answer,
        };
        *ticket = match jobs.send(job) {
            Ok(()) => Ticket::Away(answered),
            Err(unsent) => Ticket::Here(unsent.0.piece),
        };
    }

    /// What became of a piece; waits for it, or unpacks it here if nobody has it.
    ///
    /// # Errors
    /// When the thread that had it panicked.
    pub(super) fn take_back(&mut self, ticket: Ticket, pool: &BufferPool) -> io::Result<Unpacked> {
        match ticket {
            Ticket::Here(piece) => Ok(self.own.unpack(piece, pool)),
            Ticket::Away(answered) => answered
                .recv()
                .map_err(|_| io::Error::other("the thread that unpacked it panicked")),
        }
    }

    /// Lets the threads end with the pieces they have in hand, and waits for that.
    pub(super) fn dismiss(&mut self) {
        self.is_dismissed.store(true, Ordering::Relaxed);
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // A panic has been noticed by whoever waited for its piece, if anybody did.
            let _ = thread.join();
        }
        self.spare.clear();
    }

    pub(super) fn spare_buffer(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    pub(super) fn keep_buffer(&mut self, mut buffer: Vec<u8>) {
        if self.spare.len() < self.queue_max() {
            buffer.clear();
            self.spare.push(buffer);
        }
    }

    fn start(&mut self, pool: &BufferPool) {
        let (jobs, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..self.threads_max {
            let (queue, pool) = (Arc::clone(&queue), pool.clone());
            let is_dismissed = Arc::clone(&self.is_dismissed);
            let thread = std::thread::Builder::new()
                .name("unpack".to_owned())
                .spawn(move || work(&queue, &pool, &is_dismissed));
            self.threads.extend(thread.ok());
        }
        // Without a single thread the reader does the work.
        self.jobs = (!self.threads.is_empty()).then_some(jobs);
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.dismiss();
    }
}

fn work(queue: &Mutex<Receiver<Job>>, pool: &BufferPool, is_dismissed: &AtomicBool) {
    let mut unpacker = Unpacker::default();
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { piece, answer }) = job else {
            return;
        };
        if is_dismissed.load(Ordering::Relaxed) {
            return;
        }
        // Nobody may be left to hear it.
        let _ = answer.send(unpacker.unpack(piece, pool));
    }
}

/// What one thread needs to unpack pieces of any kind.
#[derive(Default)]
struct Unpacker {
    bgzf: Option<Blocks>,
    zstd: Option<ZstdUnpacker>,
}

impl Unpacker {
    fn unpack(&mut self, piece: Piece, pool: &BufferPool) -> Unpacked {
        let mut plain = pool.take(piece.plain_bytes_max);
        let (bytes, outcome) = match piece.task {
            Task::Bgzf => self
                .bgzf
                .get_or_insert_default()
                .unpack(&piece.packed, &mut plain),
            Task::Zstd => self
                .zstd
                .get_or_insert_default()
                .unpack(&piece.packed, &mut plain),
            Task::Lz4(task) => task.unpack(&piece.packed, &mut plain),
        };
        plain.resize(bytes);
        Unpacked {
            piece,
            plain,
            outcome,
        }
    }
}
