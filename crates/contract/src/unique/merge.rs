//! Goes through the partitions on several threads and finds what repeats.
//!
//! Partitions share nothing, so threads take them one after the other from a common list; each
//! gathers its duplicates by itself, and the union of sets does not depend on who found what.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::num::NonZero;
use std::sync::Mutex;
use std::thread;

use tamis_engine::Result;

use super::PARTITIONS;
use super::duplicates::Collector;
use super::entry::{self, Entry};
use super::spill::{ExtentReader, Spill};

/// Keys below which starting a thread costs more than it saves.
const ENTRIES_PER_THREAD: usize = 50_000;

/// The duplicates of partitions that never left memory, by the thread that found them.
pub(super) fn in_memory(partitions: &mut [Vec<Entry>], threads: NonZero<usize>) -> Vec<Collector> {
    let entries: usize = partitions.iter().map(Vec::len).sum();
    let threads = threads.get().min(entries / ENTRIES_PER_THREAD).max(1);
    on_threads(partitions.iter_mut(), threads, |partition, worker| {
        entry::sort(partition, &mut worker.scratch);
        worker.collector.take_repeats(partition);
        *partition = Vec::new();
    })
}

/// The duplicates across the extents of a spill file, by the thread that found them.
pub(super) fn spilled(
    spill: &Spill,
    memory_bytes: usize,
    threads: NonZero<usize>,
) -> Result<Vec<Collector>> {
    let threads = threads.get().min(PARTITIONS);
    let failure = Mutex::new(None);
    let collectors = on_threads(0..PARTITIONS, threads, |partition, worker| {
        let readers = spill.readers(partition, memory_bytes / threads);
        if let Err(error) = merge(readers, &mut worker.collector) {
            *failure
                .lock()
                .expect("no thread panics while it holds the lock") = Some(error);
        }
    });
    match failure
        .into_inner()
        .expect("no thread panics while it holds the lock")
    {
        Some(error) => Err(error),
        None => Ok(collectors),
    }
}

/// Merges sorted extents and takes every entry whose key came before.
fn merge(mut readers: Vec<ExtentReader<'_>>, collector: &mut Collector) -> Result<()> {
    let mut heads = BinaryHeap::with_capacity(readers.len());
    for (index, reader) in readers.iter_mut().enumerate() {
        heads.extend(reader.next()?.map(|entry| Reverse((entry, index))));
    }
    let mut previous: Option<Entry> = None;
    while let Some(mut head) = heads.peek_mut() {
        let Reverse((entry, index)) = *head;
        match readers[index].next()? {
            Some(next) => *head = Reverse((next, index)),
            None => drop(PeekMut::pop(head)),
        }
        match previous {
            Some(first) if first.has_key_of(&entry) => collector.push(entry.ordinal),
            _ => previous = Some(entry),
        }
    }
    Ok(())
}

/// What a thread works with and what it has found.
#[derive(Default)]
struct Worker {
    collector: Collector,
    scratch: Vec<Entry>,
}

/// Runs `work` over all items on `threads` threads, this one included.
fn on_threads<T: Send>(
    items: impl Iterator<Item = T> + Send,
    threads: usize,
    work: impl Fn(T, &mut Worker) + Sync,
) -> Vec<Collector> {
    let items = Mutex::new(items);
    let run = || {
        let mut worker = Worker::default();
        loop {
            let item = items.lock().expect("taking an item does not panic").next();
            let Some(item) = item else {
                return worker.collector;
            };
            work(item, &mut worker);
        }
    };
    thread::scope(|scope| {
        // Those that the system gives: this thread does what is left.
        let others: Vec<_> = (1..threads)
            .map_while(|_| thread::Builder::new().spawn_scoped(scope, run).ok())
            .collect();
        let mut collectors = vec![run()];
        for other in others {
            match other.join() {
                Ok(collector) => collectors.push(collector),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        collectors
    })
}
