//! Packs: what goes in comes out, and what is damaged says so.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use super::frame::{Codec, Compression, Compressor, Decompressor, FrameHeader, OpenFrame};
use super::read::{Footer, FramePlace, check_pack, read_footer};
use super::scan::tests::scanned;
use super::write::{PackWriter, SealedPack};
use super::*;
use crate::Result;
use crate::disk::RealDisk;
use crate::testing::cases;

/// A folder in which packs can be written.
fn store() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["tmp", "packs"] {
        fs::create_dir(folder.path().join(name)).expect("the folder is writable");
    }
    folder
}

fn write(
    store: &TempDir,
    objects: &[Vec<u8>],
    compression: Compression,
) -> Result<(PathBuf, SealedPack)> {
    let kind = PackKind::Data;
    let mut compressor = Compressor::new(compression, 100);
    let mut writer = PackWriter::new(&RealDisk::shared(), store.path().to_owned(), kind)?;
    for object in objects {
        writer.put(object_id(kind, object), object, &mut compressor)?;
    }
    let sealed = writer.seal(&mut compressor)?;
    Ok((path(store.path(), sealed.pack.id, kind), sealed))
}

fn open(path: &Path, id: FileId) -> Result<Footer> {
    let file = File::open(path).map_err(crate::Error::io("open", path))?;
    read_footer(path, &file, id, PackKind::Data)
}

/// The objects of a frame as they lie in the file.
fn unpack(path: &Path, footer: &Footer, frame: &FramePlace) -> Option<Vec<Vec<u8>>> {
    let file = File::open(path).ok()?;
    let start = u64::from(frame.offset) + frame.header.payload_offset();
    let mut payload = vec![0; frame.header.stored_bytes as usize];
    file.read_exact_at(&mut payload, start).ok()?;
    let mut plain = Vec::new();
    let mut unpacker = Decompressor::default();
    unpacker.unpack(&frame.header, &payload, &mut plain).ok()?;
    let first = frame.first_entry as usize;
    let mut rest = &plain[..];
    let mut objects = Vec::new();
    for object in &footer.objects[first..first + frame.header.entries as usize] {
        let (bytes, after) = rest.split_at(object.len_bytes as usize);
        if object_id(PackKind::Data, bytes) != object.id {
            return None;
        }
        objects.push(bytes.to_vec());
        rest = after;
    }
    Some(objects)
}

fn objects() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let text = (0..20_000usize, any::<u8>()).prop_map(|(len, seed)| {
        let line = format!("line {seed} of a file that repeats itself\n");
        line.bytes().cycle().take(len).collect()
    });
    let noise = (1..300_000usize, any::<u64>()).prop_map(|(len, seed)| {
        let mut random = fastrand::Rng::with_seed(seed);
        (0..len).map(|_| random.u8(..)).collect()
    });
    prop::collection::vec(prop_oneof![3 => text, 1 => noise], 1..40)
}

fn compressions() -> impl Strategy<Value = Compression> {
    prop_oneof![
        Just(Compression::None),
        Just(Compression::Lz4),
        Just(Compression::Zstd(1)),
        Just(Compression::Zstd(-3)),
    ]
}

proptest! {
    #![proptest_config(cases(8))]

    /// Goal: every object comes out as it went in, by the footer and, without it, frame by frame.
    #[test]
    fn objects_come_out_as_they_went_in(objects in objects(), compression in compressions()) {
        let store = store();
        let (path, sealed) = write(&store, &objects, compression).unwrap();
        let footer = open(&path, sealed.pack.id).unwrap();
        prop_assert_eq!(check_pack(&fs::read(&path).unwrap()), Ok(()));
        prop_assert_eq!(footer.pack, sealed.pack);
        prop_assert_eq!(&footer.objects, &sealed.objects);
        let unpacked = footer.frames.iter().map(|frame| unpack(&path, &footer, frame).unwrap());
        let mut unpacked: Vec<_> = unpacked.flatten().collect();
        let mut expected = objects.clone();
        unpacked.sort();
        expected.sort();
        prop_assert_eq!(unpacked, expected);
        let found = scanned(&fs::read(&path).unwrap()).frames;
        prop_assert!(found.iter().map(|it| it.0).eq(footer.frames.iter().map(|it| it.header)));
        let found: Vec<_> = found.into_iter().flat_map(|it| it.1).collect();
        prop_assert_eq!(found, footer.objects);
        if compression == Compression::None {
            prop_assert!(footer.pack.file_bytes >= footer.pack.plain_bytes);
        }
        prop_assert_eq!(fs::read_dir(store.path().join("tmp")).unwrap().count(), 0);
    }
}

/// Goal: a flipped bit anywhere is seen by the footer, by the frame's table, or by an id; and never leads to a panic.
#[test]
fn every_flipped_bit_shows() {
    let store = store();
    let objects: Vec<Vec<u8>> = (0..40u8)
        .map(|number| vec![number; 50 + usize::from(number)])
        .collect();
    let (path, sealed) = write(&store, &objects, Compression::Zstd(1)).unwrap();
    let bytes = fs::read(&path).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(
            check_pack(&flipped).is_err(),
            "bit {bit} of byte {}",
            bit / 8
        );
    }
    fs::write(&path, [&bytes[..], b" "].concat()).unwrap();
    assert!(open(&path, sealed.pack.id).is_err());
}

/// Goal: a pack that was cut is no pack, and gives what is whole in it.
#[test]
fn a_pack_that_was_cut_gives_its_whole_frames() {
    let store = store();
    let mut random = fastrand::Rng::with_seed(1);
    let objects: Vec<Vec<u8>> = (0..6)
        .map(|_| (0..100_000).map(|_| random.u8(..)).collect())
        .collect();
    let (path, sealed) = write(&store, &objects, Compression::Zstd(1)).unwrap();
    let footer = open(&path, sealed.pack.id).unwrap();
    let ends: Vec<_> = footer
        .frames
        .iter()
        .map(|it| u64::from(it.offset) + it.header.len_bytes())
        .collect();
    let bytes = fs::read(&path).unwrap();
    for len in (0..bytes.len() as u64).step_by(9973).chain(ends.clone()) {
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(len)
            .unwrap();
        assert!(open(&path, sealed.pack.id).is_err());
        assert_eq!(
            scanned(&bytes[..len as usize]).frames.len(),
            ends.iter().filter(|&&end| end <= len).count(),
            "{len} bytes"
        );
        fs::write(&path, &bytes).unwrap();
    }
}

/// Goal: nothing that can be packed is taken for a claim that nobody could have made.
#[test]
fn what_shrinks_most_is_plausible() {
    for compression in [-5, 1, 3, 9, 19]
        .map(Compression::Zstd)
        .into_iter()
        .chain([Compression::Lz4])
    {
        for len in [2_000, 131_072, 131_073, 4 << 20] {
            let zeros = vec![0; len];
            let mut compressor = Compressor::new(compression, 0);
            let (mut frame, mut bytes) = (OpenFrame::default(), Vec::new());
            frame.push(object_id(PackKind::Data, &zeros), &zeros);
            let header = frame.seal(Some(&mut compressor), &mut bytes, &mut Vec::new());
            assert!(header.is_plausible(), "{compression:?}: {header:?}");
        }
    }
    let claim = FrameHeader {
        codec: Codec::Zstd,
        entries: 1,
        plain_bytes: u32::MAX,
        stored_bytes: 1000,
        payload_checksum: 0,
    };
    assert!(!claim.is_plausible());
}

/// Goal: what cannot be compressed is not tried, and stored as it is; text is, also where no word is twice in it.
#[test]
fn a_probe_tells_noise_from_text() {
    let mut random = fastrand::Rng::with_seed(7);
    let noise: Vec<u8> = (0..65_536).map(|_| random.u8(..)).collect();
    let digits: Vec<u8> = (0..65_536).map(|_| random.u8(b'0'..=b'9')).collect();
    let mut compressor = Compressor::new(Compression::Zstd(1), 0);
    assert!(!compressor.is_promising(&noise));
    assert!(compressor.is_promising(&digits));
    assert!(!Compressor::new(Compression::None, 0).is_promising(&digits));
}
