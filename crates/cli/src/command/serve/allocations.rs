//! What the process allocates is counted, in builds with the feature `count-allocations`.
//!
//! Each call adds to two counters that all threads share, which costs time on machines with many cores: so it is off by default.

#![expect(unsafe_code, reason = "a global allocator is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use tamis_broker::{Allocations, Builder};

/// Has the broker tell of it.
pub(super) fn told_of(builder: Builder) -> Builder {
    builder.allocations(|| Allocations {
        count: COUNT.load(Ordering::Relaxed),
        bytes: BYTES.load(Ordering::Relaxed),
    })
}

/// The system's allocator, counting.
struct Counting;

/// Calls that take memory, growing what one has included.
static COUNT: AtomicU64 = AtomicU64::new(0);
/// Bytes that they asked for; of what grows, by how much.
static BYTES: AtomicU64 = AtomicU64::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn note(len_bytes: usize) {
    COUNT.fetch_add(1, Ordering::Relaxed);
    BYTES.fetch_add(len_bytes as u64, Ordering::Relaxed);
}

// SAFETY: every call is passed on to the system's allocator as it came, so its promises are kept; counting neither allocates nor panics.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller's promise is `System`'s requirement.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller's promise is `System`'s requirement.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is `System`'s requirement.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        note(new_size.saturating_sub(layout.size()));
        // SAFETY: the caller's promise is `System`'s requirement.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_allocated_is_counted() {
        let before = (COUNT.load(Ordering::Relaxed), BYTES.load(Ordering::Relaxed));
        let memory = std::hint::black_box(vec![1_u8; 100_000]);
        assert!(COUNT.load(Ordering::Relaxed) > before.0);
        assert!(BYTES.load(Ordering::Relaxed) >= before.1 + memory.len() as u64);
    }
}
