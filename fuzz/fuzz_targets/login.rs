//! Goal: whatever somebody sends who wants to log in, nothing panics, and nobody gets in who does not know the password.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|messages: &[u8]| {
    assert!(!tamis_broker::access::lets_in(messages));
});
