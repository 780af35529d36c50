//! Goal: no interleaving lets anybody read a page that is being loaded or dropped, sleep for ever, or pass the budget.
//!
//! The whole cache runs here, over `region_fake.rs`: what a check would miss by looking at the words alone (a slot that
//! is free too early, a page that is nobody's) shows as well.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use loom::thread;

use super::{CachedFile, PageCache, PageCheck, Refusal};

/// The shortest that there are. A page holds its number, counted from 1, in each byte.
const PAGE: usize = 4096;

/// Every interleaving with at most so many preemptions: three, as for the look-back, or two where there are three threads and
/// three would take minutes.
fn model(preemptions: usize, check: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(check);
}

/// Reading and comparing sizes are what they are outside of a check.
fn real_file() -> File {
    let mut file = tempfile::tempfile().expect("a temporary file");
    for page in 1..=3_u8 {
        file.write_all(&[page; PAGE]).expect("there is room");
    }
    file
}

fn cache_of(page_count: usize) -> PageCache {
    PageCache::with_page_bytes(page_count * PAGE, PAGE).expect("pages of the system's size")
}

fn registered(cache: &PageCache, file: &File, check: Option<Box<PageCheck>>) -> CachedFile {
    let file = file.try_clone().expect("a descriptor is left");
    let len_bytes = 3 * PAGE as u64;
    match check {
        None => cache.register("pack", file, len_bytes),
        Some(check) => cache.register_checked("pack", file, len_bytes, check),
    }
    .expect("memory is always there")
}

/// Looks at a page. Whether there was room for it. (No yielding on the way, after which `loom` tries next to nothing; whether
/// others could write meanwhile it tells by what orders them, not by when they ran.)
fn look(file: &CachedFile, page: usize) -> bool {
    match file.try_pin(page) {
        Ok(pinned) => {
            assert_eq!(pinned[0], page as u8 + 1);
            assert_eq!(pinned[PAGE - 1], page as u8 + 1);
            true
        }
        Err(Refusal::Full) => false,
        Err(Refusal::Failed(error)) => panic!("{error}"),
    }
}

fn assert_within_budget(cache: &PageCache) {
    let counters = cache.counters();
    assert!(counters.resident_bytes <= counters.budget_bytes);
}

#[test]
fn loom_threads_that_want_one_page_all_see_it() {
    let file = real_file();
    model(2, move || {
        let cache = cache_of(1);
        let file = registered(&cache, &file, None);
        let others = [0, 1].map(|_| {
            let file = file.clone();
            thread::spawn(move || assert!(look(&file, 0)))
        });
        assert!(look(&file, 0));
        for other in others {
            other.join().unwrap();
        }
        let counters = cache.counters();
        assert_eq!((counters.hits, counters.misses), (2, 1));
    });
}

#[test]
fn loom_pages_that_share_a_slot_are_never_mixed_up() {
    let file = real_file();
    model(3, move || {
        let cache = cache_of(1);
        let file = registered(&cache, &file, None);
        let other = {
            let file = file.clone();
            thread::spawn(move || look(&file, 0) | look(&file, 1))
        };
        let mine = look(&file, 1) | look(&file, 0);
        assert_within_budget(&cache);
        // Refused is only who looks while somebody else has the slot, so one of both gets through.
        assert!(other.join().unwrap() | mine);
        assert!(look(&file, 2), "nobody has a pin any more");
    });
}

#[test]
fn loom_a_page_that_goes_and_comes_again_is_waited_for() {
    let file = real_file();
    model(2, move || {
        let cache = cache_of(1);
        let file = registered(&cache, &file, None);
        let waiter = {
            let file = file.clone();
            thread::spawn(move || look(&file, 0))
        };
        let evictor = {
            let file = file.clone();
            thread::spawn(move || look(&file, 1))
        };
        look(&file, 0);
        look(&file, 0);
        waiter.join().unwrap();
        evictor.join().unwrap();
        assert_within_budget(&cache);
    });
}

#[test]
fn loom_a_page_is_loaded_after_its_old_memory_went() {
    let file = real_file();
    model(3, move || {
        let cache = cache_of(2);
        let file = registered(&cache, &file, None);
        assert!(look(&file, 0) && look(&file, 1));
        // Evicts the first page, while it is asked for again and finds room in the slot of the second.
        let evictor = {
            let file = file.clone();
            thread::spawn(move || look(&file, 2))
        };
        look(&file, 0);
        evictor.join().unwrap();
        assert_within_budget(&cache);
    });
}

#[test]
fn loom_who_waits_for_a_load_that_fails_loads_itself() {
    let file = real_file();
    model(3, move || {
        let cache = cache_of(1);
        let is_first = AtomicBool::new(true);
        let check = move |_, _: &[u8]| match is_first.swap(false, Ordering::Relaxed) {
            true => Err(io::Error::other("checksum differs")),
            false => Ok(()),
        };
        let file = registered(&cache, &file, Some(Box::new(check)));
        let other = {
            let file = file.clone();
            thread::spawn(move || file.try_pin(0).is_ok())
        };
        let mine = file.try_pin(0).is_ok();
        let other = other.join().unwrap();
        assert!(mine ^ other, "one met the damage, one did not");
        assert!(look(&file, 0) && look(&file, 1));
        let counters = cache.counters();
        assert_eq!((counters.resident_bytes, counters.evictions), (PAGE, 1));
    });
}

#[test]
fn loom_a_file_goes_while_its_page_is_evicted() {
    let file = real_file();
    model(3, move || {
        let cache = cache_of(1);
        let (first, second) = (
            registered(&cache, &file, None),
            registered(&cache, &file, None),
        );
        assert!(look(&first, 0));
        let other = thread::spawn(move || look(&second, 2));
        drop(first);
        // The slot is the first file's, or free, or was taken from it. While its memory goes there may be no room.
        let _ = other.join().unwrap();
        assert_eq!(cache.counters().resident_bytes, 0);
    });
}

#[test]
fn loom_the_last_handle_drops_what_others_have_read() {
    let file = real_file();
    model(3, move || {
        let cache = cache_of(1);
        let file = registered(&cache, &file, None);
        assert!(look(&file, 0));
        // Dropping a handle is nothing that `loom` sees, so it would not try which one is last: a word that orders nothing does it.
        let is_gone = Arc::new(loom::sync::atomic::AtomicBool::new(false));
        let other = {
            let (file, is_gone) = (file.clone(), is_gone.clone());
            thread::spawn(move || {
                look(&file, 0);
                drop(file);
                is_gone.store(true, Ordering::Relaxed);
            })
        };
        is_gone.load(Ordering::Relaxed);
        drop(file);
        other.join().unwrap();
        assert_eq!(cache.counters().resident_bytes, 0);
    });
}
