//! The `tamis` binary: everything it does is [`tamis::run_as_process`].
//!
//! Memory is the system's, unless a feature names another allocator: docs/PERFORMANCE.md says what they do for the broker. What is to be
//! counted is the system's in any case.

use std::process::ExitCode;

#[cfg(all(
    feature = "jemalloc",
    not(any(feature = "mimalloc", feature = "count-allocations"))
))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[cfg(all(feature = "mimalloc", not(feature = "count-allocations")))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tamis::run_as_process(std::env::args_os()).into()
}
