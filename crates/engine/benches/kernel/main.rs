//! Every kernel on one block of transactions, for each instruction set of this CPU.
//!
//! - `cargo bench -p tamis-engine --bench kernel` times them. Byte kernels report bytes per second, column
//!   kernels rows per second; 64 KiB at a time, as in a check, so that all of it is in the cache.
//! - `... -- --once avx2` runs each of them once and says which came when, for `cargo xtask bench --regress`, which
//!   counts the instructions of [`measured`].

mod cases;
mod layout;

use criterion::{Criterion, Throughput};
use tamis_engine::kernel::Kernel;

use cases::{Amount, Block};

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    let once = arguments.iter().position(|argument| argument == "--once");
    match once.map(|at| arguments.get(at + 1)) {
        Some(Some(name)) => run_once(Kernel::by_name(name).expect("this CPU has it")),
        Some(None) => panic!("`--once` needs the name of an instruction set"),
        None => time(),
    }
}

/// Each case in a call of [`measured`]; their names in that order.
#[expect(clippy::print_stdout, reason = "this is the output of the program")]
fn run_once(kernel: Kernel) {
    let block = Block::transactions();
    for mut case in block.cases() {
        // What is allocated at first use is not counted.
        (case.run)(kernel);
        measured(&mut || (case.run)(kernel));
        println!("{}", case.name);
    }
}

/// A function that callgrind finds by its name.
#[inline(never)]
fn measured(run: &mut dyn FnMut()) {
    run();
}

fn time() {
    let seconds = std::time::Duration::from_secs(1);
    let mut criterion = Criterion::default()
        .warm_up_time(seconds / 4)
        .measurement_time(seconds)
        .configure_from_args();
    let block = Block::transactions();
    for mut case in block.cases() {
        let mut group = criterion.benchmark_group(case.name);
        group.throughput(match case.amount {
            Amount::Bytes(bytes) => Throughput::Bytes(bytes as u64),
            Amount::Rows(rows) => Throughput::Elements(rows as u64),
        });
        for kernel in Kernel::available() {
            group.bench_function(kernel.name(), |bencher| bencher.iter(|| (case.run)(kernel)));
        }
    }
    layout::time(&mut criterion, &block);
    criterion.final_summary();
}
