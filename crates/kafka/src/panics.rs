//! Panics of librdkafka's binding: errors of what a cluster sent, and nothing that a user should read about.
//!
//! The binding panics on names of headers, groups and members that are not UTF-8, which any producer can write. [`caught`] makes that
//! nothing; the panic hook of this process, which would print a message first, is silenced by [`keep_quiet`].

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// Whether this thread is inside of the binding, whose panics are expected.
    static IS_READING: Cell<bool> = const { Cell::new(false) };
}

/// Makes the panic hook of this process silent about panics of the binding; those of everybody else are reported as before.
pub fn keep_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_READING.get() {
                before(panic);
            }
        }));
    });
}

/// What `read` returns; `None` if what it reads is not UTF-8.
pub(crate) fn caught<T>(read: impl FnOnce() -> T) -> Option<T> {
    let outside = IS_READING.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(read));
    IS_READING.set(outside);
    outcome.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_nothing_and_leaves_no_mark() {
        keep_quiet();
        keep_quiet();
        let bytes = vec![0xff];
        let read = caught(|| std::str::from_utf8(&bytes).expect("it is UTF-8").len());
        assert_eq!(read, None);
        assert!(!IS_READING.get());
        assert_eq!(caught(|| 1), Some(1));
    }
}
