//! Segments and manifests that are not what was written: never a panic, and nothing wrong that is not found.

use std::fs::File;

use proptest::prelude::*;
use tamis_engine::mmap::install_fault_handler;

use super::*;
use crate::codec::checksum;
use crate::index::layout::{HEADER_BYTES, Layout, TRAILER_BYTES};
use crate::index::region::{Access, Region};
use crate::testing::cases;

/// The bytes of a segment of 400 entries in three packs.
fn image() -> Vec<u8> {
    let store = store();
    let ids = |range: std::ops::Range<u32>| range.map(id).collect::<Vec<_>>();
    let path = write(&[ids(0..200), ids(150..390), ids(390..400)], store.path());
    fs::read(path).expect("it was just written")
}

fn open(bytes: &[u8]) -> Result<Segment> {
    Segment::of_region(Region::of_memory(Path::new("image"), bytes))
}

fn layout(bytes: &[u8]) -> Layout {
    let header = &bytes[..HEADER_BYTES as usize];
    Layout::decode(header, bytes.len() as u64, Path::new("image")).expect("it is whole")
}

/// Makes both checksums fit the bytes.
fn vouch(bytes: &mut [u8]) {
    let start_of_fan_out = match Layout::decode(&bytes[..64], bytes.len() as u64, Path::new("")) {
        Ok(layout) => layout.fan_out as usize,
        Err(_) => return,
    };
    let head = [&bytes[..56], &bytes[64..start_of_fan_out]].concat();
    bytes[56..64].copy_from_slice(&checksum(&head).to_le_bytes());
    let (content, trailer) = bytes.split_at_mut(bytes.len() - TRAILER_BYTES as usize);
    trailer.copy_from_slice(&FileId::of(content).0);
}

#[test]
fn a_segment_that_was_cut_does_not_open() {
    let bytes = image();
    open(&bytes).expect("it is whole");
    for len in (0..bytes.len()).filter(|len| *len < 400 || len % 13 == 0) {
        open(&bytes[..len]).expect_err("it is cut");
    }
    open(&[&bytes[..], &[0]].concat()).expect_err("it is too long");
}

#[test]
fn every_flipped_bit_is_noticed() {
    let bytes = image();
    for position in (0..bytes.len()).filter(|position| *position < 300 || position % 5 == 0) {
        let mut damaged = bytes.clone();
        damaged[position] ^= 1 << (position % 8);
        if let Ok(segment) = open(&damaged) {
            for number in (0..450).step_by(50) {
                // A wrong place is found by who reads the pack; an error names the damage.
                let _ = segment.find(&id(number));
            }
            segment.verify().expect_err("a bit was flipped");
        }
        check_segment(&damaged).expect_err("a bit was flipped");
    }
}

#[test]
fn a_right_hash_does_not_vouch_for_sense() {
    let bytes = image();
    let layout = layout(&bytes);
    // Prefixes are little-endian: behind are the bytes that order them. An entry of 0 is inside of its pack, so that only a
    // reader of the pack could know better.
    let last_bucket = layout.fan_out + 4 * layout.bucket_count();
    let edits = [
        ("fan-out", layout.fan_out + 8, 0),
        ("fan-out", layout.fan_out + 8, 0xff),
        ("last of the fan-out", last_bucket, 0),
        ("last of the fan-out", last_bucket, 0xff),
        ("prefix", layout.prefixes + 8 * 100 + 4, 0),
        ("prefix", layout.prefixes + 8 * 100 + 4, 0xff),
        ("last prefix", layout.prefixes + 8 * 399 + 4, 0),
        ("pack of a place", layout.slots + 8 * 100, 0xff),
        ("entry of a place", layout.slots + 8 * 100 + 4, 0xff),
    ];
    for (part, byte_offset, fill) in edits {
        let mut crafted = bytes.clone();
        crafted[byte_offset as usize..][..4].fill(fill);
        vouch(&mut crafted);
        let segment = open(&crafted).expect("its header is fine");
        segment.verify_hash().expect("the hash is right");
        segment.verify().expect_err(part);
        check_segment(&crafted).expect_err(part);
        (0..400).for_each(|number| drop(segment.find(&id(number))));
    }
    let mut crafted = bytes;
    crafted[layout.filter as usize..layout.trailer as usize].fill(0);
    vouch(&mut crafted);
    check_segment(&crafted).expect_err("the filter lets nothing through");
}

#[test]
fn claimed_sizes_reserve_nothing() {
    let bytes = image();
    for field in [16, 24, 32] {
        for claim in [1 << 8, 1 << 31, u32::MAX] {
            let mut crafted = bytes.clone();
            crafted[field..field + 4].copy_from_slice(&claim.to_le_bytes());
            open(&crafted).expect_err("the file is not as long as that");
        }
    }
    let mut newer = bytes;
    newer[8] = 2;
    let error = open(&newer).expect_err("its version is not known");
    assert!(matches!(error, Error::Version { found: 2, .. }), "{error}");
}

#[test]
fn a_file_that_shrinks_while_it_is_open_is_an_error() {
    install_fault_handler().expect("the handler can be installed");
    for access in [Access::Mapped, Access::Read] {
        let store = store();
        let path = write(&[(0..10_000).map(id).collect()], store.path());
        let segment = Segment::open_with(&path, access).expect("it was just written");
        let file = File::options()
            .write(true)
            .open(&path)
            .expect("it is there");
        file.set_len(4096).expect("files can shrink");
        for number in 0..100 {
            let error = segment.find(&id(number)).expect_err("its end is gone");
            assert!(matches!(error, Error::Damaged { .. }), "{error}");
        }
        segment.verify().expect_err("its end is gone");
        let last = segment.entries().last().expect("there is an answer");
        last.expect_err("its end is gone");
    }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn nothing_that_can_be_written_panics(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        vouched: bool,
    ) {
        let mut bytes = image();
        for (position, value) in edits {
            let position = position.index(bytes.len());
            bytes[position] = value;
        }
        if vouched {
            vouch(&mut bytes);
        }
        let _ = check_segment(&bytes);
    }

    #[test]
    fn noise_is_no_segment(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        prop_assert!(check_segment(&bytes).is_err());
        prop_assert!(Manifest::decode(&bytes, Path::new("manifest")).is_err());
    }
}

#[test]
fn a_damaged_manifest_is_noticed() {
    let store = store();
    let manifest = Manifest {
        generation: 7,
        segments: vec![FileId([1; 32]), FileId([2; 32])],
    };
    manifest
        .write(&RealDisk::shared(), store.path())
        .expect("there is room");
    let folder = store.path().join("index");
    assert_eq!(Manifest::read(&folder).expect("it is whole"), manifest);
    let path = folder.join("manifest");
    let bytes = fs::read(&path).expect("it was just written");
    for position in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[position] ^= 1;
        Manifest::decode(&damaged, &path).expect_err("a bit was flipped");
        Manifest::decode(&bytes[..position], &path).expect_err("it is cut");
    }
}

#[test]
fn a_manifest_that_names_a_lost_segment_is_an_error() {
    let store = store();
    let manifest = Manifest {
        generation: 1,
        segments: vec![FileId([1; 32])],
    };
    manifest
        .write(&RealDisk::shared(), store.path())
        .expect("there is room");
    let error = Index::open(store.path()).expect_err("the segment is lost");
    assert!(matches!(error, Error::Io { .. }), "{error}");
}
