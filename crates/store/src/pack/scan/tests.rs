//! What a scan finds in what is left of a pack, and what it costs.

use std::cell::Cell;

use super::*;
use crate::index::PackKind;
use crate::pack::frame::OpenFrame;
use crate::pack::object_id;

/// Length of the head of a frame of one object.
const HEAD_BYTES: usize = HEADER_BYTES + ENTRY_BYTES;

/// What a scan came upon.
#[derive(Default)]
pub(in crate::pack) struct Scanned {
    /// Headers and tables of frames whose payload is sound, too.
    pub(in crate::pack) frames: Vec<(FrameHeader, Vec<PackedObject>)>,
    /// How many bytes were read.
    read_bytes: u64,
}

/// Goes through bytes as if they were a pack.
pub(in crate::pack) fn scanned(bytes: &[u8]) -> Scanned {
    let pack = Counted {
        bytes,
        read_bytes: Cell::new(0),
    };
    let mut frames = Vec::new();
    scan(
        &pack,
        bytes.len() as u64,
        &mut |header, objects, payload| {
            if header.is_payload(payload) {
                frames.push((*header, objects.to_vec()));
            }
            Ok(())
        },
    )
    .unwrap();
    Scanned {
        frames,
        read_bytes: pack.read_bytes.get(),
    }
}

/// Bytes in the place of a file, that knows how much was read of it.
struct Counted<'b> {
    bytes: &'b [u8],
    read_bytes: Cell<u64>,
}

impl FileExt for Counted<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        let rest = &self.bytes[self.bytes.len().min(offset as usize)..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.read_bytes.set(self.read_bytes.get() + count as u64);
        Ok(count)
    }

    fn write_at(&self, _: &[u8], _: u64) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::ReadOnlyFilesystem.into())
    }
}

/// The bytes of a frame of one object.
fn frame_of(object: &[u8]) -> Vec<u8> {
    let (mut frame, mut bytes) = (OpenFrame::default(), Vec::new());
    frame.push(object_id(PackKind::Data, object), object);
    frame.seal(None, &mut bytes, &mut Vec::new());
    bytes
}

/// Words that look like heads of frames, as close to each other as they can be; the table of each is all that follows.
fn nested_heads(len: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < len {
        let entries = (len - bytes.len()) / ENTRY_BYTES;
        bytes.extend(b"FRAM\x01\0\0\0");
        bytes.extend((entries as u32).to_le_bytes());
        bytes.extend((2u32 << 20).to_le_bytes());
        bytes.extend(1000u32.to_le_bytes());
    }
    bytes
}

/// Heads that are sound; the payload of each is all that follows, and no checksum is that of it.
fn nested_frames(len: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() + HEAD_BYTES < len {
        let mut head = frame_of(&vec![7; len - bytes.len() - HEAD_BYTES]);
        head.truncate(HEAD_BYTES);
        bytes.extend(head);
    }
    bytes
}

/// Goal: what looks like frames in frames, each as long as all that follows, does not make a scan read it all for each of them; and
/// what is behind it is found nevertheless.
#[test]
fn frames_that_claim_all_that_follows_cost_no_more_than_others() {
    let sound: Vec<_> = (0..8u8).map(|it| frame_of(&[it; 60_000])).collect();
    for hostile in [nested_heads(300_000), nested_frames(300_000)] {
        let front = [&sound[0][..], &hostile, &sound[1..].concat()].concat();
        let found = scanned(&front);
        assert!(
            found.frames.len() >= sound.len() - 1,
            "{}",
            found.frames.len()
        );
        let times = found.read_bytes / front.len() as u64;
        assert!(times <= 7, "each byte was read {times} times");
    }
}

/// Goal: a frame that was cut and says that it reaches into others hides none of them: so it is where a pack was stored as a file, and
/// the frame around it is damaged.
#[test]
fn a_frame_that_was_cut_hides_none_behind_it() {
    let inner = frame_of(&[3; 90_000]);
    let next: Vec<_> = (4..9u8).map(|it| frame_of(&[it; 20_000])).collect();
    let bytes = [&inner[..50_000], &next.concat()].concat();
    assert_eq!(scanned(&bytes).frames.len(), next.len());
}

/// Goal: words of frames in data, and bytes between frames, keep none from being found.
#[test]
fn what_is_in_the_way_of_a_scan_is_passed_over() {
    let mut bytes = b"FRAM FRAM and no frame".to_vec();
    for number in 0..300 {
        bytes.extend(frame_of(
            format!("an object FRAM {number}").repeat(200).as_bytes(),
        ));
        bytes.extend(b"FRA".repeat(number % 5));
    }
    let found = scanned(&bytes[..bytes.len() - 40]).frames;
    assert!(found.iter().all(|(_, objects)| objects.len() == 1));
    assert_eq!(found.len(), 299);
}
