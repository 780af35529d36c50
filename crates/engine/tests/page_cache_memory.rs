//! A file much larger than the budget of its cache, read by two threads, takes no more memory than the budget.
//!
//! A process of its own: the peak that the system tells is that of all threads, and of all that came before.

#![cfg(target_os = "linux")]

use std::thread;

use tamis_engine::counters::peak_rss_bytes;
use tamis_engine::page_cache::{PAGE_BYTES, PageCache};

const LEN: u64 = 1 << 30;
const BUDGET: usize = 8 << 20;

/// Two threads, their stacks, and what the system counts late.
const SLACK_BYTES: u64 = 4 << 20;

#[test]
fn the_peak_of_the_process_grows_by_the_budget_and_no_more() {
    let sparse = tempfile::tempfile().unwrap();
    sparse.set_len(LEN).unwrap();
    let cache = PageCache::new(BUDGET).unwrap();
    let file = cache.register("sparse", sparse, LEN).unwrap();
    let before = peak_rss_bytes().unwrap();
    thread::scope(|scope| {
        for half in 0..2 {
            let file = &file;
            scope.spawn(move || {
                for start in (half * LEN / 2..(half + 1) * LEN / 2).step_by(256 << 10) {
                    let pinned = file.pin(start..start + (256 << 10)).unwrap();
                    assert!(pinned.iter().all(|&byte| byte == 0));
                }
            });
        }
    });
    let counters = cache.counters();
    assert_eq!(
        (counters.hits, counters.misses),
        (0, LEN / PAGE_BYTES as u64)
    );
    assert_eq!(counters.resident_bytes, BUDGET);
    let grown = peak_rss_bytes().unwrap() - before;
    assert!(grown <= BUDGET as u64 + SLACK_BYTES, "{grown} bytes more");
}
