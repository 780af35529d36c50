//! Goal: what is packed is what went in, for every size around a block, any content, any threads and any way the bytes
//! come; it is the same bytes every time, and other decoders than ours read it.

use std::io::{Cursor, Read};
use std::sync::Arc;

use proptest::prelude::*;
use tamis_engine::Error as Engine;
use tamis_engine::sink::{MemorySink, NullSink, Sink};
use tamis_engine::source::{MemorySource, ReadOptions, ReaderSource, Source};

use super::*;

const SMALLEST_BLOCKS: [(Codec, usize); 3] = [
    (Codec::Lz4, 64 << 10),
    (Codec::Zstd, 4 << 10),
    (Codec::Gzip, 300),
];

fn options(codec: Codec, block_bytes: usize, threads: usize) -> PackOptions {
    PackOptions {
        block_bytes,
        threads,
        ..PackOptions::new(codec)
    }
}

fn packed(source: &dyn Source, options: &PackOptions) -> Vec<u8> {
    let (mut sink, output) = MemorySink::new("packed");
    let said = pack(source, &mut sink, options).unwrap();
    Box::new(sink).finish().unwrap();
    let bytes = output.bytes().unwrap().to_vec();
    assert_eq!(said.packed_bytes, bytes.len() as u64);
    bytes
}

fn unpacked(packed: &[u8], threads: usize) -> crate::Result<Vec<u8>> {
    let reader = Cursor::new(packed.to_vec());
    let read = ReadOptions {
        max_expansion: u64::MAX,
        ..ReadOptions::default()
    };
    let (mut sink, output) = MemorySink::new("plain");
    let unpack_options = UnpackOptions {
        threads,
        ..UnpackOptions::default()
    };
    let said = unpack(
        &ReaderSource::new("packed", reader, read),
        &mut sink,
        &unpack_options,
    )?;
    Box::new(sink).finish()?;
    let plain = output.bytes().unwrap().to_vec();
    assert_eq!(said.plain_bytes, plain.len() as u64);
    assert_eq!(said.packed_bytes, packed.len() as u64);
    Ok(plain)
}

/// What the codec's usual library makes of it.
fn unpacked_elsewhere(codec: Codec, packed: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match codec {
        Codec::Lz4 => {
            let mut decoder = lz4_flex::frame::FrameDecoder::new(packed);
            decoder.read_to_end(&mut plain).unwrap();
        }
        Codec::Zstd => plain = ::zstd::decode_all(packed).unwrap(),
        Codec::Gzip => {
            let mut decoder = flate2::read::MultiGzDecoder::new(packed);
            decoder.read_to_end(&mut plain).unwrap();
        }
    }
    plain
}

/// Text, noise and runs.
fn content(len: usize, seed: u64) -> Vec<u8> {
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut bytes = Vec::with_capacity(len + 100);
    while bytes.len() < len {
        match chance.u8(..3) {
            0 => bytes.extend_from_slice(b"the quick brown fox jumps over the lazy dog. "),
            1 => bytes.extend((0..chance.usize(..90)).map(|_| chance.u8(..))),
            _ => bytes.extend(std::iter::repeat_n(chance.u8(..), chance.usize(..300))),
        }
    }
    bytes.truncate(len);
    bytes
}

fn assert_packs_well(plain: &[u8], codec: Codec, block_bytes: usize, threads: usize) {
    let source = MemorySource::new("m", plain.to_vec());
    let expected = packed(&source, &options(codec, block_bytes, 1));
    let parallel = packed(&source, &options(codec, block_bytes, threads));
    assert!(parallel == expected, "{codec:?}: {threads} threads");
    assert!(unpacked_elsewhere(codec, &expected) == plain, "{codec:?}");
    assert!(unpacked(&expected, threads).unwrap() == plain, "{codec:?}");
    let stream = source.as_stream(1000);
    let streamed = packed(&stream, &options(codec, block_bytes, threads));
    assert!(unpacked(&streamed, 1).unwrap() == plain, "{codec:?}");
    if codec != Codec::Lz4 {
        // The header of LZ4 says how much there is, which is not known of a stream.
        assert!(streamed == expected, "{codec:?}");
    }
}

#[test]
fn sizes_around_blocks() {
    for (codec, block_bytes) in SMALLEST_BLOCKS {
        let sizes = [0, 1, 2, block_bytes - 1, block_bytes, block_bytes + 1];
        let more = [2 * block_bytes, (1 << 20) + 1, 3 * (512 << 10)];
        for len in sizes.into_iter().chain(more) {
            assert_packs_well(&content(len, len as u64), codec, block_bytes, 3);
        }
    }
}

#[test]
fn noise_grows_by_little() {
    let mut chance = fastrand::Rng::with_seed(1);
    let noise: Vec<u8> = (0..1_000_000).map(|_| chance.u8(..)).collect();
    for codec in Codec::ALL {
        let source = MemorySource::new("noise", noise.clone());
        for level in codec.levels() {
            if codec == Codec::Zstd && level > 5 {
                continue;
            }
            let options = PackOptions {
                level,
                ..PackOptions::new(codec)
            };
            let packed = packed(&source, &options);
            assert!(
                packed.len() < noise.len() + 2000,
                "{codec:?} {level}: {}",
                packed.len()
            );
            assert!(unpacked(&packed, 2).unwrap() == noise);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn what_goes_in_comes_out(
        len in 0..200_000_usize,
        seed: u64,
        threads in 1..9_usize,
        codec in prop::sample::select(SMALLEST_BLOCKS.to_vec()),
    ) {
        assert_packs_well(&content(len, seed), codec.0, codec.1, threads);
    }
}

/// Goal: the table says where each frame begins and what is in it.
#[test]
fn frames_of_seekable_zstd_can_be_sought() {
    let block_bytes = 4096;
    let plain = content(50_000, 3);
    let source = MemorySource::new("m", plain.clone());
    let packed = packed(&source, &options(Codec::Zstd, block_bytes, 2));
    let (rest, magic) = packed.split_last_chunk::<4>().unwrap();
    assert_eq!(u32::from_le_bytes(*magic), 0x8F92_EAB1);
    let (rest, flags) = rest.split_last_chunk::<1>().unwrap();
    assert_eq!(flags[0], 0x80);
    let (rest, frames) = rest.split_last_chunk::<4>().unwrap();
    let frames = u32::from_le_bytes(*frames) as usize;
    assert_eq!(frames, 50_000_usize.div_ceil(block_bytes));
    let (rest, entries) = rest.split_at(rest.len() - 12 * frames);
    let (rest, table_bytes) = rest.split_last_chunk::<4>().unwrap();
    assert_eq!(u32::from_le_bytes(*table_bytes) as usize, 12 * frames + 9);
    let (mut rest, skippable) = rest.split_last_chunk::<4>().unwrap();
    assert_eq!(u32::from_le_bytes(*skippable), 0x184D_2A5E);
    let (entries, _) = entries.as_chunks::<4>();
    let numbers: Vec<u32> = entries
        .iter()
        .map(|&entry| u32::from_le_bytes(entry))
        .collect();
    let mut blocks = plain.chunks(block_bytes);
    for entry in numbers.chunks(3) {
        let (frame, behind) = rest.split_at(entry[0] as usize);
        let block = blocks.next().unwrap();
        assert_eq!(entry[1] as usize, block.len());
        assert_eq!(::zstd::decode_all(frame).unwrap(), block);
        assert_eq!(entry[2].to_le_bytes(), frame[frame.len() - 4..]);
        rest = behind;
    }
    assert!(rest.is_empty());
}

#[test]
fn what_a_codec_does_not_have_is_refused() {
    let message = |options: PackOptions| {
        let source = MemorySource::new("m", b"x".to_vec());
        let result = pack(&source, &mut NullSink, &options);
        result.unwrap_err().to_string()
    };
    let mut level = PackOptions::new(Codec::Zstd);
    level.level = 23;
    assert_eq!(message(level), "zstd has the levels -7 to 22, and not 23");
    let block = options(Codec::Lz4, 100_000, 1);
    assert_eq!(
        message(block),
        "blocks of lz4 have 64KiB, 256KiB, 1MiB or 4MiB, and not 100000 bytes"
    );
}

#[test]
fn damage_is_found() {
    let plain = content(300_000, 9);
    for (codec, block_bytes) in SMALLEST_BLOCKS {
        let source = MemorySource::new("m", plain.clone());
        let packed = packed(&source, &options(codec, block_bytes, 2));
        let is_corrupt = |bytes: &[u8]| {
            let result = unpacked(bytes, 2);
            matches!(result, Err(Error::Engine(Engine::Corrupt { .. })))
        };
        let mut flipped = packed.clone();
        flipped[packed.len() / 3] ^= 4;
        assert!(is_corrupt(&flipped), "{codec:?}");
        assert!(is_corrupt(&packed[..packed.len() / 2]), "{codec:?}");
        assert!(
            is_corrupt(&[&packed[..], b"and more"].concat()),
            "{codec:?}"
        );
        let twice = [&packed[..], &packed].concat();
        assert!(
            unpacked(&twice, 3).unwrap() == [&plain[..], &plain].concat(),
            "{codec:?}"
        );
    }
    assert!(matches!(
        unpacked(b"plain text", 1),
        Err(Error::NotPacked { .. })
    ));
    assert!(matches!(unpacked(b"", 1), Err(Error::NotPacked { .. })));
}

/// A sink that stops the run after its first bytes.
struct Stopping(Arc<Cancel>);

impl Sink for Stopping {
    fn name(&self) -> &str {
        "stopping"
    }

    fn write_all(&mut self, _bytes: &[u8]) -> tamis_engine::Result<()> {
        self.0.cancel();
        Ok(())
    }

    fn finish(self: Box<Self>) -> tamis_engine::Result<()> {
        Ok(())
    }
}

#[test]
fn a_run_can_be_stopped() {
    let source = MemorySource::new("m", content(20 << 20, 1));
    for threads in [1, 3] {
        let cancel = Arc::new(Cancel::new());
        let options = PackOptions {
            cancel: Cancel::clone(&cancel),
            ..options(Codec::Gzip, 65_280, threads)
        };
        let stopped = pack(&source, &mut Stopping(cancel), &options);
        assert!(matches!(stopped, Err(Error::Engine(Engine::Interrupted))));
    }
}
