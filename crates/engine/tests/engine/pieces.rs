//! Goal: archives of many parts give the same bytes and the same errors, whatever the number of threads.

use std::fs;
use std::io::{Cursor, Write};
use std::process::{Command, Stdio};

use flate2::{Compression, GzBuilder};
use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
use proptest::prelude::*;
use tamis_engine::source::{ByteStream, FileSource, Opened, ReadOptions, ReaderSource, Source};
use tamis_engine::{Error, Result};

use crate::sample;

type Pack = fn(&[u8]) -> Vec<u8>;

/// One block as `bgzip` writes it: the packed size less one in an extra field.
fn bgzf_block(plain: &[u8]) -> Vec<u8> {
    let extra = [b'B', b'C', 2, 0, 0, 0];
    let mut encoder = GzBuilder::new()
        .extra(extra)
        .write(Vec::new(), Compression::fast());
    encoder.write_all(plain).unwrap();
    let mut block = encoder.finish().unwrap();
    let size = u16::try_from(block.len() - 1).unwrap();
    block[16..18].copy_from_slice(&size.to_le_bytes());
    block
}

fn bgzf(plain: &[u8], block_bytes: usize) -> Vec<u8> {
    let blocks = plain.chunks(block_bytes).map(bgzf_block);
    // The empty block that marks the end.
    blocks.chain([bgzf_block(b"")]).flatten().collect()
}

/// Frames with or without their sizes and checksums, in turn.
fn zstd_frames(plain: &[u8], frame_bytes: usize) -> Vec<u8> {
    let frames = plain.chunks(frame_bytes).enumerate().map(|(index, plain)| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.include_checksum(index % 2 == 0).unwrap();
        if index % 3 == 0 {
            encoder
                .set_pledged_src_size(Some(plain.len() as u64))
                .unwrap();
        }
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    });
    frames.collect::<Vec<_>>().concat()
}

fn lz4_frame(plain: &[u8], mode: BlockMode, size: BlockSize, checks: bool) -> Vec<u8> {
    let info = FrameInfo::new()
        .block_mode(mode)
        .block_size(size)
        .block_checksums(checks)
        .content_size(checks.then_some(plain.len() as u64))
        .content_checksum(checks);
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// Every kind of archive that is unpacked in pieces.
fn archives(plain: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let lz4 = |mode, size, checks| lz4_frame(plain, mode, size, checks);
    let third = plain.len() / 3 + 1;
    let lz4_frames = |mode| {
        let frames = plain.chunks(third).enumerate();
        let frames =
            frames.map(|(index, plain)| lz4_frame(plain, mode, BlockSize::Max64KB, index % 2 == 0));
        frames.collect::<Vec<_>>().concat()
    };
    vec![
        ("gzip", bgzf(plain, 65_280)),
        ("gzip", bgzf(plain, 7001)),
        ("zstd", zstd_frames(plain, 300_000)),
        ("zstd", zstd_frames(plain, 10_000)),
        ("lz4", lz4(BlockMode::Independent, BlockSize::Max64KB, true)),
        (
            "lz4",
            lz4(BlockMode::Independent, BlockSize::Max256KB, false),
        ),
        ("lz4", lz4(BlockMode::Linked, BlockSize::Max64KB, true)),
        ("lz4", lz4_frames(BlockMode::Independent)),
        ("lz4", lz4_frames(BlockMode::Linked)),
    ]
}

fn open(packed: &[u8], options: ReadOptions) -> Result<Box<dyn ByteStream>> {
    match ReaderSource::new("in", Cursor::new(packed.to_vec()), options).open()? {
        Opened::Stream(stream) => Ok(stream),
        Opened::Random(_) => panic!("a reader is a stream"),
    }
}

/// All plain bytes, unpacked by so many threads; by the streamed decoder for 0.
fn unpack(packed: &[u8], threads: usize, step: usize) -> Result<(Vec<u8>, &'static str)> {
    // A live stream is never read ahead.
    let options = ReadOptions {
        live: threads == 0,
        ..ReadOptions::default()
    };
    let mut stream = open(packed, options)?;
    stream.use_threads(threads);
    let (mut plain, mut buffer) = (Vec::new(), vec![0; step]);
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok((plain, stream.backend())),
            count => plain.extend_from_slice(&buffer[..count]),
        }
    }
}

/// What the streamed decoder makes of `packed`, after checking that others make the same of it.
fn unpack_alike(packed: &[u8]) -> Result<Vec<u8>> {
    let streamed = unpack(packed, 0, 10_000);
    for (threads, step) in [(1, 10_000), (3, 777)] {
        match (&streamed, unpack(packed, threads, step)) {
            (Ok(streamed), Ok(in_pieces)) => assert!(*streamed == in_pieces, "{threads} threads"),
            (Err(streamed), Err(in_pieces)) => {
                let same = std::mem::discriminant(streamed) == std::mem::discriminant(&in_pieces);
                assert!(same, "{streamed} // {in_pieces}");
            }
            (streamed, in_pieces) => panic!(
                "{threads} threads: {:?} // {:?}",
                streamed.as_ref().map(|(bytes, _)| bytes.len()),
                in_pieces.map(|(bytes, _)| bytes.len())
            ),
        }
    }
    streamed.map(|(bytes, _)| bytes)
}

#[test]
fn archives_of_many_parts_come_out_whole() {
    let plain = sample(4_000_000);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    for (index, (name, packed)) in archives(&plain).into_iter().enumerate() {
        for (threads, step) in [(0, 1 << 20), (1, 10_000), (2, 999), (7, 100_000)] {
            let (bytes, backend) = unpack(&packed, threads, step).unwrap();
            assert!(
                bytes == plain,
                "{index}: {threads} threads, steps of {step}"
            );
            assert_eq!(backend, name);
        }
        // Progress grows and comes to its end.
        fs::write(&path, &packed).unwrap();
        let source = FileSource::new(&path, ReadOptions::default());
        let Opened::Stream(mut stream) = source.open().unwrap() else {
            panic!("compressed files are streams")
        };
        stream.use_threads(2);
        let (mut buffer, mut before) = (vec![0; 50_000], 0);
        while stream.read(&mut buffer).unwrap() > 0 {
            assert!(stream.raw_bytes() >= before);
            before = stream.raw_bytes();
        }
        assert_eq!(stream.raw_bytes(), packed.len() as u64);
        assert_eq!(stream.raw_len_bytes(), Some(packed.len() as u64));
    }
}

#[test]
fn what_stands_between_parts_does_not_matter() {
    let skippable = [&[0x53, 0x2a, 0x4d, 0x18, 5, 0, 0, 0][..], b"notes"].concat();
    let plain = sample(700_000);
    for (name, packed) in archives(&plain) {
        let (between, after) = match name {
            "gzip" => (bgzf_block(b""), vec![0; 500]),
            _ => (skippable.clone(), skippable.clone()),
        };
        let twice = [&between, &packed[..], &between, &between, &packed, &after].concat();
        assert!(unpack_alike(&twice).unwrap() == [&plain[..], &plain].concat());
    }
    // Empty frames, and nothing else.
    for empty in [
        zstd_frames(b"\n", 1),
        lz4_frame(b"", BlockMode::Independent, BlockSize::Max64KB, true),
    ] {
        let plain = unpack_alike(&empty.repeat(3)).unwrap();
        assert!(plain.iter().all(|&byte| byte == b'\n'));
    }
}

#[test]
fn parts_that_are_none_are_streamed() {
    // More than a piece may have: what comes before and behind it is not lost.
    let (small, large) = (sample(900_000), sample(20 << 20));
    let ordinary_gzip = |plain: &[u8]| {
        let mut encoder = GzBuilder::new().write(Vec::new(), Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    };
    let linked = |plain: &[u8]| lz4_frame(plain, BlockMode::Linked, BlockSize::Max64KB, true);
    let cases = [
        [
            bgzf(&small, 60_000),
            ordinary_gzip(&large),
            bgzf(&small, 60_000),
        ],
        [
            zstd_frames(&small, 400_000),
            zstd::encode_all(&large[..], 1).unwrap(),
            zstd_frames(&small, 400_000),
        ],
        [linked(&small), linked(&large), linked(&small)],
    ];
    for packed in cases {
        let (bytes, _) = unpack(&packed.concat(), 2, 1 << 20).unwrap();
        assert!(bytes == [&small[..], &large, &small].concat());
    }
}

#[test]
fn an_archive_of_many_parts_cut_anywhere_is_an_error() {
    let plain = sample(1_200_000);
    for (name, packed) in archives(&plain) {
        // Less than four bytes do not tell what they are.
        let ends = (0..packed.len()).rev().take(20).chain(4..30);
        for cut in ends.chain((4..packed.len()).step_by(packed.len() / 17)) {
            match unpack_alike(&packed[..cut]) {
                // Between members or frames: a shorter archive, but a whole one.
                Ok(bytes) => assert!(plain.starts_with(&bytes)),
                Err(Error::Corrupt {
                    codec, byte_offset, ..
                }) => {
                    assert_eq!(codec, name);
                    assert!(byte_offset <= plain.len() as u64);
                }
                Err(error) => panic!("{name} cut at {cut}: {error}"),
            }
        }
    }
}

#[test]
fn a_flipped_bit_is_noticed_as_it_is_by_one_thread() {
    let plain = sample(600_000);
    for (_, packed) in archives(&plain) {
        for at in (4..packed.len()).step_by(packed.len() / 29) {
            let mut damaged = packed.clone();
            damaged[at] ^= 0x20;
            let _ = unpack_alike(&damaged);
        }
    }
}

#[test]
fn checksums_are_verified() {
    let plain = sample(600_000);
    let mut with_checksums = vec![
        bgzf(&plain, 65_000),
        lz4_frame(&plain, BlockMode::Independent, BlockSize::Max64KB, true),
    ];
    let frame = |plain: &[u8]| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.include_checksum(true).unwrap();
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    };
    with_checksums.push(plain.chunks(200_000).flat_map(frame).collect());
    // The last eight bytes of the second block; the contents' checksum; the last frame's checksum.
    let first = u16::from_le_bytes([with_checksums[0][16], with_checksums[0][17]]) as usize + 1;
    let second = first
        + u16::from_le_bytes([with_checksums[0][first + 16], with_checksums[0][first + 17]])
            as usize
        + 1;
    let places = [
        second - 8,
        with_checksums[1].len() - 1,
        with_checksums[2].len() - 1,
    ];
    for (mut packed, at) in with_checksums.into_iter().zip(places) {
        assert!(unpack_alike(&packed).unwrap() == plain);
        packed[at] ^= 1;
        assert!(
            matches!(unpack_alike(&packed), Err(Error::Corrupt { .. })),
            "byte {at}"
        );
    }
}

#[test]
fn lengths_that_lie_change_nothing() {
    let (first, second) = (sample(50_000), sample(40_000));
    let blocks = [bgzf_block(&first), bgzf_block(&second), bgzf_block(&first)];
    let with_size = |block: &[u8], size: usize| {
        let mut block = block.to_vec();
        block[16..18].copy_from_slice(&u16::try_from(size - 1).unwrap().to_le_bytes());
        block
    };
    let [a, b, c] = &blocks;
    let honest = [&first[..], &second, &first].concat();
    // Too short, too long by some, and over the second member: one that ends in the same checksum, too.
    for (size, middle) in [
        (a.len() - 20, b),
        (a.len() + 20, b),
        (a.len() + b.len(), b),
        (a.len() + c.len(), c),
    ] {
        let packed = [&with_size(a, size)[..], middle, c].concat();
        let expected = match std::ptr::eq(middle, c) {
            true => [&first[..], &first, &first].concat(),
            false => honest.clone(),
        };
        assert!(unpack_alike(&packed).unwrap() == expected, "size {size}");
    }
    // A plain size that lies is an error for everybody.
    let mut packed = blocks.concat();
    packed[a.len() - 4] ^= 1;
    assert!(unpack_alike(&packed).is_err());
}

/// Goal: a frame that the `zstd` command refuses is refused, though the library takes it when it has all of it.
#[test]
fn a_block_of_zstd_that_gives_too_much_is_refused() {
    // A window of 1 KiB, an empty block, and one byte that stands for 1,611,045.
    let run = [
        0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0, 0, 0x2b, 0xc9, 0xc4, 0x1c,
    ];
    // The same window, and a stored block of 2,000 bytes.
    let mut stored = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0x81, 0x3e, 0];
    stored.extend_from_slice(&[b'x'; 2000]);
    for packed in [&run[..], &stored] {
        let refused = unpack_alike(packed);
        assert!(matches!(refused, Err(Error::Corrupt { .. })), "{refused:?}");
    }
}

#[test]
fn bombs_of_many_parts_are_stopped() {
    let zeros = vec![0; 1 << 20];
    let bomb = |archive: usize| archives(&zeros).swap_remove(archive).1.repeat(200);
    for archive in 0..archives(&zeros).len() {
        let packed = bomb(archive);
        let options = ReadOptions {
            max_expansion: 10,
            ..ReadOptions::default()
        };
        let mut stream = open(&packed, options).unwrap();
        stream.use_threads(2);
        let mut buffer = vec![0; 1 << 16];
        let error = loop {
            match stream.read(&mut buffer) {
                Ok(count) => assert!(count > 0, "{archive}: it came out whole"),
                Err(error) => break error,
            }
        };
        let Error::Expansion { byte_offset, .. } = error else {
            panic!("{archive}: {error}")
        };
        assert!(byte_offset <= packed.len() as u64 * 10 + (17 << 20));
    }
}

#[test]
fn a_stream_may_be_left_at_any_moment() {
    let packed = bgzf(&sample(3_000_000), 65_280);
    for bytes in [0, 1, 600_000, 1_700_000] {
        let mut stream = open(&packed, ReadOptions::default()).unwrap();
        stream.use_threads(3);
        let mut left = bytes;
        let mut buffer = vec![0; 100_000];
        while left > 0 {
            let wanted = left.min(buffer.len());
            left -= stream.read(&mut buffer[..wanted]).unwrap();
        }
    }
}

#[test]
fn files_of_the_usual_tools_are_read() {
    let plain = sample(9_000_000);
    let tools: [&[&str]; 6] = [
        &["bgzip", "-c"],
        &["pzstd", "-c", "-1", "-q"],
        &["zstd", "-c", "-1", "-q"],
        &["lz4", "-c", "-q"],
        &["lz4", "-c", "-q", "-B4", "-BX"],
        &["lz4", "-c", "-q", "-BD"],
    ];
    for tool in tools {
        // An outside oracle, where there is one.
        let Ok(mut child) = Command::new(tool[0])
            .args(&tool[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
        else {
            continue;
        };
        let mut stdin = child.stdin.take().unwrap();
        let input = plain.clone();
        let writer = std::thread::spawn(move || stdin.write_all(&input));
        let packed = child.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        assert!(packed.status.success(), "{tool:?}");
        assert!(
            unpack(&packed.stdout, 2, 1 << 20).unwrap().0 == plain,
            "{tool:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn damage_is_noticed_alike(seed in any::<u64>(), archive in 0..9usize) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (_, mut packed) = archives(&sample(200_000)).swap_remove(archive);
        for _ in 0..rng.usize(1..4) {
            let at = rng.usize(4..packed.len());
            packed[at] = rng.u8(..);
        }
        let _ = unpack_alike(&packed);
    }

    #[test]
    fn small_parts_are_put_together(lens in prop::collection::vec(0..5000usize, 0..40)) {
        let parts: Vec<Vec<u8>> = lens.iter().map(|&len| sample(len)).collect();
        let packs: [Pack; 4] = [
            bgzf_block,
            |plain| zstd::encode_all(plain, 1).unwrap(),
            |plain| lz4_frame(plain, BlockMode::Independent, BlockSize::Max64KB, true),
            |plain| lz4_frame(plain, BlockMode::Linked, BlockSize::Max64KB, false),
        ];
        for pack in packs {
            let packed: Vec<u8> = parts.iter().flat_map(|part| pack(part)).collect();
            if !parts.is_empty() {
                prop_assert!(unpack_alike(&packed).unwrap() == parts.concat());
            }
        }
    }
}
