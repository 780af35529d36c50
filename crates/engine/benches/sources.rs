//! What a back end costs: counting the newlines of a warm file, opened anew each time.
//!
//! The back ends take turns for some rounds and the best round of each counts, because whatever else
//! the machine does only ever makes one slower. Shown are the time on the clock and the CPU time of all
//! threads per GB, and the highest resident size.
//!
//! `TAMIS_BENCH_BYTES` sets the size of the file (default 1 GB); it is made in the temporary folder.

#![expect(
    clippy::print_stdout,
    reason = "a bench has nothing else to say it with"
)]

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use tamis_engine::mmap;
use tamis_engine::source::{FileSource, Io, Opened, RandomAccess, ReadOptions, Source};

const ROUND_COUNT: usize = 12;

/// One way of reading.
#[derive(Clone, Copy)]
struct Setup {
    name: &'static str,
    io: Io,
    releases: bool,
    chunk_kib: u64,
    thread_count: usize,
}

/// What it cost, per GB where it depends on the size.
#[derive(Clone, Copy)]
struct Cost {
    wall_ms: f64,
    cpu_ms: f64,
    peak_rss_mb: f64,
}

fn main() {
    mmap::install_fault_handler().expect("the handler can be installed");
    // `cargo test --benches` wants to know that it runs, not how fast.
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let (len_bytes, round_count) = if is_bench {
        (bench_bytes(), ROUND_COUNT)
    } else {
        (1 << 20, 1)
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("rows.csv");
    make_file(&path, len_bytes);

    let setups = setups();
    let mut best = vec![
        Cost {
            wall_ms: f64::MAX,
            cpu_ms: f64::MAX,
            peak_rss_mb: 0.0
        };
        setups.len()
    ];
    for _ in 0..round_count {
        for (setup, best) in setups.iter().zip(&mut best) {
            let cost = measure(&path, *setup);
            best.wall_ms = best.wall_ms.min(cost.wall_ms);
            best.cpu_ms = best.cpu_ms.min(cost.cpu_ms);
            best.peak_rss_mb = best.peak_rss_mb.max(cost.peak_rss_mb);
        }
    }
    println!("threads  back end           chunk    ms/GB    GB/s  CPU ms/GB  peak RSS");
    for (setup, cost) in setups.iter().zip(&best) {
        let Setup {
            name,
            chunk_kib,
            thread_count,
            ..
        } = setup;
        let Cost {
            wall_ms,
            cpu_ms,
            peak_rss_mb,
        } = cost;
        let speed = 1e3 / wall_ms;
        println!(
            "{thread_count:7}  {name:14} {chunk_kib:5} KiB {wall_ms:8.1} {speed:7.2} {cpu_ms:10.1} {peak_rss_mb:6.0} MB"
        );
    }
}

fn bench_bytes() -> u64 {
    std::env::var("TAMIS_BENCH_BYTES").map_or(1_000_000_000, |text| {
        text.parse().expect("a number of bytes")
    })
}

fn setups() -> Vec<Setup> {
    let mut setups = Vec::new();
    for thread_count in [1, 2] {
        for (name, io, releases) in [
            ("read", Io::Read, false),
            ("mmap", Io::Mmap, false),
            ("mmap, released", Io::Mmap, true),
        ] {
            for chunk_kib in [256, 512, 1024, 4096] {
                setups.push(Setup {
                    name,
                    io,
                    releases,
                    chunk_kib,
                    thread_count,
                });
            }
        }
    }
    setups
}

fn make_file(path: &Path, len_bytes: u64) {
    let mut writer =
        BufWriter::new(File::create(path).expect("the temporary folder can be written to"));
    let mut written = 0;
    for row in 0u64.. {
        if written >= len_bytes {
            break;
        }
        let record = format!(
            "TX{row:010},{}.25,2024-05-06T07:08:09Z,ACCT{:08},DE,memo\n",
            row % 9973,
            row % 77_777
        );
        writer.write_all(record.as_bytes()).expect("there is room");
        written += record.len() as u64;
    }
    writer.flush().expect("there is room");
}

fn measure(path: &Path, setup: Setup) -> Cost {
    let _ = fs::write("/proc/self/clear_refs", "5"); // Forgets the peak so far.
    let cpu_ns = AtomicU64::new(0);
    let begin = Instant::now();
    let source = FileSource::new(
        path,
        ReadOptions {
            io: setup.io,
            ..ReadOptions::default()
        },
    );
    let Ok(Opened::Random(bytes)) = source.open() else {
        panic!("a regular file is random access")
    };
    let next_chunk = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..setup.thread_count {
            scope.spawn(|| {
                count_newlines(&*bytes, setup, &next_chunk);
                cpu_ns.fetch_add(thread_cpu_ns(), Ordering::Relaxed);
            });
        }
    });
    let gigabytes = bytes.len_bytes() as f64 / 1e9;
    Cost {
        wall_ms: begin.elapsed().as_secs_f64() * 1e3 / gigabytes,
        cpu_ms: cpu_ns.into_inner() as f64 / 1e6 / gigabytes,
        peak_rss_mb: peak_rss_kib() as f64 / 1e3,
    }
}

fn count_newlines(bytes: &dyn RandomAccess, setup: Setup, next_chunk: &AtomicU64) {
    let chunk_bytes = setup.chunk_kib << 10;
    loop {
        let start = next_chunk.fetch_add(1, Ordering::Relaxed) * chunk_bytes;
        if start >= bytes.len_bytes() {
            return;
        }
        let mut count = 0;
        bytes
            .with_range(start..start + chunk_bytes, &mut |seen| {
                count = memchr::memchr_iter(b'\n', seen).count()
            })
            .expect("nobody changes the file");
        black_box(count);
        if setup.releases {
            bytes.release(start..start + chunk_bytes);
        }
    }
}

/// CPU time of the calling thread; 0 where the system does not say.
fn thread_cpu_ns() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|field| field.parse().ok())
        .unwrap_or(0)
}

/// Highest resident size since it was last forgotten; 0 where the system does not say.
fn peak_rss_kib() -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
