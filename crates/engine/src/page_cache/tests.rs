//! Goal: what is pinned is what the file holds, the budget is never passed, and whatever goes wrong is an error.

use std::fs::File;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;

use super::region::Region;
use super::{CachedFile, PAGE_BYTES, PATIENCE, PageCache};
use crate::Error;
use crate::source::RandomAccess;

const PAGE: usize = 4096;

/// Bytes of which no two pages are alike.
fn plain(len: usize) -> Vec<u8> {
    let words = (0..len.div_ceil(8) as u64).map(|word| word.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
    bytes.truncate(len);
    bytes
}

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(bytes).expect("there is room");
    file
}

fn cache_of(page_count: usize) -> PageCache {
    PageCache::with_page_bytes(page_count * PAGE, PAGE).expect("pages of the system's size")
}

fn registered(cache: &PageCache, bytes: &[u8]) -> CachedFile {
    cache
        .register("pack", file_of(bytes), bytes.len() as u64)
        .expect("there is address space")
}

fn page(index: u64) -> std::ops::Range<u64> {
    index * PAGE as u64..(index + 1) * PAGE as u64
}

/// Hits, misses, evictions and resident pages.
fn counted(cache: &PageCache) -> (u64, u64, u64, usize) {
    let counters = cache.counters();
    let (hits, misses) = (counters.hits, counters.misses);
    (
        hits,
        misses,
        counters.evictions,
        counters.resident_bytes / PAGE,
    )
}

fn read_everywhere(cache: &PageCache, file: &CachedFile, bytes: &[u8], places: &[(usize, usize)]) {
    for (index, &(start, len)) in places.iter().enumerate() {
        let start = start % (bytes.len() + 1);
        let end = (start + len).min(bytes.len());
        if index % 4 == 3 {
            let mut buffer = vec![0; end - start];
            file.read_into(start as u64, &mut buffer)
                .expect("the file is whole");
            assert!(buffer == bytes[start..end], "{start}..{end}");
        } else {
            let pinned = file
                .pin(start as u64..end as u64)
                .expect("the file is whole");
            assert!(*pinned == bytes[start..end], "{start}..{end}");
        }
        let counters = cache.counters();
        assert!(counters.resident_bytes <= counters.budget_bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// With 4 threads that hold up to 4 pages each, a budget of 5 pages refuses often.
    #[test]
    fn bytes_are_those_of_the_file(
        len in 1..40 * PAGE,
        budget_pages in 5..20_usize,
        places in vec(vec((any::<u32>().prop_map(|start| start as usize), 0..3 * PAGE), 1..150), 1..5),
    ) {
        let bytes = plain(len);
        let cache = cache_of(budget_pages);
        let file = registered(&cache, &bytes);
        thread::scope(|scope| {
            for places in &places {
                scope.spawn(|| read_everywhere(&cache, &file, &bytes, places));
            }
        });
        prop_assert!(file.region().resident_bytes() <= budget_pages * PAGE);
    }
}

#[test]
fn a_scan_over_more_than_fits_evicts_what_it_must() {
    let bytes = plain(8 * PAGE);
    let cache = cache_of(4);
    let file = registered(&cache, &bytes);
    for index in (0..8).chain(0..8) {
        drop(file.pin(page(index)).unwrap());
    }
    assert_eq!(counted(&cache), (0, 16, 12, 4));
    drop(file.pin(page(7)).unwrap());
    assert_eq!(counted(&cache), (1, 16, 12, 4));
}

#[test]
fn a_page_in_use_gets_its_second_chance() {
    let bytes = plain(100 * PAGE);
    let cache = cache_of(4);
    let file = registered(&cache, &bytes);
    for index in 1..100 {
        drop(file.pin(page(0)).unwrap());
        drop(file.pin(page(index)).unwrap());
    }
    let (hits, misses, ..) = counted(&cache);
    assert_eq!(hits + misses, 198);
    // The hand marks it on its way and finds it pinned since: it went once or twice, not each time.
    assert!(hits >= 95, "{hits} hits");
}

#[test]
fn what_is_released_goes_first() {
    let bytes = plain(10 * PAGE);
    let cache = cache_of(4);
    let file = registered(&cache, &bytes);
    drop(file.pin(0..4 * PAGE as u64).unwrap());
    // Half a page at both ends: only page 2 is inside.
    file.release(PAGE as u64 * 3 / 2..PAGE as u64 * 7 / 2);
    drop(file.pin(page(9)).unwrap());
    let (hits, ..) = counted(&cache);
    for index in [0, 1, 3] {
        drop(file.pin(page(index)).unwrap());
    }
    assert_eq!(counted(&cache).0, hits + 3);
    file.release(0..u64::MAX);
    file.release(u64::MAX..u64::MAX);
}

#[test]
fn a_range_is_read_at_once_and_counted_by_pages() {
    let bytes = plain(50 * PAGE);
    let cache = cache_of(50);
    let file = registered(&cache, &bytes);
    drop(file.pin(page(5)).unwrap());
    let all = file.pin(0..bytes.len() as u64).unwrap();
    assert!(*all == bytes);
    assert_eq!(counted(&cache), (1, 50, 0, 50));
}

#[test]
fn pinned_pages_stay() {
    let bytes = plain(64 * PAGE);
    let cache = cache_of(4);
    let file = registered(&cache, &bytes);
    let held = file.pin(100..2 * PAGE as u64 + 100).unwrap();
    for index in 3..64 {
        drop(file.pin(page(index)).unwrap());
    }
    assert!(*held == bytes[100..2 * PAGE + 100]);
    assert_eq!(counted(&cache), (0, 64, 60, 4));
}

#[test]
fn a_full_cache_is_an_error_that_names_the_budget() {
    let bytes = plain(8 * PAGE);
    let cache = cache_of(2);
    let file = registered(&cache, &bytes);
    let held = file.pin(0..2 * PAGE as u64).unwrap();
    let begin = Instant::now();
    let error = file.pin(page(5)).unwrap_err();
    assert!(begin.elapsed() >= PATIENCE);
    let Error::CacheFull {
        wanted_bytes,
        budget_bytes,
        ..
    } = error
    else {
        panic!("{error:?}");
    };
    assert_eq!((wanted_bytes, budget_bytes), (PAGE, 2 * PAGE));
    assert!(error.to_string().contains("8192"), "{error}");
    // What is there can be had as ever, and with the pins gone so can the rest.
    assert!(*file.pin(page(1)).unwrap() == bytes[PAGE..2 * PAGE]);
    drop(held);
    assert!(*file.pin(page(5)).unwrap() == bytes[5 * PAGE..6 * PAGE]);
}

#[test]
fn who_finds_no_room_waits_for_it() {
    let bytes = plain(8 * PAGE);
    let cache = cache_of(2);
    let file = registered(&cache, &bytes);
    thread::scope(|scope| {
        let held = file.pin(0..2 * PAGE as u64).unwrap();
        let waiter = scope.spawn(|| file.pin(page(5)).map(|pinned| pinned.to_vec()));
        thread::sleep(Duration::from_millis(30));
        assert!(!waiter.is_finished());
        drop(held);
        assert!(waiter.join().unwrap().unwrap() == bytes[5 * PAGE..6 * PAGE]);
    });
}

#[test]
fn more_than_the_budget_is_refused_at_once() {
    let bytes = plain(8 * PAGE);
    let cache = cache_of(2);
    let file = registered(&cache, &bytes);
    let begin = Instant::now();
    // Two pages long, but it touches three.
    let error = file.pin(1..2 * PAGE as u64 + 1).unwrap_err();
    assert!(matches!(error, Error::CacheFull { .. }), "{error:?}");
    assert!(begin.elapsed() < PATIENCE);
    assert_eq!(counted(&cache).3, 0, "nothing went to make room in vain");
    // Reading it in pieces needs no more than there is.
    let mut buffer = vec![0; bytes.len()];
    file.read_into(0, &mut buffer).unwrap();
    assert!(buffer == bytes);
}

#[test]
fn ranges_outside_of_the_file_are_refused() {
    let bytes = plain(100);
    let cache = cache_of(2);
    let file = cache.register("pack", file_of(&bytes), 60).unwrap();
    #[expect(clippy::reversed_empty_ranges, reason = "it is to be refused")]
    for range in [0..61, 61..61, 30..20, 0..u64::MAX, u64::MAX..u64::MAX] {
        let error = file.pin(range).unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
    }
    assert!(file.read_into(59, &mut [0; 2]).is_err());
    assert!(file.read_into(u64::MAX, &mut [0; 2]).is_err());
    assert!(*file.pin(0..60).unwrap() == bytes[..60]);
    assert!(file.pin(60..60).unwrap().is_empty());
    let empty = cache.register("empty", file_of(b""), 0).unwrap();
    assert!(empty.pin(0..0).unwrap().is_empty());
    assert!(empty.pin(0..1).is_err());
}

#[test]
fn a_file_that_lost_its_end_is_an_error_not_a_crash() {
    let bytes = plain(8 * PAGE);
    let cache = cache_of(4);
    let file = file_of(&bytes);
    let handle = file.try_clone().unwrap();
    let file = cache.register("pack", file, bytes.len() as u64).unwrap();
    let held = file.pin(6 * PAGE as u64..7 * PAGE as u64).unwrap();
    handle.set_len(5 * PAGE as u64 + 10).unwrap();
    for _ in 0..3 {
        let error = file.pin(page(5)).unwrap_err();
        let Error::Changed { byte_offset, .. } = error else {
            panic!("{error:?}");
        };
        assert_eq!(byte_offset, 5 * PAGE as u64 + 10);
        assert_eq!(counted(&cache).3, 1, "what failed holds no memory");
    }
    // A range that fails in its middle gives its pins up.
    assert!(file.pin(4 * PAGE as u64..8 * PAGE as u64).is_err());
    assert!(*held == bytes[6 * PAGE..7 * PAGE], "what was read stays");
    assert_eq!(file.region().resident_bytes(), PAGE);
}

#[test]
fn a_file_shorter_than_was_said_is_not_registered() {
    let cache = cache_of(4);
    let error = cache.register("pack", file_of(b"short"), 6).unwrap_err();
    let Error::Read {
        byte_offset: 5,
        source,
        ..
    } = error
    else {
        panic!("{error:?}");
    };
    assert_eq!(source.kind(), io::ErrorKind::UnexpectedEof);
}

#[test]
fn no_address_space_is_an_error() {
    for page_count in [1 << 40, usize::MAX / PAGE, usize::MAX] {
        assert!(Region::reserve(page_count, PAGE).is_err());
    }
    for (budget_bytes, page_bytes) in [(0, PAGE), (PAGE - 1, PAGE), (1 << 20, 100), (1 << 20, 0)] {
        assert!(PageCache::with_page_bytes(budget_bytes, page_bytes).is_err());
    }
    PageCache::new(usize::MAX).expect("a budget that is never reached costs nothing");
}

#[test]
fn pages_are_checked_each_time_they_are_read() {
    let bytes = plain(4 * PAGE + 10);
    let cache = cache_of(8);
    let calls = Arc::new(AtomicUsize::new(0));
    let (seen, expected) = (calls.clone(), bytes.clone());
    let check = move |start: u64, page: &[u8]| {
        assert!(page == &expected[start as usize..][..page.len()]);
        let is_good = seen.fetch_add(1, Ordering::Relaxed) != 2;
        is_good
            .then_some(())
            .ok_or_else(|| io::Error::other("checksum differs"))
    };
    let len = bytes.len() as u64;
    let file = cache
        .register_checked("pack", file_of(&bytes), len, Box::new(check))
        .unwrap();
    let error = file.pin(0..len).unwrap_err();
    let Error::Read { byte_offset, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(byte_offset, 2 * PAGE as u64);
    assert!(error.to_string().contains("checksum differs"), "{error}");
    assert_eq!(counted(&cache), (0, 0, 0, 0));
    assert!(*file.pin(0..len).unwrap() == bytes);
    drop(file.pin(0..len).unwrap());
    assert_eq!(calls.load(Ordering::Relaxed), 3 + 5);
}

#[test]
fn a_check_that_panics_leaves_nothing_busy() {
    let bytes = plain(2 * PAGE);
    let cache = cache_of(2);
    let is_first = AtomicBool::new(true);
    let check = move |_, _: &[u8]| {
        assert!(!is_first.swap(false, Ordering::Relaxed), "on purpose");
        Ok(())
    };
    let len = bytes.len() as u64;
    let file = cache
        .register_checked("pack", file_of(&bytes), len, Box::new(check))
        .unwrap();
    thread::scope(|scope| {
        assert!(scope.spawn(|| drop(file.pin(0..len))).join().is_err());
    });
    assert_eq!(counted(&cache), (0, 0, 0, 0));
    assert!(*file.pin(0..len).unwrap() == bytes);
}

#[test]
fn many_threads_that_want_a_page_read_it_once() {
    let bytes = plain(PAGE);
    let cache = cache_of(2);
    let check = |_, _: &[u8]| {
        thread::sleep(Duration::from_millis(20));
        Ok(())
    };
    let file = cache
        .register_checked("pack", file_of(&bytes), PAGE as u64, Box::new(check))
        .unwrap();
    let barrier = Barrier::new(8);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                barrier.wait();
                assert!(*file.pin(page(0)).unwrap() == bytes);
            });
        }
    });
    assert_eq!(counted(&cache), (7, 1, 0, 1));
}

#[test]
fn the_last_handle_gives_the_pages_back() {
    let bytes = plain(6 * PAGE);
    let cache = cache_of(8);
    let (first, second) = (registered(&cache, &bytes), registered(&cache, &bytes));
    drop(first.pin(0..6 * PAGE as u64).unwrap());
    drop(second.pin(0..2 * PAGE as u64).unwrap());
    assert_eq!(counted(&cache), (0, 8, 0, 8));
    let clone = first.clone();
    drop(first);
    assert_eq!(counted(&cache).3, 8);
    // A pin that was forgotten keeps a page for as long as its file.
    std::mem::forget(clone.pin(page(0)).unwrap());
    drop(clone);
    assert_eq!(counted(&cache).3, 2);
    assert!(*second.pin(0..6 * PAGE as u64).unwrap() == bytes);
    assert_eq!(counted(&cache), (3, 12, 0, 6));
}

#[test]
fn files_come_and_go_while_others_are_read() {
    let bytes = plain(12 * PAGE);
    let cache = cache_of(6);
    thread::scope(|scope| {
        for seed in 0..4_u64 {
            let (cache, bytes) = (&cache, &bytes);
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed);
                for _ in 0..60 {
                    let file = registered(cache, bytes);
                    for _ in 0..20 {
                        let index = random.u64(0..12);
                        let pinned = file.pin(page(index)).unwrap();
                        assert!(*pinned == bytes[index as usize * PAGE..][..PAGE]);
                    }
                }
            });
        }
    });
    assert_eq!(cache.counters().resident_bytes, 0);
}

#[test]
fn resident_memory_stays_in_the_budget() {
    const LEN: u64 = 1 << 30;
    const BUDGET: usize = 8 << 20;
    let sparse = tempfile::tempfile().expect("a temporary file");
    sparse.set_len(LEN).expect("files can have holes");
    let cache = PageCache::new(BUDGET).unwrap();
    let file = cache.register("sparse", sparse, LEN).unwrap();
    let step = 300_000;
    for (index, start) in (0..LEN - step).step_by(step as usize).enumerate() {
        let pinned = file.pin(start..start + step).unwrap();
        assert!(pinned.iter().all(|&byte| byte == 0));
        // The system is asked now and then only: it looks at a quarter of a million pages.
        if index % 64 == 0 {
            let resident = file.region().resident_bytes();
            assert!(resident <= BUDGET, "{resident} bytes at {start}");
            assert_eq!(resident, cache.counters().resident_bytes);
        }
    }
    let counters = cache.counters();
    assert_eq!(counters.resident_bytes, BUDGET);
    assert_eq!(file.region().resident_bytes(), BUDGET);
    assert!(
        counters.misses >= LEN / PAGE_BYTES as u64 - 30,
        "{counters:?}"
    );
    assert_eq!(
        counters.evictions,
        counters.misses - (BUDGET / PAGE_BYTES) as u64
    );
}

#[test]
fn a_cached_file_is_a_source_of_chunks() {
    let bytes = plain(5 * PAGE);
    let cache = cache_of(4);
    let file: Box<dyn RandomAccess> = Box::new(registered(&cache, &bytes));
    assert_eq!(
        (file.name(), file.backend(), file.len_bytes()),
        ("pack", "cache", 5 * PAGE as u64)
    );
    assert!(file.modified_ns().is_some());
    let mut seen = Vec::new();
    for start in (0..bytes.len() as u64 + 9_999).step_by(5_000) {
        file.with_range(start..start + 5_000, &mut |piece| {
            seen.extend_from_slice(piece)
        })
        .unwrap();
        file.release(start..start + 5_000);
    }
    assert!(seen == bytes);
    file.verify().unwrap();
}
