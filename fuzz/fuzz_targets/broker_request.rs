//! Goal: whatever passes for a request of the broker is decoded without a panic and without asking for more memory than it is worth,
//! or is refused; what was decoded ends where the check said, and can be written again.
//!
//! `-malloc_limit_mb` holds the decoder to its memory: 2^18 elements are let through at most.

#![no_main]

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestKind};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|frame: &[u8]| {
    let Some((number, version, message)) = tamis_broker::checked(frame) else {
        return;
    };
    let key = ApiKey::try_from(number).expect("it has a shape");
    let mut rest = Bytes::copy_from_slice(message);
    // Nulls where none may be, texts that are no UTF-8, and versions of Produce that are read by the broker itself.
    let Ok(request) = RequestKind::decode(key, &mut rest, version) else {
        return;
    };
    assert!(
        rest.is_empty(),
        "{key:?} {version}: {} bytes left",
        rest.len()
    );
    let mut again = BytesMut::new();
    request
        .encode(&mut again, version)
        .expect("it was decoded in this version");
});
