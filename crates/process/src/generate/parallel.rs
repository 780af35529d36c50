//! Chunks of rows made on all cores and written in order.
//!
//! 1. Worker `w` of `n` makes the chunks `w`, `w + n`, `w + 2n`, ... and sends each into its own
//!    channel, which holds one finished chunk: a worker is at most two chunks ahead.
//! 2. The calling thread takes chunks from the channels in turn, which is the order of the rows,
//!    writes them, and sends the empty buffers back.
//! 3. If writing fails or the run is cancelled, the calling thread drops the channels; a worker
//!    whose channel is gone returns.

use std::num::NonZero;
use std::ops::Range;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread;

use tamis_engine::control::{Cancel, Progress};
use tamis_engine::sink::Sink;

use super::fault::Fault;
use super::manifest::Manifest;
use crate::Result;

/// Rows of a chunk: about 270 KB of CSV, so that a chunk is still in the L2 cache when it is written.
const CHUNK_ROWS: u64 = 4096;

/// Makes the rows of a data set, in any order.
pub(super) trait Maker: Sync {
    /// What comes before the first row.
    fn header(&self) -> &[u8];

    /// Appends row `number` (from 0) to `out`; says what is wrong with it.
    fn push(&self, number: u64, out: &mut Vec<u8>) -> Option<Fault>;
}

/// A finished chunk and its counts.
struct Chunk {
    bytes: Vec<u8>,
    counts: Manifest,
}

/// The two ends that the calling thread holds of one worker.
struct Worker {
    chunks: Receiver<Chunk>,
    buffers: Sender<Vec<u8>>,
}

/// Writes `rows` rows of `maker` to `sink`.
pub(super) fn write(
    maker: &impl Maker,
    rows: u64,
    sink: &mut dyn Sink,
    threads: NonZero<usize>,
    cancel: &Cancel,
    progress: &Progress,
) -> Result<Manifest> {
    let header = maker.header();
    sink.write_all(header)?;
    let mut total = Manifest {
        bytes: header.len() as u64,
        ..Manifest::default()
    };

    let chunk_count = rows.div_ceil(CHUNK_ROWS);
    let worker_count = (threads.get() as u64).min(chunk_count);
    thread::scope(|scope| -> Result<()> {
        let workers: Vec<Worker> = (0..worker_count)
            .map(|first| {
                let (chunk_sender, chunks) = mpsc::sync_channel(1);
                let (buffers, buffer_receiver) = mpsc::channel();
                let own_chunks = (first..chunk_count).step_by(worker_count as usize);
                let own_rows = own_chunks
                    .map(move |chunk| chunk * CHUNK_ROWS..rows.min((chunk + 1) * CHUNK_ROWS));
                scope.spawn(move || make_chunks(maker, own_rows, &chunk_sender, &buffer_receiver));
                Worker { chunks, buffers }
            })
            .collect();

        for worker in workers.iter().cycle().take(chunk_count as usize) {
            cancel.check()?;
            // A worker sends all its chunks unless it panics; then the scope panics too when it ends.
            let Ok(chunk) = worker.chunks.recv() else {
                break;
            };
            sink.write_all(&chunk.bytes)?;
            total.add(&chunk.counts);
            progress.add_plain_bytes(chunk.counts.bytes);
            progress.add_records(chunk.counts.rows);
            // The worker may have returned already: then nobody needs the buffer.
            let _ = worker.buffers.send(chunk.bytes);
        }
        Ok(())
    })?;
    Ok(total)
}

/// Makes the chunks of one worker until there are no more, or until nobody takes them.
fn make_chunks(
    maker: &impl Maker,
    chunks: impl Iterator<Item = Range<u64>>,
    finished: &SyncSender<Chunk>,
    buffers: &Receiver<Vec<u8>>,
) {
    for rows in chunks {
        let mut bytes = buffers.try_recv().unwrap_or_default();
        bytes.clear();
        let mut counts = Manifest::default();
        for number in rows {
            counts.add_row(maker.push(number, &mut bytes));
        }
        counts.bytes = bytes.len() as u64;
        if finished.send(Chunk { bytes, counts }).is_err() {
            return;
        }
    }
}
