//! Goal: no bytes make unpacking panic or take for ever, and it says the same whether an archive is unpacked in pieces, by one
//! thread or several, or as a stream; and what packing makes of any bytes unpacks to them.

#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use tamis_engine::sink::{MemorySink, Sink};
use tamis_engine::source::{MemorySource, ReadOptions, ReaderSource};
use tamis_scan::compress::{Codec, PackOptions, UnpackOptions, pack, unpack};

fuzz_target!(|bytes: &[u8]| {
    let streamed = unpacked(bytes, 1, true);
    for threads in [1, 3] {
        assert!(
            unpacked(bytes, threads, false) == streamed,
            "{threads} threads"
        );
    }
    let codec = Codec::ALL[bytes.len() % 3];
    let options = PackOptions {
        threads: 2,
        block_bytes: match codec {
            Codec::Lz4 => 64 << 10,
            Codec::Zstd => 4096,
            Codec::Gzip => 500,
        },
        ..PackOptions::new(codec)
    };
    let (mut sink, packed) = MemorySink::new("packed");
    let source = MemorySource::new("input", bytes.to_vec());
    pack(&source, &mut sink, &options).expect("memory can be packed");
    Box::new(sink).finish().expect("memory takes everything");
    let packed = packed.bytes().expect("it is finished");
    assert!(unpacked(&packed, 2, false).as_deref() == Some(bytes));
});

/// What comes out, or nothing if it is refused.
fn unpacked(bytes: &[u8], threads: usize, live: bool) -> Option<Vec<u8>> {
    let read = ReadOptions {
        live,
        ..ReadOptions::default()
    };
    let source = ReaderSource::new("input", Cursor::new(bytes.to_vec()), read);
    let options = UnpackOptions {
        threads,
        ..UnpackOptions::default()
    };
    let (mut sink, plain) = MemorySink::new("plain");
    unpack(&source, &mut sink, &options).ok()?;
    Box::new(sink).finish().ok()?;
    plain.bytes().map(|plain| plain.to_vec())
}
