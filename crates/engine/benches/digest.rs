//! How fast a warm file is hashed: each algorithm with one thread and with all.
//!
//! `TAMIS_BENCH_BYTES` sets the size of the file (default 1 GB); it is made in the temporary folder.

#![expect(
    clippy::print_stdout,
    reason = "a bench has nothing else to say it with"
)]

use std::io::Write;
use std::time::Instant;

use tamis_engine::digest::{Algorithm, DigestOptions, of_file};

const ROUND_COUNT: usize = 7;

fn main() {
    // `cargo test --benches` wants to know that it runs, not how fast.
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let (len_bytes, round_count) = if is_bench {
        (bench_bytes(), ROUND_COUNT)
    } else {
        (1 << 20, 1)
    };
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    let mut rng = fastrand::Rng::with_seed(7);
    let mut block = vec![0; 1 << 20];
    for _ in 0..len_bytes.div_ceil(1 << 20) {
        rng.fill(&mut block);
        file.write_all(&block).expect("there is room");
    }
    let all = DigestOptions::default().threads;
    for (algorithm, threads) in [
        (Algorithm::Sha256, 1),
        (Algorithm::Blake3, 1),
        (Algorithm::Blake3, all),
    ] {
        let options = DigestOptions {
            threads,
            ..DigestOptions::default()
        };
        let rounds = (0..round_count).map(|_| {
            let begin = Instant::now();
            let found = of_file(file.path(), algorithm, &options).expect("nobody changes the file");
            found.stamp.len_bytes as f64 / begin.elapsed().as_secs_f64() / 1e9
        });
        let mut rounds: Vec<f64> = rounds.collect();
        rounds.sort_by(f64::total_cmp);
        println!(
            "{algorithm}, {threads} threads: median {:.2} GB/s, best {:.2}",
            rounds[rounds.len() / 2],
            rounds[rounds.len() - 1]
        );
    }
}

fn bench_bytes() -> u64 {
    std::env::var("TAMIS_BENCH_BYTES").map_or(1_000_000_000, |text| {
        text.parse().expect("a number of bytes")
    })
}
