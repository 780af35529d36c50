//! Panics of decoders: errors of the file, and nothing that a user should read about.
//!
//! Apache's decoders panic on some damaged files where they should return an error. [`caught`] makes that an error. By
//! then the panic hook has printed a message and told of backtraces, as if the program had a bug; a program that wants
//! none of it calls [`keep_quiet`] when it starts. A library has no business with the hook of its program, so nobody else does.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// Whether this thread is inside of a decoder, whose panics are expected.
    static IS_DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Makes the panic hook of this process silent about panics of decoders, which become errors; those of everybody else are
/// reported as before.
pub fn keep_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_DECODING.get() {
                before(panic);
            }
        }));
    });
}

/// What `decoder` returns; what it says when it panics, as an error.
pub(super) fn caught<T>(decoder: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let outside = IS_DECODING.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(decoder));
    IS_DECODING.set(outside);
    outcome.unwrap_or_else(|panic| Err(format!("it cannot be decoded ({})", reason(&*panic))))
}

fn reason(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no reason given")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn panics_of_decoders_are_not_reported_and_others_are() {
        static REPORTED: AtomicUsize = AtomicUsize::new(0);
        let before = take_hook();
        set_hook(Box::new(move |panic| match panic.payload_as_str() {
            Some("counted") => drop(REPORTED.fetch_add(1, Ordering::Relaxed)),
            _ => before(panic),
        }));
        keep_quiet();
        keep_quiet();
        let caught: Result<(), _> = caught(|| panic!("counted"));
        assert!(caught.unwrap_err().contains("counted"));
        assert_eq!(REPORTED.load(Ordering::Relaxed), 0);
        let _panic = catch_unwind(|| panic!("counted")).unwrap_err();
        assert_eq!(REPORTED.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn panics_are_errors_and_leave_no_mark() {
        let nothing: Vec<u8> = Vec::new();
        let error = caught(|| Ok(nothing[3])).unwrap_err();
        assert!(error.contains("out of bounds"), "{error}");
        assert!(!IS_DECODING.get());
        assert_eq!(caught(|| Ok(1)), Ok(1));
    }
}
