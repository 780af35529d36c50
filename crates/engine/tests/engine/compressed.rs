//! Compressed inputs: unpacked unnoticed, and never shorter than they were.

use std::fs;
use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};
use proptest::prelude::*;
use tamis_engine::source::{FileSource, Opened, ReadOptions, ReaderSource, Source};
use tamis_engine::{Error, Result};

use crate::{read_all, sample};

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn zstd(plain: &[u8]) -> Vec<u8> {
    zstd::encode_all(plain, 1).unwrap()
}

/// Linked or independent blocks, with or without checksums: as the `lz4` tool writes them and otherwise.
fn lz4_with(plain: &[u8], mode: BlockMode, checksums: bool) -> Vec<u8> {
    let info = FrameInfo::new()
        .block_mode(mode)
        .block_size(BlockSize::Max64KB)
        .block_checksums(checksums)
        .content_checksum(checksums);
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn lz4(plain: &[u8]) -> Vec<u8> {
    lz4_with(plain, BlockMode::Linked, false)
}

type Pack = fn(&[u8]) -> Vec<u8>;

const CODECS: [(&str, Pack); 4] = [
    ("gzip", gzip),
    ("zstd", zstd),
    ("lz4", lz4),
    ("lz4", |plain| lz4_with(plain, BlockMode::Independent, true)),
];

fn unpack(name: &str, packed: &[u8]) -> Result<(Vec<u8>, &'static str)> {
    read_all(
        &ReaderSource::new(name, Cursor::new(packed.to_vec()), ReadOptions::default()),
        10_000,
    )
}

#[test]
fn every_codec_is_told_by_its_first_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.csv");
    let expected = sample(400_000);
    for (name, pack) in CODECS {
        let packed = pack(&expected);
        fs::write(&path, &packed).unwrap();
        let source = FileSource::new(&path, ReadOptions::default());
        for step in [1000, 300_000] {
            assert!(read_all(&source, step).unwrap() == (expected.clone(), name));
        }
        let Opened::Stream(mut stream) = source.open().unwrap() else {
            panic!("compressed files are streams")
        };
        assert_eq!(stream.raw_len_bytes(), Some(packed.len() as u64));
        while stream.read(&mut [0; 5000]).unwrap() > 0 {}
        assert_eq!(stream.raw_bytes(), packed.len() as u64);
    }
}

#[test]
fn members_and_frames_may_follow_each_other() {
    let pieces = [sample(100_000), Vec::new(), sample(10)];
    for (name, pack) in CODECS {
        let packed = pieces
            .iter()
            .flat_map(|piece| pack(piece))
            .collect::<Vec<_>>();
        assert!(unpack("in", &packed).unwrap() == (pieces.concat(), name));
    }
}

#[test]
fn skippable_frames_are_skipped_wherever_they_stand() {
    let skippable = [&[0x5a, 0x2a, 0x4d, 0x18, 5, 0, 0, 0][..], b"notes"].concat();
    let plain = sample(1000);
    for (name, pack) in &CODECS[1..] {
        let packed = [
            &skippable[..],
            &skippable,
            &pack(&plain),
            &skippable,
            &pack(&plain),
            &skippable,
        ]
        .concat();
        assert!(
            unpack("in", &packed).unwrap() == ([&plain[..], &plain].concat(), name),
            "{name}"
        );
        let error = unpack("in", &packed[..packed.len() - 1]).unwrap_err();
        assert!(
            matches!(
                error,
                Error::Corrupt {
                    byte_offset: 2000,
                    ..
                }
            ),
            "{name}: {error}"
        );
    }
}

#[test]
fn padding_after_gzip_is_allowed_and_nothing_else_is() {
    let packed = gzip(b"abc");
    let with = |tail: &[u8]| unpack("in", &[&packed, tail].concat());
    assert_eq!(with(&[0; 1000]).unwrap().0, b"abc");
    for (name, pack) in CODECS {
        let packed = [pack(b"abc"), b"garbage".to_vec()].concat();
        let error = unpack("in", &packed).unwrap_err();
        assert!(
            matches!(error, Error::Corrupt { byte_offset: 3, .. }),
            "{name}: {error}"
        );
    }
}

#[test]
fn an_archive_cut_anywhere_is_an_error() {
    let plain = sample(150_000);
    for (name, pack) in CODECS {
        let (first, second) = (pack(&plain), pack(b"the second member"));
        let whole = [&first[..], &second].concat();
        // All cuts in the headers and tails; a sample between.
        let cuts = (0..whole.len()).filter(|&cut| {
            let nearest = [0, first.len(), whole.len()]
                .iter()
                .map(|&border| cut.abs_diff(border))
                .min();
            nearest < Some(64) || cut % 997 == 0
        });
        for cut in cuts {
            let result = unpack(
                &format!("in.{name}")
                    .replace("gzip", "gz")
                    .replace("zstd", "zst"),
                &whole[..cut],
            );
            if cut == first.len() {
                assert!(result.unwrap().0 == plain); // A shorter archive, but a whole one.
                continue;
            }
            match result {
                Err(Error::Corrupt {
                    codec, byte_offset, ..
                }) => {
                    assert_eq!(codec, name);
                    assert!(byte_offset <= plain.len() as u64 + 17);
                }
                other => panic!(
                    "{name} cut at {cut} of {}: {:?}",
                    whole.len(),
                    other.map(|(bytes, _)| bytes.len())
                ),
            }
        }
    }
}

#[test]
fn a_flipped_bit_never_passes() {
    let plain = sample(20_000);
    // Without checksums (the third) nobody can know.
    for (name, pack) in [CODECS[0], CODECS[3]] {
        let packed = pack(&plain);
        for at in (4..packed.len()).step_by(packed.len() / 200) {
            let mut damaged = packed.clone();
            damaged[at] ^= 0x10;
            // Flips in fields that carry no data (gzip's time stamp and its like) change nothing.
            if let Ok((bytes, _)) = unpack("in", &damaged) {
                assert!(bytes == plain, "{name}: bit flipped at {at}");
            }
        }
    }
}

#[test]
fn a_bomb_is_stopped() {
    let zeros = vec![0; 64 << 20];
    for (name, pack) in CODECS {
        let packed = pack(&zeros);
        let limit = 20;
        let options = ReadOptions {
            max_expansion: limit,
            ..ReadOptions::default()
        };
        let source = ReaderSource::new("bomb", Cursor::new(packed.clone()), options);
        let error = read_all(&source, 1 << 16).unwrap_err();
        let Error::Expansion {
            input,
            limit: 20,
            byte_offset,
        } = error
        else {
            panic!("{name}: {error}")
        };
        assert_eq!(input, "bomb");
        assert!(
            byte_offset <= packed.len() as u64 * limit + (17 << 20),
            "{name}: stopped after {byte_offset}"
        );
    }
    // Small things may be as regular as they like.
    let packed = zstd(&zeros[..10 << 20]);
    let options = ReadOptions {
        max_expansion: 1,
        ..ReadOptions::default()
    };
    let source = ReaderSource::new("zeros", Cursor::new(packed), options);
    assert_eq!(read_all(&source, 1 << 16).unwrap().0.len(), 10 << 20);
}

#[test]
fn a_compressed_file_that_changes_is_not_called_corrupt() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.gz");
    let mut rng = fastrand::Rng::with_seed(1);
    let noise: Vec<u8> = std::iter::repeat_with(|| rng.u8(..))
        .take(1 << 20)
        .collect();
    fs::write(&path, gzip(&noise)).unwrap();
    let Opened::Stream(mut stream) = FileSource::new(&path, ReadOptions::default())
        .open()
        .unwrap()
    else {
        panic!("compressed files are streams")
    };
    let mut buffer = vec![0; 1000];
    stream.read(&mut buffer).unwrap();
    fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(600_000)
        .unwrap();
    let error = loop {
        match stream.read(&mut buffer) {
            Ok(count) => assert!(count > 0),
            Err(error) => break error,
        }
    };
    assert!(
        matches!(
            error,
            Error::Changed {
                byte_offset: 600_000,
                ..
            }
        ),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_packed_comes_out(plain in prop::collection::vec(any::<u8>(), 0..3000), step in 1..4000usize) {
        for (name, pack) in CODECS {
            let source = ReaderSource::new("in", Cursor::new(pack(&plain)), ReadOptions::default());
            prop_assert_eq!(read_all(&source, step).unwrap(), (plain.clone(), name));
        }
    }

    #[test]
    fn damage_never_panics(seed in any::<u64>(), codec in 0..CODECS.len()) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut packed = CODECS[codec].1(&sample(5000));
        for _ in 0..rng.usize(1..20) {
            let at = rng.usize(4..packed.len());
            packed[at] = rng.u8(..);
        }
        let _ = unpack("in", &packed);
    }
}
