//! What a read at random costs through the page cache, through a mapping, and by position.
//!
//! `miss` reads a file of four times the budget, so three reads of four evict a page and load one; `hit` reads one that fits. A read
//! starts anywhere, and sums what it gets, so that all of it is touched. The file is in the system's page cache: what is
//! compared is the work on top of it, not the disk. Times are those of one read of each thread.
//!
//! `TAMIS_BENCH_BYTES` sets the size of the file (default 512 MiB); it is made in the temporary folder.

use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tamis_engine::mmap::{self, Advice, Mapping};
use tamis_engine::page_cache::{CachedFile, PageCache};

const READ_BYTES: [usize; 2] = [4 << 10, 128 << 10];
const PAGE_BYTES: [usize; 2] = [16 << 10, 64 << 10];

/// A way of reading.
enum Reader {
    Cache(CachedFile),
    Mapping(Mapping),
    Pread(File),
}

impl Reader {
    /// Visits `range`; `buffer` is for who needs one.
    fn sum(&self, range: Range<usize>, buffer: &mut [u8]) -> u64 {
        match self {
            Reader::Cache(file) => {
                let range = range.start as u64..range.end as u64;
                sum(&file.pin(range).expect("there is room"))
            }
            Reader::Mapping(mapping) => {
                let mut total = 0;
                mapping.with_bytes(range, &mut |bytes| total = sum(bytes));
                total
            }
            Reader::Pread(file) => {
                let buffer = &mut buffer[..range.len()];
                file.read_exact_at(buffer, range.start as u64)
                    .expect("the file is whole");
                sum(buffer)
            }
        }
    }
}

fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let total = words.fold(0, u64::wrapping_add);
    rest.iter()
        .fold(total, |total, &byte| total.wrapping_add(byte.into()))
}

/// `count` reads of `read_bytes` by each of `thread_count` threads.
fn run(
    reader: &Reader,
    len: usize,
    read_bytes: usize,
    thread_count: usize,
    count: u64,
) -> Duration {
    let begin = Instant::now();
    thread::scope(|scope| {
        for seed in 0..thread_count {
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed as u64 ^ count << 8);
                let mut buffer = vec![0; read_bytes];
                for _ in 0..count {
                    let start = random.usize(0..len - read_bytes);
                    black_box(reader.sum(start..start + read_bytes, &mut buffer));
                }
            });
        }
    });
    begin.elapsed()
}

fn readers(file: &File, len: usize, budget_bytes: usize) -> Vec<(String, Reader)> {
    let open = || file.try_clone().expect("a descriptor is left");
    let mut readers = Vec::new();
    for page_bytes in PAGE_BYTES {
        let cache = PageCache::with_page_bytes(budget_bytes, page_bytes).expect("a budget");
        let cached = cache
            .register("bench", open(), len as u64)
            .expect("there is address space");
        let name = format!("cache {} KiB", page_bytes >> 10);
        readers.push((name, Reader::Cache(cached)));
    }
    let mapping = Mapping::advised(file, 0..len as u64, Advice::Random).expect("it can be mapped");
    readers.push(("mmap".to_owned(), Reader::Mapping(mapping)));
    readers.push(("pread".to_owned(), Reader::Pread(open())));
    readers
}

fn make_file(len: usize) -> File {
    let mut file = tempfile::tempfile().expect("a temporary file");
    let mut random = fastrand::Rng::with_seed(1);
    let mut block = vec![0; 1 << 20];
    for _ in 0..len >> 20 {
        random.fill(&mut block);
        file.write_all(&block).expect("there is room");
    }
    file
}

fn bench(criterion: &mut Criterion) {
    mmap::install_fault_handler().expect("the handler can be installed");
    // `cargo test --benches` wants to know that it runs, not how fast.
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let len = std::env::var("TAMIS_BENCH_BYTES")
        .map_or(512 << 20, |text| text.parse().expect("a number of bytes"));
    let len = if is_bench { len } else { 4 << 20 };
    let file = make_file(len);
    for (case, budget_bytes) in [("miss", len / 4), ("hit", len + (1 << 20))] {
        let mut group = criterion.benchmark_group(case);
        for (name, reader) in readers(&file, len, budget_bytes) {
            for read_bytes in READ_BYTES {
                for thread_count in [1, 2] {
                    // So that a cache is as full as it gets.
                    run(&reader, len, 128 << 10, 1, 8 * (len >> 17) as u64);
                    let parameter = format!("{} KiB, {thread_count} threads", read_bytes >> 10);
                    group.throughput(Throughput::Bytes((read_bytes * thread_count) as u64));
                    group.bench_function(BenchmarkId::new(&name, parameter), |bencher| {
                        bencher.iter_custom(|count| {
                            run(&reader, len, read_bytes, thread_count, count)
                        });
                    });
                }
            }
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = bench
}
criterion_main!(benches);
